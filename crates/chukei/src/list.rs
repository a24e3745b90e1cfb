//! `chukei list`: the cases, or the judges, that there are.

use std::fmt::Write as _;

use chukei_spec::Index;
use serde_json::json;

use crate::{
    args::List,
    explain::nearest,
    say::{Exit, Failure, Say},
};

/// Lists cases with the sentences that they put to the test, or judges with theirs.
pub(crate) fn list(asked: &List, say: &Say) -> Result<Exit, Failure> {
    let registry = chukei_conformance::registry();
    let profile = match &asked.profile {
        None => None,
        Some(name) => Some(Index::profile(name).ok_or_else(|| unknown_profile(name))?),
    };
    let is_asked = |role| profile.is_none_or(|profile| profile.roles.contains(&role));
    if asked.judges {
        let judges = registry.judges.iter().filter(|judge| is_asked(judge.sentence.role));
        let rows = judges.map(|judge| (judge.id.to_owned(), vec![judge.sentence.id])).collect();
        show(rows, asked.json, ("judge", "sentences"), say);
    } else {
        let cases = registry.cases.iter().filter(|case| is_asked(case.role));
        let rows = cases
            .map(|case| (case.id.to_owned(), case.sentences.iter().map(|sentence| sentence.id).collect()))
            .collect();
        show(rows, asked.json, ("case", "sentences"), say);
    }
    Ok(Exit::Conformant)
}

fn show(rows: Vec<(String, Vec<&str>)>, as_json: bool, (of, to): (&str, &str), say: &Say) {
    if as_json {
        let rows: Vec<_> = rows.into_iter().map(|(id, sentences)| json!({ of: id, to: sentences })).collect();
        say.result(json!(rows));
        return;
    }
    let width = rows.iter().map(|(id, _)| id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (id, sentences) in &rows {
        let line = format!("{id:<width$}  {}", sentences.join(" "));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = write!(text, "{}", say.text("list.count", [rows.len().to_string()]));
    say.result(text);
}

/// A profile that there is not.
pub(crate) fn unknown_profile(name: &str) -> Failure {
    let failure = Failure::new(Exit::Usage, "profile.unknown", [name]);
    let known = || Index::profiles().iter().map(|profile| profile.name);
    let versioned = known().find(|known| known.split('@').next() == name.split('@').next());
    match versioned.or_else(|| nearest(name, known())) {
        Some(near) => failure.fix("explain.near", [near]),
        None => failure.fix("profile.known", [known().collect::<Vec<_>>().join(", ")]),
    }
}
