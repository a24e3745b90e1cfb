//! What an inquiry is for.

/// A purpose of the standard; an inquiry has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// 高額介護合算療養費: the combined ceiling of medical and care costs.
    CombinedHighCost,
    /// 資格確認: whether somebody is insured.
    EligibilityCheck,
    /// 併給調整: benefits that exclude one another.
    BenefitAdjustment,
    /// アクセス履歴の閲覧: the person looks at the access history.
    History,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] =
        [Self::CombinedHighCost, Self::EligibilityCheck, Self::BenefitAdjustment, Self::History];

    /// The identifiers of every purpose.
    pub const URIS: &'static [&'static str] = &[
        Self::CombinedHighCost.uri(),
        Self::EligibilityCheck.uri(),
        Self::BenefitAdjustment.uri(),
        Self::History.uri(),
    ];

    /// Its identifier on the wire.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::CombinedHighCost => "urn:chukei:1.0:purpose:combined-high-cost",
            Self::EligibilityCheck => "urn:chukei:1.0:purpose:eligibility-check",
            Self::BenefitAdjustment => "urn:chukei:1.0:purpose:benefit-adjustment",
            Self::History => "urn:chukei:1.0:purpose:history",
        }
    }

    /// The purpose of this identifier.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.uri() == uri)
    }

    /// Its name in Japanese.
    #[must_use]
    pub const fn ja(self) -> &'static str {
        match self {
            Self::CombinedHighCost => "高額介護合算療養費",
            Self::EligibilityCheck => "資格確認",
            Self::BenefitAdjustment => "併給調整",
            Self::History => "アクセス履歴の閲覧",
        }
    }

    /// Its name in English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::CombinedHighCost => "combined ceiling of medical and care costs",
            Self::EligibilityCheck => "eligibility check",
            Self::BenefitAdjustment => "benefit adjustment",
            Self::History => "access history",
        }
    }
}
