//! What a conversation came to: a summary, facts, and a date that was agreed on.
//!
//! Words from a call are never logged: `Debug` shows none of them.

use std::fmt;

use super::{RecordingSid, Timestamp};

#[derive(Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub topic: Option<String>,
    pub outcome: Option<String>,
    pub next_step: Option<String>,
}

impl Summary {
    pub fn text(&self) -> String {
        let parts = [&self.topic, &self.outcome, &self.next_step];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        parts.join("\n")
    }
}

#[derive(Clone, Default, PartialEq)]
pub struct Facts {
    pub customer_name: Option<Fact<String>>,
    pub city: Option<Fact<String>>,
    pub service: Option<Fact<String>>,
    pub appointment: Option<Fact<ProposedAppointment>>,
}

/// Something that was understood, and how surely.
#[derive(Clone, PartialEq)]
pub struct Fact<T> {
    pub value: T,
    /// From 0 to 1, as the language model says.
    pub confidence: f64,
}

/// A date that the conversation names.
#[derive(Clone, PartialEq, Eq)]
pub struct ProposedAppointment {
    pub starts_at: Timestamp,
    /// What it is about, if that was said.
    pub subject: Option<String>,
}

/// An appointment of a business.
#[derive(Clone, PartialEq)]
pub struct Appointment {
    pub id: i64,
    pub recording: RecordingSid,
    pub calendar: Option<i64>,
    pub status: AppointmentStatus,
    pub starts_at: Timestamp,
    pub subject: Option<String>,
    pub customer_name: Option<String>,
    pub confidence: f64,
    pub proposed_at: Timestamp,
    /// When somebody confirmed, moved or dismissed it.
    pub changed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppointmentStatus {
    /// Extraction found it; nobody has looked yet.
    Proposed,
    Confirmed,
    Dismissed,
}

impl AppointmentStatus {
    pub const ALL: [Self; 3] = [Self::Proposed, Self::Confirmed, Self::Dismissed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Confirmed => "confirmed",
            Self::Dismissed => "dismissed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What somebody does about an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AppointmentChange {
    pub status: Option<AppointmentStatus>,
    pub starts_at: Option<Timestamp>,
    /// `Some(None)` takes it out of its calendar.
    pub calendar: Option<Option<i64>>,
}

/// Where a business keeps appointments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub id: i64,
    pub name: String,
    /// Proposed appointments go there. At most one of a business.
    pub is_default: bool,
}

impl fmt::Debug for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Summary(…)")
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Facts(…)")
    }
}

impl<T> fmt::Debug for Fact<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Fact({})", self.confidence)
    }
}

impl fmt::Debug for ProposedAppointment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ProposedAppointment({:?})", self.starts_at)
    }
}

impl fmt::Debug for Appointment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Appointment({}, {:?})", self.id, self.status)
    }
}
