//! What a peer is told when a message is refused: SOAP 1.1 §4.4, ID-WSF SOAP Binding 2.0 §5.4.
//!
//! The bytes are a function of the [`Reason`] alone. Nothing that the peer sent is in them, and everything that shares an
//! [`Answer`] of the groups `auth` and `dec` shares its bytes.

use chukei_reason::{Answer, Reason};
use chukei_xml::{Name, Writer, ns};

use crate::{Refusal, Status, names::*};

/// An HTTP status and the SOAP Fault that goes with it; unsigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// `text/xml` in UTF-8.
    pub body: Vec<u8>,
}

impl From<&Refusal> for Fault {
    fn from(refusal: &Refusal) -> Self {
        tell(refusal.answer(), refusal.reason())
    }
}

/// The answer to a refused message.
#[must_use]
pub fn fault(reason: Reason) -> Fault {
    tell(reason.answer(), reason)
}

fn tell(answer: Answer, reason: Reason) -> Fault {
    let soap = |local| ns::SOAP.name(local);
    let (status, faultcode, text, detail) = match answer {
        Answer::Bytes => (400, soap("Client"), "The request is not a message of this service.", None),
        Answer::TooLarge => (413, soap("Client"), "The request is too large.", None),
        Answer::Auth => (500, soap("Client"), "The message was not authenticated.", None),
        Answer::Dec => (500, soap("Client"), "The identity was not accepted.", None),
        Answer::Semantic => {
            (500, semantic_code(reason), "The request was refused.", Some(status_code(reason)))
        }
        _ => (500, soap("Server"), "The request could not be processed.", None),
    };
    Fault { status, body: write(faultcode, text, detail).unwrap_or_default() }
}

fn write(code: Name, text: &str, detail: Option<&str>) -> Result<Vec<u8>, chukei_xml::XmlError> {
    let document = Writer::build(|w| {
        w.open(ENVELOPE).open(BODY).open(SOAP_FAULT);
        w.open(ns::NONE.name("faultcode")).declare(code.namespace).text(&code.to_string()).close();
        w.element(ns::NONE.name("faultstring"), text);
        if let Some(detail) = detail {
            w.open(ns::NONE.name("detail"));
            Status::new(detail).write(w);
            w.close();
        }
        w.close().close().close();
    })?;
    Ok(document.into_bytes())
}

fn semantic_code(reason: Reason) -> Name {
    match reason {
        Reason::Framework => ns::SBF.name("FrameworkVersionMismatch"),
        Reason::MustUnderstand => ns::SOAP.name("MustUnderstand"),
        _ => ns::SOAP.name("Client"),
    }
}

/// Liberty's codes (ID-WSF SOAP Binding 2.0 §5.4.2); what has none of its own is an invalid request.
fn status_code(reason: Reason) -> &'static str {
    match reason {
        Reason::Framework => "FrameworkVersionMismatch",
        Reason::Window => "StaleMsg",
        Reason::Replay => "DuplicateMsg",
        Reason::Correlation => "InvalidRefToMsgID",
        Reason::Action | Reason::Body => "ActionNotSupported",
        Reason::NotAuthorised => "ProviderIDNotValid",
        Reason::TargetIdentity
        | Reason::Audience
        | Reason::Recipient
        | Reason::EnvelopeWindow
        | Reason::EnvelopeReplay
        | Reason::HolderOfKey
        | Reason::Condition
        | Reason::Version => "TargetIdentityNotValid",
        Reason::Purpose | Reason::PurposeMismatch => "CannotHonourUsageDirective",
        Reason::ProcessingContext => "ProcCtxUnwilling",
        _ => "InvalidRequest",
    }
}
