//! Every deviation is one: it changes the message, and where a parser has to notice it, the parser does.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::HashSet;

use chukei_forge::{
    exhaustive::exhaustive,
    mutation::{Stage, Verdict, mutations, named},
    specimen::{Specimen, Suite, World},
};
use chukei_reason::Reason;
use chukei_xml::Document;

#[test]
fn names_and_reasons_are_sound() {
    let names: HashSet<_> = mutations().iter().map(|mutation| mutation.name).collect();
    assert_eq!(names.len(), mutations().len());
    for mutation in mutations() {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        assert!(mutation.name.chars().all(kebab), "{}", mutation.name);
        assert!(!mutation.rows.is_empty() && !mutation.specimens.is_empty() && !mutation.stages().is_empty());
        if let Verdict::Refuse(reason) = mutation.verdict {
            assert!(Reason::from_name(reason).is_some(), "{} of {}", reason, mutation.name);
        }
        assert_eq!(named(mutation.name).map(|found| found.rows), Some(mutation.rows));
    }
    assert!(named("no-such-mutation").is_none());
    let stages: HashSet<Stage> = mutations().iter().flat_map(|mutation| mutation.stages()).collect();
    assert_eq!(stages.len(), 4);
}

#[test]
fn each_mutation_changes_the_bytes() {
    for suite in [Suite::Rsa, Suite::P256] {
        let world = World::with(suite, 1);
        for specimen in Specimen::ALL {
            let twin = world.message(*specimen).bytes();
            for mutation in mutations().iter().filter(|m| m.specimens.contains(specimen)) {
                if !mutation.suites.contains(&suite) {
                    continue;
                }
                assert_ne!(mutation.apply(&world, *specimen), twin, "{} of {specimen:?}", mutation.name);
            }
        }
    }
}

/// What the parser refuses; everything else is for the layers above it.
const OF_THE_PARSER: &[&str] = &[
    "C14n",
    "Char",
    "Doctype",
    "DuplicateAttribute",
    "DuplicateId",
    "Empty",
    "Encoding",
    "Limit(Attributes)",
    "Limit(Bytes)",
    "Limit(Depth)",
    "Limit(Namespaces)",
    "Limit(Nodes)",
    "Limit(Token)",
    "Name",
    "Namespace",
    "NotWellFormed",
    "Pi",
    "UnboundPrefix",
    "UnexpectedAttribute",
    "XmlDecl",
];

#[test]
fn the_parser_refuses_what_it_has_to_and_nothing_else() {
    let world = World::new(1);
    let mut wrong = Vec::new();
    for mutation in mutations().iter().filter(|mutation| mutation.suites.contains(&world.suite)) {
        for specimen in mutation.specimens {
            let found = Document::parse(mutation.apply(&world, *specimen))
                .err()
                .map(|error| error.reason().to_string());
            let expected = match mutation.verdict {
                Verdict::Refuse(reason) if OF_THE_PARSER.contains(&reason) => Some(reason.to_owned()),
                _ => None,
            };
            // A prefix list is read by the canonicaliser; other namespaces' identifiers count where they are looked up.
            let later = found.is_none()
                && (mutation.name.starts_with("prefix-list-") || mutation.name == "id-in-foreign-namespace");
            if found != expected && !later {
                wrong.push(format!("{} of {specimen:?}: {found:?}, not {expected:?}", mutation.name));
            }
            // Positive case
            assert!(Document::parse(world.message(*specimen).bytes()).is_ok(), "{specimen:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn exhaustive_changes_are_many_and_different() {
    let world = World::new(1);
    for (specimen, least) in [(Specimen::Assertion, 1000), (Specimen::Soap, 1000), (Specimen::Envelope, 1000)]
    {
        let root = world.message(specimen).root;
        let original = root.write();
        let mut names = HashSet::new();
        let mut count = 0;
        for (name, changed) in exhaustive(&root) {
            assert_ne!(changed.write(), original, "{name}");
            assert!(names.insert(name.clone()), "{name}");
            count += 1;
        }
        assert!(count > least, "{specimen:?}: {count}");
    }
}
