//! The parties of the figure, with invented persons. Every test starts here and shows one deviation.

use std::sync::{Arc, OnceLock};

pub use chukei_crypto::test_pki::NOW;
use chukei_crypto::{
    Certificate, KeyKind, PrivateKey, SignatureAlgorithm, UnixTime,
    test_pki::{Ca, LeafSpec, keys},
};
use chukei_forge::{
    raw::{self, Element},
    sign::SignatureSpec,
    wss,
};
use chukei_profile::{
    Date, Identifier, Purpose, Scheme,
    linkage::{Answer, Benefit, Eligibility, Item, Validity},
};
use chukei_reason::Reason;
use chukei_relay::{
    Ask, Asking, Disclosing, Envelope, Mapping, Outgoing, Party, PeerAnswer, Person, Record, Refusal, Relay,
    Reply, Request, Requester, Responder, Step,
    memory::{MemoryAgreements, MemoryLog, MemoryMappings, MemoryRecords, MemoryReplay},
};
use chukei_saml::metadata::{Entity, Federation};
use chukei_xml::lexical::DateTime;
use chukei_xml_security::{KeyUse, Signing};

pub const RELAY: &str = "https://relay.example.test/";
pub const A: &str = "https://insurer-a.example.test/";
pub const B: &str = "https://insurer-b.example.test/";
pub const C: &str = "https://insurer-c.example.test/";
pub const D: &str = "https://insurer-d.example.test/";
pub const PORTAL: &str = "https://portal.example.test/";
pub const STRANGER: &str = "https://stranger.example.test/";
/// Person 1 is insured with A, B and C; person 2 with A and B; person 3 with A alone.
pub const CARE: [&str; 3] = ["0000123456", "0000123457", "H000123458"];
pub const MEDICAL: [&str; 2] = ["港いろは１２３４", "港いろは1234"];
pub const NAMES: [&str; 2] = ["試験太郎", "試験花子"];
pub const PURPOSE: Purpose = Purpose::CombinedHighCost;

/// Keys are made once; everything else is fresh for each test.
struct Keys {
    names: Vec<(&'static str, PrivateKey, Certificate)>,
    decrypt: [(PrivateKey, Certificate); 3],
    /// Of the requester, for which nobody seals anything.
    other: Certificate,
}

fn the_keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let ca = Ca::new("TEST CA");
        let issue = |name: &str, key: &PrivateKey| ca.issue(LeafSpec::new(name, key.public_key()));
        let own = |name: &'static str| {
            let key = PrivateKey::generate(KeyKind::P256).unwrap();
            let certificate = issue(name, &key);
            (name, key, certificate)
        };
        let seal = |number| {
            let key = keys::rsa2048(number);
            let certificate = issue("TEST decryption", &key);
            (key, certificate)
        };
        Keys {
            names: [RELAY, A, B, C, D, PORTAL, STRANGER].map(own).into(),
            decrypt: [seal(1), seal(2), seal(3)],
            other: issue("TEST decryption", &keys::rsa3072()),
        }
    })
}

pub fn key(entity: &str) -> &'static PrivateKey {
    &the_keys().names.iter().find(|(name, ..)| *name == entity).unwrap().1
}

pub fn certificate(entity: &str) -> &'static Certificate {
    &the_keys().names.iter().find(|(name, ..)| *name == entity).unwrap().2
}

pub fn decryption_key(entity: &str) -> &'static PrivateKey {
    &the_keys().decrypt[usize::from(entity == C)].0
}

/// B's next decryption key.
pub fn next_decryption_key() -> (&'static PrivateKey, &'static Certificate) {
    let (key, certificate) = &the_keys().decrypt[2];
    (key, certificate)
}

pub fn endpoint(entity: &str) -> String {
    format!("{entity}soap")
}

pub fn later(seconds: i64) -> UnixTime {
    UnixTime(NOW.0 + seconds)
}

pub fn number(scheme: Scheme, text: &str) -> Identifier {
    Identifier::new(scheme, text).unwrap()
}

pub struct World {
    pub relay: Relay,
    pub log: Arc<MemoryLog>,
    pub agreements: Arc<MemoryAgreements>,
    pub mappings: Arc<MemoryMappings>,
    pub a: Requester,
    pub d: Requester,
    pub portal: Requester,
    pub b: Responder,
    pub c: Responder,
}

fn federation() -> Arc<Federation> {
    federation_with(|_| ())
}

/// Everybody's metadata, changed.
pub fn federation_with(change: impl Fn(&mut Entity)) -> Arc<Federation> {
    let federation_key = PrivateKey::generate(KeyKind::P256).unwrap();
    let signer = federation_key.signer(SignatureAlgorithm::EcdsaSha256).unwrap();
    let mut federation = Federation::new();
    for entity in [RELAY, A, B, C, D, PORTAL] {
        let mut certificates = vec![(KeyUse::Signing, certificate(entity).clone())];
        if [B, C].contains(&entity) {
            certificates.push((KeyUse::Encryption, the_keys().decrypt[usize::from(entity == C)].1.clone()));
        }
        if entity == A {
            certificates.push((KeyUse::Encryption, the_keys().other.clone()));
        }
        let mut written = Entity {
            id: entity.to_owned(),
            valid_until: later(86_400 * 30),
            certificates,
            endpoint: endpoint(entity),
        };
        change(&mut written);
        let bytes = written.write(&Signing::new(&signer)).unwrap();
        let read = Entity::read(&bytes, federation_key.public_key(), NOW).unwrap();
        assert_eq!(read, written);
        federation.add(read).unwrap();
    }
    Arc::new(federation)
}

impl World {
    pub fn new() -> Self {
        let federation = federation();
        let party = |entity: &str| {
            let signer = key(entity).signer(SignatureAlgorithm::EcdsaSha256).unwrap();
            let replay = Arc::new(MemoryReplay::default());
            let certificate = certificate(entity).clone();
            let (signer, federation) = (Arc::new(signer), Arc::clone(&federation));
            Party::new(entity, &endpoint(entity), RELAY, signer, certificate, federation, replay)
        };
        let mappings = Arc::new(MemoryMappings::default());
        let until = UnixTime(i64::MAX);
        for (at, care) in CARE.iter().enumerate() {
            let person = Person(at as i64 + 1);
            let add = |party, scheme, text| {
                mappings.add(person, party, number(scheme, text), UnixTime(0), until).unwrap();
            };
            add(A, Scheme::CareInsured, *care);
            if let Some(medical) = MEDICAL.get(at) {
                add(B, Scheme::MedicalInsured, medical);
            }
        }
        mappings.add(Person(1), C, number(Scheme::LateElderly, "33120015"), UnixTime(0), until).unwrap();
        let mut agreements = MemoryAgreements::default();
        agreements.pairs = [B, C].map(|target| (A.to_owned(), target.to_owned(), PURPOSE)).into();
        agreements.relayed = [(A.to_owned(), B.to_owned())].into();
        agreements.portals = [PORTAL.to_owned()].into();
        let agreements = Arc::new(agreements);
        let log = Arc::new(MemoryLog::default());
        let responder = |entity: &str, schemes: &[Scheme]| Responder {
            party: party(entity),
            schemes: schemes.to_vec(),
            keys: vec![Arc::new(decryption_key(entity).clone())],
            records: Arc::new(records(entity)),
        };
        Self {
            relay: Relay {
                party: party(RELAY),
                mappings: mappings.clone(),
                log: log.clone(),
                agreements: agreements.clone(),
                cards: None,
                proofs: None,
            },
            log,
            agreements,
            mappings,
            a: Requester { party: party(A) },
            d: Requester { party: party(D) },
            portal: Requester { party: party(PORTAL) },
            b: responder(B, &[Scheme::MedicalInsured]),
            c: responder(C, &[Scheme::LateElderly]),
        }
    }

    /// ① to ③ for one number.
    pub fn envelope(&self, ask: &Ask) -> Envelope {
        let sent = self.map(std::slice::from_ref(ask));
        let reply = self.relay(&sent, A);
        let mapped = self.a.take_mapping(sent.pending, &answer(&reply), NOW).unwrap();
        mapped.results.into_iter().next().unwrap().1.unwrap()
    }

    pub fn map(&self, asks: &[Ask]) -> Outgoing<Mapping> {
        self.a.map(asks, PURPOSE, NOW).unwrap()
    }

    /// ④ for the first person.
    pub fn query(&self) -> Outgoing<Asking> {
        self.a.query(self.envelope(&ask(0)), &Item::ALL, None, NOW).unwrap()
    }

    pub fn relay<P>(&self, sent: &Outgoing<P>, client: &str) -> Reply {
        reply(self.relay.handle(&request(sent, client), NOW))
    }

    /// ⑤ and ⑥: what B answers to these bytes, the relay at its service.
    pub fn answer_of_b<P>(&self, sent: &Outgoing<P>, client: &str) -> Reply {
        self.finish(self.b.handle(&request(sent, client), NOW))
    }

    pub fn finish(&self, step: Step<Disclosing>) -> Reply {
        match step {
            Step::Reply(reply) => reply,
            Step::Send(notice) => {
                assert_eq!(notice.to, RELAY);
                let receipt = self.relay(&notice, B);
                self.b.complete(notice.pending, Some(&answer(&receipt)), NOW)
            }
            #[cfg(feature = "danger-faults")]
            Step::DangerReplyThenSend(reply, _) => reply,
        }
    }

    /// Why the relay refuses these bytes.
    pub fn refused_by_relay<P>(&self, sent: &Outgoing<P>, client: &str) -> Option<Reason> {
        self.relay(sent, client).refusal.map(|refusal| refusal.reason())
    }

    /// Why B refuses these bytes.
    pub fn refused_by_b<P>(&self, sent: &Outgoing<P>, client: &str) -> Option<Reason> {
        self.answer_of_b(sent, client).refusal.map(|refusal| refusal.reason())
    }

    /// The whole flow about a person, by the number that A knows.
    pub fn linkage(&self, ask: &Ask, items: &[Item]) -> Result<Answer, Refusal> {
        let sent = self.a.query(self.envelope(ask), items, None, NOW)?;
        let reply = self.answer_of_b(&sent, A);
        self.a.take_answer(sent.pending, &answer(&reply), NOW)
    }
}

fn records(entity: &str) -> MemoryRecords {
    if entity != B {
        return MemoryRecords::default();
    }
    let date = |text| Date::parse(text).unwrap();
    let period = |from, until| Eligibility {
        scheme: Scheme::MedicalInsured,
        insurer: B.to_owned(),
        from: date(from),
        until,
        as_of: date(from),
        recorded_at: DateTime { seconds: NOW.0 - 86_400, nanoseconds: 0 },
        validity: Validity::Valid,
    };
    let rows = MEDICAL.iter().zip(NAMES).zip(["2008-04-01", "2010-10-01"]).zip([90_000, 12_000]);
    let rows = rows.map(|(((medical, name), from), amount)| {
        let benefit = Benefit {
            kind: "high-cost-medical".to_owned(),
            from: date("2025-08-01"),
            until: Some(date("2026-08-01")),
            amount: Some(amount),
        };
        let record = Record {
            eligibility: vec![period(from, None)],
            benefits: vec![benefit],
            name: Some(name.to_owned()),
        };
        (number(Scheme::MedicalInsured, medical), record)
    });
    MemoryRecords { rows: rows.collect() }
}

/// Asks for B's number of a person.
pub fn ask(person: usize) -> Ask {
    Ask {
        req_id: format!("r{person}"),
        whom: number(Scheme::CareInsured, CARE[person]).into(),
        wanted: Scheme::MedicalInsured,
        target: Some(B.to_owned()),
        via_relay: false,
    }
}

pub fn request<'a, P>(sent: &'a Outgoing<P>, client: &str) -> Request<'a> {
    Request {
        body: &sent.body,
        soap_action: Some(&sent.soap_action),
        tls_client: Some(certificate(client).der()),
    }
}

pub fn answer(reply: &Reply) -> PeerAnswer<'_> {
    PeerAnswer { status: reply.status, body: &reply.body }
}

pub fn reply<P>(step: Step<P>) -> Reply {
    match step {
        Step::Reply(reply) => reply,
        _ => panic!("a reply at once"),
    }
}

/// The same bytes with a change, signed again by `signer` over everything, the token included.
pub fn resigned(body: &[u8], signer: &str, change: impl FnOnce(&mut Element)) -> Vec<u8> {
    resigned_over(body, signer, &[], change)
}

/// The same, with the parts of these identifiers left out of the signature.
pub fn resigned_over(
    body: &[u8],
    signer: &str,
    unsigned: &[&str],
    change: impl FnOnce(&mut Element),
) -> Vec<u8> {
    let mut root = raw::parse(std::str::from_utf8(body).unwrap()).unwrap();
    root.remove("soap:Header/wsse:Security/ds:Signature");
    change(&mut root);
    sign_message(&mut root, signer, unsigned);
    root.write().into_bytes()
}

pub fn sign_message(root: &mut Element, signer: &str, unsigned: &[&str]) {
    let mut parts: Vec<String> = Vec::new();
    let security = root.get("soap:Header/wsse:Security");
    let blocks = root.get("soap:Header").into_iter().flat_map(Element::elements);
    let timestamps = security.into_iter().flat_map(Element::elements).filter(|e| e.name == "wsu:Timestamp");
    for part in blocks.chain(timestamps).chain(root.get("soap:Body")) {
        parts.extend(part.value("wsu:Id").map(str::to_owned));
    }
    parts.retain(|part| !unsigned.contains(&part.as_str()));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut spec = wss::signature(&parts, "_token", "_str", key(signer));
    if unsigned.contains(&"_token") {
        spec.references.pop();
    }
    spec.sign(root, "soap:Header/wsse:Security");
}

/// Where an envelope stands in a query, and in the relay's answer.
pub const IN_QUERY: &str = "soap:Header/sb:TargetIdentity/saml:Assertion";
pub const IN_ANSWER: &str =
    "soap:Body/ims:IdentityMappingResponse/ims:MappingOutput/sec:Token/saml:Assertion";

/// Changes the envelope in a query and has `issuer` sign it again.
pub fn reissue(root: &mut Element, issuer: &str, change: impl FnOnce(&mut Element)) {
    reissue_at(IN_QUERY, root, issuer, change);
}

/// Changes the envelope at this place and has `issuer` sign it again.
pub fn reissue_at(at: &str, root: &mut Element, issuer: &str, change: impl FnOnce(&mut Element)) {
    root.remove(&format!("{at}/ds:Signature"));
    change(root.find_mut(at));
    let id = root.find(at).value("ID").unwrap_or_default().to_owned();
    SignatureSpec::enveloped(&id, key(issuer)).sign(root, at);
}

/// The request with other bytes.
pub fn with_body<P>(sent: &Outgoing<P>, body: Vec<u8>) -> Outgoing<()> {
    Outgoing {
        to: sent.to.clone(),
        endpoint: sent.endpoint.clone(),
        soap_action: sent.soap_action.clone(),
        body,
        pending: (),
    }
}
