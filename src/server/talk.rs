//! What is going on on a connection, as far as it decides who may be sent away.
//!
//! Invariant: a connection with a request to answer, or an answer not wholly sent, is not asked to leave.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
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

const STAGES: [Stage; 7] = [
    Stage::Silent,
    Stage::Head,
    Stage::Answering,
    Stage::Sending,
    Stage::Flushing,
    Stage::Idle,
    Stage::Closing,
];

/// Shared by a connection's task, its wire, its answers, and the crowd.
///
/// Only the connection's own task changes the stage; the crowd looks on.
#[derive(Debug)]
pub(super) struct Talk {
    stage: AtomicU8,
    begun: Instant,
    /// When it last began to wait for a request, in milliseconds since it began. Stages in which something happens
    /// are entered too often for a look at the clock, and nobody asks since when.
    waiting_since_ms: AtomicU64,
    leaving: AtomicBool,
    asked_to_leave: Notify,
}

impl Talk {
    pub(super) fn new() -> Self {
        Self {
            stage: AtomicU8::new(Stage::Silent as u8),
            begun: Instant::now(),
            waiting_since_ms: AtomicU64::new(0),
            leaving: AtomicBool::new(false),
            asked_to_leave: Notify::new(),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        STAGES[usize::from(self.stage.load(Ordering::Acquire))]
    }

    /// When it last began to wait for a request.
    pub(super) fn waiting_since(&self) -> Instant {
        self.begun + Duration::from_millis(self.waiting_since_ms.load(Ordering::Acquire))
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Release);
    }

    /// Between two requests, from now on.
    pub(super) fn rest(&self, now: Instant) {
        let waited_ms = now.saturating_duration_since(self.begun).as_millis() as u64;
        self.waiting_since_ms.store(waited_ms, Ordering::Release);
        self.enter(Stage::Idle);
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
