//! What happens among the actors, told as it happens to operators who watch. Only the last failures are kept, for who
//! comes to watch after them.
//!
//! Invariant: nothing here holds a phone number, a word from a call or a secret.

mod failures;

use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

pub use failures::Failure;

use crate::domain::{CallKey, JobId, RecordingSid, Stage, StateName, Timestamp};
use crate::recording::RecordingView;

/// So many are kept for a watcher who is slow; it is told how many it missed.
const KEPT_FOR_SLOW_WATCHERS: usize = 1_024;

#[derive(Debug, Clone)]
pub struct Happening {
    pub at: Timestamp,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    /// A recording is in another state now.
    Changed {
        call: CallKey,
        from: StateName,
        now: RecordingView,
    },
    /// A stage of the pipeline began or ended; `state` is the job's by now.
    Stage {
        call: CallKey,
        recording: RecordingSid,
        job: JobId,
        stage: Stage,
        state: &'static str,
        attempt: u32,
        error: Option<String>,
    },
    /// A call's actor crashed; it is started again when asked.
    Crashed {
        call: CallKey,
        count: u32,
        error: String,
    },
    /// One of the supervisor's children ended, and is started again.
    Ended {
        child: &'static str,
        restarts: u32,
        error: String,
    },
    Restarted {
        child: &'static str,
    },
}

/// Tells whoever watches. Never waits for anybody.
#[derive(Debug)]
pub(crate) struct Announcer {
    told: broadcast::Sender<Happening>,
    failures: Mutex<failures::Failures>,
}

impl Announcer {
    pub(crate) fn new() -> Self {
        Self { told: broadcast::Sender::new(KEPT_FOR_SLOW_WATCHERS), failures: Mutex::default() }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.told.subscribe()
    }

    pub(crate) fn announce(&self, at: Timestamp, what: What) {
        let happening = Happening { at, what };
        if failures::subject(&happening.what).is_some() {
            let mut kept = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            kept.keep(happening.clone());
        }
        let _ = self.told.send(happening);
    }

    /// The last ones, newest first.
    pub(crate) fn failures(&self) -> Vec<Failure> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).newest_first()
    }
}
