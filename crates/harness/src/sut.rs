//! `sut.toml`: what a product is and where it is. Every mistake in it has a line, a column and a way out.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use chukei_evidence::Product;
use chukei_spec::{Index, Profile, Role};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    face::CARD_DOOR,
    setup::{Fix, Setup},
    wire::Endpoint,
};

/// The description of a product.
#[derive(Clone, Debug)]
pub struct Sut {
    /// What it claims to be.
    pub profile: &'static Profile,
    /// Optional features that it claims.
    pub claims: Vec<&'static str>,
    /// Vendor, name, version, build, and the party that it plays.
    pub product: Product,
    /// Endpoints that differ from the world's, by role of the URL.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The world folder; empty for a card, and for a terminal without a relay.
    pub world: PathBuf,
    /// Where the card is, when the product is one.
    pub card: Option<CardPlace>,
    /// How the terminal is started, when the product is one.
    pub terminal: Option<TerminalPlace>,
    /// Base of the test-control API, if it has one.
    pub control: Option<Endpoint>,
    /// The file as it is written: it holds no secrets, because there is no key for one.
    pub text: String,
}

/// Where a card is, and what its owner tells about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardPlace {
    /// Name of a PC/SC reader, or its beginning.
    pub reader: Option<String>,
    /// A TEST card as a file, which needs no reader.
    pub image: Option<PathBuf>,
    /// TOML file with the right PINs: `signature`, `authentication`.
    pub pins: Option<PathBuf>,
}

/// How a terminal is started, and where its reader takes cards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalPlace {
    /// The command; the task follows as its last argument.
    pub client: String,
    /// Name of a reader of our PC/SC driver, the path of its socket, or vpcd's address.
    pub reader: String,
    /// The same of the reader for the token of a member of staff.
    pub operator: Option<String>,
}

/// Features of a terminal that has a relay, and so a world; the second has a reader for tokens too.
const PORTAL: &str = "portal";
const RECEPTION: &str = "reception";
/// Feature of a relay that has a card door.
const TLS_LOGIN: &str = "tls-login";

/// Tables with their keys. A name that is not here is a mistake.
const KEYS: &[(&str, &[&str])] = &[
    ("", &["card", "claims", "control", "endpoints", "product", "profile", "terminal", "world"]),
    ("card", &["image", "pins", "reader"]),
    ("terminal", &["client", "operator", "reader"]),
    ("product", &["build", "name", "vendor", "version"]),
    ("endpoints", &["card", "disclosure", "history", "linkage", "mapping"]),
    ("world", &["dir", "party"]),
    ("control", &["url"]),
];

impl Sut {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong, where, and what to write instead.
    pub fn load(path: &Path) -> Result<Self, Setup> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Setup::new("setup.sut.missing", [path.display().to_string(), error.to_string()])
                .fix(Fix::WriteSut(path.display().to_string()))
        })?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads the text of a file that stands in `folder`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Setup> {
        let file = File { text };
        let root = DeTable::parse(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let is_bare = is_bare_value(text, span.start);
            let fix = if is_bare { Fix::Quote } else { Fix::SutForm };
            let fault = if is_bare {
                Setup::plain("setup.sut.bare")
            } else {
                Setup::new("setup.sut.toml", [error.message()])
            };
            file.at(fault.fix(fix), span)
        })?;
        let root = Table { file: &file, name: "", table: root.get_ref(), span: 0..0 };
        root.check()?;

        let name = root.text("profile")?;
        let profile = Index::profile(name.get_ref()).ok_or_else(|| {
            let known: Vec<&str> = Index::profiles().iter().map(|profile| profile.name).collect();
            file.unknown("setup.sut.profile", name.get_ref(), &known, name.span())
        })?;
        let product = root.table("product")?.ok_or_else(|| file.lacking("", "product", 0..0))?;
        let card = card(&root, profile, folder)?;
        let terminal = terminal(&root, profile)?;
        let claims = claims(&root, profile)?;
        let (party, dir) = match (root.table("world")?, &card, &terminal) {
            (_, Some(_), _) => ("card".to_owned(), PathBuf::new()),
            (None, _, Some(_)) if ![PORTAL, RECEPTION].iter().any(|asks| claims.contains(asks)) => {
                ("terminal".to_owned(), PathBuf::new())
            }
            (None, ..) => return Err(file.lacking("", "world", 0..0)),
            (Some(world), ..) => {
                (world.text("party")?.into_inner(), folder.join(world.text("dir")?.get_ref()))
            }
        };
        let endpoints = endpoints(&root)?;
        if claims.contains(&TLS_LOGIN) && !endpoints.contains_key(CARD_DOOR) {
            return Err(file.lacking("endpoints", CARD_DOOR, 0..0));
        }
        Ok(Self {
            profile,
            claims,
            product: Product {
                vendor: product.text("vendor")?.into_inner(),
                name: product.text("name")?.into_inner(),
                version: product.text("version")?.into_inner(),
                build: product.optional("build")?.map(Spanned::into_inner).unwrap_or_default(),
                party,
                control: 0,
            },
            endpoints,
            world: dir,
            card,
            terminal,
            control: match root.table("control")? {
                Some(control) => Some(file.url(&control.text("url")?, Scheme::Http)?),
                None => None,
            },
            text: text.to_owned(),
        })
    }
}

fn claims(root: &Table<'_>, profile: &'static Profile) -> Result<Vec<&'static str>, Setup> {
    let known: Vec<&str> = profile.features.iter().map(|feature| feature.name).collect();
    let mut claims = Vec::new();
    for claim in root.texts("claims")? {
        let feature = profile.features.iter().find(|feature| feature.name == claim.get_ref());
        let unknown = || root.file.unknown("setup.sut.claim", claim.get_ref(), &known, claim.span());
        claims.push(feature.ok_or_else(unknown)?.name);
    }
    Ok(claims)
}

/// The table that a product of this role has, and nothing else has.
fn own<'t>(root: &'t Table<'t>, profile: &Profile, role: Role) -> Result<Option<Table<'t>>, Setup> {
    let name = role.name();
    match (root.table(name)?, profile.roles.contains(&role)) {
        (table @ Some(_), true) => Ok(table),
        (None, false) => Ok(None),
        (None, true) => Err(root.file.lacking("", name, 0..0)),
        (Some(table), false) => Err(root.file.unknown("setup.sut.key", name, &["world"], table.span)),
    }
}

fn terminal(root: &Table<'_>, profile: &'static Profile) -> Result<Option<TerminalPlace>, Setup> {
    let Some(table) = own(root, profile, Role::Terminal)? else { return Ok(None) };
    let text = |key| table.text(key).map(Spanned::into_inner);
    let operator = table.optional("operator")?.map(Spanned::into_inner);
    if operator.is_none() && claims(root, profile)?.contains(&RECEPTION) {
        return Err(root.file.lacking("terminal", "operator", table.span.clone()));
    }
    Ok(Some(TerminalPlace { client: text("client")?, reader: text("reader")?, operator }))
}

fn card(root: &Table<'_>, profile: &Profile, folder: &Path) -> Result<Option<CardPlace>, Setup> {
    let Some(table) = own(root, profile, Role::Card)? else { return Ok(None) };
    let path = |key| table.optional(key).map(|path| path.map(|path| folder.join(path.get_ref())));
    let place = CardPlace {
        reader: table.optional("reader")?.map(Spanned::into_inner),
        image: path("image")?,
        pins: path("pins")?,
    };
    if place.reader.is_some() && place.image.is_some() {
        let both = "card.reader, card.image";
        let fault = Setup::new("setup.sut.both", [both]).fix(Fix::LeaveOneOut(both.into()));
        return Err(root.file.at(fault, table.span.clone()));
    }
    if place.reader.is_none() && place.image.is_none() {
        return Err(root.file.lacking("card", "reader", table.span.clone()));
    }
    Ok(Some(place))
}

fn endpoints(root: &Table<'_>) -> Result<BTreeMap<String, Endpoint>, Setup> {
    let Some(table) = root.table("endpoints")? else { return Ok(BTreeMap::new()) };
    let mut endpoints = BTreeMap::new();
    for (role, _) in table.table.iter() {
        let role: &str = role.get_ref();
        endpoints.insert(role.to_owned(), root.file.url(&table.text(role)?, Scheme::Https)?);
    }
    Ok(endpoints)
}

/// Whether a value without quotation marks stands at this place or runs up to it: what TOML takes for a number and then stops at.
fn is_bare_value(text: &str, at: usize) -> bool {
    let line = text.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |end| end + 1));
    let line = text.get(line..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    line.split_once('=')
        .is_some_and(|(_, value)| value.trim_start().starts_with(|c: char| c.is_ascii_digit()))
}

/// How an address begins: messages go over TLS (chapter 21), test control does not (chapter 50).
#[derive(Clone, Copy)]
enum Scheme {
    Https,
    Http,
}

struct File<'t> {
    text: &'t str,
}

impl File<'_> {
    /// A fault at a place, which people count from 1, in characters.
    fn at(&self, fault: Setup, span: Range<usize>) -> Setup {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count();
        fault.at(before.matches('\n').count() + 1, column + 1)
    }

    fn unknown(&self, code: &'static str, found: &str, known: &[&str], span: Range<usize>) -> Setup {
        let fault = Setup::new(code, [found.to_owned(), known.join(", ")]);
        let near = known.iter().map(|name| (strsim::damerau_levenshtein(found, name), *name)).min();
        let near = near.filter(|(far, _)| *far <= found.len() / 3 + 1);
        let fix = near.map_or_else(|| Fix::OneOf(known.join(", ")), |(_, name)| Fix::Write(name.to_owned()));
        self.at(fault.fix(fix), span)
    }

    fn lacking(&self, table: &str, key: &str, span: Range<usize>) -> Setup {
        let full = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
        let write = match (table, key) {
            ("", "product") => "[product]\nvendor = \"…\"\nname = \"…\"\nversion = \"…\"".to_owned(),
            ("", "card") => "[card]\nreader = \"…\"".to_owned(),
            ("", "terminal") => "[terminal]\nclient = \"…\"\nreader = \"…\"".to_owned(),
            ("", "world") => "[world]\ndir = \"world\"\nparty = \"insurer-b\"".to_owned(),
            ("endpoints", _) => format!("[endpoints]\n{key} = \"https://…\""),
            _ => format!("{key} = \"…\""),
        };
        self.at(Setup::new("setup.sut.lacking", [full]).fix(Fix::Write(write)), span)
    }

    /// An address, with the one scheme that is spoken there.
    fn url(&self, url: &Spanned<String>, scheme: Scheme) -> Result<Endpoint, Setup> {
        let (begins, example) = match scheme {
            Scheme::Https => ("https://", "https://127.0.0.1:8443/linkage"),
            Scheme::Http => ("http://", "http://127.0.0.1:9900/v1"),
        };
        let of_scheme = Endpoint::parse(url.get_ref()).filter(|_| url.get_ref().starts_with(begins));
        of_scheme.ok_or_else(|| {
            let fault = Setup::new("setup.sut.url", [url.get_ref().as_str(), begins]);
            // The address that is there, if only its beginning is wrong.
            let (_, rest) = url.get_ref().split_once("://").unwrap_or(("", url.get_ref()));
            let own = Some(format!("{begins}{rest}"))
                .filter(|own| Endpoint::parse(own).is_some_and(|own| own.path != "/"));
            self.at(fault.fix(Fix::Write(own.unwrap_or_else(|| example.into()))), url.span())
        })
    }
}

struct Table<'t> {
    file: &'t File<'t>,
    name: &'t str,
    table: &'t DeTable<'t>,
    span: Range<usize>,
}

impl<'t> Table<'t> {
    /// Every key is one that this table may have.
    fn check(&self) -> Result<(), Setup> {
        let known = KEYS.iter().find(|(name, _)| *name == self.name).map_or(&[][..], |(_, keys)| *keys);
        match self.table.iter().find(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            // A key of the file's beginning that was written below a table belongs to that table.
            Some((key, _))
                if !self.name.is_empty() && ["claims", "profile"].contains(&key.get_ref().as_ref()) =>
            {
                let fault = Setup::new("setup.sut.below", [key.get_ref().as_ref(), self.name]);
                Err(self.file.at(fault.fix(Fix::MoveUp(key.get_ref().to_string())), key.span()))
            }
            Some((key, _)) => Err(self.file.unknown("setup.sut.key", key.get_ref(), known, key.span())),
            None => Ok(()),
        }
    }

    fn table(&self, key: &'t str) -> Result<Option<Table<'t>>, Setup> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Table(table) => {
                let inner = Table { file: self.file, name: key, table, span: value.span() };
                inner.check()?;
                Ok(Some(inner))
            }
            other => Err(self.wrong(key, "table", other, value.span())),
        }
    }

    fn text(&self, key: &str) -> Result<Spanned<String>, Setup> {
        self.optional(key)?.ok_or_else(|| self.file.lacking(self.name, key, self.span.clone()))
    }

    fn optional(&self, key: &str) -> Result<Option<Spanned<String>>, Setup> {
        self.table.get(key).map(|value| self.string(key, value)).transpose()
    }

    fn texts(&self, key: &str) -> Result<Vec<Spanned<String>>, Setup> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| self.string(key, item)).collect(),
            other => Err(self.wrong(key, "array", other, value.span())),
        }
    }

    fn string(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Spanned<String>, Setup> {
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(Spanned::new(value.span(), text.to_string())),
            other => Err(self.wrong(key, "string", other, value.span())),
        }
    }

    fn wrong(&self, key: &str, wanted: &str, found: &DeValue<'_>, span: Range<usize>) -> Setup {
        let found = if found.as_str() == Some("") { "empty" } else { found.type_str() };
        let fault = Setup::new("setup.sut.type", [key, wanted, found]);
        let fault = match (wanted, found) {
            ("string", "empty") => fault.fix(Fix::Write(format!("{key} = \"…\""))),
            ("string", _) => fault.fix(Fix::Quote),
            _ => fault,
        };
        self.file.at(fault, span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"profile = "responder@1.0"

[product]
vendor = "TEST Vendor"
name = "Gateway"
version = "1.0"

[world]
dir = "world"
party = "insurer-b"
"#;

    fn fault(text: &str) -> (String, Option<(usize, usize)>, Option<Fix>) {
        let fault = Sut::parse(text, Path::new("/x")).unwrap_err();
        (fault.to_string(), fault.place, fault.fix)
    }

    #[test]
    fn a_sound_file_is_read() {
        let more = "claims = [\"test-control\"]\n";
        let text = format!("{more}{SOUND}[control]\nurl = \"http://127.0.0.1:9900/v1\"\n");
        let sut = Sut::parse(&text, Path::new("/x")).unwrap();
        assert_eq!((sut.profile.name, sut.claims.as_slice()), ("responder@1.0", &["test-control"][..]));
        assert_eq!((sut.world.as_path(), sut.product.party.as_str()), (Path::new("/x/world"), "insurer-b"));
        assert_eq!(sut.control.unwrap().port, 9900);
    }

    #[test]
    fn a_card_has_a_place_in_place_of_a_world() {
        let head = SOUND.split("[world]").next().unwrap().replace("responder@1.0", "card@1.0");
        let sut =
            Sut::parse(&format!("{head}[card]\nreader = \"R\"\npins = \"p\"\n"), Path::new("/x")).unwrap();
        let place = CardPlace { reader: Some("R".into()), image: None, pins: Some("/x/p".into()) };
        assert_eq!((sut.card, sut.product.party.as_str()), (Some(place), "card"));
        assert_eq!(fault(&head).0, "setup.sut.lacking (card)");
        assert_eq!(fault(&format!("{head}[card]\n")).0, "setup.sut.lacking (card.reader)");
        assert_eq!(
            fault(&format!("{head}[card]\nreader = \"R\"\nimage = \"i\"\n")).0,
            "setup.sut.both (card.reader, card.image)"
        );
        assert_eq!(fault(&format!("{SOUND}[card]\nreader = \"R\"\n")).0, "setup.sut.key (card, world)");
    }

    #[test]
    fn a_terminal_has_a_command_in_place_of_a_world() {
        let head = SOUND.split("[world]").next().unwrap().replace("responder@1.0", "terminal@1.0");
        let sut = Sut::parse(&format!("{head}[terminal]\nclient = \"c\"\nreader = \"R\"\n"), Path::new("/x"));
        let sut = sut.unwrap();
        let place = TerminalPlace { client: "c".into(), reader: "R".into(), operator: None };
        assert_eq!((sut.terminal, sut.product.party.as_str()), (Some(place), "terminal"));
        assert_eq!(fault(&head).0, "setup.sut.lacking (terminal)");
        let portal = format!("claims = [\"portal\"]\n{head}[terminal]\nclient = \"c\"\nreader = \"R\"\n");
        assert_eq!(fault(&portal).0, "setup.sut.lacking (world)");
        let sut = Sut::parse(&format!("{portal}[world]\ndir = \"w\"\nparty = \"portal\"\n"), Path::new("/x"));
        assert_eq!(sut.unwrap().world.as_path(), Path::new("/x/w"));
        assert_eq!(fault(&portal.replace("portal", "reception")).0, "setup.sut.lacking (terminal.operator)");
        let (what, place, fix) = fault(&format!("{head}[terminal]\nreader = \"R\"\n"));
        assert_eq!(
            (what.as_str(), place.is_some(), fix),
            ("setup.sut.lacking (terminal.client)", true, Some(Fix::Write("client = \"…\"".into())))
        );
        assert_eq!(
            fault(&format!("{SOUND}[terminal]\nclient = \"c\"\n")).0,
            "setup.sut.key (terminal, world)"
        );
    }

    #[test]
    fn a_relay_that_takes_cards_over_tls_says_where() {
        let relay = SOUND.replace("responder@1.0", "relay@1.0").replace("insurer-b", "relay");
        let claiming = format!("claims = [\"login\", \"tls-login\"]\n{relay}");
        assert_eq!(fault(&claiming).0, "setup.sut.lacking (endpoints.card)");
        let door = "https://127.0.0.1:9444/card";
        let sut = Sut::parse(&format!("{claiming}[endpoints]\ncard = \"{door}\"\n"), Path::new("/x"));
        assert_eq!(sut.unwrap().endpoints["card"].url, door);
        assert!(Sut::parse(&relay, Path::new("/x")).is_ok());
    }

    #[test]
    fn what_belongs_above_the_tables_is_not_taken_below() {
        let (what, place, fix) = fault(&format!("{SOUND}claims = [\"test-control\"]\n"));
        assert_eq!(
            (what.as_str(), fix),
            ("setup.sut.below (claims, world)", Some(Fix::MoveUp("claims".into())))
        );
        assert_eq!(place.map(|(_, column)| column), Some(1));
        assert!(Sut::parse(&format!("claims = [\"test-control\"]\n{SOUND}"), Path::new("/x")).is_ok());
    }

    #[test]
    fn messages_go_over_tls_and_test_control_does_not() {
        let described = |table: &str, url: &str| format!("{SOUND}[{table}]\n{}\n", url);
        for (table, key, wrong, begins, right) in [
            ("endpoints", "linkage", "http://127.0.0.1:8600/x", "https://", "https://127.0.0.1:8600/x"),
            ("control", "url", "https://127.0.0.1:9900/v1", "http://", "http://127.0.0.1:9900/v1"),
            ("control", "url", "127.0.0.1:9900", "http://", "http://127.0.0.1:9900/v1"),
        ] {
            let (what, place, fix) = fault(&described(table, &format!("{key} = {wrong:?}")));
            assert_eq!(what, format!("setup.sut.url ({wrong}, {begins})"));
            assert_eq!((place, fix), (Some((12, key.len() + 4)), Some(Fix::Write(right.into()))));
            let sound = described(table, &format!("{key} = {right:?}"));
            assert!(Sut::parse(&sound, Path::new("")).is_ok(), "{right}");
        }
    }

    #[test]
    fn mistakes_have_a_place_and_a_way_out() {
        assert!(Sut::parse(SOUND, Path::new("")).is_ok());
        let (what, place, fix) = fault(&SOUND.replace("vendor", "vendr"));
        assert_eq!((place, fix), (Some((4, 1)), Some(Fix::Write("vendor".into()))), "{what}");
        let (what, place, fix) = fault(&SOUND.replace("responder@1.0", "respondr@1.0"));
        assert_eq!((place, fix), (Some((1, 11)), Some(Fix::Write("responder@1.0".into()))), "{what}");
        let (what, place, _) = fault(&SOUND.replace("\"1.0\"", "1.0"));
        assert_eq!((what.as_str(), place), ("setup.sut.type (version, string, float)", Some((6, 11))));
        let (what, ..) = fault(&SOUND.replace("party = \"insurer-b\"\n", ""));
        assert_eq!(what, "setup.sut.lacking (world.party)");
        let (what, place, _) = fault(&SOUND.replace("[world]", "[world"));
        assert!(
            what.starts_with("setup.sut.toml") && place.is_some_and(|(line, _)| line == 8),
            "{what} {place:?}"
        );
        let (what, place, fix) = fault(&SOUND.replace("\"1.0\"", "1.0.3"));
        assert_eq!((what.as_str(), fix), ("setup.sut.bare ()", Some(Fix::Quote)));
        assert!(place.is_some_and(|(line, column)| line == 6 && column > 10), "{place:?}");
        let (what, ..) = fault(&format!("claims = [\"x\"]\n{SOUND}"));
        assert!(what.starts_with("setup.sut.claim (x"), "{what}");
    }
}
