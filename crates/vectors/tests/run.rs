//! Every vector of `vectors/`, run against the product crates.

use chukei_vectors::{Kind, Outcome, run, store};
use chukei_xml::Document;

#[test]
fn every_vector_gets_its_verdict() {
    let entries = store::read();
    assert!(entries.len() > 200, "vectors/ is nearly empty");
    let wrong: Vec<String> = entries
        .iter()
        .filter_map(|(id, entry)| {
            let difference = run::compare(entry, &run::run(entry)).err()?;
            Some(format!("{id} ({}): {difference}", entry.vector.comment.en))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} vectors:\n{}", wrong.len(), entries.len(), wrong.join("\n"));
    println!("{} vectors: {:?}", entries.len(), run::census(entries.values()));
}

#[test]
fn a_wrong_verdict_is_noticed() {
    let entries = store::read();
    for (id, entry) in entries.iter().filter(|(_, entry)| entry.vector.rows.iter().any(|row| row == "XML-11"))
    {
        let ran = run::run(entry);
        // Positive case: the verdict as it stands.
        assert_eq!(run::compare(entry, &ran), Ok(()), "{id}");
        let mut wrong = entry.clone();
        wrong.vector.result = match wrong.vector.result {
            Outcome::Valid => Outcome::Invalid,
            Outcome::Invalid => Outcome::Valid,
        };
        assert!(run::compare(&wrong, &ran).is_err(), "{id}: the other verdict");
        let mut wrong = entry.clone();
        wrong.vector.reads.values_mut().for_each(|value| value.push('!'));
        wrong.vector.reason = wrong.vector.reason.map(|reason| reason + "!");
        assert!(run::compare(&wrong, &ran).is_err(), "{id}: another value or reason");
    }
}

#[test]
fn what_is_parsed_can_be_written() {
    let entries = store::read();
    let of_kind = entries.values().filter(|entry| entry.kind == Kind::XmlParse);
    let mut count = 0;
    for vector in of_kind.map(|entry| &entry.vector).filter(|vector| vector.result == Outcome::Valid) {
        let document = Document::parse(vector.input.bytes().unwrap()).unwrap();
        assert!(Document::parse(document.write()).unwrap() == document, "{}", vector.id);
        count += 1;
    }
    assert!(count > 100, "only {count} documents");
}

/// `Internal` is our own mistake; no message can bring it about, so no vector can have it.
#[test]
fn our_own_mistakes_have_a_reason_of_their_own() {
    let mut document = Document::parse("<r>x</r>").unwrap();
    let (element, octets) = (document.root().id(), b"yes");
    // An element's place where a text's belongs: only our own code can ask for that.
    assert_eq!(document.fill(element, octets).unwrap_err().reason(), chukei_reason::Reason::Internal);
    // Positive case: the place of a text.
    let mut place = None;
    let mut document = chukei_xml::Writer::build(|w| {
        w.open(chukei_xml::ns::NONE.name("r"));
        place = Some(w.placeholder(octets.len()));
        w.close();
    })
    .unwrap();
    document.fill(place.unwrap(), octets).unwrap();
    assert_eq!(document.write(), b"<r>eWVz</r>");
    let answer = chukei_reason::Reason::Internal.answer();
    assert_ne!(chukei_reason::Reason::Doctype.answer(), answer);
}
