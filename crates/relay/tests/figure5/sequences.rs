//! Random sequences of sound, repeated, late and misdelivered messages. Whatever the order: no message and no envelope is
//! accepted twice, no answer is taken for another request, every answer with data has its entry in the history first, and
//! histories have no gap.

use chukei_profile::{
    Scheme,
    history::{Kind, Range},
    linkage::Item,
};
use chukei_relay::{Asking, Disclosing, Mapping, Outgoing, Reply, Step};
use proptest::prelude::*;

use crate::world::*;

#[derive(Clone, Copy, Debug)]
enum Action {
    /// A new mapping request about this person.
    Map(usize),
    /// Deliver a mapping request, again if it was before.
    Deliver(usize),
    /// Take an answer for a request: perhaps another one's.
    Take(usize, usize),
    /// Send a query with the next envelope.
    Query,
    /// Deliver a query, again if it was before, so many seconds later.
    Ask(usize, i64),
    /// Give a responder's pending answer a receipt: perhaps another one's.
    Receipt(usize, usize),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        (0..2usize).prop_map(Action::Map),
        (0..4usize).prop_map(Action::Deliver),
        (0..4usize, 0..4usize).prop_map(|(a, b)| Action::Take(a, b)),
        Just(Action::Query),
        (0..4usize, prop_oneof![Just(0), Just(100), Just(1000)]).prop_map(|(a, b)| Action::Ask(a, b)),
        (0..4usize, 0..4usize).prop_map(|(a, b)| Action::Receipt(a, b)),
    ];
    prop::collection::vec(action, 1..40)
}

/// A mapping request, as it waits and as it is delivered.
struct Mapped {
    waiting: Option<Mapping>,
    request: Outgoing<()>,
    delivered: usize,
}

/// A query, and how often B has taken it.
struct Sent {
    query: Outgoing<Asking>,
    taken: usize,
}

#[derive(Default)]
struct Run {
    mapping: Vec<Mapped>,
    answers: Vec<(usize, Reply)>,
    envelopes: Vec<chukei_relay::Envelope>,
    queries: Vec<Sent>,
    disclosing: Vec<(usize, Option<Disclosing>, Reply)>,
    disclosed: usize,
}

impl Run {
    fn step(&mut self, world: &World, action: Action) {
        match action {
            Action::Map(person) => {
                let sent = world.map(&[ask(person)]);
                let request = with_body(&sent, sent.body.clone());
                self.mapping.push(Mapped { waiting: Some(sent.pending), request, delivered: 0 });
            }
            Action::Deliver(at) => {
                let Some(sent) = self.mapping.get_mut(at) else { return };
                let reply = world.relay(&sent.request, A);
                assert_eq!(reply.refusal.is_none(), sent.delivered == 0, "accepted once");
                sent.delivered += 1;
                if reply.refusal.is_none() {
                    self.answers.push((at, reply));
                }
            }
            Action::Take(at, answer_at) => {
                let Some((of, reply)) = self.answers.get(answer_at) else { return };
                let Some(waiting) = self.mapping.get_mut(at).and_then(|sent| sent.waiting.take()) else {
                    return;
                };
                let mapped = world.a.take_mapping(waiting, &answer(reply), NOW);
                assert!(mapped.is_err() || *of == at, "an answer to another request");
                for (_, result) in mapped.map(|mapped| mapped.results).unwrap_or_default() {
                    self.envelopes.push(result.unwrap());
                }
            }
            Action::Query => {
                let Some(envelope) = self.envelopes.pop() else { return };
                let query = world.a.query(envelope, &Item::ALL, None, NOW).unwrap();
                self.queries.push(Sent { query, taken: 0 });
            }
            Action::Ask(at, late) => {
                let Some(sent) = self.queries.get_mut(at) else { return };
                match world.b.handle(&request(&sent.query, A), later(late)) {
                    Step::Send(notice) => {
                        assert!(sent.taken == 0 && late < 300, "a query taken once, and in time");
                        sent.taken += 1;
                        let receipt = world.relay(&notice, B);
                        assert_eq!(receipt.status, 200);
                        self.disclosing.push((at, Some(notice.pending), receipt));
                        self.disclosed += 1;
                    }
                    Step::Reply(reply) => assert!(reply.refusal.is_some()),
                    #[cfg(feature = "danger-faults")]
                    Step::DangerReplyThenSend(..) => panic!("a fault"),
                }
            }
            Action::Receipt(at, receipt_at) => {
                let Some(receipt) = self.disclosing.get(receipt_at).map(|(.., receipt)| receipt.body.clone())
                else {
                    return;
                };
                let Some((_, pending, _)) = self.disclosing.get_mut(at) else { return };
                let Some(pending) = pending.take() else { return };
                let receipt = chukei_relay::PeerAnswer { status: 200, body: &receipt };
                let reply = world.b.complete(pending, Some(&receipt), NOW);
                assert!(reply.refusal.is_some() || at == receipt_at, "a receipt for another disclosure");
            }
        }
    }

    fn check(&self, world: &World) {
        let log = world.log.all().unwrap();
        let count = |kind| log.iter().filter(|entry| entry.kind == kind).count();
        let mapped = self.mapping.iter().filter(|sent| sent.delivered > 0).count();
        assert_eq!((count(Kind::Mapping), count(Kind::Disclosure)), (mapped, self.disclosed));
        for care in &CARE[..2] {
            let sent = world
                .portal
                .history(A, &number(Scheme::CareInsured, care).into(), Range::default(), NOW)
                .unwrap();
            let shown = world.relay(&sent, PORTAL);
            let history = world.portal.take_history(sent.pending, &answer(&shown), NOW).unwrap();
            assert!(history.entries.iter().map(|entry| entry.number).eq(1..=history.entries.len() as u64));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_accepted_twice_or_for_another(actions in actions()) {
        let world = World::new();
        let mut run = Run::default();
        for action in actions {
            run.step(&world, action);
        }
        run.check(&world);
    }
}

#[test]
fn of_two_concurrent_uses_one_is_the_first() {
    let world = World::new();
    let sent = world.query();
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| usize::from(matches!(world.b.handle(&request(&sent, A), NOW), Step::Send(_))))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
}

/// The run does come to its end, so that the property above is about something.
#[test]
fn a_run_reaches_a_disclosure() {
    let world = World::new();
    let mut run = Run::default();
    let actions = [
        Action::Map(0),
        Action::Deliver(0),
        Action::Deliver(0),
        Action::Take(0, 0),
        Action::Query,
        Action::Ask(0, 0),
        Action::Ask(0, 0),
        Action::Receipt(0, 0),
    ];
    for action in actions {
        run.step(&world, action);
    }
    run.check(&world);
    assert_eq!((run.disclosed, run.disclosing.len()), (1, 1));
}
