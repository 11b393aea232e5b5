//! What is going on on a connection, as far as it decides who may be sent away.
//!
//! Invariant: a connection with a request to answer, or an answer not wholly sent, is not asked to leave.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Accepted, and nothing has come yet.
    Silent,
    /// A part of a request's head has come.
    Head,
    /// A request is being handled.
    Answering,
    /// Its answer's body is being made.
    Sending,
    /// The body is complete, the socket has not taken all of it.
    Flushing,
    /// Between two requests.
    Idle,
    /// Our last word is said.
    Closing,
}

impl Stage {
    /// Whether nothing is lost but the connection when it ends here.
    pub(super) const fn may_leave(self) -> bool {
        match self {
            Self::Silent | Self::Head | Self::Idle | Self::Closing => true,
            Self::Answering | Self::Sending | Self::Flushing => false,
        }
    }

    /// Whether a handler runs, or may have to.
    pub(super) const fn may_ask(self) -> bool {
        match self {
            Self::Silent | Self::Head | Self::Answering | Self::Idle => true,
            Self::Sending | Self::Flushing | Self::Closing => false,
        }
    }
}

/// Shared by a connection's task, its wire, its answers, and the crowd.
#[derive(Debug)]
pub(super) struct Talk {
    stage: Mutex<(Stage, Instant)>,
    leaving: AtomicBool,
    asked_to_leave: Notify,
}

impl Talk {
    pub(super) fn new() -> Self {
        Self {
            stage: Mutex::new((Stage::Silent, Instant::now())),
            leaving: AtomicBool::new(false),
            asked_to_leave: Notify::new(),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage_since().0
    }

    pub(super) fn stage_since(&self) -> (Stage, Instant) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = (stage, Instant::now());
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(super) fn ask_to_leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        self.asked_to_leave.notify_one();
    }

    /// It was busy when it noticed, and stays.
    pub(super) fn stay(&self) {
        self.leaving.store(false, Ordering::Relaxed);
    }

    pub(super) async fn asked_to_leave(&self) {
        self.asked_to_leave.notified().await;
    }
}
