//! The Identity Mapping Service (Liberty ID-WSF Authentication, SSO and Identity Mapping 2.0 §7).

use std::collections::BTreeSet;

use chukei_reason::Reason;
use chukei_saml::{ASSERTION, Assertion, NAME_ID, NAME_ID_POLICY, NameId};
use chukei_xml::{Document, Element, Name, Writer, XmlError, ns};

use crate::{Checks, Content, Parts, Payload, Refusal, Status};

/// `ims:IdentityMappingRequest`.
pub const REQUEST: Name = ns::IMS.name("IdentityMappingRequest");
/// `ims:IdentityMappingResponse`.
pub const RESPONSE: Name = ns::IMS.name("IdentityMappingResponse");
/// Inputs of one request, at most.
pub const MOST_INPUTS: usize = 32;

/// Characters of a `reqID`, at most.
const LONGEST_ID: usize = 64;
const INPUT: Name = ns::IMS.name("MappingInput");
const OUTPUT: Name = ns::IMS.name("MappingOutput");
const TOKEN: Name = ns::SEC.name("Token");
const TOKEN_POLICY: Name = ns::SEC.name("TokenPolicy");

/// Asks for identifiers of other parties.
#[derive(Clone, Debug)]
pub struct MappingRequest {
    /// `MappingInput`.
    pub inputs: Vec<MappingInput>,
}

/// One number, and the scheme that is wanted instead.
#[derive(Clone, Debug)]
pub struct MappingInput {
    /// `reqID`.
    pub req_id: String,
    /// `NameIDPolicy/@Format`: the wanted scheme.
    pub wanted: String,
    /// `NameIDPolicy/@SPNameQualifier`: the party whose number is wanted.
    pub target: Option<String>,
    /// `TokenPolicy/@issueTo`: who may present the envelope beside the requester.
    pub issue_to: Option<String>,
    /// The requester's own number.
    pub name_id: NameId,
}

/// What became of each input.
#[derive(Clone, Debug)]
pub struct MappingResponse {
    /// `lu:Status`.
    pub status: Status,
    /// `MappingOutput`.
    pub outputs: Vec<MappingOutput>,
}

/// An envelope for one input, as it was read.
#[derive(Clone, Debug)]
pub struct MappingOutput {
    /// `reqRef`.
    pub req_ref: String,
    /// The envelope; its `signer` is yet to be looked at.
    pub assertion: Assertion,
}

/// A response as it is written: each envelope is a finished document.
#[derive(Debug)]
pub struct Outputs {
    /// `lu:Status`.
    pub status: Status,
    /// `reqRef` and envelope.
    pub outputs: Vec<(String, Document)>,
}

impl MappingRequest {
    /// Checks number and names of the inputs.
    ///
    /// # Errors
    /// `MappingInput`.
    pub fn check(&self, checks: &Checks) -> Result<(), Refusal> {
        // [mapping.input.count]
        let names: BTreeSet<&str> = self.inputs.iter().map(|input| input.req_id.as_str()).collect();
        let named = names.len() == self.inputs.len() && !names.contains("");
        let holds = named && (1..=MOST_INPUTS).contains(&self.inputs.len());
        let expected = "one to 32 inputs, each with a reqID of its own";
        checks.require("mapping.input.count", holds, Reason::MappingInput, expected)?;
        // [mapping.input.id] Nothing in it ends what stands before it in an envelope.
        let is_name = |id: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            id.len() <= LONGEST_ID && id.bytes().all(plain)
        };
        let holds = self.inputs.iter().all(|input| is_name(&input.req_id));
        let expected = "reqIDs of 64 letters, digits, hyphens, dots and underscores at most";
        checks.require("mapping.input.id", holds, Reason::MappingInput, expected)
    }
}

impl Payload for MappingRequest {
    const NAMES: &'static [Name] = &[REQUEST];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        let mut inputs = Vec::new();
        let mut children = element.children();
        while let Some(input) = children.optional(INPUT)? {
            input.only_attributes(&["reqID"])?;
            let mut parts = input.children();
            let token_policy = parts.required(TOKEN_POLICY)?;
            token_policy.only_attributes(&["issueTo"])?;
            let policy = token_policy.only(NAME_ID_POLICY)?;
            policy.only_attributes(&["Format", "SPNameQualifier", "AllowCreate"])?;
            policy.empty()?;
            let name_id = NameId::read(parts.required(TOKEN)?.only(NAME_ID)?)?;
            parts.finish()?;
            inputs.push(MappingInput {
                req_id: input.attribute("reqID").unwrap_or_default().to_owned(),
                wanted: policy.required_attribute("Format")?.to_owned(),
                target: policy.attribute("SPNameQualifier").map(str::to_owned),
                issue_to: token_policy.attribute("issueTo").map(str::to_owned),
                name_id,
            });
        }
        children.finish()?;
        Ok(Self { inputs })
    }

    fn asks_about_a_person(&self) -> bool {
        true
    }
}

impl Content for MappingRequest {
    const NAME: Name = REQUEST;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(REQUEST);
        for input in &self.inputs {
            w.open(INPUT).attribute("reqID", &input.req_id);
            w.open(TOKEN_POLICY);
            if let Some(presenter) = &input.issue_to {
                w.attribute("issueTo", presenter);
            }
            w.open(NAME_ID_POLICY).attribute("Format", &input.wanted);
            if let Some(target) = &input.target {
                w.attribute("SPNameQualifier", target);
            }
            w.close().close().open(TOKEN);
            input.name_id.write(w);
            w.close().close();
        }
        w.close();
    }
}

impl Payload for MappingResponse {
    const NAMES: &'static [Name] = &[RESPONSE];

    fn read(element: Element<'_>, parts: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        let mut children = element.children();
        let status = Status::read(children.required(Status::NAME)?)?;
        let mut outputs = Vec::new();
        while let Some(output) = children.optional(OUTPUT)? {
            output.only_attributes(&["reqRef"])?;
            let assertion = output.only(TOKEN)?.only(ASSERTION)?;
            outputs.push(MappingOutput {
                req_ref: output.required_attribute("reqRef")?.to_owned(),
                assertion: parts.assertion(assertion)?,
            });
        }
        children.finish()?;
        Ok(Self { status, outputs })
    }
}

impl Content for Outputs {
    const NAME: Name = RESPONSE;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(RESPONSE);
        self.status.write(w);
        for (req_ref, envelope) in &self.outputs {
            w.open(OUTPUT).attribute("reqRef", req_ref).open(TOKEN).graft(envelope.root()).close().close();
        }
        w.close();
    }
}
