//! Cases: what the suite does, as tables where possible.
//!
//! A case in a table is one valid message with one bend. Its twin is the same message unbent, which has to be accepted in
//! the same run; what is judged is a judge's matter.

use chukei_evidence as evidence;
use chukei_forge::mutation::Mutation;
use chukei_harness::{Broken, Draft, Face, Terminal, Visit};
use chukei_spec::{Role, Sentence, req};

use crate::{acts, cases::withholding, run::Stage};

/// A case: what is known of it, and what it does.
pub struct Case {
    /// What is known of it.
    pub about: evidence::Case,
    /// What it does.
    pub play: Play,
    /// Rows of the catalogue of attacks that it covers.
    pub rows: &'static [&'static str],
}

/// What a case does.
#[derive(Clone, Copy)]
pub enum Play {
    /// Sends or answers the usual message of a kind: the twin of all its bends.
    Usual(Kind),
    /// The same with one bend, then asks whether the product is alive.
    Bent(Kind, Bend),
    /// The same between two looks at the person's history.
    Watched(Kind, Bend),
    /// The usual message of a kind, while the party that the product calls for it shows the certificate of this one.
    Disguised(Kind, &'static str),
    /// Anything else.
    Scene(fn(&Face) -> Result<(), Broken>),
    /// Commands to a card.
    Card(fn(&Terminal) -> Result<(), Broken>),
    /// Visits to a terminal, in this order.
    Visits(&'static [Visit]),
}

/// The kinds of messages that the suite sends to a product, or answers it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ④ to a responder.
    Query,
    /// The same from the relay, on behalf of the requester.
    RelayedIn,
    /// ① to a relay.
    Mapping,
    /// A notice of disclosure to a relay.
    Notice,
    /// A question for the access history to a relay.
    History,
    /// ※ to a relay.
    Relayed,
    /// ⑥ to a relay that carries a query.
    RelayedAnswer,
    /// A request for a challenge to a relay.
    Challenge,
    /// An access application to a relay.
    Application,
    /// A response to a challenge, to a relay.
    Response,
    /// A ticket of the card door, to a relay.
    Ticket,
    /// A reception to a relay.
    Reception,
    /// A question for the proof of a history to a relay.
    Proof,
    /// ① to a relay that shall withhold it from the person.
    Withheld,
    /// A question for the state of a ledger to a relay.
    Status,
    /// ③ to a requester.
    MappingAnswer,
    /// ⑥ to a requester.
    LinkageAnswer,
}

/// One bend of a message.
#[derive(Clone, Copy)]
pub enum Bend {
    /// A change of the draft.
    Own(fn(&mut Draft)),
    /// A named mutation of the forge, on the message.
    Message(&'static Mutation),
    /// A named mutation of the forge, on the envelope in it.
    Envelope(&'static Mutation),
}

/// A line of a table.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) sentence: &'static Sentence,
    pub(crate) deviation: &'static str,
    pub(crate) bend: fn(&mut Draft),
    pub(crate) rows: &'static [&'static str],
}

/// A table of bends: id, sentence, declared deviation, rows of the catalogue of attacks, bend.
macro_rules! bends {
    ($( $id:literal $sentence:literal $deviation:literal [$($row:literal),*] $bend:expr; )*) => {
        &[$( $crate::case::Row {
            id: $id,
            sentence: chukei_spec::req!($sentence),
            deviation: $deviation,
            bend: $bend,
            rows: &[$($row),*],
        } ),*]
    };
}
pub(crate) use bends;

impl Kind {
    /// The role of the product that takes it.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Query | Self::RelayedIn => Role::Responder,
            Self::Mapping | Self::Notice | Self::History | Self::Relayed | Self::RelayedAnswer => Role::Relay,
            Self::Challenge | Self::Application | Self::Response => Role::Relay,
            Self::Ticket | Self::Reception => Role::Relay,
            Self::Proof | Self::Withheld | Self::Status => Role::Ledger,
            Self::MappingAnswer | Self::LinkageAnswer => Role::Requester,
        }
    }

    /// As ids spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::RelayedIn => "relayed-query",
            Self::Mapping => "mapping",
            Self::Notice => "notice",
            Self::History => "history",
            // An answer is bent on the way of a query, so that they have one twin.
            Self::Relayed | Self::RelayedAnswer => "relayed",
            Self::Challenge => "login-challenge",
            Self::Application => "login-application",
            Self::Response => "login-response",
            Self::Ticket => "login-tls",
            Self::Reception => "login-reception",
            Self::Proof => "proof",
            Self::Withheld => "withheld-mapping",
            Self::Status => "ledger-status",
            Self::MappingAnswer => "mapping-answer",
            Self::LinkageAnswer => "linkage-answer",
        }
    }

    /// The features that a product claims that takes it.
    pub(crate) const fn features(self) -> &'static [&'static str] {
        match self {
            Self::RelayedIn | Self::Relayed | Self::RelayedAnswer => &["relayed"],
            Self::Challenge | Self::Application | Self::Response | Self::Reception => &["login"],
            Self::Ticket => &["tls-login"],
            Self::Withheld => &[withholding::FEATURE],
            _ => &[],
        }
    }
}

impl Bend {
    /// Bends a draft.
    pub fn apply(self, draft: &mut Draft) {
        match self {
            Self::Own(bend) => bend(draft),
            Self::Message(mutation) => draft.mutation = Some(mutation),
            Self::Envelope(mutation) => draft.envelope().mutation = Some(mutation),
        }
    }
}

impl Case {
    /// The usual message of a kind.
    pub(crate) fn usual(kind: Kind, sentences: &[&'static Sentence]) -> Self {
        Self::new(kind.role(), kind.name(), None, "", sentences, Play::Usual(kind), kind.features())
    }

    /// A line of a table, for messages of a kind.
    pub(crate) fn row(kind: Kind, row: &Row) -> Self {
        let play = Play::Bent(kind, Bend::Own(row.bend));
        let twin = Some(full(kind.role(), kind.name()));
        let case =
            Self::new(kind.role(), row.id, twin, row.deviation, &[row.sentence], play, kind.features());
        Self { rows: row.rows, ..case }
    }

    /// The same where nothing may be recorded of the message.
    pub(crate) fn watched(kind: Kind, row: &Row) -> Self {
        Self { play: Play::Watched(kind, Bend::Own(row.bend)), ..Self::row(kind, row) }
    }

    /// The usual message of a kind, while whoever the product calls for it shows the certificate of `other`.
    pub(crate) fn disguised(kind: Kind, id: &str, other: &'static str) -> Self {
        let (twin, deviation) =
            (full(kind.role(), kind.name()), format!("tls.server={}", other.trim_end_matches(':')));
        let sentences = &[req!("transport.tls.server")];
        let play = Play::Disguised(kind, other);
        Self::new(kind.role(), id, Some(twin), &deviation, sentences, play, kind.features())
    }

    /// A named mutation of the forge.
    pub(crate) fn mutation(
        (kind, area): (Kind, &str),
        mutation: &'static Mutation,
        sentences: &[&'static Sentence],
        bend: Bend,
    ) -> Self {
        let id = format!("{area}/{}", mutation.name);
        let deviation = format!("forge={}", mutation.name);
        let twin = Some(full(kind.role(), kind.name()));
        let play = Play::Bent(kind, bend);
        let case = Self::new(kind.role(), &id, twin, &deviation, sentences, play, kind.features());
        Self { rows: mutation.rows, ..case }
    }

    /// A scene.
    pub(crate) fn scene(
        role: Role,
        id: &str,
        (twin, deviation): (Option<&str>, &str),
        sentences: &[&'static Sentence],
        scene: fn(&Face) -> Result<(), Broken>,
    ) -> Self {
        Self::new(role, id, twin.map(|twin| full(role, twin)), deviation, sentences, Play::Scene(scene), &[])
    }

    /// Commands to a card.
    pub(crate) fn card(
        id: &str,
        sentences: &[&'static Sentence],
        scene: fn(&Terminal) -> Result<(), Broken>,
    ) -> Self {
        Self::new(Role::Card, id, None, "", sentences, Play::Card(scene), &[])
    }

    /// Visits to a terminal.
    pub(crate) fn visits(id: &str, sentences: &[&'static Sentence], visits: Vec<Visit>) -> Self {
        let play = Play::Visits(Box::leak(visits.into_boxed_slice()));
        Self::new(Role::Terminal, id, None, "", sentences, play, &[])
    }

    /// The same with rows of the catalogue of attacks.
    pub(crate) const fn covering(mut self, rows: &'static [&'static str]) -> Self {
        self.rows = rows;
        self
    }

    /// The same for products that claim these features only.
    pub(crate) const fn needing(mut self, features: &'static [&'static str]) -> Self {
        self.about.features = features;
        self
    }

    fn new(
        role: Role,
        id: &str,
        twin: Option<&'static str>,
        deviation: &str,
        sentences: &[&'static Sentence],
        play: Play,
        features: &'static [&'static str],
    ) -> Self {
        let about = evidence::Case {
            id: full(role, id),
            twin,
            deviation: forever(deviation),
            role,
            sentences: Box::leak(sentences.to_vec().into_boxed_slice()),
            features,
        };
        Self { about, play, rows: &[] }
    }

    /// Plays the case. The face has begun it.
    ///
    /// # Errors
    /// What the product lacks.
    pub fn play(&self, stage: &Stage) -> Result<(), Broken> {
        match (self.play, stage) {
            (Play::Usual(kind), Stage::Face(face)) => acts::usual(face, kind),
            (Play::Bent(kind, bend), Stage::Face(face)) => acts::bent(face, kind, bend),
            (Play::Watched(kind, bend), Stage::Face(face)) => acts::watched(face, kind, bend),
            (Play::Disguised(kind, other), Stage::Face(face)) => acts::disguised(face, kind, other),
            (Play::Scene(scene), Stage::Face(face)) => scene(face),
            (Play::Card(scene), Stage::Terminal(terminal)) => scene(terminal),
            (Play::Visits(visits), Stage::Visitor(visitor)) => {
                visits.iter().try_for_each(|visit| visitor.visit(visit).map(drop))
            }
            _ => Err(Broken::Suite(format!("{} is played on the wrong stage", self.about.id))),
        }
    }
}

/// The id of a case of a role.
fn full(role: Role, id: &str) -> &'static str {
    forever(&format!("{}/{id}", role.name()))
}

/// The tables are made once and live as long as the process.
fn forever(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
