//! Without the feature there is no opinion, in particular none in favour.
#![cfg(not(feature = "libxmlsec1"))]
#![allow(clippy::unwrap_used)]

use chukei_oracle::{Apex, Opinion, TrustedKey, available, exclusive_c14n, verify, well_formed};

#[test]
fn no_opinion() {
    let key = TrustedKey::from_spki_pem(b"").unwrap();
    assert!(!available());
    assert!(matches!(verify(b"<a/>", &key, &[]), Opinion::Unsupported(_)));
    assert!(well_formed(b"<a/>").is_err() && exclusive_c14n(b"<a/>", Apex::Document, &[]).is_err());
}
