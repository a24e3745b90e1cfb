//! A reader of DER (X.690 §10): definite, shortest lengths; low tag numbers; nothing left over unread.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// What is left to read.
#[derive(Clone, Copy)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

/// One value: its tag, its content, and all of it.
#[derive(Clone, Copy)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

impl<'a> Der<'a> {
    /// The content of the one value that `bytes` are.
    pub(crate) fn only(bytes: &'a [u8], tag: u8) -> Option<Der<'a>> {
        let mut reader = Der(bytes);
        let content = reader.take(tag)?;
        reader.end()?;
        Some(Der(content))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn end(&self) -> Option<()> {
        self.is_empty().then_some(())
    }

    pub(crate) fn next(&mut self) -> Option<Tlv<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = octets.iter().fold(0_usize, |length, octet| (length << 8) | usize::from(*octet));
                let shortest = length > 0x7f && octets.first() != Some(&0);
                (shortest.then_some(length)?, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let (whole, _) = self.0.split_at_checked(self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Tlv { tag, content, whole })
    }

    /// The next value's content if it has this tag; else nothing is read.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let value = ahead.next().filter(|value| value.tag == tag)?;
        *self = ahead;
        Some(value.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_definite_length_is_read() {
        for bad in [
            &[0x30][..],
            &[0x30, 0x80, 0, 0],          // indefinite
            &[0x30, 0x81, 0x01, 0x00],    // 1 fits the short form
            &[0x30, 0x82, 0x00, 0x80],    // leading zero
            &[0x30, 0x85, 1, 0, 0, 0, 0], // five octets of length
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 0x81, 0x01, 0x00], // high tag number
            &[0x30, 0x02, 0x00],       // truncated
            &[0x30, 0x01, 0x00, 0x00], // left over
        ] {
            assert!(Der::only(bad, SEQUENCE).is_none(), "{bad:02x?}");
        }
        // Positive case
        assert_eq!(Der::only(&[0x30, 0x01, 0x07], SEQUENCE).map(|der| der.0), Some(&[7][..]));
        let long = [&[0x30, 0x81, 0x80][..], &[0; 128]].concat();
        assert_eq!(Der::only(&long, SEQUENCE).map(|der| der.0.len()), Some(128));
    }
}
