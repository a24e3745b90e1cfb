//! libxml2 and libxmlsec1 in process.
#![cfg(feature = "libxmlsec1")]
#![allow(clippy::print_stdout, clippy::string_slice, clippy::indexing_slicing, clippy::unwrap_used)]

mod support;

use chukei_oracle::{
    Apex, Opinion, TrustedKey, exclusive_c14n, expand, sign, verify, verify_at, well_formed,
};
use std::fs::read;
use std::process::Command;
use support::*;

const IDS: &[(&str, &str)] = &[("Assertion", "ID")];

#[test]
fn what_is_signed_verifies_and_what_is_changed_does_not() {
    for (pair, algorithm) in [(rsa(), RSA_SHA256), (p256(), ECDSA_SHA256)] {
        let Some(pair) = pair else { return };
        let key = TrustedKey::from_spki_pem(&pair.public).unwrap();
        let from_certificate = TrustedKey::from_certificate_pem(&pair.certificate).unwrap();
        let signed = sign(template(algorithm, 500).as_bytes(), &pair.private).unwrap();
        assert_eq!(verify(&signed, &key, IDS), Opinion::Valid);
        assert_eq!(verify(&signed, &from_certificate, IDS), Opinion::Valid);
        assert_eq!(verify(&signed, &key, &[("*", "ID")]), Opinion::Valid);

        let changed = replace(&signed, "present", "absent");
        assert_eq!(verify(&changed, &key, IDS), Opinion::Invalid);
        assert!(matches!(verify(&signed, &key, &[]), Opinion::Error(_)), "the ID is none");
        assert!(matches!(verify_at(&signed, &key, IDS, 1), Opinion::Error(_)), "no second signature");
        let twice = replace(&signed, "<saml:Issuer>", r#"<saml:Assertion ID="_a"/><saml:Issuer>"#);
        assert_eq!(verify(&twice, &key, IDS), Opinion::Error("duplicate id _a".into()));
    }
}

#[test]
fn only_the_trusted_key_counts() {
    let (Some(ours), Some(theirs)) = (rsa(), rsa()) else { return };
    let signed = sign(template(RSA_SHA256, 100).as_bytes(), &ours.private).unwrap();
    let opinion = |keys: &Keys| verify(&signed, &TrustedKey::from_spki_pem(&keys.public).unwrap(), IDS);
    assert_eq!(opinion(&ours), Opinion::Valid);
    assert_eq!(opinion(&theirs), Opinion::Invalid);
}

#[test]
fn the_second_signature_is_judged_by_itself() {
    let Some(pair) = rsa() else { return };
    let key = TrustedKey::from_spki_pem(&pair.public).unwrap();
    let signed = |id: &str| {
        let named = template(RSA_SHA256, 100).replace("_a", id);
        String::from_utf8(sign(named.as_bytes(), &pair.private).unwrap()).unwrap()
    };
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let [first, second] = [signed("_a"), signed("_b")].map(|text| text.replacen(declaration, "", 1));
    let both = format!("<both>{first}{}</both>", second.replace("present", "absent"));
    assert_eq!(verify_at(both.as_bytes(), &key, IDS, 0), Opinion::Valid);
    assert_eq!(verify_at(both.as_bytes(), &key, IDS, 1), Opinion::Invalid);
}

#[test]
fn an_id_may_have_a_namespace() {
    let Some(pair) = rsa() else { return };
    let key = TrustedKey::from_spki_pem(&pair.public).unwrap();
    let wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    let template = template(RSA_SHA256, 100).replace(" ID=", &format!(r#" xmlns:wsu="{wsu}" wsu:Id="#));
    let signed = sign(template.as_bytes(), &pair.private).unwrap();
    assert_eq!(verify(&signed, &key, &[("Assertion", &format!("{{{wsu}}}Id"))]), Opinion::Valid);
    assert!(matches!(verify(&signed, &key, &[("Assertion", "Id")]), Opinion::Error(_)));
}

#[test]
fn nothing_outside_of_the_document_is_read() {
    let Some(pair) = rsa() else { return };
    let attempt = |uri: &str| sign(template_with(RSA_SHA256, uri, ENVELOPED, 100).as_bytes(), &pair.private);
    assert!(attempt("").is_ok());
    for uri in ["file:///etc/hostname", "/etc/hostname", "http://127.0.0.1:1/"] {
        assert!(attempt(uri).is_err(), "{uri}");
    }

    let secret = std::env::temp_dir().join(format!("chukei-oracle-entity-{}", std::process::id()));
    std::fs::write(&secret, "leaked").unwrap();
    let external =
        format!(r#"<!DOCTYPE a [<!ENTITY e SYSTEM "{0}"><!ENTITY i "in">]><a>&e;</a>"#, secret.display());
    let from_file = expand(external.as_bytes());
    let internal = expand(external.replace("&e;", "&i;").as_bytes());
    std::fs::remove_file(&secret).unwrap();
    assert_eq!(internal.unwrap(), b"<a>in</a>");
    assert!(!from_file.is_ok_and(|text| String::from_utf8(text).unwrap().contains("leaked")));
}

#[test]
fn what_the_library_does_not_know_is_unsupported() {
    let Some(pair) = rsa() else { return };
    let key = TrustedKey::from_spki_pem(&pair.public).unwrap();
    let signed = sign(template(RSA_SHA256, 100).as_bytes(), &pair.private).unwrap();
    assert_eq!(verify(&signed, &key, IDS), Opinion::Valid);
    let pss = replace(&signed, RSA_SHA256, RSA_PSS_SHA256);
    assert_eq!(verify(&pss, &key, IDS), Opinion::Unsupported(RSA_PSS_SHA256.into()));
    let xslt = "http://www.w3.org/TR/1999/REC-xslt-19991116";
    let xslt_instead = replace(&signed, "http://www.w3.org/2000/09/xmldsig#enveloped-signature", xslt);
    assert_eq!(verify(&xslt_instead, &key, IDS), Opinion::Unsupported(xslt.into()));
}

#[test]
fn keys_with_a_password_are_refused_without_asking_for_it() {
    let Some(pair) = rsa() else { return };
    let encrypted = openssl(&["pkcs8", "-topk8", "-passout", "pass:test"], &pair.private).unwrap();
    assert!(sign(template(RSA_SHA256, 100).as_bytes(), &pair.private).is_ok());
    assert!(sign(template(RSA_SHA256, 100).as_bytes(), &encrypted).unwrap_err().contains("password"));
    assert!(TrustedKey::from_spki_pem(b"no key").is_err());
}

#[test]
fn namespace_errors_are_not_well_formed() {
    let ok = |text: &str| well_formed(text.as_bytes()).unwrap();
    for text in ["<a/>", "<p:a xmlns:p='urn:p' p:x='1' x='2'/>", "<!DOCTYPE a SYSTEM '/etc/hostname'><a/>"] {
        assert!(ok(text), "{text}");
    }
    let doubled = "<a xmlns:p='urn:p' xmlns:q='urn:p' p:x='1' q:x='2'/>";
    for text in ["", "<a>", "<a/><b/>", "<p:a/>", "<a p:x='1'/>", "<a xmlns:p=''/>", "<a:b:c/>", doubled] {
        assert!(!ok(text), "{text}");
    }
}

#[test]
fn a_dtd_is_written_out() {
    let dtd = r#"<!DOCTYPE a [<!ATTLIST b d CDATA "&e;"><!ENTITY e "é&#38;#60;">]>"#;
    let dtd = dtd.replace(r#""&e;""#, r#""by default""#);
    let expanded = expand(format!("<?pi?>{dtd}<a><b/>&e;</a>").as_bytes()).unwrap();
    assert_eq!(String::from_utf8(expanded).unwrap(), "<?pi?><a><b d=\"by default\"/>é&lt;</a>");
    assert_eq!(expand(b"<a>&amp;<!--c--></a>").unwrap(), b"<a>&amp;<!--c--></a>");
    let xhtml = r#"<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "none"><html><head/></html>"#;
    assert_eq!(expand(xhtml.as_bytes()).unwrap(), b"<html><head/></html>");
    let Some(bombs) = corpus("defusedxml") else { return };
    assert!(expand(&read(bombs.join("simple.xml")).unwrap()).is_ok());
    for bomb in ["xmlbomb.xml", "cyclic.xml"] {
        assert!(expand(&read(bombs.join(bomb)).unwrap()).is_err_and(|error| !error.is_empty()), "{bomb}");
    }
}

#[test]
fn canonical_form_of_a_part() {
    let xml = br#"<a xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q"
    ><!--c--><p:b Id="x" z="1" y="2">t<c/></p:b></a>"#;
    let form =
        |apex, inclusive: &[&str]| String::from_utf8(exclusive_c14n(xml, apex, inclusive).unwrap()).unwrap();
    let below = |more: &str, c: &str| format!(r#"<p:b{more} Id="x" y="2" z="1">t<c{c}></c></p:b>"#);
    let plain = below(r#" xmlns:p="urn:p""#, r#" xmlns="urn:d""#);
    assert_eq!(form(Apex::Element(1), &[]), plain);
    assert_eq!(form(Apex::Id("x"), &[]), plain);
    let listed = below(r#" xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q""#, "");
    assert_eq!(form(Apex::Id("x"), &["#default", "q", "unbound"]), listed);
    assert_eq!(
        form(Apex::Document, &[]),
        format!(r#"<a xmlns="urn:d">{}</a>"#, below(r#" xmlns:p="urn:p""#, ""))
    );
    assert!(exclusive_c14n(xml, Apex::Element(3), &[]).is_err());
    assert!(exclusive_c14n(xml, Apex::Id("y"), &[]).is_err());
}

/// Those vectors of libxml2 whose XPath selects one element with all below it.
#[test]
fn vectors_of_libxml2() {
    let Some(folder) = corpus("libxml2-c14n") else { return };
    let something = ["merlin-c14n-two-09", "merlin-c14n-two-18"].map(|name| (name, "bar:Something"));
    let others = [("test-0", "e6"), ("test-1", "e6"), ("test-2", "SignedInfo")];
    for (name, apex) in something.iter().chain(&others) {
        let file = |kind: &str| folder.join(kind).join("c14n/exc-without-comments").join(name);
        let xml = read(file("test").with_extension("xml")).unwrap();
        let expected = read(file("result")).unwrap();
        let listed = read(file("test").with_extension("ns")).unwrap_or_default();
        let listed = String::from_utf8(listed).unwrap();
        let inclusive: Vec<&str> = listed.split_whitespace().collect();
        let text = String::from_utf8(xml.clone()).unwrap();
        let root = text.find("\n<").unwrap_or_default();
        let elements =
            text[root..].split('<').skip(1).filter(|tag| tag.starts_with(|c: char| c.is_ascii_alphabetic()));
        let number = elements.into_iter().position(|tag| tag.starts_with(apex)).unwrap();
        let form = exclusive_c14n(&xml, Apex::Element(number), &inclusive).unwrap();
        assert_eq!(String::from_utf8(form).unwrap(), String::from_utf8(expected).unwrap(), "{name}");
    }
}

/// The digests of merlin-exc-c14n-one that are taken without comments.
#[test]
fn merlin_exc_c14n_one() {
    let Some(folder) = corpus("xmlsec1") else { return };
    let xml = read(folder.join("merlin-exc-c14n-one/exc-signature.xml")).unwrap();
    let form = |inclusive: &[&str]| exclusive_c14n(&xml, Apex::Id("to-be-signed"), inclusive).unwrap();
    let forms = [
        (form(&[]), "7yOTjUu+9oEhShgyIIXDLjQ08aY="),
        (form(&["bar", "#default"]), "09xMy0RTQM1Q91demYe/0F6AGXo="),
    ];
    assert_ne!(forms[0].0, forms[1].0);
    for (form, expected) in forms {
        let Some(digest) = openssl(&["dgst", "-sha1", "-binary"], &form) else { return };
        let digest = openssl(&["base64"], &digest).unwrap();
        assert_eq!(String::from_utf8(digest).unwrap().trim(), expected);
    }
}

#[test]
fn foreign_signatures() {
    let Some(folder) = corpus("xmlsec1") else { return };
    let key = |name: &str| TrustedKey::from_spki_pem(&read(folder.join("keys").join(name)).unwrap()).unwrap();
    let (rsa, p256) = (key("rsa/rsa-2048-pubkey.pem"), key("ec/ec-prime256v1-pubkey.pem"));
    let opinion = |name: &str, key: &TrustedKey| {
        let xml = read(folder.join("aleksey-xmldsig-01").join(name)).unwrap();
        verify(&xml, key, &[("Object", "Id")])
    };
    let (by_rsa, by_p256) = ("enveloping-sha256-rsa-sha256.xml", "enveloping-sha256-ecdsa-sha256.xml");
    assert_eq!(opinion(by_rsa, &rsa), Opinion::Valid);
    assert_eq!(opinion(by_p256, &p256), Opinion::Valid);
    assert_eq!(opinion(by_rsa, &key("rsa/rsa-4096-pubkey.pem")), Opinion::Invalid);
    assert!(matches!(opinion(by_rsa, &p256), Opinion::Error(_)), "the kind of key is wrong");
}

#[test]
fn the_xmlsec1_program_agrees() {
    let Some(pair) = rsa() else { return };
    let folder = std::env::temp_dir().join(format!("chukei-oracle-program-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [key, document] = ["key.pem", "document.xml"].map(|name| folder.join(name));
    let signed = sign(template(RSA_SHA256, 5_000).as_bytes(), &pair.private).unwrap();
    std::fs::write(&key, &pair.public).unwrap();
    let program = |xml: &[u8]| {
        std::fs::write(&document, xml).unwrap();
        let id = ["--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"];
        Command::new("xmlsec1").args(["--verify", "--pubkey-pem"]).arg(&key).args(id).arg(&document).output()
    };
    let results = [program(&signed), program(&replace(&signed, "present", "absent"))];
    std::fs::remove_dir_all(&folder).unwrap();
    let [Ok(signed), Ok(changed)] = results else {
        println!("not run: no xmlsec1 program");
        return;
    };
    assert!(signed.status.success(), "{signed:?}");
    assert!(!changed.status.success());
}

#[test]
fn many_threads_at_once() {
    let Some(pair) = p256() else { return };
    let key = TrustedKey::from_spki_pem(&pair.public).unwrap();
    let signed = sign(template(ECDSA_SHA256, 2_000).as_bytes(), &pair.private).unwrap();
    let changed = replace(&signed, "present", "absent");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(verify(&signed, &key, IDS), Opinion::Valid);
                    assert_eq!(verify(&changed, &key, IDS), Opinion::Invalid);
                    assert!(!well_formed(b"<a>").unwrap());
                }
            });
        }
    });
}
