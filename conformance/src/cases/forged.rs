//! The forge's named mutations (chapters 10 to 14, wrapping attacks and all), through the wire: each on the valid message
//! of a kind, or on the envelope in it.

use chukei_forge::{
    mutation::{Change, Mutation, Verdict, mutations},
    specimen::{Specimen, Suite},
};
use chukei_reason::Reason;
use chukei_spec::{Index, Sentence, req};

use crate::case::{Bend, Case, Kind};

pub(crate) fn add(cases: &mut Vec<Case>) {
    for mutation in mutations().iter().filter(|mutation| mutation.suites.contains(&Suite::Rsa)) {
        if mutation.specimens.contains(&Specimen::Soap) {
            for kind in [Kind::Query, Kind::Mapping, Kind::LinkageAnswer] {
                cases.extend(of_message(kind, mutation));
            }
        }
        if mutation.specimens.contains(&Specimen::Envelope) && fits_into_a_message(mutation) {
            cases.extend(of_envelope(Kind::Query, mutation));
        }
    }
}

/// Mutations that need what the message of a kind does not have, or that say too little or too much here.
fn is_apart(kind: Kind, mutation: &Mutation) -> bool {
    match mutation.name {
        // Looks for a number in Body.
        "body-under-header" | "body-tampered" => kind != Kind::Mapping,
        // Five megabytes in every transcript: `limit/bytes` does with two.
        "message-overlong" => true,
        // No sentence speaks of comments in ciphertexts.
        "comment-in-cipher-value" => true,
        _ => false,
    }
}

fn of_message(kind: Kind, mutation: &'static Mutation) -> Option<Case> {
    if is_apart(kind, mutation) {
        return None;
    }
    Some(Case::mutation((kind, "forged/message"), mutation, &[sentence(mutation)?], Bend::Message(mutation)))
}

fn of_envelope(kind: Kind, mutation: &'static Mutation) -> Option<Case> {
    if is_apart(kind, mutation) {
        return None;
    }
    Some(Case::mutation(
        (kind, "forged/envelope"),
        mutation,
        &[sentence(mutation)?],
        Bend::Envelope(mutation),
    ))
}

/// What is changed in bytes cannot be signed as part of a message, and what every kind of message can have is shown on the
/// message itself.
fn fits_into_a_message(mutation: &Mutation) -> bool {
    let is_of_bytes = mutation.changes.iter().any(|change| matches!(change, Change::Bytes(_)));
    !is_of_bytes && mutation.specimens.len() < Specimen::ALL.len()
}

/// The sentence that demands the refusal. Mutations that everybody has to read past have none here.
fn sentence(mutation: &Mutation) -> Option<&'static Sentence> {
    let Verdict::Refuse(reason) = mutation.verdict else { return None };
    let reason = Reason::from_name(reason)?;
    let is_about_encryption = mutation.rows.iter().any(|row| row.starts_with("ENC-"));
    match reason {
        Reason::Structure if is_about_encryption => Some(req!("encryption.structure.one-shape")),
        _ => Index::sentence(reason.sentence()),
    }
}
