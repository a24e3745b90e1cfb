//! What the doctor finds in a set-up, and that it finds nothing in a sound one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::SystemTime,
};

use chukei_crypto::UnixTime;
use chukei_evidence::Product;
use chukei_harness::{Endpoint, Examination, Limits, Sut};
use chukei_spec::Index;
use chukei_world::{Clock, Options, Party};
use support::{Ground, RELAY, RESPONDER};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// The set-up of a product that runs as `runs` and is described as `role`.
fn examined(ground: &Ground, (profile, party): (&str, &str), runs: Option<(&str, Clock)>) -> Examination {
    let handle = runs.map(|(runs, clock)| {
        let listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let options = Options { clock, listen, ..Options::default() };
        Party::start(ground.world(), runs, options).unwrap()
    });
    let url = handle.as_ref().and_then(|handle| handle.endpoint()).and_then(Endpoint::parse);
    let endpoints = url.map(|url| (named(profile).to_owned(), url)).into_iter().collect();
    let found = described(ground, (profile, party), endpoints).examine(Limits::default());
    if let Some(handle) = handle {
        handle.stop();
    }
    found
}

/// The description of a product.
fn described(ground: &Ground, (profile, party): (&str, &str), endpoints: BTreeMap<String, Endpoint>) -> Sut {
    Sut {
        profile: Index::profile(profile).unwrap(),
        claims: Vec::new(),
        product: Product { party: party.into(), ..Product::default() },
        endpoints,
        world: ground.dir(),
        card: None,
        terminal: None,
        control: None,
        text: String::new(),
    }
}

/// The endpoint that the description of such a product names, if it does not listen where world.toml says.
fn named(profile: &str) -> &'static str {
    if profile == RELAY.0 { "mapping" } else { "linkage" }
}

fn codes(found: &Examination) -> Vec<&str> {
    found.faults.iter().map(|fault| fault.code).collect()
}

#[test]
fn a_sound_set_up_has_no_faults() {
    let ground = Ground::new();
    for role in [RESPONDER, RELAY] {
        let found = examined(&ground, role, Some((role.1, Clock::default())));
        assert_eq!(codes(&found), [""; 0], "{found:?}");
        assert!(found.sound.iter().any(|sound| format!("{sound:?}").contains("doctor.clock")), "{found:?}");
    }
}

#[test]
fn a_clock_that_is_off_is_found() {
    let ground = Ground::new();
    for role in [RESPONDER, RELAY] {
        for off in [-7200, 7200] {
            let clock = Clock::fixed(UnixTime(now() + off));
            assert_eq!(
                codes(&examined(&ground, role, Some((role.1, clock)))),
                ["setup.clock.stale"],
                "{off}"
            );
        }
        let clock = Clock::fixed(UnixTime(now() - 100));
        assert_eq!(codes(&examined(&ground, role, Some((role.1, clock)))), ["setup.clock"]);
    }
}

#[test]
fn who_is_not_there_or_is_somebody_else_is_found() {
    let ground = Ground::new();
    assert_eq!(codes(&examined(&ground, RESPONDER, None)), ["setup.endpoint.unreachable"]);
    let moved = BTreeMap::from([("linkage".to_owned(), Endpoint::parse("https://127.0.0.1:1/x").unwrap())]);
    let found = described(&ground, RESPONDER, moved).examine(Limits::default());
    assert_eq!(
        codes(&found),
        ["setup.endpoint.unreachable"],
        "it is looked for where it is said to be, and nowhere else"
    );
    let other = examined(&ground, RESPONDER, Some(("insurer-c", Clock::default())));
    assert_eq!(codes(&other), ["setup.endpoint.certificate"]);
    assert_eq!(codes(&examined(&ground, ("responder@1.0", "nobody-x"), None)), ["setup.party.unknown"]);
    assert_eq!(codes(&examined(&ground, ("responder@1.0", "relay"), None)), ["setup.party.role"]);
}

/// A running responder with test control, and its description.
fn with_control(ground: &Ground, change: impl Fn(&mut Sut)) -> Examination {
    let any = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let options = Options { listen: any, control: any, ..Options::default() };
    let handle = Party::start(ground.world(), RESPONDER.1, options).unwrap();
    let url = handle.endpoint().and_then(Endpoint::parse).unwrap();
    let mut sut = described(ground, RESPONDER, BTreeMap::from([("linkage".to_owned(), url)]));
    sut.control = handle.control().and_then(|url| Endpoint::parse(&url));
    sut.claims = vec!["test-control"];
    change(&mut sut);
    let found = sut.examine(Limits::default());
    handle.stop();
    found
}

/// The same with another path.
fn moved(url: &Endpoint, path: &str) -> Endpoint {
    Endpoint::parse(&url.url.replace(&url.path, path)).unwrap()
}

#[test]
fn an_address_at_which_somebody_else_answers_is_found() {
    let ground = Ground::new();
    let wrong = |sut: &mut Sut| sut.endpoints.values_mut().for_each(|url| *url = moved(url, "/wrong"));
    let found = with_control(&ground, wrong);
    assert_eq!(codes(&found), ["setup.endpoint.answer"], "{found:?}");
    assert!(found.faults.iter().all(|fault| fault.with.iter().any(|with| with == "404")), "{found:?}");
    let bare = |sut: &mut Sut| sut.control = sut.control.take().map(|url| moved(&url, "/"));
    let found = with_control(&ground, bare);
    assert_eq!(codes(&found), ["setup.control.status"]);
    assert!(found.faults.iter().all(|fault| format!("{:?}", fault.fix).contains("/v1")), "{found:?}");
    let found = with_control(&ground, |_| ());
    assert!(found.faults.is_empty() && found.doubts.is_empty() && found.sets_clock, "{found:?}");
}

/// Every address of a description is asked, not only the first.
#[test]
fn an_address_beside_the_usual_one_is_asked_too() {
    let ground = Ground::new();
    let listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let handle = Party::start(ground.world(), RELAY.1, Options { listen, ..Options::default() }).unwrap();
    let url = handle.endpoint().and_then(Endpoint::parse).unwrap();
    for role in ["history", "disclosure"] {
        let found = |other: Endpoint| {
            let endpoints = BTreeMap::from([("mapping".to_owned(), url.clone()), (role.to_owned(), other)]);
            described(&ground, RELAY, endpoints).examine(Limits::default())
        };
        let wrong = found(moved(&url, "/wrong"));
        assert_eq!(codes(&wrong), ["setup.endpoint.answer"], "{role}: {wrong:?}");
        assert!(format!("{wrong:?}").contains("/wrong"), "{wrong:?}");
        // The same place by another name.
        let other =
            Endpoint::parse(&url.url.replace("127.0.0.1", "localhost")).unwrap_or_else(|| url.clone());
        assert_eq!(codes(&found(other)), [""; 0], "{role}");
    }
    handle.stop();
}

#[test]
fn test_control_that_is_not_claimed_is_said() {
    let found = with_control(&Ground::new(), |sut| sut.claims = vec!["relayed"]);
    let doubts: Vec<_> = found.doubts.iter().map(|doubt| (doubt.code, format!("{:?}", doubt.fix))).collect();
    assert!(found.faults.is_empty() && doubts.len() == 1, "{found:?}");
    let (code, fix) = doubts.first().unwrap();
    assert_eq!(*code, "setup.control.unclaimed");
    assert!(fix.contains("relayed") && fix.contains("test-control"), "{fix}");
}

#[test]
fn a_damaged_world_is_not_the_products_fault() {
    let ground = Ground::new();
    let path = |name: &str| ground.dir().join(name);
    for (name, damage, code) in [
        ("keys/insurer-a/sign.key", None, "setup.file.missing"),
        ("keys/insurer-a/sign.key", Some("x".to_owned()), "setup.key.damaged"),
        (
            "keys/relay/sign.key",
            std::fs::read_to_string(path("keys/portal/sign.key")).ok(),
            "setup.key.damaged",
        ),
        ("metadata/relay.xml", Some("<x>".to_owned()), "setup.metadata.unreadable"),
    ] {
        let sound = std::fs::read(path(name)).unwrap();
        match &damage {
            Some(text) => std::fs::write(path(name), text).unwrap(),
            None => std::fs::remove_file(path(name)).unwrap(),
        }
        assert_eq!(codes(&examined(&ground, RESPONDER, None)), [code], "{name}");
        std::fs::write(path(name), sound).unwrap();
    }
    // A vendor need not leave the product's own key there.
    let own = path("keys/insurer-b/sign.key");
    let key = std::fs::read(&own).unwrap();
    std::fs::remove_file(&own).unwrap();
    assert_eq!(codes(&examined(&ground, RESPONDER, None)), ["setup.endpoint.unreachable"]);
    std::fs::write(&own, key).unwrap();
    assert_eq!(codes(&examined(&ground, RESPONDER, Some((RESPONDER.1, Clock::default())))), [""; 0]);
}
