//! Chapter 31, "Form": which elements and attributes an envelope has, and in which order.

use chukei_evidence::Verdict;
use chukei_xml::{Element, ns};

use super::issuing::Issue;

const HEAD: &[&str] = &[
    "saml:Assertion ID IssueInstant Version=2.0",
    "saml:Issuer",
    "ds:Signature",
    "saml:Subject",
    "saml:EncryptedID",
    "xenc:EncryptedData Type=http://www.w3.org/2001/04/xmlenc#Element",
    "xenc:EncryptionMethod Algorithm=http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "ds:KeyInfo",
    "xenc:EncryptedKey",
    "xenc:EncryptionMethod Algorithm=http://www.w3.org/2009/xmlenc11#rsa-oaep",
    "ds:DigestMethod Algorithm=http://www.w3.org/2001/04/xmlenc#sha256",
    "xenc11:MGF Algorithm=http://www.w3.org/2009/xmlenc11#mgf1sha256",
    "xenc:CipherData",
    "xenc:CipherValue",
    "xenc:CipherData",
    "xenc:CipherValue",
];
const CONFIRMATION: &[&str] = &[
    "saml:SubjectConfirmation Method=urn:oasis:names:tc:SAML:2.0:cm:holder-of-key",
    "saml:NameID Format=urn:oasis:names:tc:SAML:2.0:nameid-format:entity",
    "saml:SubjectConfirmationData NotOnOrAfter Recipient",
    "ds:KeyInfo",
    "ds:X509Data",
    "ds:X509Certificate",
];
const CONDITIONS: &[&str] = &[
    "saml:Conditions NotBefore NotOnOrAfter",
    "saml:AudienceRestriction",
    "saml:Audience",
    "saml:OneTimeUse",
    "saml:AttributeStatement",
];
const ATTRIBUTES: [&str; 3] = ["purpose", "request", "version"];
/// Attributes of which the chapter says the value.
const FIXED: [&str; 7] = ["Version", "Type", "Algorithm", "Method", "Format", "Name", "NameFormat"];

/// Every element in the order of the document, with its attributes by name.
pub(super) fn form(issue: &Issue<'_, '_>) -> Result<(), Verdict> {
    let mut found = Vec::new();
    outline(issue.envelope, &mut found);
    let confirmations = found.iter().filter(|line| line.starts_with("saml:SubjectConfirmation ")).count();
    // The relay may present it too where the request has named it, and the agreement lets it.
    let names_presenter = |input: Element<'_>| input.descendants().any(|e| e.attribute("issueTo").is_some());
    let most = if issue.input().is_some_and(names_presenter) { 2 } else { 1 };
    let mut wanted: Vec<String> = HEAD.iter().map(|line| (*line).to_owned()).collect();
    for _ in 0..confirmations.clamp(1, most) {
        wanted.extend(CONFIRMATION.iter().map(|line| (*line).to_owned()));
    }
    wanted.extend(CONDITIONS.iter().map(|line| (*line).to_owned()));
    for name in ATTRIBUTES {
        let format = "NameFormat=urn:oasis:names:tc:SAML:2.0:attrname-format:uri";
        wanted.push(format!("saml:Attribute Name=urn:chukei:1.0:attribute:{name} {format}"));
        wanted.push("saml:AttributeValue".to_owned());
    }
    let longest = wanted.len().max(found.len());
    let line = |lines: &[String], at: usize| lines.get(at).map_or("–", String::as_str).to_owned();
    match (0..longest).find(|at| wanted.get(*at) != found.get(*at)) {
        Some(at) => issue.wrong("envelope.form", line(&wanted, at), line(&found, at)),
        None => Ok(()),
    }
}

fn outline(element: Element<'_>, into: &mut Vec<String>) {
    let prefix = match element.namespace() {
        uri if uri == ns::SAML.uri() => "saml",
        uri if uri == ns::DS.uri() => "ds",
        uri if uri == ns::XENC.uri() => "xenc",
        uri if uri == ns::XENC11.uri() => "xenc11",
        other => other,
    };
    let name = format!("{prefix}:{}", element.local());
    // Chapter 11 says what is in it.
    if name == "ds:Signature" {
        into.push(name);
        return;
    }
    // It may say whose key it is.
    let is_told = |local: &str| (name.as_str(), local) != ("xenc:EncryptedKey", "Recipient");
    let mut attributes: Vec<String> = element
        .attributes()
        .filter(|attribute| is_told(attribute.local()))
        .map(|attribute| match attribute.local() {
            local if FIXED.contains(&local) => format!(" {local}={}", attribute.value()),
            local => format!(" {local}"),
        })
        .collect();
    attributes.sort_unstable();
    into.push(name + &attributes.concat());
    element.elements().for_each(|child| outline(child, into));
}
