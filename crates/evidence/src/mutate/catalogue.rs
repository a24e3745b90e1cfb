//! The mutators.

use super::{Mutator, Scene, scene::spread};
use crate::{Body, Event, NoAnswer, What};

/// Every mutator, in the order of the matrix.
pub const MUTATORS: &[Mutator] = &[
    Mutator {
        id: "empty",
        about: "Nothing was recorded, of the case or of its twin. Every judge has to say that it saw nothing.",
        bend: |scene| vec![scene.emptied()],
    },
    Mutator {
        id: "silence",
        about: "The product answers nothing and calls nobody: every answer becomes a time-out, every call is gone.",
        bend: silence,
    },
    Mutator { id: "drop", about: "One event is missing.", bend: drop_one },
    Mutator { id: "double", about: "One event stands twice.", bend: double_one },
    Mutator { id: "reorder", about: "Two neighbouring events change places.", bend: reorder },
    Mutator { id: "truncate", about: "The case stops after one of its events.", bend: truncate },
    Mutator {
        id: "party",
        about: "Another party stands at one end of one exchange, or behind its TLS.",
        bend: party,
    },
    Mutator {
        id: "hour",
        about: "What the product said, it said an hour later; or an hour earlier.",
        bend: hour,
    },
    Mutator { id: "bit", about: "One bit of one thing that the product said is flipped.", bend: bit },
    Mutator {
        id: "status",
        about: "One answer of the product has another HTTP status: 200 and 500 change places. One answer of a card has another \
                status word: 9000 becomes 6982, any other 9000.",
        bend: status,
    },
    Mutator { id: "bare", about: "One answer of the product comes without HTTP header fields.", bend: bare },
    Mutator {
        id: "stale",
        about: "One answer of the product is its answer before that, again.",
        bend: stale,
    },
    Mutator { id: "echo", about: "One answer of the product has the request behind it.", bend: echo },
    Mutator {
        id: "refuse",
        about: "The product refuses: one of its answers, or all, become a plain SOAP fault.",
        bend: refuse,
    },
    Mutator { id: "twin-refused", about: "The product refuses the twin as well.", bend: twin_refused },
    Mutator {
        id: "like-twin",
        about: "The product does after the deviation what it did in the twin. RelatesTo is carried over.",
        bend: like_twin,
    },
    Mutator {
        id: "renamed",
        about: "One answer of a card carries a status word that no sentence names.",
        bend: renamed,
    },
    Mutator {
        id: "counted",
        about: "One answer of a card that counts tries counts one more; or one less.",
        bend: counted,
    },
    Mutator { id: "dead", about: "The product does not answer the probe.", bend: dead },
    Mutator {
        id: "ended",
        about: "One visit to a terminal ends in another way: done becomes failed and failed done; or it does not end; or its \
                result is not told; or a PIN is shown.",
        bend: ended,
    },
];

fn silence<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let silent = |event: &Event| {
        let what = match &event.what {
            What::Answered { exchange, .. } | What::Responded { exchange, .. } => {
                What::NoAnswer { exchange: *exchange, how: NoAnswer::Timeout }
            }
            What::Reset { exchange, silent, token, .. } => {
                What::Reset { exchange: *exchange, atr: Body::default(), silent: *silent, token: *token }
            }
            What::Called { .. } | What::Replied { .. } => return None,
            What::Alive { exchange } => What::NotAlive { exchange: Some(*exchange), how: NoAnswer::Timeout },
            other => other.clone(),
        };
        Some(Event { what, ..event.clone() })
    };
    vec![scene.with(scene.events.iter().filter_map(silent).collect())]
}

/// Whether it opens or closes a case: what stands between is bent, and not the brackets.
const fn is_bracket(event: &Event) -> bool {
    matches!(event.what, What::CaseStart { .. } | What::CaseEnd { .. })
}

fn inner(scene: &Scene<'_>) -> Vec<usize> {
    scene.events.iter().enumerate().filter(|(_, event)| !is_bracket(event)).map(|(index, _)| index).collect()
}

fn drop_one<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let without = |index: usize| {
        let mut events = scene.events.to_vec();
        events.remove(index);
        scene.with(events)
    };
    spread(inner(scene)).into_iter().map(without).collect()
}

fn double_one<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let doubled = |index: usize| {
        let mut events = scene.events.to_vec();
        let again = events.get(index)?.clone();
        events.insert(index, again);
        Some(scene.with(events))
    };
    spread(inner(scene)).into_iter().filter_map(doubled).collect()
}

fn reorder<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let inner = inner(scene);
    let swapped = |at: usize| {
        let mut events = scene.events.to_vec();
        events.swap(*inner.get(at)?, *inner.get(at.checked_add(1)?)?);
        Some(scene.with(events))
    };
    spread((0..inner.len()).collect()).into_iter().filter_map(swapped).collect()
}

fn truncate<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let end = scene.events.last().filter(|event| is_bracket(event)).cloned();
    let cut = |index: usize| {
        let kept = scene.events.iter().take(index).cloned().chain(end.clone());
        scene.with(kept.collect())
    };
    spread(inner(scene)).into_iter().map(cut).collect()
}

fn party<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let parties: Vec<String> = scene.header().world.parties.iter().map(|party| party.name.clone()).collect();
    let other =
        |name: &str| parties.iter().find(|party| *party != name).cloned().unwrap_or_else(|| "nobody".into());
    let end = |what: &What| {
        let mut what = what.clone();
        match &mut what {
            What::Sent { from: name, .. } | What::Called { to: name, .. } => *name = other(name),
            _ => return None,
        }
        Some(what)
    };
    let tls = |what: &What| {
        let mut what = what.clone();
        match &mut what {
            What::Sent { tls_client, .. } | What::Called { tls_client, .. } => {
                *tls_client = Some(other(tls_client.as_deref().unwrap_or_default()));
            }
            _ => return None,
        }
        Some(what)
    };
    [scene.each(end), scene.each(tls)].concat()
}

fn hour<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let shifted = |by: i64| {
        let mut events = scene.events.to_vec();
        for event in events.iter_mut().filter(|event| is_of_product(&event.what)) {
            event.at = event.at.saturating_add(by);
        }
        scene.with(events)
    };
    vec![shifted(3600), shifted(-3600)]
}

const fn is_of_product(what: &What) -> bool {
    matches!(what, What::Answered { .. } | What::Called { .. })
}

/// Octets of a text between two tags from which on it is long.
const LONG: usize = 2048;

/// Where no bit of a long text is: proofs are of another length in each run, for chains have keys that nobody chooses, and equal
/// places would be others there.
fn outside_long_texts(bytes: &[u8]) -> Vec<usize> {
    let mut open = Vec::with_capacity(bytes.len());
    let mut text = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(byte, b'<' | b'>') {
            if text.len() < LONG {
                open.append(&mut text);
            }
            text.clear();
            open.push(at);
        } else {
            text.push(at);
        }
    }
    // What has no tags is no message, and has no such texts.
    if open.is_empty() || text.len() < LONG {
        open.append(&mut text);
    }
    open
}

/// Places in which a bit of one body is flipped.
const FLIPS: usize = 24;

fn bit<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let flipped = |place: usize| {
        move |what: &What| {
            let mut what = what.clone();
            let (What::Answered { body, .. }
            | What::Called { body, .. }
            | What::Reset { atr: body, .. }
            | What::Responded { apdu: body, .. }) = &mut what
            else {
                return None;
            };
            let mut bytes = body.bytes().to_vec();
            let open = outside_long_texts(&bytes);
            let at = *open.get(open.len().checked_mul(place)? / FLIPS)?;
            let byte = bytes.get_mut(at)?;
            *byte ^= 1;
            *body = Body::from(bytes);
            Some(what)
        }
    };
    (0..FLIPS).flat_map(|place| scene.each(flipped(place))).collect()
}

fn status<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    scene.each(|what| {
        let mut what = what.clone();
        match &mut what {
            What::Answered { status, .. } => *status = if *status == 200 { 500 } else { 200 },
            What::Responded { apdu, .. } => {
                let (data, word) = apdu.text()?.split_at_checked(apdu.text()?.len().checked_sub(4)?)?;
                *apdu = Body::from(data.to_owned() + if word == "9000" { "6982" } else { "9000" });
            }
            _ => return None,
        }
        Some(what)
    })
}

/// Gives one answer of a card another status word.
fn reworded<'t>(scene: &Scene<'t>, other: impl Fn(&str) -> Option<String>) -> Vec<Scene<'t>> {
    scene.each(|what| {
        let What::Responded { exchange, apdu } = what else { return None };
        let text = apdu.text()?;
        let (data, word) = text.split_at_checked(text.len().checked_sub(4)?)?;
        Some(What::Responded { exchange: *exchange, apdu: Body::from(data.to_owned() + &other(word)?) })
    })
}

fn renamed<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    reworded(scene, |word| (word != "6F42").then(|| "6F42".to_owned()))
}

fn counted<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let by = |step: i8| {
        reworded(scene, move |word| {
            let tries = u8::from_str_radix(word.strip_prefix("63C")?, 16).ok()?;
            Some(format!("63C{:X}", tries.checked_add_signed(step).filter(|tries| *tries < 16)?))
        })
    };
    [by(1), by(-1)].concat()
}

fn bare<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    scene.each(|what| {
        let mut what = what.clone();
        let What::Answered { headers, .. } = &mut what else { return None };
        headers.clear();
        Some(what)
    })
}

fn stale<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let whole = scene.exchange().whole();
    scene.each(|what| {
        if let What::Responded { exchange, apdu } = what {
            let earlier = scene.events.iter().take_while(|event| event.what != *what);
            let answers = earlier.filter_map(|event| match &event.what {
                What::Responded { apdu: before, .. } if before != apdu => Some(before.clone()),
                _ => None,
            });
            return Some(What::Responded { exchange: *exchange, apdu: answers.last()? });
        }
        let What::Answered { exchange, body, .. } = what else { return None };
        let mut earlier = whole.answers().take_while(|answer| answer.exchange != *exchange);
        let before = earlier.by_ref().last().filter(|answer| answer.body != body)?;
        Some(What::Answered {
            exchange: *exchange,
            status: before.status,
            headers: before.fields.0.to_vec(),
            body: before.body.clone(),
        })
    })
}

fn echo<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let exchange = scene.exchange();
    scene.each(|what| {
        let mut what = what.clone();
        let What::Answered { exchange: number, body, .. } = &mut what else { return None };
        let request = exchange.sent().find(|sent| sent.exchange == *number)?;
        *body = Body::from([body.bytes(), request.body.bytes()].concat());
        Some(what)
    })
}

/// A refusal as SOAP 1.1 writes it, and nothing more.
const FAULT: &str = "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><S:Fault>\
<faultcode>S:Client</faultcode><faultstring>refused</faultstring></S:Fault></S:Body></S:Envelope>";

fn refusal(what: &What) -> Option<What> {
    let What::Answered { exchange, .. } = what else { return None };
    Some(What::Answered {
        exchange: *exchange,
        status: 500,
        headers: vec![("content-type".into(), "text/xml; charset=utf-8".into())],
        body: Body::from(FAULT),
    })
}

fn refuse<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    [scene.each(refusal), scene.all(refusal)].concat()
}

fn twin_refused<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let Some(twin) = &scene.twin else { return Vec::new() };
    let refused = |event: &Event| Event {
        what: refusal(&event.what).unwrap_or_else(|| event.what.clone()),
        ..event.clone()
    };
    vec![scene.with_twin(twin.iter().map(refused).collect())]
}

fn dead<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    scene.each(|what| match what {
        What::Alive { exchange } => {
            Some(What::NotAlive { exchange: Some(*exchange), how: NoAnswer::Timeout })
        }
        _ => None,
    })
}

fn ended<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let by = |bend: fn(&mut Option<i32>, &mut Body, &mut bool)| {
        scene.each(move |before| {
            let mut what = before.clone();
            let What::Ended { exit, shown, shows_pin } = &mut what else { return None };
            bend(exit, shown, shows_pin);
            (what != *before).then_some(what)
        })
    };
    [
        by(|exit, _, _| *exit = Some(i32::from(*exit == Some(0)))),
        by(|exit, _, _| *exit = None),
        by(|_, shown, _| *shown = Body::default()),
        by(|_, _, shows_pin| *shows_pin = true),
    ]
    .concat()
}

/// What follows the deviation, up to the probe, is replaced by what follows the same step of the twin, up to its probe.
fn like_twin<'t>(scene: &Scene<'t>) -> Vec<Scene<'t>> {
    let here = scene.exchange();
    let (Some(there), Some((focus, delivered))) = (here.twin(), here.delivered()) else { return Vec::new() };
    let Some(twin_focus) = there.focus() else { return Vec::new() };
    let begins = |event: &Event| match &event.what {
        What::Sent { exchange, .. } | What::Replied { exchange, .. } => *exchange == twin_focus,
        _ => false,
    };
    let Some(from) = there.events().iter().position(begins) else { return Vec::new() };
    let ends = |event: &&Event, probes: &crate::Exchange<'_>| match &event.what {
        What::CaseEnd { .. } => true,
        What::Sent { exchange, .. } => probes.is_probe(*exchange),
        _ => false,
    };

    // Exchanges of the twin get numbers that the case does not use.
    let spare =
        scene.events.iter().filter_map(|event| event.what.exchange()).max().unwrap_or(0).saturating_add(1);
    let number = |old: u32| if old == twin_focus { focus } else { spare.saturating_add(old) };
    let old_id = there.events().get(from).and_then(message_id);
    let new_id = scene.events.iter().find(|event| event.seq == delivered).and_then(message_id);
    let carried = |event: &Event| {
        let mut event = event.clone();
        if let Some(exchange) = event.what.exchange_mut() {
            *exchange = number(*exchange);
        }
        if let (What::Answered { body, .. } | What::Called { body, .. }, Some(old), Some(new)) =
            (&mut event.what, &old_id, &new_id)
            && let Some(text) = body.text()
        {
            *body = Body::from(text.replace(old, new));
        }
        event
    };
    let behaviour =
        there.events().iter().skip(from + 1).take_while(|event| !ends(event, &there)).map(carried);

    let before = scene.events.iter().take_while(|event| event.seq <= delivered);
    let after = scene
        .events
        .iter()
        .skip_while(|event| event.seq <= delivered)
        .skip_while(|event| !ends(event, &here));
    vec![scene.with(before.cloned().chain(behaviour).chain(after.cloned()).collect())]
}

/// The content of the first element whose name ends with `MessageID`.
fn message_id(event: &Event) -> Option<String> {
    let text = event.what.bodies().first()?.text()?;
    let (_, rest) = text.split_once("MessageID")?;
    let (_, rest) = rest.split_once('>')?;
    let (id, _) = rest.split_once('<')?;
    Some(id.to_owned()).filter(|id| !id.is_empty())
}
