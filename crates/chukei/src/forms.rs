//! The rows in which the pilots' reports write what a relay holds about a person, made of what the store has. Their columns are the
//! reports' own: there are no others.

use chukei_crypto::UnixTime;
use chukei_import::Layout;
use chukei_profile::Scheme;
use chukei_relay::{
    changes::day,
    numbers::{Level, Number, NumberKind},
};
use chukei_store::Held;
use clap::ValueEnum;

/// A report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    // Their help is a text of `messages/`.
    Nabari,
    Kamogawa,
    Mhlw,
}

/// The names of the first columns of a layout, as files have them too.
fn names(layout: Layout, count: usize) -> Vec<String> {
    let (names, _) = layout.columns();
    names.iter().take(count).map(|&name| name.to_owned()).collect()
}

/// The rows as CSV, names of the columns first. `changes` is how often the person's records have changed.
pub(crate) fn csv(form: Form, held: &[Held], changes: usize) -> String {
    let rows = match form {
        Form::Nabari => nabari(held, changes),
        Form::Kamogawa => kamogawa(held),
        Form::Mhlw => mhlw(held),
    };
    let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
    let lines = rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(","));
    lines.collect::<Vec<_>>().join("\n")
}

fn nabari(held: &[Held], changes: usize) -> Vec<Vec<String>> {
    let of = |kind| all(held, move |held| held.kind == kind);
    let medical = |is_national| {
        all(held, move |held| is(held, Scheme::MedicalInsured) && national(held) == is_national)
    };
    let certificates = held.iter().filter(|held| held.kind == NumberKind::Certificate);
    let costs = of(NumberKind::PublicCost);
    let part = |second: bool| {
        let parts = costs.iter().map(|cost| cost.split_once(':').unwrap_or((cost, "")));
        parts.map(|(kind, number)| if second { number } else { kind }.to_owned()).collect::<Vec<_>>()
    };
    // A row counts while everything in it does.
    let from = held.iter().map(|held| held.from).max().and_then(day);
    let until = held.iter().map(|held| held.held_until.unwrap_or(held.until)).min();
    // The last day on which it does.
    let until = until.filter(|until| day(*until).is_some());
    let until = until.and_then(|until| day(UnixTime(until.0.saturating_sub(1))));
    let once = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
    let columns = [
        of(NumberKind::UserId),
        of(NumberKind::Certificate),
        certificates.map(|held| held.party.clone()).collect(),
        of(NumberKind::Resident),
        of(NumberKind::Household),
        medical(false),
        of(NumberKind::EmployeeCard),
        of(NumberKind::EmployeeControl),
        medical(true),
        part(false),
        part(true),
        all(held, |held| is(held, Scheme::BasicPension)),
        once(Some(changes.to_string())),
        once(from),
        once(until),
    ];
    table(names(Layout::Nabari, 15), &columns)
}

fn kamogawa(held: &[Held]) -> Vec<Vec<String>> {
    let id = all(held, |held| is(held, Scheme::Kamogawa)).into_iter().next().unwrap_or_default();
    let is_service = |held: &&Held| match held.kind {
        NumberKind::Scheme(scheme) => scheme != Scheme::Kamogawa && scheme != Scheme::Resident,
        kind => matches!(kind, NumberKind::Service | NumberKind::Other),
    };
    let services = held.iter().filter(is_service);
    let rows = services.map(|held| vec![id.clone(), held.party.clone(), shown(held)]);
    std::iter::once(names(Layout::Kamogawa, 3)).chain(rows).collect()
}

fn mhlw(held: &[Held]) -> Vec<Vec<String>> {
    let columns = [
        all(held, |held| held.kind == NumberKind::Reference),
        all(held, |held| is(held, Scheme::BasicPension)),
        all(held, |held| is(held, Scheme::MedicalInsured) || is(held, Scheme::LateElderly)),
        all(held, |held| is(held, Scheme::CareInsured)),
        all(held, |held| matches!(held.kind, NumberKind::Other | NumberKind::Service | NumberKind::Visible)),
    ];
    table(names(Layout::Plan, 5), &columns)
}

/// One row for the first value of each column, another for the second ones, and so on; a column of one value has it in each row.
fn table(names: Vec<String>, columns: &[Vec<String>]) -> Vec<Vec<String>> {
    let count = columns.iter().map(Vec::len).max().unwrap_or_default();
    let value = |column: &Vec<String>, row: usize| match column.as_slice() {
        [one] => one.clone(),
        several => several.get(row).cloned().unwrap_or_default(),
    };
    let rows = (0..count).map(|row| columns.iter().map(|column| value(column, row)).collect());
    std::iter::once(names).chain(rows).collect()
}

fn is(held: &Held, scheme: Scheme) -> bool {
    held.kind == NumberKind::Scheme(scheme)
}

/// Whether the insurer is one of National Health Insurance: a number of six digits, or 67 for the retired (domain.md §2.1).
fn national(held: &Held) -> bool {
    held.party.starts_with("00") || held.party.starts_with("67")
}

fn all(held: &[Held], which: impl Fn(&Held) -> bool) -> Vec<String> {
    held.iter().filter(|held| which(held)).map(shown).collect()
}

/// A number as it is displayed.
pub(crate) fn shown(held: &Held) -> String {
    let read = Number::read(held.kind, &held.number, Level::Lenient);
    read.map_or_else(|_| held.number.to_string(), |(number, _)| number.display_form().to_string())
}
