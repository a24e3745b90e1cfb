//! TEST keys from a seed, so that one seed always makes the same world.
//!
//! Keys of the mock world protect nothing: whoever knows the seed knows them. A product's keys are made
//! elsewhere (`openssl genpkey`, a card, a PKCS#11 token).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chukei_crypto::Sha256;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::RsaPrivateKeyBuilder;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Octets of each prime of an RSA key with 2048 bits.
const PRIME: usize = 128;
/// Rounds of Miller–Rabin; OpenSSL takes at least its own number.
const ROUNDS: i32 = 64;

/// A stream of octets that depends on the seed and on what it is for, and on nothing else.
pub(crate) fn stream(seed: u64, purpose: &str) -> ChaCha20Rng {
    let mut digest = Sha256::new();
    digest.update(b"chukei TEST world\0");
    digest.update(&seed.to_be_bytes());
    digest.update(purpose.as_bytes());
    ChaCha20Rng::from_seed(digest.finish())
}

/// Keys that this process has made, by seed and purpose: tests make the same world again and again.
static MADE: Mutex<BTreeMap<(u64, String), PKey<Private>>> = Mutex::new(BTreeMap::new());

/// RSA with 2048 bits and exponent 65537.
pub(crate) fn rsa2048(seed: u64, purpose: &str) -> Result<PKey<Private>, ErrorStack> {
    let made = || MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let name = (seed, purpose.to_owned());
    let known = made().get(&name).cloned();
    if let Some(key) = known {
        return Ok(key);
    }
    let key = made_anew(seed, purpose)?;
    made().insert(name, key.clone());
    Ok(key)
}

fn made_anew(seed: u64, purpose: &str) -> Result<PKey<Private>, ErrorStack> {
    let mut stream = stream(seed, purpose);
    let mut context = BigNumContext::new()?;
    let exponent = BigNum::from_u32(65537)?;
    let (first, second) =
        (prime(&mut stream, &exponent, &mut context)?, prime(&mut stream, &exponent, &mut context)?);
    // The library computes the coefficient for the larger prime first.
    let (p, q) = if first > second { (first, second) } else { (second, first) };

    let one = BigNum::from_u32(1)?;
    let (mut p1, mut q1) = (BigNum::new()?, BigNum::new()?);
    p1.checked_sub(&p, &one)?;
    q1.checked_sub(&q, &one)?;
    let (mut n, mut product, mut divisor, mut lambda) =
        (BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?);
    n.checked_mul(&p, &q, &mut context)?;
    product.checked_mul(&p1, &q1, &mut context)?;
    divisor.gcd(&p1, &q1, &mut context)?;
    lambda.checked_div(&product, &divisor, &mut context)?;
    let mut d = BigNum::new()?;
    d.mod_inverse(&exponent, &lambda, &mut context)?;
    let (mut dmp1, mut dmq1, mut coefficient) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
    dmp1.checked_rem(&d, &p1, &mut context)?;
    dmq1.checked_rem(&d, &q1, &mut context)?;
    coefficient.mod_inverse(&q, &p, &mut context)?;
    let rsa = RsaPrivateKeyBuilder::new(n, exponent, d)?
        .set_factors(p, q)?
        .set_crt_params(dmp1, dmq1, coefficient)?
        .build();
    PKey::from_rsa(rsa)
}

/// A key on P-256.
pub(crate) fn p256(seed: u64, purpose: &str) -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = BigNumContext::new()?;
    let mut octets = [0; 40]; // 64 bits more than the order, so that the remainder is even enough
    stream(seed, purpose).fill_bytes(&mut octets);
    let (mut order, mut below, mut scalar) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
    group.order(&mut order, &mut context)?;
    below.checked_sub(&order, &*BigNum::from_u32(1)?)?;
    scalar.checked_rem(&*BigNum::from_slice(&octets)?, &below, &mut context)?;
    scalar.add_word(1)?;
    let mut point = EcPoint::new(&group)?;
    point.mul_generator2(&group, &scalar, &mut context)?;
    PKey::from_ec_key(EcKey::from_private_components(&group, &scalar, &point)?)
}

/// The next prime of the stream with both top bits set, so that two of them have 2048 bits together, and without
/// the exponent in `p - 1`.
fn prime(
    stream: &mut ChaCha20Rng,
    exponent: &BigNum,
    context: &mut BigNumContext,
) -> Result<BigNum, ErrorStack> {
    let mut octets = [0; PRIME];
    loop {
        stream.fill_bytes(&mut octets);
        let [first, .., last] = &mut octets;
        *first |= 0xc0;
        *last |= 1;
        let mut candidate = BigNum::from_slice(&octets)?;
        // From a random start upwards: cheaper than a new draw for each candidate, as in FIPS 186-5 App. A.1.3.
        for _ in 0..512 {
            let mut rest = BigNum::new()?;
            rest.checked_rem(&candidate, exponent, context)?;
            if rest != BigNum::from_u32(1)? && candidate.is_prime_fasttest(ROUNDS, context, true)? {
                return Ok(candidate);
            }
            candidate.add_word(2)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use chukei_crypto::PrivateKey;

    use super::*;

    #[test]
    fn a_seed_makes_one_key_for_one_purpose() {
        let rsa = |seed, purpose: &str| made_anew(seed, purpose).unwrap().private_key_to_pem_pkcs8().unwrap();
        assert_eq!(rsa2048(1, "a").unwrap().private_key_to_pem_pkcs8().unwrap(), rsa(1, "a"));
        assert_eq!(rsa2048(1, "a").unwrap().private_key_to_pem_pkcs8().unwrap(), rsa(1, "a"));
        assert_eq!(rsa(1, "a"), rsa(1, "a"));
        assert_ne!(rsa(1, "a"), rsa(2, "a"));
        assert_ne!(rsa(1, "a"), rsa(1, "b"));
        let ec = |seed| p256(seed, "a").unwrap().private_key_to_pem_pkcs8().unwrap();
        assert_eq!(ec(1), ec(1));
        assert_ne!(ec(1), ec(2));
    }

    #[test]
    fn the_keys_are_good_enough_for_the_product() {
        for key in [rsa2048(3, "x").unwrap(), p256(3, "x").unwrap()] {
            let pem = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
            PrivateKey::from_pem(&pem).unwrap();
        }
    }
}
