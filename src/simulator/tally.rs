//! What was asked of one recording, counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::http::{HeaderMap, HeaderName, header};
use serde::Serialize;

/// Older requests are forgotten.
const REQUESTS_KEPT_MAX: usize = 1_000;

/// A recording's counters. Only requests for its audio count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub gets: u64,
    /// Those for WAV: nobody plays it, somebody transcribes it.
    pub wav_gets: u64,
    /// Bytes of bodies handed to the socket.
    pub bytes_sent: u64,
    pub in_flight: u64,
    pub in_flight_max: u64,
    /// How many requests carried an `Authorization` header, right or wrong.
    pub with_authorization: u64,
}

/// One request as it came. Credentials are only noted, never kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenRequest {
    pub method: String,
    pub target: String,
    pub range: Option<String>,
    pub if_range: Option<String>,
    pub accept_encoding: Option<String>,
    pub with_authorization: bool,
}

#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    counters: Counters,
    requests: VecDeque<SeenRequest>,
}

/// One request being answered; ends when dropped.
#[derive(Debug)]
pub(super) struct InFlight(Vec<Arc<Tally>>);

impl SeenRequest {
    pub(super) fn new(method: &str, target: &str, headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| {
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            range: text(header::RANGE),
            if_range: text(header::IF_RANGE),
            accept_encoding: text(header::ACCEPT_ENCODING),
            with_authorization: headers.contains_key(header::AUTHORIZATION),
        }
    }
}

impl SeenRequest {
    fn is_for_wav(&self) -> bool {
        self.target.split('?').next().is_some_and(|path| path.ends_with(".wav"))
    }
}

impl Tally {
    pub(super) fn counters(&self) -> Counters {
        self.lock().counters.clone()
    }

    pub(super) fn requests(&self) -> Vec<SeenRequest> {
        self.lock().requests.iter().cloned().collect()
    }

    fn begin(&self, request: &SeenRequest) {
        let mut counted = self.lock();
        let counters = &mut counted.counters;
        let is_get = request.method == "GET";
        counters.gets += u64::from(is_get);
        counters.wav_gets += u64::from(is_get && request.is_for_wav());
        counters.with_authorization += u64::from(request.with_authorization);
        counters.in_flight += 1;
        counters.in_flight_max = counters.in_flight_max.max(counters.in_flight);
        if counted.requests.len() == REQUESTS_KEPT_MAX {
            counted.requests.pop_front();
        }
        counted.requests.push_back(request.clone());
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().expect("nothing panics while counting")
    }
}

impl InFlight {
    /// Counts in each of `tallies` (one recording's, everybody's).
    pub(super) fn begin(tallies: Vec<Arc<Tally>>, request: &SeenRequest) -> Self {
        for tally in &tallies {
            tally.begin(request);
        }
        Self(tallies)
    }

    pub(super) fn sent(&self, bytes: u64) {
        for tally in &self.0 {
            tally.lock().counters.bytes_sent += bytes;
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        for tally in &self.0 {
            tally.lock().counters.in_flight -= 1;
        }
    }
}
