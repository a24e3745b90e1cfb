//! Strength of RSA keys, the operator's list of weak keys, and primes shared between keys (KEY-12, ALG-09).

use std::collections::HashSet;

use openssl::bn::{BigNum, BigNumContext, BigNumRef};

use crate::{KeyError, PublicKey};

/// The odd primes up to 167: those by which the fingerprint of CVE-2017-15361 was published (Nemec et al.,
/// "The Return of Coppersmith's Attack", 2017, §3.2 there).
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// SHA-256 digests of SubjectPublicKeyInfo that the operator refuses: leaked keys, Debian-weak keys, recalled
/// cards.
#[derive(Clone, Debug, Default)]
pub struct WeakKeys(HashSet<[u8; 32]>);

impl WeakKeys {
    /// The list of these digests ([`PublicKey::spki_sha256`]).
    #[must_use]
    pub fn new(digests: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self(digests.into_iter().collect())
    }

    /// Fails for a key on the list.
    ///
    /// # Errors
    /// [`KeyError::Blocked`].
    pub fn check(&self, key: &PublicKey) -> Result<(), KeyError> {
        if self.0.contains(&key.spki_sha256()) { Err(KeyError::Blocked) } else { Ok(()) }
    }
}

/// Two different RSA keys among these whose moduli share a prime: each breaks the other. To be asked whenever
/// a set of partners or cards is loaded.
///
/// Each modulus is compared with the product of those before it: half a millisecond a key for some hundred
/// keys. A key that the library could not compare is reported with itself.
pub fn shared_prime(keys: &[PublicKey]) -> Option<(usize, usize)> {
    let mut context = BigNumContext::new().ok()?;
    let (mut divisor, mut remainder, mut product) =
        (BigNum::new().ok()?, BigNum::new().ok()?, BigNum::from_u32(1).ok()?);
    let mut seen: Vec<(usize, BigNum)> = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let Some(modulus) = key.modulus() else { continue };
        if seen.iter().any(|(_, other)| *other == modulus) {
            continue;
        }
        let compared = remainder
            .checked_rem(&product, &modulus, &mut context)
            .and_then(|()| divisor.gcd(&remainder, &modulus, &mut context));
        if compared.is_err() || divisor.num_bits() > 1 {
            let partner = seen.iter().find(|(_, other)| {
                divisor.gcd(other, &modulus, &mut context).is_ok() && divisor.num_bits() > 1
            });
            return Some((partner.map_or(at, |(partner, _)| *partner), at));
        }
        remainder.checked_mul(&product, &modulus, &mut context).ok()?;
        std::mem::swap(&mut remainder, &mut product);
        seen.push((at, modulus));
    }
    None
}

/// The number of bits of an RSA key that may be used.
pub(crate) fn check_rsa(modulus: &BigNumRef, exponent: &BigNumRef) -> Result<u32, KeyError> {
    let bits = u32::try_from(modulus.num_bits()).map_err(|_| KeyError::Encoding)?;
    if !(2048..=4096).contains(&bits) {
        return Err(KeyError::Size { bits });
    }
    let exponent = exponent
        .to_vec()
        .into_iter()
        .try_fold(0_u64, |value, octet| value.checked_mul(256).map(|value| value + u64::from(octet)));
    if !exponent.is_some_and(|exponent| exponent % 2 == 1 && (65537..=1 << 32).contains(&exponent)) {
        return Err(KeyError::Exponent);
    }
    if modulus.is_even() {
        return Err(KeyError::SmallFactor);
    }
    let mut roca = true;
    for prime in PRIMES {
        let residue = modulus.mod_word(prime).map_err(|_| KeyError::Encoding)?;
        if residue == 0 {
            return Err(KeyError::SmallFactor);
        }
        roca &= is_power_of_65537(residue, u64::from(prime));
    }
    if roca { Err(KeyError::Roca) } else { Ok(bits) }
}

/// Whether the residue lies in the subgroup that 65537 generates modulo the prime.
fn is_power_of_65537(residue: u64, prime: u64) -> bool {
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * 65537 % prime;
        if power == 1 {
            return false;
        }
    }
}
