//! The requester's errand (figure 5, ① to ⑥), and what became of it.

use std::sync::Arc;

use chukei_crypto::UnixTime;
use chukei_profile::linkage::{Answer, Benefit, Eligibility, Item};
use chukei_profile::login::{Challenge, Login, LoginAnswer, SESSION};
use chukei_profile::{
    Date, Identifier, Purpose, Scheme,
    history::{History, Range},
    proof::{LedgerStatus, Proof},
};
use chukei_relay::{Ask, Commitment, Mapped, Outgoing, PeerAnswer, Refusal, Requester, Whom};
use serde::{Deserialize, Serialize};

use crate::core::{Core, blocking};
use crate::people::Number;
use crate::register::identifier;
use crate::state::Kind;

/// What a requester is told to ask: the act `link` of test control.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Link {
    /// Scheme of our own number.
    pub scheme: String,
    /// Our own number.
    pub number: String,
    /// Scheme of the number that is wanted.
    pub wanted: String,
    /// Entity identifier of whom to ask; whoever has a number otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What for.
    pub purpose: String,
    /// What is asked.
    pub items: Vec<String>,
    /// The day that is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// `direct`, or through the `relay`.
    #[serde(default)]
    pub via: Via,
}

/// Who presents the envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// The requester.
    #[default]
    Direct,
    /// The relay, on the requester's behalf.
    Relay,
}

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// How it ended.
    pub state: Ending,
    /// The party's own word for it.
    pub code: String,
    /// What it would show to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Shown>,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// As it should.
    Accepted,
    /// It was refused, by somebody.
    Rejected,
    /// Not yet.
    Pending,
}

/// An answer, as shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// `OK` or `NoData`.
    pub status: String,
    /// 資格.
    pub eligibility: Vec<ShownEligibility>,
    /// 給付.
    pub benefits: Vec<ShownBenefit>,
    /// The relay's receipts for the mapping; test control does not tell them.
    #[serde(skip)]
    pub receipts: Box<[Commitment]>,
}

/// Eligibility, as shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names are the standard's")]
pub struct ShownEligibility {
    pub scheme: String,
    pub insurer: String,
    pub from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    pub as_of: String,
    pub recorded_at: String,
    pub validity: String,
}

/// A benefit, as shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub struct ShownBenefit {
    pub kind: String,
    pub from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
}

impl Link {
    /// Asks `target` for everything about the person with this number, to settle the combined costs.
    #[must_use]
    pub fn new(number: &Number, wanted: Scheme, target: &str) -> Self {
        Self {
            scheme: format!("urn:chukei:1.0:identifier:{}", number.scheme),
            number: number.value.clone(),
            wanted: wanted.uri().to_owned(),
            target: Some(target.to_owned()),
            purpose: Purpose::CombinedHighCost.uri().to_owned(),
            items: Item::ALL.iter().map(|item| item.name().to_owned()).collect(),
            as_of: None,
            via: Via::Direct,
        }
    }
}

/// The number does not show.
impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("target", &self.target).field("via", &self.via).finish_non_exhaustive()
    }
}

impl Outcome {
    pub(crate) fn accepted(code: &str) -> Self {
        Self { state: Ending::Accepted, code: code.to_owned(), answer: None }
    }

    pub(crate) fn rejected(code: &str) -> Self {
        Self { state: Ending::Rejected, code: code.to_owned(), answer: None }
    }

    pub(crate) fn pending() -> Self {
        Self { state: Ending::Pending, code: "Pending".to_owned(), answer: None }
    }

    /// Nothing could be asked.
    pub(crate) fn failed(code: &str) -> Self {
        Self::rejected(code)
    }
}

/// A link whose words are known.
struct Errand {
    ask: Ask,
    purpose: Purpose,
    items: Vec<Item>,
    as_of: Option<Date>,
    via: Via,
}

/// The party's own word for a link that cannot be asked.
const INVALID: &str = "InvalidAct";

impl Errand {
    fn read(link: &Link) -> Option<Self> {
        let whom = match Scheme::from_uri(&link.scheme) {
            Some(scheme) => Identifier::new(scheme, &link.number).ok()?.into(),
            None if link.scheme == SESSION => Whom::Session(link.number.clone()),
            None => return None,
        };
        let (wanted, target) = (Scheme::from_uri(&link.wanted)?, link.target.clone());
        Some(Self {
            ask: Ask { req_id: "r1".to_owned(), whom, wanted, target, via_relay: link.via == Via::Relay },
            purpose: Purpose::from_uri(&link.purpose)?,
            items: link.items.iter().map(|item| Item::from_name(item)).collect::<Option<_>>()?,
            as_of: match &link.as_of {
                Some(day) => Some(Date::parse(day)?),
                None => None,
            },
            via: link.via,
        })
    }
}

/// The party's own word for what went wrong.
fn code(outcome: Outcome) -> String {
    outcome.code
}

fn refused(refusal: &Refusal) -> Outcome {
    Outcome::rejected(&refusal.reason().to_string())
}

impl Core {
    /// Runs the errand to its end.
    pub(crate) async fn link(self: Arc<Self>, link: Link) -> Outcome {
        self.errand(&link).await.unwrap_or_else(|outcome| outcome)
    }

    async fn errand(self: &Arc<Self>, link: &Link) -> Result<Outcome, Outcome> {
        let Errand { ask, purpose, items, as_of, via } =
            Errand::read(link).ok_or_else(|| Outcome::rejected(INVALID))?;

        // ① and ③
        let asked = self.exchange(move |asks, now| asks.map(&[ask], purpose, now), Requester::take_mapping);
        let Mapped { results, receipts } = asked.await?;
        let result = results.into_iter().next().map(|(_, result)| result);
        let envelope = match result {
            Some(Ok(envelope)) => envelope,
            Some(Err(code)) => return Err(Outcome::rejected(&code)),
            None => return Err(Outcome::rejected("NoAnswer")),
        };

        // ④ and ⑥
        let query = move |asks: &Requester, now| match via {
            Via::Direct => asks.query(envelope, &items, as_of, now),
            Via::Relay => asks.query_via_relay(envelope, &items, as_of, now),
        };
        let answer = self.exchange(query, Requester::take_answer).await?;
        Ok(Outcome { answer: Some(shown(&answer, receipts)), ..Outcome::accepted(&answer.status.code) })
    }

    /// Asks the relay, as a portal, for somebody's history.
    pub(crate) async fn history(self: Arc<Self>, number: &Number) -> Result<History, String> {
        let party = crate::folder::entity(&number.party);
        let whom = Whom::Number(identifier(number).map_err(|_| INVALID.to_owned())?);
        self.history_about(party, whom, Range::default()).await
    }

    /// The same for who has logged in.
    pub(crate) async fn history_of(
        self: Arc<Self>,
        session: String,
        range: Range,
    ) -> Result<History, String> {
        self.history_about(String::new(), Whom::Session(session), range).await
    }

    async fn history_about(
        self: &Arc<Self>,
        party: String,
        whom: Whom,
        range: Range,
    ) -> Result<History, String> {
        let ask = move |asks: &Requester, now| asks.history(&party, &whom, range, now);
        self.exchange(ask, Requester::take_history).await.map_err(code)
    }

    /// Asks the relay, as a portal, for the proof of the history of who has logged in.
    pub(crate) async fn proof_of(
        self: Arc<Self>,
        session: String,
        since: Option<u64>,
    ) -> Result<Proof, String> {
        let ask = move |asks: &Requester, now| asks.proof("", &Whom::Session(session), since, now);
        self.exchange(ask, Requester::take_proof).await.map_err(code)
    }

    /// Asks the relay how its ledger stands.
    pub(crate) async fn ledger_status(self: Arc<Self>) -> Result<LedgerStatus, String> {
        self.exchange(Requester::ledger_status, Requester::take_ledger_status).await.map_err(code)
    }

    /// Asks the relay for a challenge.
    pub(crate) async fn challenge(self: Arc<Self>) -> Result<Challenge, String> {
        self.exchange(Requester::challenge, Requester::take_challenge).await.map_err(code)
    }

    /// Asks the relay to log somebody in.
    pub(crate) async fn login(
        self: Arc<Self>,
        login: Login,
        purpose: Purpose,
    ) -> Result<LoginAnswer, String> {
        let ask = move |asks: &Requester, now| asks.login(&login, purpose, now);
        self.exchange(ask, Requester::take_login).await.map_err(code)
    }

    /// Asks, and takes what comes back.
    async fn exchange<P: Send + 'static, T: Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Requester, UnixTime) -> Result<Outgoing<P>, Refusal> + Send + 'static,
        take: fn(&Requester, P, &PeerAnswer<'_>, UnixTime) -> Result<T, Refusal>,
    ) -> Result<T, Outcome> {
        let outgoing = self.asking(ask).await?;
        let (pending, came) = self.send(outgoing).await;
        let came = came.map_err(Outcome::rejected)?;
        self.asking(move |asks, now| take(asks, pending, &came.as_answer(), now)).await
    }

    /// One step of a requester, off the threads that serve others.
    async fn asking<T: Send + 'static>(
        self: &Arc<Self>,
        step: impl FnOnce(&Requester, UnixTime) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Outcome> {
        let this = Arc::clone(self);
        let done = blocking(move || match &this.state().kind {
            Kind::Requester(requester) => {
                step(requester, this.clock().now()).map_err(|refusal| refused(&refusal))
            }
            Kind::Relay(_) | Kind::Responder(_) => Err(Outcome::rejected("NoRequester")),
        });
        done.await.unwrap_or_else(|| Err(Outcome::rejected("Internal")))
    }
}

fn shown(answer: &Answer, receipts: Vec<Commitment>) -> Shown {
    Shown {
        receipts: receipts.into(),
        status: answer.status.code.clone(),
        eligibility: answer.eligibility.iter().map(ShownEligibility::new).collect(),
        benefits: answer.benefits.iter().map(ShownBenefit::new).collect(),
    }
}

impl ShownEligibility {
    fn new(told: &Eligibility) -> Self {
        Self {
            scheme: told.scheme.uri().to_owned(),
            insurer: told.insurer.clone(),
            from: told.from.as_str().to_owned(),
            until: told.until.as_ref().map(|until| until.as_str().to_owned()),
            as_of: told.as_of.as_str().to_owned(),
            recorded_at: told.recorded_at.format(),
            validity: told.validity.name().to_owned(),
        }
    }
}

impl ShownBenefit {
    fn new(told: &Benefit) -> Self {
        Self {
            kind: told.kind.clone(),
            from: told.from.as_str().to_owned(),
            until: told.until.as_ref().map(|until| until.as_str().to_owned()),
            amount: told.amount,
        }
    }
}
