//! The card door (chapter 34 of the standard, TLS client authentication): a TLS client that has proved to hold the key of a
//! card gets a ticket, and a portal logs the person in with that.
//!
//! The handshake proves the key and nothing else; what the certificate is worth is decided here, as for the other ways. The
//! ticket ties what the portal asks to the client that had the card (login CSRF).

use std::cell::OnceCell;

use chukei_crypto::{UnixTime, Zeroizing, sha256};
use chukei_idwsf::{Fault, Refusal, Request, xml_id};
use chukei_profile::login::{CardPresentation, Presented as Ticket};
use chukei_reason::{Answer, Reason};
use chukei_xml::lexical::DateTime;

use super::{CHALLENGE, Desk, Presented, REFUSED, Use};
use crate::{Relay, Reply, relay::Asker};

impl Relay {
    /// Answers a card that is presented: with a ticket, or always with the same refusal.
    pub fn present(&self, request: &Request<'_>, now: UnixTime) -> Reply {
        self.ticket(request, now).unwrap_or_else(|refusal| {
            // [login.presentation.coarse] What we could not do is not the client's fault.
            let is_ours = refusal.answer() == Answer::Internal || self.tells_presentations_apart();
            let Fault { status, body } =
                if is_ours { Fault::from(&refusal) } else { chukei_idwsf::fault(Reason::Signature) };
            Reply { status, refusal: Some(refusal), ..Reply::message(body) }
        })
    }

    /// Whether they are told apart, by a fault.
    fn tells_presentations_apart(&self) -> bool {
        if faulty!(self.party, TellsLoginsApart) {
            return true;
        }
        faulty!(self.party, TellsPresentationsApart)
    }

    fn ticket(&self, request: &Request<'_>, now: UnixTime) -> Result<Reply, Refusal> {
        let CardPresentation { challenge, portal, purpose } = CardPresentation::read(request.body)?;
        // Nobody has proved to be the portal: what is recorded names this relay.
        let asker = Asker {
            sender: &self.party.entity,
            message_id: "",
            certificate: &[],
            purpose: Some(purpose),
            withheld_until: None,
            now,
        };
        let desk =
            Desk { relay: self, cards: self.desk()?, asker: &asker, purpose, presented: OnceCell::new() };
        let given = desk.give(request.tls_client, &challenge, &portal);
        if let (Err(refusal), Some(der)) = (&given, request.tls_client) {
            // [login.refused.logged]
            if let Some(person) = desk.believed(der, Use::TlsClient)?
                && !self.forgets_refused(refusal)
            {
                self.record(vec![desk.entry(Some(person), REFUSED)])?.recording.wait()?;
            }
        }
        Ok(Reply::message(given?.write()?))
    }
}

impl Desk<'_> {
    /// The ticket for this card.
    fn give(&self, der: Option<&[u8]>, challenge: &str, portal: &str) -> Result<Ticket, Refusal> {
        let party = &self.relay.party;
        let person = match der {
            Some(der) => {
                let certificate = self.certified(&self.cards.cards, der, Use::TlsClient)?;
                // [login.certificate.known] The portal is told, not the client.
                self.registered(&certificate)?.ok()
            }
            // A card that nobody has shown, by a fault.
            None if faulty!(party, TicketsWithoutCard) => None,
            // [login.presentation.proved]
            None => {
                let sentence = "login.presentation.proved";
                return Err(Refusal::new(sentence, Reason::Tls, "a client that has proved a certificate"));
            }
        };
        // [login.presentation.ticket]
        let ticket = match faulty!(party, SameTicket) {
            true => "_00000000000000000000000000000000".to_owned(),
            false => xml_id(party.randomness.as_ref())?,
        };
        #[cfg(feature = "danger-faults")]
        let ticket = party.faults.count(crate::faults::Fault::CountsTickets, ticket);
        let presented = Presented { ticket: sha256(ticket.as_bytes()), person, purpose: self.purpose };
        // [login.presentation.challenge]
        let until = self.cards.logins.present(portal, challenge, presented, self.now())?;
        self.checks().require(
            "login.presentation.challenge",
            until.is_some(),
            Reason::Replay,
            "a challenge of the portal that waits for a card",
        )?;
        let until = DateTime {
            seconds: until.unwrap_or_else(|| UnixTime(self.asker.now.0.saturating_add(CHALLENGE))).0,
            nanoseconds: 0,
        };
        Ok(Ticket { ticket: Zeroizing::new(ticket), until })
    }
}
