//! What happens among the actors, told as it happens to operators who watch, and kept nowhere.
//!
//! Invariant: nothing here holds a phone number, a word from a call or a secret.

use tokio::sync::broadcast;

use crate::domain::{CallKey, RecordingSid, Stage, StateName, Timestamp};
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
pub(crate) struct Announcer(broadcast::Sender<Happening>);

impl Announcer {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(KEPT_FOR_SLOW_WATCHERS))
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Happening> {
        self.0.subscribe()
    }

    /// Makes the news only where somebody watches.
    pub(crate) fn announce(&self, at: Timestamp, what: impl FnOnce() -> What) {
        if self.0.receiver_count() > 0 {
            let _ = self.0.send(Happening { at, what: what() });
        }
    }
}
