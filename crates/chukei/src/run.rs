//! `chukei run`, `doctor`, `replay`: a product is driven, judged, and the outputs written.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
    sync::Arc,
};

use chukei_evidence::{
    Baseline, BundleKey, Date, Measured, Model, Secrets, Transcript, Trust, judge, pack, sha256_hex,
};
use chukei_harness::{CardPlace, Contacts, Examination, Pins, Setup, Sut, TerminalPlace, World};
use chukei_report::Report;
use chukei_spec::Index;

use crate::{
    args,
    client::PORTAL,
    contacts,
    counter::{Booth, Cards, Process},
    engine::{self, Order},
    list::unknown_profile,
    say::{Exit, Failure, Say, catalogue},
};

/// First line of a description that a run has made.
const MADE: &str = "# Made by chukei run.\n";
/// Name of the bundle among the outputs.
const BUNDLE: &str = "evidence.chukei";
/// Usual name of the description of a product.
const SUT: &str = "sut.toml";
/// What there is of it while a run is under way, and after one that was interrupted.
const PARTIAL: &str = "evidence.chukei.partial";

/// Runs the suite against a product.
pub(crate) fn run(asked: &args::Run, say: &Say) -> Result<Exit, Failure> {
    let described = described(asked)?;
    let is_made = described.is_some();
    let (sut, file) = match described {
        Some(sut) => (sut, asked.out.join(SUT)),
        None => (read(&asked.sut)?, asked.sut.clone()),
    };
    let baseline = asked.baseline.as_deref().map(read_baseline).transpose()?;
    let key = key(asked.key.as_deref(), asked.seed)?;
    let order =
        Order { select: &asked.select, seed: asked.seed, epoch: asked.epoch, limits: engine::limits() };
    let made = is_made.then_some(file.as_path());
    let exit = run_order(&sut, &file, &order, (&asked.out, made, baseline.as_ref(), &key), say)?;
    if asked.key.is_none() {
        say.note(say.text("run.test-key", [key.public().to_string()]));
    }
    Ok(exit)
}

/// The description of a card or a terminal, from the command line.
fn described(asked: &args::Run) -> Result<Option<Sut>, Failure> {
    let Some(profile) = &asked.card.profile else { return Ok(None) };
    if !(profile.starts_with("card@") || profile.starts_with("terminal@")) {
        return Err(match Index::profile(profile) {
            Some(_) => {
                Failure::new(Exit::Usage, "run.needs-sut", [profile]).fix("run.needs-sut-fix", [""; 0])
            }
            None => unknown_profile(profile),
        });
    }
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let path = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        quoted(&absolute.display().to_string())
    };
    let card = &asked.card;
    let is_terminal = profile.starts_with("terminal@");
    if is_terminal && card.client.is_none() {
        return Err(Failure::new(Exit::Usage, "run.no-client", [profile]).fix("run.no-client-fix", [""; 0]));
    }
    if !is_terminal && card.client.is_some() {
        return Err(
            Failure::new(Exit::Usage, "run.no-terminal", [profile]).fix("run.no-terminal-fix", [""; 0])
        );
    }
    let (name, place) = match (&card.client, &card.reader, &card.image) {
        (Some(client), Some(reader), _) => {
            let operator = card.operator.as_deref();
            let operator = operator.map(|operator| format!("\noperator = {}", quoted(operator)));
            let place = format!(
                "[terminal]\nclient = {}\nreader = {}{}",
                quoted(client),
                quoted(reader),
                operator.unwrap_or_default()
            );
            (client.clone(), place)
        }
        (_, Some(reader), _) => (format!("card in {reader}"), format!("[card]\nreader = {}", quoted(reader))),
        (_, None, Some(image)) => {
            (format!("card {}", image.display()), format!("[card]\nimage = {}", path(image)))
        }
        (_, None, None) => {
            return Err(Failure::new(Exit::Usage, "run.no-card", [""; 0]).fix("run.no-card-fix", [""; 0]));
        }
    };
    let claims: Vec<String> = asked.card.claim.iter().map(|claim| quoted(claim)).collect();
    let pins = asked.card.pins.as_deref().map(|pins| format!("pins = {}\n", path(pins)));
    let world = card.world.as_deref();
    let world = world.map(|dir| format!("\n[world]\ndir = {}\nparty = \"{PORTAL}\"\n", path(dir)));
    let unknown = chukei_evidence::Product::UNKNOWN;
    let text = format!(
        "{MADE}profile = {}\nclaims = [{}]\n\n[product]\nvendor = \"{unknown}\"\nname = {}\nversion = \"{unknown}\"\n\n{place}\n{}{}",
        quoted(profile),
        claims.join(", "),
        quoted(&name),
        pins.unwrap_or_default(),
        world.unwrap_or_default(),
    );
    Sut::parse(&text, Path::new("")).map(Some).map_err(|fault| of_options(&fault))
}

/// A fault of a description that nobody wrote, as one of the options that it was made of.
fn of_options(fault: &Setup) -> Failure {
    let missing = |option: &str| {
        Failure::new(Exit::Usage, "usage.missing", [option]).fix("usage.help", ["chukei run".to_owned()])
    };
    let named = Setup { place: None, ..fault.clone() };
    match (fault.code, fault.with.first().map(String::as_str)) {
        ("setup.sut.lacking", Some("world")) => missing("--world <DIR>"),
        ("setup.sut.lacking", Some("terminal.operator")) => missing("--operator <NAME>"),
        ("setup.sut.claim", _) => Failure::setup(&named, "").usage().by("--claim"),
        _ => Failure::setup(&named, "").usage().by("--profile"),
    }
}

/// Writes the description that was made of the options beside the outputs, for `replay`. What somebody else has written there stays.
fn write_made(text: &str, file: &Path) -> Result<(), Failure> {
    let is_free = match fs::read_to_string(file) {
        Ok(there) => there.starts_with(MADE),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if is_free { fs::write(file, text).map_err(|error| Failure::write(file, &error)) } else { Ok(()) }
}

/// Runs the cases of a bundle again, with its seed.
pub(crate) fn replay(asked: &args::Replay, say: &Say) -> Result<Exit, Failure> {
    let bytes = fs::read(&asked.bundle).map_err(|error| Failure::read(&asked.bundle, &error))?;
    let verified = chukei_evidence::verify(&bytes, chukei_conformance::registry(), Trust::AnyKey)
        .map_err(|fault| crate::verify::refused(&fault, say))?;
    let header = verified.transcript.header();
    let select = asked.case.clone().map_or_else(|| header.selection.clone(), |case| vec![case]);
    let sut = read(&asked.sut)?;
    let order =
        Order { select: &select, seed: header.seed, epoch: Some(header.epoch), limits: engine::limits() };
    run_order(&sut, &asked.sut, &order, (&asked.out, None, None, &key(None, header.seed)?), say)
}

/// Looks at a set-up.
pub(crate) fn doctor(asked: &args::Doctor, say: &Say) -> Result<Exit, Failure> {
    let sut = read(&asked.sut)?;
    if let Some(place) = &sut.card {
        let (mut contacts, _) = inserted(place)?;
        let atr = contacts.reset().map_err(|how| {
            Failure::new(Exit::Setup, "pcsc.mute", [how.name()]).fix("pcsc.card-fix", [""; 0])
        })?;
        let atr: String = atr.iter().map(|octet| format!("{octet:02X}")).collect();
        say.result(format_args!("✓ ATR {atr}"));
        say.result(say.text("doctor.ready", [asked.sut.display().to_string()]));
        return Ok(Exit::Conformant);
    }
    if let Some(place) = &sut.terminal {
        let scratch = tempfile::tempdir().map_err(|error| Failure::write(Path::new("TMPDIR"), &error))?;
        drop(Booth::open(place, Cards::new(1, today_seconds(None)), scratch.path())?);
        say.result(say.text("terminal.seen", [place.reader.as_str()]));
        if !has_world(&sut) {
            say.result(say.text("doctor.ready", [asked.sut.display().to_string()]));
            return Ok(Exit::Conformant);
        }
    }
    let health = sut.examine(engine::limits());
    for line in &health.sound {
        say.result(format_args!("✓ {}", catalogue().say(line, say.lang)));
    }
    for doubt in &health.doubts {
        say.doubt(&Failure::setup(doubt, &asked.sut.display().to_string()));
    }
    for fault in &health.faults {
        say.failure(&Failure::setup(fault, &asked.sut.display().to_string()));
    }
    if health.faults.is_empty() {
        say.result(say.text("doctor.ready", [asked.sut.display().to_string()]));
        Ok(Exit::Conformant)
    } else {
        Ok(Exit::Setup)
    }
}

fn run_order(
    sut: &Sut,
    file: &Path,
    order: &Order<'_>,
    (out, made, baseline, key): (&Path, Option<&Path>, Option<&Baseline>, &BundleKey),
    say: &Say,
) -> Result<Exit, Failure> {
    let cases = engine::chosen(sut, order.select)?;
    let card = sut.card.as_ref().map(proved).transpose()?;
    let load =
        || World::load(&sut.world).map_err(|fault| Failure::setup(&fault, &file.display().to_string()));
    let health = if has_world(sut) { sut.examine(order.limits) } else { Examination::default() };
    for doubt in &health.doubts {
        say.doubt(&Failure::setup(doubt, &file.display().to_string()));
    }
    if let Some(fault) = health.faults.first() {
        for other in health.faults.iter().skip(1) {
            say.failure(&Failure::setup(other, &file.display().to_string()));
        }
        return Err(Failure::setup(fault, &file.display().to_string()));
    }
    let is_new = !out.exists();
    fs::create_dir_all(out).map_err(|error| Failure::write(out, &error))?;
    let booth = sut.terminal.as_ref().map(|place| booth(place, order, out)).transpose();
    // A folder that is empty was made for nothing.
    let booth = booth.inspect_err(|_| {
        if is_new {
            drop(fs::remove_dir(out))
        }
    })?;
    if let Some(made) = made {
        write_made(&sut.text, made)?;
    }
    let partial = out.join(PARTIAL);
    let sink = File::create(&partial).map_err(|error| Failure::write(&partial, &error))?;
    say.note(say.text("run.begins", [sut.profile.name.to_owned(), cases.len().to_string()]));
    engine::listen_for_stop();
    let progress = |done, all| say.progress(done, all);
    let sink = Box::new(BufWriter::new(sink));
    let transcript = if let Some(card) = card {
        engine::play_card(sut, card, order, &cases, Some(sink), &progress)?
    } else if let Some(booth) = booth {
        let world = has_world(sut).then(load).transpose()?.map(Arc::new);
        engine::play_terminal(sut, (Box::new(booth), world), order, &cases, Some(sink), &progress)?
    } else {
        let level = (health.level, health.sets_clock);
        engine::play(sut, &load()?.into(), order, &cases, level, Some(sink), &progress)?
    };
    if !transcript.complete() {
        return Err(Failure::new(Exit::Empty, "run.stopped", [partial.display().to_string()]));
    }

    let model = judge(&transcript, chukei_conformance::registry());
    // By the clock of the machine: what was allowed until a day is not allowed in a run that plays an earlier one.
    let today = Date::of(today_seconds(None));
    let measured = baseline.map(|baseline| baseline.measure(&model, chukei_conformance::registry(), today));
    let bundle = pack(&transcript, &model, &sut.text, key, &secrets(sut))
        .map_err(|error| Failure::new(Exit::Harness, "run.pack", [error.to_string()]))?;
    let exit = Exit::of(
        measured.as_ref().map_or_else(|| model.standing.exit_code(), |measured| measured.exit_code(&model)),
    );
    let written = Written { transcript: &transcript, model: &model, measured: measured.as_ref(), bundle };
    written.write((file, out), say)?;
    fs::remove_file(&partial).map_err(|error| Failure::write(&partial, &error))?;
    Ok(exit)
}

/// Whether a party is tested, or what is a party's: then there is a world around it.
fn has_world(sut: &Sut) -> bool {
    !sut.world.as_os_str().is_empty()
}

/// The card under test, and its PINs.
fn inserted(place: &CardPlace) -> Result<(Box<dyn Contacts>, Pins), Failure> {
    Ok((contacts::open(place)?, contacts::pins(place.pins.as_deref())?))
}

/// The same, when it accepts these PINs.
fn proved(place: &CardPlace) -> Result<(Box<dyn Contacts>, Pins), Failure> {
    let (mut contacts, mut pins) = inserted(place)?;
    contacts::prove(contacts.as_mut(), &mut pins, place.pins.as_deref())?;
    Ok((contacts, pins))
}

/// The terminal under test, with its reader and its cards. They are good at the time of the machine, as it is.
fn booth(place: &TerminalPlace, order: &Order<'_>, out: &Path) -> Result<Booth<Process>, Failure> {
    Booth::open(place, Cards::new(order.seed, today_seconds(order.epoch)), out)
}

/// What a run leaves.
struct Written<'w> {
    transcript: &'w Transcript,
    model: &'w Model,
    measured: Option<&'w Measured>,
    bundle: Vec<u8>,
}

impl Written<'_> {
    /// Writes all outputs, or none: beside their places first, then into them.
    fn write(self, (sut, out): (&Path, &Path), say: &Say) -> Result<(), Failure> {
        // The commands that are shown are typed where the run was begun: with the files as they were named.
        let (bundle, sut) = (quoted(&out.join(BUNDLE)), quoted(sut));
        let report = Report {
            model: self.model,
            transcript: self.transcript,
            catalogue: catalogue(),
            bundle: &bundle,
            sut: &sut,
            measured: self.measured,
        };
        let files = [
            ("report.html", report.html(say.lang).into_bytes()),
            ("report.json", report.json()),
            ("verdicts.csv", report.csv(say.lang).into_bytes()),
            ("junit.xml", report.junit(say.lang).into_bytes()),
            ("results.sarif", report.sarif(say.lang)),
            (BUNDLE, self.bundle),
        ];
        let mut moves = Vec::new();
        for (name, bytes) in &files {
            let beside = out.join(format!("{name}.new"));
            moves.push((beside.clone(), out.join(name)));
            if let Err(error) = fs::write(&beside, bytes) {
                moves.iter().for_each(|(beside, _)| drop(fs::remove_file(beside)));
                return Err(Failure::write(&beside, &error));
            }
        }
        for (beside, place) in moves {
            fs::rename(&beside, &place).map_err(|error| Failure::write(&place, &error))?;
        }
        say.result(report.summary(say.lang).trim_end());
        say.note(say.text("run.report", [out.join("report.html").display().to_string()]));
        Ok(())
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn read(path: &Path) -> Result<Sut, Failure> {
    Sut::load(path).map_err(|fault| Failure::setup(&fault, &path.display().to_string()).usage())
}

fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    Baseline::parse(&text).map_err(|error| {
        Failure::of(Exit::Usage, error.what)
            .at(path, error.line, error.column)
            .fix("run.baseline-fix", [""; 0])
    })
}

/// The key that vouches for the run; without one, a key that everybody can compute.
fn key(file: Option<&Path>, seed: u64) -> Result<BundleKey, Failure> {
    let Some(path) = file else {
        return test_key(seed).ok_or_else(|| Failure::new(Exit::Harness, "run.key", ["TEST".to_owned()]));
    };
    let text = fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    BundleKey::parse(&text).ok_or_else(|| Failure::new(Exit::Usage, "run.key", [path.display().to_string()]))
}

/// The key of a run that nobody vouches for: who knows the seed knows it.
pub(crate) fn test_key(seed: u64) -> Option<BundleKey> {
    BundleKey::parse(&sha256_hex(format!("chukei TEST evidence key {seed}").as_bytes()))
}

/// Private keys of the world folder: none of them may stand in evidence.
fn secrets(sut: &Sut) -> Secrets {
    let mut secrets = Secrets::default();
    if !has_world(sut) {
        return secrets; // the suite has no key for a card, and a terminal by itself has none
    }
    let folders = fs::read_dir(sut.world.join("keys")).into_iter().flatten().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
    let keys: Vec<PathBuf> =
        files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|e| e == "key")).collect();
    for path in keys {
        let text = fs::read_to_string(&path).unwrap_or_default();
        // A line of the private exponent: those before it are the public modulus, which every certificate shows.
        if let Some(line) = text.lines().nth(9).filter(|line| line.len() >= 32) {
            let _ = secrets.register(&path.display().to_string(), line.as_bytes());
        }
    }
    secrets
}

fn today_seconds(epoch: Option<i64>) -> i64 {
    epoch.unwrap_or_else(|| chukei_harness::Clock::Machine.now())
}
