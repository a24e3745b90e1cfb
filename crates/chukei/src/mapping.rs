//! `chukei mapping`: what a relay maps, for its operators. No number is ever printed that was not asked for, and none is taken
//! from the command line, where others can read it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chukei_crypto::UnixTime;
use chukei_import::{Expected, File, Finding};
use chukei_profile::Date;
use chukei_relay::Person;
use chukei_relay::changes::{Assigned, MappingFault, MappingNote, Standing, day, midnight};
use chukei_relay::numbers::{Level, Number, NumberKind, is_insurer_number, is_municipality, party_code};
use chukei_store::{
    About, Applied, Batch, Held, Location, MOST_FAULTS, Outcome, PartyEntry, Refused, Registry,
    RegistryFault, Role, SourceEntry, Store,
};
use chukei_xml::lexical::DateTime;
use serde::Deserialize;
use toml::Spanned;

use crate::{
    args::{Mapping, MappingImport, MappingKey, MappingRegister, MappingShow, MappingUnplaced},
    forms,
    ledger::{existing, location, made, now, unusable},
    say::{Exit, Failure, Say},
};

/// Findings that are listed for each file.
const LISTED: usize = 100;
/// How long an import tells nothing. A little less than the store's own pace, so that each of its calls is told.
const SILENCE: Duration = Duration::from_millis(1900);

/// Does what was asked of the mappings.
pub(crate) fn run(asked: &Mapping, say: &Say) -> Result<Exit, Failure> {
    match asked {
        Mapping::Register(asked) => register(asked, say),
        Mapping::Import(asked) => import(asked, say),
        Mapping::Show(asked) => show(asked, say),
        Mapping::History(asked) => history(asked, say),
        Mapping::Unplaced(asked) => unplaced(asked, say),
    }
}

/// A registry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryFile {
    #[serde(default)]
    source: Vec<SourceTable>,
    #[serde(default)]
    party: Vec<PartyTable>,
    #[serde(default)]
    insurer: Vec<InsurerTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    name: String,
    role: Spanned<String>,
    town: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartyTable {
    code: String,
    entity: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InsurerTable {
    number: Spanned<String>,
    entity: String,
    source: Option<String>,
}

fn register(asked: &MappingRegister, say: &Say) -> Result<Exit, Failure> {
    let path = asked.registry.as_path();
    let text = std::fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    let wrong = |key: &str, what: &str| {
        Failure::new(Exit::Usage, key, [what]).fix("mapping.bad-registry-fix", [""; 0])
    };
    let at = |failure: Failure, from: usize| {
        let before = text.get(..from).unwrap_or(&text);
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        failure.at(path, before.matches('\n').count() + 1, column)
    };
    let value = |key: &str, value: &Spanned<String>| at(wrong(key, value.get_ref()), value.span().start);
    let file: RegistryFile = toml::from_str(&text).map_err(|error| {
        at(wrong("mapping.bad-registry", error.message()), error.span().map_or(0, |span| span.start))
    })?;
    let mut registry = Registry::default();
    for SourceTable { name, role, town } in file.source {
        let known = Role::from_name(role.get_ref());
        let role = known.ok_or_else(|| value("mapping.bad-role", &role))?;
        if let Some(town) = town.as_ref().filter(|town| !is_municipality(town.get_ref())) {
            return Err(value("mapping.bad-town", town));
        }
        registry.sources.push(SourceEntry { name, role, town: town.map(Spanned::into_inner) });
    }
    for PartyTable { code, entity, source } in file.party {
        registry.parties.push(PartyEntry { code: party_code(&code), entity, source });
    }
    for InsurerTable { number, entity, source } in file.insurer {
        if !is_insurer_number(number.get_ref()) {
            return Err(value("mapping.bad-insurer", &number));
        }
        let code = party_code(number.get_ref());
        registry.parties.push(PartyEntry { code, entity: Some(entity), source });
    }
    let counts = [registry.sources.len(), registry.parties.len()].map(|count| count.to_string());
    let of_file = |key: &str, name: &str| {
        Failure::new(Exit::Usage, key, [path.display().to_string(), name.to_owned()])
            .fix("mapping.bad-registry-fix", [""; 0])
    };
    let refused = |fault: RegistryFault| match fault {
        RegistryFault::Unavailable(_) => unusable(&asked.state, &fault),
        RegistryFault::Source(name) => of_file("mapping.bad-source", &name),
        RegistryFault::Party(code) => of_file("mapping.bad-party", &code),
    };
    let location = location(&asked.state)?;
    if !Store::exists(&location).map_err(|error| unusable(&asked.state, &error))? {
        // What is refused leaves no new state behind.
        registry.check_alone().map_err(refused)?;
    }
    made(&asked.state)?.register(registry).map_err(refused)?;
    say.result(say.text("mapping.registered", counts));
    Ok(Exit::Conformant)
}

fn import(asked: &MappingImport, say: &Say) -> Result<Exit, Failure> {
    if asked.dry_run && asked.files.len() > 1 {
        return Err(Failure::new(Exit::Usage, "mapping.one-dry", [""; 0]).fix("mapping.one-dry-fix", [""; 0]));
    }
    if let Location::File(path) = location(&asked.state)?
        && !path.exists()
    {
        return Err(Failure::new(Exit::Usage, "mapping.no-state", [path.display().to_string()])
            .fix("mapping.no-state-fix", [""; 0]));
    }
    let store = existing(&asked.state)?;
    for (at, path) in asked.files.iter().enumerate() {
        import_one(asked, &store, path, say).inspect_err(|_| stopped(&asked.files, at, say))?;
    }
    Ok(Exit::Conformant)
}

/// What became of the other files when one of several is refused.
fn stopped(files: &[PathBuf], at: usize, say: &Say) {
    let names = |files: &[PathBuf]| {
        files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
    };
    let (before, after) = files.split_at_checked(at).unwrap_or_default();
    for (key, files) in [("mapping.before", before), ("mapping.after", after.get(1..).unwrap_or_default())] {
        if !files.is_empty() {
            say.result(say.text(key, [names(files)]));
        }
    }
}

fn import_one(asked: &MappingImport, store: &Store, path: &Path, say: &Say) -> Result<(), Failure> {
    let name = path.display().to_string();
    let refused = |count: usize| {
        // The store stops there.
        let key = if count < MOST_FAULTS { "mapping.refused" } else { "mapping.refused-more" };
        Failure::new(Exit::Usage, key, [name.clone(), count.to_string()]).fix("mapping.refused-fix", [""; 0])
    };
    let octets = std::fs::read(path).map_err(|error| Failure::read(path, &error))?;
    let file = File::open(octets).map_err(|found| {
        say.result(finding_text(&name, &found, say));
        refused(1)
    })?;
    let header = file.header().clone();
    let unusable = |error: &dyn std::fmt::Display| unusable(&asked.state, error);
    let unknown = || {
        Failure::new(Exit::Setup, "mapping.no-source", [header.source.clone()])
            .fix("mapping.no-source-fix", [""; 0])
    };
    let state = store.source(&header.source).map_err(|error| unusable(&error))?.ok_or_else(unknown)?;
    let expected = Expected {
        source: &header.source,
        town: state.town.as_deref(),
        sequence: state.next,
        previous: state.digest,
    };
    let found = file.check(&expected);
    if !found.is_empty() {
        found.iter().for_each(|found| say.result(finding_text(&name, found, say)));
        return Err(refused(found.len()));
    }

    let level = if asked.lenient { Level::Lenient } else { Level::Strict };
    let (rows, lang, quiet) = (file.rows(), say.lang, say.quiet);
    let (mut told, mut when) = (0, Instant::now());
    let read = file.clone();
    let outcome = store.apply(Batch {
        source: header.source.clone(),
        sequence: header.sequence,
        previous: header.previous,
        digest: file.digest(),
        at: now(),
        dry_run: asked.dry_run,
        changes: move || read.changes(level),
        progress: Box::new(move |done| {
            // Once for each tenth, and every two seconds where a tenth takes longer.
            let tenth = done.saturating_mul(10).checked_div(rows).unwrap_or_default();
            if tenth != told || when.elapsed() >= SILENCE {
                (told, when) = (tenth, Instant::now());
                let say = Say { lang, quiet };
                say.note(say.text("mapping.progress", [done.to_string(), rows.to_string()]));
            }
        }),
    });
    match outcome.map_err(|error| unusable(&error))? {
        Outcome::Applied(applied) => {
            tell(&name, asked.dry_run, &file, &applied, say);
            Ok(())
        }
        Outcome::Refused(why) => {
            tell_refused(&name, &file, &why, say);
            Err(refused(why.len()))
        }
    }
}

/// Why a file is refused. A party that is not registered is told where the file declares it, once.
fn tell_refused(name: &str, file: &File, why: &[Refused<Finding>], say: &Say) {
    let mut told = BTreeSet::new();
    for why in why.iter().take(LISTED) {
        if let Refused::Change { fault: MappingFault::UnknownParty, about: Some(about), .. } = why
            && let Some((line, column)) = file.declares(&about.party)
        {
            if told.insert(&about.party) {
                let text = say.text("mapping.unregistered", [about.party.clone()]);
                say.result(format_args!("{name}:{line}:{column}: {text}"));
            }
            continue;
        }
        say.result(refused_text(name, why, say));
    }
}

/// What a file changed, and what somebody should look at.
fn tell(name: &str, dry_run: bool, file: &File, applied: &Applied, say: &Say) {
    let (notes, more) = file.notes();
    for note in notes.iter().take(LISTED) {
        say.result(finding_text(name, note, say));
    }
    let kept = applied.notes.iter().take(LISTED);
    kept.for_each(|(line, note)| say.result(note_text(name, *line, *note, say)));
    let listed = |count: usize| u64::try_from(count.saturating_sub(LISTED)).unwrap_or(u64::MAX);
    let more = [more, listed(notes.len()), applied.more_notes, listed(applied.notes.len())]
        .into_iter()
        .fold(0_u64, u64::saturating_add);
    if more > 0 {
        say.result(say.text("mapping.more-notes", [name.to_owned(), more.to_string()]));
    }
    let counts =
        [applied.changes, applied.persons, applied.added, applied.ended].map(|count| count.to_string());
    let key = if dry_run { "mapping.would" } else { "mapping.applied" };
    say.result(say.text(key, [name.to_owned()].into_iter().chain(counts)));
}

fn show(asked: &MappingShow, say: &Say) -> Result<Exit, Failure> {
    let (store, person) = found(&asked.key, say)?;
    let at = asked.at.as_deref().map(date).transpose()?.unwrap_or_else(now);
    let only = asked.only.as_deref().map(party_code);
    let fails = |error: &dyn std::fmt::Display| unusable(&asked.key.state, error);
    let held = store.held(person, Some(at), only.as_deref()).map_err(|error| fails(&error))?;
    if let Some(form) = asked.form {
        let changes = store.versions(person).map_err(|error| fails(&error))?.len();
        say.result(forms::csv(form, &held, changes));
        return Ok(Exit::Conformant);
    }
    if held.is_empty() {
        let all = store.held(person, None, only.as_deref()).map_err(|error| fails(&error))?;
        let day = [day(at).unwrap_or_default()];
        match all.iter().max_by_key(|held| held.until.0) {
            None => say.result(say.text("mapping.none-held", day)),
            Some(last) => {
                say.result(say.text("mapping.none-held-then", day.into_iter().chain([last_day(last)])));
            }
        }
    }
    for held in held {
        say.result(held_text(&held, say));
    }
    Ok(Exit::Conformant)
}

/// The last day on which a number counts; the first one, if it has no end.
fn last_day(held: &Held) -> String {
    let last = UnixTime(held.until.0.saturating_sub(1).max(held.from.0));
    day(held.until).and_then(|_| day(last)).or_else(|| day(held.from)).unwrap_or_default()
}

fn history(asked: &MappingKey, say: &Say) -> Result<Exit, Failure> {
    let (store, person) = found(asked, say)?;
    for version in store.versions(person).map_err(|error| unusable(&asked.state, &error))? {
        let at = DateTime { seconds: version.at.0, nanoseconds: 0 }.format();
        let what = say.text(&format!("mapping.action.{}", version.what), [""; 0]);
        let numbers = [version.version, version.sequence, version.line, version.replaced];
        let texts = [at, version.source, what].into_iter().chain(numbers.map(|number| number.to_string()));
        say.result(say.text("mapping.version", texts));
    }
    Ok(Exit::Conformant)
}

fn unplaced(asked: &MappingUnplaced, say: &Say) -> Result<Exit, Failure> {
    let store = existing(&asked.state)?;
    let at = asked.at.as_deref().map(date).transpose()?.unwrap_or_else(now);
    let fails = |error: &dyn std::fmt::Display| unusable(&asked.state, error);
    let persons = store.without_scheme(at).map_err(|error| fails(&error))?;
    // An operator has to find them: by the numbers that do not say what they have, else by the last that they had.
    let is_key = |held: &&Held| {
        matches!(
            held.kind,
            NumberKind::Resident | NumberKind::Visible | NumberKind::UserId | NumberKind::Reference
        )
    };
    let written = |held: &Held| format!("{} {} {}", held.party, held.kind.name(), held.number.as_str());
    for person in &persons {
        let now = store.held(*person, Some(at), None).map_err(|error| fails(&error))?;
        let mut keys: Vec<String> = now.iter().filter(is_key).map(written).collect();
        if keys.is_empty() {
            let all = store.held(*person, None, None).map_err(|error| fails(&error))?;
            let last = |held: &[&Held]| held.iter().map(|held| held.until.0).max();
            let of_keys: Vec<&Held> = all.iter().filter(is_key).collect();
            let candidates = if of_keys.is_empty() { all.iter().collect() } else { of_keys };
            let end = last(&candidates);
            for held in candidates.into_iter().filter(|held| Some(held.until.0) == end) {
                keys.push(say.text("mapping.last-known", [written(held), last_day(held)]));
            }
        }
        say.result(say.text("mapping.person-without", [person.0.to_string(), keys.join(", ")]));
    }
    say.result(say.text("mapping.without", [persons.len().to_string()]));
    Ok(Exit::Conformant)
}

/// Whom the number from standard input leads to, or ever led to.
fn found(asked: &MappingKey, say: &Say) -> Result<(Store, Person), Failure> {
    let kind = NumberKind::from_name(&asked.kind).ok_or_else(|| {
        Failure::new(Exit::Usage, "mapping.bad-kind", [&asked.kind]).fix("mapping.bad-kind-fix", [""; 0])
    })?;
    let written = say.ask_number()?;
    let bad =
        || Failure::new(Exit::Usage, "mapping.bad-number", [""; 0]).fix("mapping.bad-number-fix", [""; 0]);
    let read = Number::read(kind, &written, Level::Lenient);
    let (number, _) = read.map_err(|_| bad())?;
    let store = existing(&asked.state)?;
    let key = Assigned { party: party_code(&asked.party), number };
    match store.ever(&key).map_err(|error| unusable(&asked.state, &error))? {
        Standing::Current(person) | Standing::Suspended(person) => Ok((store, person)),
        Standing::Unknown | Standing::Ambiguous => {
            Err(Failure::new(Exit::Usage, "mapping.nobody", [""; 0]).fix("mapping.nobody-fix", [""; 0]))
        }
    }
}

/// The first second of a day in Japan.
pub(crate) fn date(text: &str) -> Result<UnixTime, Failure> {
    Date::parse(text)
        .and_then(|day| midnight(&day))
        .ok_or_else(|| Failure::new(Exit::Usage, "mapping.bad-date", [text]))
}

fn held_text(held: &Held, say: &Say) -> String {
    let kind = say.text(&format!("mapping.kind.{}", held.kind.name()), [""; 0]);
    let number = forms::shown(held);
    let open = || say.text("mapping.open", [""; 0]);
    let until = day(UnixTime(held.until.0.saturating_sub(1))).filter(|_| day(held.until).is_some());
    let from = day(held.from).unwrap_or_default();
    // What a world begins with was reported by nobody.
    let source = if held.source.is_empty() { "–" } else { &held.source };
    let until = until.unwrap_or_else(open);
    let words = [kind, held.party.clone(), number, from, until, source.to_owned()];
    let mut text = say.text("mapping.held", words);
    if held.held_until.is_some() {
        text += &say.text("mapping.suspended", [day(held.until).unwrap_or_default()]);
    }
    if held.is_doubtful {
        text += &say.text("mapping.doubtful", [""; 0]);
    }
    text
}

fn finding_text(name: &str, found: &Finding, say: &Say) -> String {
    let text = say.text(&format!("mapping.cause.{}", found.cause.name()), found.cause.values());
    format!("{name}:{}:{}: {text}", found.line, found.column)
}

fn refused_text(name: &str, why: &Refused<Finding>, say: &Say) -> String {
    let frame = |key: &str, values: Vec<String>| format!("{name}: {}", say.text(key, values));
    match why {
        Refused::Reader(found) => finding_text(name, found, say),
        Refused::Change { line, fault, about } => {
            let values = match fault {
                MappingFault::Version { due, found } => vec![due.to_string(), found.to_string()],
                _ => Vec::new(),
            };
            let about = about.as_ref().map(|About { kind, party }| {
                let kind = say.text(&format!("mapping.kind.{}", kind.name()), [""; 0]);
                say.text("mapping.about", [kind, party.clone()])
            });
            let fault = say.text(&format!("mapping.fault.{}", fault.name()), values);
            format!("{name}:{line}: {fault}{}", about.unwrap_or_default())
        }
        Refused::Source => frame("mapping.cause.source", Vec::new()),
        Refused::Sequence { due, found } => {
            frame("mapping.cause.lost", vec![due.to_string(), found.to_string()])
        }
        Refused::Chain => frame("mapping.cause.chain", Vec::new()),
    }
}

fn note_text(name: &str, line: u64, note: MappingNote, say: &Say) -> String {
    let text = match note {
        MappingNote::NoScheme { from } => {
            say.text("mapping.note.no-scheme", [day(UnixTime(from)).unwrap_or_default()])
        }
        MappingNote::TwoSchemes => say.text("mapping.note.two-schemes", [""; 0]),
        MappingNote::Superseded => say.text("mapping.note.superseded", [""; 0]),
    };
    format!("{name}:{line}: {text}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeSet;

    use chukei_evidence::Lang;

    use super::*;

    /// What can be said about a file and its changes has a text in both languages: names are those of the sources.
    #[test]
    fn everything_that_is_found_has_a_text() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut checked = BTreeSet::new();
        for (source, area) in [
            ("import/src/report.rs", "cause"),
            ("relay/src/changes.rs", "fault"),
            ("relay/src/numbers.rs", "kind"),
        ] {
            let text = std::fs::read_to_string(crates.join(source)).unwrap();
            let (_, text) = text.split_once("const fn name(").unwrap();
            let text = if area == "fault" { text.split_once("const fn name(").unwrap().1 } else { text };
            let names =
                text.lines().take_while(|line| *line != "    }").filter_map(|line| line.split('"').nth(1));
            for name in names {
                for lang in Lang::ALL {
                    let key = format!("mapping.{area}.{name}");
                    assert!(crate::say::catalogue().text(&key, lang).is_some(), "{key}");
                    checked.insert(key);
                }
            }
        }
        for action in ["state", "join", "leave", "suspend", "resume", "rekey"] {
            let key = format!("mapping.action.{action}");
            assert!(Lang::ALL.into_iter().all(|lang| crate::say::catalogue().text(&key, lang).is_some()));
        }
        assert!(checked.len() > 60, "{}", checked.len());
    }
}
