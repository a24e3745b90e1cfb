//! Random documents and named mutations as strategies of proptest. A shorter tape of choices is a simpler document, so shrinking
//! needs no rules of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

use chukei_forge::{
    mutation::{Mutation, mutations},
    random::Document,
    specimen::{Specimen, Suite, World},
};
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_assert_ne, proptest},
    sample::select,
};

/// Documents, among them rare ones with namespace names that have no canonical form.
fn documents() -> impl Strategy<Value = Document> {
    vec(any::<u8>(), 0..1500).prop_map(|choices| Document::from_choices(&choices))
}

/// Documents that have a canonical form.
fn canonicalisable() -> impl Strategy<Value = Document> {
    documents().prop_filter("namespace names are absolute URIs", |document| !document.bad_namespace)
}

/// Documents with a few octets changed: ill-formed in most cases.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), 0..1500), vec(any::<u8>(), 0..40))
        .prop_map(|(choices, edits)| Document::mutated_from_choices(&choices, &edits))
}

/// Named mutations that an RSA world has, each with one of its specimens.
fn deviations() -> impl Strategy<Value = (&'static Mutation, Specimen)> {
    let here = mutations().iter().filter(|mutation| mutation.suites.contains(&Suite::Rsa));
    let pairs = here.flat_map(|mutation| mutation.specimens.iter().map(move |kind| (mutation, *kind)));
    select(pairs.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_has_a_canonical_form_parses(document in canonicalisable()) {
        prop_assert!(chukei_xml::Document::parse(document.xml.as_bytes()).is_ok());
    }

    #[test]
    fn what_has_none_does_not(document in documents()) {
        let parsed = chukei_xml::Document::parse(document.xml.as_bytes());
        prop_assert_eq!(parsed.is_err(), document.bad_namespace);
    }

    #[test]
    fn whatever_is_mutated_is_read_or_refused(bytes in mutated()) {
        if let Ok(document) = chukei_xml::Document::parse(bytes) {
            prop_assert_eq!(&chukei_xml::Document::parse(document.write()).unwrap(), &document);
        }
    }

    #[test]
    fn a_deviation_deviates((mutation, specimen) in deviations()) {
        let world = World::new(9);
        prop_assert_ne!(mutation.apply(&world, specimen), world.message(specimen).bytes());
    }
}
