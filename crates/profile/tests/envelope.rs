//! Envelopes: what is minted is accepted by its target, and by nobody else; nothing about the number shows.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    sync::{Mutex, OnceLock},
};

use chukei_crypto::{
    Certificate, PrivateKey, SignatureAlgorithm, UnixTime, Unwrapper,
    test_pki::{Ca, LeafSpec, NOW, keys},
};
use chukei_idwsf::{Checks, ReplayStore, SystemRandomness, TargetIdentity, Unavailable};
use chukei_profile::{
    Identifier, Purpose, Scheme,
    envelope::{Acceptor, Issued, Mint, Opened, Presentation},
};
use chukei_reason::{Answer, Reason};
use chukei_saml::{ASSERTION, Assertion};
use chukei_xml::{Budget, Document};
use chukei_xml_security::{Shape, Signing, TrustStore, TrustedKey, Unverified};

const RELAY: &str = "https://relay.example.test/";
const A: &str = "https://insurer-a.example.test/";
const B: &str = "https://insurer-b.example.test/";

#[derive(Default)]
struct Memory(Mutex<BTreeSet<String>>);

impl ReplayStore for Memory {
    fn first_use(&self, owner: &str, id: &str, _: UnixTime) -> Result<bool, Unavailable> {
        Ok(self.0.lock().map_err(|_| Unavailable::new("a lock"))?.insert(format!("{owner} {id}")))
    }
}

fn holder() -> &'static Certificate {
    static HOLDER: OnceLock<Certificate> = OnceLock::new();
    HOLDER.get_or_init(|| Ca::new("TEST CA").issue(LeafSpec::new("TEST A", keys::p256(2).public_key())))
}

fn mint(text: &str) -> Issued {
    let identifier = Identifier::new(Scheme::MedicalInsured, text).unwrap();
    let (relay_key, sealing) = (keys::p256(1), keys::rsa2048(1));
    let signer = relay_key.signer(SignatureAlgorithm::EcdsaSha256).unwrap();
    let mint = Mint {
        relay: RELAY,
        holders: &[(A, holder())],
        target: B,
        key: sealing.public_key(),
        identifier: &identifier,
        purpose: Purpose::CombinedHighCost,
        request: "urn:uuid:1#r1",
        now: NOW,
        #[cfg(feature = "danger-faults")]
        danger: chukei_profile::envelope::Danger::default(),
    };
    mint.issue(&Signing::new(&signer), &SystemRandomness).unwrap()
}

/// The envelope as it is presented: verified, alone.
fn shown(issued: &Issued) -> TargetIdentity {
    let mut trust = TrustStore::new();
    trust.add(RELAY, TrustedKey::new(keys::p256(1).public_key().clone()));
    let mut budget = Budget::default();
    let document = Document::parse(issued.document.write()).unwrap();
    let unverified = Unverified::<Assertion>::locate(document, &Shape::root(ASSERTION), &mut budget).unwrap();
    let assertion = unverified.verify(&trust, NOW, &mut budget).unwrap().into_value();
    TargetIdentity { assertions: vec![assertion], others: 0 }
}

struct Accepting<'a> {
    own: &'a str,
    key: PrivateKey,
    schemes: &'a [Scheme],
    presenter: &'a str,
    purpose: Purpose,
    now: UnixTime,
}

fn sound() -> Accepting<'static> {
    Accepting {
        own: B,
        key: keys::rsa2048(1),
        schemes: &[Scheme::MedicalInsured],
        presenter: A,
        purpose: Purpose::CombinedHighCost,
        now: NOW,
    }
}

impl Accepting<'_> {
    fn accept(&self, target: &TargetIdentity, replay: &dyn ReplayStore) -> Result<Opened, (Reason, Answer)> {
        let keys: [&dyn Unwrapper; 1] = [&self.key];
        let checks = Checks::default();
        let acceptor = Acceptor {
            own: self.own,
            relay: RELAY,
            schemes: self.schemes,
            keys: &keys,
            checks: &checks,
            replay,
            now: self.now,
        };
        let presentation = Presentation {
            target: Some(target),
            presenter: self.presenter,
            certificate: holder().der(),
            on_behalf_of: None,
            purpose: Some(self.purpose.uri()),
        };
        acceptor
            .accept(&presentation, &mut Budget::default())
            .map_err(|refusal| (refusal.reason(), refusal.answer()))
    }
}

#[test]
fn the_target_reads_the_exact_number() {
    for text in ["港いろは１２３４", "港いろは1234", "𠮷<&>\"'", "ｶﾅ・か゛"] {
        let issued = mint(text);
        let (target, memory) = (shown(&issued), Memory::default());
        let opened = sound().accept(&target, &memory).unwrap();
        assert_eq!(opened.identifier.expose(), text);
        assert_eq!((opened.envelope.as_str(), opened.requester.as_str()), (issued.id.as_str(), A));
        assert_eq!(opened.purpose, Purpose::CombinedHighCost);
        assert!(!String::from_utf8(issued.document.write()).unwrap().contains(text));
        // Once.
        assert_eq!(sound().accept(&target, &memory).err(), Some((Reason::EnvelopeReplay, Answer::Semantic)));
    }
}

#[test]
fn it_is_of_no_use_to_anybody_else() {
    let target = shown(&mint("港いろは１２３４"));
    let refused = |accepting: Accepting<'_>| accepting.accept(&target, &Memory::default()).err();
    assert_eq!(refused(sound()), None);
    let late = UnixTime(NOW.0 + 300);
    let semantic = |reason| Some((reason, Answer::Semantic));
    assert_eq!(
        refused(Accepting { own: "https://insurer-c.example.test/", ..sound() }),
        semantic(Reason::Audience)
    );
    assert_eq!(refused(Accepting { presenter: B, ..sound() }), semantic(Reason::HolderOfKey));
    assert_eq!(
        refused(Accepting { purpose: Purpose::History, ..sound() }),
        semantic(Reason::PurposeMismatch)
    );
    assert_eq!(refused(Accepting { now: late, ..sound() }), semantic(Reason::EnvelopeWindow));
    let dec = |reason| Some((reason, Answer::Dec));
    assert_eq!(refused(Accepting { key: keys::rsa2048(2), ..sound() }), dec(Reason::Decrypt));
    assert_eq!(refused(Accepting { schemes: &[Scheme::LateElderly], ..sound() }), dec(Reason::NameIdFormat));
    // What failed to open is used all the same; what was not signed or held is not.
    let memory = Memory::default();
    assert!(Accepting { presenter: B, ..sound() }.accept(&target, &memory).is_err());
    assert!(Accepting { key: keys::rsa2048(2), ..sound() }.accept(&target, &memory).is_err());
    assert_eq!(sound().accept(&target, &memory).err(), semantic(Reason::EnvelopeReplay));
}

#[test]
fn the_size_says_nothing_about_the_number() {
    let size = |text: &str| {
        let written = String::from_utf8(mint(text).document.write()).unwrap();
        let (_, content) = written.rsplit_once("<xenc:CipherValue>").unwrap();
        content.split('<').next().unwrap().len()
    };
    let sizes: BTreeSet<usize> =
        ["1", "港いろは１２３４", &"𠮷".repeat(64), &"&".repeat(64)].into_iter().map(size).collect();
    assert_eq!(sizes.len(), 1);
    // IV and tag beside a multiple of 512, as base64.
    let octets = sizes.into_iter().next().unwrap() / 4 * 3;
    assert!((octets - 28) % 512 <= 2, "{octets}");
}
