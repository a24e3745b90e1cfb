//! Plays cases against mock parties in this process.
#![allow(dead_code, reason = "each test uses a part")]

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Duration,
};

use chukei_conformance as conformance;
use chukei_evidence::{Model, Outcome, Product, Recorder, Transcript, judge};
use chukei_harness::{Clock, Endpoint, Face, Limits, Target, face::CARD_DOOR};
use chukei_spec::Index;
use chukei_world::{Faults, Options, Party, Plan, World};

/// 2026-07-01T00:00:00Z.
pub(crate) const EPOCH: i64 = 1_782_864_000;

/// Profile and party of each role.
pub(crate) const RESPONDER: (&str, &str) = ("responder@1.0", "insurer-b");
pub(crate) const RELAY: (&str, &str) = ("relay@1.0", "relay");
pub(crate) const REQUESTER: (&str, &str) = ("requester@1.0", "insurer-a");
pub(crate) const LEDGER: (&str, &str) = ("ledger@1.0", "relay");

/// A world folder that is gone with its test.
pub(crate) struct Ground {
    folder: tempfile::TempDir,
    world: World,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world =
            World::generate(&folder.path().join("world"), Plan { crowd: 10, ..Plan::new(1) }).unwrap();
        Self { folder, world }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("world")
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Plays what the patterns select against a mock party with faults.
    pub(crate) fn play(
        &self,
        (profile, party): (&str, &str),
        faults: &[&str],
        patterns: &[&str],
        seed: u64,
    ) -> Transcript {
        let options = Options {
            possession: true,
            faults: Faults::named(faults).unwrap(),
            control: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            card_door: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            clock: chukei_world::Clock::fixed(chukei_crypto::UnixTime(EPOCH)),
            seed: Some(1),
            state: (profile == LEDGER.0).then(|| self.folder.path().join("state")),
            ..Options::default()
        };
        let handle = Party::start(&self.world, party, options).unwrap();
        let control = handle.control().and_then(|url| Endpoint::parse(&url));
        let door = handle.card_door().and_then(Endpoint::parse);
        let played = self.face_to((profile, party), (control, door), patterns, seed);
        handle.stop();
        played
    }

    /// Plays against whatever listens as the party.
    pub(crate) fn face_to(
        &self,
        (profile, party): (&str, &str),
        (control, door): (Option<Endpoint>, Option<Endpoint>),
        patterns: &[&str],
        seed: u64,
    ) -> Transcript {
        let profile = Index::profile(profile).unwrap();
        let claims: Vec<&str> = if control.is_some() {
            profile.features.iter().map(|feature| feature.name).collect()
        } else {
            Vec::new()
        };
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let cases = conformance::select(profile, &claims, &patterns).unwrap();
        let world = load(&self.dir());
        let mut endpoints = BTreeMap::new();
        let url = world.endpoint(party, "soap").unwrap();
        endpoints.insert("soap".to_owned(), Endpoint::parse(&url).unwrap());
        endpoints.extend(door.map(|door| (CARD_DOOR.to_owned(), door)));
        let clock = if control.is_some() { Clock::virtual_from(EPOCH) } else { Clock::Machine };
        let product = Product {
            vendor: "Chukei".into(),
            name: "TEST".into(),
            party: party.into(),
            ..Product::default()
        };
        let header =
            conformance::header(profile, &claims, &product, &world.public, (seed, clock.now()), &cases);
        let target = Target { party: party.to_owned(), endpoints, control };
        let recorder = Recorder::new(header, None).unwrap();
        let limits = Limits { answer: Duration::from_secs(5), ..Limits::default() };
        let face = Face::open(world.into(), target, clock, seed, limits, recorder).unwrap();
        if face.clock().is_virtual() {
            face.set_product_clock().unwrap();
        }
        let stage = conformance::Stage::Face(Box::new(face));
        let whole = conformance::run(&stage, &cases, seed, &AtomicBool::new(false), |_, _| ());
        stage.close(whole).unwrap()
    }
}

fn load(dir: &Path) -> chukei_harness::World {
    chukei_harness::World::load(dir).unwrap()
}

/// What a run shows.
pub(crate) fn model(transcript: &Transcript) -> Model {
    judge(transcript, conformance::registry())
}

/// Sentences with this outcome.
pub(crate) fn with(model: &Model, outcome: Outcome) -> Vec<&str> {
    model.with(outcome).map(|sentence| sentence.id.as_str()).collect()
}

/// Everything that is no pass, to be read by a person.
pub(crate) fn blemishes(model: &Model) -> String {
    let mut text = String::new();
    for sentence in &model.sentences {
        for result in sentence.results.iter().filter(|result| result.outcome != Outcome::Pass) {
            text += &format!(
                "{} {} [{}]: {:?}\n",
                result.outcome.name(),
                sentence.id,
                result.case,
                result.verdict
            );
        }
    }
    for broken in &model.broken {
        text += &format!("broken [{}]: {}\n", broken.case, broken.what);
    }
    text += &format!(
        "not selected: {:?}\nelsewhere: {:?}\n{:?}\n",
        model.not_selected, model.elsewhere, model.standing
    );
    text
}
