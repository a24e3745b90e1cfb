//! What a log says of itself (C2SP tlog-checkpoint), and whose word on it counts (C2SP tlog-policy).

use std::collections::{BTreeMap, BTreeSet};

use chukei_crypto::CryptoError;

use crate::hash::octets_of;
use crate::note::{KeyUse, Note, SignerKey, VerifierKey};
use crate::{Hash, PolicyError};

/// Origin, size and root of a tree: the text of a checkpoint. Extension lines are neither written nor read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Leaves of the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a note; `None` when its form is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let number: u64 = size.parse().ok().filter(|number: &u64| number.to_string() == size)?;
        let root = octets_of(root).and_then(|octets| Hash::from_slice(&octets))?;
        let whole = !origin.is_empty() && lines.next().is_none();
        whole.then(|| Self { origin: origin.to_owned(), size: number, root })
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// The checkpoint, signed by each of the keys. While a key is replaced by another, both sign.
    ///
    /// # Errors
    /// [`CryptoError::Library`].
    pub fn sign(&self, keys: &[SignerKey]) -> Result<Note, CryptoError> {
        let text = self.text();
        let signatures = keys.iter().map(|key| key.sign(&text, 0)).collect::<Result<_, _>>()?;
        Ok(Note { text, signatures })
    }
}

/// Why a checkpoint is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It is no note, or its text is no checkpoint.
    Form,
    /// No log of the policy has signed it.
    NoKey,
    /// A key of the policy is named, and did not make the signature.
    Signature {
        /// Which key.
        name: String,
    },
    /// Witnesses that the policy demands have not signed it.
    Quorum {
        /// Those that have.
        signed: Vec<String>,
    },
}

/// A checkpoint that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Witnesses of the policy that have signed it, and when, in seconds since 1970.
    pub witnesses: BTreeMap<String, u64>,
}

/// Whose word counts: logs, witnesses, and how many of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    /// Keys that are no longer used, and those of logs that have ended.
    earlier: Vec<VerifierKey>,
    witnesses: BTreeMap<String, VerifierKey>,
    /// In the order of the file: name, how many, of whom.
    groups: Vec<(String, usize, Vec<String>)>,
    quorum: Option<String>,
}

impl Policy {
    /// One log, no witnesses.
    #[must_use]
    pub fn of_log(log: VerifierKey) -> Self {
        Self {
            logs: vec![log],
            earlier: Vec::new(),
            witnesses: BTreeMap::new(),
            groups: Vec::new(),
            quorum: None,
        }
    }

    /// The same after an earlier policy: its logs count for checkpoints that are followed by one which this policy trusts. So
    /// what was seen under a key that was replaced, or of a log that has a successor, can still be held against the log.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        self.earlier.extend(earlier.logs.iter().chain(&earlier.earlier).cloned());
        self
    }

    /// Whether it comes after a policy that trusted a log of this name.
    #[must_use]
    pub fn is_ended(&self, origin: &str) -> bool {
        self.earlier.iter().any(|log| log.name() == origin)
    }

    /// Reads a policy file. Two keys of one log stand for one that replaces the other.
    ///
    /// # Errors
    /// [`PolicyError`], with the line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let (mut logs, mut witnesses) = (Vec::<VerifierKey>::new(), BTreeMap::new());
        let mut groups = Vec::<(String, usize, Vec<String>)>::new();
        let mut members_somewhere = BTreeSet::new();
        let mut quorum = None;
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |expected| PolicyError { line: number, expected };
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            let known =
                |name: &str| witnesses.contains_key(name) || groups.iter().any(|(group, ..)| group == name);
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key] | ["log", key, _] => {
                    let key = VerifierKey::parse(key).filter(|key| key.used() == KeyUse::Log);
                    let key = key.ok_or_else(|| wrong("a vkey of a log"))?;
                    if logs.iter().any(|log| log.key() == key.key()) {
                        return Err(wrong("a key that is not listed before"));
                    }
                    logs.push(key);
                }
                ["witness", name, key] | ["witness", name, key, _] => {
                    let key = VerifierKey::parse(key).filter(|key| key.used() == KeyUse::Witness);
                    let key = key.ok_or_else(|| wrong("a vkey of a witness"))?;
                    if known(name)
                        || *name == "none"
                        || witnesses.values().any(|w: &VerifierKey| w.key() == key.key())
                    {
                        return Err(wrong("a name and a key that are not listed before"));
                    }
                    witnesses.insert((*name).to_owned(), key);
                }
                ["group", name, threshold, members @ ..] => {
                    let needed = match *threshold {
                        "any" => Some(1),
                        "all" => Some(members.len()),
                        number => number.parse().ok(),
                    };
                    let sound = !known(name) && *name != "none" && members.iter().all(|member| known(member));
                    let needed = needed.filter(|needed| sound && (1..=members.len()).contains(needed));
                    let needed = needed
                        .ok_or_else(|| wrong("a new name, how many, and members that are listed before"))?;
                    let members: Vec<_> = members.iter().map(|name| (*name).to_owned()).collect();
                    // So that nobody counts twice.
                    if !members.iter().all(|member| members_somewhere.insert(member.clone())) {
                        return Err(wrong("members that are in no other group"));
                    }
                    groups.push(((*name).to_owned(), needed, members));
                }
                ["quorum", name] if quorum.is_none() && (*name == "none" || known(name)) => {
                    quorum = Some((*name != "none").then(|| (*name).to_owned()));
                }
                _ => return Err(wrong("log, witness, group or one quorum")),
            }
        }
        let quorum = quorum.ok_or(PolicyError { line: 0, expected: "a quorum line" })?;
        Ok(Self { logs, earlier: Vec::new(), witnesses, groups, quorum })
    }

    /// Whether a checkpoint is signed as the policy demands.
    ///
    /// # Errors
    /// [`Distrust`].
    pub fn trust(&self, note: &str) -> Result<Trusted, Distrust> {
        let trusted = self.trust_log(note)?;
        let met =
            self.quorum.as_ref().is_none_or(|name| self.met(&trusted.witnesses).contains(name.as_str()));
        let signed = || trusted.witnesses.keys().cloned().collect();
        if met { Ok(trusted) } else { Err(Distrust::Quorum { signed: signed() }) }
    }

    /// The same without the witnesses.
    ///
    /// # Errors
    /// [`Distrust`], but not [`Distrust::Quorum`].
    pub fn trust_log(&self, note: &str) -> Result<Trusted, Distrust> {
        self.read(note, &[])
    }

    /// The same for a checkpoint that a newer one extends which is trusted: it may be by a log of an earlier policy.
    ///
    /// # Errors
    /// [`Distrust`], but not [`Distrust::Quorum`].
    pub fn trust_earlier(&self, note: &str) -> Result<Trusted, Distrust> {
        self.read(note, &self.earlier)
    }

    fn read(&self, note: &str, earlier: &[VerifierKey]) -> Result<Trusted, Distrust> {
        let note = Note::parse(note).ok_or(Distrust::Form)?;
        let checkpoint = Checkpoint::parse(&note.text).ok_or(Distrust::Form)?;
        let verify = |key: &VerifierKey| {
            // A line that names a known key has to be that key's.
            let mut lines = note.by(key).map(|signature| key.verifies(&note.text, signature));
            let first = lines.next();
            let refused = || Distrust::Signature { name: key.name().to_owned() };
            match first {
                None => Ok(None),
                Some(verified) if lines.all(|line| line.is_some()) => verified.map(Some).ok_or_else(refused),
                Some(_) => Err(refused()),
            }
        };
        let mut is_signed = false;
        for log in self.logs.iter().chain(earlier).filter(|log| log.name() == checkpoint.origin) {
            is_signed |= verify(log)?.is_some();
        }
        if !is_signed {
            return Err(Distrust::NoKey);
        }
        let mut witnesses = BTreeMap::new();
        for (name, key) in &self.witnesses {
            if let Some(at) = verify(key)? {
                witnesses.insert(name.clone(), at);
            }
        }
        Ok(Trusted { checkpoint, witnesses })
    }

    /// Witnesses that have signed, and groups of which enough have.
    fn met<'p>(&'p self, signed: &'p BTreeMap<String, u64>) -> BTreeSet<&'p str> {
        let mut met: BTreeSet<&str> = signed.keys().map(String::as_str).collect();
        for (name, needed, members) in &self.groups {
            if members.iter().filter(|member| met.contains(member.as_str())).count() >= *needed {
                met.insert(name);
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ed25519PrivateKey;

    const RELAY: &str = "relay.example.test/ledger";

    fn key(seed: u8, name: &str, used: KeyUse) -> SignerKey {
        SignerKey::new(name, used, Ed25519PrivateKey::from_seed(&[seed; 32]).unwrap()).unwrap()
    }

    fn log(seed: u8) -> SignerKey {
        key(seed, RELAY, KeyUse::Log)
    }

    fn witness(seed: u8) -> SignerKey {
        key(seed, &format!("w{seed}.example.test"), KeyUse::Witness)
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: RELAY.to_owned(), size: 3, root: Hash([9; 32]) }
    }

    fn signed(logs: &[SignerKey], witnesses: &[SignerKey]) -> String {
        let mut note = checkpoint().sign(logs).unwrap();
        note.signatures.extend(witnesses.iter().map(|key| key.sign(&note.text, 1_790_000_000).unwrap()));
        note.to_string()
    }

    fn policy(rest: &str) -> Result<Policy, PolicyError> {
        let keys: Vec<_> =
            (2..=5).map(|seed| format!("witness W{seed} {}", witness(seed).verifier())).collect();
        Policy::parse(&format!("# TEST\nlog {}\n{}\n{rest}", log(1).verifier(), keys.join("\n")))
    }

    #[test]
    fn a_text_that_is_no_checkpoint_is_not_read() {
        let sound = checkpoint().text();
        for wrong in [
            sound.trim_end().to_owned(),
            sound.replace("\n3\n", "\n03\n"),
            sound.replace("\n3\n", "\n+3\n"),
            sound.replace("\n3\n", "\n-3\n"),
            sound.replace("\n3\n", "\n18446744073709551616\n"),
            sound.replace(RELAY, ""),
            sound.replace("CQk=", "CQkJ"),
            format!("{sound}extension\n"),
        ] {
            assert_eq!(Checkpoint::parse(&wrong), None, "{wrong}");
        }
        // Positive case
        assert_eq!(Checkpoint::parse(&sound), Some(checkpoint()));
    }

    #[test]
    fn a_checkpoint_is_believed_when_a_log_and_enough_witnesses_have_signed() {
        let policy = policy("group two 2 W2 W3 W4\ngroup both all two W5\nquorum both").unwrap();
        let trust = |witnesses: &[u8]| {
            let witnesses: Vec<_> = witnesses.iter().map(|seed| witness(*seed)).collect();
            policy.trust(&signed(&[log(1)], &witnesses))
        };
        assert_eq!(trust(&[2, 4, 5]).unwrap().witnesses.len(), 3);
        assert_eq!(trust(&[2, 3, 4, 5]).unwrap().checkpoint, checkpoint());
        assert_eq!(
            trust(&[2, 3, 4]),
            Err(Distrust::Quorum { signed: vec!["W2".into(), "W3".into(), "W4".into()] })
        );
        assert_eq!(trust(&[2, 5, 6]), Err(Distrust::Quorum { signed: vec!["W2".into(), "W5".into()] }));
        assert_eq!(trust(&[2, 2, 5]).map_err(|_| ()), Err(()), "one witness counts once");
        assert!(policy.trust_log(&signed(&[log(1)], &[])).is_ok());
    }

    #[test]
    fn a_checkpoint_that_the_log_has_not_signed_is_not_believed() {
        let policy = Policy::of_log(log(1).verifier().clone());
        assert_eq!(policy.trust(&signed(&[log(2)], &[])), Err(Distrust::NoKey));
        let sound = signed(&[log(1)], &[]);
        let other_size = sound.replacen("\n3\n", "\n4\n", 1);
        assert_eq!(policy.trust(&other_size), Err(Distrust::Signature { name: RELAY.into() }));
        // Another log's key signs under this log's name.
        let other = key(1, "other.example.test", KeyUse::Log);
        assert_eq!(Policy::of_log(other.verifier().clone()).trust(&sound), Err(Distrust::NoKey));
        // One line of a known key is right, one is not.
        let twice = format!("{sound}{}", other_size_line(&sound));
        assert_eq!(policy.trust(&twice), Err(Distrust::Signature { name: RELAY.into() }));
        assert_eq!(policy.trust(&sound.replace("\n3\n", "\n3 \n")), Err(Distrust::Form));
        // Positive case
        assert!(policy.trust(&sound).is_ok());
    }

    fn other_size_line(sound: &str) -> String {
        let other = Checkpoint { size: 4, ..checkpoint() }.sign(&[log(1)]).unwrap().to_string();
        assert_ne!(sound, other);
        other.rsplit_once("\n\n").unwrap().1.to_owned()
    }

    /// Both keys sign while one replaces the other; who knows only one of them follows.
    #[test]
    fn a_key_is_replaced_by_another() {
        let (old, new) =
            (Policy::of_log(log(1).verifier().clone()), Policy::of_log(log(2).verifier().clone()));
        let both = signed(&[log(1), log(2)], &[]);
        assert!(old.trust(&both).is_ok() && new.trust(&both).is_ok());
        let after = signed(&[log(2)], &[]);
        assert_eq!(old.trust(&after), Err(Distrust::NoKey));
        assert!(new.trust(&after).is_ok());
        let lists_both =
            Policy::parse(&format!("log {}\nlog {}\nquorum none\n", log(1).verifier(), log(2).verifier()))
                .unwrap();
        assert!([signed(&[log(1)], &[]), both, after].iter().all(|note| lists_both.trust(note).is_ok()));
    }

    #[test]
    fn a_policy_of_another_form_is_refused_with_its_line() {
        for (rest, line) in [
            ("", 0),
            ("quorum W9", 7),
            ("quorum none\nquorum none", 8),
            ("group g 3 W2 W3\nquorum g", 7),
            ("group g 0 W2 W3\nquorum g", 7),
            ("group g any\nquorum g", 7),
            ("group g any W2 W2\nquorum g", 7),
            ("group g any W2\ngroup h any W2\nquorum h", 8),
            ("group g any g\nquorum g", 7),
            ("group W2 any W3\nquorum W2", 7),
            ("witness W6 x\nquorum none", 7),
            ("log x\nquorum none", 7),
            ("logs\nquorum none", 7),
        ] {
            assert_eq!(policy(rest).map_err(|error| error.line), Err(line), "{rest}");
        }
        // Positive case
        assert!(policy("\tgroup g any W2 W3 \n\n # comment\nquorum g\n").is_ok());
        assert!(policy("quorum none").is_ok());
    }
}
