//! `chukei explain`: one sentence, and everything that hangs on it.

use std::fmt::Write as _;

use chukei_spec::Index;

use crate::{
    args::Explain,
    say::{Exit, Failure, Say},
};

/// Shows a sentence of the standard: texts, level, place, profiles, cases, judges.
pub(crate) fn explain(asked: &Explain, say: &Say) -> Result<Exit, Failure> {
    let id = asked.id.strip_prefix("r:").unwrap_or(&asked.id);
    let Some(sentence) = Index::sentence(id) else {
        return Err(unknown(id));
    };
    let mut text = String::new();
    let _ = writeln!(text, "{}  [{} / {}]", sentence.id, sentence.level.name(), sentence.role.name());
    let _ = writeln!(text, "{}\n{}", sentence.ja, sentence.en);
    let mut line = |key: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "{:<12} {value}", say.text::<&str>(key, []));
        }
    };
    line("explain.place", format!("spec/{}.md:{}", sentence.chapter, sentence.line));
    let profiles = Index::profiles().iter().filter(|profile| profile.sentences.contains(&sentence.id));
    line("explain.profiles", profiles.map(|profile| profile.name).collect::<Vec<_>>().join(", "));
    if let Some(excuse) = sentence.untestable {
        line("explain.untestable", say.pick(excuse.ja, excuse.en).to_owned());
    }
    if let Some(folder) = sentence.by_vectors {
        line("explain.vectors", format!("vectors/{folder}"));
    }
    let registry = chukei_conformance::registry();
    let judges = registry.judges.iter().filter(|judge| judge.sentence.id == sentence.id);
    line("explain.judges", judges.map(|judge| judge.id).collect::<Vec<_>>().join(", "));
    let cases = registry.cases.iter().filter(|case| case.sentences.iter().any(|of| of.id == sentence.id));
    line("explain.cases", cases.map(|case| case.id).collect::<Vec<_>>().join("\n             "));
    let reasons = chukei_reason::Reason::all().filter(|reason| reason.sentence() == sentence.id);
    line("explain.reasons", reasons.map(|reason| reason.to_string()).collect::<Vec<_>>().join(", "));
    say.result(text.trim_end());
    Ok(Exit::Conformant)
}

/// What is no sentence: a beginning of some, a case, or a slip of the pen.
fn unknown(id: &str) -> Failure {
    let failure = Failure::new(Exit::Usage, "explain.unknown", [id]);
    let ids = || Index::sentences().iter().map(|sentence| sentence.id);
    let beginning = format!("{}.", id.trim_end_matches(['.', '*']));
    let below: Vec<&str> = ids().filter(|known| known.starts_with(&beginning)).collect();
    let case = chukei_conformance::registry().cases.iter().find(|case| case.id == id);
    if !below.is_empty() {
        failure.fix("explain.below", [below.len().to_string(), below.join(", ")])
    } else if let Some(case) = case {
        let sentences: Vec<&str> = case.sentences.iter().map(|sentence| sentence.id).collect();
        failure.fix("explain.case", [sentences.join(", ")])
    } else if let Some(near) = nearest(id, ids()) {
        failure.fix("explain.near", [near])
    } else {
        failure.fix("explain.where", [""; 0])
    }
}

/// The known name that differs least, if it is near enough to be meant.
pub(crate) fn nearest<'n>(asked: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let distance = |name: &str| strsim::damerau_levenshtein(asked, name);
    known
        .map(|name| (distance(name), name))
        .min()
        .filter(|(far, _)| *far <= asked.len() / 3 + 1)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_understood_and_nonsense_is_not() {
        let known = ["envelope.audience.self", "envelope.use.once"];
        assert_eq!(nearest("envelope.audiense.self", known.into_iter()), Some("envelope.audience.self"));
        assert_eq!(nearest("xyz", known.into_iter()), None);
    }

    #[test]
    fn what_is_no_sentence_is_answered_with_what_may_be_meant() {
        let told = |id: &str| format!("{:?}", unknown(id));
        let below = told("envelope.audience");
        assert!(below.contains("explain.below") && below.contains("envelope.audience.self"), "{below}");
        let case = told("responder/envelope/audience/other");
        assert!(case.contains("explain.case") && case.contains("envelope.audience.self"), "{case}");
        assert!(told("envelope.audiense.self").contains("explain.near"));
        assert!(told("frobnicate").contains("explain.where"));
    }
}
