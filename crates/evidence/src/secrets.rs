//! Values that must never be written, and the search for them.

use std::fmt;

use chukei_xml::lexical::encode_base64;
use zeroize::Zeroizing;

use crate::digest::hex;

/// Registered secrets. They are searched for as octets, in hexadecimal and in base64 at every alignment, with and
/// without the white space and JSON escapes of line breaks between.
#[derive(Default)]
pub struct Secrets {
    known: Vec<(String, Vec<Zeroizing<Vec<u8>>>)>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known.iter().map(|(name, _)| name)).finish()
    }
}

/// Shorter values would be found by chance.
const SHORTEST: usize = 8;

/// A value that is too short to be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooShort;

impl Secrets {
    /// Registers a secret under a name that may be shown.
    ///
    /// # Errors
    /// The value has fewer than eight octets.
    pub fn register(&mut self, name: &str, value: &[u8]) -> Result<(), TooShort> {
        if value.len() < SHORTEST {
            return Err(TooShort);
        }
        let mut forms: Vec<Zeroizing<Vec<u8>>> = vec![
            Zeroizing::new(value.to_vec()),
            Zeroizing::new(hex(value).into_bytes()),
            Zeroizing::new(hex(value).to_uppercase().into_bytes()),
        ];
        // Base64 of the value inside something longer starts at one of three alignments. The characters at the edges
        // also depend on the neighbours, so they are left out.
        for skip in 0..3 {
            let whole = value.get(skip..).unwrap_or_default();
            let whole = whole.get(..whole.len() - whole.len() % 3).unwrap_or_default();
            let text = encode_base64(whole).replace('\n', "");
            forms.push(Zeroizing::new(text.replace('+', "-").replace('/', "_").into_bytes()));
            forms.push(Zeroizing::new(text.into_bytes()));
        }
        forms.retain(|form| form.len() >= SHORTEST);
        self.known.push((name.into(), forms));
        Ok(())
    }

    /// The name of a registered secret that is found in `bytes`.
    #[must_use]
    pub fn find_in(&self, bytes: &[u8]) -> Option<&str> {
        Search::of([self]).find_in(bytes)
    }
}

/// One search for many values at a time.
pub struct Search<'a> {
    forms: Vec<(&'a str, &'a [u8])>,
    /// Marks of the four octets with which some form begins: only where they may stand is anything compared.
    beginnings: Vec<bool>,
}

impl fmt::Debug for Search<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").finish_non_exhaustive()
    }
}

impl<'a> Search<'a> {
    pub(crate) fn of(lists: impl IntoIterator<Item = &'a Secrets>) -> Self {
        let known = lists.into_iter().flat_map(|list| &list.known);
        let forms =
            known.flat_map(|(name, forms)| forms.iter().map(move |form| (name.as_str(), form.as_slice())));
        Self::among(forms.collect())
    }

    /// For these values as they are. What is shorter than four octets is never found.
    #[must_use]
    pub fn values(values: impl IntoIterator<Item = &'a str>) -> Self {
        Self::among(values.into_iter().map(|value| (value, value.as_bytes())).collect())
    }

    fn among(forms: Vec<(&'a str, &'a [u8])>) -> Self {
        let mut beginnings = vec![false; 1 << 16];
        for (_, form) in &forms {
            if let Some(slot) = mark(form).and_then(|mark| beginnings.get_mut(mark)) {
                *slot = true;
            }
        }
        Self { forms, beginnings }
    }

    pub(crate) fn find_in(&self, bytes: &[u8]) -> Option<&'a str> {
        if self.forms.is_empty() {
            return None;
        }
        self.find(bytes).or_else(|| self.find(&without_breaks(bytes)))
    }

    /// The value that begins first in these octets.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<&'a str> {
        let begins = |window: &[u8]| {
            mark(window).and_then(|mark| self.beginnings.get(mark)).is_some_and(|known| *known)
        };
        let here =
            |rest: &[u8]| self.forms.iter().find(|(_, form)| rest.starts_with(form)).map(|(name, _)| *name);
        bytes
            .windows(4)
            .enumerate()
            .filter(|(_, window)| begins(window))
            .find_map(|(at, _)| here(bytes.get(at..)?))
    }
}

/// The first four octets, spread over 16 bits.
fn mark(bytes: &[u8]) -> Option<usize> {
    let spread = u32::from_be_bytes(*bytes.first_chunk()?).wrapping_mul(0x9e37_79b1);
    usize::try_from(spread >> 16).ok()
}

/// The bytes without white space and without the JSON escapes of it: PEM breaks its base64 into lines.
fn without_breaks(bytes: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, tail)) = rest.split_first() {
        rest = match (byte, tail) {
            (b'\\', [b'n' | b'r' | b't', tail @ ..]) => tail,
            (byte, tail) => {
                if !byte.is_ascii_whitespace() {
                    joined.push(*byte);
                }
                tail
            }
        };
    }
    joined
}
