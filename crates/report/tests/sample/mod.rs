//! A recorded run as a vendor would have it: one signature that is not checked, one audience that is not, a recommendation
//! not followed, control verbs that are not offered, and everything else in order. All names and numbers are TEST data.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "tests; not every file uses everything"
)]

use std::sync::LazyLock;

use chukei_evidence::*;
use chukei_spec::{Index, Role, Sentence, req};

const ACTION: &str = "urn:chukei:1.0:LinkageQuery";

macro_rules! case {
    ($id:literal, $twin:expr, $deviation:literal, [$($sentence:literal),*]) => {
        Case { id: $id, twin: $twin, deviation: $deviation, role: Role::Responder, sentences: &[$(req!($sentence)),*], features: &[] }
    };
}

const TWIN: &str = "linkage/answered";

pub static CASES: [Case; 7] = [
    case!("linkage/answered", None, "", ["envelope.audience.self", "message.signature.covers"]),
    case!("envelope/audience/other", Some(TWIN), "envelope.audience=insurer-c", ["envelope.audience.self"]),
    case!(
        "message/signature/uncovered-to",
        Some(TWIN),
        "signature.covers-not=wsa:To",
        ["message.signature.covers"]
    ),
    case!(
        "message/signature/uncovered-action",
        Some(TWIN),
        "signature.covers-not=wsa:Action",
        ["message.signature.covers"]
    ),
    case!("message/timestamp/expired", Some(TWIN), "timestamp.expires=now-1s", ["message.timestamp.window"]),
    case!("privacy/log/number", None, "", ["privacy.log.no-identifier"]),
    case!("linkage/no-data", None, "", ["linkage.answer.no-data"]),
];

fn see(exchange: &Exchange<'_>) -> Seen {
    let answer = exchange.focus().and_then(|number| exchange.answer(number));
    match answer {
        Some(answer) if answer.status == 200 => {
            let at = find(answer.seq, answer.body, "<lu:Status code=\"OK\"/>");
            Seen::Accepted { observed: Phrase::key("observed.answered", ["OK"]), at: vec![at] }
        }
        Some(answer) if answer.status == 500 => Seen::Refused(vec![answer.seq.into()]),
        _ => Seen::Neither { missing: Phrase::plain("missing.answer") },
    }
}

fn find(seq: u32, body: &Body, needle: &str) -> Place {
    match body.text().and_then(|text| text.find(needle)) {
        Some(at) => Place::bytes(seq, &(at..at + needle.len())),
        None => seq.into(),
    }
}

/// The deviation is marked beside the answer.
fn negative_marked(exchange: &Exchange<'_>, code: &str, mark: &str, details: &[Phrase]) -> Verdict {
    if exchange.twin_id().is_none() {
        return if see(exchange).is_accepted() {
            Verdict::Pass
        } else {
            Verdict::unreached(Phrase::plain("missing.answer"))
        };
    }
    match negative(exchange, code, see) {
        Verdict::Violated { mut because, mut at } => {
            because.detail.extend(details.iter().cloned());
            if let Some(sent) = exchange.sent().find(|sent| sent.deviates) {
                at.insert(0, find(sent.seq, sent.body, mark));
            }
            Verdict::Violated { because, at }
        }
        verdict => verdict,
    }
}

fn audience(exchange: &Exchange<'_>) -> Verdict {
    let mark = "<saml:Audience>https://insurer-c.example.test/</saml:Audience>";
    negative_marked(exchange, "envelope.audience.accepted", mark, &[Phrase::plain("cause.audience-unread")])
}

fn covers(exchange: &Exchange<'_>) -> Verdict {
    let part = if exchange.deviation().ends_with("wsa:To") { "wsa:To" } else { "wsa:Action" };
    let value = if part == "wsa:To" { "https://insurer-b.example.test/linkage" } else { ACTION };
    let id = if part == "wsa:To" { "_to" } else { "_action" };
    let mark = format!("<{part} wsu:Id=\"{id}\">{value}</{part}>");
    let details = [
        Phrase::key("cause.not-covered", [part, "#_body, #_id, #_ts"]),
        Phrase::plain("cause.read-before-coverage"),
    ];
    negative_marked(exchange, "signature.uncovered.accepted", &mark, &details)
}

fn timestamp(exchange: &Exchange<'_>) -> Verdict {
    negative(exchange, "timestamp.accepted", see)
}

fn fault_status(exchange: &Exchange<'_>) -> Verdict {
    let Some(fault) = exchange.answers().find(|answer| answer.status == 500) else {
        return Verdict::unreached(Phrase::plain("missing.fault"));
    };
    Finding::new("fault.status.absent", "lu:Status code=\"StaleMsg\"", Phrase::plain("observed.no-status"))
        .at([find(fault.seq, fault.body, "<faultcode>S:Client</faultcode>")])
}

fn anything_said(exchange: &Exchange<'_>) -> Verdict {
    match exchange.said().next() {
        Some(_) => Verdict::Pass,
        None => Verdict::unreached(Phrase::plain("missing.answer")),
    }
}

pub static JUDGES: LazyLock<Vec<Judge>> = LazyLock::new(|| {
    let judge = |sentence: &'static Sentence| {
        let (cases, rule): (Cases, fn(&Exchange<'_>) -> Verdict) = match sentence.id {
            "envelope.audience.self" => (Cases::Declared, audience),
            "message.signature.covers" => (Cases::Declared, covers),
            "message.timestamp.window" => (Cases::Declared, timestamp),
            "message.fault.status" => (Cases::Any(""), fault_status),
            "privacy.log.no-identifier" | "linkage.answer.no-data" => (Cases::Declared, anything_said),
            "message.answer.fresh" => (Cases::Whole, anything_said),
            _ => (Cases::Any(""), anything_said),
        };
        Judge { id: sentence.id, sentence, cases, rule }
    };
    Index::sentences().iter().filter(|sentence| sentence.is_for_suite()).map(judge).collect()
});

pub fn registry() -> Registry<'static> {
    Registry { suite: "0.1.0", cases: &CASES, judges: &JUDGES }
}

pub fn catalogue() -> Catalogue {
    Catalogue::parse(
        r#"
[observed]
answered = "照会に {0} と答えた"
no-status = "lu:Status のない Fault"
[missing]
answer = "製品の応答"
fault = "拒否の応答"
[envelope.audience]
accepted = "別の保険者あての封筒を受け入れた"
[signature.uncovered]
accepted = "署名の及ばないヘッダを受け入れた"
[fault.status]
absent = "Fault に lu:Status がない"
[cause]
audience-unread = "製品は AudienceRestriction を読んでいないか、封筒の署名者だけを確かめている。"
not-covered = "署名の参照は {1} で、{0} を指していない。署名の値そのものは正しい。"
read-before-coverage = "署名の検証が true を返した後、検証した要素ではなく、届いた文書の要素を読んでいる。"
"#,
        r#"
[observed]
answered = "the query was answered with {0}"
no-status = "a Fault without lu:Status"
[missing]
answer = "an answer of the product"
fault = "a refusal"
[envelope.audience]
accepted = "An envelope made out to another insurer was accepted"
[signature.uncovered]
accepted = "A header that the signature does not cover was accepted"
[fault.status]
absent = "The Fault has no lu:Status"
[cause]
audience-unread = "The product does not read AudienceRestriction, or checks only who signed the envelope."
not-covered = "The references of the signature are {1}; none points at {0}. The signature value itself is correct."
read-before-coverage = "After the signature was found valid, the element is read from the document as received, not from what was verified."
"#,
    )
    .unwrap()
}

/// Base64-looking text of a length, the same for a label.
fn octets(label: &str, length: usize) -> String {
    let mut text = String::new();
    let mut block = label.to_owned();
    while text.len() < length {
        block = sha256_hex(block.as_bytes());
        text.push_str(&chukei_xml::lexical::encode_base64(block.as_bytes()));
        text.retain(|c| c != '=' && !c.is_whitespace());
    }
    text.truncate(length);
    text
}

fn envelope(audience: &str, number: u32) -> String {
    format!(
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_e{number:02}\" IssueInstant=\"2026-06-01T00:00:0{0}Z\" Version=\"2.0\"><saml:Issuer>https://relay.example.test/</saml:Issuer><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/><ds:Reference URI=\"#_e{number:02}\"><ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/><ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>{1}=</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>{2}</ds:SignatureValue></ds:Signature><saml:Subject><saml:EncryptedID><xenc:EncryptedData xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" Type=\"http://www.w3.org/2001/04/xmlenc#Element\"><xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"/><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><xenc:EncryptedKey><xenc:CipherData><xenc:CipherValue>{3}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{4}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedID></saml:Subject><saml:Conditions NotBefore=\"2026-06-01T00:00:00Z\" NotOnOrAfter=\"2026-06-01T00:05:00Z\"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction><saml:OneTimeUse/></saml:Conditions></saml:Assertion>",
        number % 10,
        octets("digest", 43),
        octets("signature", 344),
        octets("key", 344),
        octets("cipher", 728),
    )
}

fn query(number: u32, envelope: &str, expires: &str) -> String {
    format!(
        "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:wsa=\"http://www.w3.org/2005/08/addressing\" xmlns:wsu=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\"><S:Header><sbf:Framework xmlns:sbf=\"urn:liberty:sb\" version=\"2.0\" wsu:Id=\"_fw\"/><sb:Sender xmlns:sb=\"urn:liberty:sb:2006-08\" providerID=\"https://insurer-a.example.test/\" wsu:Id=\"_sender\"/><wsa:MessageID wsu:Id=\"_id\">urn:uuid:00000000-0000-4000-8000-{number:012}</wsa:MessageID><wsa:To wsu:Id=\"_to\">https://insurer-b.example.test/linkage</wsa:To><wsa:Action wsu:Id=\"_action\">{ACTION}</wsa:Action><sb:TargetIdentity xmlns:sb=\"urn:liberty:sb:2006-08\" wsu:Id=\"_target\">{envelope}</sb:TargetIdentity><wsse:Security xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\" S:mustUnderstand=\"1\"><wsu:Timestamp wsu:Id=\"_ts\"><wsu:Created>2026-06-01T00:00:00Z</wsu:Created><wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp><wsse:BinarySecurityToken wsu:Id=\"_token\">{0}</wsse:BinarySecurityToken></wsse:Security></S:Header><S:Body wsu:Id=\"_body\"><ck:LinkageQuery xmlns:ck=\"urn:chukei:1.0\"><ck:Item>eligibility</ck:Item></ck:LinkageQuery></S:Body></S:Envelope>",
        octets("certificate", 1200),
    )
}

fn answer(number: u32) -> String {
    format!(
        "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Header><wsa:RelatesTo xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">urn:uuid:00000000-0000-4000-8000-{number:012}</wsa:RelatesTo></S:Header><S:Body><ck:LinkageAnswer xmlns:ck=\"urn:chukei:1.0\"><lu:Status code=\"OK\"/><ck:Eligibility scheme=\"urn:chukei:1.0:identifier:medical-insured\" insurer=\"https://insurer-b.example.test/\" from=\"2024-04-01\" asOf=\"2026-06-01\" recordedAt=\"2026-05-30T09:00:00Z\" validity=\"valid\"/></ck:LinkageAnswer></S:Body></S:Envelope>"
    )
}

const FAULT: &str = "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><S:Fault><faultcode>S:Client</faultcode><faultstring>message refused</faultstring></S:Fault></S:Body></S:Envelope>";

fn notice() -> String {
    "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><ck:DisclosureNotice xmlns:ck=\"urn:chukei:1.0\" envelope=\"_e01\" requester=\"https://insurer-a.example.test/\" outcome=\"answered\"/></S:Body></S:Envelope>".into()
}

fn receipt() -> String {
    "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><ck:DisclosureReceipt xmlns:ck=\"urn:chukei:1.0\" envelope=\"_e01\"/></S:Body></S:Envelope>".into()
}

/// A run while it is recorded.
pub struct Tape {
    recorder: Recorder,
    at: i64,
    exchange: u32,
}

fn fields() -> Vec<(String, String)> {
    vec![("Content-Type".into(), "text/xml; charset=utf-8".into())]
}

impl Tape {
    pub fn new(header: Header) -> Self {
        Self { at: header.epoch, recorder: Recorder::new(header, None).unwrap(), exchange: 0 }
    }

    pub fn put(&mut self, what: What) -> u32 {
        self.at += 1;
        self.recorder.record(self.at, what).unwrap()
    }

    pub fn start(&mut self, case: &Case) {
        let (case, twin, deviation) = (case.id.into(), case.twin.map(Into::into), case.deviation.into());
        self.put(What::CaseStart { case, twin, deviation });
    }

    pub fn end(&mut self, case: &Case) {
        self.put(What::CaseEnd { case: case.id.into() });
    }

    pub fn send(&mut self, body: impl Into<Body>, deviates: bool) -> u32 {
        self.exchange += 1;
        self.put(What::Sent {
            exchange: self.exchange,
            from: "insurer-a".into(),
            tls_client: Some("insurer-a".into()),
            tls_certificate: None,
            url_role: "linkage".into(),
            method: "POST".into(),
            headers: fields(),
            body: body.into(),
            deviates,
        });
        self.exchange
    }

    pub fn answer(&mut self, exchange: u32, status: u16, body: impl Into<Body>) {
        self.put(What::Answered { exchange, status, headers: fields(), body: body.into() });
    }

    /// The notice before an answer, and its receipt.
    pub fn disclose(&mut self) {
        self.exchange += 1;
        self.put(What::Called {
            exchange: self.exchange,
            to: "relay".into(),
            tls_client: Some("insurer-b".into()),
            method: "POST".into(),
            path: "/disclosure".into(),
            headers: fields(),
            body: notice().into(),
        });
        self.put(What::Replied {
            exchange: self.exchange,
            status: 200,
            headers: fields(),
            body: receipt().into(),
            deviates: false,
        });
    }

    pub fn answered(&mut self, exchange: u32) {
        self.disclose();
        self.answer(exchange, 200, answer(exchange));
    }

    pub fn probe(&mut self) {
        let exchange = self
            .send(query(90 + self.exchange, &envelope("https://insurer-b.example.test/", 9), GOOD), false);
        self.answer(exchange, 200, answer(exchange));
        self.put(What::Alive { exchange });
    }

    pub fn finish(self) -> Transcript {
        self.recorder.finish().unwrap()
    }
}

const GOOD: &str = "2026-06-01T00:05:00Z";

pub fn header() -> Header {
    Header {
        suite: "0.1.0".into(),
        spec: Index::digest().into(),
        seed: 20_260_601,
        epoch: 1_780_272_000,
        profile: "responder@1.0".into(),
        product: Product {
            vendor: "TEST Systems".into(),
            name: "Insurer Gateway".into(),
            version: "3.2.1".into(),
            build: "sha256:4f1c…".into(),
            party: "insurer-b".into(),
            control: 0,
        },
        ..Header::default()
    }
}

/// The run of the sample, with more runs of the failing cases if `repeats` is more than one.
pub fn transcript(repeats: usize) -> Transcript {
    let here = "https://insurer-b.example.test/";
    let mut tape = Tape::new(header());
    for _ in 0..repeats {
        for case in &CASES {
            tape.start(case);
            match case.id {
                "privacy/log/number" => {
                    tape.put(What::Lacking { missing: "GET /logs".into() });
                }
                "linkage/no-data" => {
                    tape.put(What::Lacking { missing: "POST /people".into() });
                }
                "message/timestamp/expired" => {
                    let number = tape.send(query(5, &envelope(here, 5), "2026-05-31T23:59:59Z"), true);
                    tape.answer(number, 500, FAULT);
                    tape.probe();
                }
                "envelope/audience/other" => {
                    let number =
                        tape.send(query(2, &envelope("https://insurer-c.example.test/", 2), GOOD), true);
                    tape.answered(number);
                    tape.probe();
                }
                _ => {
                    let number = tape.send(query(1, &envelope(here, 1), GOOD), case.twin.is_some());
                    tape.answered(number);
                    if case.twin.is_some() {
                        tape.probe();
                    }
                }
            }
            tape.end(case);
        }
    }
    tape.finish()
}
