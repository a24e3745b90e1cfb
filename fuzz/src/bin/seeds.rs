//! Makes the seeds that are messages, keys or programs, into `seeds/` of this package. What is there already
//! stays: signatures and ciphertexts are not the same twice.

use std::{fs, path::Path};

use chukei_crypto::{
    ContentKey, SignatureAlgorithm,
    test_pki::{Ca, CrlSpec, LeafSpec, keys},
};
use chukei_forge::{
    raw::Element,
    sign::{Place, ReferenceSpec, Secret, SignatureSpec},
    specimen::{Specimen, Suite, World},
    wss,
};
use chukei_xml::ns;
use chukei_xml_security::sign_query;

fn main() {
    signed();
    sealed();
    queries();
    der();
}

fn keep(folder: &str, name: &str, octets: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(folder);
    fs::create_dir_all(&folder).expect("a folder for seeds");
    let file = folder.join(name);
    if !file.exists() {
        fs::write(&file, octets).expect("a seed is written");
    }
}

fn signed() {
    let (rsa, p256) = (World::new(1), World::with(Suite::P256, 1));
    let specimens = [
        ("assertion", Specimen::Assertion),
        ("response", Specimen::Response),
        ("signed-response", Specimen::SignedResponse),
        ("metadata", Specimen::Metadata),
        ("soap", Specimen::Soap),
    ];
    for (name, specimen) in specimens {
        keep("signed", &format!("{name}.xml"), &rsa.message(specimen).bytes());
    }
    keep("signed", "assertion-p256.xml", &p256.message(Specimen::Assertion).bytes());
    keep("signed", "soap-p256.xml", &p256.message(Specimen::Soap).bytes());
    let mut seal = rsa.seal();
    seal.content_key = Some([7; 32]);
    let envelope = rsa.draft_with(Specimen::Envelope, &seal).sign();
    keep("signed", "envelope.xml", &envelope.bytes());
    small(&rsa);
}

/// Short messages with signatures that nobody made, for the targets whose key accepts everything: shorter
/// inputs are faster.
fn small(world: &World) {
    let unsigned =
        SignatureSpec { secret: Secret::Octets(vec![7; 64]), ..SignatureSpec::over_nothing(&keys::p256(1)) };
    let issuer = Element::new("saml:Issuer").text(world.relay.entity_id);
    let assertion = Element::declared(ns::SAML, "Assertion").attribute("ID", "_a").child(issuer.clone());
    let mut assertion = assertion.child(Element::new("saml:NameID").text("x"));
    let references = vec![ReferenceSpec::enveloped("_a").with_prefixes("saml")];
    let place = Place::After("saml:Issuer".to_owned());
    let enveloped = SignatureSpec { references, place, ..unsigned.clone() };
    enveloped.sign(&mut assertion, ".");
    keep("signed", "small-assertion.xml", assertion.write().as_bytes());

    let response =
        Element::declared(ns::SAMLP, "Response").declare(ns::SAML).attribute("ID", "_r").child(issuer);
    let mut response = response.child(assertion);
    keep("signed", "small-response.xml", response.write().as_bytes());
    let references = vec![ReferenceSpec::enveloped("_r")];
    SignatureSpec { references, ..enveloped }.sign(&mut response, ".");
    keep("signed", "small-signed-response.xml", response.write().as_bytes());

    let sender = Element::declared(ns::SB, "Sender").attribute("wsu:Id", "_s");
    let sender = sender.attribute("providerID", world.requester.entity_id);
    let action = Element::declared(ns::WSA, "Action").attribute("wsu:Id", "_act").text("urn:x");
    let token = wss::binary_security_token("_t", b"token");
    let security = Element::declared(ns::WSSE, "Security").child(token);
    let header = Element::new("soap:Header").child(sender).child(action).child(security);
    let body = Element::new("soap:Body").attribute("wsu:Id", "_b").child(Element::new("x"));
    let envelope = Element::declared(ns::SOAP, "Envelope").declare(ns::WSU);
    let mut envelope = envelope.child(header).child(body);
    let spec = wss::signature(&["_b", "_s", "_act"], "_t", "_str", &keys::p256(1));
    SignatureSpec { secret: unsigned.secret, ..spec }.sign(&mut envelope, "soap:Header/wsse:Security");
    keep("signed", "small-soap.xml", envelope.write().as_bytes());
}

fn sealed() {
    let world = World::new(1);
    let mut seal = world.seal();
    seal.content_key = Some([7; 32]);
    seal.wrapper = None;
    keep("sealed", "encrypted-data.xml", seal.seal().write().as_bytes());
    // To be sealed by the target, which takes the first octet as a mark.
    keep("sealed", "plaintext", [b"P", seal.plaintext.as_slice()].concat().as_slice());
    let key = ContentKey::from_octets(&[7; 32]).expect("32 octets");
    for (name, text) in ["empty", "one", "name-id"].iter().zip(chukei_fuzz::targets::crypto_open::SAID) {
        keep("gcm", name, &key.seal(text).expect("a ciphertext"));
    }
}

fn queries() {
    let signer = keys::p256(1).signer(SignatureAlgorithm::EcdsaSha256).expect("a key for it");
    for (number, (is_request, message, state)) in
        chukei_fuzz::targets::redirect_query::SAID.iter().enumerate()
    {
        let query = sign_query(*is_request, message, *state, &signer).expect("a query");
        keep("query", &format!("signed-{number}"), query.as_bytes());
    }
}

fn der() {
    let authority = Ca::new("TEST Fuzz Root");
    let leaf = authority.issue(LeafSpec::new("TEST Fuzz Leaf", keys::p256(1).public_key()));
    keep("der", "authority", authority.certificate().der());
    keep("der", "leaf", leaf.der());
    keep("der", "crl", &authority.crl_der(&CrlSpec::default()));
    keep("der", "spki-p256", keys::p256(1).public_key().spki_der());
    keep("der", "spki-p384", keys::p384().public_key().spki_der());
    keep("der", "spki-rsa", keys::rsa2048(1).public_key().spki_der());
    let pem = keys::p256(1).to_pkcs8_pem().expect("a key");
    keep("der", "pkcs8.pem", pem.as_bytes());
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    keep("der", "pkcs8", &chukei_xml::lexical::decode_base64(&base64).expect("base64"));
}
