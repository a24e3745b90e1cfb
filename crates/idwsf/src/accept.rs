//! `bytes → Accepted<B>`: every check of a received message, in the order of the standard's chapter on messages.

use std::{fmt, ops::Deref};

use chukei_crypto::UnixTime;
use chukei_reason::Reason;
use chukei_saml::metadata::Federation;
use chukei_xml::{Budget, Document, Name, lexical, lexical::DateTime};
use chukei_xml_security::{Shape, Unverified};

use crate::{Checks, Headers, Message, Payload, Refusal, ReplayStore, names::*, soap};

/// Seconds that a peer's clock may be ahead of ours.
pub const SKEW: i64 = 180;
/// Seconds that a message may be good for.
pub const LONGEST: i64 = 300;
/// Characters that a `wsa:MessageID` may have.
const MESSAGE_ID_LENGTH: usize = 256;

/// A party that receives, and what it knows.
#[derive(Clone, Copy)]
pub struct Receiver<'a> {
    /// Where it receives: what `wsa:To` has to be.
    pub endpoint: &'a str,
    /// Everybody whom it knows.
    pub federation: &'a Federation,
    /// Purposes that it knows.
    pub purposes: &'a [&'a str],
    /// What it checks.
    pub checks: &'a Checks,
    /// What was used before.
    pub replay: &'a dyn ReplayStore,
    /// The time.
    pub now: UnixTime,
}

/// An HTTP request, as the transport saw it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Its body.
    pub body: &'a [u8],
    /// The one `SOAPAction` header, with its quotation marks.
    pub soap_action: Option<&'a str>,
    /// DER of the certificate that the TLS client has shown and proved.
    pub tls_client: Option<&'a [u8]>,
}

/// An HTTP answer, as the transport saw it.
#[derive(Clone, Copy)]
pub struct PeerAnswer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
}

/// Sizes; content may be a person's.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} octets)", self.body.len())
    }
}

/// Status and size; content may be a person's.
impl fmt::Debug for PeerAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerAnswer({}, {} octets)", self.status, self.body.len())
    }
}

/// A request of ours that waits for its one answer; accepting the answer consumes it.
#[must_use]
#[derive(Debug)]
pub struct Awaited {
    /// `wsa:MessageID` of the request.
    pub message_id: String,
    /// The party asked.
    pub party: String,
}

/// A message that may be acted upon.
#[must_use]
#[derive(Debug)]
pub struct Accepted<B> {
    headers: Headers,
    body: B,
    sender: String,
}

/// A message whose signer is known, and whose content nobody has seen yet.
struct Authentic<B> {
    message: Message<B>,
    sender: String,
}

impl<B> Accepted<B> {
    /// The party that signed and sent it.
    #[must_use]
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// Its header.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Its `wsa:MessageID`.
    #[must_use]
    pub fn message_id(&self) -> &str {
        self.headers.message_id.as_deref().unwrap_or_default()
    }

    /// DER of the certificate whose key signed it.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.headers.token.as_deref().unwrap_or_default()
    }

    /// Its body alone.
    #[must_use]
    pub fn into_body(self) -> B {
        self.body
    }
}

impl<B> Deref for Accepted<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.body
    }
}

/// Who the token says has signed.
struct Token<'d> {
    sender: Option<&'d str>,
    der: Option<Vec<u8>>,
}

impl Receiver<'_> {
    /// Accepts a request.
    ///
    /// # Errors
    /// The first sentence that it breaks.
    pub fn request<B: Payload>(
        &self,
        request: &Request<'_>,
        budget: &mut Budget,
    ) -> Result<Accepted<B>, Refusal> {
        let document = Document::parse_within(request.body, budget)?;
        let Authentic { message, sender } = self.authenticate::<B>(document, budget)?;
        let (checks, headers) = (self.checks, &message.headers);

        // The message signer, the TLS client and sb:Sender are one and the same; [message.sender.is-tls-client]
        let known = self.federation.entity(&sender);
        let is_client =
            request.tls_client.is_some_and(|der| known.is_some_and(|sender| sender.signs_with(der)));
        checks.require(
            "message.sender.is-tls-client",
            is_client,
            Reason::TlsClient,
            "the sender as TLS client",
        )?;

        self.framework(headers)?;

        // WS-Addressing 1.0 core §3.1; [message.to.is-receiver]
        let is_ours = headers.to.as_deref() == Some(self.endpoint);
        checks.require("message.to.is-receiver", is_ours, Reason::To, "our endpoint in wsa:To")?;

        // SOAP 1.1 §6.1.1; [message.action.agrees]
        let quoted = request.soap_action.and_then(|action| action.strip_prefix('"')?.strip_suffix('"'));
        let agree = quoted == Some(headers.body_action.as_str());
        checks.require(
            "message.action.agrees",
            agree,
            Reason::Action,
            "SOAPAction that says what Body is",
        )?;
        self.addressing(headers)?;

        // ID-WSF SOAP Binding 2.0 §5.10; [message.usage-directive.purpose]
        let stated = headers.purpose.as_deref().is_some_and(|purpose| self.purposes.contains(&purpose));
        let is_needed = message.body.as_ref().is_ok_and(Payload::asks_about_a_person);
        let stated = stated || !is_needed;
        checks.require(
            "message.usage-directive.purpose",
            stated,
            Reason::Purpose,
            "a purpose that we know",
        )?;

        // [message.header.place] Of a body that cannot be read it is said in the end what is wrong with it.
        let shows_envelope = message.body.as_ref().is_ok_and(Payload::shows_an_envelope);
        let is_request = |block: &Name| match *block {
            RELATES_TO | RECEIPTS => false,
            TARGET_IDENTITY => shows_envelope,
            USAGE_DIRECTIVE => is_needed,
            _ => true,
        };
        let in_place = message.body.is_err() || headers.blocks.iter().all(is_request);
        checks.require("message.header.place", in_place, Reason::Schema, "the header blocks of its kind")?;

        self.remember(message, sender)
    }

    /// Accepts the answer to a request of ours.
    ///
    /// # Errors
    /// `PeerFault` for a fault or another HTTP status than 200, whatever else it holds; else the first sentence that it
    /// breaks.
    pub fn answer<B: Payload>(
        &self,
        awaited: Awaited,
        answer: &PeerAnswer<'_>,
        budget: &mut Budget,
    ) -> Result<Accepted<B>, Refusal> {
        let fault = || Refusal::new("requester.answer.fault", Reason::PeerFault, "an answer, not a fault");
        if answer.status != 200 {
            return Err(fault());
        }
        let document = Document::parse_within(answer.body, budget)?;
        if soap::is_fault(&document) {
            return Err(fault());
        }
        let Authentic { message, sender } = self.authenticate::<B>(document, budget)?;
        let (checks, headers) = (self.checks, &message.headers);

        // [requester.answer.verified]
        let from_asked = sender == awaited.party;
        checks.require(
            "requester.answer.verified",
            from_asked,
            Reason::Sender,
            "the party asked as sender",
        )?;
        self.framework(headers)?;

        // [message.answer.headers]
        let to_us = headers.to.as_deref() == Some(ANONYMOUS);
        checks.require("message.to.is-receiver", to_us, Reason::To, "the anonymous address in wsa:To")?;
        self.addressing(headers)?;

        // WS-Addressing 1.0 core §3.1; [message.relates-to.answered]
        let ours = headers.relates_to.as_deref() == Some(awaited.message_id.as_str());
        checks.require(
            "message.relates-to.answered",
            ours,
            Reason::Correlation,
            "wsa:RelatesTo our request",
        )?;

        // [message.header.place]
        let of_requests = [REPLY_TO, FAULT_TO, TARGET_IDENTITY, USAGE_DIRECTIVE, WITHHOLDING];
        let in_place = !headers.blocks.iter().any(|block| of_requests.contains(block));
        checks.require("message.header.place", in_place, Reason::Schema, "the header blocks of an answer")?;

        self.remember(message, sender)
    }

    /// Shape, token, signature, sender.
    fn authenticate<B: Payload>(
        &self,
        document: Document,
        budget: &mut Budget,
    ) -> Result<Authentic<B>, Refusal> {
        let checks = self.checks;
        soap::check(&document, checks)?;

        // WSS X.509 Token Profile 1.1 §3.1; [message.token.certificate]
        let token = token(&document, checks)?;
        let owner = token.der.as_deref().and_then(|der| self.federation.signer(der)).map(str::to_owned);
        let claimed = token.sender.map(str::to_owned);
        let is_foreign = owner.is_some() && owner != claimed;

        // ID-WSF SOAP Binding 2.0 §5.2; [message.sender.is-signer]
        let none = || Refusal::new("message.sender.is-signer", Reason::Sender, "sb:Sender");
        let signer = owner.or(claimed).ok_or_else(none)?;
        let (message, key) = match self.verify::<B>(document, &signer, budget) {
            // A token of somebody else, beside a signature that is not his.
            Err(refusal) if is_foreign && refusal.reason() == Reason::Signature => {
                let expected = "the signer's certificate as token";
                return Err(Refusal::new("message.token.certificate", Reason::Token, expected));
            }
            verified => verified?,
        };
        let is_sender = message.headers.sender.as_ref() == Some(&signer);
        checks.require("message.sender.is-signer", is_sender, Reason::Sender, "the signer as sb:Sender")?;

        // [message.token.certificate]
        let shown = message.headers.token.as_deref().and_then(|der| self.federation.certificate(der));
        let shown = shown.and_then(|certificate| certificate.public_key().ok()).map(|key| key.spki_sha256());
        let is_signers = key.is_none_or(|key| shown == Some(key));
        checks.require(
            "message.token.certificate",
            is_signers,
            Reason::Token,
            "the signer's certificate as token",
        )?;
        // [message.body.one-child]
        message.kind.clone()?;
        Ok(Authentic { message, sender: signer })
    }

    /// The one way to a message: XML Signature over all parts, with a key of the signer; [message.signature.covers]
    fn verify<B: Payload>(
        &self,
        document: Document,
        signer: &str,
        budget: &mut Budget,
    ) -> Result<(Message<B>, Option<[u8; 32]>), Refusal> {
        #[cfg(feature = "danger-faults")]
        if crate::lax::Lax::wanted(self.checks) {
            let lax = crate::lax::Lax::verify(&document, self, signer)?;
            return Ok((Message::read_parts(&crate::Parts::Lax(lax))?, None));
        }
        let unverified = Unverified::<Message<B>>::locate(document, &Shape::message(), budget)?;
        let verified = unverified.verify_by(signer, self.federation.trust(), self.now, budget);
        let verified = verified.map_err(|refusal| refusal.error().clone())?;
        let key = *verified.key();
        Ok((verified.into_value(), Some(key)))
    }

    fn framework(&self, headers: &Headers) -> Result<(), Refusal> {
        // ID-WSF SOAP Binding 2.0 §5.1; [message.framework.version]
        let known = headers.framework.as_deref() == Some(VERSION);
        self.checks.require(
            "message.framework.version",
            known,
            Reason::Framework,
            "sbf:Framework of version 2.0",
        )
    }

    /// What requests and answers have in common after `wsa:To`.
    fn addressing(&self, headers: &Headers) -> Result<(), Refusal> {
        let checks = self.checks;
        // [message.action.agrees]
        let agrees = headers.action.as_deref() == Some(headers.body_action.as_str());
        checks.require(
            "message.action.agrees",
            agrees,
            Reason::Action,
            "wsa:Action that says what Body is",
        )?;

        // WS-Addressing 1.0 core §3.1; [message.id.form]
        let formed = headers.message_id.as_deref().is_some_and(is_absolute_iri);
        checks.require("message.id.form", formed, Reason::MessageId, "an absolute IRI as wsa:MessageID")?;

        // WSS SOAP Message Security 1.1 §10; [message.timestamp.window]
        let current = is_current(headers, self.now)
            || (checks.skips(FRACTIONS) && is_current(&whole_seconds(headers), self.now));
        checks.require(
            "message.timestamp.window",
            current,
            Reason::Window,
            "a current Timestamp, five minutes at most",
        )?;

        // [message.reply-to.anonymous]
        checks.require(
            "message.reply-to.anonymous",
            !headers.replies_elsewhere,
            Reason::ReplyTo,
            "replies on this connection",
        )?;

        // ID-WSF SOAP Binding 2.0 §5.8; [message.processing-context.none]
        let none = !headers.processing_context;
        checks.require(
            "message.processing-context.none",
            none,
            Reason::ProcessingContext,
            "no processing context",
        )
    }

    /// Last, and before any effect; [message.id.once]
    fn remember<B>(&self, message: Message<B>, sender: String) -> Result<Accepted<B>, Refusal> {
        let Message { headers, body, .. } = message;
        let id = headers.message_id.as_deref().unwrap_or_default();
        let first = self.replay.first_use(&sender, id, headers.until(self.now))?;
        let expected = "a wsa:MessageID that was not used before";
        self.checks.require("message.id.once", first, Reason::Replay, expected)?;
        Ok(Accepted { headers, body: body?, sender })
    }
}

/// The one token in `wsse:Security`, and who the message says it comes from. Neither is believed yet.
fn token<'d>(document: &'d Document, checks: &Checks) -> Result<Token<'d>, Refusal> {
    let header = document.root().elements().find(|child| child.is(HEADER));
    let block = |name| header.and_then(|header| header.elements().find(|child| child.is(name)));
    let sender = block(SENDER).and_then(|sender| sender.attribute("providerID"));
    let Some(security) = block(SECURITY) else { return Ok(Token { sender, der: None }) };
    let known = [TIMESTAMP, BINARY_SECURITY_TOKEN, SIGNATURE, SECURITY_TOKEN_REFERENCE];
    let foreign = security.elements().any(|child| !known.into_iter().any(|name| child.is(name)));
    let mut tokens = security.elements().filter(|child| child.is(BINARY_SECURITY_TOKEN));
    let (token, second) = (tokens.next(), tokens.next());
    let one = token.is_some() && second.is_none() && !foreign;
    checks.require("message.token.certificate", one, Reason::Token, "one X.509 token in wsse:Security")?;
    let der = token.and_then(|token| token.text().ok()).and_then(lexical::decode_base64);
    Ok(Token { sender, der })
}

/// RFC 3987: a scheme and something after it, no white space, no fragment.
fn is_absolute_iri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_holds = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let clean =
        !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '#'));
    scheme_holds && clean && !rest.is_empty() && text.chars().count() <= MESSAGE_ID_LENGTH
}

fn is_current(headers: &Headers, now: UnixTime) -> bool {
    let (Some(created), Some(expires)) = (headers.created, headers.expires) else { return false };
    let now = DateTime { seconds: now.0, nanoseconds: 0 };
    created <= now.plus(SKEW) && now < expires && created < expires && expires <= created.plus(LONGEST)
}

/// A mock party that is told to skip this reads times as whole seconds.
const FRACTIONS: &str = "fractions";

fn whole_seconds(headers: &Headers) -> Headers {
    let cut = |time: Option<DateTime>| time.map(|time| DateTime { nanoseconds: 0, ..time });
    Headers { created: cut(headers.created), expires: cut(headers.expires), ..headers.clone() }
}
