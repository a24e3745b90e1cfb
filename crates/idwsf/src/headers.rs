//! Header blocks and Body of a message, read from what its one signature covered.

use chukei_crypto::UnixTime;
use chukei_reason::Reason;
use chukei_saml::Assertion;
use chukei_xml::{Attribute, Element, Name, XmlError, lexical, lexical::DateTime, ns};
use chukei_xml_security::{FromSigned, Signed};

use crate::names::*;

/// Seconds that Japan is ahead of UTC: a day begins so much earlier there.
const JAPAN: i64 = 9 * 3600;

/// A kind of content that an endpoint takes.
pub trait Payload: Sized {
    /// Names of the elements that it is read from.
    const NAMES: &'static [Name];

    /// Reads it from the one child of Body, which has one of the [`Self::NAMES`].
    ///
    /// # Errors
    /// `Schema`, or whatever the content demands.
    fn read(element: Element<'_>, parts: &Parts<'_>) -> Result<Self, XmlError>;

    /// Whether it asks about a person, so that its message has to state a purpose.
    fn asks_about_a_person(&self) -> bool {
        false
    }

    /// Whether it asks about the person of an envelope, which stands in the header.
    fn shows_an_envelope(&self) -> bool {
        false
    }
}

/// A message: what its signature covered. What is wrong with its Body is said after its header was checked.
#[derive(Debug)]
pub struct Message<B> {
    pub(crate) headers: Headers,
    /// Whether Body holds one element of a kind that is taken.
    pub(crate) kind: Result<(), XmlError>,
    pub(crate) body: Result<B, XmlError>,
}

/// Header blocks, Timestamp and token, as they stand; [`crate::Receiver`] checks them.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// `sbf:Framework/@version`.
    pub framework: Option<String>,
    /// `sb:Sender/@providerID`.
    pub sender: Option<String>,
    /// `wsa:MessageID`.
    pub message_id: Option<String>,
    /// `wsa:RelatesTo`, if it names an answer.
    pub relates_to: Option<String>,
    /// `wsa:To`.
    pub to: Option<String>,
    /// `wsa:Action`.
    pub action: Option<String>,
    /// Whether `wsa:ReplyTo` or `wsa:FaultTo` names another place than the connection itself.
    pub replies_elsewhere: bool,
    /// The blocks of the standard that are there.
    pub(crate) blocks: Vec<Name>,
    /// Whether there is a `sb:ProcessingContext`.
    pub processing_context: bool,
    /// `wsu:Created`.
    pub created: Option<DateTime>,
    /// `wsu:Expires`.
    pub expires: Option<DateTime>,
    /// The certificate in the one token, as DER.
    pub token: Option<Vec<u8>>,
    /// `ck:Purpose` of the `sb:UsageDirective` about Body.
    pub purpose: Option<String>,
    /// `sb:TargetIdentity`.
    pub target: Option<TargetIdentity>,
    /// `ck:Receipts`: what the relay promises to have in its ledger.
    pub receipts: Vec<Commitment>,
    /// `ck:Withholding`: until when the sender wants what is recorded of the request withheld from the person.
    pub withheld_until: Option<UnixTime>,
    /// What `wsa:Action` has to be for this Body.
    pub body_action: String,
}

/// What stands in a ledger for one entry: it says nothing to others, and is opened by the person's proof (chapter 35).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment(pub [u8; 32]);

/// Whom a message is about: `sb:TargetIdentity`.
#[derive(Clone, Debug)]
pub struct TargetIdentity {
    /// The assertions in it.
    pub assertions: Vec<Assertion>,
    /// Number of other elements in it.
    pub others: usize,
}

/// What may be read of a message.
#[derive(Clone, Copy)]
pub enum Parts<'d> {
    /// What valid signatures covered.
    Signed(Signed<'d>),
    /// What a mock party with a fault in its verification believes.
    #[cfg(feature = "danger-faults")]
    Lax(crate::lax::Lax<'d>),
}

impl<'d> Parts<'d> {
    fn header(&self, name: Name) -> Result<Option<Element<'d>>, XmlError> {
        match self {
            Self::Signed(signed) => signed.header(name),
            #[cfg(feature = "danger-faults")]
            Self::Lax(lax) => Ok(lax.header(name)),
        }
    }

    fn security(&self, name: Name) -> Result<Option<Element<'d>>, XmlError> {
        match self {
            Self::Signed(signed) => signed.security(name),
            #[cfg(feature = "danger-faults")]
            Self::Lax(lax) => Ok(lax.security(name)),
        }
    }

    fn body(&self) -> Result<Element<'d>, XmlError> {
        match self {
            Self::Signed(signed) => signed.body(),
            #[cfg(feature = "danger-faults")]
            Self::Lax(lax) => lax.body(),
        }
    }

    /// Whether valid signatures covered it. A mock party that believes what they did not takes it as it is.
    const fn is_signed(&self) -> bool {
        matches!(self, Self::Signed(_))
    }

    /// Whether a mock party takes the first element of a Body for all of it.
    fn believes_any_body(&self) -> bool {
        match self {
            Self::Signed(_) => false,
            #[cfg(feature = "danger-faults")]
            Self::Lax(lax) => lax.believes_any_body,
        }
    }

    /// The assertion at this place; its `signer` says whether it carries a signature of its own.
    ///
    /// # Errors
    /// `Schema`, `DateTime`, `Base64`.
    pub fn assertion(&self, at: Element<'_>) -> Result<Assertion, XmlError> {
        match self {
            Self::Signed(signed) => Assertion::in_message(signed, at),
            #[cfg(feature = "danger-faults")]
            Self::Lax(lax) => lax.assertion(at),
        }
    }
}

impl<B: Payload> FromSigned for Message<B> {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        Self::read_parts(&Parts::Signed(*signed))
    }
}

impl<B: Payload> Message<B> {
    pub(crate) fn read_parts(parts: &Parts<'_>) -> Result<Self, XmlError> {
        let body = parts.body()?;
        if parts.is_signed() {
            only(body, &[])?;
        }
        let child = parts.believes_any_body().then(|| body.elements().next()).flatten();
        let child = child.map_or_else(|| only_child(body, B::NAMES), Ok);
        let headers = Headers::read(parts, body, child.as_ref().ok().copied())?;
        let content = child.clone().and_then(|child| B::read(child, parts));
        Ok(Self { headers, kind: child.map(drop), body: content })
    }
}

/// The one element in Body, if it has one of these names; [message.body.one-child]
fn only_child<'d>(body: Element<'d>, names: &[Name]) -> Result<Element<'d>, XmlError> {
    let mut children = body.children();
    let child = children.any().and_then(|child| children.finish().map(|()| child));
    let child = child.map_err(|error| error.with_reason(Reason::Body))?;
    let taken = child.filter(|child| names.iter().any(|name| child.is(*name)));
    taken.ok_or_else(|| body.error(Reason::Body, "one element of a kind that is taken here"))
}

impl Headers {
    fn read(parts: &Parts<'_>, body: Element<'_>, child: Option<Element<'_>>) -> Result<Self, XmlError> {
        let attribute = |name, attribute: &str| -> Result<Option<String>, XmlError> {
            Ok(parts.header(name)?.and_then(|block| block.attribute(attribute)).map(str::to_owned))
        };
        let text = |name| -> Result<Option<String>, XmlError> {
            parts.header(name)?.map(|block| block.text().map(str::to_owned)).transpose()
        };
        let mut blocks = Vec::new();
        for name in PROFILED.into_iter().filter(|name| *name != SECURITY) {
            if let Some(block) = parts.header(name)? {
                if parts.is_signed() {
                    closed(block, name)?;
                }
                blocks.push(name);
            }
        }
        let mut replies_elsewhere = false;
        for name in [REPLY_TO, FAULT_TO] {
            if let Some(block) = parts.header(name)? {
                replies_elsewhere |= block.only(ADDRESS).and_then(Element::text).ok() != Some(ANONYMOUS);
            }
        }
        let relates_to = parts.header(RELATES_TO)?.filter(|block| {
            block.attribute("RelationshipType").is_none_or(|relationship| relationship == REPLY)
        });
        let timestamp = parts.security(TIMESTAMP)?;
        let (created, expires) = timestamp.and_then(times).unzip();
        Ok(Self {
            framework: attribute(FRAMEWORK, "version")?,
            sender: attribute(SENDER, "providerID")?,
            message_id: text(MESSAGE_ID)?,
            relates_to: relates_to.map(|block| block.text().map(str::to_owned)).transpose()?,
            to: text(TO)?,
            action: text(ACTION)?,
            replies_elsewhere,
            blocks,
            processing_context: parts.header(PROCESSING_CONTEXT)?.is_some(),
            created,
            expires,
            token: parts.security(BINARY_SECURITY_TOKEN)?.map(token).transpose()?,
            purpose: parts.header(USAGE_DIRECTIVE)?.and_then(|directive| purpose(directive, body)),
            target: parts.header(TARGET_IDENTITY)?.map(|block| target(block, parts)).transpose()?,
            receipts: parts.header(RECEIPTS)?.map(receipts).transpose()?.unwrap_or_default(),
            withheld_until: parts.header(WITHHOLDING)?.map(withheld_until).transpose()?,
            body_action: child
                .map(|child| format!("{}:{}", child.namespace(), child.local()))
                .unwrap_or_default(),
        })
    }

    /// When the message can no longer be current.
    #[must_use]
    pub fn until(&self, now: UnixTime) -> UnixTime {
        self.expires.map_or(now, |expires| UnixTime(expires.seconds.saturating_add(1)))
    }
}

/// What a header block may have: the attributes of the table, and no child or text but those that are read; [xml.schema.closed]
fn closed(block: Element<'_>, name: Name) -> Result<(), XmlError> {
    let own: &[&str] = match name {
        FRAMEWORK => &["version"],
        SENDER => &["providerID"],
        RELATES_TO => &["RelationshipType"],
        USAGE_DIRECTIVE => &["ref"],
        WITHHOLDING => &["until"],
        _ => &[],
    };
    only(block, own)?;
    match name {
        FRAMEWORK | SENDER | WITHHOLDING => block.empty(),
        TARGET_IDENTITY => {
            let mut children = block.children();
            while children.any()?.is_some() {}
            Ok(())
        }
        _ => Ok(()),
    }
}

/// No attribute but these, and those that SOAP and the signature give to any part of a message.
fn only(part: Element<'_>, own: &[&str]) -> Result<(), XmlError> {
    let of_all = [(WSU_ID, ns::WSU), (MUST_UNDERSTAND, ns::SOAP), (ACTOR, ns::SOAP)];
    let is_allowed = |attribute: &Attribute<'_>| match attribute.namespace() {
        "" => own.contains(&attribute.local()),
        namespace => of_all.iter().any(|(name, of)| of.uri() == namespace && name.local == attribute.local()),
    };
    match part.attributes().all(|attribute| is_allowed(&attribute)) {
        true => Ok(()),
        false => Err(part.error(Reason::Schema, format!("no attribute but [{}]", own.join(", ")))),
    }
}

/// `wsa:Action` of a message with this element in its Body: namespace, colon, local name (DST 2.1 §9 by convention).
#[must_use]
pub fn action(name: Name) -> String {
    format!("{}:{}", name.namespace.uri(), name.local)
}

/// `ck:Receipts`, each with the 32 octets of a commitment.
fn receipts(block: Element<'_>) -> Result<Vec<Commitment>, XmlError> {
    let mut children = block.children();
    let mut receipts = Vec::new();
    while let Some(receipt) = children.optional(RECEIPT)? {
        receipt.only_attributes(&["commitment"])?;
        receipt.empty()?;
        let octets = lexical::decode_base64(receipt.required_attribute("commitment")?);
        let octets = octets.and_then(|octets| octets.try_into().ok());
        let octets = octets.ok_or_else(|| receipt.error(Reason::Base64, "32 octets in base64"))?;
        receipts.push(Commitment(octets));
    }
    children.finish()?;
    Ok(receipts)
}

/// `ck:Withholding`: the first second of its day, which begins in Japan.
fn withheld_until(block: Element<'_>) -> Result<UnixTime, XmlError> {
    block.empty()?;
    let day = block.required_attribute("until")?;
    let midnight = DateTime::parse(&format!("{day}T00:00:00Z"));
    let midnight = midnight.ok_or_else(|| block.error(Reason::DateTime, "a day as until"))?;
    Ok(UnixTime(midnight.seconds.saturating_sub(JAPAN)))
}

/// `wsu:Timestamp` (WSS SOAP Message Security 1.1 §10); of another form it is as good as missing.
fn times(timestamp: Element<'_>) -> Option<(DateTime, DateTime)> {
    let mut children = timestamp.children();
    let created = DateTime::parse(children.required(CREATED).ok()?.text().ok()?)?;
    let expires = DateTime::parse(children.required(EXPIRES).ok()?.text().ok()?)?;
    children.finish().ok()?;
    Some((created, expires))
}

/// `wsse:BinarySecurityToken` (WSS X.509 Token Profile 1.1 §3.1); another one is no token of ours.
fn token(element: Element<'_>) -> Result<Vec<u8>, XmlError> {
    let wrong = || element.error(Reason::Token, "an X.509 certificate in base64");
    let is_certificate = element.attribute("ValueType") == Some(X509_V3)
        && element.attribute("EncodingType") == Some(BASE64_BINARY);
    let octets = lexical::decode_base64(element.text().map_err(|_| wrong())?).filter(|_| is_certificate);
    octets.ok_or_else(wrong)
}

/// The purpose that the directive states, if it states one about this Body.
fn purpose(directive: Element<'_>, body: Element<'_>) -> Option<String> {
    let about = directive.attribute("ref").filter(|about| body.attribute_in(WSU_ID) == Some(*about));
    about.and_then(|_| directive.only(PURPOSE).ok()?.text().ok()).map(str::to_owned)
}

fn target(block: Element<'_>, parts: &Parts<'_>) -> Result<TargetIdentity, XmlError> {
    let (assertions, others): (Vec<_>, Vec<_>) =
        block.elements().partition(|child| child.is(chukei_saml::ASSERTION));
    let assertions = assertions.into_iter().map(|at| parts.assertion(at)).collect::<Result<_, _>>()?;
    Ok(TargetIdentity { assertions, others: others.len() })
}
