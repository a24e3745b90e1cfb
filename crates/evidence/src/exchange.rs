//! What a judge sees: the events of one case, of its twin, and of the run around them.

use std::collections::BTreeMap;

use chukei_xml::{Document, lexical::decode_base64};

use crate::{Body, Event, Header, NoAnswer, Party, Pin, What, World};

/// The slice of a transcript that a judge looks at.
///
/// All accessors borrow from the transcript and keep its order. A judge for [`Cases::Whole`](crate::Cases::Whole) sees
/// the whole run as its events and has no twin.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'t> {
    header: &'t Header,
    events: &'t [Event],
    twin: Option<&'t [Event]>,
    run: &'t [Event],
}

/// HTTP header fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields<'t>(pub &'t [(String, String)]);

impl<'t> Fields<'t> {
    /// The first field with this name, whatever its case.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'t str> {
        self.0.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A request of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent<'t> {
    /// Its event.
    pub seq: u32,
    /// Virtual time.
    pub at: i64,
    /// Number of the exchange.
    pub exchange: u32,
    /// The party that speaks.
    pub from: &'t str,
    /// The party whose certificate was shown.
    pub tls_client: Option<&'t str>,
    /// That certificate, if it is no party's: DER in base64.
    pub tls_certificate: Option<&'t str>,
    /// The endpoint.
    pub url_role: &'t str,
    /// HTTP method.
    pub method: &'t str,
    /// HTTP header fields.
    pub fields: Fields<'t>,
    /// HTTP body.
    pub body: &'t Body,
    /// Whether it carries the deviation.
    pub deviates: bool,
}

/// An answer: of the product to the suite, or of the suite to the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'t> {
    /// Its event.
    pub seq: u32,
    /// Virtual time.
    pub at: i64,
    /// Number of the exchange.
    pub exchange: u32,
    /// HTTP status.
    pub status: u16,
    /// HTTP header fields.
    pub fields: Fields<'t>,
    /// HTTP body.
    pub body: &'t Body,
    /// Whether it carries the deviation (answers of the suite only).
    pub deviates: bool,
}

/// A call of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'t> {
    /// Its event.
    pub seq: u32,
    /// Virtual time.
    pub at: i64,
    /// Number of the exchange.
    pub exchange: u32,
    /// The party that was called.
    pub to: &'t str,
    /// The party whose certificate was shown.
    pub tls_client: Option<&'t str>,
    /// HTTP method.
    pub method: &'t str,
    /// Path and query.
    pub path: &'t str,
    /// HTTP header fields.
    pub fields: Fields<'t>,
    /// HTTP body.
    pub body: &'t Body,
}

/// A certificate that is not the party's, shown by the server of a party of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'t> {
    /// Its event.
    pub seq: u32,
    /// Number of the exchange: that of the call, if a message came.
    pub exchange: u32,
    /// The party in whose place it was shown.
    pub to: &'t str,
    /// DER in base64.
    pub certificate: &'t str,
}

/// A verb of the test-control API with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control<'t> {
    /// Its event.
    pub seq: u32,
    /// Virtual time.
    pub at: i64,
    /// Method and path.
    pub verb: &'t str,
    /// What was asked.
    pub request: &'t Body,
    /// HTTP status.
    pub status: u16,
    /// What came back.
    pub answer: &'t Body,
}

/// A command to a card, or its reset, with what came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apdu<'t> {
    /// The event of the command or reset.
    pub seq: u32,
    /// Whether it is a reset that nobody was told of.
    pub silent: bool,
    /// The command in hexadecimal digits, `**` for each octet of a PIN; none for a reset.
    pub command: Option<&'t str>,
    /// Which PIN was entered.
    pub pin: Option<Pin>,
    /// The event of the answer, and the answer in hexadecimal digits; for a reset the answer to reset.
    pub answer: Option<(u32, &'t str)>,
}

/// Something that the product said, wherever it said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'t> {
    /// Its event.
    pub seq: u32,
    /// Virtual time.
    pub at: i64,
    /// Number of the exchange.
    pub exchange: u32,
    /// HTTP status, when it is an answer.
    pub status: Option<u16>,
    /// The party spoken to, when it is a call.
    pub to: Option<&'t str>,
    /// HTTP header fields.
    pub fields: Fields<'t>,
    /// HTTP body.
    pub body: &'t Body,
}

/// What a product did that was asked something valid after a deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dead {
    /// It did not answer.
    Silent(NoAnswer),
    /// It refused, with this HTTP status.
    Inside(u16),
}

/// Whether a body is a message with a SOAP fault.
fn is_fault(body: &Body) -> bool {
    let Ok(document) = Document::parse(body.bytes()) else { return false };
    let parts = document.root().elements().filter(|part| part.local() == "Body");
    parts.flat_map(|part| part.elements()).any(|content| content.local() == "Fault")
}

impl<'t> Exchange<'t> {
    /// A view of `events`, beside those of the twin and of the whole run.
    #[must_use]
    pub const fn new(
        header: &'t Header,
        events: &'t [Event],
        twin: Option<&'t [Event]>,
        run: &'t [Event],
    ) -> Self {
        Self { header, events, twin, run }
    }

    /// The case; `*` for a view of the whole run.
    #[must_use]
    pub fn case(&self) -> &'t str {
        match self.start() {
            Some((case, _, _)) => case,
            None => "*",
        }
    }

    /// The id of the twin that the case declares.
    #[must_use]
    pub fn twin_id(&self) -> Option<&'t str> {
        self.start()?.1
    }

    /// The declared deviation, empty in a positive case.
    #[must_use]
    pub fn deviation(&self) -> &'t str {
        self.start().map_or("", |(_, _, deviation)| deviation)
    }

    fn start(&self) -> Option<(&'t str, Option<&'t str>, &'t str)> {
        match &self.events.first()?.what {
            What::CaseStart { case, twin, deviation } => Some((case, twin.as_deref(), deviation)),
            _ => None,
        }
    }

    /// What run it was.
    #[must_use]
    pub const fn header(&self) -> &'t Header {
        self.header
    }

    /// The world around the product.
    #[must_use]
    pub const fn world(&self) -> &'t World {
        &self.header.world
    }

    /// The party that the product plays.
    #[must_use]
    pub fn product(&self) -> Option<&'t Party> {
        self.header.world.party(&self.header.product.party)
    }

    /// The events of the case.
    #[must_use]
    pub const fn events(&self) -> &'t [Event] {
        self.events
    }

    /// The events of the whole run, this case among them.
    #[must_use]
    pub const fn run(&self) -> &'t [Event] {
        self.run
    }

    /// The events of the run before this case.
    #[must_use]
    pub fn earlier(&self) -> &'t [Event] {
        let first = self.events.first().map_or(u32::MAX, |event| event.seq);
        self.run.split_at(self.run.partition_point(|event| event.seq < first)).0
    }

    /// The whole run as one view, for what has to hold across cases.
    #[must_use]
    pub const fn whole(&self) -> Self {
        Self { header: self.header, events: self.run, twin: None, run: self.run }
    }

    /// The twin, when it ran.
    #[must_use]
    pub fn twin(&self) -> Option<Self> {
        self.twin.map(|events| Self { header: self.header, events, twin: None, run: self.run })
    }

    /// Requests of the suite.
    pub fn sent(&self) -> impl Iterator<Item = Sent<'t>> + use<'t> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Sent {
                exchange,
                from,
                tls_client,
                tls_certificate,
                url_role,
                method,
                headers,
                body,
                deviates,
            } => Some(Sent {
                seq: event.seq,
                at: event.at,
                exchange: *exchange,
                from,
                tls_client: tls_client.as_deref(),
                tls_certificate: tls_certificate.as_deref(),
                url_role,
                method,
                fields: Fields(headers),
                body,
                deviates: *deviates,
            }),
            _ => None,
        })
    }

    /// Answers of the product.
    pub fn answers(&self) -> impl Iterator<Item = Answer<'t>> + use<'t> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Answered { exchange, status, headers, body } => Some(Answer {
                seq: event.seq,
                at: event.at,
                exchange: *exchange,
                status: *status,
                fields: Fields(headers),
                body,
                deviates: false,
            }),
            _ => None,
        })
    }

    /// The product's answer in an exchange.
    #[must_use]
    pub fn answer(&self, exchange: u32) -> Option<Answer<'t>> {
        self.answers().find(|answer| answer.exchange == exchange)
    }

    /// Requests with their answers, as far as there are any.
    pub fn answered(&self) -> impl Iterator<Item = (Sent<'t>, Answer<'t>)> + use<'t> {
        let mut answers = BTreeMap::new();
        for answer in self.answers() {
            answers.entry(answer.exchange).or_insert(answer);
        }
        self.sent().filter_map(move |sent| Some((sent, *answers.get(&sent.exchange)?)))
    }

    /// Why there was no answer in an exchange, with the event.
    #[must_use]
    pub fn no_answer(&self, exchange: u32) -> Option<(u32, NoAnswer)> {
        self.events.iter().find_map(|event| match event.what {
            What::NoAnswer { exchange: number, how } if number == exchange => Some((event.seq, how)),
            _ => None,
        })
    }

    /// Calls of the product.
    pub fn calls(&self) -> impl Iterator<Item = Call<'t>> + use<'t> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Called { exchange, to, tls_client, method, path, headers, body } => Some(Call {
                seq: event.seq,
                at: event.at,
                exchange: *exchange,
                to,
                tls_client: tls_client.as_deref(),
                method,
                path,
                fields: Fields(headers),
                body,
            }),
            _ => None,
        })
    }

    /// Answers of the suite to calls.
    pub fn replies(&self) -> impl Iterator<Item = Answer<'t>> + use<'t> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Replied { exchange, status, headers, body, deviates } => Some(Answer {
                seq: event.seq,
                at: event.at,
                exchange: *exchange,
                status: *status,
                fields: Fields(headers),
                body,
                deviates: *deviates,
            }),
            _ => None,
        })
    }

    /// The suite's answer to a call.
    #[must_use]
    pub fn reply(&self, exchange: u32) -> Option<Answer<'t>> {
        self.replies().find(|reply| reply.exchange == exchange)
    }

    /// Certificates that servers of the suite showed in the place of their own.
    pub fn shown(&self) -> impl Iterator<Item = Shown<'t>> + use<'t> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Shown { exchange, to, certificate } => {
                Some(Shown { seq: event.seq, exchange: *exchange, to, certificate })
            }
            _ => None,
        })
    }

    /// Everything that the product said, answers and calls, in order.
    pub fn said(&self) -> impl Iterator<Item = Said<'t>> + use<'t> {
        self.events.iter().filter_map(|event| {
            let (exchange, status, to, headers, body) = match &event.what {
                What::Answered { exchange, status, headers, body } => {
                    (exchange, Some(*status), None, headers, body)
                }
                What::Called { exchange, to, headers, body, .. } => {
                    (exchange, None, Some(to.as_str()), headers, body)
                }
                _ => return None,
            };
            let fields = Fields(headers);
            Some(Said { seq: event.seq, at: event.at, exchange: *exchange, status, to, fields, body })
        })
    }

    /// Verbs of the test-control API.
    pub fn controls(&self) -> impl Iterator<Item = Control<'t>> + use<'t> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Control { verb, request, status, answer } => {
                Some(Control { seq: event.seq, at: event.at, verb, request, status: *status, answer })
            }
            _ => None,
        })
    }

    /// Commands to the card and its resets, with what came back.
    pub fn apdus(&self) -> impl Iterator<Item = Apdu<'t>> + use<'t> {
        self.commands(false)
    }

    /// The same for the token of a member of staff.
    pub fn token_apdus(&self) -> impl Iterator<Item = Apdu<'t>> + use<'t> {
        self.commands(true)
    }

    fn commands(&self, of_token: bool) -> impl Iterator<Item = Apdu<'t>> + use<'t> {
        let events = self.events;
        let answer = move |number: u32| {
            events.iter().find_map(|event| match &event.what {
                What::Responded { exchange, apdu } if *exchange == number => Some((event.seq, apdu.text()?)),
                _ => None,
            })
        };
        events.iter().filter_map(move |event| match &event.what {
            What::Reset { atr, silent, token, .. } if *token == of_token => {
                let answer = atr.text().filter(|atr| !atr.is_empty()).map(|atr| (event.seq, atr));
                Some(Apdu { seq: event.seq, silent: *silent, command: None, pin: None, answer })
            }
            What::Command { exchange, apdu, pin, token } if *token == of_token => {
                let answer = answer(*exchange);
                Some(Apdu { seq: event.seq, silent: false, command: apdu.text(), pin: *pin, answer })
            }
            _ => None,
        })
    }

    /// The content key under a wrapped one (base64 of `CipherValue`, white space ignored), wherever in the run it was unwrapped,
    /// and the party whose key has done it.
    #[must_use]
    pub fn unwrapped(&self, wrapped: &str) -> Option<(&'t str, Vec<u8>)> {
        let wanted: String = wrapped.split_ascii_whitespace().collect();
        self.run.iter().find_map(|event| match &event.what {
            What::Unwrapped { party, wrapped, content_key } if *wrapped == wanted => {
                decode_base64(content_key).map(|key| (party.as_str(), key))
            }
            _ => None,
        })
    }

    /// The exchange that carries the deviation, if it reached the product: with the event that carries it.
    ///
    /// A refused connection delivers nothing.
    #[must_use]
    pub fn delivered(&self) -> Option<(u32, u32)> {
        let sent = self.sent().filter(|sent| sent.deviates).map(|sent| (sent.exchange, sent.seq));
        let replied = self.replies().filter(|reply| reply.deviates).map(|reply| (reply.exchange, reply.seq));
        let carried = sent.chain(replied).find(|(exchange, _)| {
            !matches!(self.no_answer(*exchange), Some((_, NoAnswer::Refused)))
                && (self.answer(*exchange).is_some()
                    || self.no_answer(*exchange).is_some()
                    || self.reply(*exchange).is_some())
        });
        carried.or_else(|| self.shown().map(|shown| (shown.exchange, shown.seq)).next())
    }

    /// The exchange that a case is about: the one with the deviation, else the last that the suite began and that is
    /// no probe, else the last that the product began.
    #[must_use]
    pub fn focus(&self) -> Option<u32> {
        let deviating = self.sent().filter(|sent| sent.deviates).map(|sent| sent.exchange);
        let replied = self.replies().filter(|reply| reply.deviates).map(|reply| reply.exchange);
        let sent = self.sent().map(|sent| sent.exchange).filter(|exchange| !self.is_probe(*exchange));
        let called = self.calls().map(|call| call.exchange);
        deviating.chain(replied).next().or_else(|| sent.last()).or_else(|| called.last())
    }

    /// Whether an exchange was the probe after the deviation.
    #[must_use]
    pub fn is_probe(&self, exchange: u32) -> bool {
        self.events.iter().any(|event| match event.what {
            What::Alive { exchange: probe } => probe == exchange,
            What::NotAlive { exchange: probe, .. } => probe == Some(exchange),
            _ => false,
        })
    }

    /// Whether the product was seen alive after an event: the probe's event and what it showed, none without a probe.
    #[must_use]
    pub fn alive_after(&self, seq: u32) -> Option<(u32, Result<(), Dead>)> {
        self.events.iter().filter(|event| event.seq > seq).find_map(|event| match event.what {
            What::Alive { exchange } => Some((event.seq, self.is_answered(exchange))),
            What::NotAlive { how, .. } => Some((event.seq, Err(Dead::Silent(how)))),
            _ => None,
        })
    }

    /// Whether what was asked in this exchange was answered, and not refused. A product that calls, and is not asked, answers nothing.
    fn is_answered(&self, exchange: u32) -> Result<(), Dead> {
        let Some(answer) = self.answer(exchange) else { return Ok(()) };
        if answer.status == 200 && !is_fault(answer.body) { Ok(()) } else { Err(Dead::Inside(answer.status)) }
    }

    /// What the case lacked to be run at all.
    #[must_use]
    pub fn lacking(&self) -> Option<&'t str> {
        self.events.iter().find_map(|event| match &event.what {
            What::Lacking { missing } => Some(missing.as_str()),
            _ => None,
        })
    }

    /// How the suite itself failed in the case.
    #[must_use]
    pub fn broken(&self) -> Option<(u32, &'t str)> {
        self.events.iter().find_map(|event| match &event.what {
            What::Broken { what } => Some((event.seq, what.as_str())),
            _ => None,
        })
    }
}
