//! Every refusal can be explained, with work that a person may wait for.

use chukei_diagnosis::Diagnosis;
use chukei_reason::Reason;
use chukei_xml::{Budget, Document};
use chukei_xml_security::{Refusal, Shape, TrustStore};

use crate::{
    parts::Parts,
    seeds::trust,
    signed::{ANYBODY, Read, budget, shapes, verify},
    work,
};

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut budget = budget();
    let Ok(document) = Document::parse_within(data, &mut budget) else { return };
    for shape in shapes(&document) {
        for signer in [None, Some(ANYBODY)] {
            if let Some(refusal) = refused(&document, &shape, signer, &mut budget.clone()) {
                explain(&refusal, data.len());
            }
        }
    }
}

fn refused(
    document: &Document,
    shape: &Shape,
    signer: Option<&str>,
    budget: &mut Budget,
) -> Option<Box<Refusal>> {
    if document.root().local() == "Envelope" {
        verify::<Parts>(document, shape, signer, trust(), budget).err().flatten()
    } else {
        verify::<Read>(document, shape, signer, trust(), budget).err().flatten()
    }
}

fn explain(refusal: &Refusal, octets: usize) {
    let trust: &TrustStore = trust();
    let (diagnosis, allocated) = work::of(|| Diagnosis::of(refusal, trust));
    let references = diagnosis.references.len().max(1);
    let most = references * 600 * 64 * (octets + 4096);
    assert!(allocated <= most, "{allocated} octets of work for {octets}, {references} references");
    check(&diagnosis, refusal);
}

fn check(diagnosis: &Diagnosis, refusal: &Refusal) {
    assert_eq!(diagnosis.reason, refusal.reason());
    let wrong =
        diagnosis.references.iter().filter(|reference| reference.expected != reference.actual).count();
    match refusal.reason() {
        Reason::Digest => assert!(wrong > 0 && !diagnosis.causes.is_empty()),
        Reason::Key | Reason::Signature => assert!(!diagnosis.causes.is_empty()),
        _ => {}
    }
    for reference in &diagnosis.references {
        assert_eq!(chukei_crypto::sha256(&reference.canonical), reference.actual);
    }
    for cause in &diagnosis.causes {
        let [english, japanese] = [cause.to_string(), cause.in_japanese()];
        assert!(!english.is_empty() && !english.contains(char::is_control), "{english:?}");
        assert!(!japanese.is_empty() && !japanese.contains(char::is_control), "{japanese:?}");
    }
    let text = diagnosis.to_string();
    assert!(text.lines().all(|line| !line.contains(char::is_control)), "{text:?}");
    assert!(text.starts_with(&diagnosis.reason.to_string()));
}
