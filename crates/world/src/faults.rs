//! Every way in which a mock party can be wrong: one switch for each check that it may skip, one for each deviation in
//! what it sends, and a few of its test control.
//!
//! A skipped check is called `skips:` and the id of its sentence. The others have names of their own.

use std::collections::BTreeSet;

use chukei_idwsf::Checks;
use chukei_relay::faults::{Fault as Sent, Faults as SentFaults};

use crate::WorldError;

/// A deviation of the test-control API, of the server, or of how keys are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Own {
    /// Answers 200 to verbs and acts that it does not offer.
    AnswersUnknownVerbs,
    /// Does nothing on reset.
    ResetKeepsState,
    /// Does not say which verbs it offers.
    HidesVerbs,
    /// Closes the connection in the place of an answer 404 or 405.
    ClosesOnOthers,
    /// Signs messages with RSA-PSS.
    SignsWithPss,
    /// Signs envelopes with RSA-PSS.
    SignsEnvelopesWithPss,
    /// Takes signatures by keys for encryption.
    TakesAnyUse,
    /// Reads the times of a message as whole seconds.
    CutsFractions,
    /// Refuses messages of more than 100 KiB.
    RefusesLarge,
}

impl Own {
    const ALL: [Self; 9] = [
        Self::AnswersUnknownVerbs,
        Self::ResetKeepsState,
        Self::HidesVerbs,
        Self::ClosesOnOthers,
        Self::SignsWithPss,
        Self::SignsEnvelopesWithPss,
        Self::TakesAnyUse,
        Self::CutsFractions,
        Self::RefusesLarge,
    ];

    const fn describe(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::AnswersUnknownVerbs => (
                "AnswersUnknownVerbs",
                "control.unknown",
                "備えない動詞と act に 200 を返す",
                "Answers 200 to verbs and acts that it does not offer.",
            ),
            Self::ResetKeepsState => {
                ("ResetKeepsState", "control.reset", "reset で何もしない", "Does nothing on reset.")
            }
            Self::HidesVerbs => (
                "HidesVerbs",
                "control.identity",
                "備える動詞を示さない",
                "Does not say which verbs it offers.",
            ),
            Self::ClosesOnOthers => (
                "ClosesOnOthers",
                "transport.method.post",
                "404 または 405 を返す代わりに接続を閉じる",
                "Closes the connection in the place of an answer 404 or 405.",
            ),
            Self::SignsWithPss => (
                "SignsWithPss",
                "signature.algorithm.sent",
                "メッセージに RSA-PSS で署名する",
                "Signs messages with RSA-PSS.",
            ),
            Self::SignsEnvelopesWithPss => (
                "SignsEnvelopesWithPss",
                "signature.algorithm.sent",
                "封筒に RSA-PSS で署名する",
                "Signs envelopes with RSA-PSS.",
            ),
            Self::TakesAnyUse => (
                "TakesAnyUse",
                "key.trust.metadata-only",
                "暗号化用の鍵による署名を受け取る",
                "Takes signatures by keys that are for encryption.",
            ),
            Self::CutsFractions => (
                "CutsFractions",
                "message.timestamp.window",
                "メッセージの時刻の小数秒を読まない",
                "Reads the times of a message as whole seconds.",
            ),
            Self::RefusesLarge => (
                "RefusesLarge",
                "limit.accepted",
                "100 KiB を超えるメッセージを拒否する",
                "Refuses messages of more than 100 KiB.",
            ),
        }
    }

    /// The profile whose products have it, where its sentence does not tell.
    const fn profile(self) -> Option<&'static str> {
        match self {
            Self::SignsEnvelopesWithPss => Some("relay@1.0"),
            Self::RefusesLarge => Some("responder@1.0"),
            _ => None,
        }
    }
}

/// What a party does whatever it is sent: products that a suite has to see through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stub {
    /// Makes no check that can be skipped.
    AcceptsEverything,
    /// Refuses every message.
    RefusesEverything,
    /// Refuses every second message.
    RefusesEverySecond,
    /// Gives its first good answer again.
    AnswersAsBefore,
    /// Takes messages and says nothing.
    AnswersNothing,
    /// Closes the connection when the message is there.
    ClosesAtOnce,
    /// Answers with something that is no message.
    AnswersGarbage,
    /// Answers with 1 GiB.
    AnswersEndlessly,
    /// Refuses every message once it has refused twenty.
    DiesInside,
}

impl Stub {
    pub(crate) const ALL: [Self; 9] = [
        Self::AcceptsEverything,
        Self::RefusesEverything,
        Self::RefusesEverySecond,
        Self::AnswersAsBefore,
        Self::AnswersNothing,
        Self::ClosesAtOnce,
        Self::AnswersGarbage,
        Self::AnswersEndlessly,
        Self::DiesInside,
    ];

    const fn describe(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::AcceptsEverything => {
                ("AcceptsEverything", "省ける検査をすべて省く", "Makes no check that can be skipped.")
            }
            Self::RefusesEverything => {
                ("RefusesEverything", "すべての電文を拒否する", "Refuses every message.")
            }
            Self::RefusesEverySecond => {
                ("RefusesEverySecond", "電文を一つおきに拒否する", "Refuses every second message.")
            }
            Self::AnswersAsBefore => {
                ("AnswersAsBefore", "最初の正しい応答を繰り返す", "Gives its first good answer again.")
            }
            Self::AnswersNothing => {
                ("AnswersNothing", "電文を受けて何も答えない", "Takes messages and says nothing.")
            }
            Self::ClosesAtOnce => (
                "ClosesAtOnce",
                "電文が届くと接続を閉じる",
                "Closes the connection when the message is there.",
            ),
            Self::AnswersGarbage => {
                ("AnswersGarbage", "電文でないものを返す", "Answers with something that is no message.")
            }
            Self::AnswersEndlessly => ("AnswersEndlessly", "1 GiB を返す", "Answers with 1 GiB."),
            Self::DiesInside => (
                "DiesInside",
                "二十の電文を拒否した後は、すべての電文を拒否する",
                "Refuses every message once it has refused twenty.",
            ),
        }
    }
}

/// The sentences whose check can be skipped, by who makes it.
const SKIPPABLE: &[&str] = &[
    // Transport.
    "transport.body.limit",
    "transport.content-type",
    "transport.encoding.none",
    "transport.field.once",
    "transport.header.limit",
    "transport.method.post",
    "transport.tls.client",
    "transport.tls.server",
    "transport.tls.version",
    // Every receiver.
    "message.action.agrees",
    "message.body.one-child",
    "message.framework.version",
    "message.header.once",
    "message.header.place",
    "message.header.understood",
    "message.id.form",
    "message.id.once",
    "message.processing-context.none",
    "message.relates-to.answered",
    "message.reply-to.anonymous",
    "message.security.for-receiver",
    "message.sender.is-signer",
    "message.sender.is-tls-client",
    "message.signature.covers",
    "message.soap.shape",
    "message.timestamp.window",
    "message.to.is-receiver",
    "metadata.certificate.window",
    "message.token.certificate",
    "message.usage-directive.purpose",
    "signature.value.verifies",
    // The responder.
    "envelope.audience.self",
    "envelope.holder.sender",
    "envelope.name-id.qualifiers",
    "envelope.one-time-use.present",
    "envelope.present.once",
    "envelope.purpose.agrees",
    "envelope.recipient.self",
    "envelope.signature.relay",
    "envelope.use.once",
    "envelope.version.known",
    "envelope.window.current",
    "linkage.query.form",
    "relayed.present.listed",
    // The relay.
    "disclosure.notice.at",
    "disclosure.notice.foreign",
    "disclosure.notice.purpose",
    "disclosure.notice.requester",
    "disclosure.notice.same",
    "history.query.portal-only",
    "history.query.purpose",
    "ledger.proof.portal-only",
    "ledger.proof.purpose",
    "ledger.withhold.right",
    "ledger.withhold.until",
    "login.application.addressed",
    "login.application.content",
    "login.application.fresh",
    "login.application.once",
    "login.application.purpose",
    "login.application.signature",
    "login.certificate.path",
    "login.certificate.revoked",
    "login.certificate.usage",
    "login.challenge.own",
    "login.challenge.signature",
    "login.operator.role",
    "login.operator.signature",
    "login.presentation.challenge",
    "login.reception.copied",
    "login.reception.possession",
    "login.reception.purpose",
    "login.request.sender",
    "login.session.history",
    "login.session.own",
    "login.session.purpose",
    "login.ticket.given",
    "login.ticket.purpose",
    "login.withholding.none",
    "mapping.agreement.any",
    "mapping.agreement.pair",
    "mapping.input.count",
    "mapping.input.form",
    "mapping.input.id",
    "mapping.input.own-number",
    "mapping.loop.none",
    "mapping.unambiguous",
    "relayed.forward.audience",
    "relayed.forward.holder",
    "relayed.forward.principal",
    // The requester.
    "requester.answer.fault",
    "requester.answer.verified",
    "requester.envelope.check",
    "requester.envelope.only-target",
];

/// What else shows when a check is skipped: the message goes on to where other sentences speak.
const ALSO: &[(&str, &[&str])] = &[
    // An answer relates to an id that is none.
    ("message.id.form", &["message.answer.headers"]),
    // One block of two is read, and not the one that was meant.
    (
        "message.header.once",
        &["linkage.disclosure.before-answer", "linkage.disclosure.content", "message.answer.headers"],
    ),
    // The reason comes from deeper inside, and its answer from another group.
    (
        "message.token.certificate",
        &[
            "answer.coarse",
            "message.fault.auth-equal",
            "limit.references",
            "message.signature.covers",
            "signature.algorithm.closed",
            "signature.canonical.exists",
            "signature.coverage.all-parts",
            "signature.reference.parent",
            "signature.structure.one-shape",
            "signature.transform.closed",
        ],
    ),
    // There is no ticket for a challenge that nobody knows, which is another ground.
    ("login.challenge.own", &["login.refused.code"]),
    // The card has signed, and it counts as one that has not.
    ("login.reception.possession", &["login.answer.context"]),
    // A receipt for another notice is a receipt.
    ("message.relates-to.answered", &["linkage.disclosure.required"]),
    // A notice is sent about what should have been refused, and does not fit the query.
    ("message.usage-directive.purpose", &["linkage.disclosure.content"]),
    ("envelope.use.once", &["linkage.disclosure.content"]),
    ("linkage.query.form", &["linkage.disclosure.content"]),
    // The answer to a request with no sense has none either.
    (
        "mapping.input.count",
        &["mapping.input.each-answered", "mapping.status.levels", "message.answer.signed"],
    ),
    ("mapping.unambiguous", &["envelope.issue.name-id"]),
    // An envelope for another purpose is forwarded.
    ("requester.envelope.check", &["requester.query.purpose"]),
];

/// A switch, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultName {
    /// What turns it on.
    pub name: String,
    /// The sentences that a party with it breaks, the one that it is for first. None for one that is about no message.
    pub sentences: Vec<&'static str>,
    /// The profile whose products have it, where the sentences do not tell.
    pub profile: Option<&'static str>,
    /// What it does, in Japanese.
    pub ja: String,
    /// What it does, in English.
    pub en: String,
}

/// Every switch.
#[must_use]
pub fn fault_names() -> Vec<FaultName> {
    let skipped = SKIPPABLE.iter().map(|&sentence| FaultName {
        name: format!("skips:{sentence}"),
        sentences: [sentence].into_iter().chain(also(sentence)).collect(),
        profile: None,
        ja: format!("{sentence} を検査しない"),
        en: format!("Does not check {sentence}."),
    });
    let sent = Sent::ALL.iter().map(|fault| FaultName {
        name: fault.name().to_owned(),
        sentences: fault.sentences().to_vec(),
        profile: fault.profile(),
        ja: fault.ja().to_owned(),
        en: fault.en().to_owned(),
    });
    let own = Own::ALL.iter().map(|fault| {
        let (name, sentence, ja, en) = fault.describe();
        let (name, ja, en) = (name.to_owned(), ja.to_owned(), en.to_owned());
        FaultName { name, sentences: vec![sentence], profile: fault.profile(), ja, en }
    });
    let stubs = Stub::ALL.iter().map(|stub| {
        let (name, ja, en) = stub.describe();
        let (name, ja, en) = (name.to_owned(), ja.to_owned(), en.to_owned());
        FaultName { name, sentences: Vec::new(), profile: None, ja, en }
    });
    skipped.chain(sent).chain(own).chain(stubs).collect()
}

fn also(sentence: &str) -> impl Iterator<Item = &'static str> {
    let rows = ALSO.iter().filter(move |(skipped, _)| *skipped == sentence);
    rows.flat_map(|(_, also)| also.iter().copied()).collect::<Vec<_>>().into_iter()
}

/// How many names a misspelt one may have meant.
const NEAREST: usize = 3;

/// What a party does wrong. Nothing, unless it is told to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    skipped: BTreeSet<&'static str>,
    sent: BTreeSet<Sent>,
    own: BTreeSet<Own>,
    stub: Option<Stub>,
}

impl Faults {
    /// These faults, by the names of [`fault_names`].
    ///
    /// # Errors
    /// [`WorldError::Fault`] for another name, with the nearest ones that there are.
    pub fn named<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, WorldError> {
        let mut faults = Self::default();
        for name in names {
            let name = name.as_ref();
            let skipped = name.strip_prefix("skips:");
            let skipped = skipped.and_then(|id| SKIPPABLE.iter().find(|&&sentence| sentence == id));
            let own = Own::ALL.into_iter().find(|own| own.describe().0 == name);
            let stub = Stub::ALL.into_iter().find(|stub| stub.describe().0 == name);
            if let Some(stub) = stub {
                faults.stub = Some(stub);
                if stub == Stub::AcceptsEverything {
                    faults.skipped.extend(SKIPPABLE);
                }
            } else if let Some(sentence) = skipped {
                faults.skipped.insert(sentence);
            } else if let Some(sent) = Sent::from_name(name) {
                faults.sent.insert(sent);
            } else if let Some(own) = own {
                faults.own.insert(own);
            } else {
                return Err(WorldError::Fault { name: name.to_owned(), nearest: nearest(name) });
            }
        }
        Ok(faults)
    }

    /// Whether the party does nothing wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn checks(&self) -> Checks {
        let fractions = self.has(Own::CutsFractions).then_some("fractions");
        Checks::danger_skipping(self.skipped.iter().copied().chain(fractions))
    }

    pub(crate) fn sent(&self) -> SentFaults {
        SentFaults::new(self.sent.iter().copied())
    }

    pub(crate) const fn stub(&self) -> Option<Stub> {
        self.stub
    }

    pub(crate) fn has(&self, fault: Own) -> bool {
        self.own.contains(&fault)
    }
}

/// The switches whose names take few changes, the nearest first; of a switch that skips something, others that do.
fn nearest(name: &str) -> Vec<String> {
    let enough = name.chars().count() / 3 + 1;
    let kind = |name: &str| name.starts_with("skips:");
    let names = fault_names().into_iter().map(|fault| fault.name).filter(|known| kind(known) == kind(name));
    let mut near: Vec<_> = names.map(|known| (distance(&known, name), known)).collect();
    near.retain(|(far, _)| *far <= enough);
    near.sort();
    near.into_iter().map(|(_, known)| known).take(NEAREST).collect()
}

/// Levenshtein's distance.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (at, from) in one.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        let mut next = vec![left];
        for (to, above) in other.chars().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(from != to)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_switch_can_be_named_once() {
        let names = fault_names();
        let different: BTreeSet<_> = names.iter().map(|fault| &fault.name).collect();
        assert_eq!(names.len(), different.len());
        let known = |(skipped, _): &(&str, _)| SKIPPABLE.contains(skipped);
        assert!(ALSO.iter().all(known));
        for fault in &names {
            assert!(!Faults::named([&fault.name]).unwrap().is_empty(), "{}", fault.name);
        }
        assert!(Faults::named::<&str>([]).unwrap().is_empty());
    }

    #[test]
    fn a_misspelt_switch_is_answered_with_the_nearest() {
        let near = |name: &str| match Faults::named([name]) {
            Err(WorldError::Fault { nearest, .. }) => nearest.into_iter().next().unwrap_or_default(),
            other => panic!("{other:?}"),
        };
        assert_eq!(near("skips:message.to.is-reciever"), "skips:message.to.is-receiver");
        assert_eq!(near("LogNumber"), "LogsNumber");
        assert_eq!((near("skips:nope"), near("frobnicate")), (String::new(), String::new()));
        assert_eq!((distance("kitten", "sitting"), distance("", "ab"), distance("a", "a")), (3, 2, 0));
    }

    /// A switch without a check does nothing, and a check without a switch cannot be shown to matter.
    #[test]
    fn there_is_a_switch_for_every_check_and_a_check_for_every_switch() {
        let (mut checked, mut named) = (BTreeSet::new(), BTreeSet::new());
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut open: Vec<_> =
            ["idwsf", "profile", "relay", "world"].map(|name| crates.join(name).join("src")).into();
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if !path.ends_with("faults.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap();
                named.extend(
                    code.split('"')
                        .filter(|word| (2..=3).contains(&word.split('.').count()))
                        .map(str::to_owned),
                );
                for call in [".require(", ".skips(", "holds(", "http("] {
                    for arguments in code.split(call).skip(1) {
                        let mut words = arguments.split('"');
                        let before = words.next().unwrap_or_default().trim();
                        let id = words.next().unwrap_or_default();
                        if before.is_empty() && (2..=3).contains(&id.split('.').count()) {
                            checked.insert(id.to_owned());
                        }
                    }
                }
            }
        }
        let switched: BTreeSet<String> = SKIPPABLE.iter().map(|&id| id.to_owned()).collect();
        // A requester's own caution; the sentence is for those who answer, and `AddsItems` breaks it.
        checked.remove("linkage.answer.items");
        let missing: Vec<_> = checked.difference(&switched).collect();
        let idle: Vec<_> = switched.difference(&named).collect();
        assert!(missing.is_empty() && idle.is_empty(), "no switch: {missing:?}; no check: {idle:?}");
        assert!(checked.len() > 30, "the search finds too little: {checked:?}");
    }
}
