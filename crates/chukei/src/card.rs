//! `chukei card`: TEST cards as files. `chukei mock card`: a card in a reader.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::{
    Arc,
    mpsc::{self, Receiver, RecvTimeoutError, Sender},
};
use std::time::Duration;

use chukei_card::{Card, Image, LifeCycle, Slot};
use chukei_evidence::{Lang, Phrase};
use chukei_reader::{
    ATTRIBUTES, Address, Deviation, Device, Holder, Issued, OpenSsl, Order, Seen, Trace, Watch, control,
};
use chukei_world::{World, cards};
use clap::{ArgGroup, Args, ValueEnum};

use crate::foreign;
use crate::output::{self, Readers};
use crate::say::{Exit, Failure, Say};

#[derive(Args)]
#[command(group = ArgGroup::new("of_world").multiple(true).args(["person", "register"]))]
pub(crate) struct CardArgs {
    #[arg(value_enum)]
    what: What,
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    #[arg(long, value_name = "DIR", requires = "of_world")]
    world: Option<PathBuf>,
    #[arg(long, value_name = "ID", requires = "world")]
    person: Option<String>,
    #[arg(long, requires = "world")]
    register: bool,
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    #[arg(long, value_name = "NAME=VALUE")]
    pin: Vec<String>,
    #[arg(long, value_name = "NUMBER")]
    serial: Option<u64>,
    #[arg(long, value_name = "SECONDS", default_value_t = ISSUED)]
    issued: i64,
    #[arg(long, value_name = "NAME")]
    deviation: Vec<String>,
    #[arg(long, value_name = "STATE", default_value = "activated")]
    state: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Issue,
    Types,
}

#[derive(Args)]
pub(crate) struct MockCard {
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[arg(long, value_name = "FILE", conflicts_with = "kind")]
    image: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    #[arg(long, value_name = "ADDRESS|PATH")]
    reader: Option<Address>,
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

impl MockCard {
    /// Its options, and whether they are given.
    pub(crate) const fn given(&self) -> [(&'static str, bool); 6] {
        [
            ("--type", self.kind.is_some()),
            ("--image", self.image.is_some()),
            ("--script", self.script.is_some()),
            ("--reader", self.reader.is_some()),
            ("--socket", self.socket.is_some()),
            ("--trace", self.trace.is_some()),
        ]
    }
}

/// Where vpcd listens, if it is not told otherwise.
const VPCD: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 35963));
/// How long a reader that is there takes to see a card.
const SEEN_WITHIN: Duration = Duration::from_secs(3);

/// The type of cards that members of staff have.
const OPERATOR: &str = "operator-token";

/// 2026-01-01T00:00:00Z, when the mock world begins.
pub(crate) const ISSUED: i64 = 1_767_225_600;

/// Issues a card, or lists what can be issued.
pub(crate) fn run(asked: &CardArgs, say: &Say) -> Result<Exit, Failure> {
    match asked.what {
        What::Types => {
            say.result(say.text("card.types", [chukei_card::types().collect::<Vec<_>>().join(" ")]));
            say.result(say.text("card.attributes", [ATTRIBUTES.join(" ")]));
            say.result(say.text("card.deviations", [Deviation::ALL.map(|(_, name)| name).join(" ")]));
        }
        What::Issue => {
            let issued = issue(asked)?;
            if let Some(folder) = &asked.out {
                files(folder, &issued)?.iter().try_for_each(|(path, _)| output::free(path))?;
            }
            if asked.register {
                register(asked, &issued)?;
            }
            match &asked.out {
                None => say.result(toml_of(&issued.image)?.trim_end()),
                Some(folder) => {
                    write(folder, &issued)?;
                    say.note(say.text("card.issued", [folder.display().to_string()]));
                }
            }
        }
    }
    Ok(Exit::Conformant)
}

/// Puts a card into a reader of pcscd until told to stop.
pub(crate) fn mock(asked: &MockCard, say: &Say) -> Result<Exit, Failure> {
    let card = match (&asked.image, &asked.kind) {
        (Some(path), _) => load(path)?,
        (None, kind) => {
            let order = order(type_of(kind.as_deref())?, Holder::synthetic(1, ""), 1);
            let Issued { mut image, .. } = chukei_reader::issue(&order).map_err(|error| failed(&error))?;
            image.state = LifeCycle::Activated;
            Card::new(image, &OpenSsl).map_err(|error| failed(&error))?
        }
    };
    let script = asked.script.as_deref().map(read_script).transpose()?.unwrap_or_default();
    let device = Arc::new(Device::new(Slot::with(card)));
    let trace =
        asked.trace.as_deref().map(|path| Trace::to(path).map_err(|error| Failure::write(path, &error)));
    let (taken, is_taken) = mpsc::channel();
    device.watch(Watcher { trace: trace.transpose()?, taken });
    let reader = asked.reader.clone().unwrap_or(Address::Vpcd(VPCD));
    let to_stop = Arc::clone(&device);
    let _ = ctrlc::set_handler(move || to_stop.stop());
    if let Some(path) = &asked.socket {
        control::listen(&device, path, teller(say.lang)).map_err(|error| Failure::write(path, &error))?;
    }
    say.note(say.text("card.serving", [reader.to_string()]));
    let (news, place) = (Say { lang: say.lang, quiet: say.quiet }, reader.clone());
    std::thread::spawn(move || tell_taken(&is_taken, &place, &news)); // it ends with the process
    let result = std::thread::scope(|scope| {
        let server = scope.spawn(|| device.serve(&reader));
        let script = script.iter().try_for_each(|verb| control::obey(&device, verb).map(|_| ()));
        if script.is_err() {
            device.stop();
        }
        let _ = server.join(); // it has no way to fail
        script
    });
    if let Some(path) = &asked.socket {
        let _ = fs::remove_file(path);
    }
    result.map_err(|why| Failure::new(Exit::Setup, "card.script-stopped", [teller(say.lang)(&why)]))?;
    Ok(Exit::Conformant)
}

/// Sees when a reader takes the card, beside the trace.
struct Watcher {
    trace: Option<Trace>,
    taken: Sender<()>,
}

impl Watch for Watcher {
    fn see(&mut self, seen: &Seen<'_>) {
        if matches!(seen, Seen::In) {
            let _ = self.taken.send(()); // nobody may listen any more
        }
        if let Some(trace) = &mut self.trace {
            trace.see(seen);
        }
    }
}

/// Says whether a reader has taken the card, and, as long as none has, what is waited for.
fn tell_taken(is_taken: &Receiver<()>, reader: &Address, say: &Say) {
    let first = is_taken.recv_timeout(SEEN_WITHIN);
    if first == Err(RecvTimeoutError::Timeout) {
        let fix = match reader {
            Address::Vpcd(_) => "card.waiting-vpcd-fix",
            Address::Driver(_) => "card.waiting-driver-fix",
        };
        let place = [reader.to_string()];
        say.doubt(&Failure::new(Exit::Setup, "card.waiting", place.clone()).fix(fix, place));
    }
    if first.is_ok() || is_taken.recv().is_ok() {
        say.note(say.text("card.taken", [reader.to_string()]));
    }
}

fn issue(asked: &CardArgs) -> Result<Issued, Failure> {
    let unknown = |key: &str, given: &str, known: String| {
        Failure::new(Exit::Usage, key, [given.to_owned()]).fix("card.known", [known])
    };
    let mut holder = match (&asked.world, &asked.person) {
        (Some(folder), Some(id)) => person(folder, id, asked.seed)?,
        _ => Holder::synthetic(asked.seed, ""),
    };
    for given in &asked.set {
        let known = given.split_once('=').is_some_and(|(name, value)| holder.set(name, value));
        if !known {
            return Err(unknown("card.no-attribute", given, ATTRIBUTES.join(" ")));
        }
    }
    let named = |name: &String| {
        let known = || Deviation::ALL.map(|(_, name)| name).join(" ");
        Deviation::named(name).ok_or_else(|| unknown("card.no-deviation", name, known()))
    };
    let deviations = asked.deviation.iter().map(named).collect::<Result<_, _>>()?;
    let state = LifeCycle::named(&asked.state).ok_or_else(|| {
        unknown("card.no-state", &asked.state, "personalised activated suspended terminated".into())
    })?;
    let mut image = type_of(asked.kind.as_deref())?;
    for given in &asked.pin {
        let set = given.split_once('=').is_some_and(|(name, value)| image.set_pin(name, value));
        if !set {
            let pins = image.applications.iter().flat_map(|application| &application.pins);
            let named = |pin: &chukei_card::Pin| format!("{} ({}–{})", pin.name.get_ref(), pin.min, pin.max);
            return Err(unknown("card.no-pin", given, pins.map(named).collect::<Vec<_>>().join(", ")));
        }
    }
    let order =
        Order { serial: asked.serial, issued: asked.issued, deviations, ..order(image, holder, asked.seed) };
    let mut issued = chukei_reader::issue(&order).map_err(|error| failed(&error))?;
    issued.image.state = state;
    Ok(issued)
}

/// Tells the relays of a world whose card it is: a person's, or that of a member of staff.
fn register(asked: &CardArgs, issued: &Issued) -> Result<(), Failure> {
    let Some(folder) = &asked.world else { return Ok(()) };
    let broken = |error| crate::mock::failed(folder, &error);
    let world = World::open(folder).map_err(broken)?;
    let kind = asked.kind.as_deref().unwrap_or_default();
    let of = if kind == OPERATOR { cards::Holder::Operator } else { cards::Holder::Card };
    for made in &issued.certificates {
        let id = format!("{kind}/{}/{}", asked.person.as_deref().unwrap_or("staff"), made.name);
        let new = cards::Registration {
            of,
            id: &id,
            person: asked.person.as_deref().filter(|_| of == cards::Holder::Card),
            certificate: &made.certificate,
            authority: &made.authority,
            revocation_list: &made.revocation_list,
        };
        world.register_card(&new).map_err(broken)?;
    }
    Ok(())
}

const fn order(image: Image, holder: Holder, seed: u64) -> Order {
    Order { image, holder, seed, issued: ISSUED, serial: None, deviations: Vec::new() }
}

/// A person of the mock world: her name, birth date and 44-digit id; the rest is made up.
fn person(folder: &Path, id: &str, seed: u64) -> Result<Holder, Failure> {
    let people = World::open(folder).and_then(|world| world.people());
    let people = people.map_err(|error| crate::mock::failed(folder, &error))?;
    let person = people.person(id).ok_or_else(|| {
        let some =
            people.people.iter().take(5).map(|person| person.id.as_str()).collect::<Vec<_>>().join(" ");
        Failure::new(Exit::Usage, "card.no-person", [id.to_owned()]).fix("card.known", [some + " …"])
    })?;
    let mut holder = Holder::synthetic(seed, id);
    holder.set("name", &person.name);
    holder.set("born", &person.born);
    if let Some(number) = person.numbers.iter().find(|number| number.scheme == "kamogawa") {
        holder.set("kamogawa-id", &number.value);
    }
    Ok(holder)
}

fn type_of(name: Option<&str>) -> Result<Image, Failure> {
    let known = || chukei_card::types().collect::<Vec<_>>().join(" ");
    let Some(name) = name else {
        return Err(Failure::new(Exit::Usage, "card.without-type", [""; 0]).fix("card.known", [known()]));
    };
    if name.contains('/') || Path::new(name).extension().is_some_and(|end| end == "toml") {
        let path = Path::new(name);
        let text = fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
        return Image::parse(&text).map_err(|error| misread(path, &error));
    }
    chukei_card::named(name).ok_or_else(|| {
        Failure::new(Exit::Usage, "card.no-type", [name.to_owned()]).fix("card.known", [known()])
    })
}

pub(crate) fn load(path: &Path) -> Result<Card, Failure> {
    control::load(path).map_err(|error| match error {
        control::LoadError::Image(error) => misread(path, &error),
        control::LoadError::Key(error) => {
            Failure::new(Exit::Usage, "card.unusable-key", [path.display().to_string(), error.key])
                .fix("card.misread-fix", [""; 0])
        }
        other => Failure::read(path, &other),
    })
}

/// Says why a verb is not done, with the place of a mistake before it.
fn teller(lang: Lang) -> control::Tell {
    Arc::new(move |why| {
        let text = |key: &str, with: Vec<String>| foreign::say(&Phrase::key(key, with), lang);
        match why {
            control::NotDone::Line(error) => {
                format!("{}:{}: {}", error.line, error.column, text(error.code, error.with.clone()))
            }
            control::NotDone::Load(path, control::LoadError::Image(error)) => {
                let (line, column) = (error.line, error.column);
                format!("{}:{line}:{column}: {}", path.display(), text(error.code, error.with.clone()))
            }
            control::NotDone::Load(path, control::LoadError::Key(error)) => {
                text("card.unusable-key", vec![path.display().to_string(), error.key.clone()])
            }
            control::NotDone::Load(path, error) => {
                text("failure.read", vec![path.display().to_string(), error.to_string()])
            }
            control::NotDone::Now(code, with) => text(code, with.clone()),
            other => other.to_string(),
        }
    })
}

fn read_script(path: &Path) -> Result<Vec<control::Verb>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    control::script(&text).map_err(|error| {
        Failure::new(Exit::Usage, error.code, error.with)
            .at(path, error.line, error.column)
            .fix("card.script-fix", [""; 0])
    })
}

pub(crate) fn misread(path: &Path, error: &chukei_card::ImageError) -> Failure {
    Failure::new(Exit::Usage, error.code, error.with.clone())
        .at(path, error.line, error.column)
        .fix("card.misread-fix", [""; 0])
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Setup, "card.failed", [error.to_string()])
}

fn toml_of(image: &Image) -> Result<String, Failure> {
    image.to_toml().map_err(|error| failed(&error))
}

fn write(folder: &Path, issued: &Issued) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::write(folder, &error))?;
    let files = files(folder, issued)?;
    files.iter().try_for_each(|(path, text)| output::write_new(path, text.as_bytes(), Readers::Usual))
}

/// What a card is in a folder.
fn files(folder: &Path, issued: &Issued) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut files = vec![(folder.join("card.toml"), toml_of(&issued.image)?)];
    for made in &issued.certificates {
        let named = |end: &str| folder.join(format!("{}{end}.pem", made.name));
        files.push((named(""), made.certificate.clone()));
        files.push((named("-authority"), made.authority.clone()));
        files.push((named("-crl"), made.revocation_list.clone()));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_mistake_in_a_script_is_told_in_both_languages() {
        for (text, en, ja) in [
            (
                "insert\nfault sign onze mute",
                "2:12: expected one of: after, once",
                "2:12: ここに書けるもの: after",
            ),
            (
                "fault sing mute",
                "1:7: expected one of: any, power, extended, select,",
                "1:7: ここに書けるもの: any",
            ),
            ("fault sign status 1234", "1:19: expected a status word", "1:19: ここには 6100"),
            ("fault sign after x mute", "1:18: expected a number", "1:18: ここには数を書いてください"),
            ("fault power mute", "1:13: expected dead", "1:13: dead は power"),
            ("eject now", "1:7: expected the end", "1:7: ここで行が終わる"),
            ("injekt", "1:1: expected one of: insert,", "1:1: ここに書けるもの: insert"),
            ("pause long", "1:7: expected a number of milli", "1:7: ここにはミリ秒"),
            ("advance dead", "1:9: expected one of: personalised", "1:9: ここに書けるもの: personalised"),
            ("save", "1:5: expected a file", "1:5: ここにはファイル"),
        ] {
            for (lang, told) in [(Lang::En, en), (Lang::Ja, ja)] {
                let why = control::NotDone::Line(control::script(text).unwrap_err());
                let said = teller(lang)(&why);
                assert!(said.starts_with(told), "{text}: {said}");
            }
        }
    }

    #[test]
    fn what_cannot_be_done_now_is_told_in_both_languages() {
        let device = Device::new(Slot::default());
        for (text, en, ja) in [
            ("insert", "there is no card", "カードがありません"),
            ("advance activated", "the card cannot become activated", "カードは activated になれません"),
        ] {
            let verb = control::script(text).unwrap().remove(0);
            let why = control::obey(&device, &verb).unwrap_err();
            assert_eq!((teller(Lang::En)(&why), teller(Lang::Ja)(&why)), (en.to_owned(), ja.to_owned()));
        }
    }
}
