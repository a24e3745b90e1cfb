//! The HTML report: one file, no network, no script.

use std::sync::OnceLock;

use chukei_evidence::Lang;
use minijinja::{AutoEscape, Environment, Error, State, Value, context, value::Rest};

use crate::{Report, Words, escape::xml, label, view};

/// Templates. Everything in them is escaped; nothing is marked as safe but the style sheet, which is ours.
fn environment() -> Result<&'static Environment<'static>, &'static Error> {
    static ENVIRONMENT: OnceLock<Result<Environment<'static>, Error>> = OnceLock::new();
    let environment = ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|name| match name {
            "style.css" => AutoEscape::None,
            _ => AutoEscape::Html,
        });
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.add_function("t", translate);
        for (name, source) in [
            ("report.html", include_str!("../templates/report.html")),
            ("parts.html", include_str!("../templates/parts.html")),
            ("style.css", include_str!("../templates/style.css")),
        ] {
            environment.add_template(name, source)?;
        }
        Ok(environment)
    });
    environment.as_ref()
}

/// `t("label.message", 7)`: a label in the language of the page.
fn translate(state: &State<'_, '_>, key: &str, with: Rest<Value>) -> String {
    let lang = if state.lookup("lang").is_some_and(|lang| lang.as_str() == Some("ja")) {
        Lang::Ja
    } else {
        Lang::En
    };
    label(key, with.iter().map(Value::to_string), lang)
}

pub(crate) fn render(report: &Report<'_>, words: &Words<'_>) -> String {
    let page = view::page(report, words);
    let lang = words.lang.tag();
    let other = if lang == "ja" { "en" } else { "ja" };
    let context = context! { page => Value::from_serialize(&page), lang, other };
    let rendered = match environment() {
        Ok(environment) => {
            environment.get_template("report.html").and_then(|template| template.render(context))
        }
        Err(error) => return fallback(error),
    };
    rendered.unwrap_or_else(|error| fallback(&error))
}

/// Only a template that is wrong comes here; tests render all of them.
fn fallback(error: &Error) -> String {
    format!("<!doctype html><title>chukei</title><pre>{}</pre>\n", xml(&format!("{error:#}")))
}
