//! Keys made by the `openssl` program, templates, and the way to the foreign files.
#![allow(dead_code)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) struct Keys {
    pub(crate) private: Vec<u8>,
    pub(crate) public: Vec<u8>,
    pub(crate) certificate: Vec<u8>,
}

/// A new key pair with a self-signed certificate, or `None` after saying why.
pub(crate) fn keys(kind: &[&str]) -> Option<Keys> {
    let private = openssl(&[&["genpkey", "-quiet"], kind].concat(), &[])?;
    let public = openssl(&["pkey", "-pubout"], &private)?;
    let key = std::env::temp_dir().join(format!(
        "chukei-oracle-{}-{:p}.pem",
        std::process::id(),
        &raw const private
    ));
    std::fs::write(&key, &private).unwrap();
    let subject = ["req", "-x509", "-new", "-subj", "/CN=TEST oracle", "-key", key.to_str().unwrap()];
    let certificate = openssl(&subject, &[]);
    std::fs::remove_file(&key).unwrap();
    Some(Keys { private, public, certificate: certificate? })
}

pub(crate) fn rsa() -> Option<Keys> {
    keys(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
}

pub(crate) fn p256() -> Option<Keys> {
    keys(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
}

pub(crate) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub(crate) const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
pub(crate) const RSA_PSS_SHA256: &str = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1";
pub(crate) const ENVELOPED: &str =
    r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>"#;

/// An assertion of about `size` bytes with an enveloped signature to be filled.
pub(crate) fn template(algorithm: &str, size: usize) -> String {
    template_with(algorithm, "#_a", ENVELOPED, size)
}

pub(crate) fn template_with(algorithm: &str, uri: &str, transforms: &str, size: usize) -> String {
    let attribute = r#"
<saml:Attribute Name="qualification"><saml:AttributeValue>present</saml:AttributeValue></saml:Attribute>"#;
    let attributes = attribute.repeat(size / attribute.len() + 1);
    format!(
        r##"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a" Version="2.0">
<saml:Issuer>https://relay.example</saml:Issuer>
<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
<ds:SignatureMethod Algorithm="{algorithm}"/>
<ds:Reference URI="{uri}"><ds:Transforms>{transforms}
<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>
</ds:SignedInfo><ds:SignatureValue/></ds:Signature>
<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"##
    )
}

pub(crate) fn replace(xml: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(xml).unwrap();
    assert!(text.contains(from), "{from} is not there");
    text.replacen(from, to, 1).into_bytes()
}

/// A folder of the foreign files, or `None` after saying so.
pub(crate) fn corpus(name: &str) -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("CHUKEI_SHARED").map_or(default, PathBuf::from).join("corpora").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("not run: no folder {}", folder.display());
    None
}

pub(crate) fn openssl(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        println!("not run: no openssl program");
        return None;
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    Some(output.stdout)
}
