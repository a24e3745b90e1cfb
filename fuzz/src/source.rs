//! Reading choices from the fuzzer's bytes.

use chukei_xml::{Namespace, ns};

/// Namespaces of the standard, which no limit counts.
pub const STANDARD: [Namespace; 24] = [
    ns::NONE,
    ns::XML,
    ns::XMLNS,
    ns::DS,
    ns::DSIG11,
    ns::EXC_C14N,
    ns::XENC,
    ns::XENC11,
    ns::SAML,
    ns::SAMLP,
    ns::MD,
    ns::SOAP,
    ns::WSA,
    ns::WSSE,
    ns::WSU,
    ns::WSSE11,
    ns::SB,
    ns::SBF,
    ns::LU,
    ns::IMS,
    ns::DI,
    ns::SEC,
    ns::XSI,
    ns::XS,
];

/// FNV-1a: choices that have to leave the input as it is are made by a hash of it.
#[must_use]
pub fn hash(data: &[u8]) -> u64 {
    let hash = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits of FNV are weak for short inputs.
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A program in bytes; past its end every choice is 0.
#[derive(Clone, Copy, Debug)]
pub struct Program<'d>(pub &'d [u8]);

impl<'d> Program<'d> {
    /// Whether there is nothing left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next octet.
    pub fn octet(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `bound`, which is at most 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.octet()) % bound
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Up to 63 octets, as text; what is no UTF-8 is replaced.
    pub fn text(&mut self) -> String {
        let length = self.below(64).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }
}
