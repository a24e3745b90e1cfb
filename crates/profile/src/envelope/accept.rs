//! Presenting and opening: every check of an envelope, in the order of the standard's chapter.

use chukei_crypto::{UnixTime, Unwrapper};
use chukei_idwsf::{Checks, Refusal, ReplayStore, SKEW, TargetIdentity};
use chukei_reason::{Answer, Reason};
use chukei_saml::{Assertion, ENTITY, HOLDER_OF_KEY, NAME_ID, NameId, SubjectConfirmation};
use chukei_xml::{Budget, lexical::DateTime};

use super::{LONGEST, PURPOSE, VERSION, VERSION_ATTRIBUTE};
use crate::{Identifier, Purpose, Scheme};

/// A responder, and what it knows.
#[derive(Clone, Copy)]
pub struct Acceptor<'a> {
    /// The responder.
    pub own: &'a str,
    /// The relay.
    pub relay: &'a str,
    /// Schemes of the responder's numbers.
    pub schemes: &'a [Scheme],
    /// The responder's keys, the current one first.
    pub keys: &'a [&'a dyn Unwrapper],
    /// What it checks.
    pub checks: &'a Checks,
    /// Envelopes that were presented before.
    pub replay: &'a dyn ReplayStore,
    /// The time.
    pub now: UnixTime,
}

/// Who presents an envelope, in an accepted message.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'a> {
    /// `sb:TargetIdentity`.
    pub target: Option<&'a TargetIdentity>,
    /// The party that signed the message.
    pub presenter: &'a str,
    /// DER of the certificate whose key signed it.
    pub certificate: &'a [u8],
    /// For whom the presenter asks, if not for itself.
    pub on_behalf_of: Option<&'a str>,
    /// The purpose that the message states.
    pub purpose: Option<&'a str>,
}

/// What an accepted envelope says.
#[must_use]
#[derive(Debug)]
pub struct Opened {
    /// The responder's own number of the person.
    pub identifier: Identifier,
    /// `ID` of the envelope.
    pub envelope: String,
    /// Who asked the relay for it.
    pub requester: String,
    /// What it is for.
    pub purpose: Purpose,
}

impl Acceptor<'_> {
    /// Checks and opens the one envelope. It is remembered as used when nothing in the clear can refuse it any more, and
    /// before it is opened.
    ///
    /// # Errors
    /// The first sentence that it breaks.
    pub fn accept(&self, shown: &Presentation<'_>, budget: &mut Budget) -> Result<Opened, Refusal> {
        let checks = self.checks;
        let now = DateTime { seconds: self.now.0, nanoseconds: 0 };

        // ID-WSF SOAP Binding 2.0 §5.6; [envelope.present.once]
        let one = shown.target.filter(|target| target.others == 0 || checks.skips("envelope.present.once"));
        let envelope = one.and_then(|target| match target.assertions.as_slice() {
            [envelope] => Some(envelope),
            [first, ..] if checks.skips("envelope.present.once") => Some(first),
            _ => None,
        });
        let expected = "one envelope in sb:TargetIdentity";
        let none = || Refusal::new("envelope.present.once", Reason::TargetIdentity, expected);
        let envelope = envelope.ok_or_else(none)?;
        let sealed = envelope.subject.encrypted_id.as_ref().filter(|_| envelope.subject.name_id.is_none());
        let sealed = sealed.ok_or_else(none)?;

        // SAML 2.0 core §5; [envelope.signature.relay]
        let is_signed = envelope.signer.is_some();
        checks.require(
            "envelope.signature.relay",
            is_signed,
            Reason::Unsigned,
            "an envelope signed by itself",
        )?;
        let by_relay = envelope.signer.as_deref() == Some(self.relay) && envelope.issuer == self.relay;
        checks.require(
            "envelope.signature.relay",
            by_relay,
            Reason::Key,
            "an envelope signed by the relay",
        )?;

        // [envelope.version.known]
        let known = envelope.version == "2.0" && envelope.attribute(VERSION_ATTRIBUTE) == Some(VERSION);
        checks.require("envelope.version.known", known, Reason::Version, "an envelope of version 1.0")?;

        // SAML 2.0 core §2.5.1.4; [envelope.audience.self]
        let conditions = &envelope.conditions;
        let for_us = conditions.is_only_for(self.own);
        checks.require(
            "envelope.audience.self",
            for_us,
            Reason::Audience,
            "the responder as only audience",
        )?;

        // SAML 2.0 core §2.5.1.5; [envelope.one-time-use.present]
        let once = conditions.one_time_use == 1 && conditions.unknown == 0;
        checks.require(
            "envelope.one-time-use.present",
            once,
            Reason::Condition,
            "OneTimeUse, and nothing unknown",
        )?;

        // SAML 2.0 core §2.5.1.2; [envelope.window.current]
        let presenter = self.presenter(envelope, shown);
        let in_time = |confirmation: &SubjectConfirmation| {
            let skewed = DateTime { seconds: now.seconds.saturating_add(SKEW), ..now };
            confirmation.not_on_or_after.is_some_and(|until| now < until)
                && confirmation.not_before.is_none_or(|from| from <= skewed)
        };
        let current = conditions.is_current(self.now, SKEW, LONGEST) && presenter.is_none_or(in_time);
        checks.require("envelope.window.current", current, Reason::EnvelopeWindow, "a current envelope")?;

        // SAML 2.0 core §2.4.1.2; [envelope.recipient.self]
        let recipient = presenter.or(envelope.subject.confirmations.first());
        let to_us = recipient.is_none_or(|confirmed| confirmed.recipient.as_deref() == Some(self.own));
        checks.require("envelope.recipient.self", to_us, Reason::Recipient, "the responder as Recipient")?;

        // SAML 2.0 profiles §3.1; [envelope.holder.sender]
        let expected = "the message's signer as holder of key";
        checks.require("envelope.holder.sender", presenter.is_some(), Reason::HolderOfKey, expected)?;

        // [relayed.present.listed]
        let requester = envelope.subject.confirmations.first().and_then(entity);
        let acts_for = shown.on_behalf_of.unwrap_or(shown.presenter);
        let listed =
            requester == Some(acts_for) && (shown.on_behalf_of.is_none() || shown.presenter == self.relay);
        checks.require(
            "relayed.present.listed",
            listed,
            Reason::HolderOfKey,
            "the requester as first holder",
        )?;

        // [envelope.purpose.agrees]
        let stated = envelope.attribute(PURPOSE);
        let unstated = shown.purpose.is_none() && checks.skips("message.usage-directive.purpose");
        let agrees = stated.is_some() && (stated == shown.purpose || unstated);
        checks.require(
            "envelope.purpose.agrees",
            agrees,
            Reason::PurposeMismatch,
            "the message's purpose",
        )?;
        let purpose = shown.purpose.or(stated).and_then(Purpose::from_uri);
        let expected = "a purpose of the standard";
        let purpose =
            purpose.ok_or(Refusal::new("envelope.purpose.agrees", Reason::PurposeMismatch, expected))?;

        // [envelope.use.once]
        let until = conditions.not_on_or_after.map_or(self.now.0, |until| until.seconds.saturating_add(1));
        let first =
            self.replay.first_use(&format!("envelope of {}", self.relay), &envelope.id, UnixTime(until))?;
        checks.require(
            "envelope.use.once",
            first,
            Reason::EnvelopeReplay,
            "an envelope that was not presented before",
        )?;

        // XML Encryption 1.1 §4; [envelope.open.one-answer]
        let plaintext = chukei_xml_security::open(sealed.root(), NAME_ID, self.keys, budget);
        let hidden = |refusal: Refusal| refusal.answered("envelope.open.one-answer", Answer::Dec);
        let plaintext = plaintext.map_err(|error| hidden(error.into()))?;
        let name_id = NameId::read(plaintext.root())
            .map_err(|error| hidden(error.with_reason(Reason::Plaintext).into()))?;

        // SAML 2.0 core §2.2.2; [envelope.name-id.qualifiers]
        let qualified = name_id.sp_name_qualifier.as_deref() == Some(self.own)
            && name_id.name_qualifier.as_deref() == Some(self.relay);
        checks.require(
            "envelope.name-id.qualifiers",
            qualified,
            Reason::NameId,
            "a number qualified for us",
        )?;

        // [envelope.name-id.format]
        let scheme = name_id.format.as_deref().and_then(Scheme::from_uri);
        let ours = scheme.filter(|scheme| self.schemes.contains(scheme));
        let identifier = ours.and_then(|scheme| Identifier::new(scheme, &name_id.value).ok());
        let unformed =
            Refusal::new("envelope.name-id.format", Reason::NameIdFormat, "a number of a scheme of ours");
        let identifier = identifier.ok_or(unformed)?;

        let requester = requester.unwrap_or(shown.presenter).to_owned();
        Ok(Opened { identifier, envelope: envelope.id.clone(), requester, purpose })
    }

    /// The confirmation that names the presenter and the very certificate that signed the message.
    fn presenter<'e>(
        &self,
        envelope: &'e Assertion,
        shown: &Presentation<'_>,
    ) -> Option<&'e SubjectConfirmation> {
        envelope.subject.confirmations.iter().find(|confirmation| {
            confirmation.method == HOLDER_OF_KEY
                && entity(confirmation) == Some(shown.presenter)
                && matches!(confirmation.certificates.as_slice(), [one] if one == shown.certificate)
        })
    }
}

/// The party that a confirmation names.
fn entity(confirmation: &SubjectConfirmation) -> Option<&str> {
    let named = confirmation.entity.as_ref().filter(|name| name.format.as_deref() == Some(ENTITY));
    named.map(|name| name.value.as_str())
}
