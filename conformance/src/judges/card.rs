//! Chapter 60: cards. Each rule looks for what is refused and for the same thing done rightly.

use chukei_crypto::{Certificate, Purpose, Revocation, SignatureAlgorithm, TrustAnchors, UnixTime};
use chukei_evidence::{Exchange, Finding, Judge, Phrase, Pin, Verdict};
use chukei_spec::req;

use super::{declared, each};
use crate::card::{
    AUTHENTICATION_KEY, AUTHENTICATION_PIN, AUTHORITY, Act, CERTIFICATE, JPKI, KEY, NHI, NUMBER, PIN, What,
    acts, data_of,
};

pub(super) const JUDGES: &[Judge] = &[
    declared(req!("card.answer.always"), always),
    declared(req!("card.answer.instruction"), instruction),
    declared(req!("card.answer.class"), class),
    declared(req!("card.answer.length"), length),
    declared(req!("card.reset.protocol"), protocol),
    declared(req!("card.reset.forgets"), reset_forgets),
    declared(req!("card.select.application"), application),
    declared(req!("card.select.template"), template),
    declared(req!("card.select.file"), file),
    declared(req!("card.read.free"), free),
    declared(req!("card.read.guarded"), guarded),
    declared(req!("card.read.secret"), secret),
    declared(req!("card.read.end"), end),
    declared(req!("card.file.fixed"), fixed),
    declared(req!("card.pin.tries"), tries),
    declared(req!("card.pin.wrong"), wrong),
    declared(req!("card.pin.right"), right),
    declared(req!("card.pin.survives"), survives),
    declared(req!("card.pin.forgotten"), signs_with_pin),
    declared(req!("card.pin.own"), own),
    declared(req!("card.pin.blocked"), blocked),
    declared(req!("card.key.guarded"), signs_with_pin),
    declared(req!("card.key.signs"), signs),
    declared(req!("card.key.length"), key_length),
    declared(req!("card.certificate.issued"), issued),
    declared(req!("card.apart"), apart),
    declared(req!("card.nhi.number"), number),
    declared(req!("card.nhi.nothing-else"), nothing_else),
    declared(req!("card.nhi.no-pin"), no_pin),
    declared(req!("card.nhi.fixed"), number_fixed),
];

type Checked = Result<(), Verdict>;

/// The answer has one of these status words.
fn word(act: &Act, fits: impl Fn(u16) -> bool, wanted: &str) -> Checked {
    if act.status.is_some_and(fits) {
        return Ok(());
    }
    Err(Finding::new("card.status", wanted, act.word()).at([act.seq]))
}

/// The command was not carried out: no 9000, and no data.
fn refused(act: &Act) -> Checked {
    match act.status {
        Some(_) if !act.is_done() && act.data.is_empty() => Ok(()),
        _ => {
            Err(Finding::new("card.carried-out", Phrase::plain("expected.refusal"), act.word()).at([act.seq]))
        }
    }
}

/// The command was carried out, which is what the refusals of a case are held against.
fn done(act: &Act) -> Checked {
    word(act, |status| matches!(status, 0x9000 | 0x6282), "9000")
}

fn lacking(what: &'static str) -> Verdict {
    Verdict::unreached(Phrase::plain(what))
}

const NOTHING: &str = "missing.command";

/// The last act of this kind.
fn last(acts: &[Act], is: impl Fn(&Act) -> bool) -> Result<&Act, Verdict> {
    acts.iter().rfind(|act| is(act)).ok_or_else(|| lacking(NOTHING))
}

/// The only acts of this kind, in two groups: those that have to be refused, and those that have to work.
fn split(
    acts: &[Act],
    is: impl Fn(&Act) -> bool,
    works: impl Fn(&Act) -> bool,
    refusal: impl Fn(&Act) -> Checked,
) -> Verdict {
    verdict(|| {
        let (good, bad): (Vec<&Act>, Vec<&Act>) =
            acts.iter().filter(|act| is(act)).partition(|act| works(act));
        if good.is_empty() || bad.is_empty() {
            return Err(lacking(NOTHING));
        }
        bad.into_iter().try_for_each(refusal)?;
        good.into_iter().try_for_each(done)
    })
}

fn verdict(check: impl FnOnce() -> Checked) -> Verdict {
    check().err().unwrap_or(Verdict::Pass)
}

const fn is_sign(act: &Act) -> bool {
    matches!(act.what, What::Sign)
}

const fn is_read(act: &Act) -> bool {
    matches!(act.what, What::Read(_))
}

fn knows_pin(act: &Act) -> bool {
    act.verified.contains(&PIN)
}

fn always(exchange: &Exchange<'_>) -> Verdict {
    let commands = acts(exchange).into_iter().filter(|act| act.what != What::Reset);
    each(commands, NOTHING, |act| word(&act, |_| true, "xxxx"))
}

fn unknown(exchange: &Exchange<'_>, what: What, fits: fn(u16) -> bool, wanted: &str) -> Verdict {
    let is = |act: &Act| act.what == what || act.what == What::File;
    let refusal = |act: &Act| word(act, fits, wanted).and_then(|()| refused(act));
    split(&acts(exchange), is, |act| act.what == What::File, refusal)
}

fn instruction(exchange: &Exchange<'_>) -> Verdict {
    unknown(exchange, What::Instruction, |status| status == 0x6d00, "6D00")
}

fn class(exchange: &Exchange<'_>) -> Verdict {
    unknown(exchange, What::Class, |status| status == 0x6e00 || status >> 8 == 0x68, "6E00, 68xx")
}

fn length(exchange: &Exchange<'_>) -> Verdict {
    unknown(exchange, What::Length, |status| status == 0x6700, "6700")
}

/// ISO/IEC 7816-3 §8.2: TS, T0, interface octets, historical octets, TCK.
fn protocol(exchange: &Exchange<'_>) -> Verdict {
    let resets = acts(exchange).into_iter().filter(|act| act.what == What::Reset);
    each(resets, NOTHING, |act| match offers_t1(&act.data) {
        Some(true) => Ok(()),
        _ => {
            let atr: String = act.data.iter().map(|octet| format!("{octet:02X}")).collect();
            Err(Finding::new("card.protocol", "T=1", atr).at([act.seq]))
        }
    })
}

fn offers_t1(atr: &[u8]) -> Option<bool> {
    let (&start, rest) = atr.split_first()?;
    let mut octets = rest.iter().copied();
    let format = octets.next()?;
    let mut offers = false;
    let mut marks = format >> 4;
    while marks != 0 {
        // TA, TB and TC of this round.
        for _ in 0..(marks & 0b0111).count_ones() {
            octets.next()?;
        }
        if marks & 0b1000 == 0 {
            break;
        }
        let next = octets.next()?;
        offers |= next & 0x0f == 1;
        marks = next >> 4;
    }
    let historical = usize::from(format & 0x0f);
    let check = rest.iter().fold(0, |sum, octet| sum ^ octet);
    Some(matches!(start, 0x3b | 0x3f) && offers && octets.count() == historical + 1 && check == 0)
}

fn reset_forgets(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let reset = acts.iter().rposition(|act| act.what == What::Reset).unwrap_or_default();
        let (before, after) = acts.split_at(reset);
        done(last(before, is_sign)?)?;
        let selected = after.iter().find(|act| act.what == What::File).ok_or_else(|| lacking(NOTHING))?;
        refused(selected)?;
        refused(last(after, is_sign)?)
    })
}

fn application(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let asks = |act: &Act, own: bool| {
            matches!(act.what, What::Application { .. }) && (data_of(&act.command) == JPKI) == own
        };
        word(last(&acts, |act| asks(act, true))?, |status| status == 0x9000, "9000")?;
        word(last(&acts, |act| asks(act, false))?, |status| status == 0x6a82, "6A82")?;
        done(last(&acts, |act| act.what == What::File)?)
    })
}

fn template(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let asked = last(&acts, |act| act.what == What::Application { template: true })?;
        let inner: Vec<u8> = [&[0x84, 0x0a], JPKI].concat();
        let is_template = matches!(asked.data.as_slice(), [0x6f, length, rest @ ..]
            if usize::from(*length) == rest.len() && rest.windows(inner.len()).any(|part| part == inner));
        if asked.is_done() && is_template {
            return Ok(());
        }
        Err(Finding::new("card.content", "6F … 84 AID", asked.word()).at([asked.seq]))
    })
}

fn file(exchange: &Exchange<'_>) -> Verdict {
    let is_there = |act: &Act| data_of(&act.command) == AUTHORITY.to_be_bytes();
    let is = |act: &Act| act.what == What::File;
    split(&acts(exchange), is, is_there, |act| word(act, |status| status == 0x6a82, "6A82"))
}

/// A certificate begins with a SEQUENCE of two octets of length.
fn certificate(act: &Act) -> Checked {
    done(act)?;
    if act.data.starts_with(&[0x30, 0x82]) {
        return Ok(());
    }
    Err(Finding::new("card.content", Phrase::plain("expected.certificate"), act.word()).at([act.seq]))
}

fn free(exchange: &Exchange<'_>) -> Verdict {
    let reads = acts(exchange).into_iter().filter(|act| is_read(act) && act.file == Some(AUTHORITY));
    each(reads.filter(|act| act.verified.is_empty()), NOTHING, |act| certificate(&act))
}

fn guarded(exchange: &Exchange<'_>) -> Verdict {
    // A card may refuse the selection already; then there is nothing to read either.
    let acts = acts(exchange);
    verdict(|| {
        let early = acts.iter().filter(|act| is_read(act) && !knows_pin(act)).collect::<Vec<_>>();
        if early.is_empty() {
            return Err(lacking(NOTHING));
        }
        early.into_iter().try_for_each(refused)?;
        certificate(last(&acts, |act| is_read(act) && knows_pin(act) && act.file == Some(CERTIFICATE))?)
    })
}

fn secret(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    let is_free = |act: &Act| act.file == Some(AUTHORITY);
    split(&acts, |act| is_read(act) && knows_pin(act), is_free, refused)
}

fn end(exchange: &Exchange<'_>) -> Verdict {
    let behind = |act: &Act| word(act, |status| status == 0x6b00, "6B00").and_then(|()| refused(act));
    split(&acts(exchange), is_read, |act| act.what == What::Read(0), behind)
}

fn unwritten(exchange: &Exchange<'_>, application: &[u8], file: u16) -> Verdict {
    let acts = acts(exchange);
    let here = |act: &Act| act.application == application && act.file == Some(file);
    split(&acts, |act| here(act) && (is_read(act) || act.what == What::Write), is_read, refused)
}

fn fixed(exchange: &Exchange<'_>) -> Verdict {
    unwritten(exchange, JPKI, AUTHORITY)
}

fn number_fixed(exchange: &Exchange<'_>) -> Verdict {
    unwritten(exchange, NHI, NUMBER)
}

/// The tries that an answer tells, and that it has to tell.
fn told(act: &Act, wanted: Option<u16>) -> Result<u16, Verdict> {
    let expected = wanted.map_or_else(|| "63Cx".to_owned(), |tries| format!("63C{tries:X}"));
    match act.tries() {
        Some(tries) if wanted.is_none_or(|wanted| wanted == tries) => Ok(tries),
        _ => Err(Finding::new("card.tries", expected, act.word()).at([act.seq])),
    }
}

/// The first question for tries, and what comes after it.
fn asked(acts: &[Act]) -> Result<(&Act, &[Act]), Verdict> {
    let first = acts.iter().position(|act| act.what == What::Tries).ok_or_else(|| lacking(NOTHING))?;
    acts.get(first..).and_then(<[Act]>::split_first).ok_or_else(|| lacking(NOTHING))
}

/// The next act of a kind.
fn next<'a>(acts: &mut std::slice::Iter<'a, Act>, what: What) -> Result<&'a Act, Verdict> {
    acts.find(|act| act.what == what).ok_or_else(|| lacking(NOTHING))
}

fn tries(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let (first, rest) = asked(&acts)?;
        let tries = told(first, None)?;
        told(next(&mut rest.iter(), What::Tries)?, Some(tries)).map(drop)
    })
}

fn wrong(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let (first, rest) = asked(&acts)?;
        let left = told(first, None)?.checked_sub(1).ok_or_else(|| lacking(NOTHING))?;
        let mut rest = rest.iter();
        told(next(&mut rest, What::Enter(Pin::Wrong))?, Some(left))?;
        told(next(&mut rest, What::Tries)?, Some(left)).map(drop)
    })
}

fn right(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let (first, rest) = asked(&acts)?;
        let tries = told(first, None)?;
        let mut rest = rest.iter();
        next(&mut rest, What::Enter(Pin::Wrong))?;
        word(next(&mut rest, What::Enter(Pin::Right))?, |status| status == 0x9000, "9000")?;
        told(next(&mut rest, What::Tries)?, Some(tries)).map(drop)
    })
}

fn survives(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let (first, rest) = asked(&acts)?;
        let left = told(first, None)?.checked_sub(1).ok_or_else(|| lacking(NOTHING))?;
        let mut rest = rest.iter();
        next(&mut rest, What::Enter(Pin::Wrong))?;
        next(&mut rest, What::Reset)?;
        told(next(&mut rest, What::Tries)?, Some(left)).map(drop)
    })
}

/// Signs while the PIN is known, and at no other time.
fn signs_with_pin(exchange: &Exchange<'_>) -> Verdict {
    split(&acts(exchange), is_sign, knows_pin, refused)
}

fn own(exchange: &Exchange<'_>) -> Verdict {
    let knows_own = |act: &Act| match act.file {
        Some(AUTHENTICATION_KEY) => act.verified.contains(&AUTHENTICATION_PIN),
        _ => knows_pin(act),
    };
    split(&acts(exchange), is_sign, knows_own, refused)
}

fn blocked(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let (used_up, before) = acts
            .iter()
            .zip(1..)
            .find(|(act, _)| act.what == What::Tries && act.tries() == Some(0))
            .ok_or_else(|| lacking("missing.used-up"))?;
        let before = acts.iter().take(before).find(|act| act.what == What::Enter(Pin::Right));
        done(before.ok_or_else(|| lacking(NOTHING))?)?;
        let after = |act: &Act| act.seq > used_up.seq;
        let right = last(&acts, |act| after(act) && act.what == What::Enter(Pin::Right))?;
        word(right, |status| matches!(status, 0x6983 | 0x6984), "6983, 6984")?;
        refused(last(&acts, |act| after(act) && is_sign(act))?)
    })
}

/// What was read of a file, put together.
fn contents(acts: &[Act], file: u16) -> Result<(u32, Vec<u8>), Verdict> {
    let reads = || acts.iter().filter(|act| is_read(act) && act.file == Some(file) && act.is_done());
    let first = reads().next().ok_or_else(|| lacking("missing.certificate"))?;
    let mut bytes: Vec<u8> = reads().flat_map(|act| act.data.iter().copied()).collect();
    if let &[0x30, 0x82, high, low, ..] = bytes.as_slice() {
        bytes.truncate(usize::from(u16::from_be_bytes([high, low])).saturating_add(4));
    }
    Ok((first.seq, bytes))
}

/// The certificate in a file.
fn read_certificate(acts: &[Act], file: u16) -> Result<(u32, Certificate), Verdict> {
    let (seq, der) = contents(acts, file)?;
    let certificate = Certificate::from_der(&der);
    let wrong = |error: String| {
        Finding::new("card.certificate", Phrase::plain("expected.certificate"), error).at([seq])
    };
    Ok((seq, certificate.map_err(|error| wrong(error.to_string()))?))
}

fn signs(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let (_, certificate) = read_certificate(&acts, CERTIFICATE)?;
        let signed = last(&acts, |act| is_sign(act) && act.file == Some(KEY) && knows_pin(act))?;
        done(signed)?;
        let wrong = |why: String| {
            Finding::new("card.signature", Phrase::plain("expected.signature"), why).at([signed.seq])
        };
        let digest = data_of(&signed.command).last_chunk::<32>().ok_or_else(|| lacking(NOTHING))?;
        let key = certificate.public_key().map_err(|error| wrong(error.to_string()))?;
        key.verify(SignatureAlgorithm::RsaSha256, digest, &signed.data)
            .map_err(|error| wrong(error.to_string()))
    })
}

fn issued(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    verdict(|| {
        let (_, authority) = read_certificate(&acts, AUTHORITY)?;
        let (seq, certificate) = read_certificate(&acts, CERTIFICATE)?;
        let at = exchange.events().first().map_or(0, |event| event.at);
        let anchors = TrustAnchors::new(vec![authority]);
        let valid = anchors.and_then(|anchors| {
            anchors.validate(&certificate, &[], UnixTime(at), Purpose::SignDocuments, Revocation::IfPresent)
        });
        let wrong = |error: String| {
            Finding::new("card.certificate", Phrase::plain("expected.issued"), error).at([seq])
        };
        valid.map(drop).map_err(|error| wrong(error.to_string()))
    })
}

fn key_length(exchange: &Exchange<'_>) -> Verdict {
    let is_sound = |act: &Act| matches!(data_of(&act.command).len(), 1..=245);
    split(&acts(exchange), is_sign, is_sound, refused)
}

fn apart(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    let is_nhi = |act: &Act| matches!(act.what, What::Application { .. }) && data_of(&act.command) == NHI;
    match last(&acts, is_nhi).and_then(done) {
        Ok(()) => split(&acts, |act| act.what == What::File, |act| act.application == JPKI, refused),
        Err(verdict) => verdict,
    }
}

/// The value of a TLV with tag 81, and what stands behind it.
fn user_number(data: &[u8]) -> Option<(&[u8], &[u8])> {
    match data {
        [0x81, length @ 1..=0x7f, rest @ ..] => rest.split_at_checked(usize::from(*length)),
        _ => None,
    }
}

fn number(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    let reads = acts.iter().filter(|act| is_read(act) && act.application == NHI && act.file == Some(NUMBER));
    each(reads, NOTHING, |act| {
        done(act)?;
        if user_number(&act.data).is_some_and(|(value, _)| value.iter().all(u8::is_ascii_digit)) {
            return Ok(());
        }
        Err(Finding::new("card.content", "81 L 3X…", act.word()).at([act.seq]))
    })
}

fn nothing_else(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    let reads = acts.iter().filter(|act| act.application == NHI && is_read(act));
    let tried = acts.iter().filter(|act| act.application == NHI && act.what == What::File).count();
    if tried < 2 {
        return lacking(NOTHING);
    }
    each(reads, NOTHING, |act| match act.file {
        Some(NUMBER) if user_number(&act.data).is_some_and(|(_, rest)| rest.is_empty()) => Ok(()),
        Some(NUMBER) => Err(Finding::new("card.content", "81 L …", act.word()).at([act.seq])),
        _ => refused(act),
    })
}

fn no_pin(exchange: &Exchange<'_>) -> Verdict {
    let acts = acts(exchange);
    let is =
        |act: &Act| act.application == NHI && matches!(act.what, What::Tries | What::Sign | What::Read(_));
    let refusal = |act: &Act| match act.tries() {
        Some(_) => {
            Err(Finding::new("card.carried-out", Phrase::plain("expected.refusal"), act.word()).at([act.seq]))
        }
        None => refused(act),
    };
    split(&acts, is, is_read, refusal)
}
