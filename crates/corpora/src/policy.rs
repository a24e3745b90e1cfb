//! What an entry point of the product answers to a foreign document.

use std::{collections::BTreeSet, fmt};

use chukei_crypto::{PublicKey, UnixTime};
use chukei_reason::Reason;
use chukei_xml::{Budget, Document, Element, Name, Namespace, XmlError, ns};
use chukei_xml_security::{FromSigned, Shape, Signed, TrustStore, TrustedKey, Unverified, Verified};

/// The product's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It reads these values from what was signed.
    Accepts(Seen),
    /// It does not read anything.
    Refuses(Reason),
}

/// What a reader sees of a signed element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its identifier.
    pub id: String,
    /// Every text in it that stands alone in its element, with the element's local name.
    pub texts: Vec<(String, String)>,
}

/// Asks every entry point that takes this root element, with these keys trusted for whoever is named in it.
#[must_use]
pub fn answer(xml: &[u8], keys: &[PublicKey]) -> Answer {
    let document = match Document::parse(xml) {
        Ok(document) => document,
        Err(error) => return Answer::Refuses(error.reason()),
    };
    let mut trust = TrustStore::new();
    for name in names(&document) {
        for key in keys {
            trust.add(&name, TrustedKey::new(key.clone()));
        }
    }
    let mut refused = None;
    for shape in shapes(&document) {
        // As a message that names its signer, and as one whose signer is known from elsewhere.
        for signer in [None, Some(ANYBODY)] {
            match enter(&document, &shape, signer, &trust) {
                Ok(seen) => return Answer::Accepts(seen),
                // The last shape asks for the least, so its reason says most.
                Err(reason) if signer.is_none() => refused = Some(reason),
                Err(_) => {}
            }
        }
    }
    Answer::Refuses(refused.unwrap_or(Reason::RootElement))
}

const ANYBODY: &str = "anybody";

fn enter(
    document: &Document,
    shape: &Shape,
    signer: Option<&str>,
    trust: &TrustStore,
) -> Result<Seen, Reason> {
    let mut budget = Budget::default();
    let unverified = Unverified::<Seen>::locate(document.clone(), shape, &mut budget);
    let unverified = unverified.map_err(|error| error.reason())?;
    let at = UnixTime(0);
    let verified = unverified.verify_by(signer, trust, at, &mut budget);
    verified.map(Verified::into_value).map_err(|refusal| refusal.reason())
}

/// Everybody whom the document might name as its signer.
fn names(document: &Document) -> BTreeSet<String> {
    let elements = document.root().descendants();
    let named = elements.filter_map(|element| {
        let issuer = element.is(ns::SAML.name("Issuer")).then(|| element.text().ok()).flatten();
        issuer.or_else(|| element.attribute("providerID"))
    });
    named.chain([ANYBODY]).map(str::to_owned).collect()
}

fn shapes(document: &Document) -> Vec<Shape> {
    let root = document.root();
    let in_namespace = |namespace: Namespace, names: &[&'static str]| {
        names.iter().map(|local| namespace.name(local)).find(|name| root.is(*name))
    };
    let own: Option<Name> = in_namespace(ns::SAML, &["Assertion"])
        .or_else(|| in_namespace(ns::MD, &["EntityDescriptor", "EntitiesDescriptor"]))
        .or_else(|| {
            let messages =
                ["AuthnRequest", "LogoutRequest", "LogoutResponse", "ArtifactResolve", "ArtifactResponse"];
            in_namespace(ns::SAMLP, &messages)
        });
    let response = ns::SAMLP.name("Response");
    if root.is(response) {
        return vec![Shape::root(response), Shape::child(response, ns::SAML.name("Assertion"))];
    }
    if root.is(ns::SOAP.name("Envelope")) {
        return vec![Shape::message()];
    }
    // Another root is refused by whichever entry point.
    vec![Shape::root(own.unwrap_or(ns::SAML.name("Assertion")))]
}

impl Seen {
    /// What can be seen of an element.
    #[must_use]
    pub fn of(element: Element<'_>) -> Self {
        let alone =
            element.descendants().filter_map(|e| Some((e.local().to_owned(), e.text().ok()?.to_owned())));
        let id = ["ID", "Id", "AssertionID"].iter().find_map(|name| element.attribute(name));
        let id = id.or_else(|| element.attribute_in(ns::WSU.name("Id")));
        Self { id: id.unwrap_or_default().to_owned(), texts: alone.collect() }
    }
}

impl FromSigned for Seen {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        match signed.element() {
            Ok(element) => Ok(Self::of(element)),
            Err(_) => Ok(Self::of(signed.body()?)),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepts(seen) => write!(f, "accepts, {} texts read", seen.texts.len()),
            Self::Refuses(reason) => write!(f, "refuses: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chukei_forge::specimen::{PERSON, Specimen, World};

    #[test]
    fn a_sound_message_is_read_and_a_changed_one_is_not() {
        let world = World::new(1);
        let keys = [world.relay.key.public_key().clone()];
        for specimen in
            [Specimen::Assertion, Specimen::Response, Specimen::SignedResponse, Specimen::Metadata]
        {
            let bytes = world.message(specimen).bytes();
            let Answer::Accepts(seen) = answer(&bytes, &keys) else { panic!("{specimen:?} refused") };
            let person = seen.texts.iter().any(|(name, text)| name == "NameID" && text == PERSON);
            assert_eq!(person, specimen != Specimen::Metadata);
            let stranger = [world.attacker.key.public_key().clone()];
            assert_eq!(answer(&bytes, &stranger), Answer::Refuses(Reason::Key));
        }
        assert_eq!(answer(b"<a/>", &keys), Answer::Refuses(Reason::RootElement));
    }
}
