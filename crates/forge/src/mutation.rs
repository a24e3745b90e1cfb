//! Named deviations from the valid world, by the rows of the catalogue of attacks.
//!
//! A [`Mutation`] says where in the making of a message it acts. [`Mutation::apply`] makes the message with that one
//! deviation; [`crate::specimen::World::message`] makes its positive twin. The same list serves tests, fuzz seeds and
//! faults that a mock party can be switched to.

#![allow(clippy::redundant_closure_call, reason = "the macros of the tables take closures")]

mod c14n;
mod encryption;
mod keys;
mod limits;
mod reading;
mod signature;
mod wrapping;
mod xml;

use std::sync::OnceLock;

use crate::{
    raw::{Message, Node},
    seal::SealSpec,
    sign::SignatureSpec,
    specimen::{Draft, Specimen, Suite, World},
};

/// One deviation.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// Its name, unique.
    pub name: &'static str,
    /// Rows of the catalogue of attacks.
    pub rows: &'static [&'static str],
    /// The messages in which it can be made.
    pub specimens: &'static [Specimen],
    /// The suites in which it can be made.
    pub suites: &'static [Suite],
    /// What has to become of the message.
    pub verdict: Verdict,
    /// What is done, in the order of making: see [`Stage`].
    pub changes: &'static [Change],
}

/// What has to become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Refused, with the reason of this name.
    Refuse(&'static str),
    /// Accepted, and every reader sees what was signed.
    Inert,
    /// Accepted, or refused by a layer above signatures, with the reason of this name there.
    Above(&'static str),
}

/// When a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The identifier is sealed in another way.
    Reencrypt,
    /// The message is changed, then signed.
    BeforeSigning,
    /// The message is signed in another way or by another key.
    Resign,
    /// The signed message is changed.
    AfterSigning,
}

/// What is done at a stage.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// [`Stage::Reencrypt`].
    Seal(fn(&mut SealSpec, &World)),
    /// [`Stage::BeforeSigning`].
    Before(fn(&mut Draft, &World)),
    /// [`Stage::Resign`]: the first signature.
    Signature(fn(&mut SignatureSpec, &World)),
    /// [`Stage::AfterSigning`].
    After(fn(&mut Message, &World)),
    /// [`Stage::AfterSigning`], where trees cannot say it.
    Bytes(fn(Vec<u8>, &World) -> Vec<u8>),
}

/// Every named mutation.
#[must_use]
pub fn mutations() -> &'static [Mutation] {
    static ALL: OnceLock<Vec<Mutation>> = OnceLock::new();
    ALL.get_or_init(|| {
        let syntax = [xml::MUTATIONS, reading::MUTATIONS, limits::MUTATIONS, c14n::MUTATIONS];
        let security = [wrapping::MUTATIONS, signature::MUTATIONS, keys::MUTATIONS, encryption::MUTATIONS];
        syntax.into_iter().chain(security).flatten().copied().collect()
    })
}

/// The mutation of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Mutation> {
    mutations().iter().find(|mutation| mutation.name == name)
}

impl Mutation {
    /// The message with the deviation.
    ///
    /// # Panics
    /// For a specimen or a suite that is not among those of the mutation.
    #[must_use]
    pub fn apply(&self, world: &World, specimen: Specimen) -> Vec<u8> {
        assert!(self.suites.contains(&world.suite), "{} is no deviation in {:?}", self.name, world.suite);
        assert!(self.specimens.contains(&specimen), "{} is no deviation of {specimen:?}", self.name);
        let mut seal = world.seal();
        self.each(|change| {
            if let Change::Seal(change) = change {
                change(&mut seal, world);
            }
        });
        let mut draft = world.draft_with(specimen, &seal);
        self.each(|change| {
            if let Change::Before(change) = change {
                change(&mut draft, world);
            }
        });
        self.each(|change| {
            if let Change::Signature(change) = change {
                change(&mut draft.signatures[0].1, world);
            }
        });
        let mut message = draft.sign();
        self.each(|change| {
            if let Change::After(change) = change {
                change(&mut message, world);
            }
        });
        let mut bytes = message.bytes();
        self.each(|change| {
            if let Change::Bytes(change) = change {
                bytes = change(std::mem::take(&mut bytes), world);
            }
        });
        bytes
    }

    /// The stages at which something is done.
    #[must_use]
    pub fn stages(&self) -> Vec<Stage> {
        let mut stages: Vec<Stage> = self.changes.iter().map(|change| change.stage()).collect();
        stages.sort();
        stages.dedup();
        stages
    }

    fn each(&self, run: impl FnMut(&Change)) {
        self.changes.iter().for_each(run);
    }
}

impl Change {
    /// When it is made.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Seal(_) => Stage::Reencrypt,
            Self::Before(_) => Stage::BeforeSigning,
            Self::Signature(_) => Stage::Resign,
            Self::After(_) | Self::Bytes(_) => Stage::AfterSigning,
        }
    }
}

/// A line of the tables.
const fn row(
    name: &'static str,
    rows: &'static [&'static str],
    specimens: &'static [Specimen],
    verdict: Verdict,
    changes: &'static [Change],
) -> Mutation {
    Mutation { name, rows, specimens, suites: Suite::ALL, verdict, changes }
}

/// The same where only one kind of key can do it.
const fn only(suite: &'static [Suite], mutation: Mutation) -> Mutation {
    Mutation { suites: suite, ..mutation }
}

/// Replaces text in the bytes, which has to be there.
fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = text(bytes);
    assert!(text.contains(from), "{from} is not in the message");
    text.replacen(from, to, 1).into_bytes()
}

/// Puts text behind the start tag of the root element.
fn inside_root(bytes: &[u8], inserted: &str) -> Vec<u8> {
    let (tag, rest) = text(bytes).split_once('>').expect("a start tag");
    format!("{tag}>{inserted}{rest}").into_bytes()
}

/// Other content for the NameID of an assertion.
fn name_id(message: &mut Message, content: &[Node]) {
    message.root.find_mut(NAME_ID).children = content.to_vec();
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a message in UTF-8")
}

const NAME_ID: &str = "saml:Subject/saml:NameID";

/// Every kind of message.
const ANY: &[Specimen] = Specimen::ALL;
/// With a NameID in clear text in a signed assertion at the root.
const ASSERTION: &[Specimen] = &[Specimen::Assertion];
const RESPONSE: &[Specimen] = &[Specimen::Response];
const SIGNED_RESPONSE: &[Specimen] = &[Specimen::SignedResponse];
const ENVELOPE: &[Specimen] = &[Specimen::Envelope];
const SOAP: &[Specimen] = &[Specimen::Soap];
/// Signed at the root by one enveloped signature.
const ENVELOPED: &[Specimen] = &[Specimen::Assertion, Specimen::Envelope, Specimen::Metadata];
