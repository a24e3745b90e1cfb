//! What run it was, as label and value.

use chukei_evidence::sha256_hex;
use chukei_spec::Index;

use crate::{Report, Words, escape::one_line, view::utc};

pub(crate) fn facts(report: &Report<'_>, words: &Words<'_>) -> Vec<(String, String)> {
    let header = report.transcript.header();
    let product = &header.product;
    let profile = Index::profile(&header.profile);
    let features = profile.map(|profile| profile.features).unwrap_or_default();
    let others = features.iter().map(|feature| feature.name);
    let others: Vec<&str> = others.filter(|name| !header.features.iter().any(|f| f == name)).collect();
    let or_none = |text: String| if text.is_empty() { words.t("label.none", &[]) } else { text };
    let complete = if report.transcript.complete() { "label.yes" } else { "label.no" };
    let facts = [
        ("product", product.title()),
        ("vendor", product.vendor.clone()),
        ("build", product.build.clone()),
        ("party", product.party.clone()),
        ("profile", header.profile.clone()),
        ("features", or_none(header.features.join(", "))),
        ("other-features", or_none(others.join(", "))),
        ("control", product.control.to_string()),
        ("selection", header.selection.join(", ")),
        ("suite", header.suite.clone()),
        ("spec", header.spec.clone()),
        ("seed", header.seed.to_string()),
        ("epoch", utc(header.epoch)),
        ("cases", report.transcript.cases().len().to_string()),
        ("events", report.transcript.events().len().to_string()),
        ("complete", words.t(complete, &[])),
        ("transcript", sha256_hex(report.transcript.bytes())),
    ];
    facts
        .into_iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(key, value)| (words.t(&format!("fact.{key}"), &[]), one_line(&value)))
        .collect()
}
