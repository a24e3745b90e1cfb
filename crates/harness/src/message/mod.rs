//! Messages of the suite: valid by default, every part a public field to bend.
//!
//! They are built from raw trees (`chukei-forge`), never with the writers of the product, so that a mistake of those
//! cannot hide. Equal seeds give equal bytes.

mod assemble;
pub mod body;
mod envelope;
mod login;
mod specimen;

use std::sync::Arc;

use chukei_forge::{mutation::Mutation, raw::Element, sign::SignatureSpec};
use chukei_xml::lexical::DateTime;

pub use body::Input;
pub use envelope::{Confirmation, Envelope, NameId};
pub use login::{CONSENT, CardPresentation, Login, SESSION, TITLE, Way, lines};

use crate::{seed::Ids, world::World};

/// `wsa:Address` of whoever is at the other end of the connection (WS-Addressing 1.0 core §2.1).
pub const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
/// Prefix of the purposes of the standard.
pub const PURPOSE: &str = "urn:chukei:1.0:purpose:";
/// Prefix of the identifier schemes of the standard.
pub const SCHEME: &str = "urn:chukei:1.0:identifier:";

/// A change of a tree.
pub type Change = Box<dyn Fn(&mut Element) + Send + Sync>;

/// A message before it is signed, and how it is sent.
pub struct Draft {
    /// The world in which it is valid.
    pub world: Arc<World>,
    /// Decides the identifiers of its parts.
    pub seed: u64,
    /// The time at which it is valid, in seconds since 1970.
    pub now: i64,
    /// The party that speaks.
    pub from: String,
    /// The party whose certificate the TLS client shows; none for no certificate.
    pub tls: Option<String>,
    /// Whether the TLS client speaks TLS 1.1 and nothing newer.
    pub old_tls: bool,
    /// The party whose key signs.
    pub signer: String,
    /// The party whose certificate is the token.
    pub token: String,
    /// HTTP.
    pub http: Http,
    /// `version` of `sbf:Framework`.
    pub framework: Option<String>,
    /// `providerID` of `sb:Sender`.
    pub sender: Option<String>,
    /// `wsa:MessageID`.
    pub message_id: Option<String>,
    /// `wsa:RelatesTo`, of answers.
    pub relates_to: Option<String>,
    /// `wsa:To`.
    pub to: Option<String>,
    /// `wsa:Action`.
    pub action: Option<String>,
    /// `Created` and `Expires`, in seconds from `now`.
    pub timestamp: Option<(i64, i64)>,
    /// Purpose in `sb:UsageDirective`.
    pub purpose: Option<String>,
    /// Envelopes in `sb:TargetIdentity`; no header block without one.
    pub envelopes: Vec<Envelope>,
    /// What a mapping answer was made of: `reqID`, and an envelope or a status.
    pub issued: Vec<(String, Result<Envelope, String>)>,
    /// What a login request is made of.
    pub login: Option<Login>,
    /// More header blocks; the signature covers them.
    pub more: Vec<Element>,
    /// Finished envelopes of the product, beside those.
    pub carried: Vec<Element>,
    /// The child of Body.
    pub body: Element,
    /// Local names of the parts that the signature leaves out.
    pub uncovered: Vec<&'static str>,
    /// Changes before signing. The root is `soap:Envelope`.
    pub before: Vec<Change>,
    /// Changes of the signature.
    pub signature: Vec<fn(&mut SignatureSpec)>,
    /// Changes after signing.
    pub after: Vec<Change>,
    /// Changes of the bytes.
    pub bytes: Vec<fn(Vec<u8>) -> Vec<u8>>,
    /// A named mutation of the forge.
    pub mutation: Option<&'static Mutation>,
    keys: Vec<(String, String, String)>,
}

/// What HTTP says about a message.
#[derive(Clone, Debug)]
pub struct Http {
    /// Method.
    pub method: String,
    /// Path in the place of the endpoint's.
    pub path: Option<String>,
    /// Status, of answers.
    pub status: u16,
    /// Whether it is an answer.
    pub is_answer: bool,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `SOAPAction` without quotes; by default what `wsa:Action` says.
    pub soap_action: SoapAction,
    /// More header fields.
    pub fields: Vec<(String, String)>,
    /// A `Content-Length` in front of the right one.
    pub first_length: Option<usize>,
}

/// What the header field `SOAPAction` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoapAction {
    /// The action of the message, in quotes; nothing in an answer.
    Same,
    /// This text as it is.
    Text(String),
    /// The field is missing.
    Missing,
}

/// A finished message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Party of the TLS client certificate.
    pub tls: Option<String>,
    /// Whether the TLS client speaks TLS 1.1 and nothing newer.
    pub old_tls: bool,
    /// HTTP method.
    pub method: String,
    /// Path in the place of the endpoint's.
    pub path: Option<String>,
    /// HTTP status, of answers.
    pub status: u16,
    /// Header fields, without those that HTTP adds.
    pub headers: Vec<(String, String)>,
    /// A `Content-Length` in front of the right one.
    pub first_length: Option<usize>,
    /// Body.
    pub body: Vec<u8>,
    /// Of each envelope: for whom it is sealed, its wrapped key and its content key, in base64.
    pub keys: Vec<(String, String, String)>,
}

impl Finished {
    /// The `Content-Length` in front of the right one.
    pub(crate) fn first_length(&self) -> Option<(String, String)> {
        self.first_length.map(|length| ("content-length".to_owned(), length.to_string()))
    }
}

impl Draft {
    /// A request of `from` to the endpoint `to`, about nobody.
    #[must_use]
    pub fn request(world: &Arc<World>, mut ids: Ids, now: i64, from: &str, to: &str, body: Element) -> Self {
        let http = Http {
            method: "POST".into(),
            path: None,
            status: 200,
            is_answer: false,
            content_type: Some("text/xml; charset=utf-8".into()),
            soap_action: SoapAction::Same,
            fields: Vec::new(),
            first_length: None,
        };
        Self {
            world: Arc::clone(world),
            now,
            from: from.into(),
            tls: Some(from.into()),
            old_tls: false,
            signer: from.into(),
            token: from.into(),
            http,
            framework: Some("2.0".into()),
            sender: Some(world.entity(from)),
            message_id: Some(ids.uuid()),
            relates_to: None,
            to: Some(to.into()),
            action: Some(body::action(&body)),
            timestamp: Some((0, 120)),
            purpose: None,
            envelopes: Vec::new(),
            issued: Vec::new(),
            login: None,
            more: Vec::new(),
            carried: Vec::new(),
            body,
            uncovered: Vec::new(),
            before: Vec::new(),
            signature: Vec::new(),
            after: Vec::new(),
            bytes: Vec::new(),
            mutation: None,
            keys: Vec::new(),
            seed: ids.seed(),
        }
    }

    /// An answer of `from` to the message with this identifier.
    #[must_use]
    pub fn answer(
        world: &Arc<World>,
        ids: Ids,
        now: i64,
        from: &str,
        relates_to: &str,
        body: Element,
    ) -> Self {
        let mut request = Self::request(world, ids, now, from, ANONYMOUS, body);
        request.http.is_answer = true;
        Self { relates_to: Some(relates_to.into()), tls: None, ..request }
    }

    /// ③ An answer with an envelope or a status for each `reqID`.
    #[must_use]
    pub fn mapping_answer(
        world: &Arc<World>,
        ids: Ids,
        now: i64,
        relates_to: &str,
        issued: Vec<(String, Result<Envelope, String>)>,
    ) -> Self {
        let body = body::mapping_response(&[]);
        let mut draft = Self { issued, ..Self::answer(world, ids, now, "relay", relates_to, body) };
        draft.reissue(|_| {});
        draft
    }

    /// The same for a purpose of the standard.
    #[must_use]
    pub fn for_purpose(mut self, purpose: &str) -> Self {
        self.purpose = Some(format!("{PURPOSE}{purpose}"));
        self
    }

    /// The entity id of a party.
    #[must_use]
    pub fn entity(&self, party: &str) -> String {
        self.world.entity(party)
    }

    /// A time so many seconds from now.
    #[must_use]
    pub fn time(&self, offset: i64) -> String {
        time(self.now, offset)
    }

    /// The one envelope.
    ///
    /// # Panics
    /// When there is none: a mistake of the case's author, which voids the run.
    #[allow(clippy::expect_used, reason = "a mistake of a case's author shall stop the case")]
    pub fn envelope(&mut self) -> &mut Envelope {
        self.envelopes.first_mut().expect("an envelope in this draft")
    }

    /// The same with a login as its body.
    #[must_use]
    pub fn logging_in(mut self, login: Login) -> Self {
        self.purpose = Some(login.purpose.clone());
        self.login = Some(login);
        self.relogin(|_| {});
        self
    }

    /// Changes the login, and makes the body anew.
    pub fn relogin(&mut self, change: impl FnOnce(&mut Login)) {
        if let Some(login) = &mut self.login {
            change(login);
            self.body = login.build(&self.world, self.seed, self.now);
        }
    }

    /// Changes the envelopes of a mapping answer, and makes its body anew.
    pub fn reissue(&mut self, change: impl Fn(&mut Envelope)) {
        self.issued.iter_mut().filter_map(|(_, result)| result.as_mut().ok()).for_each(change);
        self.body = body::mapping_response(&self.built());
    }

    fn built(&self) -> Vec<(String, Result<Element, String>)> {
        let build = |envelope: &Envelope| envelope.build(&self.world, self.now);
        let each = |(id, result): &(String, Result<Envelope, String>)| {
            (id.clone(), result.as_ref().map(build).map_err(Clone::clone))
        };
        self.issued.iter().map(each).collect()
    }

    /// Changes the message before it is signed.
    pub fn change(&mut self, change: impl Fn(&mut Element) + Send + Sync + 'static) {
        self.before.push(Box::new(change));
    }

    /// Changes the message after it was signed.
    pub fn tamper(&mut self, change: impl Fn(&mut Element) + Send + Sync + 'static) {
        self.after.push(Box::new(change));
    }

    /// Gives the message another party: sender, signer, token and TLS client.
    pub fn speak_as(&mut self, party: &str) {
        self.from = party.into();
        self.tls = self.tls.is_some().then(|| party.into());
        self.signer = party.into();
        self.token = party.into();
        self.sender = Some(self.world.entity(party));
    }
}

/// An xs:dateTime so many seconds from a time.
#[must_use]
pub fn time(now: i64, offset: i64) -> String {
    DateTime { seconds: now.saturating_add(offset), nanoseconds: 0 }.format()
}
