//! What stands in Body, one function per kind of message.

use chukei_forge::raw::Element;
use chukei_xml::ns;

use super::{PURPOSE, time};

/// One input of a mapping request.
#[derive(Clone, Debug)]
pub struct Input {
    /// `reqID`.
    pub req_id: Option<String>,
    /// `Format` of the wanted identifier.
    pub wanted: Option<String>,
    /// `SPNameQualifier` of the policy: the target.
    pub target: Option<String>,
    /// `Format` of the number.
    pub scheme: Option<String>,
    /// `NameQualifier` of the number: whose it is.
    pub owner: Option<String>,
    /// The number.
    pub number: String,
}

/// The action of a message with this child of Body: namespace, colon, local name.
#[must_use]
pub fn action(body: &Element) -> String {
    let (prefix, local) = body.name.split_once(':').unwrap_or(("", &body.name));
    let namespace = body.value(&format!("xmlns:{prefix}")).unwrap_or_default();
    format!("{namespace}:{local}")
}

/// ① `ims:IdentityMappingRequest`.
#[must_use]
pub fn mapping_request(inputs: &[Input]) -> Element {
    Element::declared(ns::IMS, "IdentityMappingRequest").children(inputs.iter().map(Input::build))
}

impl Input {
    /// `ims:MappingInput`.
    #[must_use]
    pub fn build(&self) -> Element {
        let with = |element: Element, name: &str, value: &Option<String>| match value {
            Some(value) => element.attribute(name, value),
            None => element,
        };
        let policy = with(Element::new("samlp:NameIDPolicy"), "Format", &self.wanted);
        let policy = with(policy, "SPNameQualifier", &self.target);
        let number = with(Element::new("saml:NameID"), "Format", &self.scheme);
        let number = with(number, "NameQualifier", &self.owner).text(&self.number);
        with(Element::new("ims:MappingInput"), "reqID", &self.req_id)
            .child(Element::declared(ns::SEC, "TokenPolicy").declare(ns::SAMLP).child(policy))
            .child(Element::declared(ns::SEC, "Token").declare(ns::SAML).child(number))
    }
}

/// ③ `ims:IdentityMappingResponse`: an envelope or a status code for each `reqID`.
#[must_use]
pub fn mapping_response(results: &[(String, Result<Element, String>)]) -> Element {
    let failed = results.iter().filter(|(_, result)| result.is_err());
    let inner = failed.map(|(id, result)| {
        let code = result.as_ref().err().map_or("", String::as_str);
        Element::new("lu:Status").attribute("code", code).attribute("ref", id)
    });
    let granted = results.iter().filter(|(_, result)| result.is_ok()).count();
    let code = if granted == results.len() {
        "OK"
    } else if granted == 0 {
        "Failed"
    } else {
        "Partial"
    };
    let outputs = results.iter().filter_map(|(id, result)| {
        let token = Element::declared(ns::SEC, "Token").child(result.as_ref().ok()?.clone());
        Some(Element::new("ims:MappingOutput").attribute("reqRef", id).child(token))
    });
    Element::declared(ns::IMS, "IdentityMappingResponse")
        .child(status(code).children(inner))
        .children(outputs)
}

/// ④ `ck:LinkageQuery`.
#[must_use]
pub fn linkage_query(items: &[&str]) -> Element {
    Element::declared(ns::CK, "LinkageQuery")
        .children(items.iter().map(|item| Element::new("ck:Item").text(item)))
}

/// ※ `ck:RelayedQuery`: a query that the relay carries to `to`.
#[must_use]
pub fn relayed_query(to: &str, items: &[&str]) -> Element {
    Element::declared(ns::CK, "RelayedQuery").attribute("to", to).child(linkage_query(items))
}

/// ⑥ `ck:LinkageAnswer` with facts about a person: elements `ck:Eligibility` and `ck:Benefit`.
#[must_use]
pub fn linkage_answer(code: &str, facts: Vec<Element>) -> Element {
    Element::declared(ns::CK, "LinkageAnswer").child(status(code)).children(facts)
}

/// `ck:DisclosureNotice`.
#[must_use]
pub fn disclosure_notice(
    (now, outcome): (i64, &str),
    envelope: &str,
    requester: &str,
    purpose: &str,
    items: &[&str],
) -> Element {
    Element::declared(ns::CK, "DisclosureNotice")
        .attribute("envelope", envelope)
        .attribute("requester", requester)
        .attribute("at", &time(now, 0))
        .attribute("outcome", outcome)
        .children(items.iter().map(|item| Element::new("ck:Item").text(item)))
        .child(Element::new("ck:Purpose").text(&format!("{PURPOSE}{purpose}")))
}

/// `ck:DisclosureReceipt`.
#[must_use]
pub fn disclosure_receipt(envelope: &str) -> Element {
    Element::declared(ns::CK, "DisclosureReceipt").attribute("envelope", envelope).child(status("OK"))
}

/// `ck:AccessHistoryQuery`.
#[must_use]
pub fn history_query(scheme: &str, owner: &str, number: &str) -> Element {
    Element::declared(ns::CK, "AccessHistoryQuery").child(name_id(scheme, owner, number))
}

/// `ck:AccessProofQuery`.
#[must_use]
pub fn proof_query(scheme: &str, owner: &str, number: &str, since: Option<u64>) -> Element {
    let query = Element::declared(ns::CK, "AccessProofQuery");
    let query = match since {
        Some(since) => query.attribute("since", &since.to_string()),
        None => query,
    };
    query.child(name_id(scheme, owner, number))
}

fn name_id(scheme: &str, owner: &str, number: &str) -> Element {
    Element::declared(ns::SAML, "NameID")
        .attribute("Format", scheme)
        .attribute("NameQualifier", owner)
        .text(number)
}

/// `ck:Challenge`, for five minutes.
#[must_use]
pub fn challenge(now: i64, value: &str) -> Element {
    Element::declared(ns::CK, "Challenge")
        .attribute("value", value)
        .attribute("notOnOrAfter", &time(now, 300))
}

/// `ck:LoginAnswer` with a session for ten minutes, given for a way of chapter 34.
#[must_use]
pub fn login_granted(now: i64, session: &str, context: &str) -> Element {
    login_refused("OK")
        .attribute("session", session)
        .attribute("notOnOrAfter", &time(now, 600))
        .attribute("context", &format!("urn:chukei:1.0:context:{context}"))
}

/// `ck:LoginAnswer` with a status and no session.
#[must_use]
pub fn login_refused(code: &str) -> Element {
    Element::declared(ns::CK, "LoginAnswer").child(status(code))
}

/// `lu:Status`.
#[must_use]
pub fn status(code: &str) -> Element {
    Element::declared(ns::LU, "Status").attribute("code", code)
}

/// A SOAP 1.1 Fault in an unsigned message.
#[must_use]
pub fn fault(code: &str, text: &str) -> Vec<u8> {
    let fault = Element::new("soap:Fault")
        .child(Element::new("faultcode").text(code))
        .child(Element::new("faultstring").text(text));
    Element::declared(ns::SOAP, "Envelope").child(Element::new("soap:Body").child(fault)).write().into_bytes()
}
