//! The two spellings of an ECDSA signature: `r‖s` in XML (XML Signature 1.1 §6.4.3), DER in OpenSSL (RFC 3279
//! §2.2.3).

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;

use crate::der::{Der, INTEGER, SEQUENCE};

const SCALAR: usize = 32;

/// The order of P-256 (FIPS 186-4 §D.1.2.3).
const ORDER: [u8; SCALAR] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `r‖s` of exactly 64 octets, both in `1..n` (CVE-2022-21449), as DER.
pub(crate) fn to_der(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_first_chunk::<SCALAR>()?;
    let s: &[u8; SCALAR] = s.try_into().ok()?;
    if [r, s].iter().any(|scalar| **scalar == [0; SCALAR] || **scalar >= ORDER) {
        return None;
    }
    let [r, s] = [r, s].map(|scalar| BigNum::from_slice(scalar));
    EcdsaSig::from_private_components(r.ok()?, s.ok()?).ok()?.to_der().ok()
}

/// `r‖s` of a P-256 signature in DER. Messages carry no DER; keys make it, and so do faulty signers.
pub fn ecdsa_from_der(der: &[u8]) -> Option<Vec<u8>> {
    let mut sequence = Der::only(der, SEQUENCE)?;
    let mut signature = Vec::with_capacity(2 * SCALAR);
    for _ in 0..2 {
        let integer = sequence.take(INTEGER)?;
        let digits = integer.strip_prefix(&[0]).unwrap_or(integer);
        signature.resize(signature.len() + SCALAR.checked_sub(digits.len())?, 0);
        signature.extend_from_slice(digits);
    }
    sequence.end()?;
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(low: &[u8]) -> Vec<u8> {
        [&vec![0; SCALAR - low.len()][..], low].concat()
    }

    #[test]
    fn scalars_keep_their_value_in_both_directions() {
        let mut below_order = ORDER;
        below_order[31] -= 1;
        for r in [scalar(&[1]), scalar(&[0x7f]), scalar(&[0x80]), scalar(&[1, 0]), below_order.to_vec()] {
            for s in [scalar(&[1]), scalar(&[0xff; 31]), below_order.to_vec()] {
                let raw = [&r[..], &s].concat();
                assert_eq!(ecdsa_from_der(&to_der(&raw).unwrap()).unwrap(), raw);
            }
        }
    }

    /// ALG-06
    #[test]
    fn scalars_outside_the_group_and_other_lengths_have_no_der() {
        let one = scalar(&[1]);
        for (r, s) in [
            (&scalar(&[])[..], &one[..]),
            (&one, &scalar(&[])),
            (&ORDER, &one),
            (&one, &ORDER),
            (&[0xff; 32], &one),
        ] {
            assert_eq!(to_der(&[r, s].concat()), None);
        }
        for length in [0, 1, 31, 32, 63, 65, 96, 128] {
            assert_eq!(to_der(&vec![1; length]), None, "{length} octets");
        }
        // Positive case
        assert!(to_der(&[&one[..], &one].concat()).is_some());
    }
}
