//! What is wrong with a set-up, before anything is judged. Nothing found here touches a verdict.

use chukei_evidence::{Header, NoAnswer, Phrase, Recorder};
use chukei_forge::raw::parse;
use chukei_xml::lexical::DateTime;

use crate::{
    clock::Clock,
    face::{CARD_DOOR, Face, Target},
    kit::{USUAL_PERSON, find, local, text_of},
    message::Draft,
    record::Broken,
    seed::Ids,
    setup::{Fix, Setup},
    sut::Sut,
    wire::{Endpoint, Limits},
    world::World,
};

/// Seconds by which the product's clock may differ from the suite's. More makes sound messages look stale.
pub const SKEW: i64 = 60;

/// What an examination found.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// What has to be mended before a run.
    pub faults: Vec<Setup>,
    /// What a run can go on with, but hardly as it was meant.
    pub doubts: Vec<Setup>,
    /// What was looked at and is in order.
    pub sound: Vec<Phrase>,
    /// Level of the test-control API, 0 without one.
    pub level: u8,
    /// Whether the product's clock can be set.
    pub sets_clock: bool,
}

impl Sut {
    /// The product as a target, in the world of its folder.
    ///
    /// # Errors
    /// The party is not in the world, or plays another role than the profile.
    pub fn target(&self, world: &World) -> Result<Target, Setup> {
        let party = world.public.party(&self.product.party).ok_or_else(|| {
            let known: Vec<&str> = world.public.parties.iter().map(|party| party.name.as_str()).collect();
            Setup::new("setup.party.unknown", [self.product.party.clone()]).fix(Fix::OneOf(known.join(", ")))
        })?;
        let role = self.plays();
        if party.role != role {
            let fitting = world.public.parties.iter().filter(|party| party.role == role);
            let fitting: Vec<&str> = fitting.map(|party| party.name.as_str()).collect();
            return Err(Setup::new("setup.party.role", [&party.name, &party.role, role])
                .fix(Fix::OneOf(fitting.join(", "))));
        }
        let mut endpoints = self.endpoints.clone();
        // A product that takes messages elsewhere does not listen where world.toml says, and need not.
        if endpoints.keys().all(|role| role == CARD_DOOR) {
            let usual = world.endpoint(&party.name, "soap").and_then(|url| Endpoint::parse(&url));
            endpoints.extend(usual.map(|url| ("soap".to_owned(), url)));
        }
        Ok(Target { party: party.name.clone(), endpoints, control: self.control.clone() })
    }

    /// The role of the product's party in the world: a ledger is a relay's, a terminal a portal's.
    fn plays(&self) -> &str {
        match self.profile.name.split('@').next().unwrap_or_default() {
            "ledger" => "relay",
            "terminal" => "portal",
            role => role,
        }
    }

    /// Looks at the whole set-up: folder, party, ports, endpoint, certificate, test control, clock.
    pub fn examine(&self, limits: Limits) -> Examination {
        let mut found = Examination::default();
        if let Err(fault) = self.look(limits, &mut found) {
            found.faults.push(fault);
        }
        found
    }

    /// Stops at what makes looking further pointless.
    fn look(&self, limits: Limits, found: &mut Examination) -> Result<(), Setup> {
        let world = World::load(&self.world)?;
        world.check(&self.world, &self.product.party)?;
        found.sound.push(Phrase::key("doctor.world", [self.world.display().to_string()]));
        let target = self.target(&world)?;
        if self.claims.contains(&"test-control") && self.control.is_none() {
            let fix = Fix::Write("[control]\nurl = \"http://127.0.0.1:9900/v1\"".into());
            found.faults.push(Setup::new("setup.control.lacking", ["test-control"]).fix(fix));
        }
        let has_feature = self.profile.features.iter().any(|feature| feature.name == "test-control");
        if self.control.is_some() && has_feature && !self.claims.contains(&"test-control") {
            let claims: Vec<&str> = self.claims.iter().copied().chain(["test-control"]).collect();
            let fix = Fix::Write(format!("claims = {claims:?}"));
            found.doubts.push(Setup::new("setup.control.unclaimed", ["test-control"]).fix(fix));
        }
        let own = world.certificate(&target.party);
        let recorder = Recorder::new(Header::default(), None)
            .map_err(|error| Setup::new("setup.runtime", [error.to_string()]))?;
        let face = Face::open(world.into(), target, Clock::Machine, 1, limits, recorder)?;
        found.sound.push(Phrase::plain("doctor.ports"));
        if self.terminal.is_some() {
            let _ = face.close(false);
            return Ok(()); // it calls, and is not called
        }
        if self.profile.name.starts_with("requester") && self.control.is_none() {
            found.faults.push(
                Setup::new("setup.control.needed", [self.profile.name])
                    .fix(Fix::Write("[control]\nurl = \"http://127.0.0.1:9900/v1\"".into())),
            );
        }
        self.look_at_control(&face, found);
        if !self.profile.name.starts_with("requester") {
            self.look_at_endpoints(&face, &own, found);
            if found.faults.is_empty() {
                self.look_at_answers(&face, found);
            }
        }
        let _ = face.close(false);
        Ok(())
    }

    fn look_at_endpoints(&self, face: &Face, own: &[u8], found: &mut Examination) {
        let party = &face.target().party;
        let asks = if party == "insurer-a" { "relay" } else { "insurer-a" };
        let mut seen: Vec<&Endpoint> = Vec::new();
        for url in face.target().endpoints.values() {
            if seen.contains(&url) {
                continue;
            }
            seen.push(url);
            let url_text = url.url.clone();
            let fault = match face.certificate(url, asks) {
                Ok(shown) if shown == own => {
                    found.sound.push(Phrase::key("doctor.endpoint", [url_text]));
                    continue;
                }
                Ok(_) => Setup::new("setup.endpoint.certificate", [&url_text, party])
                    .fix(Fix::UseIdentity(party.clone())),
                Err(NoAnswer::TlsRefused) => Setup::new("setup.endpoint.tls", [url_text])
                    .fix(Fix::TrustAuthority(self.world.join("ca/ca.pem").display().to_string())),
                Err(how) => {
                    Setup::new("setup.endpoint.unreachable", [url_text.clone(), how.name().to_owned()])
                        .fix(Fix::StartProduct(url_text))
                }
            };
            found.faults.push(fault);
        }
    }

    /// Asks every address something valid that is meant for it. What the product does with it is not looked at, but for the time that
    /// it names, and that what comes is of the standard at all: else every case would be lost on somebody who is not the product.
    fn look_at_answers(&self, face: &Face, found: &mut Examination) {
        let roles: &[&str] =
            if self.plays() == "relay" { &["mapping", "history", "disclosure"] } else { &["linkage"] };
        let mut asked: Vec<&Endpoint> = Vec::new();
        for role in roles {
            let Some(url) = face.target().endpoint(role).filter(|url| !asked.contains(url)) else { continue };
            asked.push(url);
            let mut kit = face.kit();
            let draft = match *role {
                "mapping" => kit.mapping(&[USUAL_PERSON], "insurer-b"),
                "history" => kit.history("portal", USUAL_PERSON, "portal"),
                "disclosure" => kit.notice("insurer-b", "_doctor"),
                _ => kit.query(USUAL_PERSON, &["eligibility"]),
            };
            self.look_at_answer(face, (role, draft), found);
        }
    }

    fn look_at_answer(&self, face: &Face, (role, draft): (&str, Draft), found: &mut Examination) {
        let answer = face.send(role, draft).answer;
        let what =
            answer.as_ref().map_or_else(|how| how.name().to_owned(), |answer| answer.status.to_string());
        // A product may say in a message of the standard that nothing is there.
        let answer = answer.ok().filter(|answer| ![404, 405].contains(&answer.status));
        let text = answer.and_then(|answer| String::from_utf8(answer.body).ok());
        let message = text.and_then(|text| parse(&text).ok()).filter(|root| local(&root.name) == "Envelope");
        let Some(message) = message else {
            let url = face.target().endpoint(role).map(|url| url.url.clone()).unwrap_or_default();
            let fault = Setup::new("setup.endpoint.answer", [url.clone(), what]);
            found.faults.push(fault.fix(Fix::CorrectPath(url)));
            return;
        };
        // A clock that the run sets may stand anywhere now; and one clock is told once.
        let is_clock = |fault: &Setup| fault.code.starts_with("setup.clock");
        let is_told = found.sound.contains(&Phrase::plain("doctor.clock"));
        if found.sets_clock || is_told || found.faults.iter().any(is_clock) {
            return;
        }
        let created = text_of(&message, "Created").and_then(|created| DateTime::parse(&created));
        let is_stale = find(&message, "Status").and_then(|status| status.value("code")) == Some("StaleMsg");
        match created.map(|created| clock_fault(created.seconds, face.clock().now())) {
            Some(Some(fault)) => found.faults.push(fault),
            Some(None) => found.sound.push(Phrase::plain("doctor.clock")),
            None if is_stale => found.faults.push(Setup::plain("setup.clock.stale").fix(Fix::CheckClock)),
            None => {}
        }
    }

    fn look_at_control(&self, face: &Face, found: &mut Examination) {
        let Some(base) = &self.control else { return };
        let (status, identity) = face.identity();
        if status != 200 {
            let fault = if status == 0 {
                Setup::new("setup.control.unreachable", [&base.url]).fix(Fix::StartProduct(base.url.clone()))
            } else {
                let form = format!("url = \"http://{}/v1\"", base.authority());
                Setup::new("setup.control.status", [base.url.clone(), status.to_string()])
                    .fix(Fix::Write(form))
            };
            found.faults.push(fault);
            return;
        }
        let verbs: Vec<&str> = identity
            .get("verbs")
            .and_then(|verbs| verbs.as_array())
            .map(|verbs| verbs.iter().filter_map(|verb| verb.as_str()).collect())
            .unwrap_or_default();
        if verbs.is_empty() {
            found.faults.push(Setup::new("setup.control.identity", [&base.url]));
            return;
        }
        let offers = |verb: &str| verbs.contains(&verb);
        found.level = match () {
            () if offers("outcome") || offers("logs") => 3,
            () if offers("clock") || offers("people") || offers("trust") => 2,
            () => 1,
        };
        found.sets_clock = offers("clock");
        // A product that says yes to everything would also say yes to what it does not do.
        let mut ids = Ids::new(u64::from(base.port), "doctor");
        let verb = format!("x{:08x}", ids.seed() & 0xffff_ffff);
        let act = serde_json::json!({ "act": format!("x{:08x}", ids.seed() & 0xffff_ffff) });
        for answer in [face.control("POST", &verb, None), face.control("POST", "act", Some(&act))] {
            if !matches!(answer, Err(Broken::Lacking(_))) {
                found
                    .faults
                    .push(Setup::new("setup.control.dishonest", [&base.url]).fix(Fix::AnswerNotOffered));
                return;
            }
        }
        found.sound.push(Phrase::key("doctor.control", [base.url.clone(), found.level.to_string()]));
    }
}

/// How far the product's clock is from ours, as a fault, from the `Created` of something that it has signed.
fn clock_fault(created: i64, now: i64) -> Option<Setup> {
    let ahead = created - now;
    (ahead.abs() > SKEW).then(|| Setup::new("setup.clock", [ahead.to_string()]).fix(Fix::SetClock(-ahead)))
}
