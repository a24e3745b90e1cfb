//! Keys of TEST cards: made from a seed, used with OpenSSL.
//!
//! They stand here and not in `chukei-crypto`, because every key of that crate is one that may be relied on: cards of
//! 2010 have RSA with 1024 bits, their authorities sign with SHA-1, and a card signs whatever block it is given.

use chukei_card::{CardKey, PrivateOperation};
use openssl::bn::{BigNum, BigNumContext};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa, RsaPrivateKeyBuilder};
use openssl::sha::sha256;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Rounds of Miller–Rabin; OpenSSL takes at least its own number.
const ROUNDS: i32 = 64;

/// The private operation of RSA by OpenSSL.
#[derive(Clone, Copy, Debug)]
pub struct OpenSsl;

struct RsaKey(Rsa<Private>);

impl PrivateOperation for OpenSsl {
    fn load(&self, pkcs8: &[u8], bits: u32) -> Option<Box<dyn CardKey>> {
        let rsa = PKey::private_key_from_pkcs8(pkcs8).and_then(|key| key.rsa()).ok()?;
        let fits = u32::try_from(rsa.n().num_bits()) == Ok(bits) && rsa.check_key().unwrap_or(false);
        fits.then(|| Box::new(RsaKey(rsa)) as Box<dyn CardKey>)
    }
}

impl CardKey for RsaKey {
    fn modulus_octets(&self) -> usize {
        usize::try_from(self.0.size()).unwrap_or_default()
    }

    fn private(&self, block: &[u8]) -> Option<Vec<u8>> {
        let mut out = vec![0; self.modulus_octets()];
        let length = self.0.private_encrypt(block, &mut out, Padding::NONE).ok()?;
        (length == out.len()).then_some(out)
    }
}

/// A stream of octets that depends on the seed and on what it is for, and on nothing else.
pub(crate) fn stream(seed: u64, purpose: &str) -> ChaCha20Rng {
    let text = [b"chukei TEST card\0", &seed.to_be_bytes()[..], purpose.as_bytes()].concat();
    ChaCha20Rng::from_seed(sha256(&text))
}

/// An RSA key with exponent 65537 and so many bits, a multiple of 16.
pub(crate) fn rsa(seed: u64, purpose: &str, bits: u32) -> Result<PKey<Private>, ErrorStack> {
    let mut stream = stream(seed, purpose);
    let mut context = BigNumContext::new()?;
    let exponent = BigNum::from_u32(65537)?;
    let mut prime = || prime(&mut stream, bits, &exponent);
    let (first, second) = (prime()?, prime()?);
    // The library computes the coefficient for the larger prime first.
    let (p, q) = if first > second { (first, second) } else { (second, first) };

    let one = BigNum::from_u32(1)?;
    let (mut n, mut p1, mut q1, mut phi, mut d) =
        (BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?);
    n.checked_mul(&p, &q, &mut context)?;
    p1.checked_sub(&p, &one)?;
    q1.checked_sub(&q, &one)?;
    phi.checked_mul(&p1, &q1, &mut context)?;
    d.mod_inverse(&exponent, &phi, &mut context)?;
    let (mut dmp1, mut dmq1, mut coefficient) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
    dmp1.checked_rem(&d, &p1, &mut context)?;
    dmq1.checked_rem(&d, &q1, &mut context)?;
    coefficient.mod_inverse(&q, &p, &mut context)?;
    let builder = RsaPrivateKeyBuilder::new(n, exponent, d)?.set_factors(p, q)?;
    PKey::from_rsa(builder.set_crt_params(dmp1, dmq1, coefficient)?.build())
}

/// The next prime of the stream with both top bits set, so that two of them have the bits together, and without the
/// exponent in `p - 1`.
fn prime(stream: &mut ChaCha20Rng, bits: u32, exponent: &BigNum) -> Result<BigNum, ErrorStack> {
    let mut context = BigNumContext::new()?;
    let mut octets = vec![0; usize::try_from(bits / 16).unwrap_or_default()];
    loop {
        stream.fill_bytes(&mut octets);
        if let [first, .., last] = octets.as_mut_slice() {
            *first |= 0xc0;
            *last |= 1;
        }
        let mut candidate = BigNum::from_slice(&octets)?;
        // From a random start upwards: cheaper than a new draw for each candidate, as in FIPS 186-5 App. A.1.3.
        for _ in 0..512 {
            let mut rest = BigNum::new()?;
            rest.checked_rem(&candidate, exponent, &mut context)?;
            if rest != BigNum::from_u32(1)? && candidate.is_prime_fasttest(ROUNDS, &mut context, true)? {
                return Ok(candidate);
            }
            candidate.add_word(2)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_key_of_the_asked_size_and_the_card_signs_with_it() {
        for bits in [1024, 2048] {
            let key = rsa(1, "a", bits).unwrap();
            let pkcs8 = key.private_key_to_pkcs8().unwrap();
            assert_eq!(rsa(1, "a", bits).unwrap().private_key_to_pkcs8().unwrap(), pkcs8);
            assert_ne!(rsa(2, "a", bits).unwrap().private_key_to_pkcs8().unwrap(), pkcs8);
            let card = OpenSsl.load(&pkcs8, bits).unwrap();
            assert!(OpenSsl.load(&pkcs8, bits + 8).is_none(), "of another size");
            assert!(OpenSsl.load(b"no key", bits).is_none());
            let length = card.modulus_octets();
            assert_eq!(length * 8, bits as usize);
            let block = [&[0, 1][..], &vec![7; length - 2]].concat();
            let signature = card.private(&block).unwrap();
            let mut back = vec![0; length];
            key.rsa().unwrap().public_decrypt(&signature, &mut back, Padding::NONE).unwrap();
            assert_eq!(back, block);
            assert_eq!(card.private(&vec![0xff; length]), None, "not below the modulus");
            assert_eq!(card.private(&block[1..]), None, "of another length");
        }
    }
}
