//! Whether a bundle holds what it says.

use serde::de::DeserializeOwned;

use super::{FORMAT, Fault, MANIFEST, Manifest, SIGNATURE, SUT, TRANSCRIPT, VERDICTS, archive};
use crate::{Model, Outcome, PublicKey, Registry, SentenceResult, Transcript, judge, sha256_hex};

/// Whose signature counts.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// These keys.
    Keys(&'a [PublicKey]),
    /// Any key: shows that the bundle is whole and its verdicts are right, not who vouches for it.
    AnyKey,
}

/// A bundle that holds what it says.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Its manifest.
    pub manifest: Manifest,
    /// What happened.
    pub transcript: Transcript,
    /// What it shows, as judged now.
    pub model: Model,
    /// The description of the product.
    pub sut: String,
    /// The key that signed.
    pub signer: PublicKey,
}

/// Checks a bundle: digests, signature, chain; judges the transcript again and compares; and demands the one form in which
/// bundles are written. Needs no network and believes nothing that it can compute.
///
/// # Errors
/// The first thing that is wrong. Every bundle with a single changed byte has one.
pub fn verify(bytes: &[u8], registry: &Registry<'_>, trust: Trust<'_>) -> Result<Verified, Fault> {
    let [manifest_bytes, signature, sut, transcript, verdicts] = files(bytes)?;
    let manifest: Manifest = json(MANIFEST, &manifest_bytes)?;
    if manifest.format != FORMAT {
        return Err(Fault::Shape { file: MANIFEST, why: format!("format {}", manifest.format) });
    }

    // Digests
    let found = [(SUT, &sut), (TRANSCRIPT, &transcript), (VERDICTS, &verdicts)];
    if manifest.files.len() != found.len() {
        return Err(Fault::Manifest);
    }
    for (named, (name, content)) in manifest.files.iter().zip(found) {
        if named.name != name || named.sha256 != sha256_hex(content) {
            return Err(Fault::Digest(name.into()));
        }
    }

    // Signature
    let signer = PublicKey::parse(&manifest.key).ok_or(Fault::Signature)?;
    let text = std::str::from_utf8(&signature).ok().and_then(|text| text.strip_suffix('\n'));
    if !text.is_some_and(|text| signer.verifies(&manifest_bytes, text)) {
        return Err(Fault::Signature);
    }
    if let Trust::Keys(keys) = trust
        && !keys.contains(&signer)
    {
        return Err(Fault::Signer(signer.to_string()));
    }

    // The same suite and standard, or its judges say something else
    if manifest.suite != registry.suite {
        return Err(Fault::Suite { bundle: manifest.suite, this: registry.suite.into() });
    }
    if manifest.spec != chukei_spec::Index::digest() {
        return Err(Fault::Spec { bundle: manifest.spec, this: chukei_spec::Index::digest().into() });
    }

    // Chain
    let transcript = Transcript::read(&transcript).map_err(Fault::Chain)?;
    if !transcript.complete() {
        return Err(Fault::Incomplete(transcript.events().len()));
    }

    // Verdicts
    let model = judge(&transcript, registry);
    let recorded: Model = json(VERDICTS, &verdicts)?;
    compare(&recorded, &model)?;

    // One form
    let judged = model.to_json();
    let sut = String::from_utf8(sut).map_err(|error| Fault::Shape { file: SUT, why: error.to_string() })?;
    let files = [(SUT, sut.as_bytes()), (TRANSCRIPT, transcript.bytes()), (VERDICTS, &*judged)];
    let canonical = Manifest::of(&transcript, &signer, &files);
    if canonical != manifest {
        return Err(Fault::Manifest);
    }
    let manifest_bytes = canonical.to_json();
    let [one, two, three] = files;
    let written = archive::write(&[(MANIFEST, &manifest_bytes), (SIGNATURE, &signature), one, two, three])
        .map_err(Fault::Archive)?;
    if written != bytes {
        let differs = written.iter().zip(bytes).position(|(ours, theirs)| ours != theirs);
        return Err(Fault::Form(differs.unwrap_or_else(|| written.len().min(bytes.len()))));
    }
    Ok(Verified { manifest, transcript, model, sut, signer })
}

/// The five files in their order.
fn files(bytes: &[u8]) -> Result<[Vec<u8>; 5], Fault> {
    // What an interrupted run leaves: lines of a transcript, never packed.
    if bytes.starts_with(b"{\"transcript\":") {
        let transcript = Transcript::read(bytes).map_err(Fault::Chain)?;
        return Err(Fault::Incomplete(transcript.events().len()));
    }
    let files = archive::read(bytes).map_err(Fault::Archive)?;
    let (names, contents): (Vec<String>, Vec<Vec<u8>>) = files.into_iter().unzip();
    if names != [MANIFEST, SIGNATURE, SUT, TRANSCRIPT, VERDICTS] {
        return Err(Fault::Files(names));
    }
    contents.try_into().map_err(|_| Fault::Files(names))
}

fn json<T: DeserializeOwned>(file: &'static str, bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::Shape { file, why: error.to_string() })
}

/// Names the first verdict that was recorded otherwise than it is judged.
fn compare(recorded: &Model, judged: &Model) -> Result<(), Fault> {
    if recorded == judged {
        return Ok(());
    }
    let absent = || "–".to_owned();
    for ours in &judged.sentences {
        let Some(theirs) = recorded.sentence(&ours.id) else {
            return Err(Fault::Verdict {
                sentence: ours.id.clone(),
                case: None,
                recorded: absent(),
                judged: ours.outcome.name().into(),
            });
        };
        if ours != theirs {
            return Err(difference(theirs, ours));
        }
    }
    let invented = recorded.sentences.iter().find(|theirs| judged.sentence(&theirs.id).is_none());
    Err(invented.map_or(Fault::Summary, |theirs| Fault::Verdict {
        sentence: theirs.id.clone(),
        case: None,
        recorded: theirs.outcome.name().into(),
        judged: absent(),
    }))
}

fn difference(recorded: &SentenceResult, judged: &SentenceResult) -> Fault {
    let pair = recorded.results.iter().zip(&judged.results).find(|(theirs, ours)| theirs != ours);
    let (case, theirs, ours) = match pair {
        Some((theirs, ours)) => (Some(ours.case.clone()), theirs.outcome, ours.outcome),
        None => (None, recorded.outcome, judged.outcome),
    };
    let name = |outcome: Outcome| outcome.name().to_owned();
    Fault::Verdict { sentence: judged.id.clone(), case, recorded: name(theirs), judged: name(ours) }
}
