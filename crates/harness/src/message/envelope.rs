//! The envelope: an assertion of the relay with a sealed number.

use chukei_crypto::sha256;
use chukei_forge::{
    mutation::{Change, Mutation},
    raw::{Element, Message},
    seal::SealSpec,
    sign::{SignatureSpec, x509_key_info},
    specimen,
};
use chukei_xml::{lexical::encode_base64, ns};

use super::{assemble::apply, time};
use crate::{seed::Ids, world::World};

const HOLDER_OF_KEY: &str = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";
const ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
const URI: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";
const ATTRIBUTE: &str = "urn:chukei:1.0:attribute:";

/// Everything about an envelope. Times are in seconds from now.
#[derive(Clone)]
pub struct Envelope {
    /// Decides `ID`, content key, IV and OAEP seed.
    pub seed: u64,
    /// `ID`.
    pub id: String,
    /// `Version`.
    pub saml_version: String,
    /// `Issuer`.
    pub issuer: String,
    /// The party whose key signs; nobody for no signature.
    pub signer: Option<String>,
    /// The party for which the number is sealed.
    pub sealed_for: String,
    /// What is sealed.
    pub name_id: NameId,
    /// Octets to be sealed in the place of the identifier.
    pub plaintext: Option<Vec<u8>>,
    /// Who may present it.
    pub confirmations: Vec<Confirmation>,
    /// `NotBefore` and `NotOnOrAfter`.
    pub window: (Option<i64>, Option<i64>),
    /// `Audience`s of the one restriction.
    pub audiences: Vec<String>,
    /// `OneTimeUse`.
    pub one_time_use: bool,
    /// Attributes after the prefix of the standard, and values.
    pub attributes: Vec<(String, String)>,
    /// Content key.
    pub content_key: [u8; 32],
    /// Changes the seal.
    pub seal: Vec<fn(&mut SealSpec)>,
    /// Changes before signing. The root is `saml:Assertion`.
    pub before: Vec<fn(&mut Element)>,
    /// Changes of the signature.
    pub signature: Vec<fn(&mut SignatureSpec)>,
    /// Changes after signing.
    pub after: Vec<fn(&mut Element)>,
    /// A named mutation of the forge.
    pub mutation: Option<&'static Mutation>,
}

/// `saml:NameID`.
#[derive(Clone, Debug)]
pub struct NameId {
    /// `Format`.
    pub format: Option<String>,
    /// `SPNameQualifier`.
    pub sp_qualifier: Option<String>,
    /// `NameQualifier`.
    pub qualifier: Option<String>,
    /// The number.
    pub value: String,
}

/// `saml:SubjectConfirmation`.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// `Method`.
    pub method: String,
    /// Entity in `NameID`.
    pub entity: Option<String>,
    /// The party whose certificate is confirmed.
    pub holder: Option<String>,
    /// `Recipient`.
    pub recipient: Option<String>,
    /// `NotOnOrAfter`.
    pub not_on_or_after: Option<i64>,
}

impl Envelope {
    /// The envelope with which `requester` may ask `target` about the holder of a number, as the relay issues it in
    /// answer to the message `request`.
    #[must_use]
    pub fn new(
        world: &World,
        ids: &mut Ids,
        (requester, target): (&str, &str),
        (scheme, number): (&str, &str),
        purpose: &str,
        request: &str,
    ) -> Self {
        let recipient = world.entity(target);
        let seed = ids.seed();
        Self {
            seed,
            id: world.forge(seed, 0).id("envelope"),
            saml_version: "2.0".into(),
            issuer: world.entity("relay"),
            signer: Some("relay".into()),
            sealed_for: target.into(),
            name_id: NameId {
                format: Some(scheme.into()),
                sp_qualifier: Some(recipient.clone()),
                qualifier: Some(world.entity("relay")),
                value: number.into(),
            },
            plaintext: None,
            confirmations: vec![Confirmation {
                method: HOLDER_OF_KEY.into(),
                entity: Some(world.entity(requester)),
                holder: Some(requester.into()),
                recipient: Some(recipient.clone()),
                not_on_or_after: Some(270),
            }],
            window: (Some(-30), Some(270)),
            audiences: vec![recipient],
            one_time_use: true,
            attributes: vec![
                ("purpose".into(), purpose.into()),
                ("request".into(), format!("{request}#1")),
                ("version".into(), "1.0".into()),
            ],
            content_key: ids.octets(),
            seal: Vec::new(),
            before: Vec::new(),
            signature: Vec::new(),
            after: Vec::new(),
            mutation: None,
        }
    }

    /// The one confirmation.
    ///
    /// # Panics
    /// When there is none: a mistake of the case's author, which voids the run.
    #[allow(clippy::expect_used, reason = "a mistake of a case's author shall stop the case")]
    pub fn confirmation(&mut self) -> &mut Confirmation {
        self.confirmations.first_mut().expect("a confirmation in this envelope")
    }

    /// Moves the times from which and until which it is good.
    pub fn postpone(&mut self, seconds: i64) {
        let later = |time: &mut Option<i64>| *time = time.map(|time| time.saturating_add(seconds));
        later(&mut self.window.0);
        later(&mut self.window.1);
        self.confirmations.iter_mut().for_each(|confirmation| later(&mut confirmation.not_on_or_after));
    }

    /// ※ Lists the relay, by its entity id, as a second presenter.
    pub fn list_relay(&mut self, entity: &str) {
        let second = Confirmation {
            entity: Some(entity.to_owned()),
            holder: Some("relay".into()),
            ..self.confirmation().clone()
        };
        self.confirmations.push(second);
    }

    /// Sets an attribute, in the place where it stands.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.attributes.iter_mut().find(|(own, _)| own == name) {
            Some((_, old)) => *old = value.into(),
            None => self.attributes.push((name.into(), value.into())),
        }
    }

    /// Takes an attribute away.
    pub fn unset(&mut self, name: &str) {
        self.attributes.retain(|(own, _)| own != name);
    }

    /// The signed assertion.
    #[must_use]
    pub fn build(&self, world: &World, now: i64) -> Element {
        let forge = world.forge(self.seed, now);
        let subject = Element::new("saml:Subject")
            .child(self.sealed(world, &forge))
            .children(self.confirmations.iter().map(|confirmation| confirmation.build(world, now)));
        let mut conditions = Element::new("saml:Conditions");
        let (from, until) = self.window;
        for (name, offset) in [("NotBefore", from), ("NotOnOrAfter", until)] {
            if let Some(offset) = offset {
                conditions = conditions.attribute(name, &time(now, offset));
            }
        }
        if !self.audiences.is_empty() {
            let audiences = self.audiences.iter().map(|text| Element::new("saml:Audience").text(text));
            conditions = conditions.child(Element::new("saml:AudienceRestriction").children(audiences));
        }
        let conditions = conditions.children(self.one_time_use.then(|| Element::new("saml:OneTimeUse")));
        let attributes = self.attributes.iter().map(|(name, value)| {
            Element::new("saml:Attribute")
                .attribute("Name", &format!("{ATTRIBUTE}{name}"))
                .attribute("NameFormat", URI)
                .child(Element::new("saml:AttributeValue").text(value))
        });
        let mut root = Element::declared(ns::SAML, "Assertion")
            .attribute("ID", &self.id)
            .attribute("Version", &self.saml_version)
            .attribute("IssueInstant", &time(now, 0))
            .child(Element::new("saml:Issuer").text(&self.issuer))
            .child(subject)
            .child(conditions)
            .child(Element::new("saml:AttributeStatement").children(attributes));
        self.before.iter().for_each(|change| change(&mut root));
        let signature = self.signer.as_ref().map(|signer| {
            let mut spec = SignatureSpec::enveloped(&self.id, &world.key(signer));
            spec.key_info = Some(x509_key_info(&world.certificate(signer)));
            self.signature.iter().for_each(|change| change(&mut spec));
            (".".to_owned(), spec)
        });
        let draft =
            specimen::Draft { message: Message::new(root), signatures: signature.into_iter().collect() };
        let mut root = apply(draft, self.mutation, &forge).root;
        self.after.iter().for_each(|change| change(&mut root));
        root
    }

    fn sealed(&self, world: &World, forge: &specimen::World) -> Element {
        let mut spec = SealSpec::encrypted_id(&self.name_id.build(), &world.recipient(&self.sealed_for));
        spec.content_key = Some(self.content_key);
        spec.fixed = Some(sha256(&self.content_key));
        spec.key_attributes = vec![("Recipient".into(), world.entity(&self.sealed_for))];
        if let Some(plaintext) = &self.plaintext {
            spec.plaintext.clone_from(plaintext);
        }
        self.seal.iter().for_each(|change| change(&mut spec));
        for change in self.mutation.map_or(&[][..], |mutation| mutation.changes) {
            if let Change::Seal(change) = change {
                change(&mut spec, forge);
            }
        }
        spec.seal()
    }
}

impl NameId {
    /// The element, complete on its own.
    #[must_use]
    pub fn build(&self) -> Element {
        let mut element = Element::declared(ns::SAML, "NameID");
        let attributes = [
            ("Format", &self.format),
            ("NameQualifier", &self.qualifier),
            ("SPNameQualifier", &self.sp_qualifier),
        ];
        for (name, value) in attributes {
            if let Some(value) = value {
                element = element.attribute(name, value);
            }
        }
        element.text(&self.value)
    }
}

impl Confirmation {
    fn build(&self, world: &World, now: i64) -> Element {
        let mut element = Element::new("saml:SubjectConfirmation").attribute("Method", &self.method);
        if let Some(entity) = &self.entity {
            element = element.child(Element::new("saml:NameID").attribute("Format", ENTITY).text(entity));
        }
        let mut data = Element::new("saml:SubjectConfirmationData");
        if let Some(offset) = self.not_on_or_after {
            data = data.attribute("NotOnOrAfter", &time(now, offset));
        }
        if let Some(recipient) = &self.recipient {
            data = data.attribute("Recipient", recipient);
        }
        if let Some(holder) = &self.holder {
            let certificate = encode_base64(&world.certificate(holder));
            let certificate = Element::new("ds:X509Certificate").text(&certificate);
            let key_info = Element::declared(ns::DS, "KeyInfo");
            data = data.child(key_info.child(Element::new("ds:X509Data").child(certificate)));
        }
        element.child(data)
    }
}
