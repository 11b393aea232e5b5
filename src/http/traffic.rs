//! What is asked and answered, counted: requests by route, method and outcome, problems by their code, how long players
//! waited for their first byte, and what became of webhooks.
//!
//! Invariant: what can be counted is laid out when the service starts. Whatever clients make up is counted as `other`.
//! Invariant: counting waits for nobody, and costs a request that is answered at once a few additions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actors::domain::{BUCKETS, Distribution, Timestamp};
use axum::http::StatusCode;

use super::hot;
use super::problem::CODES;

/// Every route and the methods that it has. Those that are asked every few seconds by whoever watches over the process
/// are not counted.
const ROUTES: &[(&str, &[&str])] = &[
    (hot::PLAY, &["GET", "HEAD"]),
    (hot::STREAM, &["GET", "HEAD"]),
    ("/api/calls/{call_sid}/download", &["GET", "HEAD"]),
    ("/api/recordings/{call_sid}/prepare", &["POST"]),
    ("/api/recordings/{call_sid}/link", &["POST"]),
    ("/api/recordings/{call_sid}/status", &["GET"]),
    ("/api/recordings/{call_sid}/events", &["GET"]),
    ("/api/recordings/{call_sid}/waveform", &["GET"]),
    ("/api/calls", &["GET"]),
    ("/api/calls/{call_sid}", &["GET"]),
    ("/api/calls/{call_sid}/transcript", &["GET", "PUT"]),
    ("/api/calls/{call_sid}/transcript.json", &["GET"]),
    ("/api/calls/{call_sid}/transcript.vtt", &["GET"]),
    ("/api/calls/{call_sid}/transcript.srt", &["GET"]),
    ("/api/calls/{call_sid}/transcript.txt", &["GET"]),
    ("/api/appointments", &["GET"]),
    ("/api/appointments/{id}", &["PATCH"]),
    ("/api/calendars", &["GET", "POST"]),
    ("/api/calendars/{id}", &["DELETE"]),
    ("/api/session", &["GET", "POST", "DELETE"]),
    ("/webhooks/twilio/recording-status", &["POST"]),
    ("/webhooks/twilio/call-status", &["POST"]),
    ("/debug/actors", &["GET"]),
    ("/debug/actors/{call_sid}", &["GET"]),
    ("/debug/actors/{call_sid}/retry", &["POST"]),
    ("/debug/actors/{call_sid}/evict", &["POST"]),
    ("/debug/events", &["GET"]),
    ("/debug/jobs", &["GET"]),
    ("/debug/jobs/{id}", &["GET"]),
    ("/debug/jobs/{id}/retry", &["POST"]),
    ("/debug/jobs/{id}/cancel", &["POST"]),
    ("/openapi.json", &["GET"]),
    ("/docs", &["GET"]),
    ("/", &["GET"]),
    ("/web/{asset}", &["GET"]),
    OTHER,
];
/// Whatever is not among them.
const OTHER: (&str, &[&str]) = ("other", &["other"]);

pub(crate) struct Traffic {
    started_at: Timestamp,
    connections: Box<dyn Fn() -> Connections + Send + Sync>,
    /// Of each route, in the order of `ROUTES`, its methods.
    routes: HashMap<&'static str, Vec<(&'static str, Outcomes)>, foldhash::fast::RandomState>,
    other: Outcomes,
    problems: [AtomicU64; CODES.len()],
    first_bytes: [Spans; Whence::ALL.len()],
    preparing: AtomicU64,
    webhooks: [AtomicU64; Received::ALL.len()],
}

/// How many are connected, and were: the server counts them.
pub(crate) struct Connections {
    pub present: usize,
    pub max: usize,
    pub accepted_total: u64,
    pub refused_total: u64,
}

type Outcomes = [AtomicU64; Outcome::ALL.len()];

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Redirection,
    Refusal,
    Failure,
    /// The answer could not be completed, and was cut.
    Cut,
    /// The client left before the end.
    HungUp,
}

impl Outcome {
    pub(super) const ALL: [Self; 6] =
        [Self::Success, Self::Redirection, Self::Refusal, Self::Failure, Self::Cut, Self::HungUp];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::Refusal => "4xx",
            Self::Failure => "5xx",
            Self::Cut => "cut",
            Self::HungUp => "hung_up",
        }
    }

    /// Of an answer that was sent to its end.
    pub(super) fn of(status: StatusCode) -> Self {
        if status.is_server_error() {
            Self::Failure
        } else if status.is_client_error() {
            Self::Refusal
        } else if status.is_redirection() {
            Self::Redirection
        } else {
            Self::Success
        }
    }
}

/// Where an answer's audio comes from. Goes along with the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whence {
    /// Answered at once.
    Memory,
    /// A copy was here, and its call's actor was asked.
    Vault,
    /// It was still to come.
    Download,
}

impl Whence {
    pub(super) const ALL: [Self; 3] = [Self::Memory, Self::Vault, Self::Download];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Vault => "vault",
            Self::Download => "download",
        }
    }
}

/// "Not yet", instead of audio. Goes along with the response.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotYet;

/// What became of a webhook at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    Stored,
    Duplicate,
    Unsigned,
    Malformed,
    /// It could not be stored; Twilio is to send it again.
    Unstored,
}

impl Received {
    pub(super) const ALL: [Self; 5] =
        [Self::Stored, Self::Duplicate, Self::Unsigned, Self::Malformed, Self::Unstored];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Unsigned => "unsigned",
            Self::Malformed => "malformed",
            Self::Unstored => "unstored",
        }
    }
}

impl Traffic {
    pub(crate) fn begin(
        started_at: Timestamp,
        connections: impl Fn() -> Connections + Send + Sync + 'static,
    ) -> Self {
        let methods = |methods: &[&'static str]| {
            methods.iter().map(|method| (*method, Outcomes::default())).collect()
        };
        Self {
            started_at,
            connections: Box::new(connections),
            routes: ROUTES.iter().map(|(route, of)| (*route, methods(of))).collect(),
            other: Outcomes::default(),
            problems: Default::default(),
            first_bytes: Default::default(),
            preparing: AtomicU64::new(0),
            webhooks: Default::default(),
        }
    }

    pub(super) const fn started_at(&self) -> Timestamp {
        self.started_at
    }

    pub(super) fn connections(&self) -> Connections {
        (self.connections)()
    }

    pub(super) fn ended(&self, route: Option<&str>, method: &'static str, outcome: Outcome) {
        let methods = route.and_then(|route| self.routes.get(route));
        let found = methods.and_then(|methods| methods.iter().find(|(name, _)| *name == method));
        one_more(&found.map_or(&self.other, |(_, outcomes)| outcomes)[outcome as usize]);
    }

    pub(super) fn problem(&self, code: &'static str) {
        if let Some(place) = CODES.iter().position(|known| *known == code) {
            one_more(&self.problems[place]);
        }
    }

    pub(super) fn first_byte(&self, whence: Whence, waited: Duration) {
        self.first_bytes[whence as usize].record(waited);
    }

    pub(super) fn not_yet(&self) {
        one_more(&self.preparing);
    }

    pub(super) fn webhook(&self, received: Received) {
        one_more(&self.webhooks[received as usize]);
    }

    /// Route, method, outcome.
    pub(super) fn requests(&self) -> impl Iterator<Item = ([&'static str; 2], Outcome, u64)> {
        let of = |labels: [&'static str; 2], outcomes: &Outcomes| {
            Outcome::ALL.map(|outcome| (labels, outcome, read(&outcomes[outcome as usize])))
        };
        let mut rows = Vec::new();
        for (route, _) in ROUTES {
            for (name, outcomes) in self.routes.get(route).into_iter().flatten() {
                let outcomes = if *route == OTHER.0 { &self.other } else { outcomes };
                rows.extend(of([*route, *name], outcomes));
            }
        }
        rows.into_iter()
    }

    pub(super) fn problems(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CODES.into_iter().zip(self.problems.iter().map(read))
    }

    pub(super) fn first_bytes(&self) -> impl Iterator<Item = (Whence, Distribution)> {
        Whence::ALL.into_iter().zip(self.first_bytes.iter().map(Spans::view))
    }

    pub(super) fn preparing_total(&self) -> u64 {
        read(&self.preparing)
    }

    pub(super) fn webhooks(&self) -> impl Iterator<Item = (Received, u64)> {
        Received::ALL.into_iter().zip(self.webhooks.iter().map(read))
    }
}

/// A distribution that many add to at a time.
#[derive(Default)]
struct Spans {
    counts: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl Spans {
    fn record(&self, span: Duration) {
        one_more(&self.counts[Distribution::bucket(span)]);
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(span_us, Ordering::Relaxed);
    }

    fn view(&self) -> Distribution {
        let sum = Duration::from_micros(read(&self.sum_us));
        Distribution::of(self.counts.each_ref().map(read), sum)
    }
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNCOUNTED: [&str; 3] = ["/livez", "/readyz", "/metrics"];

    #[test]
    fn every_route_of_the_table_is_counted_by_its_name() {
        let table = include_str!("../http.rs");
        let named = |line: &'static str| line.split('"').nth(1).filter(|it| it.starts_with('/'));
        let routes: Vec<&str> = table.lines().filter_map(named).collect();
        assert!(routes.len() > 20, "{routes:?}");
        for route in routes.into_iter().filter(|route| !UNCOUNTED.contains(route)) {
            let known = ROUTES.iter().any(|(known, _)| *known == route);
            assert!(known, "{route} is missing in src/http/traffic.rs");
        }
    }

    #[test]
    fn what_clients_make_up_is_counted_as_other() {
        let nobody = || Connections { present: 0, max: 0, accepted_total: 0, refused_total: 0 };
        let traffic = Traffic::begin(Timestamp::from_millis(0), nobody);
        traffic.ended(Some("/api/calls"), "GET", Outcome::Success);
        traffic.ended(Some("/api/calls"), "TRACE", Outcome::Refusal);
        traffic.ended(Some("/api/other"), "GET", Outcome::Refusal);
        traffic.ended(None, "other", Outcome::HungUp);
        let counted: Vec<_> = traffic.requests().filter(|(.., count)| *count > 0).collect();
        let expected = [
            (["/api/calls", "GET"], Outcome::Success, 1),
            (["other", "other"], Outcome::Refusal, 2),
            (["other", "other"], Outcome::HungUp, 1),
        ];
        assert_eq!(counted, expected);
    }
}
