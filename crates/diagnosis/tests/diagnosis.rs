//! What faulty signers do is found out. One faulty signer for each cause, and the sound one as twin of all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use chukei_crypto::UnixTime;
use chukei_diagnosis::{Cause, Diagnosis};
use chukei_forge::{
    sign::{ReferenceSpec, SignatureSpec, Target},
    specimen::{Draft, Specimen, Suite, World},
};
use chukei_xml::{Budget, Document, XmlError, ns};
use chukei_xml_security::{FromSigned, KeyUse, Shape, Signed, TrustStore, TrustedKey, Unverified};

struct Anything;

impl FromSigned for Anything {
    fn read(_: &Signed<'_>) -> Result<Self, XmlError> {
        Ok(Self)
    }
}

fn world() -> World {
    World::with(Suite::P256, 7)
}

fn trust(world: &World) -> TrustStore {
    let mut trust = TrustStore::new();
    for party in [&world.relay, &world.requester] {
        let key = TrustedKey::new(party.certificate.public_key().unwrap());
        trust.add(party.entity_id, key.with_certificate(&party.certificate));
    }
    trust
}

/// The diagnosis of a message; `None` when it is sound.
fn diagnose(world: &World, xml: &str, trust: &TrustStore) -> Option<Diagnosis> {
    let mut budget = Budget::default();
    let document = Document::parse(xml).unwrap();
    let shape = Shape::root(ns::SAML.name("Assertion"));
    let unverified = Unverified::<Anything>::locate(document, &shape, &mut budget).unwrap();
    let refusal = unverified.verify(trust, UnixTime(world.now), &mut budget).err()?;
    let diagnosis = Diagnosis::of(&refusal, trust);
    assert!(diagnosis.causes.iter().all(|cause| !cause.in_japanese().is_empty()));
    assert!(diagnosis.to_string().contains("likely cause"));
    Some(diagnosis)
}

/// What is found when the signer of the assertion differs from the sound one in `change`.
fn causes_of_signer(change: impl FnOnce(&mut SignatureSpec, &mut Draft)) -> Vec<Cause> {
    let world = world();
    let mut draft = world.draft(Specimen::Assertion);
    let (path, mut spec) = draft.signatures.pop().unwrap();
    change(&mut spec, &mut draft);
    draft.signatures.push((path, spec));
    let xml = draft.sign().root.write();
    diagnose(&world, &xml, &trust(&world)).map(|diagnosis| diagnosis.causes).unwrap_or_default()
}

/// What is found when the sound message is changed on the way.
fn causes_of_change(change: impl FnOnce(String) -> String) -> Vec<Cause> {
    let world = world();
    let xml = world.message(Specimen::Assertion).root.write();
    let changed = change(xml.clone());
    assert_ne!(changed, xml);
    diagnose(&world, &changed, &trust(&world)).unwrap().causes
}

fn first(spec: &mut SignatureSpec) -> &mut ReferenceSpec {
    spec.references.first_mut().unwrap()
}

#[test]
fn the_sound_signer_needs_no_diagnosis() {
    assert_eq!(causes_of_signer(|_, _| {}), []);
}

#[test]
fn mistakes_in_digesting() {
    assert_eq!(causes_of_signer(|spec, _| first(spec).enveloped = false), [Cause::EnvelopedTransformSkipped]);
    let inclusive = |spec: &mut SignatureSpec, draft: &mut Draft| {
        draft.message.root.set("xmlns:unused", "urn:unused");
        draft.message.root.set("xmlns:other", "urn:other");
        first(spec).form.exclusive = false;
    };
    assert_eq!(causes_of_signer(inclusive), [Cause::InclusiveCanonicalization]);
    let one_declared = |spec: &mut SignatureSpec, draft: &mut Draft| {
        draft.message.root.set("xmlns:unused", "urn:unused");
        draft.message.root.set("xmlns:other", "urn:other");
        first(spec).form.prefixes = "other".to_owned();
    };
    assert_eq!(causes_of_signer(one_declared), [Cause::NamespaceDeclared("other".to_owned())]);
    let ignored = |spec: &mut SignatureSpec, draft: &mut Draft| {
        draft.message.root.set("xmlns:unused", "urn:unused");
        *first(spec) = first(spec).clone().with_prefixes("unused");
        first(spec).form.prefixes = String::new();
    };
    assert_eq!(causes_of_signer(ignored), [Cause::PrefixListIgnored]);
    let nothing = |spec: &mut SignatureSpec, _: &mut Draft| first(spec).target = Target::Octets(Vec::new());
    assert_eq!(causes_of_signer(nothing), [Cause::DigestOfNothing]);
    let other = |spec: &mut SignatureSpec, _: &mut Draft| {
        first(spec).target = Target::Path("saml:Subject".to_owned());
    };
    assert!(matches!(causes_of_signer(other)[..], [Cause::OtherElementDigested(_)]));
}

#[test]
fn bytes_digested_as_they_were_sent() {
    // The signer digested its own spelling, in which an empty element is one tag.
    let world = world();
    let mut draft = world.draft(Specimen::Assertion);
    draft.signatures.clear();
    let raw = draft.message.root.write().replace("</saml:Issuer>", "</saml:Issuer><saml:Advice/>");
    let mut root = chukei_forge::raw::parse(&raw).unwrap();
    let mut spec = world.enveloped(&world.id("assertion"), &world.relay);
    spec.references = vec![ReferenceSpec::enveloped(root.id().unwrap())];
    first(&mut spec).target = Target::Octets(raw.clone().into_bytes());
    spec.sign(&mut root, "");
    let signed = root.write();
    let (_, signature) = signed.split_once("<ds:Signature").unwrap();
    let (signature, _) = signature.split_once("</ds:Signature>").unwrap();
    let signature = format!("</saml:Issuer><ds:Signature{signature}</ds:Signature>");
    let sent = raw.replacen("</saml:Issuer>", &signature, 1);
    assert_eq!(diagnose(&world, &sent, &trust(&world)).unwrap().causes, [Cause::NoCanonicalization]);
}

#[test]
fn changes_on_the_way() {
    assert_eq!(causes_of_change(|xml| xml.replace("><saml:", ">\n<saml:")), [Cause::WhiteSpaceAdded]);
    assert_eq!(causes_of_change(|xml| xml.replace("１２３４", "１２３５")), [Cause::ContentChanged]);
    let with = |text: &str, change: &dyn Fn(String) -> String| {
        let world = world();
        let mut draft = world.draft(Specimen::Assertion);
        draft.message.root.find_mut("saml:Subject/saml:NameID").set_content(text);
        let xml = change(draft.sign().root.write());
        diagnose(&world, &xml, &trust(&world)).map(|diagnosis| diagnosis.causes).unwrap_or_default()
    };
    assert_eq!(with("一\n二", &|xml| xml), []);
    assert_eq!(with("一\n二", &|xml| xml.replace("一\n", "一&#13;\n")), [Cause::LineEndsChanged]);
    assert_eq!(with("〜", &|xml| xml.replace('〜', "～")), [Cause::JapaneseMapping('〜', '～')]);
    assert_eq!(with("－", &|xml| xml.replace('－', "−")), [Cause::JapaneseMapping('－', '−')]);
}

#[test]
fn mistakes_in_signing() {
    let inclusive = |spec: &mut SignatureSpec, draft: &mut Draft| {
        draft.message.root.set("xmlns:unused", "urn:unused");
        spec.form.exclusive = false;
    };
    assert_eq!(causes_of_signer(inclusive), [Cause::InclusiveCanonicalization]);
    let changed = |xml: String| xml.replacen("<ds:Reference ", "<ds:Reference Id=\"_r\" ", 1);
    assert_eq!(causes_of_change(changed), [Cause::SignedInfoChanged]);
    assert_eq!(causes_of_signer(|spec, _| spec.value = Some(der)), [Cause::EcdsaDer]);
}

/// r‖s as DER, as signers that hand on what their library gives them do.
fn der(value: String) -> String {
    use chukei_xml::lexical::{decode_base64, encode_base64};
    let raw = decode_base64(&value).unwrap();
    let mut numbers = Vec::new();
    for number in raw.chunks(32) {
        let digits: Vec<u8> = number.iter().copied().skip_while(|octet| *octet == 0).collect();
        let sign = digits.first().is_some_and(|octet| *octet >= 0x80);
        numbers.extend([2, u8::try_from(digits.len() + usize::from(sign)).unwrap()]);
        numbers.extend(sign.then_some(0));
        numbers.extend(digits);
    }
    encode_base64(&[&[0x30, u8::try_from(numbers.len()).unwrap()], numbers.as_slice()].concat())
}

#[test]
fn keys_that_do_not_count() {
    let world = world();
    let xml = world.message(Specimen::Assertion).root.write();
    let relay = || TrustedKey::new(world.relay.certificate.public_key().unwrap());
    let causes = |trust: &TrustStore| diagnose(&world, &xml, trust).map(|diagnosis| diagnosis.causes);
    let entity = world.relay.entity_id;

    assert_eq!(causes(TrustStore::new().add(entity, relay())), None);
    let other_use = relay().for_use(KeyUse::Encryption);
    assert_eq!(causes(TrustStore::new().add(entity, other_use)), Some(vec![Cause::KeyNotForThis]));
    let over = relay().valid(UnixTime(0), UnixTime(world.now));
    assert_eq!(causes(TrustStore::new().add(entity, over)), Some(vec![Cause::KeyNotForThis]));
    let elsewhere = "https://elsewhere.example.test/";
    let expected = Cause::KeyOfOtherEntity(elsewhere.to_owned());
    assert_eq!(causes(TrustStore::new().add(elsewhere, relay())), Some(vec![expected]));
    let requester = TrustedKey::new(world.requester.certificate.public_key().unwrap());
    let shown = causes(TrustStore::new().add(entity, requester));
    let certificate = &world.relay.certificate;
    assert_eq!(shown, Some(vec![Cause::KeyNotTrusted(certificate.subject(), certificate.sha256())]));

    // Without the certificate in the message nothing is known of the key.
    let (before, rest) = xml.split_once("<ds:KeyInfo").unwrap();
    let (_, after) = rest.split_once("</ds:KeyInfo>").unwrap();
    let silent = format!("{before}{after}");
    let rsa = TrustedKey::new(World::with(Suite::Rsa, 7).relay.certificate.public_key().unwrap());
    let causes = diagnose(&world, &silent, TrustStore::new().add(entity, rsa)).unwrap().causes;
    assert_eq!(causes, [Cause::NoKeyForAlgorithm]);
}

#[test]
fn what_a_person_reads() {
    let world = World::with(Suite::Rsa, 7); // RSA signatures are the same every time
    let xml = world.message(Specimen::Assertion).root.write().replace("１２３４", "１２３５");
    let diagnosis = diagnose(&world, &xml, &trust(&world)).unwrap();
    let japanese: String = diagnosis.causes.iter().map(Cause::in_japanese).collect();
    insta::assert_snapshot!(format!("{diagnosis}\n{japanese}\n"));
}
