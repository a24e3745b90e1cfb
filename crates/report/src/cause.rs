//! What unproven sentences have in common.

use chukei_evidence::{Outcome, SentenceResult, Verdict};

use crate::{Report, Words};

/// Unproven sentences by the premise that is missing, the most frequent first; within one premise in the order of the
/// standard.
pub(crate) fn missing_groups<'a>(
    report: &Report<'a>,
    words: &Words<'_>,
) -> Vec<(String, Vec<&'a SentenceResult>)> {
    let mut groups: Vec<(String, Vec<&SentenceResult>)> = Vec::new();
    for found in report.model.with(Outcome::Unreached) {
        let missing = found.results.iter().find_map(|result| match &result.verdict {
            Verdict::Unreached { missing } => Some(words.say(missing)),
            _ => None,
        });
        let missing = missing.unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| *known == missing) {
            Some((_, sentences)) => sentences.push(found),
            None => groups.push((missing, vec![found])),
        }
    }
    groups.sort_by_key(|(_, sentences)| std::cmp::Reverse(sentences.len()));
    groups
}
