//! The course of a recording as spans: each fetch, and each stage of the pipeline, from its beginning to its end.

use std::collections::BTreeMap;

use actors::domain::{CallKey, JobId, RecordingSid, StateName, Timestamp};
use actors::{Happening, RecordingView, What};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Fact, Kind, Span, tell};

/// More than there can be at a time; of what begins beyond that there is no span.
const RUNNING_MAX: usize = 20_000;

/// Tells of each as it ends. Returns when nothing can happen any more.
pub(crate) async fn follow(mut happenings: Receiver<Happening>) {
    let mut course = Course::default();
    loop {
        match happenings.recv().await {
            Ok(happening) => course.take(happening).into_iter().for_each(tell),
            // What began before may have ended meanwhile.
            Err(RecvError::Lagged(_)) => course = Course::default(),
            Err(RecvError::Closed) => return,
        }
    }
}

/// What has begun and not ended.
#[derive(Default)]
struct Course {
    fetches: BTreeMap<RecordingSid, Timestamp>,
    stages: BTreeMap<JobId, Timestamp>,
}

impl Course {
    fn take(&mut self, Happening { at, what }: Happening) -> Option<Span> {
        match what {
            What::Changed { call, from, now } => self.changed(at, &call, from, &now),
            What::Stage { job, state: "running", .. } => {
                begin(&mut self.stages, job, at);
                None
            }
            What::Stage { call, recording, job, stage, state, attempt, error } => {
                let mut facts = facts_of(&call, recording, attempt);
                facts.push(("hearback.outcome", state.into()));
                Some(Span {
                    name: stage.as_str().to_owned(),
                    kind: Kind::Internal,
                    recording: Some(recording),
                    began: self.stages.remove(&job)?,
                    ended: at,
                    facts,
                    error,
                })
            }
            What::Crashed { .. } | What::Ended { .. } | What::Restarted { .. } => None,
        }
    }

    fn changed(
        &mut self,
        at: Timestamp,
        call: &CallKey,
        from: StateName,
        now: &RecordingView,
    ) -> Option<Span> {
        let began = self.fetches.remove(&now.recording);
        if now.state == StateName::Downloading {
            begin(&mut self.fetches, now.recording, at);
        }
        let began = began.filter(|_| from == StateName::Downloading)?;
        let mut facts = facts_of(call, now.recording, now.attempt);
        facts.push(("hearback.state", now.state.as_str().into()));
        facts.extend(now.length.map(|bytes| ("hearback.bytes", Fact::Count(bytes))));
        let failed = now.state != StateName::Ready;
        Some(Span {
            name: "fetch".to_owned(),
            kind: Kind::Client,
            recording: Some(now.recording),
            began,
            ended: at,
            facts,
            error: now.reason.clone().filter(|_| failed),
        })
    }
}

fn begin<K: Ord>(running: &mut BTreeMap<K, Timestamp>, what: K, at: Timestamp) {
    if running.len() < RUNNING_MAX {
        running.insert(what, at);
    }
}

fn facts_of(call: &CallKey, recording: RecordingSid, attempt: u32) -> Vec<(&'static str, Fact)> {
    vec![
        ("business.id", (&call.business).into()),
        ("call.sid", call.call.into()),
        ("recording.sid", recording.into()),
        ("hearback.attempt", Fact::Count(attempt.into())),
    ]
}
