//! RSA on single blocks by hand (RFC 8017): for paddings that no library makes, and keys that no library keeps.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arithmetic on limbs")]

use chukei_crypto::PrivateKey;
use chukei_xml::lexical::decode_base64;

use super::{der, old::Hash};

/// Octets of a block under a modulus of 2048 bits.
const BLOCK: usize = 256;
/// `DigestInfo` with SHA-256 and with SHA-1, up to the digest (RFC 8017 §9.2).
pub(super) const INFO_SHA256: &[u8] =
    &[0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
pub(super) const INFO_SHA1: &[u8] = &[0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14];

/// An RSA key of 2048 bits, taken apart.
pub(super) struct Parts {
    pub(super) modulus: Vec<u8>,
    exponent: Vec<u8>,
    private_exponent: Vec<u8>,
    pub(super) primes: [Vec<u8>; 2],
}

impl Parts {
    /// Of a TEST key (RFC 5208 §5, RFC 8017 §A.1.2).
    pub(super) fn of(key: &PrivateKey) -> Self {
        let pem = key.to_pkcs8_pem().expect("a key in memory");
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let pkcs8 = der::children(&decode_base64(&base64).expect("PEM"))[0].1.clone();
        let numbers = der::children(&der::children(&der::children(&pkcs8)[2].1)[0].1);
        let number = |at: usize| numbers[at].1.iter().copied().skip_while(|octet| *octet == 0).collect();
        let [modulus, exponent, private_exponent] = [1, 2, 3].map(number);
        Self { modulus, exponent, private_exponent, primes: [4, 5].map(number) }
    }

    /// What only the owner of the key can make of a block.
    pub(super) fn private(&self, block: &[u8]) -> Vec<u8> {
        power(block, &self.private_exponent, &self.modulus)
    }

    /// What everybody can make of a block.
    pub(super) fn public(&self, block: &[u8]) -> Vec<u8> {
        power(block, &self.exponent, &self.modulus)
    }
}

/// `00 01 FF … FF 00` and what is behind it (RFC 8017 §9.2).
pub(super) fn pkcs1(behind: &[u8]) -> Vec<u8> {
    let padding = vec![0xff; BLOCK - 3 - behind.len()];
    [&[0, 1][..], &padding, &[0], behind].concat()
}

/// `00 02`, octets that are not zero, `00`, and what is behind it (RFC 8017 §7.2.1).
pub(super) fn pkcs1_sealed(behind: &[u8]) -> Vec<u8> {
    let padding: Vec<u8> = (0..BLOCK - 3 - behind.len()).map(|at| (at % 255) as u8 + 1).collect();
    [&[0, 2][..], &padding, &[0], behind].concat()
}

/// A block of OAEP (RFC 8017 §7.1.1) in which every part can be replaced.
pub(super) struct Oaep<'m> {
    /// What is sealed.
    pub(super) message: &'m [u8],
    /// The label.
    pub(super) label: &'m [u8],
    /// The octet before everything.
    pub(super) first: u8,
    /// What the padding consists of.
    pub(super) padding: u8,
    /// What ends it.
    pub(super) separator: u8,
    /// The digest of the label.
    pub(super) hash: Hash,
    /// The digest below the mask generation function.
    pub(super) mask: Hash,
}

impl<'m> Oaep<'m> {
    /// The right block with SHA-256 twice and no label.
    pub(super) const fn new(message: &'m [u8]) -> Self {
        let (hash, mask) = (Hash::Sha256, Hash::Sha256);
        Self { message, label: b"", first: 0, padding: 0, separator: 1, hash, mask }
    }

    /// The block. The seed is fixed, because nothing here is secret.
    pub(super) fn block(&self) -> Vec<u8> {
        let label = self.hash.digest(self.label);
        let padding = vec![self.padding; BLOCK - 2 - 2 * label.len() - self.message.len()];
        let content = [&label[..], &padding, &[self.separator], self.message].concat();
        let seed = self.hash.digest(b"seed");
        let masked = xor(&content, &mask(self.mask, &seed, content.len()));
        let masked_seed = xor(&seed, &mask(self.mask, &masked, seed.len()));
        [&[self.first][..], &masked_seed, &masked].concat()
    }
}

/// A block of PSS (RFC 8017 §9.1.1) in which every part can be replaced.
pub(super) struct Pss {
    /// The salt.
    pub(super) salt: Vec<u8>,
    /// The digest.
    pub(super) hash: Hash,
    /// The digest below the mask generation function.
    pub(super) mask: Hash,
    /// The last octet.
    pub(super) trailer: u8,
    /// What is or-ed into the first octet.
    pub(super) first: u8,
}

impl Pss {
    /// The right block: SHA-256 twice, 32 octets of salt.
    pub(super) fn new() -> Self {
        Self { salt: vec![7; 32], hash: Hash::Sha256, mask: Hash::Sha256, trailer: 0xbc, first: 0 }
    }

    /// The block for a message.
    pub(super) fn block(&self, message: &[u8]) -> Vec<u8> {
        let digest = self.hash.digest(message);
        let digest = self.hash.digest(&[&[0; 8][..], &digest, &self.salt].concat());
        let padding = vec![0; BLOCK - digest.len() - self.salt.len() - 2];
        let content = [&padding[..], &[1], &self.salt].concat();
        let mut masked = xor(&content, &mask(self.mask, &digest, content.len()));
        masked[0] = masked[0] & 0x7f | self.first;
        [&masked[..], &digest, &[self.trailer]].concat()
    }
}

/// DER SubjectPublicKeyInfo of an RSA key (RFC 3279 §2.3.1).
pub(super) fn spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = der::value(0x30, &[&der::unsigned(modulus), &der::unsigned(exponent)]);
    let rsa = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    der::value(0x30, &[&rsa, &der::value(3, &[&[0], &key])])
}

/// The product of two numbers.
pub(super) fn product(a: &[u8], b: &[u8]) -> Vec<u8> {
    let (a, b) = (limbs(a), limbs(b));
    let mut out = vec![0_u32; a.len() + b.len()];
    for (at, x) in a.iter().enumerate() {
        let mut carry = 0;
        for (other, y) in b.iter().enumerate() {
            let sum = u64::from(*x) * u64::from(*y) + u64::from(out[at + other]) + carry;
            out[at + other] = sum as u32;
            carry = sum >> 32;
        }
        out[at + b.len()] = carry as u32;
    }
    octets(&out).into_iter().skip_while(|octet| *octet == 0).collect()
}

/// The sum of two numbers.
pub(super) fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let length = a.len().max(b.len()) + 1;
    let digit = |number: &[u8], at: usize| number.iter().rev().nth(at).copied().map_or(0, u16::from);
    let low_first: Vec<u8> = (0..length)
        .map(|at| {
            let sum = digit(a, at) + digit(b, at) + carry;
            carry = sum >> 8;
            sum as u8
        })
        .collect();
    low_first.into_iter().rev().skip_while(|octet| *octet == 0).collect()
}

/// MGF1 (RFC 8017 §B.2.1).
fn mask(hash: Hash, seed: &[u8], length: usize) -> Vec<u8> {
    let blocks = (0_u32..).flat_map(|counter| hash.digest(&[seed, &counter.to_be_bytes()].concat()));
    blocks.take(length).collect()
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

/// `base^exponent mod modulus`, as many octets as the modulus has, by Montgomery's multiplication.
fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let modulus = limbs(modulus);
    // Newton's iteration doubles the right bits of the inverse modulo 2^32.
    let inverse = (0..5).fold(1_u32, |x, _| x.wrapping_mul(2_u32.wrapping_sub(modulus[0].wrapping_mul(x))));
    let times = |a: &[u32], b: &[u32]| montgomery(a, b, &modulus, inverse.wrapping_neg());
    let mut one = vec![0; modulus.len()];
    one[0] = 1;
    // R mod n and R^2 mod n, by doubling.
    let doubled = |from: &[u32], bits: usize| (0..bits).fold(from.to_vec(), |x, _| double(&x, &modulus));
    let r = doubled(&one, 32 * modulus.len());
    let r_squared = doubled(&r, 32 * modulus.len());
    let mut base = limbs(base);
    base.resize(modulus.len(), 0);
    let base = times(&base, &r_squared);
    let bits = exponent.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1));
    let result = bits.fold(r, |x, bit| {
        let squared = times(&x, &x);
        if bit { times(&squared, &base) } else { squared }
    });
    octets(&times(&result, &one))
}

fn montgomery(a: &[u32], b: &[u32], modulus: &[u32], minus_inverse: u32) -> Vec<u32> {
    let length = modulus.len();
    let mut t = vec![0_u32; length + 2];
    for x in a {
        let add = |factor: u32, number: &[u32], t: &mut Vec<u32>| {
            let mut carry = 0;
            for (at, y) in number.iter().enumerate() {
                let sum = u64::from(factor) * u64::from(*y) + u64::from(t[at]) + carry;
                t[at] = sum as u32;
                carry = sum >> 32;
            }
            let sum = u64::from(t[length]) + carry;
            t[length] = sum as u32;
            t[length + 1] += (sum >> 32) as u32;
        };
        add(*x, b, &mut t);
        let factor = t[0].wrapping_mul(minus_inverse);
        add(factor, modulus, &mut t);
        t.remove(0);
        t.push(0);
    }
    reduce(t, modulus)
}

fn double(a: &[u32], modulus: &[u32]) -> Vec<u32> {
    let mut carry = 0;
    let mut out: Vec<u32> = a
        .iter()
        .map(|limb| {
            let doubled = limb << 1 | carry;
            carry = limb >> 31;
            doubled
        })
        .collect();
    out.push(carry);
    reduce(out, modulus)
}

/// Subtracts the modulus if it fits, which it does at most once.
fn reduce(mut number: Vec<u32>, modulus: &[u32]) -> Vec<u32> {
    let length = modulus.len();
    let high = number[length..].iter().any(|limb| *limb != 0);
    let fits = high || number[..length].iter().rev().ge(modulus.iter().rev());
    if fits {
        let mut borrow = 0;
        for (limb, subtracted) in number.iter_mut().zip(modulus) {
            let difference = i64::from(*limb) - i64::from(*subtracted) + borrow;
            *limb = difference as u32;
            borrow = difference >> 32;
        }
    }
    number.truncate(length);
    number
}

fn limbs(octets: &[u8]) -> Vec<u32> {
    let limb = |octets: &[u8]| octets.iter().fold(0_u32, |limb, octet| limb << 8 | u32::from(*octet));
    octets.rchunks(4).map(limb).collect()
}

fn octets(limbs: &[u32]) -> Vec<u8> {
    limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use chukei_crypto::{ContentKey, KeyTransport, SignatureAlgorithm, Unwrapper, sha256, test_pki::keys};

    use super::*;

    /// What is made by hand, the library takes; so a refusal is not for an error of ours.
    #[test]
    fn right_blocks_are_right() {
        let key = keys::rsa2048(1);
        let parts = Parts::of(&key);
        let verify = |algorithm, signature: &[u8]| {
            key.public_key().verify(algorithm, &sha256(b"message"), signature).is_ok()
        };
        let signature = parts.private(&pkcs1(&[INFO_SHA256, &sha256(b"message")].concat()));
        assert!(verify(SignatureAlgorithm::RsaSha256, &signature));
        assert!(verify(SignatureAlgorithm::RsaPssSha256, &parts.private(&Pss::new().block(b"message"))));
        assert!(!verify(SignatureAlgorithm::RsaPssSha256, &signature));

        let content_key = [5; 32];
        let wrapped = parts.public(&Oaep::new(&content_key).block());
        let sealed = ContentKey::from_octets(&content_key).unwrap().seal(b"plaintext").unwrap();
        let opened = key.unwrap(KeyTransport::RsaOaepSha256, &wrapped).unwrap().open(&sealed).unwrap();
        assert_eq!(**opened, *b"plaintext");
    }

    #[test]
    fn numbers() {
        assert_eq!(product(&[0xff; 5], &[0xff; 5]), [0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0, 1]);
        assert_eq!(sum(&[0xff, 0xff], &[1]), [1, 0, 0]);
        let parts = Parts::of(&keys::rsa2048(2));
        assert_eq!(product(&parts.primes[0], &parts.primes[1]), parts.modulus);
        assert_eq!(spki(&parts.modulus, &[1, 0, 1]), keys::rsa2048(2).public_key().spki_der());
    }
}
