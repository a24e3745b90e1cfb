//! The command line. Help texts are those of the catalogue, in the reader's language.

use std::{net::SocketAddr, path::PathBuf};

use chukei_evidence::Lang;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::card::{CardArgs, MockCard};
use crate::forms::Form;
use crate::login::LoginArgs;
use crate::say::{Exit, Say};
use crate::usage;

#[derive(Parser)]
#[command(name = "chukei", version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[arg(long, global = true, value_enum)]
    lang: Option<Language>,
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Ja,
    En,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    World(World),
    Mock(Mock),
    Card(CardArgs),
    Terminal(Terminal),
    Login(LoginArgs),
    Doctor(Doctor),
    List(List),
    Run(Run),
    Verify(Verify),
    Replay(Replay),
    Explain(Explain),
    Matrix(Matrix),
    SelfTest(SelfTest),
    #[command(subcommand)]
    Ledger(Ledger),
    #[command(subcommand)]
    Mapping(Mapping),
}

#[derive(Args)]
pub(crate) struct World {
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    #[arg(long, value_name = "PORT")]
    pub(crate) base_port: Option<u16>,
}

#[derive(Args)]
pub(crate) struct Mock {
    #[arg(value_enum)]
    pub(crate) who: Who,
    #[arg(long, alias = "dir", value_name = "DIR")]
    pub(crate) world: Option<PathBuf>,
    #[arg(long, value_name = "NAME")]
    pub(crate) party: Option<String>,
    #[arg(long, value_name = "NAME")]
    pub(crate) fault: Vec<String>,
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) control: Option<SocketAddr>,
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<PathBuf>,
    #[arg(long)]
    pub(crate) keep: bool,
    #[arg(long)]
    pub(crate) possession: bool,
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) card_door: Option<SocketAddr>,
    #[arg(long)]
    pub(crate) faults: bool,
    #[command(flatten)]
    pub(crate) card: MockCard,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Who {
    World,
    Relay,
    Requester,
    Responder,
    Card,
}

#[derive(Args)]
pub(crate) struct Terminal {
    #[arg(value_enum)]
    pub(crate) task: Task,
    #[arg(long, value_name = "NAME")]
    pub(crate) reader: String,
    #[arg(long, value_name = "FILE")]
    pub(crate) authority: Option<PathBuf>,
    #[arg(long, value_name = "DIR", required_if_eq_any([("task", "reception"), ("task", "visible-number")]))]
    pub(crate) world: Option<PathBuf>,
    #[arg(long, value_name = "NAME", required_if_eq_any([("task", "reception"), ("task", "visible-number")]))]
    pub(crate) operator: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Task {
    Read,
    Login,
    Reception,
    VisibleNumber,
}

#[derive(Args)]
pub(crate) struct Doctor {
    #[arg(long, value_name = "FILE", default_value = "sut.toml")]
    pub(crate) sut: PathBuf,
}

#[derive(Args)]
pub(crate) struct List {
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    #[arg(long)]
    pub(crate) judges: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Run {
    #[arg(value_name = "PREFIX|r:ID")]
    pub(crate) select: Vec<String>,
    #[arg(long, value_name = "FILE", default_value = "sut.toml")]
    pub(crate) sut: PathBuf,
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[arg(long, value_name = "SECONDS")]
    pub(crate) epoch: Option<i64>,
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) card: RunCard,
}

/// A card or a terminal in place of a description.
#[derive(Args)]
pub(crate) struct RunCard {
    #[arg(long, value_name = "PROFILE", conflicts_with = "sut")]
    pub(crate) profile: Option<String>,
    #[arg(long, value_name = "NAME", requires = "profile", conflicts_with = "image")]
    pub(crate) reader: Option<String>,
    #[arg(long, value_name = "FILE", requires = "profile")]
    pub(crate) image: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "profile")]
    pub(crate) pins: Option<PathBuf>,
    #[arg(long, value_name = "COMMAND", requires = "reader", conflicts_with_all = ["image", "pins"])]
    pub(crate) client: Option<String>,
    #[arg(long, value_name = "DIR", requires = "client")]
    pub(crate) world: Option<PathBuf>,
    #[arg(long, value_name = "NAME", requires = "client")]
    pub(crate) operator: Option<String>,
    #[arg(long, value_name = "FEATURE", requires = "profile")]
    pub(crate) claim: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Verify {
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    #[arg(long, value_name = "HEX")]
    pub(crate) key: Vec<String>,
    #[arg(long)]
    pub(crate) conformant: bool,
}

#[derive(Args)]
pub(crate) struct Replay {
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,
    #[arg(value_name = "CASE")]
    pub(crate) case: Option<String>,
    #[arg(long, value_name = "FILE", default_value = "sut.toml")]
    pub(crate) sut: PathBuf,
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct Explain {
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Args)]
pub(crate) struct Matrix {
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct SelfTest {
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Ledger {
    Verify(LedgerVerify),
    Prove(LedgerProve),
    Publish(LedgerPublish),
    Fsck(LedgerFsck),
    Reconcile(LedgerReconcile),
    Key(LedgerKey),
    Cosign(LedgerCosign),
    Backup(LedgerBackup),
    Destroy(LedgerDestroy),
    Restore(LedgerRestore),
    Status(LedgerStatus),
    Succeed(LedgerSucceed),
}

#[derive(Args)]
pub(crate) struct LedgerVerify {
    #[arg(value_name = "FILE")]
    pub(crate) bundle: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub(crate) earlier: Vec<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) seen: Vec<PathBuf>,
    #[arg(long, value_name = "BASE64")]
    pub(crate) receipt: Vec<String>,
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Args)]
pub(crate) struct LedgerProve {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) key: Vec<PathBuf>,
    #[arg(long, value_name = "NAME")]
    pub(crate) origin: String,
    #[arg(long, value_name = "ENTITY")]
    pub(crate) party: String,
    #[arg(long, value_name = "URI")]
    pub(crate) scheme: String,
    #[arg(long, value_name = "SIZE")]
    pub(crate) since: Vec<u64>,
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct LedgerPublish {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) key: Vec<PathBuf>,
    #[arg(long, value_name = "NAME")]
    pub(crate) origin: String,
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct LedgerFsck {
    #[arg(value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) published: Vec<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub(crate) earlier: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct LedgerReconcile {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long, value_name = "DATE")]
    pub(crate) from: Option<String>,
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    #[arg(long, value_name = "ENTITY", requires = "reported")]
    pub(crate) responder: Option<String>,
    #[arg(long, value_name = "FILE", requires = "responder")]
    pub(crate) reported: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct LedgerBackup {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct LedgerDestroy {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long, value_name = "DATE")]
    pub(crate) before: String,
}

#[derive(Args)]
pub(crate) struct LedgerRestore {
    #[arg(long, value_name = "BACKUP")]
    pub(crate) from: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long)]
    pub(crate) replace: bool,
    #[arg(long, value_name = "FILE")]
    pub(crate) published: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct LedgerSucceed {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[arg(long, value_name = "NAME")]
    pub(crate) origin: String,
}

#[derive(Args)]
pub(crate) struct LedgerStatus {
    #[arg(long, value_name = "DIR")]
    pub(crate) world: PathBuf,
    #[arg(long, value_name = "PARTY", default_value = "portal")]
    pub(crate) party: String,
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct LedgerKey {
    #[arg(long, value_name = "NAME")]
    pub(crate) origin: String,
    #[arg(long)]
    pub(crate) witness: bool,
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct LedgerCosign {
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) earlier: Vec<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    #[arg(long, value_name = "FILE")]
    pub(crate) memory: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Subcommand)]
pub(crate) enum Mapping {
    Register(MappingRegister),
    Import(MappingImport),
    Show(MappingShow),
    History(MappingKey),
    Unplaced(MappingUnplaced),
}

#[derive(Args)]
pub(crate) struct MappingRegister {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(value_name = "FILE")]
    pub(crate) registry: PathBuf,
}

#[derive(Args)]
pub(crate) struct MappingImport {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long)]
    pub(crate) lenient: bool,
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct MappingKey {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long, value_name = "CODE")]
    pub(crate) party: String,
    #[arg(long, value_name = "NAME")]
    pub(crate) kind: String,
}

#[derive(Args)]
pub(crate) struct MappingShow {
    #[command(flatten)]
    pub(crate) key: MappingKey,
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<String>,
    #[arg(long, value_name = "CODE")]
    pub(crate) only: Option<String>,
    #[arg(long, value_enum)]
    pub(crate) form: Option<Form>,
}

#[derive(Args)]
pub(crate) struct MappingUnplaced {
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<String>,
}

/// Reads the command line, or has said what is wrong with it.
pub(crate) fn parse() -> Result<(Arguments, Say), Exit> {
    let given: Vec<_> = std::env::args_os().collect();
    let words: Vec<_> = given.iter().filter_map(|word| word.to_str()).collect();
    let lang = language(&words, locale(|name| std::env::var(name).ok()).as_deref());
    let mut command = usage::localised(Arguments::command(), lang);
    let parsed =
        command.try_get_matches_from_mut(&given).and_then(|found| Arguments::from_arg_matches(&found));
    match parsed {
        Ok(arguments) => {
            let quiet = arguments.quiet;
            let lang = arguments.lang.map_or(lang, |lang| match lang {
                Language::Ja => Lang::Ja,
                Language::En => Lang::En,
            });
            Ok((arguments, Say { lang, quiet }))
        }
        Err(error) => {
            if let Some(failure) = usage::failure(&error, &command, &words) {
                return Err(Say { lang, quiet: false }.failure(&failure));
            }
            let _ = error.print();
            Err(if error.use_stderr() { Exit::Usage } else { Exit::Conformant })
        }
    }
}

/// The locale of messages (POSIX, Base Definitions, 8.2): the first of these that is set and not empty.
fn locale(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|locale| !locale.is_empty())
}

/// The language before the command line is read: help has to be in it too.
fn language(words: &[&str], locale: Option<&str>) -> Lang {
    let follows = words.iter().position(|word| *word == "--lang").and_then(|at| words.get(at + 1));
    let joined = words.iter().find_map(|word| word.strip_prefix("--lang="));
    let is_japanese = match follows.copied().or(joined) {
        Some(asked) => asked == "ja",
        None => locale.is_some_and(|locale| locale.starts_with("ja")),
    };
    if is_japanese { Lang::Ja } else { Lang::En }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_command_and_option_has_a_help_text_in_both_languages() {
        Arguments::command().debug_assert();
        for lang in Lang::ALL {
            let mut waiting = vec![usage::localised(Arguments::command(), lang)];
            while let Some(command) = waiting.pop() {
                for sub in command.get_subcommands() {
                    assert!(!sub.get_about().unwrap().to_string().is_empty(), "{}", sub.get_name());
                    for arg in sub.get_arguments() {
                        let help = arg.get_help().unwrap().to_string();
                        assert!(!help.is_empty(), "{} {}", sub.get_name(), arg.get_id());
                    }
                    waiting.push(sub.clone());
                }
            }
        }
    }

    #[test]
    fn the_language_is_that_of_the_option_then_of_the_locale() {
        assert_eq!(language(&["chukei", "--lang", "ja"], Some("en_US.UTF-8")), Lang::Ja);
        assert_eq!(language(&["chukei", "--lang=en"], Some("ja_JP.UTF-8")), Lang::En);
        assert_eq!(language(&["chukei"], Some("ja_JP.UTF-8")), Lang::Ja);
        assert_eq!(language(&["chukei"], None), Lang::En);
    }

    #[test]
    fn an_empty_variable_is_none() {
        let of = |set: &'static [(&str, &str)]| {
            locale(|name| set.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "ja_JP.UTF-8")]).as_deref(), Some("ja_JP.UTF-8"));
        assert_eq!(of(&[("LC_MESSAGES", "C"), ("LANG", "ja_JP.UTF-8")]).as_deref(), Some("C"));
        assert_eq!(of(&[("LC_ALL", "ja_JP.UTF-8"), ("LC_MESSAGES", "C")]).as_deref(), Some("ja_JP.UTF-8"));
        assert_eq!(of(&[]), None);
    }
}
