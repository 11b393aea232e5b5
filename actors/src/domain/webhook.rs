//! What a verified webhook says, in our words.

use super::{AccountSid, CallDetails, CallSid, RecordingSid, SourceStatus, Timestamp};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookEvent {
    Recording(RecordingEvent),
    Call(CallEvent),
}

impl WebhookEvent {
    pub const fn account(&self) -> AccountSid {
        match self {
            Self::Recording(event) => event.account,
            Self::Call(event) => event.account,
        }
    }

    pub const fn call(&self) -> CallSid {
        match self {
            Self::Recording(event) => event.call,
            Self::Call(event) => event.call,
        }
    }
}

/// A recording-status callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingEvent {
    pub account: AccountSid,
    pub call: CallSid,
    pub recording: RecordingSid,
    pub status: SourceStatus,
    pub channels: Option<u8>,
    pub duration: Option<Duration>,
    pub started_at: Option<Timestamp>,
}

/// A call-status callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    pub account: AccountSid,
    pub call: CallSid,
    pub details: CallDetails,
}
