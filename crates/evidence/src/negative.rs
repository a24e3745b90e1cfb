//! When a negative case passes.

use crate::{Dead, Exchange, Finding, Phrase, Place, Verdict};

/// What a negative case and its twin look like from outside. One function finds it out for both, so that a product
/// that refuses everything, or answers nothing, shows up in the twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The product refused, visibly: a fault, a refusing status, or a refused change of state seen by a later query.
    Refused(Vec<Place>),
    /// The product did what was asked.
    Accepted {
        /// What shows it.
        observed: Phrase,
        /// Where.
        at: Vec<Place>,
    },
    /// Neither can be seen. Silence is here.
    Neither {
        /// What would have to be seen.
        missing: Phrase,
    },
}

impl Seen {
    /// Whether the product did what was asked.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

/// **The policy for negative cases.** `code` is the reason code of the violation.
///
/// A negative case passes only if all of these hold:
///
/// * (a) its twin, which differs in the declared deviation only, was accepted in the same run;
/// * (b) the deviation was delivered;
/// * (c) the product answered something valid afterwards, and did not refuse it;
/// * (d) the refusal is visible.
///
/// An accepted deviation is a violation whatever else is missing, and so is a product that the deviation has killed
/// after its twin had been accepted. Everything else that is missing makes the case unreached, never passed.
pub fn negative(exchange: &Exchange<'_>, code: &str, see: fn(&Exchange<'_>) -> Seen) -> Verdict {
    let expected = || Phrase::key("expected.refusal", [exchange.deviation()]);
    if exchange.deviation().is_empty() {
        return Verdict::unreached(Phrase::plain("missing.deviation"));
    }
    // (b)
    let Some((_, delivered)) = exchange.delivered() else {
        return Verdict::unreached(Phrase::key("missing.delivery", [exchange.deviation()]));
    };
    let seen = see(exchange);
    if let Seen::Accepted { observed, at } = seen {
        return Finding::new(code, expected(), observed).at(at);
    }
    // (a)
    let Some(twin) = exchange.twin() else {
        return Verdict::unreached(Phrase::key("missing.twin", exchange.twin_id()));
    };
    if !see(&twin).is_accepted() {
        return Verdict::unreached(Phrase::key("missing.twin-accepted", exchange.twin_id()));
    }
    // (c)
    match exchange.alive_after(delivered) {
        None => return Verdict::unreached(Phrase::plain("missing.probe")),
        Some((seq, Err(how))) => {
            let observed = match how {
                Dead::Silent(how) => Phrase::key("observed.dead", [how.name()]),
                Dead::Inside(status) => Phrase::key("observed.dead-inside", [status.to_string()]),
            };
            let at = [Place::from(seq), Place::from(delivered)];
            return Finding::new("product.dead", Phrase::plain("expected.alive"), observed).at(at);
        }
        Some((_, Ok(()))) => {}
    }
    // (d)
    match seen {
        Seen::Refused(_) => Verdict::Pass,
        Seen::Neither { missing } => Verdict::Unreached { missing },
        Seen::Accepted { observed, at } => Finding::new(code, expected(), observed).at(at),
    }
}
