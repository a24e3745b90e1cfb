//! Who a sentence binds, how strongly, and how it is shown to be kept.

/// Whom a sentence binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Any party that takes a message in.
    Receiver,
    /// Any party that makes a message.
    Sender,
    /// The relay database (中継DB).
    Relay,
    /// Insurer A (照会元).
    Requester,
    /// Insurer B (照会先).
    Responder,
    /// Who makes a product, or the product under test as such.
    Vendor,
    /// A chip card.
    Card,
    /// What reads cards: the terminal of a medical institution, or the reader software of a portal.
    Terminal,
    /// A relay's access ledger (台帳).
    Ledger,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 9] = [
        Self::Receiver,
        Self::Sender,
        Self::Relay,
        Self::Requester,
        Self::Responder,
        Self::Vendor,
        Self::Card,
        Self::Terminal,
        Self::Ledger,
    ];

    /// As chapters and profiles spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Sender => "sender",
            Self::Relay => "relay",
            Self::Requester => "requester",
            Self::Responder => "responder",
            Self::Vendor => "vendor",
            Self::Card => "card",
            Self::Terminal => "terminal",
            Self::Ledger => "ledger",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// How strongly a sentence binds (RFC 2119, RFC 8174).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// MUST.
    Must,
    /// MUST NOT.
    MustNot,
    /// SHOULD.
    Should,
    /// SHOULD NOT.
    ShouldNot,
    /// MAY.
    May,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 5] = [Self::Must, Self::MustNot, Self::Should, Self::ShouldNot, Self::May];

    /// The English keyword.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
            Self::May => "MAY",
        }
    }

    /// Japanese endings that say it.
    #[must_use]
    pub const fn japanese(self) -> &'static [&'static str] {
        match self {
            Self::Must => &["なければならない", "なければならず"],
            Self::MustNot => &["てはならない", "てはならず", "ではならない", "ではならず"],
            Self::Should => &["べきである"],
            Self::ShouldNot => &["べきではない"],
            Self::May => &["てよい", "でよい"],
        }
    }

    /// Whether a product that breaks the sentence does not conform.
    #[must_use]
    pub const fn is_mandatory(self) -> bool {
        matches!(self, Self::Must | Self::MustNot)
    }

    /// The level of this keyword.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// What stands in for a test where a sentence cannot be observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Substitute {
    /// Somebody looks: at code, a database, a configuration.
    Inspection,
    /// The owner declares it.
    Attestation,
}

impl Substitute {
    /// As chapters spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inspection => "inspection",
            Self::Attestation => "attestation",
        }
    }
}

/// Keywords of an English text, in order of appearance, each once.
#[must_use]
pub fn english_keywords(text: &str) -> Vec<Level> {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let negated = words.get(at.saturating_add(1)) == Some(&"NOT");
        let level = match (*word, negated) {
            ("MUST", false) => Level::Must,
            ("MUST", true) => Level::MustNot,
            ("SHOULD", false) => Level::Should,
            ("SHOULD", true) => Level::ShouldNot,
            ("MAY", _) => Level::May,
            _ => continue,
        };
        if !found.contains(&level) {
            found.push(level);
        }
    }
    found
}

/// Keywords of a Japanese text, strongest first.
#[must_use]
pub fn japanese_keywords(text: &str) -> Vec<Level> {
    let says = |level: &Level| level.japanese().iter().any(|ending| text.contains(ending));
    Level::ALL.into_iter().filter(says).collect()
}
