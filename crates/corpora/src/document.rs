//! One foreign document: how it parses, its canonical form, its signatures, its ciphertexts, and the policy.

use chukei_crypto::PublicKey;
use chukei_oracle::{Apex, Opinion, available, exclusive_c14n, expand, well_formed};
use chukei_reason::Reason;
use chukei_xml::{Document, Element, ns};

use crate::{
    ciphers,
    folder::{Folder, Indexed},
    keys::Candidate,
    mechanism::{Check, Signature, fails_for_libxml2_too},
    policy::{Answer, Seen, answer},
    tally::{Finding, Verdict},
};

/// How many elements of a document are held against libxml2's canonical form.
const APEXES: usize = 40;

/// What is known about a document besides its octets.
pub struct Context<'c> {
    /// Where it comes from.
    pub folder: &'c Folder,
    /// What the index says.
    pub indexed: Indexed,
    /// Keys from the files beside it.
    pub beside: &'c [Candidate],
    /// Whether the name says that something is wrong with it.
    pub named_bad: bool,
    /// Whether keys in the message count as trusted, so that only the signature's shape can get it refused.
    pub trust_embedded: bool,
}

/// Everything about one document.
#[must_use]
pub fn judge(case: &str, xml: &[u8], context: &Context<'_>) -> Verdict {
    let parsed = Document::parse(xml).map_err(|error| error.reason());
    let well_formed = well_formed(xml).ok();
    let mut findings = Vec::new();
    findings.extend(parsing(parsed.as_ref().err().copied(), well_formed));

    // A document type declaration is refused; what the document says without it is still worth comparing.
    let expanded = if parsed == Err(Reason::Doctype) { expand(xml).ok() } else { None };
    let octets = expanded.as_deref().unwrap_or(xml);
    let document = parsed.or_else(|_| Document::parse(octets)).ok();
    let mut trusted: Vec<PublicKey> = Vec::new();
    let mut valid = Vec::new();
    if let Some(document) = &document {
        findings.extend(forms(document, xml));
        let embedded = Candidate::embedded_in(document);
        let mut candidates: Vec<&Candidate> = embedded.iter().chain(context.beside).collect();
        candidates.dedup_by(|a, b| a.pem == b.pem);
        for (index, signature) in Signature::all(document).iter().enumerate() {
            let judged = signed(signature, &candidates, xml, index, |some_opinion| {
                let computed = fails_for_libxml2_too(octets, index);
                computed.unwrap_or(context.named_bad || some_opinion)
            });
            valid.extend(judged.valid.then_some(index));
            findings.extend(judged.findings);
            trusted.extend(judged.keys);
        }
        let usable = candidates.iter().filter(|c| context.trust_embedded || !c.embedded);
        trusted.retain(|key| usable.clone().any(|candidate| candidate.own.as_ref() == Ok(key)));
        trusted.extend(usable.filter_map(|candidate| candidate.own.clone().ok()).take(3));
        trusted.dedup();
        trusted.truncate(4);
        findings.extend(ciphers::in_document(document, xml, context));
    }
    let answer = answer(xml, &trusted);
    let wrong_policy = match &answer {
        Answer::Refuses(_) => None,
        Answer::Accepts(seen) => wrongly_accepted(seen, xml, &valid, context),
    };
    Verdict { case: case.to_owned(), mechanism: findings, policy: answer.to_string(), wrong_policy }
}

/// Why a document should not have been accepted.
fn wrongly_accepted(seen: &Seen, xml: &[u8], valid: &[usize], context: &Context<'_>) -> Option<String> {
    if context.indexed.doctype {
        return Some("accepted with a document type declaration".into());
    }
    if let Some(refused) = context.indexed.refused_for_signatures() {
        return Some(format!("accepted although it uses {refused}"));
    }
    let signature = Document::parse(xml).ok().and_then(|document| signature_of(&document, seen));
    if available() && !signature.is_some_and(|index| valid.contains(&index)) {
        return Some("accepted although libxmlsec1 does not find it valid".into());
    }
    read_what_was_signed(seen, xml).err()
}

/// Which signature the values that were read rely on: that of their element, or the one of a SOAP message.
#[must_use]
pub fn signature_of(document: &Document, seen: &Seen) -> Option<usize> {
    let read = document.by_id(&seen.id)?.id();
    let mut parents = document.signatures().map(|signature| signature.parent());
    parents.position(|parent| {
        parent.is_some_and(|parent| parent.id() == read || parent.is(ns::WSSE.name("Security")))
    })
}

/// Whether the values read are those that libxml2 sees in the canonical form of the element with this
/// identifier.
///
/// # Errors
/// What differs.
pub fn read_what_was_signed(seen: &Seen, xml: &[u8]) -> Result<(), String> {
    let form = match exclusive_c14n(xml, Apex::Id(&seen.id), &[]) {
        Err(_) if !available() => return Ok(()),
        form => form.map_err(|error| format!("no canonical form of what was read: {error}"))?,
    };
    let document = Document::parse(form).map_err(|error| format!("canonical form: {error}"))?;
    let root = document.root();
    let signature = document.signatures().find(|s| s.parent().map(Element::id) == Some(root.id()));
    let root = signature.map_or(root, |signature| root.confined(Some(signature.id())));
    let signed = Seen::of(root);
    let missing = seen.texts.iter().find(|text| !signed.texts.contains(text));
    missing.map_or(Ok(()), |text| Err(format!("read {text:?}, which was not signed")))
}

fn parsing(refused: Option<Reason>, well_formed: Option<bool>) -> Option<Finding> {
    Some(match (refused, well_formed?) {
        (None, true) => return None,
        (None, false) => Finding::Differs("read, although libxml2 finds it ill-formed".into()),
        (Some(reason), false) => Finding::Agrees(format!("ill-formed ({reason})")),
        (Some(reason), true) if is_profile(reason) => Finding::Outside(format!("not read: {reason}")),
        (Some(reason), true) => Finding::Differs(format!("{reason}, although libxml2 finds it well-formed")),
    })
}

/// Reasons for which well-formed documents are refused on purpose.
fn is_profile(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Doctype
            | Reason::Pi
            | Reason::Encoding
            | Reason::XmlDecl
            | Reason::C14n
            | Reason::DuplicateId
            | Reason::UnexpectedAttribute
            | Reason::Limit(_)
    )
}

/// Our exclusive form of each element against libxml2's.
fn forms(document: &Document, xml: &[u8]) -> Option<Finding> {
    if !available() {
        return None;
    }
    let mut count = 0;
    for (number, element) in document.root().descendants().take(APEXES).enumerate() {
        match exclusive_c14n(xml, Apex::Element(number), &[]) {
            Err(_) => continue,
            Ok(form) if form == document.canonical(element).to_vec() => count += 1,
            Ok(form) => {
                let (ours, theirs) = (document.canonical(element).to_vec(), String::from_utf8_lossy(&form));
                let ours = String::from_utf8_lossy(&ours);
                return Some(Finding::Differs(format!("form of element {number}: {ours:?}, not {theirs:?}")));
            }
        }
    }
    (count > 0).then(|| Finding::Agrees(format!("{count} forms")))
}

struct Judged {
    findings: Vec<Finding>,
    keys: Vec<PublicKey>,
    valid: bool,
}

/// One signature under every key at hand, against the opinion of libxmlsec1 under the same key.
fn signed(
    signature: &Signature,
    candidates: &[&Candidate],
    xml: &[u8],
    index: usize,
    expected_to_fail: impl Fn(bool) -> bool,
) -> Judged {
    let mut judged = Judged { findings: Vec::new(), keys: Vec::new(), valid: false };
    let digests = signature.digests();
    let mut some_opinion = false;
    for candidate in candidates {
        let value = match &candidate.own {
            Ok(key) => signature.value(key),
            Err(why) => Check::Outside(why.clone()),
        };
        let ours = digests == Check::Holds && value == Check::Holds;
        let differs = |what: &str| Some(Finding::Differs(format!("signature {index}: {what}")));
        let finding = match candidate.best_opinion(xml, index) {
            Opinion::Valid => {
                judged.valid = true;
                some_opinion = true;
                judged.keys.extend(candidate.own.clone().ok());
                match (&digests, &value) {
                    (Check::Fails, _) => differs("a digest fails that libxmlsec1 finds right"),
                    (_, Check::Fails) => differs("the value fails that libxmlsec1 finds right"),
                    (Check::Holds, Check::Holds) => Some(Finding::Agrees(format!("signature {index} valid"))),
                    (Check::Holds, Check::Outside(why)) => Some(Finding::Agrees(format!(
                        "signature {index}: digests hold, value outside ({why})"
                    ))),
                    (Check::Outside(why), Check::Holds) => Some(Finding::Agrees(format!(
                        "signature {index}: value holds, digest outside ({why})"
                    ))),
                    (Check::Outside(why), Check::Outside(_)) => {
                        Some(Finding::Outside(format!("signature {index}: {why}")))
                    }
                }
            }
            opinion if ours => differs(&format!("valid to us, but {opinion:?}")),
            Opinion::Invalid => {
                some_opinion = true;
                None
            }
            Opinion::Error(_) | Opinion::Unsupported(_) => None,
        };
        judged.findings.extend(finding);
        if judged.valid {
            break;
        }
    }
    if !judged.valid {
        judged.findings.push(match digests {
            Check::Holds => {
                Finding::Agrees(format!("signature {index}: digests hold as written, no valid value"))
            }
            Check::Fails if expected_to_fail(some_opinion) => {
                Finding::Agrees(format!("signature {index}: a digest fails, as expected"))
            }
            Check::Fails if !available() => {
                Finding::Outside(format!("signature {index}: a digest fails, and nobody can be asked"))
            }
            Check::Fails => {
                Finding::Differs(format!("signature {index}: a digest fails, and nobody says so too"))
            }
            Check::Outside(why) => Finding::Outside(format!("signature {index}: {why}")),
        });
    }
    judged
}
