//! The bundle: whole, signed, judged again; nothing in it can be changed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    clippy::string_slice,
    reason = "tests"
)]

mod common;

use chukei_evidence::*;
use common::{GOOD, header, registry, run};

fn key() -> BundleKey {
    BundleKey::from_seed(&[7; 32])
}

fn small() -> Vec<u8> {
    let transcript = run(GOOD);
    let model = judge(&transcript, &registry());
    pack(&transcript, &model, "profile = \"responder@1.0\"\n", &key(), &Secrets::default()).unwrap()
}

fn check(bytes: &[u8]) -> Result<Verified, Fault> {
    verify(bytes, &registry(), Trust::Keys(&[key().public()]))
}

#[test]
fn a_bundle_verifies_and_is_equal_for_equal_runs() {
    let bytes = small();
    assert_eq!(bytes, small());
    let verified = check(&bytes).unwrap();
    assert_eq!(verified.model.standing, Standing::Conformant);
    assert_eq!(verified.transcript, run(GOOD));
    assert_eq!(verified.sut, "profile = \"responder@1.0\"\n");
    assert_eq!(verified.signer, key().public());
    assert_eq!(verified.manifest.seed, 7);
    assert!(verify(&bytes, &registry(), Trust::AnyKey).is_ok());
}

#[test]
fn every_byte_counts() {
    let good = small();
    assert!(check(&good).is_ok());
    for at in 0..good.len() {
        for change in [1, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= change;
            assert!(check(&bad).is_err(), "byte {at} of {} ^ {change:#x}", good.len());
        }
    }
    for at in (0..=good.len()).step_by(7) {
        let mut longer = good.clone();
        longer.insert(at, 0);
        assert!(check(&longer).is_err(), "a byte inserted at {at}");
        if at < good.len() {
            let mut shorter = good.clone();
            shorter.remove(at);
            assert!(check(&shorter).is_err(), "byte {at} removed");
            assert!(check(&good[..at]).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn verdicts_are_computed_and_not_believed() {
    let failing = run(common::Behaviour { accepts_deviation: true, ..GOOD });
    let honest = judge(&failing, &registry());
    assert_eq!(honest.standing, Standing::Nonconformant);
    let packed = |model: &Model| pack(&failing, model, "", &key(), &Secrets::default()).unwrap();
    assert_eq!(check(&packed(&honest)).unwrap().model, honest);

    // Signed by the right key, and still not believed.
    let rosy = judge(&run(GOOD), &registry());
    let fault = check(&packed(&rosy)).unwrap_err();
    let Fault::Verdict { sentence, case, recorded, judged } = &fault else { unreachable!("{fault:?}") };
    assert_eq!(
        (sentence.as_str(), case.as_deref()),
        ("envelope.audience.self", Some(common::OTHER_AUDIENCE))
    );
    assert_eq!((recorded.as_str(), judged.as_str()), ("pass", "fail"));

    let summary = Model { standing: Standing::Conformant, ..honest };
    assert_eq!(check(&packed(&summary)).unwrap_err(), Fault::Summary);
}

#[test]
fn the_signer_has_to_be_trusted() {
    let stranger = BundleKey::from_seed(&[8; 32]);
    let transcript = run(GOOD);
    let model = judge(&transcript, &registry());
    let bytes = pack(&transcript, &model, "", &stranger, &Secrets::default()).unwrap();
    assert_eq!(check(&bytes).unwrap_err(), Fault::Signer(stranger.public().to_string()));
    let trusted = [key().public(), stranger.public()];
    assert!(verify(&bytes, &registry(), Trust::Keys(&trusted)).is_ok());
    assert_eq!(verify(&bytes, &registry(), Trust::AnyKey).unwrap().signer, stranger.public());
}

#[test]
fn another_suite_or_standard_is_named() {
    let other = Registry { suite: "9", ..registry() };
    let trust = key().public();
    let fault = verify(&small(), &other, Trust::Keys(&[trust])).unwrap_err();
    assert_eq!(fault, Fault::Suite { bundle: common::SUITE.into(), this: "9".into() });
    let transcript = common::record(Header { spec: "0".into(), ..header() }, common::twin_case(GOOD));
    let bytes = pack(&transcript, &judge(&transcript, &registry()), "", &key(), &Secrets::default()).unwrap();
    assert!(matches!(check(&bytes).unwrap_err(), Fault::Spec { bundle, .. } if bundle == "0"));
}

#[test]
fn an_interrupted_run_is_not_packed_and_its_lines_are_refused() {
    let whole = run(GOOD);
    let lines = &whole.bytes()[..whole.bytes().len() - 30];
    assert_eq!(check(lines).unwrap_err(), Fault::Incomplete(11));
    let cut = Transcript::read(lines).unwrap();
    let packed = pack(&cut, &judge(&cut, &registry()), "", &key(), &Secrets::default());
    assert_eq!(packed.unwrap_err(), PackError::Incomplete);
    assert!(matches!(check(b"PK").unwrap_err(), Fault::Archive(_)));
    assert!(matches!(check(b"").unwrap_err(), Fault::Archive(_)));
}

#[test]
fn a_secret_in_a_file_stops_the_writing() {
    let secret = b"TEST-canary-0123456789";
    let mut secrets = Secrets::default();
    secrets.register("canary", secret).unwrap();
    assert_eq!(secrets.register("short", b"1234567"), Err(TooShort));
    assert!(!format!("{secrets:?}").contains("TEST"));

    let with = |body: Body, sut: &str| {
        let mut events = common::twin_case(GOOD);
        if let Some(What::Answered { body: slot, .. }) = events.get_mut(2) {
            *slot = body;
        }
        let transcript = common::record(header(), events);
        pack(&transcript, &judge(&transcript, &registry()), sut, &key(), &secrets)
    };
    assert!(with("<nothing/>".into(), "").is_ok());
    let base64 = |skip: usize| {
        let padded = [&b"xyz"[..skip], secret].concat();
        chukei_xml::lexical::encode_base64(&padded)
    };
    let text = base64(0);
    let (one, two) = text.split_at(10);
    let hidden: Vec<Body> = vec![
        Body::from(&secret[..]),
        Body::from([&b"\x00\x01"[..], secret, b"\xff"].concat()),
        Body::from(base64(0)),
        Body::from(base64(1)),
        Body::from(base64(2)),
        Body::from(format!("{one}\n{two}")),
        Body::from(secret.iter().map(|byte| format!("{byte:02X}")).collect::<String>()),
    ];
    for body in hidden {
        let found = with(body.clone(), "").unwrap_err();
        assert!(matches!(&found, PackError::Secret { secret, .. } if secret == "canary"), "{body:?}");
        assert!(!found.to_string().contains("TEST"));
    }
    let in_sut = with("".into(), "key = \"TEST-canary-0123456789\"").unwrap_err();
    assert_eq!(in_sut, PackError::Secret { secret: "canary".into(), file: "sut.toml", event: None });

    // The signing key is a secret without being registered.
    let seed = with("".into(), &"07".repeat(32)).unwrap_err();
    assert!(matches!(seed, PackError::Secret { file: "sut.toml", .. }));
}

#[test]
fn keys_are_read_in_one_form() {
    let text = key().public().to_string();
    assert_eq!(PublicKey::parse(&text), Some(key().public()));
    assert_eq!(PublicKey::parse(&format!("{text}\n")), Some(key().public()));
    assert_eq!(PublicKey::parse(&text.to_uppercase()), None);
    assert_eq!(PublicKey::parse(&text[1..]), None);
    // The neutral element verifies signatures of nobody.
    assert_eq!(PublicKey::parse(&format!("01{}", "00".repeat(31))), None);
    assert_eq!(BundleKey::parse(&"07".repeat(32)).unwrap().public(), key().public());
    assert!(!format!("{:?}", key()).contains("0707"));
}

#[test]
fn faults_are_said_in_both_languages() {
    let chain = |what| Fault::Chain(ChainFault { line: 3, what });
    let faults = [
        Fault::Archive("x".into()),
        Fault::Files(vec!["x".into()]),
        Fault::Incomplete(3),
        Fault::Shape { file: "manifest.json", why: "x".into() },
        Fault::Suite { bundle: "1".into(), this: "2".into() },
        Fault::Spec { bundle: "1".into(), this: "2".into() },
        Fault::Digest("x".into()),
        Fault::Manifest,
        Fault::Signature,
        Fault::Signer("x".into()),
        Fault::Verdict {
            sentence: "a".into(),
            case: Some("b".into()),
            recorded: "pass".into(),
            judged: "fail".into(),
        },
        Fault::Verdict { sentence: "a".into(), case: None, recorded: "pass".into(), judged: "fail".into() },
        Fault::Summary,
        Fault::Form(3),
        chain(ChainError::Shape("x".into())),
        chain(ChainError::Format(2)),
        chain(ChainError::Hash),
        chain(ChainError::Sequence { expected: 1, found: 2 }),
        chain(ChainError::Form),
        chain(ChainError::Case("x".into())),
        chain(ChainError::Count { expected: 1, found: 2 }),
        chain(ChainError::AfterFooter),
    ];
    for fault in faults {
        let Phrase::Key { key, .. } = fault.phrase() else { unreachable!() };
        let (ja, en) = (fault.say(Lang::Ja), fault.say(Lang::En));
        assert!(Catalogue::builtin().text(&key, Lang::En).is_some(), "{key}");
        assert!(ja != en && !ja.contains('{') && !en.contains('{'), "{ja} / {en}");
    }
}
