//! Strategies of proptest over [`crate::random`] and [`crate::mutation`]. A shorter tape of choices is a simpler
//! document, so shrinking needs no rules of its own.

use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    sample::select,
};

use crate::{
    mutation::{Mutation, mutations},
    random::Document,
    specimen::{Specimen, Suite},
};

/// Documents, among them rare ones with namespace names that have no canonical form.
pub fn documents() -> impl Strategy<Value = Document> {
    vec(any::<u8>(), 0..1500).prop_map(|choices| Document::from_choices(&choices))
}

/// Documents that have a canonical form.
pub fn canonicalisable() -> impl Strategy<Value = Document> {
    documents().prop_filter("namespace names are absolute URIs", |document| !document.bad_namespace)
}

/// Documents with a few octets changed: ill-formed in most cases.
pub fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), 0..1500), vec(any::<u8>(), 0..40))
        .prop_map(|(choices, edits)| Document::mutated_from_choices(&choices, &edits))
}

/// Named mutations that an RSA world has, each with one of its specimens.
pub fn deviations() -> impl Strategy<Value = (&'static Mutation, Specimen)> {
    let here = mutations().iter().filter(|mutation| mutation.suites.contains(&Suite::Rsa));
    let pairs = here.flat_map(|mutation| mutation.specimens.iter().map(move |kind| (mutation, *kind)));
    select(pairs.collect::<Vec<_>>())
}
