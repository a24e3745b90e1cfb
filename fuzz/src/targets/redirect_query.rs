//! Query signatures: what is accepted has each parameter once and is read as it is spelled, and with a real
//! key nothing is accepted but what was signed.

use std::sync::LazyLock;

use chukei_crypto::{CryptoError, PublicKey, SignatureAlgorithm, Signer, test_pki::keys};
use chukei_xml::{Budget, lexical::decode_base64};
use chukei_xml_security::{TrustStore, TrustedKey, VerifiedQuery, sign_query, verify_query};

use crate::{
    signed::{ANYBODY, NOW, fake_trust},
    source::hash,
};

/// The queries that were signed with the real key; they are among the seeds.
pub const SAID: [(bool, &str, Option<&str>); 3] =
    [(true, "fVLLbtswEP0Vgu8=", Some("状態 1&2")), (false, "PHg+", None), (true, "", Some(""))];

static TRUST: LazyLock<TrustStore> = LazyLock::new(|| {
    let mut trust = TrustStore::new();
    trust.add(ANYBODY, TrustedKey::new(keys::p256(1).public_key().clone()));
    trust
});

/// Signs with nothing.
struct Nothing(PublicKey);

impl Signer for Nothing {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::EcdsaSha256
    }

    fn sign(&self, digest: &[u8; 32]) -> Result<Vec<u8>, CryptoError> {
        Ok(digest.to_vec())
    }

    fn public_key(&self) -> &PublicKey {
        &self.0
    }
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let mut budget = Budget::default();
    if let Ok(verified) = fake_trust(|trust| verify_query(query, ANYBODY, trust, NOW, &mut budget)) {
        check(query, &verified);
        assert_eq!(budget.spent().operations, 1);
        let really = verify_query(query, ANYBODY, &TRUST, NOW, &mut Budget::default());
        if let Ok(real) = really {
            let said = (real.is_request(), real.message(), real.relay_state());
            assert!(SAID.contains(&said), "a query that nobody signed");
        }
    } else {
        assert!(verify_query(query, ANYBODY, &TRUST, NOW, &mut Budget::default()).is_err());
    }
    both_ways(query);
}

/// What was signed is read as it was signed.
fn both_ways(text: &str) {
    let choice = hash(text.as_bytes());
    let at = (0..=text.len())
        .rev()
        .find(|at| *at <= choice as usize % (text.len() + 1) && text.is_char_boundary(*at));
    let (message, state) = text.split_at(at.unwrap_or_default());
    let state = (choice >> 40 & 1 == 1).then_some(state);
    let is_request = choice >> 41 & 1 == 1;
    let query =
        fake_key(|key| sign_query(is_request, message, state, &Nothing(key.clone()))).expect("signed");
    let verified = fake_trust(|trust| verify_query(&query, ANYBODY, trust, NOW, &mut Budget::default()));
    let verified = verified.expect("accepted");
    let read = (verified.is_request(), verified.message(), verified.relay_state());
    assert_eq!(read, (is_request, message, state));
}

fn fake_key<T>(use_it: impl FnOnce(&PublicKey) -> T) -> T {
    thread_local! { static KEY: PublicKey = PublicKey::danger_fake(); }
    KEY.with(use_it)
}

/// SAML 2.0 bindings §3.4.4.1, read a second time.
fn check(query: &str, verified: &VerifiedQuery) {
    let values = |name: &str| -> Vec<String> {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|(own, _)| *own == name).map(|(_, value)| decode(value)).collect()
    };
    let (requests, responses) = (values("SAMLRequest"), values("SAMLResponse"));
    assert_eq!(requests.len() + responses.len(), 1, "one message");
    assert_eq!(verified.is_request(), requests.len() == 1);
    assert_eq!(requests.iter().chain(&responses).next().map(String::as_str), Some(verified.message()));
    let states = values("RelayState");
    assert!(states.len() <= 1);
    assert_eq!(states.first().map(String::as_str), verified.relay_state());
    let (algorithms, signatures) = (values("SigAlg"), values("Signature"));
    assert_eq!((algorithms.len(), signatures.len()), (1, 1));
    assert!(SignatureAlgorithm::from_uri(&algorithms[0]).is_some());
    assert!(decode_base64(&signatures[0]).is_some_and(|value| !value.is_empty()));
}

fn decode(raw: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = raw.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        octets.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("hexadecimal digits");
                assert!(digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "hexadecimal digits");
                u8::from_str_radix(digits, 16).expect("two digits")
            }
            (b'%', _) => panic!("two digits after %"),
            (other, _) => *other,
        });
    }
    String::from_utf8(octets).expect("UTF-8")
}
