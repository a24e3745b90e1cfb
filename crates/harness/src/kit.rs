//! The valid messages of every party of the suite: where each case starts.

use std::sync::Arc;

use chukei_evidence::Person;
use chukei_forge::raw::Element;
use chukei_xml::ns;

use crate::{
    message::{Draft, Envelope, Input, Login, PURPOSE, SCHEME, Way, body},
    seed::Ids,
    world::World,
};

/// The purpose of messages that say nothing else.
pub const USUAL_PURPOSE: &str = "combined-high-cost";
/// The person of messages that say nothing else: the sample of the seeds.
pub const USUAL_PERSON: &str = "seed-sample";

/// Makes valid messages of a moment.
#[derive(Clone)]
pub struct Kit {
    /// The world.
    pub world: Arc<World>,
    /// Where identifiers come from.
    pub ids: Ids,
    /// The time, in seconds since 1970.
    pub now: i64,
    /// URLs of the product's endpoints, by role of the URL.
    pub product: Vec<(String, String)>,
    /// The party that the product plays.
    pub plays: String,
}

impl Kit {
    /// URL of an endpoint of the product.
    #[must_use]
    pub fn url(&self, role: &str) -> String {
        let named = self.product.iter().find(|(name, _)| name == role).or_else(|| self.product.first());
        named.map(|(_, url)| url.clone()).unwrap_or_default()
    }

    /// A person of the world.
    ///
    /// # Panics
    /// When there is none of this name: a mistake of the case's author, or a world of another version.
    #[must_use]
    #[allow(clippy::expect_used, reason = "voids the case")]
    pub fn person(&self, name: &str) -> &Person {
        self.world.public.person(name).expect("a person of this world")
    }

    /// Scheme and number of a person at an insurer.
    ///
    /// # Panics
    /// When the person has none there.
    #[must_use]
    #[allow(clippy::expect_used, reason = "voids the case")]
    pub fn number(&self, person: &str, insurer: &str) -> (String, String) {
        let number = self.person(person).number_at(insurer).expect("a number at this insurer");
        (number.scheme.clone(), number.value.clone())
    }

    /// An envelope with which `requester` may ask the product about a person.
    #[must_use]
    pub fn envelope(&mut self, requester: &str, person: &str) -> Envelope {
        let (scheme, number) = self.number(person, &self.plays);
        let request = self.ids.uuid();
        let purpose = format!("{PURPOSE}{USUAL_PURPOSE}");
        let (world, target) = (Arc::clone(&self.world), self.plays.clone());
        let parties = (requester, target.as_str());
        Envelope::new(&world, &mut self.ids, parties, (&scheme, &number), &purpose, &request)
    }

    /// ④ A query of `insurer-a` to the product, about a person.
    #[must_use]
    pub fn query(&mut self, person: &str, items: &[&str]) -> Draft {
        let envelope = self.envelope("insurer-a", person);
        let mut draft = self.request("insurer-a", "linkage", body::linkage_query(items));
        draft.envelopes = vec![envelope];
        draft.for_purpose(USUAL_PURPOSE)
    }

    /// ① A mapping request of `insurer-a` to the product, about persons who are with `target`.
    #[must_use]
    pub fn mapping(&mut self, persons: &[&str], target: &str) -> Draft {
        let inputs: Vec<Input> =
            persons.iter().zip(1..).map(|(person, n)| self.input(person, target, n)).collect();
        self.request("insurer-a", "mapping", body::mapping_request(&inputs)).for_purpose(USUAL_PURPOSE)
    }

    /// One input about a person of `insurer-a`, numbered `reqID`.
    #[must_use]
    pub fn input(&self, person: &str, target: &str, req_id: u32) -> Input {
        let (scheme, number) = self.number(person, "insurer-a");
        let wanted = self.person(person).number_at(target).map(|number| number.scheme.clone());
        Input {
            req_id: Some(req_id.to_string()),
            wanted: Some(wanted.unwrap_or_else(|| format!("{SCHEME}medical-insured"))),
            target: Some(self.world.entity(target)),
            scheme: Some(scheme),
            owner: Some(self.world.entity("insurer-a")),
            number,
        }
    }

    /// A notice of `from` to the product that it has answered for this envelope.
    #[must_use]
    pub fn notice(&mut self, from: &str, envelope: &str) -> Draft {
        let requester = self.world.entity("insurer-a");
        let notice = body::disclosure_notice(
            (self.now, "answered"),
            envelope,
            &requester,
            USUAL_PURPOSE,
            &["eligibility"],
        );
        self.request(from, "disclosure", notice)
    }

    /// A question of `from` to the product for the history of a person, by the number at an insurer.
    #[must_use]
    pub fn history(&mut self, from: &str, person: &str, owner: &str) -> Draft {
        self.history_part(from, person, owner, &[])
    }

    /// The same for a part of the history: attributes with their values.
    #[must_use]
    pub fn history_part(&mut self, from: &str, person: &str, owner: &str, range: &[(&str, &str)]) -> Draft {
        let (scheme, number) = self.number(person, owner);
        let query = body::history_query(&scheme, &self.world.entity(owner), &number);
        let query = range.iter().fold(query, |query, (name, value)| query.attribute(name, value));
        self.request(from, "history", query).for_purpose("history")
    }

    /// A question of `from` to the product how its ledger stands.
    #[must_use]
    pub fn ledger_status(&mut self, from: &str) -> Draft {
        self.request(from, "history", Element::declared(ns::CK, "LedgerStatusQuery"))
    }

    /// A question of `from` to the product for the proof of such a history, since a checkpoint of this size.
    #[must_use]
    pub fn proof(&mut self, from: &str, person: &str, owner: &str, since: Option<u64>) -> Draft {
        let (scheme, number) = self.number(person, owner);
        let query = body::proof_query(&scheme, &self.world.entity(owner), &number, since);
        self.request(from, "history", query).for_purpose("history")
    }

    /// A request of `from` for a challenge.
    #[must_use]
    pub fn challenge_request(&mut self, from: &str) -> Draft {
        self.request(from, "mapping", Element::declared(ns::CK, "ChallengeRequest"))
    }

    /// The usual login of this way by `from`, with a challenge where it needs one.
    #[must_use]
    pub fn login(&mut self, way: Way, from: &str, challenge: &str) -> Draft {
        let id = self.ids.id();
        let login = Login::new(way, from, id, challenge);
        let empty = Element::declared(ns::CK, "LoginRequest");
        self.request(from, "mapping", empty).logging_in(login)
    }

    /// A request of `from` to an endpoint of the product.
    #[must_use]
    pub fn request(&mut self, from: &str, role: &str, body: Element) -> Draft {
        let ids = self.branch();
        Draft::request(&self.world, ids, self.now, from, &self.url(role), body)
    }

    /// What the suite's party answers to a call of the product that it understands; `None` else.
    #[must_use]
    pub fn reply(&mut self, party: &str, call: &Element) -> Option<Draft> {
        let content = call.get("soap:Body/*").or_else(|| call.elements().last()?.elements().next())?.clone();
        let message_id = text_of(call, "MessageID")?;
        if local(&content.name) == "IdentityMappingRequest" {
            let issued = self.map(&content, call, &message_id);
            let ids = self.branch();
            return Some(Draft::mapping_answer(&self.world, ids, self.now, &message_id, issued));
        }
        let body = match local(&content.name) {
            "ChallengeRequest" => body::challenge(self.now, &hex(self.ids.octets())),
            "LoginRequest" => {
                let session = hex(self.ids.octets());
                body::login_granted(self.now, &session, context(content.elements().next()?))
            }
            "AccessHistoryQuery" => Element::declared(ns::CK, "AccessHistory").attribute("total", "0"),
            "DisclosureNotice" => body::disclosure_receipt(content.value("envelope").unwrap_or_default()),
            "LinkageQuery" => self.answer_query(party, &content, call),
            // ※ As the insurer would have answered the relay.
            "RelayedQuery" => {
                let to = content.value("to").and_then(|entity| self.world.public.entity(entity));
                let to = to.map_or("insurer-b", |to| &to.name).to_owned();
                self.answer_query(&to, find(&content, "LinkageQuery")?, call)
            }
            _ => return None,
        };
        let ids = self.branch();
        Some(Draft::answer(&self.world, ids, self.now, party, &message_id, body))
    }

    /// What the relay answers to a login that it refuses with this status.
    #[must_use]
    pub fn refuse_login(&mut self, call: &Element, code: &str) -> Option<Draft> {
        let (message_id, ids) = (text_of(call, "MessageID")?, self.branch());
        Some(Draft::answer(&self.world, ids, self.now, "relay", &message_id, body::login_refused(code)))
    }

    /// ③ What the relay makes of each input.
    fn map(
        &mut self,
        request: &Element,
        call: &Element,
        message_id: &str,
    ) -> Vec<(String, Result<Envelope, String>)> {
        let purpose = text_of(call, "Purpose").unwrap_or_default();
        let requester = self.plays.clone();
        let world = Arc::clone(&self.world);
        request
            .elements()
            .map(|input| {
                let id = input.value("reqID").unwrap_or_default().to_owned();
                let number = find(input, "NameID").map(Element::content).unwrap_or_default();
                let target = find(input, "NameIDPolicy").and_then(|policy| policy.value("SPNameQualifier"));
                let target =
                    target.and_then(|entity| world.public.entity(entity)).map_or("insurer-b", |p| &p.name);
                let found = world.public.people.iter().find_map(|person| {
                    person.number_at(&requester).filter(|own| own.value == number)?;
                    person.number_at(target)
                });
                let Some(found) = found else { return (id, Err("NotMember".to_owned())) };
                let parties = (requester.as_str(), target);
                let number = (found.scheme.as_str(), found.value.as_str());
                let mut envelope =
                    Envelope::new(&world, &mut self.ids, parties, number, &purpose, message_id);
                envelope.set("request", &format!("{message_id}#{id}"));
                let presenter = find(input, "TokenPolicy").and_then(|policy| policy.value("issueTo"));
                if let Some(relay) = presenter {
                    envelope.list_relay(relay);
                }
                (id, Ok(envelope))
            })
            .collect()
    }

    /// ⑥ The answer of an insurer about the person of the envelope, which it has issued itself as the relay: so it
    /// knows the number without opening anything.
    fn answer_query(&self, party: &str, query: &Element, call: &Element) -> Element {
        let asked: Vec<String> = query.elements().map(Element::content).collect();
        let person = self.sealed_in(call, party).and_then(|number| {
            self.world
                .public
                .people
                .iter()
                .find(|person| person.number_at(party).is_some_and(|own| own.value == number))
        });
        let facts: Vec<Element> = person.map_or_else(Vec::new, |person| self.facts(person, party, &asked));
        body::linkage_answer(if facts.is_empty() { "NoData" } else { "OK" }, facts)
    }

    fn sealed_in(&self, call: &Element, party: &str) -> Option<String> {
        let data = find(call, "EncryptedData")?;
        let values: Vec<&Element> =
            data.descendants().into_iter().filter(|element| local(&element.name) == "CipherValue").collect();
        let key = crate::face::unwrap(&self.world, party, &values.first()?.content())?;
        let sealed = chukei_xml::lexical::decode_base64(&values.get(1)?.content())?;
        let key = chukei_crypto::ContentKey::from_octets(&key).ok()?;
        let plaintext = key.open(&sealed).ok()?;
        let text = std::str::from_utf8(&plaintext).ok()?;
        Some(chukei_forge::raw::parse(text.trim_end()).ok()?.content())
    }

    /// What an insurer holds about a person, as it stands in an answer.
    #[must_use]
    pub fn facts(&self, person: &Person, insurer: &str, items: &[String]) -> Vec<Element> {
        let today = crate::message::time(self.now, 0);
        let today = today.split('T').next().unwrap_or_default();
        let mut facts = Vec::new();
        for item in items {
            for holding in person.holdings_at(insurer, item) {
                let fact = |name: &str| {
                    holding.facts.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
                };
                let with = |element: Element, name: &str, value: Option<&str>| match value {
                    Some(value) => element.attribute(name, value),
                    None => element,
                };
                facts.push(if item == "eligibility" {
                    let scheme = person.number_at(insurer).map_or("", |number| &number.scheme);
                    let recorded = format!("{}T00:00:00Z", fact("recorded").unwrap_or("2026-01-05"));
                    let element = Element::new("ck:Eligibility")
                        .attribute("scheme", scheme)
                        .attribute("insurer", &self.world.entity(insurer));
                    let element = with(with(element, "from", fact("from")), "until", fact("until"));
                    element
                        .attribute("asOf", today)
                        .attribute("recordedAt", &recorded)
                        .attribute("validity", "valid")
                } else {
                    let element = with(Element::new("ck:Benefit"), "kind", fact("kind"));
                    let element = with(with(element, "from", fact("from")), "until", fact("until"));
                    with(element, "amount", fact("amount"))
                });
            }
        }
        facts
    }

    fn branch(&mut self) -> Ids {
        Ids::new(self.ids.seed(), "message")
    }
}

/// The last part of the context that belongs to a way to log in.
fn context(way: &Element) -> &'static str {
    let has_signature = || {
        way.elements()
            .find(|child| local(&child.name) == "Card")
            .map(|card| find(card, "Signature").is_some())
    };
    match (local(&way.name), has_signature()) {
        ("Application", _) => "application",
        ("Response", _) => "challenge",
        ("Ticket", _) => "tls-client",
        (_, None) => "visible-number",
        (_, Some(false)) => "card-without-pin",
        (_, Some(true)) => "card-present",
    }
}

fn hex(octets: [u8; 32]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The first element of this local name, whatever its prefix.
#[must_use]
pub fn find<'e>(root: &'e Element, name: &str) -> Option<&'e Element> {
    root.descendants().into_iter().find(|element| local(&element.name) == name)
}

/// Its text.
#[must_use]
pub fn text_of(root: &Element, name: &str) -> Option<String> {
    find(root, name).map(Element::content)
}

/// The local part of a name.
#[must_use]
pub fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// `ck:` is declared on the elements that carry it as their outermost; this names it for those that do not.
#[must_use]
pub fn ck(local: &str) -> Element {
    Element::declared(ns::CK, local)
}
