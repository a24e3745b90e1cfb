//! The frame of the help texts, and what is wrong with a command line, both in the reader's language: the parser has English only.

use chukei_evidence::{Lang, Phrase};
use clap::{
    Arg, ArgAction, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::say::{Exit, Failure, catalogue};

/// A command with its help texts, all that are below it, and the frame around them.
pub(crate) fn localised(command: Command, lang: Lang) -> Command {
    let help = |key: &str| text(&format!("help.{key}"), lang);
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    let command = command
        .disable_version_flag(true)
        .arg(version.help(help("global.version")))
        .about(help("about"))
        .after_help(help("after"))
        .mut_arg("lang", |arg| arg.help(help("global.lang")))
        .mut_arg("quiet", |arg| arg.help(help("global.quiet")));
    framed(below(command, "", lang), lang)
}

/// The texts of all commands below one, and of their options.
fn below(mut command: Command, above: &str, lang: Lang) -> Command {
    let help = |key: String| text(&format!("help.{key}"), lang);
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        command = command.mut_subcommand(&name, |sub| {
            let key = format!("{above}{name}");
            let sub = sub.about(help(format!("{key}.about"))).after_help(help(format!("{key}.after")));
            let sub = sub.mut_args(|arg| {
                let text = help(format!("{key}.{}", arg.get_id()));
                arg.help(text)
            });
            framed(below(sub, &format!("{key}."), lang), lang)
        });
    }
    command
}

/// Headings, defaults and possible values.
fn framed(command: Command, lang: Lang) -> Command {
    let frame = |key: &str| text(&format!("help.frame.{key}"), lang);
    let listed =
        |key: &str, values: String| format!(" {}", say(&format!("help.frame.{key}"), [values], lang));
    let template =
        format!("{{about-with-newline}}\n{} {{usage}}\n\n{{all-args}}{{after-help}}", frame("usage"));
    let asks = Arg::new("help").short('h').long("help").action(ArgAction::Help);
    command
        .disable_help_flag(true)
        .arg(asks.help(text("help.global.help", lang)))
        .help_template(template)
        .subcommand_help_heading(frame("commands"))
        .subcommand_value_name(frame("command"))
        .mut_args(|arg| {
            let heading = frame(if arg.is_positional() { "arguments" } else { "options" });
            let mut about = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let defaults: Vec<_> =
                arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
            let known: Vec<_> =
                arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            let arg = arg.help_heading(heading);
            if !arg.get_action().takes_values() {
                return arg;
            }
            if !known.is_empty() {
                about += &listed("values", known.join(", "));
            }
            if !defaults.is_empty() {
                about += &listed("default", defaults.join(" "));
            }
            arg.help(about).hide_default_value(true).hide_possible_values(true)
        })
}

/// What is wrong with the command line; none if it asked for a help text.
pub(crate) fn failure(error: &clap::Error, command: &Command, words: &[&str]) -> Option<Failure> {
    let of = |kind| error.get(kind).map(plain).unwrap_or_default();
    let given = || of(ContextKind::InvalidArg);
    let value = || of(ContextKind::InvalidValue);
    let cause = || std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let (key, with) = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::UnknownArgument => ("unknown", vec![given()]),
        ErrorKind::InvalidSubcommand => ("command", vec![of(ContextKind::InvalidSubcommand)]),
        ErrorKind::InvalidValue if value().is_empty() => ("no-value", vec![given()]),
        ErrorKind::InvalidValue => ("value", vec![given(), value()]),
        ErrorKind::ValueValidation => ("form", vec![given(), value(), cause()]),
        ErrorKind::MissingRequiredArgument => ("missing", vec![given()]),
        ErrorKind::ArgumentConflict if of(ContextKind::PriorArg) == given() => ("twice", vec![given()]),
        ErrorKind::ArgumentConflict => ("conflict", vec![given(), of(ContextKind::PriorArg)]),
        ErrorKind::MissingSubcommand => ("no-command", vec![]),
        ErrorKind::InvalidUtf8 => ("encoding", vec![]),
        _ => ("other", vec![given()]),
    };
    let failure = Failure::new(Exit::Usage, &format!("usage.{key}"), with);
    let suggested =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let near = suggested.into_iter().map(of).find(|near| !near.is_empty());
    let known = of(ContextKind::ValidValue);
    Some(match near {
        Some(near) => failure.fix("explain.near", [near]),
        None if !known.is_empty() => failure.fix("card.known", [known]),
        None => failure.fix("usage.help", [path(command, words)]),
    })
}

/// The commands among the words, as they would be typed before `--help`.
fn path(command: &Command, words: &[&str]) -> String {
    let mut path = vec![command.get_name()];
    let mut at = command;
    for word in words.iter().skip(1) {
        if let Some(sub) = at.find_subcommand(word) {
            path.push(sub.get_name());
            at = sub;
        }
    }
    path.join(" ")
}

fn plain(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(all) => all.join(", "),
        ContextValue::String(one) => one.clone(),
        ContextValue::StyledStr(one) => one.to_string(),
        ContextValue::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn text(key: &str, lang: Lang) -> &'static str {
    catalogue().text(key, lang).unwrap_or_default()
}

fn say<const N: usize>(key: &str, with: [String; N], lang: Lang) -> String {
    catalogue().say(&Phrase::key(key, with), lang)
}
