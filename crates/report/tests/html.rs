//! The HTML report: what stands in it, in which order, and that nothing in it is alive.
#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod sample;

use std::collections::BTreeSet;

use chukei_evidence::{
    Cases, Catalogue, Exchange, Finding, Header, Judge, Lang, Model, Outcome, Phrase, Place, Product,
    Registry, Transcript, Verdict, judge,
};
use chukei_report::{Report, labels};
use sample::{CASES, Tape, catalogue, header, registry, transcript};

fn html(transcript: &Transcript, model: &Model, lang: Lang) -> String {
    let catalogue = catalogue();
    Report {
        model,
        transcript,
        catalogue: &catalogue,
        bundle: "evidence.chukei",
        sut: "sut.toml",
        measured: None,
    }
    .html(lang)
}

fn sample(lang: Lang) -> (Model, String) {
    let transcript = transcript(1);
    let model = judge(&transcript, &registry());
    let html = html(&transcript, &model, lang);
    (model, html)
}

/// The tags of a page behind its style sheet, each as its name and the rest.
fn tags(html: &str) -> Vec<(String, String)> {
    let (_, body) = html.split_once("</style>").unwrap();
    let mut tags = Vec::new();
    let mut rest = body;
    while let Some((_, tail)) = rest.split_once('<') {
        let (tag, after) = tail.split_once('>').unwrap();
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        tags.push((name.to_owned(), attributes.to_owned()));
        rest = after;
    }
    tags
}

const KNOWN: &[&str] = &[
    "a",
    "article",
    "b",
    "body",
    "br",
    "code",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "head",
    "header",
    "html",
    "i",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "span",
    "summary",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
    "wbr",
];

/// Nothing but known tags, known attributes, and links into the page itself.
fn assert_inert(html: &str) {
    assert!(!html.contains("<script") && !html.contains("@import") && !html.contains("url("));
    assert!(html.contains("default-src 'none'"));
    let known: BTreeSet<&str> = KNOWN.iter().copied().collect();
    let attributes =
        ["class", "id", "href", "lang", "style", "title", "scope", "open", "role", "tabindex", "colspan"];
    for (name, rest) in tags(html) {
        assert!(known.contains(name.trim_start_matches('/')), "<{name} {rest}>");
        for (index, part) in rest.split('"').enumerate() {
            if index % 2 == 1 {
                continue;
            }
            for attribute in part.split_whitespace() {
                let attribute = attribute.trim_end_matches('=');
                let inert = attribute.starts_with("aria-") || attribute.starts_with("data-");
                assert!(inert || attributes.contains(&attribute), "{attribute} in <{name} {rest}>");
            }
        }
        for link in rest.split("href=\"").skip(1) {
            assert!(link.starts_with('#'), "<{name} {rest}>");
        }
    }
}

/// Every tag that opens is closed, in order.
fn assert_nested(html: &str) {
    let mut open = Vec::new();
    for (name, rest) in tags(html) {
        match name.strip_prefix('/') {
            Some("head" | "html") => {}
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name), "{rest}"),
            None if ["br", "wbr"].contains(&name.as_str()) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, Vec::<String>::new());
    let ids: Vec<&str> = html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len());
    for link in html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(distinct.contains(link), "#{link} leads nowhere");
    }
}

#[test]
fn it_is_one_file_that_fetches_and_executes_nothing() {
    for lang in Lang::ALL {
        let (_, html) = sample(lang);
        assert!(html.starts_with("<!doctype html>\n<html lang=\""), "{}", &html[..40]);
        assert_inert(&html);
        assert_nested(&html);
        assert_eq!(html, sample(lang).1);
    }
}

#[test]
fn failures_come_first_and_every_sentence_is_there_once_in_both_languages() {
    for lang in Lang::ALL {
        let (model, html) = sample(lang);
        assert_eq!(model.totals.of(Outcome::Fail), 2);
        let place = |needle: &str| html.find(needle).unwrap_or_else(|| panic!("{needle}"));
        let order = ["failures", "unreached", "warnings", "passes", "elsewhere", "not-claimed", "facts"];
        let places: Vec<usize> = order.iter().map(|id| place(&format!("<section id=\"{id}\">"))).collect();
        assert!(places.is_sorted(), "{places:?}");
        let ids = model.sentences.iter().map(|found| &found.id).chain(&model.elsewhere);
        for id in ids {
            assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
            let sentence = chukei_spec::Index::sentence(id).unwrap();
            for text in [sentence.ja, sentence.en] {
                let text = text.replace('\'', "&#x27;").replace('/', "&#x2f;");
                assert!(html.contains(&text) || text.contains(['"', '<', '&']), "{text}");
            }
        }
        let (here, other) = (lang.tag(), if lang == Lang::Ja { "en" } else { "ja" });
        assert!(html.contains(&format!("<html lang=\"{here}\">")));
        assert!(html.contains(&format!("<p class=\"other\" lang=\"{other}\">")));
    }
}

#[test]
fn a_failure_says_what_where_why_and_how_to_see_it_again() {
    let (_, html) = sample(Lang::En);
    let card =
        html.split_once("id=\"envelope.audience.self\"").unwrap().1.split_once("</article>").unwrap().0;
    for part in [
        "An envelope made out to another insurer was accepted",
        "a refusal of envelope.audience=insurer-c",
        "the query was answered with OK",
        "The product does not read AudienceRestriction",
        "<mark class=\"t\">&lt;saml:Audience&gt;</mark><mark class=\"x\">https:&#x2f;&#x2f;insurer-c.example.test&#x2f;</mark>",
        "bytes 3611–3673 are marked",
        "insurer-a → insurer-b: ",
        "insurer-b → relay: ",
        "carries the deviation",
        "chukei replay evidence.chukei envelope&#x2f;audience&#x2f;other --sut sut.toml --out again",
    ] {
        assert!(card.contains(part), "{part}\n{card}");
    }
    // The marked bytes are the ones that the judge named.
    let (model, transcript) = (sample(Lang::En).0, transcript(1));
    let Verdict::Violated { at, .. } = &model.sentence("envelope.audience.self").unwrap().results[1].verdict
    else {
        panic!("not violated")
    };
    let (from, to) = at[0].bytes.unwrap();
    let body = transcript.event(at[0].seq).unwrap().what.bodies()[0].bytes();
    let marked = &body[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()];
    assert_eq!(marked, b"<saml:Audience>https://insurer-c.example.test/</saml:Audience>");
}

const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</div></details></main><iframe src=//x>",
    "{{ 7 * 7 }}{% include \"style.css\" %}",
    "javascript:alert(1)",
    "a\u{202e}b\u{200b}c\u{0}d\u{1b}[31m",
    "]]>&amp;<!--",
    "&lt;&#0;",
];

/// A run in which everything that a product or a vendor can write is hostile.
fn hostile(text: &str) -> Transcript {
    let world = header();
    let product = Product {
        vendor: text.into(),
        name: text.into(),
        version: text.into(),
        build: text.into(),
        ..world.product
    };
    let mut tape = Tape::new(Header { product, ..header() });
    for case in &CASES[..4] {
        tape.start(case);
        let number = tape.send(text, case.twin.is_some());
        let body =
            format!("<a><S:Body x='{text}'><S:Fault><faultcode>{text}</faultcode></S:Fault></S:Body>{text}");
        tape.answer(number, 200, body);
        if case.twin.is_some() {
            let probe = tape.send(text, false);
            tape.answer(probe, 200, text);
            tape.put(chukei_evidence::What::Alive { exchange: probe });
        }
        tape.end(case);
    }
    tape.start(&CASES[5]);
    tape.put(chukei_evidence::What::Lacking { missing: text.into() });
    tape.end(&CASES[5]);
    tape.start(&CASES[6]);
    tape.put(chukei_evidence::What::Broken { what: text.into() });
    tape.end(&CASES[6]);
    tape.finish()
}

#[test]
fn hostile_text_stays_text() {
    for text in HOSTILE {
        let transcript = hostile(text);
        let model = judge(&transcript, &registry());
        assert!(model.totals.of(Outcome::Fail) > 0 && !model.broken.is_empty());
        for lang in Lang::ALL {
            let html = html(&transcript, &model, lang);
            assert_inert(&html);
            assert_nested(&html);
            assert!(!html.contains(['\u{202e}', '\u{200b}', '\u{0}', '\u{1b}']), "{text}");
        }
        let html = html(&transcript, &model, Lang::En);
        if text.contains('7') {
            assert!(html.contains("{{ 7 * 7 }}") && !html.contains("49{%"), "templates are not run twice");
        }
        if text.contains('\u{202e}') {
            assert!(html.contains("‹U+202E›") && html.contains("‹U+001B›"));
        }
    }
}

#[test]
fn a_thousand_cases_fit_in_two_megabytes() {
    let transcript = transcript(143);
    assert!(transcript.cases().len() > 1000);
    let model = judge(&transcript, &registry());
    let html = html(&transcript, &model, Lang::Ja);
    assert!(html.len() < 2_000_000, "{}", html.len());
    assert!(html.len() > 100_000);
}

#[test]
fn a_product_that_fails_everything_gets_a_page_of_the_same_order() {
    let all_wrong: Vec<Judge> = registry()
        .judges
        .iter()
        .map(|judge| Judge { cases: Cases::Any(""), rule: wrong, ..*judge })
        .collect();
    let transcript = transcript(143);
    let model = judge(&transcript, &Registry { judges: &all_wrong, ..registry() });
    assert!(model.totals.of(Outcome::Fail) > 90);
    let html = html(&transcript, &model, Lang::Ja);
    assert!(html.len() < 2_000_000, "{}", html.len());
    for found in model.with(Outcome::Fail) {
        assert!(html.contains(&format!(" id=\"{}\"", found.id)), "{}", found.id);
    }
    assert_nested(&html);
}

/// A violation with marks in every message.
fn wrong(exchange: &Exchange<'_>) -> Verdict {
    let places = exchange.sent().map(|sent| sent.seq).chain(exchange.answers().map(|answer| answer.seq));
    let places: Vec<Place> = places.map(|seq| Place { seq, bytes: Some((100, 120)) }).collect();
    if places.is_empty() {
        return Verdict::unreached("anything");
    }
    Finding::new("wrong", "right", "wrong").with("a cause").at(places)
}

#[test]
fn every_standing_is_said() {
    let good = transcript(1);
    let base = judge(&good, &registry());
    use chukei_evidence::Standing::{Conformant, Empty, Nonconformant, SelectionMet, Unproven, Void};
    let mut said = BTreeSet::new();
    for standing in [Conformant, SelectionMet, Nonconformant, Unproven, Void, Empty] {
        let model = Model { standing, ..base.clone() };
        for lang in Lang::ALL {
            let html = html(&good, &model, lang);
            let title = html.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0.to_owned();
            assert!(!title.contains("standing."), "{title}");
            said.insert(title);
        }
    }
    assert_eq!(said.len(), 12);
}

#[test]
fn every_label_of_the_templates_exists() {
    let parsed = Catalogue::parse(include_str!("../messages/ja.toml"), include_str!("../messages/en.toml"));
    assert_eq!(&parsed.unwrap(), labels());
    let sources = [include_str!("../templates/report.html"), include_str!("../templates/parts.html")];
    let mut found = 0;
    for source in sources {
        for quote in ["t(\"", "t('"] {
            for call in source.split(quote).skip(1) {
                let key = call.split(['"', '\'']).next().unwrap();
                if key.ends_with('.') {
                    continue;
                }
                assert!(labels().text(key, Lang::En).is_some(), "{key}");
                found += 1;
            }
        }
    }
    assert!(found > 40);
    for outcome in Outcome::GRAVEST_FIRST {
        assert_ne!(
            labels().say(&Phrase::plain(&format!("outcome.{}", outcome.name())), Lang::Ja),
            outcome.name()
        );
    }
}
