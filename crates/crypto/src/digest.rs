//! SHA-256 (FIPS 180-4).

use openssl::sha;

const BUFFER: usize = 1024;

/// SHA-256 of bytes that come in many small pieces, as canonical XML does.
///
/// Pieces are gathered in a buffer of 1 KiB, because a call of the library costs more than hashing a tag
/// name.
pub struct Sha256 {
    state: sha::Sha256,
    buffer: [u8; BUFFER],
    used: usize,
}

impl Sha256 {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self { state: sha::Sha256::new(), buffer: [0; BUFFER], used: 0 }
    }

    /// Appends bytes to what is hashed.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        if let Some(free) = self.buffer.get_mut(self.used..end) {
            free.copy_from_slice(bytes);
            self.used = end;
        } else {
            self.overflow(bytes);
        }
    }

    /// The digest of everything appended.
    #[must_use]
    pub fn finish(mut self) -> [u8; 32] {
        self.flush();
        self.state.finish()
    }

    #[cold]
    fn overflow(&mut self, bytes: &[u8]) {
        self.flush();
        match self.buffer.get_mut(..bytes.len()) {
            Some(free) => {
                free.copy_from_slice(bytes);
                self.used = bytes.len();
            }
            None => self.state.update(bytes),
        }
    }

    fn flush(&mut self) {
        self.state.update(self.buffer.get(..self.used).unwrap_or_default());
        self.used = 0;
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// SHA-256 of bytes that are all at hand.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut state = sha::Sha256::new(); // the library's one-shot function looks the algorithm up at each call
    state.update(bytes);
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_give_the_digest_of_the_whole() {
        let whole: Vec<u8> = (0..5000_u32).map(|n| n.to_be_bytes()[3]).collect();
        for size in [1, 7, 1023, 1024, 1025, 2500, 5000] {
            let mut pieces = Sha256::new();
            whole.chunks(size).for_each(|piece| pieces.update(piece));
            assert_eq!(pieces.finish(), sha256(&whole), "pieces of {size}");
        }
        // FIPS 180-4 example: the digest of "abc".
        assert_eq!(&sha256(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(Sha256::new().finish(), sha256(b""));
        assert_ne!(sha256(&whole), sha256(whole.get(1..).unwrap()));
    }
}
