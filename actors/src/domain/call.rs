//! One Twilio call, as far as anybody told us.

use std::fmt;
use std::time::Duration;

use super::{AccountSid, BusinessId, CallSid, Timestamp};

/// What the catalog knows of a call. Details stay `None` until a webhook or the REST API says them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub business: BusinessId,
    pub sid: CallSid,
    pub account: AccountSid,
    pub details: CallDetails,
    pub heard_at: Timestamp,
}

/// What Twilio says of a call: from a call-status webhook, or from `/Calls/{sid}.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallDetails {
    /// Set on a child leg; everything of the call is kept under its parent.
    pub parent: Option<CallSid>,
    pub direction: Option<Direction>,
    pub from: Option<PhoneNumber>,
    pub to: Option<PhoneNumber>,
    pub status: Option<CallStatus>,
    pub started_at: Option<Timestamp>,
    pub duration: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Inbound,
    Outbound,
}

/// Twilio's `CallStatus`, in the order of a call's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStatus {
    Queued,
    Ringing,
    InProgress,
    Completed,
    Busy,
    Failed,
    NoAnswer,
    Canceled,
}

impl CallStatus {
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Ringing,
        Self::InProgress,
        Self::Completed,
        Self::Busy,
        Self::Failed,
        Self::NoAnswer,
        Self::Canceled,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        // `initiated` is the name of the event, `queued` the status it reports.
        let text = if text == "initiated" { "queued" } else { text };
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Webhooks arrive in any order: news of a lower rank than what is known is late and ignored.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Queued => 0,
            Self::Ringing => 1,
            Self::InProgress => 2,
            Self::Completed | Self::Busy | Self::Failed | Self::NoAnswer | Self::Canceled => 3,
        }
    }
}

impl Direction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    /// Twilio says `inbound`, `outbound`, `outbound-api`, `outbound-dial` and suchlike.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("inbound") {
            Some(Self::Inbound)
        } else if text.starts_with("outbound") {
            Some(Self::Outbound)
        } else {
            None
        }
    }
}

/// A caller's number or SIP address. Never logged: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PhoneNumber(…)")
    }
}
