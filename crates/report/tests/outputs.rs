//! What programs read: JSON, JUnit, SARIF, CSV; and the summary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod sample;

use chukei_evidence::{Baseline, Catalogue, Date, Lang, Measured, Model, Outcome, Transcript, What, judge};
use chukei_report::Report;
use chukei_xml::Document;
use sample::{CASES, Tape, catalogue, header, registry, transcript};
use serde_json::Value;

struct Run {
    transcript: Transcript,
    model: Model,
    catalogue: Catalogue,
    measured: Option<Measured>,
}

impl Run {
    fn of(transcript: Transcript) -> Self {
        let model = judge(&transcript, &registry());
        Self { transcript, model, catalogue: catalogue(), measured: None }
    }

    fn report(&self) -> Report<'_> {
        Report {
            model: &self.model,
            transcript: &self.transcript,
            catalogue: &self.catalogue,
            bundle: "evidence.chukei",
            sut: "sut.toml",
            measured: self.measured.as_ref(),
        }
    }
}

fn count(text: &str, needle: &str) -> usize {
    text.matches(needle).count()
}

/// The attribute of the outermost element.
fn outer(junit: &str, name: &str) -> u32 {
    let (_, rest) = junit.split_once(&format!(" {name}=\"")).unwrap();
    rest.split_once('"').unwrap().0.parse().unwrap()
}

#[test]
fn junit_fails_what_fails_and_what_is_unproven() {
    let run = Run::of(transcript(1));
    let junit = run.report().junit(Lang::En);
    Document::parse(junit.as_bytes()).unwrap();
    assert_eq!(usize::try_from(outer(&junit, "tests")).unwrap(), count(&junit, "<testcase "));
    assert_eq!(usize::try_from(outer(&junit, "failures")).unwrap(), count(&junit, "<failure "));
    // Two cases of the signature, one of the audience, two that lack a verb of the control API.
    assert_eq!(outer(&junit, "failures"), 5);
    assert_eq!((outer(&junit, "errors"), outer(&junit, "skipped")), (0, 0));
    assert_eq!(count(&junit, "type=\"unreached\""), 2);
    for part in [
        "<testcase classname=\"envelope\" name=\"envelope/audience/other\" time=\"0\">",
        "<property name=\"sentence\" value=\"envelope.audience.self\"/>",
        "<failure type=\"envelope.audience.accepted\" message=\"envelope.audience.self [Failed]",
        "chukei replay evidence.chukei envelope/audience/other",
        "<system-out>message.fault.status [Warning]",
    ] {
        assert!(junit.contains(part), "{part}");
    }
    assert_eq!(junit, run.report().junit(Lang::En));
    assert_ne!(junit, run.report().junit(Lang::Ja));
}

#[test]
fn a_failure_of_the_suite_is_an_error() {
    let mut tape = Tape::new(header());
    tape.start(&CASES[0]);
    tape.put(What::Broken { what: "undeclared\u{0}\u{fffe} deviation </failure>".into() });
    tape.end(&CASES[0]);
    let run = Run::of(tape.finish());
    let junit = run.report().junit(Lang::Ja);
    Document::parse(junit.as_bytes()).unwrap();
    assert_eq!(outer(&junit, "errors"), 1);
    assert!(run.report().summary(Lang::En).contains("! linkage/answered"));
    let sarif: Value = serde_json::from_slice(&run.report().sarif(Lang::En)).unwrap();
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
    assert_eq!(sarif["runs"][0]["invocations"][0]["exitCode"], 4);
}

#[test]
fn a_baseline_takes_expected_failures_out() {
    let mut run = Run::of(transcript(1));
    let text = "[[expect]]\nrequirement = \"envelope.audience.self\"\nreason = \"known\"\nuntil = 2026-12-31\n\
                [[expect]]\nrequirement = \"envelope.recipient.self\"\nreason = \"stale\"\nuntil = 2026-12-31\n";
    let baseline = Baseline::parse(text).unwrap();
    let today = Date { year: 2026, month: 6, day: 1 };
    run.measured = Some(baseline.measure(&run.model, &registry(), today));
    let junit = run.report().junit(Lang::En);
    assert_eq!((outer(&junit, "failures"), outer(&junit, "skipped")), (4, 1));
    let sarif: Value = serde_json::from_slice(&run.report().sarif(Lang::En)).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let suppressed = results.iter().filter(|result| result["suppressions"][0]["kind"] == "external");
    assert_eq!(suppressed.map(|result| &result["ruleId"]).collect::<Vec<_>>(), ["envelope.audience.self"]);
    let json: Value = serde_json::from_slice(&run.report().json()).unwrap();
    assert_eq!(json["baseline"]["problems"][0]["id"], "envelope.recipient.self");
    assert_eq!(json["exit_code"], 1);
    let html = run.report().html(Lang::En);
    assert!(
        html.contains("<section id=\"baseline\">") && html.contains("envelope.recipient.self passes now")
    );
    assert!(run.report().summary(Lang::En).contains("envelope.recipient.self passes now"));
    for (lang, right, wrong) in
        [(Lang::Ja, "（ベースライン）", "(baseline)"), (Lang::En, "(baseline)", "ベースライン")]
    {
        let summary = run.report().summary(lang);
        assert!(summary.contains(right) && !summary.contains(wrong), "{summary}");
    }
}

#[test]
fn sarif_ends_sentences_as_its_language_does() {
    let run = Run::of(transcript(1));
    let messages = |lang| {
        let sarif: Value = serde_json::from_slice(&run.report().sarif(lang)).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap().clone();
        let texts = results.iter().filter(|result| result["kind"] == "fail");
        texts.map(|result| result["message"]["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(messages(Lang::Ja).iter().all(|text| text.ends_with('。') && !text.contains(". ")));
    assert!(messages(Lang::En).iter().all(|text| text.ends_with('.') && text.contains(". ")));
    assert!(!messages(Lang::Ja).is_empty());
}

#[test]
fn sarif_points_at_lines_of_the_standard() {
    let run = Run::of(transcript(1));
    let sarif: Value = serde_json::from_slice(&run.report().sarif(Lang::Ja)).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let driver = &sarif["runs"][0]["tool"]["driver"];
    let rules = driver["rules"].as_array().unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 6);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let sentence = chukei_spec::Index::sentence(result["ruleId"].as_str().unwrap()).unwrap();
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], format!("spec/{}.md", sentence.chapter));
        assert_eq!(location["region"]["startLine"], sentence.line);
        assert_eq!(rules[index]["shortDescription"]["text"], sentence.ja);
        let (kind, level) = (result["kind"].as_str().unwrap(), result["level"].as_str().unwrap());
        assert!([("fail", "error"), ("fail", "warning"), ("open", "none")].contains(&(kind, level)));
    }
    // A line of the transcript is one more than the event: the header stands first.
    let audience = results.iter().find(|result| result["ruleId"] == "envelope.audience.self").unwrap();
    let related = &audience["relatedLocations"][0]["physicalLocation"];
    let line = usize::try_from(related["region"]["startLine"].as_u64().unwrap()).unwrap();
    let text = std::str::from_utf8(run.transcript.bytes()).unwrap().lines().nth(line - 1).unwrap();
    assert!(text.contains("insurer-c.example.test") && text.contains("\"deviates\":true"));
}

#[test]
fn csv_has_a_line_for_every_verdict_and_no_formula() {
    let mut run = Run::of(transcript(1));
    let csv = run.report().csv(Lang::En);
    let verdicts: usize = run.model.sentences.iter().map(|found| found.results.len()).sum();
    assert_eq!(csv.lines().count(), verdicts + 1);
    let columns = csv.lines().next().unwrap().split(',').count();
    let audience = csv.lines().find(|line| line.contains("envelope.audience.accepted")).unwrap();
    assert_eq!(audience.split(',').count(), columns);
    assert!(
        audience.starts_with("envelope.audience.self,MUST,responder,true,fail,envelope/audience/other,0,")
    );

    for bad in ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1"] {
        run.model.sentences[0].results[0].case = bad.into();
        let csv = run.report().csv(Lang::En);
        assert!(csv.contains(&format!(",\"'{bad}\",")), "{bad}");
    }
    run.model.sentences[0].results[0].case = "a\"b,c\nd".into();
    assert!(run.report().csv(Lang::En).contains(",\"a\"\"b,c\nd\","));
}

#[test]
fn json_has_the_model_and_both_languages() {
    let run = Run::of(transcript(1));
    let json: Value = serde_json::from_slice(&run.report().json()).unwrap();
    assert_eq!(json["schema"], "chukei-report.v1");
    assert_eq!(json["standing"], "nonconformant");
    assert_eq!(json["totals"]["sentences"]["fail"], 2);
    assert_eq!(json["run"]["transcript_sha256"], chukei_evidence::sha256_hex(run.transcript.bytes()));
    let sentences = json["sentences"].as_array().unwrap();
    assert_eq!(sentences.len(), run.model.sentences.len());
    for (line, found) in sentences.iter().zip(&run.model.sentences) {
        let sentence = chukei_spec::Index::sentence(&found.id).unwrap();
        assert_eq!((line["ja"].as_str(), line["en"].as_str()), (Some(sentence.ja), Some(sentence.en)));
        assert_eq!(line["results"].as_array().unwrap().len(), found.results.len());
    }
}

#[test]
fn the_summary_names_what_to_mend() {
    let run = Run::of(transcript(1));
    for (lang, parts) in [
        (
            Lang::En,
            [
                "does not conform",
                "✕ envelope.audience.self [Failed, MUST]",
                "? missing: the product does not offer GET /logs",
            ],
        ),
        (
            Lang::Ja,
            [
                "適合していません",
                "✕ envelope.audience.self [不合格, MUST]",
                "? 不足: 製品が GET /logs を提供していない",
            ],
        ),
    ] {
        let summary = run.report().summary(lang);
        for part in parts {
            assert!(summary.contains(part), "{part}\n{summary}");
        }
        assert!(!summary.contains('\u{1b}'));
    }
    assert_eq!(run.model.totals.of(Outcome::Warn), 1);
    // The command is typed where the files were named, and so with their paths.
    let typed =
        Report { bundle: "out/evidence.chukei", sut: "my/sut.toml", ..run.report() }.summary(Lang::En);
    assert!(
        typed.contains(": chukei replay out/evidence.chukei envelope/audience/other --sut my/sut.toml "),
        "{typed}"
    );
}
