//! A member of staff's token: PIV (NIST SP 800-73-4).

use chukei_harness::Contacts;

use crate::client::DIGEST_INFO;

const SELECT: &[u8] = b"\x00\xa4\x04\x00\x0b\xa0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00";
/// GET DATA of the certificate for authentication (part 2 §3.1.2; part 1 table 3).
const CERTIFICATE: &[u8] = b"\x00\xcb\x3f\xff\x05\x5c\x03\x5f\xc1\x05\x00";
/// Octets of a PIN, padded (part 2 §2.4.3).
const PIN: usize = 8;
/// Octets of an RSA key with 2048 bits.
const MODULUS: usize = 256;
/// Most octets of data in one command.
const SHORT: usize = 255;

/// The certificate of the token, and its signature over a digest.
///
/// # Errors
/// What the token did not do.
pub(crate) fn sign(
    contacts: &mut dyn Contacts,
    pin: &str,
    digest: &[u8; 32],
) -> Result<(Vec<u8>, Vec<u8>), &'static str> {
    contacts.reset().map_err(|_| "no token")?;
    send(contacts, SELECT, "the token has no PIV application")?;
    let object = send(contacts, CERTIFICATE, "the token has no certificate")?;
    let certificate = value(&object, 0x53).and_then(|inner| value(inner, 0x70));
    let certificate = certificate.ok_or("the token's certificate cannot be read")?.to_vec();

    let mut padded = [0xff; PIN];
    let places = padded.iter_mut().zip(pin.bytes());
    places.for_each(|(place, octet)| *place = octet);
    if !(6..=PIN).contains(&pin.len()) {
        return Err("a PIN has 6 to 8 digits");
    }
    send(contacts, &[b"\x00\x20\x00\x80\x08", &padded[..]].concat(), "the token refuses the PIN")?;

    // EMSA-PKCS1-v1_5 (RFC 8017 §9.2).
    let info = [DIGEST_INFO, digest].concat();
    let filled = vec![0xff; MODULUS.saturating_sub(info.len()).saturating_sub(3)];
    let block = [b"\x00\x01", filled.as_slice(), b"\x00", &info].concat();
    // Dynamic authentication template: a response is wanted to this challenge (part 2 §3.2.4).
    let template = [b"\x7c\x82\x01\x06\x82\x00\x81\x82\x01\x00".as_slice(), &block].concat();
    let no_signature = "the token does not sign";
    let mut rest = template.as_slice();
    while let Some((first, next)) = rest.split_at_checked(SHORT).filter(|(_, next)| !next.is_empty()) {
        send(contacts, &[b"\x10\x87\x07\x9a\xff", first].concat(), no_signature)?;
        rest = next;
    }
    let length = u8::try_from(rest.len()).map_err(|_| no_signature)?;
    let answer = send(contacts, &[&[0x00, 0x87, 0x07, 0x9a, length], rest, &[0]].concat(), no_signature)?;
    let signature = value(&answer, 0x7c).and_then(|inner| value(inner, 0x82));
    Ok((certificate, signature.ok_or(no_signature)?.to_vec()))
}

/// The whole data of an answer, in however many parts it comes.
fn send(contacts: &mut dyn Contacts, command: &[u8], why: &'static str) -> Result<Vec<u8>, &'static str> {
    let mut data = Vec::new();
    let mut command = command.to_vec();
    loop {
        let answer = contacts.transmit(&command).map_err(|_| why)?;
        let (part, status) = answer.split_last_chunk::<2>().ok_or(why)?;
        data.extend_from_slice(part);
        match *status {
            [0x90, 0x00] => return Ok(data),
            [0x61, more] => command = vec![0x00, 0xc0, 0x00, 0x00, more],
            _ => return Err(why),
        }
    }
}

/// The value of a data object that begins here.
fn value(octets: &[u8], tag: u8) -> Option<&[u8]> {
    let (found, rest) = octets.split_first()?;
    let (length, rest) = match *rest {
        [short @ 0..=0x7f, ref rest @ ..] => (usize::from(short), rest),
        [0x81, long, ref rest @ ..] => (usize::from(long), rest),
        [0x82, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
        _ => return None,
    };
    rest.get(..length).filter(|_| *found == tag)
}
