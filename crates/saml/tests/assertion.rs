//! Assertions: what is read, and what is refused of their shape.

#![allow(clippy::unwrap_used, reason = "tests")]

use chukei_crypto::UnixTime;
use chukei_reason::Reason;
use chukei_saml::{Assertion, NameId};
use chukei_xml::{Document, Writer};

const XML: &str = r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a" Version="2.0" IssueInstant="2026-07-01T00:00:00Z"><saml:Issuer>https://relay.example.test/</saml:Issuer><saml:Subject><saml:NameID Format="urn:f" SPNameQualifier="b">港いろは１２３４</saml:NameID><saml:SubjectConfirmation Method="m"><saml:NameID>a</saml:NameID><saml:SubjectConfirmationData Recipient="b" NotOnOrAfter="2026-07-01T00:05:00Z"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2026-07-01T00:00:00Z" NotOnOrAfter="2026-07-01T00:05:00Z"><saml:AudienceRestriction><saml:Audience>b</saml:Audience></saml:AudienceRestriction><saml:OneTimeUse/></saml:Conditions><saml:AttributeStatement><saml:Attribute Name="n"><saml:AttributeValue>v</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"#;

fn read(xml: &str) -> Result<Assertion, Reason> {
    let document = Document::parse(xml).map_err(|error| error.reason())?;
    Assertion::read(document.root()).map_err(|error| error.reason())
}

#[test]
fn what_it_says() {
    let assertion = read(XML).unwrap();
    assert_eq!((assertion.id.as_str(), assertion.version.as_str()), ("_a", "2.0"));
    assert_eq!(assertion.issuer, "https://relay.example.test/");
    assert_eq!(assertion.subject.name_id.as_ref().unwrap().value.as_str(), "港いろは１２３４");
    assert_eq!(assertion.attribute("n"), Some("v"));
    assert_eq!(assertion.attribute("m"), None);
    assert_eq!(assertion.signer, None);
    assert_eq!(*assertion.form(), Document::parse(XML).unwrap());
    assert!(!format!("{assertion:?} {:?}", assertion.subject.name_id).contains("１２３４"));
    let conditions = &assertion.conditions;
    assert!(conditions.is_only_for("b") && !conditions.is_only_for("c"));
    let start = 1_782_864_000;
    for (now, skew, longest, current) in [
        (start, 0, 300, true),
        (start + 299, 0, 300, true),
        (start + 300, 0, 300, false),
        (start - 1, 0, 300, false),
        (start - 180, 180, 300, true),
        (start - 181, 180, 300, false),
        (start, 0, 299, false),
    ] {
        assert_eq!(conditions.is_current(UnixTime(now), skew, longest), current, "{now} {skew} {longest}");
    }
    // A millisecond more than the longest, and than it was ahead.
    let shifted = |from: u32, until: u32| {
        let mut shifted = conditions.clone();
        shifted.not_before.as_mut().unwrap().nanoseconds = from;
        shifted.not_on_or_after.as_mut().unwrap().nanoseconds = until;
        shifted
    };
    assert!(shifted(1_000_000, 1_000_000).is_current(UnixTime(start), 1, 300));
    assert!(!shifted(0, 1_000_000).is_current(UnixTime(start), 0, 300));
    assert!(!shifted(1_000_000, 0).is_current(UnixTime(start), 0, 300));
    // An attribute that stands twice has no value.
    let twice = XML.replace("</saml:AttributeStatement>", r#"<saml:Attribute Name="n"><saml:AttributeValue>w</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"#);
    assert_eq!(read(&twice).unwrap().attribute("n"), None);
    // Conditions that nobody knows are counted, not overlooked.
    let unknown = XML.replace("<saml:OneTimeUse/>", "<saml:ProxyRestriction/><saml:OneTimeUse/>");
    assert_eq!(read(&unknown).unwrap().conditions.unknown, 1);
}

#[test]
fn other_shapes_are_refused() {
    assert!(read(XML).is_ok());
    for (from, to, reason) in [
        (" ID=\"_a\"", "", Reason::Schema),
        (" ID=\"_a\"", " ID=\"_a\" Extra=\"x\"", Reason::Schema),
        ("saml:Issuer", "saml:Other", Reason::Schema),
        ("IssueInstant=\"2026-07-01T00:00:00Z\"", "IssueInstant=\"2026-07-01\"", Reason::DateTime),
        ("NotBefore=\"2026-07-01T00:00:00Z\"", "NotBefore=\"now\"", Reason::DateTime),
        ("<saml:OneTimeUse/>", "<saml:OneTimeUse>x</saml:OneTimeUse>", Reason::Schema),
        ("<saml:AudienceRestriction>", "<saml:AudienceRestriction>x", Reason::Schema),
        ("Format=\"urn:f\"", "Format=\"urn:f\" SPProvidedID=\"x\"", Reason::Schema),
        ("<saml:AttributeValue>v", "<saml:AttributeValue><x/>v", Reason::Schema),
        ("</saml:Assertion>", "<saml:Advice/></saml:Assertion>", Reason::Schema),
        ("Recipient=\"b\"", "Recipient=\"b\" Address=\"x\"", Reason::Schema),
    ] {
        assert!(XML.contains(from), "{from}");
        assert_eq!(read(&XML.replace(from, to)).err(), Some(reason), "{to}");
    }
}

#[test]
fn names_come_back_as_they_were() {
    for value in ["港いろは１２３４", "𠮷 & <1>", "a\tb", ""] {
        let name = NameId::new("urn:f", value).by("r").for_party("b");
        let document = Writer::build(|w| name.write(w)).unwrap();
        let again = Document::parse(document.write()).unwrap();
        assert_eq!(NameId::read(again.root()).unwrap(), name);
    }
}
