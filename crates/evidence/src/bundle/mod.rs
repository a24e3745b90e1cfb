//! `evidence.chukei`: everything that a run leaves, in one file that recomputes its own verdicts.
//!
//! A ZIP archive, stored, with fixed times, and these entries in this order: `manifest.json`, `signature`, `sut.toml`,
//! `transcript.jsonl`, `verdicts.json`. The manifest has the digest of every other file but the signature, which is
//! Ed25519 over the bytes of the manifest. There is one way to write a bundle, and [`verify`] takes no other, so that no
//! byte of it can be changed.

mod archive;
mod fault;
mod verify;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use fault::Fault;
pub use verify::{Trust, Verified, verify};

use crate::{BundleKey, Model, Product, PublicKey, Secrets, Transcript, secrets::Search, sha256_hex};

const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "signature";
const SUT: &str = "sut.toml";
const TRANSCRIPT: &str = "transcript.jsonl";
const VERDICTS: &str = "verdicts.json";

/// Version of the bundle's format.
const FORMAT: u32 = 1;

/// What a bundle holds and who vouches for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format.
    pub format: u32,
    /// Version of the suite.
    pub suite: String,
    /// Digest of the index of sentences.
    pub spec: String,
    /// Seed.
    pub seed: u64,
    /// Start of the virtual clock.
    pub epoch: i64,
    /// What was claimed.
    pub profile: String,
    /// The product.
    pub product: Product,
    /// The public key, and its short name.
    pub key: String,
    /// The short name of the key.
    pub key_id: String,
    /// The other files, by name.
    pub files: Vec<FileDigest>,
}

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    fn of(transcript: &Transcript, key: &PublicKey, files: &[(&str, &[u8])]) -> Self {
        let header = transcript.header();
        let digest = |(name, bytes): &(&str, &[u8])| FileDigest {
            name: (*name).into(),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: sha256_hex(bytes),
        };
        Self {
            format: FORMAT,
            suite: header.suite.clone(),
            spec: header.spec.clone(),
            seed: header.seed,
            epoch: header.epoch,
            profile: header.profile.clone(),
            product: header.product.clone(),
            key: key.to_string(),
            key_id: key.id(),
            files: files.iter().map(digest).collect(),
        }
    }

    fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

/// Why a bundle is not written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackError {
    /// The run did not come to its end.
    Incomplete,
    /// A registered secret stands in a file. The run is void.
    Secret {
        /// Name of the secret.
        secret: String,
        /// The file.
        file: &'static str,
        /// The event, when it is in one.
        event: Option<u32>,
    },
    /// The archive cannot be written; the library's words.
    Archive(String),
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("the run did not come to its end"),
            Self::Secret { secret, file, event: None } => write!(f, "the secret {secret:?} stands in {file}"),
            Self::Secret { secret, file, event: Some(seq) } => {
                write!(f, "the secret {secret:?} stands in {file}, event {seq}")
            }
            Self::Archive(why) => write!(f, "the archive cannot be written: {why}"),
        }
    }
}

impl std::error::Error for PackError {}

/// Writes a bundle. `sut` is the description of the product, without secrets. Equal arguments give equal bytes.
///
/// # Errors
/// The transcript has no footer, or a registered secret (the signing key is one, without being registered) stands in
/// anything that would be written. Nothing is written then.
pub fn pack(
    transcript: &Transcript,
    model: &Model,
    sut: &str,
    key: &BundleKey,
    secrets: &Secrets,
) -> Result<Vec<u8>, PackError> {
    if !transcript.complete() {
        return Err(PackError::Incomplete);
    }
    let verdicts = model.to_json();
    let files = [(SUT, sut.as_bytes()), (TRANSCRIPT, transcript.bytes()), (VERDICTS, &verdicts)];
    let mut own = Secrets::default();
    // 32 octets are never too short.
    let _ = own.register("signing key of the bundle", key.seed());
    let search = Search::of([&own, secrets]);
    for (file, bytes) in files {
        if let Some(secret) = search.find_in(bytes) {
            return Err(PackError::Secret { secret: secret.into(), file, event: None });
        }
    }
    // A body that is not readable stands in base64, where a secret in the middle would hide; in text, escapes might hide it.
    for event in transcript.events() {
        for body in event.what.bodies() {
            if let Some(secret) = search.find_in(body.bytes()) {
                let (secret, event) = (secret.into(), Some(event.seq));
                return Err(PackError::Secret { secret, file: TRANSCRIPT, event });
            }
        }
    }
    let manifest = Manifest::of(transcript, &key.public(), &files).to_json();
    let signature = format!("{}\n", key.sign(&manifest));
    let [sut, transcript, verdicts] = files;
    let entries = [(MANIFEST, &*manifest), (SIGNATURE, signature.as_bytes()), sut, transcript, verdicts];
    archive::write(&entries).map_err(PackError::Archive)
}
