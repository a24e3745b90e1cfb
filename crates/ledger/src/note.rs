//! Signed notes (C2SP signed-note): a text, and lines of signatures below it.

use std::fmt;

use chukei_crypto::CryptoError;
use chukei_xml::lexical::encode_base64;

use crate::hash::octets_of;
use crate::{Ed25519PrivateKey, Ed25519PublicKey, Hash};

/// Octets of the largest note that is read.
const LIMIT: usize = 64 * 1024;
/// Signatures of one note that are read; the format asks for 16 at least.
const SIGNATURES: usize = 64;

/// A note whose form is right; nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with its last line end.
    pub text: String,
    /// By whom it says it is signed.
    pub signatures: Vec<NoteSignature>,
}

/// A line of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key.
    pub name: String,
    /// First octets of a hash of name, algorithm and key.
    pub id: [u8; 4],
    /// What the key made.
    pub signature: Vec<u8>,
}

impl Note {
    /// Reads a note; `None` when its form is wrong.
    #[must_use]
    pub fn parse(note: &str) -> Option<Self> {
        let control = |c: char| c < ' ' && c != '\n';
        if note.len() > LIMIT || note.contains(control) {
            return None;
        }
        let (text, lines) = note.rsplit_once("\n\n")?;
        let lines = lines.strip_suffix('\n')?;
        let signatures: Option<Vec<_>> = lines.split('\n').map(NoteSignature::parse).collect();
        let signatures = signatures.filter(|signatures| signatures.len() <= SIGNATURES)?;
        Some(Self { text: format!("{text}\n"), signatures })
    }

    /// The signatures that claim to be this key's.
    pub fn by<'n>(&'n self, key: &'n VerifierKey) -> impl Iterator<Item = &'n [u8]> {
        let own = self.signatures.iter().filter(|line| line.name == key.name && line.id == key.id());
        own.map(|line| line.signature.as_slice())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| {
            let octets = [line.id.as_slice(), &line.signature].concat();
            writeln!(f, "\u{2014} {} {}", line.name, encode_base64(&octets))
        })
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, octets) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let octets = octets_of(octets)?;
        let (id, signature) = octets.split_first_chunk()?;
        let sound = is_name(name) && !signature.is_empty();
        sound.then(|| Self { name: name.to_owned(), id: *id, signature: signature.to_vec() })
    }
}

/// What a key signs: the octet that stands before it in its id and spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyUse {
    /// `0x01`: the log signs the text.
    Log,
    /// `0x04`: a witness signs the text with a time before it (C2SP tlog-cosignature).
    Witness,
}

impl KeyUse {
    const fn octet(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

/// Who may sign: a name, a use and an Ed25519 key. Spelled `name+id+key` (a *vkey*).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    used: KeyUse,
    key: Ed25519PublicKey,
}

impl VerifierKey {
    /// A key with a name; `None` for a name that is empty or holds a space or plus.
    #[must_use]
    pub fn new(name: &str, used: KeyUse, key: Ed25519PublicKey) -> Option<Self> {
        is_name(name).then(|| Self { name: name.to_owned(), used, key })
    }

    /// Reads a vkey; `None` when its form is wrong, its id is not its own, or its key may not be used.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (id, octets) = rest.split_once('+')?;
        let octets = octets_of(octets)?;
        let (octet, key) = octets.split_first()?;
        let used = [KeyUse::Log, KeyUse::Witness].into_iter().find(|used| used.octet() == *octet)?;
        let key = Ed25519PublicKey::from_octets(key.try_into().ok()?).ok()?;
        Self::new(name, used, key).filter(|key| hex(key.id()) == id)
    }

    /// Name of the key: for a log, the origin of its checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn used(&self) -> KeyUse {
        self.used
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &Ed25519PublicKey {
        &self.key
    }

    /// First octets of a hash of name, use and key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let whole = [self.name.as_bytes(), b"\n", &[self.used.octet()], self.key.octets()].concat();
        let [a, b, c, d, ..] = Hash::of(&whole).0;
        [a, b, c, d]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = [&[self.used.octet()], self.key.octets().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex(self.id()), encode_base64(&octets))
    }
}

/// Who signs.
#[derive(Clone, Debug)]
pub struct SignerKey {
    verifier: VerifierKey,
    key: Ed25519PrivateKey,
}

impl SignerKey {
    /// A key with a name; `None` for a name that [`VerifierKey::new`] refuses.
    #[must_use]
    pub fn new(name: &str, used: KeyUse, key: Ed25519PrivateKey) -> Option<Self> {
        Some(Self { verifier: VerifierKey::new(name, used, key.public_key().clone())?, key })
    }

    /// Who may be believed to have signed.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// A signature over the text; a witness signs it with the time, in seconds since 1970.
    ///
    /// # Errors
    /// [`CryptoError::Library`].
    pub fn sign(&self, text: &str, at: u64) -> Result<NoteSignature, CryptoError> {
        let signature = match self.verifier.used {
            KeyUse::Log => self.key.sign(text.as_bytes())?.to_vec(),
            KeyUse::Witness => {
                let signature = self.key.sign(cosigned(text, at).as_bytes())?;
                [at.to_be_bytes().as_slice(), &signature].concat()
            }
        };
        Ok(NoteSignature { name: self.verifier.name.clone(), id: self.verifier.id(), signature })
    }
}

impl VerifierKey {
    /// Whether this key has signed the text, and when: in seconds since 1970, 0 for a log, which does not say.
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (at, message, signature) = match self.used {
            KeyUse::Log => (0, text.to_owned(), signature),
            KeyUse::Witness => {
                let (at, signature) = signature.split_first_chunk()?;
                let at = u64::from_be_bytes(*at);
                (at, cosigned(text, at), signature)
            }
        };
        let is_signed = self.key.verify(message.as_bytes(), signature.try_into().ok()?).is_ok();
        // A time beyond this is none (C2SP tlog-cosignature).
        (is_signed && i64::try_from(at).is_ok()).then_some(at)
    }
}

fn cosigned(text: &str, at: u64) -> String {
    format!("cosignature/v1\ntime {at}\n{text}")
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8, name: &str, used: KeyUse) -> SignerKey {
        SignerKey::new(name, used, Ed25519PrivateKey::from_seed(&[seed; 32]).unwrap()).unwrap()
    }

    fn noted(text: &str, keys: &[&SignerKey]) -> Note {
        let signatures = keys.iter().map(|key| key.sign(text, 1_790_000_000).unwrap()).collect();
        Note { text: text.to_owned(), signatures }
    }

    /// The example of C2SP signed-note, "Verifier keys".
    #[test]
    fn the_example_of_the_format_verifies() {
        let key = VerifierKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
            .unwrap();
        let note = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        let parsed = Note::parse(note).unwrap();
        assert_eq!(parsed.to_string(), note);
        let [signature] = parsed.by(&key).collect::<Vec<_>>()[..] else { panic!("one signature") };
        assert_eq!(key.verifies(&parsed.text, signature), Some(0));
        assert_eq!(key.verifies("This is another message.\n", signature), None);
        assert_eq!(key.to_string(), "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    }

    #[test]
    fn a_note_of_another_form_is_not_read() {
        let log = key(1, "a", KeyUse::Log);
        let sound = noted("text\n", &[&log]).to_string();
        let line = sound.lines().last().unwrap();
        for wrong in [
            "text\n".to_owned(),
            "text\n\n".to_owned(),
            sound.trim_end().to_owned(),
            sound.replace('\u{2014}', "-"),
            sound.replace("text", "te\rxt"),
            sound.replace("\u{2014} a ", "\u{2014} "),
            sound.replace("\u{2014} a ", "\u{2014} a  "),
            sound.replace('=', ""),
            format!("{sound}\n"),
            format!("text\n\n{}", format!("{line}\n").repeat(65)),
            format!("{}{sound}", "a".repeat(65_536)),
        ] {
            assert_eq!(Note::parse(&wrong), None, "{wrong:.80}");
        }
        // Positive case: empty lines in the text, many signatures.
        let long = format!("a\n\nb\n\n{}", format!("{line}\n").repeat(16));
        assert_eq!(Note::parse(&long).unwrap().text, "a\n\nb\n");
        assert_eq!(Note::parse(&sound).unwrap().to_string(), sound);
    }

    #[test]
    fn a_signature_is_that_of_its_key_use_and_time() {
        let (log, witness) = (key(1, "relay", KeyUse::Log), key(2, "witness", KeyUse::Witness));
        let note = noted("text\n", &[&log, &witness]);
        let of = |key: &SignerKey| note.by(key.verifier()).next().unwrap().to_vec();
        assert_eq!(log.verifier().verifies("text\n", &of(&log)), Some(0));
        assert_eq!(witness.verifier().verifies("text\n", &of(&witness)), Some(1_790_000_000));
        let mut later = of(&witness);
        later[7] ^= 1;
        assert_eq!(witness.verifier().verifies("text\n", &later), None, "the time is signed");
        // The same key in another use or under another name has another id.
        for other in
            [key(1, "relay", KeyUse::Witness), key(1, "relay2", KeyUse::Log), key(3, "relay", KeyUse::Log)]
        {
            assert_eq!(note.by(other.verifier()).count(), 0);
            assert_eq!(
                other.verifier().verifies("text\n", &of(&log)).is_some(),
                other.verifier().name() == "relay2"
            );
        }
    }

    #[test]
    fn a_vkey_of_another_form_is_not_read() {
        let sound = key(1, "relay.example.test/ledger", KeyUse::Log).verifier().to_string();
        let (name, rest) = sound.split_once('+').unwrap();
        let (id, octets) = rest.split_once('+').unwrap();
        for wrong in [
            format!("+{id}+{octets}"),
            format!("other+{id}+{octets}"),
            format!("{name}+{}+{octets}", id.to_uppercase()),
            format!("{name}+00000000+{octets}"),
            format!("{name}+{id}+{}", octets.replacen('A', "B", 1)),
            format!("{name}+{id}"),
            format!("{name}+{id}+{octets} "),
        ] {
            assert_eq!(VerifierKey::parse(&wrong), None, "{wrong}");
        }
        assert!(
            VerifierKey::new("a b", KeyUse::Log, key(1, "a", KeyUse::Log).verifier().key().clone()).is_none()
        );
        // Positive case
        assert_eq!(VerifierKey::parse(&sound).unwrap().to_string(), sound);
    }
}
