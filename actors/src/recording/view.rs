//! What operators, tests and status routes see of a recording: small, copyable, never asked for by mailbox.

use tokio::sync::watch;

use super::Track;
use super::machine::{Absence, Download, Failure, Plan, Policy, State};
use crate::domain::{
    FetchError, GoneCause, Intent, Phase, Progress, Recording, RecordingSid, StateName, Timestamp,
    Version,
};

/// One call's actor.
#[derive(Debug, Clone, Default)]
pub struct CallView {
    /// How often it was asked: of those who play what it laid out, about one a minute asks.
    pub asks: u64,
    /// Asks that wait for an answer.
    pub waiting: usize,
    pub primary: Option<RecordingSid>,
    pub recordings: Vec<RecordingView>,
}

impl CallView {
    /// The named recording, or the primary one.
    pub fn recording(&self, named: Option<RecordingSid>) -> Option<&RecordingView> {
        let wanted = named.or(self.primary)?;
        self.recordings.iter().find(|view| view.recording == wanted)
    }
}

/// One recording: what is, why, and what happens next.
#[derive(Debug, Clone)]
pub struct RecordingView {
    pub recording: RecordingSid,
    pub state: StateName,
    pub since: Timestamp,
    pub attempt: u32,
    pub waiting: usize,
    pub intent: Option<Intent>,
    /// Of what is being sent, or of the last copy there was, as its entity tag says it.
    pub version: Option<Version>,
    pub length: Option<u64>,
    pub retry_at: Option<Timestamp>,
    pub reason: Option<String>,
    pub remedy: Option<&'static str>,
    pub next: &'static str,
    /// When its retention is over.
    pub expires_at: Option<Timestamp>,
    progress: Option<watch::Receiver<Progress>>,
}

impl RecordingView {
    /// Of the running fetch, as of now.
    pub fn progress(&self) -> Option<Progress> {
        self.progress.as_ref().map(|progress| *progress.borrow())
    }

    pub fn phase(&self) -> Option<Phase> {
        self.progress().map(|progress| progress.phase)
    }

    /// Whether its fetch has a place in the pool.
    pub fn is_being_fetched(&self) -> bool {
        self.phase().is_some_and(|phase| phase != Phase::Queued)
    }

    /// Where it is at a moment that its actor may not have noticed yet: past its retention it is Gone.
    pub fn state_at(&self, now: Timestamp) -> StateName {
        let expired = self.expires_at.is_some_and(|at| at <= now);
        if expired { StateName::Gone } else { self.state }
    }

    /// All of it as it is then.
    #[must_use]
    pub fn as_of(mut self, now: Timestamp) -> Self {
        if self.state != self.state_at(now) {
            let outlook = outlook(&State::Gone(GoneCause::Expired));
            self.state = StateName::Gone;
            self.intent = None;
            self.remedy = None;
            self.progress = None;
            self.retry_at = None;
            self.reason = outlook.reason;
            self.next = outlook.next;
        }
        self
    }
}

/// Follows one recording by what its actor publishes.
pub struct RecordingWatch {
    named: Option<RecordingSid>,
    call: watch::Receiver<CallView>,
    progress: Option<watch::Receiver<Progress>>,
}

/// The actor that was followed has ended: put to rest, or crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActorEnded;

impl RecordingWatch {
    pub(crate) const fn new(call: watch::Receiver<CallView>, named: Option<RecordingSid>) -> Self {
        Self { named, call, progress: None }
    }

    /// As it is now; `None` where there is no such recording. Stays with what it found first.
    pub fn look(&mut self) -> Option<RecordingView> {
        let view = self.call.borrow_and_update().recording(self.named).cloned()?;
        self.named = Some(view.recording);
        self.progress = view.progress.clone();
        if let Some(progress) = &mut self.progress {
            progress.mark_unchanged();
        }
        Some(view)
    }

    /// Returns when there may be something new since the last look.
    pub async fn changed(&mut self) -> Result<(), ActorEnded> {
        let Some(progress) = &mut self.progress else {
            return self.call.changed().await.map_err(|_| ActorEnded);
        };
        tokio::select! {
            changed = self.call.changed() => changed.map_err(|_| ActorEnded),
            Ok(()) = progress.changed() => Ok(()),
        }
    }
}

impl Track {
    /// Says which state it is in by now, and why.
    pub(super) fn log_transition(&self) {
        let Recording { business, call, sid, .. } = self.recording();
        let state = self.life.state.name().as_str();
        match &self.life.state {
            State::Failed(failure) if failure.cause == FetchError::RefusedRecording => {
                tracing::error!(
                    business.id = %business, call.sid = %call, recording.sid = %sid,
                    error = %failure.cause, remedy = failure.cause.remedy(),
                    "recording refused"
                );
            }
            State::Failed(failure) => tracing::warn!(
                business.id = %business, call.sid = %call, recording.sid = %sid,
                error = %failure.cause, remedy = failure.cause.remedy(),
                "recording failed"
            ),
            State::Absent(_) | State::Downloading(_) | State::Ready(_) | State::Gone(_) => {
                tracing::info!(
                    business.id = %business, call.sid = %call, recording.sid = %sid, state,
                    "recording changed state"
                );
            }
        }
    }

    pub(super) fn view(
        &self,
        recording: RecordingSid,
        now: Timestamp,
        policy: &Policy,
    ) -> RecordingView {
        let facts = &self.life.facts;
        let outlook = outlook(&self.life.state);
        RecordingView {
            recording,
            state: self.life.state.name(),
            since: self.since,
            attempt: facts.attempts.count(now, &policy.retry),
            waiting: facts.waiting.len(),
            intent: outlook.intent,
            version: self.life.version(),
            length: facts.known.as_ref().map(|copy| copy.length),
            retry_at: outlook.retry_at,
            reason: outlook.reason,
            remedy: outlook.remedy,
            next: outlook.next,
            expires_at: facts.recording.expires_at,
            progress: self.fetching.as_ref().map(|fetching| fetching.progress.clone()),
        }
    }
}

/// Why a state is what it is, and what comes after it.
struct Outlook {
    next: &'static str,
    intent: Option<Intent>,
    retry_at: Option<Timestamp>,
    reason: Option<String>,
    remedy: Option<&'static str>,
}

impl Outlook {
    const fn of(next: &'static str) -> Self {
        Self { next, intent: None, retry_at: None, reason: None, remedy: None }
    }
}

fn outlook(state: &State) -> Outlook {
    match state {
        State::Absent(Absence::BeingRecorded) => {
            Outlook::of("fetched when Twilio says it is complete")
        }
        State::Absent(Absence::NotFetched) => Outlook::of("fetched when somebody asks for it"),
        State::Absent(Absence::NotThereYet { at, intent, .. }) => Outlook {
            retry_at: Some(*at),
            intent: Some(*intent),
            reason: Some("Twilio says 404: not published yet".to_owned()),
            ..Outlook::of("asked for again, until ten minutes after its completion")
        },
        State::Absent(Absence::Paused { cause, at, intent, .. }) => Outlook {
            retry_at: Some(*at),
            intent: Some(*intent),
            reason: Some(cause.to_string()),
            remedy: Some(cause.remedy()),
            ..Outlook::of("fetched when the pause is over")
        },
        State::Downloading(Download { intent, sealed: None, .. }) => Outlook {
            intent: Some(*intent),
            ..Outlook::of("ready when all bytes are here and found good")
        },
        State::Downloading(Download { intent, sealed: Some(_), .. }) => {
            Outlook { intent: Some(*intent), ..Outlook::of("ready when the catalog says so") }
        }
        State::Ready(_) => Outlook::of("plays"),
        State::Failed(Failure { cause, plan, .. }) => {
            let (next, retry_at) = match plan {
                Plan::Retry { at, .. } => ("tried again by itself", at),
                Plan::OnDemand { not_before } => ("tried again when somebody listens", not_before),
                Plan::Exhausted { opens_at } => ("tried again when the window opens", opens_at),
                Plan::Refused { again_at } => ("tried again when somebody asks", again_at),
            };
            Outlook {
                retry_at: Some(*retry_at),
                reason: Some(cause.to_string()),
                remedy: Some(cause.remedy()),
                ..Outlook::of(next)
            }
        }
        State::Gone(cause) => Outlook {
            reason: Some(cause.as_str().to_owned()),
            ..Outlook::of("nothing: it will never be there")
        },
    }
}
