//! A small suite and a recorded run of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "tests; not every file uses everything")]

use std::sync::LazyLock;

use chukei_evidence::*;
use chukei_spec::{Index, Role, Sentence, req};

pub const TWIN: &str = "linkage/answered";
pub const OTHER_AUDIENCE: &str = "envelope/audience/other";
pub const SUITE: &str = "0.0.0-test";

const AUDIENCE: &Sentence = req!("envelope.audience.self");
const NO_DATA: &Sentence = req!("linkage.answer.no-data");

pub static CASES: [Case; 3] = [
    Case {
        id: TWIN,
        twin: None,
        deviation: "",
        role: Role::Responder,
        sentences: &[AUDIENCE],
        features: &[],
    },
    Case {
        id: OTHER_AUDIENCE,
        twin: Some(TWIN),
        deviation: "envelope.audience=insurer-c",
        role: Role::Responder,
        sentences: &[AUDIENCE],
        features: &[],
    },
    Case {
        id: "mapping/answered",
        twin: None,
        deviation: "",
        role: Role::Relay,
        sentences: &[NO_DATA],
        features: &[],
    },
];

/// A product that answers `answered` did what was asked; a SOAP fault is a refusal.
pub fn see(exchange: &Exchange<'_>) -> Seen {
    let neither = || Seen::Neither { missing: "an answer".into() };
    let Some(answer) = exchange.focus().and_then(|number| exchange.answer(number)) else { return neither() };
    match answer.body.text() {
        Some(text) if answer.status == 200 && text.contains("answered") => {
            Seen::Accepted { observed: format!("HTTP {}", answer.status).into(), at: vec![answer.seq.into()] }
        }
        Some(text) if answer.status == 500 && text.contains("Fault") => {
            Seen::Refused(vec![answer.seq.into()])
        }
        _ => neither(),
    }
}

fn audience(exchange: &Exchange<'_>) -> Verdict {
    if exchange.twin_id().is_none() {
        return if see(exchange).is_accepted() { Verdict::Pass } else { Verdict::unreached("an answer") };
    }
    negative(exchange, "envelope.audience.accepted", see)
}

fn anything_said(exchange: &Exchange<'_>) -> Verdict {
    match exchange.said().next() {
        Some(said) if said.fields.get("Content-Type") == Some("text/xml; charset=utf-8") => Verdict::Pass,
        Some(said) => Finding::new("answer.type", "text/xml; charset=utf-8", "another").at([said.seq]),
        None => Verdict::unreached("anything said"),
    }
}

/// A judge for every sentence of the standard, so that a run can be conformant.
pub static JUDGES: LazyLock<Vec<Judge>> = LazyLock::new(|| {
    let judge = |sentence: &'static Sentence| match sentence.id {
        "envelope.audience.self" => {
            Judge { id: sentence.id, sentence, cases: Cases::Declared, rule: audience }
        }
        "message.answer.fresh" => {
            Judge { id: sentence.id, sentence, cases: Cases::Whole, rule: anything_said }
        }
        _ => Judge { id: sentence.id, sentence, cases: Cases::Any(""), rule: anything_said },
    };
    Index::sentences().iter().filter(|sentence| sentence.is_for_suite()).map(judge).collect()
});

pub fn registry() -> Registry<'static> {
    Registry { suite: SUITE, cases: &CASES, judges: &JUDGES }
}

pub fn header() -> Header {
    let party = |name: &str| Party {
        name: name.into(),
        entity: format!("https://{name}.example.test/"),
        ..Party::default()
    };
    Header {
        suite: SUITE.into(),
        spec: Index::digest().into(),
        seed: 7,
        epoch: 1_780_000_000,
        profile: "responder@1.0".into(),
        product: Product {
            vendor: "TEST".into(),
            name: "gateway".into(),
            version: "1".into(),
            party: "insurer-b".into(),
            ..Product::default()
        },
        world: World { parties: vec![party("insurer-a"), party("insurer-b")], ..World::default() },
        ..Header::default()
    }
}

/// How a product behaves.
#[derive(Clone, Copy)]
pub struct Behaviour {
    pub accepts_twin: bool,
    pub accepts_deviation: bool,
    pub alive: bool,
    pub probed: bool,
    pub delivered: bool,
}

pub const GOOD: Behaviour =
    Behaviour { accepts_twin: true, accepts_deviation: false, alive: true, probed: true, delivered: true };

fn fields() -> Vec<(String, String)> {
    vec![("Content-Type".into(), "text/xml; charset=utf-8".into())]
}

pub fn sent(exchange: u32, deviates: bool) -> What {
    What::Sent {
        exchange,
        from: "insurer-a".into(),
        tls_client: Some("insurer-a".into()),
        tls_certificate: None,
        url_role: "linkage".into(),
        method: "POST".into(),
        headers: fields(),
        body: format!("<q><MessageID>urn:uuid:{exchange}</MessageID></q>").into(),
        deviates,
    }
}

pub fn answered(exchange: u32, accepted: bool) -> What {
    let body = if accepted { format!("<answered to='urn:uuid:{exchange}'/>") } else { "<Fault/>".into() };
    let status = if accepted { 200 } else { 500 };
    What::Answered { exchange, status, headers: fields(), body: body.into() }
}

pub fn start(case: &str, twin: Option<&str>, deviation: &str) -> What {
    What::CaseStart { case: case.into(), twin: twin.map(Into::into), deviation: deviation.into() }
}

pub fn end(case: &str) -> What {
    What::CaseEnd { case: case.into() }
}

pub fn twin_case(product: Behaviour) -> Vec<What> {
    vec![start(TWIN, None, ""), sent(1, false), answered(1, product.accepts_twin), end(TWIN)]
}

pub fn negative_case(product: Behaviour) -> Vec<What> {
    let mut events = vec![start(OTHER_AUDIENCE, Some(TWIN), "envelope.audience=insurer-c"), sent(2, true)];
    events.push(if product.delivered {
        answered(2, product.accepts_deviation)
    } else {
        What::NoAnswer { exchange: 2, how: NoAnswer::Refused }
    });
    if product.probed {
        events.push(sent(3, false));
        events.extend(match product.alive {
            true => vec![answered(3, true), What::Alive { exchange: 3 }],
            false => vec![
                What::NoAnswer { exchange: 3, how: NoAnswer::Timeout },
                What::NotAlive { exchange: Some(3), how: NoAnswer::Timeout },
            ],
        });
    }
    events.push(end(OTHER_AUDIENCE));
    events
}

pub fn record(header: Header, events: impl IntoIterator<Item = What>) -> Transcript {
    let mut recorder = Recorder::new(header, None).unwrap();
    for (what, at) in events.into_iter().zip(1_780_000_000..) {
        recorder.record(at, what).unwrap();
    }
    recorder.finish().unwrap()
}

pub fn run(product: Behaviour) -> Transcript {
    record(header(), [twin_case(product), negative_case(product)].concat())
}

/// A card is reset, read, and asked for tries.
pub fn card_case() -> Vec<What> {
    let command =
        |exchange, apdu: &str| What::Command { exchange, apdu: apdu.into(), pin: None, token: false };
    let responded = |exchange, apdu: &str| What::Responded { exchange, apdu: apdu.into() };
    vec![
        start("card/x", None, ""),
        What::Reset { exchange: 1, atr: "3B".into(), silent: false, token: false },
        command(2, "00B0000001"),
        responded(2, "0A9000"),
        command(3, "00200080"),
        responded(3, "63C3"),
        end("card/x"),
    ]
}

/// A card is put in, and a terminal ends its task.
pub fn terminal_case() -> Vec<What> {
    vec![
        start("terminal/x", None, ""),
        What::Inserted { card: "sound".into(), faults: Vec::new() },
        What::Started { task: "read".into(), entries: Vec::new(), number: None },
        What::Ended { exit: Some(0), shown: "done".into(), shows_pin: false },
        What::Removed,
        end("terminal/x"),
    ]
}
