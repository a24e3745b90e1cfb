//! Mock parties: every fault shows, and shows nowhere without it; every check that can be skipped is skipped.

use chukei_forge::{
    raw::{self, Element},
    seal::SealSpec,
};
use chukei_idwsf::Checks;
use chukei_profile::{
    Purpose, Scheme,
    history::{History, Range},
    linkage::Item,
};
use chukei_reason::Reason;
use chukei_relay::{
    Ask, Commitment, Outgoing, PeerAnswer, Person, Reply, Request, Step,
    faults::{Fault, Faults},
};
use chukei_xml::{
    lexical::{DateTime, encode_base64},
    ns,
};

use crate::{login::Desk, world::*};

/// Who has the fault.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Relay,
    Responder,
    Requester,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn tree(bytes: &[u8]) -> Element {
    raw::parse(&text(bytes)).unwrap()
}

/// What the relay answers to a mapping request, and the envelope in it.
fn mapped(world: &World, ask: &Ask) -> (String, Option<Element>) {
    let clean = World::new();
    let sent = clean.map(std::slice::from_ref(ask));
    let reply = reply(world.relay.handle(&request(&sent, A), NOW));
    let envelope = tree(&reply.body).get(IN_ANSWER).cloned();
    (text(&reply.body), envelope)
}

/// What B does about a sound query, whatever the others of its world do.
fn asked(world: &World, items: &[Item], person: usize) -> (Step<chukei_relay::Disclosing>, World) {
    let clean = World::new();
    let sent = clean.a.query(clean.envelope(&ask(person)), items, None, NOW).unwrap();
    (world.b.handle(&request(&sent, A), NOW), clean)
}

/// What B answers, and the notice that it has sent.
fn answered(world: &World, items: &[Item], person: usize) -> (Reply, Option<String>) {
    match asked(world, items, person) {
        (Step::Reply(reply), _) => (reply, None),
        (Step::DangerReplyThenSend(reply, notice), _) => (reply, Some(text(&notice.body))),
        (Step::Send(notice), clean) => {
            let receipt = clean.relay(&notice, B);
            let body = text(&notice.body);
            (world.b.complete(notice.pending, Some(&answer(&receipt)), NOW), Some(body))
        }
    }
}

pub fn told(world: &World, items: &[Item], person: usize) -> String {
    text(&answered(world, items, person).0.body)
}

/// What B answers to a query that was changed under a sound signature.
fn refusal(world: &World, signer: &str, change: impl FnOnce(&mut Element)) -> (u16, String) {
    let clean = World::new();
    let sent = clean.query();
    let body = resigned(&sent.body, signer, change);
    let reply = reply(world.b.handle(&request(&with_body(&sent, body), A), NOW));
    (reply.status, text(&reply.body))
}

/// The query that A sends with a sound envelope.
fn query(world: &World) -> (Outgoing<chukei_relay::Asking>, String) {
    let clean = World::new();
    let envelope = clean.envelope(&ask(0));
    let form = text(&envelope.document().write());
    (world.a.query(envelope, &Item::ALL, None, NOW).unwrap(), form)
}

fn history(world: &World) -> String {
    text(&history_in(world, Range::default()).1)
}

/// This part of the history, and the answer that has it.
fn history_in(world: &World, range: Range) -> (History, Vec<u8>) {
    let known = number(Scheme::CareInsured, CARE[0]).into();
    let sent = world.portal.history(A, &known, range, NOW).unwrap();
    let told = world.relay(&sent, PORTAL);
    let taken = world.portal.take_history(sent.pending, &answer(&told), NOW).unwrap();
    (taken, told.body)
}

/// Whether a world shows this deviation.
fn shows(fault: Fault, world: &World) -> bool {
    let ask0 = ask(0);
    let relay_says = || mapped(world, &ask0).0;
    let envelope = || mapped(world, &ask0).1.unwrap();
    let with_strangers = [
        ask(0),
        Ask { req_id: "nobody".into(), whom: number(Scheme::CareInsured, "0000999999").into(), ..ask(0) },
    ];
    let statuses = || {
        let sent = World::new().map(&with_strangers);
        text(&reply(world.relay.handle(&request(&sent, A), NOW)).body)
    };
    let wrong_to = |root: &mut Element| root.find_mut("soap:Header/wsa:To").set_content("urn:canary:to");
    match fault {
        Fault::RemembersMappingsOnly | Fault::ChecksMappingsOnly => {
            crate::messages::only_mappings(fault, world)
        }
        Fault::OmitsRelatesTo => !relay_says().contains("wsa:RelatesTo"),
        Fault::LeavesHeaderUnsigned => !relay_says().contains("URI=\"#_message\""),
        Fault::ReusesMessageId => {
            let id = || tree(relay_says().as_bytes()).find("soap:Header/wsa:MessageID").content();
            id() == id()
        }
        Fault::LongTimestamp | Fault::FutureTimestamp => {
            let stamp = tree(relay_says().as_bytes()).find("soap:Header/wsse:Security/wsu:Timestamp").clone();
            let time = |name| stamp.find(name).content();
            (time("wsu:Created"), time("wsu:Expires"))
                != ("2026-07-01T00:00:00Z".to_owned(), "2026-07-01T00:02:00Z".to_owned())
        }
        Fault::FaultAsSuccess => refusal(world, A, wrong_to).0 == 200,
        Fault::EchoesInFaults => refusal(world, A, wrong_to).1.contains("urn:canary:to"),
        Fault::OmitsFaultStatus => !refusal(world, A, wrong_to).1.contains("lu:Status"),
        Fault::TellsAuthApart => {
            let sender = |root: &mut Element| root.find_mut("soap:Header/sb:Sender").set("providerID", D);
            refusal(world, D, |_| {}).1 != refusal(world, A, sender).1
        }
        Fault::TellsAuthByStatus => {
            let value = |root: &mut Element| {
                root.find_mut("soap:Header/wsse:Security/ds:Signature/ds:SignatureValue").set_content("AAAA");
            };
            let clean = World::new();
            let sent = clean.query();
            let mut root = tree(&sent.body);
            value(&mut root);
            let sent = with_body(&sent, root.write().into_bytes());
            reply(world.b.handle(&request(&sent, A), NOW)).status == 400
        }
        Fault::LeaksByErrorText => {
            let sealed_for = |entity| {
                let name = Element::declared(ns::SAML, "NameID").text("x");
                let spec = SealSpec::encrypted_id(&name, decryption_key(entity).public_key());
                let change = |e: &mut Element| drop(e.replace("saml:Subject/saml:EncryptedID", spec.seal()));
                refusal(world, A, |root| reissue(root, RELAY, change)).1
            };
            sealed_for(B) != sealed_for(C)
        }
        Fault::OmitsInput => !statuses().contains("\"nobody\""),
        Fault::InventsPerson => statuses().contains("reqRef=\"nobody\""),
        Fault::TransientFallback => mapped(world, &ask(2)).1.is_some(),
        Fault::CountsEveryTarget => {
            // The first person has a number with C too, which A has no agreement with any more.
            let mut agreements = chukei_relay::memory::MemoryAgreements::default();
            agreements.pairs = [(A.to_owned(), B.to_owned(), PURPOSE)].into();
            let other = number(Scheme::MedicalInsured, "港いろは９９");
            world.mappings.add(Person(1), C, other, NOW, later(60)).unwrap();
            let mut world = World { relay: world.relay.clone(), ..World::new() };
            world.relay.agreements = std::sync::Arc::new(agreements);
            mapped(&world, &Ask { target: None, ..ask(0) }).1.is_none()
        }
        Fault::OkDespiteFailure => statuses().contains("code=\"OK\""),
        Fault::UnreachableAsNotMember => {
            world.agreements.set_in_service(B, false).unwrap();
            relay_says().contains("NotMember")
        }
        Fault::SkipsMappingLog => {
            relay_says();
            world.log.all().unwrap().is_empty()
        }
        Fault::UnsignedEnvelope => envelope().get("ds:Signature").is_none(),
        Fault::TellsNumber => relay_says().contains(MEDICAL[0]),
        Fault::ReusesContentKey | Fault::AlwaysSameEnvelope => {
            let (one, two) = (envelope(), envelope());
            let key = |e: &Element| e.find("//xenc:EncryptedKey").clone();
            let same_id = one.value("ID") == two.value("ID");
            key(&one) == key(&two) && same_id == (fault == Fault::AlwaysSameEnvelope)
        }
        Fault::NoPadding | Fault::PadsToNext => {
            let (short, long) = (number(Scheme::CareInsured, "0000123477"), "&".repeat(64));
            let numbers = [(A, short.clone()), (B, number(Scheme::MedicalInsured, &long))];
            for (party, own) in numbers {
                world.mappings.add(Person(7), party, own, NOW, later(60)).unwrap();
            }
            let size = |ask| mapped(world, &ask).1.unwrap().write().len();
            size(ask(0)) != size(Ask { whom: short.into(), ..ask(0) })
        }
        Fault::WrongAudience => envelope().find("//saml:Audience").content() != B,
        Fault::NoHolderKey => envelope().get("//saml:SubjectConfirmationData/ds:KeyInfo").is_none(),
        Fault::LongEnvelope => {
            envelope().find("saml:Conditions").value("NotOnOrAfter") != Some("2026-07-01T00:05:00Z")
        }
        Fault::NoOneTimeUse => envelope().get("//saml:OneTimeUse").is_none(),
        Fault::UnboundEnvelope => !envelope().write().contains("attribute:request"),
        Fault::MisqualifiedNumber => refused_by_target(world) == Some(Reason::NameId),
        Fault::SealsForRequester => refused_by_target(world) == Some(Reason::Decrypt),
        Fault::ReordersEnvelope => {
            let form = envelope().write();
            form.find("attribute:version") < form.find("attribute:purpose")
        }
        Fault::LinkableIdentifier => {
            let id = || envelope().value("ID").unwrap()[..17].to_owned();
            id() == id()
        }
        Fault::LogsAgreedOnly => {
            world.relay(&world.map(&[Ask { target: Some(D.to_owned()), ..ask(0) }]), A);
            !history(world).contains("Forbidden")
        }
        Fault::LinkableEnvelope => envelope().write().contains("attribute:trace"),
        Fault::LosesNotices
        | Fault::RecordsRefusedNotices
        | Fault::RecordsNoticesAgain
        | Fault::MisstatesTimes
        | Fault::RecordsForeignNotices => crate::notices::shows(fault, world),
        Fault::HidesRefusals => {
            world.relay(&world.map(&[Ask { target: Some(D.to_owned()), ..ask(0) }]), A);
            !history(world).contains("Forbidden")
        }
        Fault::RefusesNobody => {
            let nobody = number(Scheme::CareInsured, "0000999999").into();
            let sent = world.portal.history(A, &nobody, Range::default(), NOW).unwrap();
            world.refused_by_relay(&sent, PORTAL).is_some()
        }
        Fault::MisstatesHistory => history(world).contains(Purpose::EligibilityCheck.uri()),
        Fault::TellsNumberInHistory => history(world).contains(CARE[0]),
        Fault::IgnoresRange | Fault::CountsListed => {
            history(world);
            let (part, _) = history_in(world, Range { limit: 1, ..Range::default() });
            if fault == Fault::IgnoresRange { part.entries.len() == 2 } else { part.total == 1 }
        }
        Fault::IgnoresFrom => {
            let from = DateTime::parse("2999-01-01T00:00:00Z");
            history_in(world, Range { from, ..Range::default() }).0.total == 1
        }
        Fault::AltersRelayedQuery | Fault::AltersRelayedAnswer => {
            let via = Ask { via_relay: true, ..ask(0) };
            let sent = world.a.query_via_relay(world.envelope(&via), &Item::ALL, None, NOW).unwrap();
            let Step::Send(forwarded) = world.relay.handle(&request(&sent, A), NOW) else {
                panic!("forwarded")
            };
            if fault == Fault::AltersRelayedQuery {
                return text(&forwarded.body).contains("asOf=");
            }
            let told = world.answer_of_b(&forwarded, RELAY);
            let back = world.relay.resume(forwarded.pending, Some(&answer(&told)), NOW);
            !text(&back.body).contains("ck:Benefit")
        }
        Fault::SkipsRelayedLog => {
            let via = Ask { via_relay: true, ..ask(0) };
            let sent = world.a.query_via_relay(world.envelope(&via), &Item::ALL, None, NOW).unwrap();
            let Step::Send(forwarded) = world.relay.handle(&request(&sent, A), NOW) else {
                panic!("forwarded")
            };
            world.relay.resume(forwarded.pending, None, NOW);
            world.log.all().unwrap().len() == 1
        }
        Fault::FoldsNumber => told(world, &Item::ALL, 0).contains("12000"),
        Fault::AnswersForAnotherPerson => told(world, &Item::ALL, 0).contains("12000"),
        Fault::MixesUpEligibility
        | Fault::AnswersOnePeriod
        | Fault::MisstatesRecorded
        | Fault::NamesAnotherInsurer
        | Fault::RenamesBenefits => crate::telling::shows(fault, world),
        Fault::EchoesNumber => told(world, &Item::ALL, 0).contains(MEDICAL[0]),
        Fault::TellsName => told(world, &Item::ALL, 0).contains(NAMES[0]),
        Fault::AddsItems => told(world, &[Item::Eligibility], 0).contains("ck:Benefit"),
        Fault::OmitsAsOf => !told(world, &Item::ALL, 0).contains("asOf"),
        Fault::FaultForNoData => {
            let empty = std::sync::Arc::new(chukei_relay::memory::MemoryRecords::default());
            let without = chukei_relay::Responder { records: empty, ..world.b.clone() };
            let (step, clean) = {
                let clean = World::new();
                let sent = clean.query();
                (without.handle(&request(&sent, A), NOW), clean)
            };
            let Step::Send(notice) = step else { panic!("a notice") };
            let receipt = clean.relay(&notice, B);
            without.complete(notice.pending, Some(&answer(&receipt)), NOW).status == 500
        }
        Fault::DisclosesAfterAnswer => {
            matches!(asked(world, &Item::ALL, 0).0, Step::DangerReplyThenSend(reply, _) if reply.status == 200)
        }
        Fault::SkipsDisclosure => {
            matches!(asked(world, &Item::ALL, 0).0, Step::Reply(reply) if reply.status == 200)
        }
        Fault::WrongNotice => !answered(world, &Item::ALL, 0).1.unwrap().contains(A),
        Fault::IgnoresMissingReceipt => {
            let (Step::Send(notice), _) = asked(world, &Item::ALL, 0) else { panic!("a notice") };
            world.b.complete(notice.pending, None, NOW).status == 200
        }
        Fault::NotifiesRefusals => {
            let clean = World::new();
            let sent = clean.query();
            let body = resigned(&sent.body, A, |root| {
                reissue(root, RELAY, |e| drop(e.remove("saml:Conditions/saml:OneTimeUse")));
            });
            let sent = with_body(&sent, body);
            match world.b.handle(&request(&sent, A), NOW) {
                Step::Send(notice) => world.b.complete(notice.pending, None, NOW).refusal.is_some(),
                _ => false,
            }
        }
        Fault::AltersEnvelope => {
            let (sent, form) = query(world);
            let inner = form.split("<saml:Issuer>").nth(1).unwrap();
            !text(&sent.body).contains(inner)
        }
        Fault::SendsToOther => query(world).0.to != B,
        Fault::ChangesPurpose => {
            let sent = tree(&query(world).0.body);
            sent.find("soap:Header/sb:UsageDirective/ck:Purpose").content() != PURPOSE.uri()
        }
        Fault::TellsForeignNumber => text(&world.map(&[ask(0)]).body).contains(MEDICAL[0]),
        Fault::SameChallenge
        | Fault::InventsLogin
        | Fault::LongSession
        | Fault::HidesContext
        | Fault::SkipsLoginLog
        | Fault::ForgetsLogin
        | Fault::OneRightForLogins
        | Fault::CountsSessions
        | Fault::LogsBadSignaturesOnly
        | Fault::SkipsRefusedLogins
        | Fault::MiscodesLogins
        | Fault::RecordsWithheldLogins
        | Fault::ForgetsForeignSessions
        | Fault::RecordsEndedSessions
        | Fault::CountsChallenges => crate::login::logs_in_wrongly(fault, world),
        Fault::TicketsWithoutCard
        | Fault::SameTicket
        | Fault::CountsTickets
        | Fault::LogsTicket
        | Fault::TellsPresentationsApart
        | Fault::TellsLoginsApart => {
            let mut desk = Desk::new();
            desk.world.relay.party.faults = world.relay.party.faults.clone();
            crate::door::presents_wrongly(fault, &desk)
        }
        Fault::SealsForExpired | Fault::SealsForFirstKey => crate::late::seals(fault, world),
        Fault::OmitsReceipts => receipts(world).is_empty(),
        Fault::ReceiptsForAll => crate::ledger::receipts_of_the_forbidden(world) == 2,
        Fault::ReceiptsBesideGranted => crate::ledger::receipts_beside_granted(world) == 3,
        Fault::PromisesAnother => receipts(world) != receipts(&World::new()),
        Fault::SameReceipt => receipts(world) == [Commitment([0; 32])],
        Fault::MisstatesPurpose | Fault::TellsNumberInLedger => {
            relay_says();
            let entry = world.log.all().unwrap().remove(0);
            entry.purpose != PURPOSE || entry.items.iter().any(|item| item.contains(CARE[0]))
        }
        Fault::OldProof
        | Fault::DropsEntry
        | Fault::AnotherChain
        | Fault::AltersEntry
        | Fault::KeepsBriefly
        | Fault::ForgetsCheckpoints
        | Fault::ForgetsToldCheckpoints
        | Fault::ManyLogs
        | Fault::OldStatus
        | Fault::ShortPeriod
        | Fault::EndedPeriod => panic!("{fault:?} is shown by who proves"),
        Fault::IgnoresWithholding
        | Fault::RecordsRefusedWithholding
        | Fault::WithholdsToUtcMidnight
        | Fault::WithholdsLonger
        | Fault::ShowsWithheldEnvelope
        | Fault::TellsWithheldTime => crate::withholding::shows(fault, world),
        Fault::ForgetsMessages
        | Fault::ForgetsEnvelopes
        | Fault::ForgetsApplications
        | Fault::EternalChallenges
        | Fault::EternalSessions
        | Fault::MapsInUtc
        | Fault::HoldsInUtc
        | Fault::AnswersInUtc => {
            let faulty = if role(fault) == Role::Relay { &world.relay.party } else { &world.b.party };
            crate::late::shows(fault, &faulty.faults)
        }
        Fault::LogsVisibleNumber | Fault::LogsSession => crate::login::logs_in_wrongly(fault, world),
        Fault::LogsName => answered(world, &Item::ALL, 0).0.danger_log.as_deref() == Some(NAMES[0]),
        Fault::LogsNumber => {
            let log = answered(world, &Item::ALL, 0).0.danger_log;
            log.is_some_and(|log| log.contains(MEDICAL[0]))
        }
    }
}

/// The receipt that this relay gives for a mapping.
fn receipts(world: &World) -> Vec<Commitment> {
    let relay = crate::ledger::with_ledger(world.relay.clone());
    let clean = World::new();
    let sent = clean.map(&[ask(0)]);
    crate::ledger::receipts(&reply(relay.handle(&request(&sent, A), NOW)))
}

/// Who has a fault in this test.
fn role(fault: Fault) -> Role {
    let first = fault.sentences()[0];
    match first.split('.').next().unwrap() {
        "privacy" if first.starts_with("privacy.ciphertext") => Role::Relay,
        "privacy" if fault.profile() == Some("relay@1.0") => Role::Relay,
        "linkage" | "privacy" => Role::Responder,
        "requester" => Role::Requester,
        _ if ["envelope.exact-number", "envelope.use.once"].contains(&first) => Role::Responder,
        _ if fault == Fault::TellsLoginsApart => Role::Relay,
        _ if first.starts_with("message.fault") => Role::Responder,
        _ => Role::Relay,
    }
}

#[test]
fn every_fault_shows() {
    // These are shown by who proves; `chukei self-test` sees them.
    let proving = [
        "ledger.entry.kept",
        "ledger.proof.current",
        "ledger.proof.holds",
        "ledger.proof.since",
        "ledger.checkpoint.one-log",
        "ledger.status.current",
        "ledger.status.period",
    ];
    for fault in Fault::ALL.iter().copied().filter(|fault| !proving.contains(&fault.sentences()[0])) {
        assert!(!shows(fault, &World::new()), "{fault:?} without it");
        let mut world = World::new();
        let party = match role(fault) {
            Role::Relay => &mut world.relay.party,
            Role::Responder => &mut world.b.party,
            Role::Requester => &mut world.a.party,
        };
        party.faults = Faults::new([fault]);
        assert!(shows(fault, &world), "{fault:?}");
        assert_eq!(Fault::from_name(fault.name()), Some(fault));
        assert!(!fault.en().is_empty() && !fault.ja().is_empty());
        for id in fault.sentences() {
            assert!(chukei_spec::Index::sentence(id).is_some(), "{id}");
        }
    }
    assert_eq!(Fault::from_name("Nonsense"), None);
}

/// A change, who signs, what is left unsigned.
struct Deviation {
    sentence: &'static str,
    signer: &'static str,
    unsigned: &'static [&'static str],
    change: fn(&mut Element),
}

const fn deviation(sentence: &'static str, change: fn(&mut Element)) -> Deviation {
    Deviation { sentence, signer: A, unsigned: &[], change }
}

const TOKEN: &str = "soap:Header/wsse:Security/wsse:BinarySecurityToken";

/// One query to B for each sentence that it must refuse.
fn deviations() -> Vec<Deviation> {
    vec![
        deviation("message.soap.shape", |root| root.append(".", Element::new("soap:After"))),
        deviation("message.body.one-child", |root| {
            root.append("soap:Body", Element::declared(ns::CK, "Other"))
        }),
        deviation("message.header.understood", |root| {
            let unknown = Element::declared(ns::DI, "Unknown").attribute("soap:mustUnderstand", "1");
            root.append("soap:Header", unknown);
        }),
        deviation("message.header.once", |root| {
            root.duplicate("soap:Header/wsa:To");
            root.find_mut("soap:Header/wsa:To[2]").set("wsu:Id", "_twice");
        }),
        deviation("message.security.for-receiver", |root| {
            let next = "http://schemas.xmlsoap.org/soap/actor/next";
            root.find_mut("soap:Header/wsse:Security").set("soap:actor", next);
        }),
        deviation("message.header.place", |root| {
            let relates = Element::declared(ns::WSA, "RelatesTo").declare(ns::WSU);
            let relates = relates.attribute("wsu:Id", "_relates").text("urn:x:another");
            root.append("soap:Header", relates);
        }),
        deviation("message.framework.version", |root| {
            root.find_mut("soap:Header/sbf:Framework").set("version", "1.1")
        }),
        Deviation {
            sentence: "message.sender.is-signer",
            signer: D,
            unsigned: &[],
            change: |root| root.find_mut(TOKEN).set_content(&encode_base64(certificate(D).der())),
        },
        deviation("message.id.form", |root| root.find_mut("soap:Header/wsa:MessageID").set_content("x")),
        deviation("message.to.is-receiver", |root| root.find_mut("soap:Header/wsa:To").set_content("urn:x")),
        deviation("message.action.agrees", |root| {
            root.find_mut("soap:Header/wsa:Action").set_content("urn:x")
        }),
        deviation("message.reply-to.anonymous", |root| {
            let to = Element::new("wsa:ReplyTo").attribute("wsu:Id", "_reply");
            root.append("soap:Header", to.child(Element::new("wsa:Address").text("urn:x")));
        }),
        deviation("message.timestamp.window", |root| {
            root.find_mut("soap:Header/wsse:Security/wsu:Timestamp/wsu:Expires")
                .set_content("2026-07-02T00:00:00Z");
        }),
        deviation("message.token.certificate", |root| {
            root.append("soap:Header/wsse:Security", Element::new("wsse:UsernameToken"));
        }),
        Deviation { sentence: "message.signature.covers", signer: A, unsigned: &["_to"], change: |_| {} },
        deviation("message.processing-context.none", |root| {
            root.append("soap:Header", Element::new("sb:ProcessingContext").attribute("wsu:Id", "_context"));
        }),
        deviation("message.usage-directive.purpose", |root| {
            drop(root.remove("soap:Header/sb:UsageDirective"))
        }),
        deviation("linkage.query.form", |root| root.duplicate("soap:Body/ck:LinkageQuery/ck:Item")),
        deviation("envelope.present.once", |root| {
            root.append("soap:Header/sb:TargetIdentity", Element::declared(ns::CK, "Other"));
        }),
        deviation("envelope.signature.relay", |root| reissue(root, A, |_| {})),
        deviation("envelope.version.known", |root| reissue(root, RELAY, |e| e.set("Version", "2.1"))),
        deviation("envelope.audience.self", |root| {
            reissue(root, RELAY, |e| e.find_mut("//saml:Audience").set_content(C));
        }),
        deviation("envelope.recipient.self", |root| {
            reissue(root, RELAY, |e| e.find_mut("//saml:SubjectConfirmationData").set("Recipient", C));
        }),
        deviation("envelope.window.current", |root| {
            reissue(root, RELAY, |e| {
                e.find_mut("saml:Conditions").set("NotOnOrAfter", "2026-07-02T00:00:00Z")
            });
        }),
        deviation("envelope.one-time-use.present", |root| {
            reissue(root, RELAY, |e| drop(e.remove("saml:Conditions/saml:OneTimeUse")));
        }),
        deviation("envelope.holder.sender", |root| {
            reissue(root, RELAY, |e| {
                let shown = encode_base64(certificate(D).der());
                e.find_mut("//ds:X509Certificate").set_content(&shown);
            });
        }),
        deviation("envelope.purpose.agrees", |root| {
            reissue(root, RELAY, |e| {
                e.find_mut("//saml:AttributeValue").set_content("urn:chukei:1.0:purpose:history")
            });
        }),
        deviation("relayed.present.listed", |root| {
            root.find_mut("soap:Body/ck:LinkageQuery").set("onBehalfOf", A)
        }),
        deviation("envelope.name-id.qualifiers", |root| {
            let name = Element::declared(ns::SAML, "NameID")
                .attribute("Format", Scheme::MedicalInsured.uri())
                .attribute("SPNameQualifier", C)
                .text(MEDICAL[0]);
            let spec = SealSpec::encrypted_id(&name, decryption_key(B).public_key());
            reissue(root, RELAY, |e| drop(e.replace("saml:Subject/saml:EncryptedID", spec.seal())));
        }),
    ]
}

#[test]
fn every_check_of_b_is_skipped_alone() {
    for Deviation { sentence, signer, unsigned, change } in deviations() {
        let refused = |skipped: &[&str], change: fn(&mut Element)| {
            let mut world = World::new();
            world.b.party.checks = Checks::danger_skipping(skipped.iter().copied());
            let sent = world.query();
            let body = resigned_over(&sent.body, signer, unsigned, change);
            world.refused_by_b(&with_body(&sent, body), A)
        };
        let reason = refused(&[], change);
        assert!(reason.is_some(), "{sentence}");
        // The message of another signer comes over A's TLS, and shows A's envelope.
        let more: &[&str] = if sentence == "message.sender.is-signer" {
            &[
                "message.sender.is-signer",
                "message.sender.is-tls-client",
                "envelope.holder.sender",
                "relayed.present.listed",
            ]
        } else if sentence == "envelope.holder.sender" {
            &["envelope.holder.sender", "relayed.present.listed"]
        } else {
            &[sentence]
        };
        assert_eq!(refused(more, change), None, "{sentence} skipped");
        // The same party still makes its other checks, those inside the verification too.
        let mut world = World::new();
        world.b.party.checks = Checks::danger_skipping([sentence]);
        assert_eq!(world.refused_by_b(&world.query(), A), None, "{sentence}: sound messages pass");
        let sent = world.query();
        let altered = text(&sent.body).replace("<ck:Item>benefits", "<ck:Item>eligibilit");
        let reason = world.refused_by_b(&with_body(&sent, altered.into_bytes()), A);
        assert_eq!(reason, Some(Reason::Digest), "{sentence}");
        if sentence != "envelope.signature.relay" {
            let sent = world.query();
            let body = resigned(&sent.body, A, |root| reissue(root, D, |_| {}));
            let reason = world.refused_by_b(&with_body(&sent, body), A);
            assert_eq!(reason, Some(Reason::Signature), "{sentence}");
        }
    }
}

#[test]
fn replays_tls_clients_and_answers() {
    let mut world = World::new();
    world.b.party.checks = Checks::danger_skipping(["message.id.once", "envelope.use.once"]);
    let sent = world.query();
    assert_eq!(world.refused_by_b(&sent, A), None);
    assert_eq!(world.refused_by_b(&sent, A), None);
    world.b.party.checks = Checks::danger_skipping(["message.sender.is-tls-client"]);
    let sent = world.query();
    assert_eq!(world.refused_by_b(&sent, D), None);

    // A requester that takes what nobody has signed, and faults for answers.
    let mut world = World::new();
    world.a.party.checks = Checks::danger_skipping(["requester.answer.verified"]);
    let sent = world.query();
    let reply = world.answer_of_b(&sent, A);
    let mut root = tree(&reply.body);
    root.remove("soap:Header/wsse:Security/ds:Signature");
    root.find_mut("soap:Body/ck:LinkageAnswer/ck:Benefit").set("amount", "1");
    let forged = root.write();
    let taken = world.a.take_answer(sent.pending, &PeerAnswer { status: 200, body: forged.as_bytes() }, NOW);
    assert_eq!(taken.unwrap().benefits[0].amount, Some(1));

    world.a.party.checks = Checks::danger_skipping(["requester.answer.fault"]);
    let fault = chukei_idwsf::fault(Reason::To);
    let sent = world.query();
    let taken = world.a.take_answer(sent.pending, &PeerAnswer { status: 500, body: &fault.body }, NOW);
    assert!(taken.unwrap().status.is_ok());

    world.a.party.checks = Checks::danger_skipping(["requester.envelope.check", "envelope.signature.relay"]);
    let sent = world.map(&[ask(0)]);
    let reply = world.relay(&sent, A);
    let body = resigned(&reply.body, RELAY, |root| drop(root.remove(&format!("{IN_ANSWER}/ds:Signature"))));
    assert!(world.a.take_mapping(sent.pending, &PeerAnswer { status: 200, body: &body }, NOW).is_ok());
}

#[test]
fn the_relay_skips_checks_too() {
    let status = |skipped: &[&str], ask: &Ask| {
        let mut world = World::new();
        world.relay.party.checks = Checks::danger_skipping(skipped.iter().copied());
        let sent = world.map(std::slice::from_ref(ask));
        text(&world.relay(&sent, A).body)
    };
    let no_agreement = Ask { target: Some(D.to_owned()), ..ask(0) };
    assert!(status(&[], &no_agreement).contains("Forbidden"));
    assert!(status(&["mapping.agreement.pair"], &no_agreement).contains("NotMember"));
    let looped = Ask { target: Some(RELAY.to_owned()), ..ask(0) };
    assert!(status(&[], &looped).contains("Forbidden"));
    assert!(!status(&["mapping.loop.none"], &looped).contains("Forbidden"));
    let mut world = World::new();
    world.relay.party.checks = Checks::danger_skipping(["history.query.portal-only"]);
    let sent =
        world.a.history(A, &number(Scheme::CareInsured, CARE[0]).into(), Range::default(), NOW).unwrap();
    assert_eq!(world.refused_by_relay(&sent, A), None);
    let other = |world: &World| {
        let whom = number(Scheme::CareInsured, CARE[0]).into();
        let sent = world.portal.history(A, &whom, Range::default(), NOW).unwrap();
        let body =
            resigned(&sent.body, PORTAL, |root| root.find_mut("//ck:Purpose").set_content(PURPOSE.uri()));
        world.refused_by_relay(&with_body(&sent, body), PORTAL)
    };
    assert_eq!(other(&world), Some(Reason::Purpose));
    world.relay.party.checks = Checks::danger_skipping(["history.query.purpose"]);
    assert_eq!(other(&world), None);
    let no_client = Request { tls_client: None, ..request(&sent, A) };
    assert!(reply(world.relay.handle(&no_client, NOW)).refusal.is_some());
}

/// What the target finds wrong with an envelope from this relay.
fn refused_by_target(world: &World) -> Option<Reason> {
    let clean = World::new();
    let sent = clean.map(&[ask(0)]);
    let reply = reply(world.relay.handle(&request(&sent, A), NOW));
    let mapped = clean.a.take_mapping(sent.pending, &answer(&reply), NOW).unwrap();
    let envelope = mapped.results.into_iter().next().unwrap().1.unwrap();
    let sent = clean.a.query(envelope, &Item::ALL, None, NOW).unwrap();
    clean.refused_by_b(&sent, A)
}
