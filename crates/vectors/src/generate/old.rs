//! Algorithms that the standard refuses, by hand: a vector that is refused for a sloppy ciphertext shows nothing.
//! SHA-1 (FIPS 180-4), AES (FIPS 197) in CBC (SP 800-38A) and in GCM with any length of IV (SP 800-38D).

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arithmetic on words")]

use chukei_crypto::sha256;

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    pub(super) fn digest(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1(octets),
            Self::Sha256 => sha256(octets).to_vec(),
        }
    }
}

/// HMAC (RFC 2104).
pub(super) fn hmac(hash: Hash, key: &[u8], octets: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > 64 { hash.digest(key) } else { key.to_vec() };
    block.resize(64, 0);
    let pad = |with: u8| block.iter().map(|octet| octet ^ with).collect::<Vec<u8>>();
    let inner = hash.digest(&[&pad(0x36), octets].concat());
    hash.digest(&[pad(0x5c), inner].concat())
}

/// `iv ‖ ciphertext` with the padding of XML Encryption 1.1 §5.2: its last octet is its length.
pub(super) fn cbc(key: &[u8], iv: [u8; 16], plaintext: &[u8]) -> Vec<u8> {
    let cipher = Aes::new(key);
    let mut padded = plaintext.to_vec();
    let padding = 16 - plaintext.len() % 16;
    padded.resize(plaintext.len() + padding, 0);
    *padded.last_mut().expect("padding") = padding as u8;
    let mut out = iv.to_vec();
    let mut before = iv;
    for block in padded.chunks(16) {
        before = cipher.encrypt(std::array::from_fn(|at| block[at] ^ before[at]));
        out.extend(before);
    }
    out
}

/// `iv ‖ ciphertext ‖ tag` of AES-GCM.
pub(super) fn gcm(key: &[u8], iv: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let cipher = Aes::new(key);
    let h = u128::from_be_bytes(cipher.encrypt([0; 16]));
    let first = match <[u8; 12]>::try_from(iv) {
        Ok(short) => {
            let mut block = [0; 16];
            block[..12].copy_from_slice(&short);
            block[15] = 1;
            u128::from_be_bytes(block)
        }
        Err(_) => ghash(h, iv, 0, iv.len()),
    };
    let counted = |count: u32| (first & !0xffff_ffff) | u128::from((first as u32).wrapping_add(count));
    let blocks = plaintext.chunks(16).zip(1..);
    let ciphertext: Vec<u8> = blocks
        .flat_map(|(block, count)| {
            let stream = cipher.encrypt(counted(count).to_be_bytes());
            block.iter().zip(stream).map(|(octet, mask)| octet ^ mask).collect::<Vec<u8>>()
        })
        .collect();
    let tag =
        ghash(h, &ciphertext, 0, ciphertext.len()) ^ u128::from_be_bytes(cipher.encrypt(first.to_be_bytes()));
    [iv, &ciphertext, &tag.to_be_bytes()].concat()
}

/// Over some octets, filled up with zeros, and their length in bits.
fn ghash(h: u128, octets: &[u8], start: u128, length: usize) -> u128 {
    let times = |mut x: u128, y: u128| {
        let mut product = 0;
        for bit in (0..128).rev() {
            if y >> bit & 1 == 1 {
                product ^= x;
            }
            x = if x & 1 == 1 { x >> 1 ^ 0xe1 << 120 } else { x >> 1 };
        }
        product
    };
    let block = |octets: &[u8]| {
        let mut block = [0; 16];
        block[..octets.len()].copy_from_slice(octets);
        u128::from_be_bytes(block)
    };
    let sum = octets.chunks(16).fold(start, |sum, octets| times(sum ^ block(octets), h));
    times(sum ^ (length as u128 * 8), h)
}

struct Aes {
    round_keys: Vec<[u8; 16]>,
    s_box: [u8; 256],
}

impl Aes {
    fn new(key: &[u8]) -> Self {
        let s_box = s_box();
        let words = key.len() / 4;
        let mut schedule: Vec<[u8; 4]> = key.chunks(4).map(|word| word.try_into().expect("a word")).collect();
        let mut constant = 1;
        for at in words..4 * (words + 7) {
            let mut word = schedule[at - 1];
            if at % words == 0 {
                word.rotate_left(1);
                word = word.map(|octet| s_box[usize::from(octet)]);
                word[0] ^= constant;
                constant = double(constant);
            } else if words > 6 && at % words == 4 {
                word = word.map(|octet| s_box[usize::from(octet)]);
            }
            schedule.push(std::array::from_fn(|octet| word[octet] ^ schedule[at - words][octet]));
        }
        let round_keys =
            schedule.chunks(4).map(|words| words.concat().try_into().expect("four words")).collect();
        Self { round_keys, s_box }
    }

    fn encrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let add = |state: [u8; 16], key: &[u8; 16]| std::array::from_fn(|at| state[at] ^ key[at]);
        let last = self.round_keys.len() - 1;
        let mut state = add(block, &self.round_keys[0]);
        for (round, key) in self.round_keys.iter().enumerate().skip(1) {
            // SubBytes and ShiftRows; the state stands column by column.
            state = std::array::from_fn(|at| self.s_box[usize::from(state[(at + at % 4 * 4) % 16])]);
            if round < last {
                let mixed = |at: usize| {
                    let column = at / 4 * 4;
                    let octet = |row: usize| state[column + (at + row) % 4];
                    double(octet(0)) ^ double(octet(1)) ^ octet(1) ^ octet(2) ^ octet(3)
                };
                state = std::array::from_fn(mixed);
            }
            state = add(state, key);
        }
        state
    }
}

/// In GF(2^8).
const fn double(octet: u8) -> u8 {
    octet << 1 ^ if octet & 0x80 == 0 { 0 } else { 0x1b }
}

/// Inverses, found by walking through the powers of 3 in both directions, then the affine map.
fn s_box() -> [u8; 256] {
    let mut table = [0x63; 256];
    let (mut power, mut inverse) = (1_u8, 1_u8);
    loop {
        power ^= double(power);
        inverse ^= inverse << 1;
        inverse ^= inverse << 2;
        inverse ^= inverse << 4;
        if inverse & 0x80 != 0 {
            inverse ^= 0x09;
        }
        let mapped = (1..5).fold(inverse, |sum, bits| sum ^ inverse.rotate_left(bits));
        table[usize::from(power)] = mapped ^ 0x63;
        if power == 1 {
            return table;
        }
    }
}

fn sha1(octets: &[u8]) -> Vec<u8> {
    let mut padded = octets.to_vec();
    padded.push(0x80);
    padded.resize((octets.len() + 9).next_multiple_of(64) - 8, 0);
    padded.extend((octets.len() as u64 * 8).to_be_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks(64) {
        let mut words: Vec<u32> =
            block.chunks(4).map(|word| u32::from_be_bytes(word.try_into().expect("a word"))).collect();
        for at in 16..80 {
            words.push((words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (round, word) in words.iter().enumerate() {
            let (mixed, constant) = match round / 20 {
                0 => (b & c | !b & d, 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let sum = [mixed, e, constant, *word].into_iter().fold(a.rotate_left(5), u32::wrapping_add);
            (a, b, c, d, e) = (sum, a, b.rotate_left(30), c, d);
        }
        for (sum, word) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(word);
        }
    }
    state.into_iter().flat_map(u32::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use chukei_crypto::ContentKey;

    use super::*;

    #[test]
    fn known_answers() {
        // FIPS 180-4's example; FIPS 197 appendix C.1 and C.3.
        assert_eq!(sha1(b"abc")[..4], [0xa9, 0x99, 0x3e, 0x36]);
        let block = std::array::from_fn(|at| at as u8 * 0x11);
        let cipher = |length: u8| Aes::new(&(0..length).collect::<Vec<u8>>());
        assert_eq!(cipher(16).encrypt(block)[..4], [0x69, 0xc4, 0xe0, 0xd8]);
        assert_eq!(cipher(32).encrypt(block)[..4], [0x8e, 0xa2, 0xb7, 0xca]);
        // RFC 2202 §3, case 2.
        let mac = hmac(Hash::Sha1, b"Jefe", b"what do ya want for nothing?");
        assert_eq!(mac[..4], [0xef, 0xfc, 0xdf, 0x6a]);
    }

    #[test]
    fn gcm_by_hand_opens() {
        let key = [9; 32];
        let sealed = gcm(&key, &[3; 12], b"a plaintext of more than one block");
        let opened = ContentKey::from_octets(&key).unwrap().open(&sealed).unwrap();
        assert_eq!(**opened, *b"a plaintext of more than one block");
        // Another length of IV is another first counter.
        assert_ne!(gcm(&key, &[3; 16], b"x")[16..], gcm(&key, &[3; 12], b"x")[12..]);
    }
}
