//! What a judge is shown, in a form that can be bent.

use std::{borrow::Cow, ops::Range};

use crate::{Cases, Event, Exchange, Header, Judge, Run, Transcript, What};

/// One case with its twin, or the first part of a run, taken out of a transcript.
#[derive(Clone, Debug)]
pub struct Scene<'t> {
    header: Cow<'t, Header>,
    /// What happened.
    pub events: Cow<'t, [Event]>,
    /// What happened in the twin.
    pub twin: Option<Cow<'t, [Event]>>,
    /// The run around them; none when the events are the run.
    run: Option<&'t [Event]>,
}

impl<'t> Scene<'t> {
    /// One run of a case.
    #[must_use]
    pub fn of(transcript: &'t Transcript, run: &Run<'_>) -> Self {
        Self::among(transcript, run, &transcript.cases())
    }

    fn among(transcript: &'t Transcript, run: &Run<'_>, runs: &[Run<'_>]) -> Self {
        let all = transcript.events();
        let events = all.get(run.events.clone()).unwrap_or_default();
        let twin = match events.first().map(|event| &event.what) {
            Some(What::CaseStart { twin: Some(twin), .. }) => runs.iter().find(|other| other.case == twin),
            _ => None,
        };
        Self {
            header: Cow::Borrowed(transcript.header()),
            events: Cow::Borrowed(events),
            twin: twin.and_then(|twin| all.get(twin.events.clone())).map(Cow::Borrowed),
            run: Some(all),
        }
    }

    /// A part of a run that a judge of [`Cases::Whole`] passes, made small; none if there is no such part.
    pub(super) fn passed_by(transcript: &'t Transcript, judge: &Judge) -> Option<Self> {
        let cases = transcript.cases().len();
        let is_passed =
            |cases: &Range<usize>| (judge.rule)(&Self::part(transcript, cases.clone()).exchange()).is_pass();
        let sizes = std::iter::successors(Some(2_usize), |size| (*size < cases).then_some(size * 2));
        let mut passed = sizes.map(|size| 0..size.min(cases)).find(is_passed)?;
        let mut step = passed.len() / 2;
        while step > 0 {
            let smaller = passed.start + step..passed.end;
            if !smaller.is_empty() && is_passed(&smaller) {
                passed = smaller;
            } else {
                step /= 2;
            }
        }
        Some(Self::part(transcript, passed))
    }

    /// Some cases of a run, as if there had been no others.
    fn part(transcript: &'t Transcript, cases: Range<usize>) -> Self {
        let runs = transcript.cases();
        let all = transcript.events();
        let start = runs.get(cases.start).filter(|_| cases.start > 0).map_or(0, |run| run.events.start);
        let end = runs.get(cases.end.saturating_sub(1)).map_or(all.len(), |run| run.events.end);
        Self {
            header: Cow::Borrowed(transcript.header()),
            events: Cow::Borrowed(all.get(start..end).unwrap_or(all)),
            twin: None,
            run: None,
        }
    }

    /// Octets of all bodies.
    pub(super) fn size(&self) -> usize {
        let body = |event: &Event| match &event.what {
            What::Sent { body, .. }
            | What::Answered { body, .. }
            | What::Called { body, .. }
            | What::Replied { body, .. } => body.bytes().len(),
            _ => 0,
        };
        self.events.iter().map(body).sum()
    }

    /// As a judge sees it.
    #[must_use]
    pub fn exchange(&self) -> Exchange<'_> {
        let run = self.run.unwrap_or(&self.events);
        Exchange::new(&self.header, &self.events, self.twin.as_deref(), run)
    }

    /// The header, which says who the parties are.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The same with other events, numbered anew from the number of the first.
    #[must_use]
    pub fn with(&self, events: Vec<Event>) -> Self {
        let first = self.events.first().map_or(1, |event| event.seq);
        Self { events: Cow::Owned(numbered(events, first)), ..self.clone() }
    }

    /// The same with another twin.
    #[must_use]
    pub fn with_twin(&self, twin: Vec<Event>) -> Self {
        Self { twin: Some(Cow::Owned(twin)), ..self.clone() }
    }

    /// The same without any event, of the case or of its twin.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self { events: Cow::Borrowed(&[]), twin: None, run: Some(&[]), header: self.header.clone() }
    }

    /// One scene for every event on which `bend` has an effect, with that event bent; of many, 64 that lie evenly.
    pub fn each(&self, bend: impl Fn(&What) -> Option<What>) -> Vec<Self> {
        let affects = |(index, event): (usize, &Event)| bend(&event.what).map(|_| index);
        let indices = spread(self.events.iter().enumerate().filter_map(affects).collect());
        let bent = indices.into_iter().filter_map(|index| {
            let mut events = self.events.to_vec();
            let event = events.get_mut(index)?;
            event.what = bend(&event.what)?;
            Some(self.with(events))
        });
        bent.collect()
    }

    /// The same with every event on which `bend` has an effect bent; none when there is no such event.
    pub fn all(&self, bend: impl Fn(&What) -> Option<What>) -> Vec<Self> {
        let mut events = self.events.to_vec();
        let mut any = false;
        for event in &mut events {
            if let Some(what) = bend(&event.what) {
                event.what = what;
                any = true;
            }
        }
        if any { vec![self.with(events)] } else { Vec::new() }
    }

    /// Scenes of a transcript that a judge with these cases looks at.
    #[must_use]
    pub(super) fn seen_by(
        transcript: &'t Transcript,
        cases: Cases,
        declared: &dyn Fn(&str) -> bool,
    ) -> Vec<Self> {
        let runs = transcript.cases();
        let wanted = |run: &&Run<'_>| match cases {
            Cases::Each(ids) => ids.contains(&run.case),
            Cases::Declared => declared(run.case),
            Cases::Any(beginning) => run.case.starts_with(beginning),
            Cases::Whole => false,
        };
        runs.iter().filter(wanted).map(|run| Self::among(transcript, run, &runs)).collect()
    }
}

/// Events that are bent one by one, at most: mutants of a run of thousands of events are not better for being thousands.
const MOST: usize = 64;

/// Of many places, [`MOST`] that lie evenly between the first and the last.
pub(super) fn spread(places: Vec<usize>) -> Vec<usize> {
    let step = places.len().div_ceil(MOST).max(1);
    places.into_iter().step_by(step).collect()
}

fn numbered(mut events: Vec<Event>, first: u32) -> Vec<Event> {
    for (event, seq) in events.iter_mut().zip(first..) {
        event.seq = seq;
    }
    events
}
