//! AES-256-GCM opens what was sealed and nothing else.

use chukei_crypto::ContentKey;

use super::xmlenc_open::CONTENT_KEY;
use crate::source::hash;

/// What was sealed with [`CONTENT_KEY`] and is among the seeds.
pub const SAID: [&[u8]; 3] = [b"", b"x", b"<saml:NameID>a person of the TEST world</saml:NameID>"];

/// Runs the target: a ciphertext, and the same octets as a plaintext.
pub fn run(data: &[u8]) {
    let key = ContentKey::from_octets(&CONTENT_KEY).expect("32 octets");
    if let Ok(opened) = key.open(data) {
        assert!(SAID.contains(&opened.as_slice()), "a ciphertext that nobody sealed");
    }
    let mut sealed = key.seal(data).expect("a ciphertext");
    assert_eq!(sealed.len(), data.len() + 28);
    assert_eq!(key.open(&sealed).expect("ours").as_slice(), data);
    assert!(ContentKey::from_octets(&[8; 32]).expect("32 octets").open(&sealed).is_err(), "another key");

    let choice = hash(data) as usize;
    assert!(key.open(&sealed[..choice % sealed.len()]).is_err(), "a part of it");
    assert!(key.open(&[&sealed[..], &[0]].concat()).is_err(), "more than it");
    let at = choice % sealed.len();
    sealed[at] ^= 1 << (choice >> 61);
    assert!(key.open(&sealed).is_err(), "one bit changed at {at}");
    assert_eq!(ContentKey::from_octets(data).is_ok(), data.len() == 32);
}
