//! SOAP messages put together from a program, and a model that says beforehand which of them verify and what
//! of them can be read.

use std::{collections::BTreeMap, sync::LazyLock};

use chukei_crypto::{PrivateKey, test_pki::keys};
use chukei_forge::{
    raw::Element,
    sign::{ReferenceSpec, Secret, SignatureSpec},
    wss,
};
use chukei_reason::Reason;
use chukei_xml::{Budget, Document, ns};
use chukei_xml_security::Shape;

use crate::{
    parts::{NAMES, Parts, check_parts},
    signed::{ANYBODY, Seen, fake_trust, verify},
    source::Program,
};

/// Names the algorithm; signs nothing here.
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| keys::p256(1));

/// Where a piece stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Security,
    /// In another header block, in the Body, and beside header and Body.
    Block,
    Body,
    Envelope,
}

/// What a reference points at and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pointer {
    Plain(usize),
    /// Through a SecurityTokenReference in `wsse:Security`, or inside the Body, where none is followed.
    Token(usize, bool),
    Body,
    Security,
}

/// A message as it is meant.
#[derive(Debug)]
struct Plan {
    pieces: Vec<(usize, Place)>,
    pointers: Vec<Pointer>,
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let plan = Plan::read(&mut Program(data));
    let xml = plan.message().write();
    let document = Document::parse(xml.as_str()).expect("well-formed");
    let verdict = fake_trust(|trust| {
        verify::<Parts>(&document, &Shape::message(), Some(ANYBODY), trust, &mut Budget::default())
    });
    match verdict {
        Ok(verified) => {
            assert!(plan.verifies(), "accepted: {plan:?}");
            let parts = verified.get();
            check_parts(&document, xml.as_bytes(), parts);
            let said = |outcome: &Result<Option<Seen>, Reason>| {
                outcome.as_ref().map(Option::is_some).map_err(|reason| *reason)
            };
            let body = if plan.pointers.contains(&Pointer::Body) { Ok(true) } else { Err(Reason::Coverage) };
            assert_eq!(said(&parts.body), body, "the Body of {plan:?}");
            for (index, (_, name)) in NAMES.iter().enumerate() {
                let header = plan.part(index, Place::Header);
                assert_eq!(said(&parts.header[index]), header, "the block {name} of {plan:?}");
                let security = plan.part(index, Place::Security);
                assert_eq!(said(&parts.security[index]), security, "the token {name} of {plan:?}");
            }
        }
        Err(_) => assert!(!plan.verifies(), "refused: {plan:?}"),
    }
}

impl Plan {
    fn read(program: &mut Program<'_>) -> Self {
        // From `sb:Sender` on, without `wsse:Security` and without a second signature.
        const KINDS: [usize; 11] = [2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13];
        const PLACES: [Place; 7] = [
            Place::Header,
            Place::Header,
            Place::Security,
            Place::Security,
            Place::Block,
            Place::Body,
            Place::Envelope,
        ];
        let pieces: Vec<_> =
            (0..program.below(7)).map(|_| (program.one(&KINDS), program.one(&PLACES))).collect();
        let pointers = (0..program.below(7)).map(|_| {
            let piece = if pieces.is_empty() { None } else { Some(program.below(pieces.len())) };
            match (program.below(8), piece) {
                (0, _) | (_, None) => Pointer::Body,
                (1, _) => Pointer::Security,
                (2 | 3, Some(piece)) => Pointer::Token(piece, true),
                (4, Some(piece)) => Pointer::Token(piece, false),
                (_, Some(piece)) => Pointer::Plain(piece),
            }
        });
        let pointers = pointers.collect();
        Self { pieces, pointers }
    }

    /// What WSS SOAP Message Security 1.1 §8 and the standard's chapter on signatures allow.
    fn verifies(&self) -> bool {
        let place = |piece: &usize| self.pieces[*piece].1;
        let allowed = self.pointers.iter().all(|pointer| match pointer {
            Pointer::Body => true,
            Pointer::Security => false,
            Pointer::Plain(piece) => matches!(place(piece), Place::Header | Place::Security),
            Pointer::Token(piece, near) => *near && place(piece) == Place::Security,
        });
        let mut times = BTreeMap::new();
        for pointer in &self.pointers {
            let target = match pointer {
                Pointer::Plain(piece) | Pointer::Token(piece, _) => Some(*piece),
                Pointer::Body | Pointer::Security => None,
            };
            *times.entry(target).or_insert(0) += 1;
        }
        let straight = self.pieces.iter().all(|(_, place)| *place != Place::Envelope);
        allowed && straight && !self.pointers.is_empty() && times.values().all(|count| *count == 1)
    }

    /// What reading the part `index` of [`NAMES`] at this place must give.
    fn part(&self, index: usize, place: Place) -> Result<bool, Reason> {
        let covered = |number: usize| {
            let points = |p: &Pointer| matches!(p, Pointer::Plain(n) | Pointer::Token(n, _) if *n == number);
            self.pointers.iter().any(points)
        };
        match (NAMES[index].1, place) {
            ("Security", Place::Header) | ("Signature", Place::Security) => return Err(Reason::Coverage),
            _ => {}
        }
        let here = |(_, piece): &(usize, &(usize, Place))| *piece == &(index, place);
        let mut found = self.pieces.iter().enumerate().filter(here);
        match (found.next(), found.next()) {
            (None, _) => Ok(false),
            (Some((number, _)), None) if covered(number) => Ok(true),
            (Some(_), None) => Err(Reason::Coverage),
            (Some(_), Some(_)) => Err(Reason::Structure),
        }
    }

    fn message(&self) -> Element {
        let at = |place: Place| {
            let here = self.pieces.iter().enumerate().filter(move |(_, piece)| piece.1 == place);
            here.map(|(number, (kind, _))| piece(*kind, number))
        };
        let references = |near: bool| {
            let tokens = self.pointers.iter().enumerate();
            tokens.filter_map(move |(number, pointer)| match pointer {
                Pointer::Token(piece, n) if *n == near => Some(self.token_reference(number, *piece)),
                _ => None,
            })
        };
        let security = Element::declared(ns::WSSE, "Security")
            .attribute("wsu:Id", "_security")
            .children(at(Place::Security))
            .children(references(true));
        let block = Element::new("x").children(at(Place::Block));
        let header = Element::new("soap:Header").children(at(Place::Header)).child(block).child(security);
        let body = Element::new("soap:Body")
            .attribute("wsu:Id", "_body")
            .children(at(Place::Body))
            .children(references(false));
        let mut root = Element::declared(ns::SOAP, "Envelope")
            .declare(ns::WSU)
            .declare(ns::SAML)
            .child(header)
            .child(body)
            .children(at(Place::Envelope));
        self.signature().sign(&mut root, "soap:Header/wsse:Security");
        root
    }

    fn token_reference(&self, number: usize, piece: usize) -> Element {
        let (own, target) = (format!("_str{number}"), format!("_p{piece}"));
        let is_saml = NAMES[self.pieces[piece].0].1 == "Assertion";
        if is_saml { wss::saml_reference(&own, &target) } else { wss::x509_reference(&own, &target) }
    }

    fn signature(&self) -> SignatureSpec {
        let references = self.pointers.iter().enumerate().map(|(number, pointer)| match pointer {
            Pointer::Plain(piece) => ReferenceSpec::detached(&format!("_p{piece}")),
            Pointer::Token(piece, _) => wss::token_reference(&format!("_str{number}"), &format!("_p{piece}")),
            Pointer::Body => ReferenceSpec::detached("_body"),
            Pointer::Security => ReferenceSpec::detached("_security"),
        });
        SignatureSpec {
            references: references.collect(),
            secret: Secret::Octets(vec![7; 64]),
            ..SignatureSpec::over_nothing(&KEY)
        }
    }
}

fn piece(kind: usize, number: usize) -> Element {
    let (namespace, local) = NAMES[kind];
    let id = format!("_p{number}");
    let name = if namespace == ns::SAML { "ID" } else { "wsu:Id" };
    Element::declared(namespace, local).attribute(name, &id).text("x")
}
