//! What a judge is shown, in a form that can be bent.

use std::borrow::Cow;

use crate::{Cases, Event, Exchange, Header, Run, Transcript, What};

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

    /// The run up to the end of its `cases`-th case, for judges of [`Cases::Whole`].
    #[must_use]
    pub fn beginning(transcript: &'t Transcript, cases: usize) -> Self {
        let end = transcript.cases().get(cases.saturating_sub(1)).map_or(usize::MAX, |run| run.events.end);
        let all = transcript.events();
        Self {
            header: Cow::Borrowed(transcript.header()),
            events: Cow::Borrowed(all.get(..end).unwrap_or(all)),
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

    /// One scene for every event on which `bend` has an effect, with that event bent.
    pub fn each(&self, bend: impl Fn(&What) -> Option<What>) -> Vec<Self> {
        let bent = self.events.iter().enumerate().filter_map(|(index, event)| {
            let what = bend(&event.what)?;
            let mut events = self.events.to_vec();
            if let Some(event) = events.get_mut(index) {
                event.what = what;
            }
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
        if cases == Cases::Whole {
            // Small beginnings first: a mutant of a small one takes less time.
            let sizes = std::iter::successors(Some(2_usize), |size| (*size < runs.len()).then_some(size * 2));
            return sizes.map(|size| Self::beginning(transcript, size)).collect();
        }
        runs.iter().filter(wanted).map(|run| Self::among(transcript, run, &runs)).collect()
    }
}

fn numbered(mut events: Vec<Event>, first: u32) -> Vec<Event> {
    for (event, seq) in events.iter_mut().zip(first..) {
        event.seq = seq;
    }
    events
}
