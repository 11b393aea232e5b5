//! Streams of server-sent events: how many there may be, how long they last, and how they are sent.
//!
//! Invariant: a stream ends by itself: after `LIFE_MAX`, when what its reader showed expires, and when the service
//! stops. Whoever wants more asks again.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actors::domain::Timestamp;
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use tokio::time::Instant;

use super::Service;
use super::problem::Problem;

const LIFE_MAX: Duration = Duration::from_mins(10);
/// Shorter than proxies wait for a byte.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between two events of a stream that could be one.
pub(super) const PACE: Duration = Duration::from_millis(250);

/// Counts the open streams.
#[derive(Clone)]
pub(crate) struct Streams {
    open: Arc<Mutex<Open>>,
    all_max: usize,
    per_reader_max: usize,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_reader: HashMap<String, usize>,
}

/// One stream's place among those that may be open. Dropped with the stream.
pub(super) struct Place {
    open: Arc<Mutex<Open>>,
    reader: String,
}

impl Streams {
    pub(crate) fn new(all_max: usize, per_reader_max: usize) -> Self {
        Self { open: Arc::default(), all_max, per_reader_max }
    }

    /// How many are open, and may be.
    pub(super) fn count(&self) -> (usize, usize) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        (open.all, self.all_max)
    }

    pub(super) fn enter(&self, reader: String) -> Result<Place, Problem> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.by_reader.get(&reader).is_some_and(|count| *count >= self.per_reader_max) {
            return Err(Problem::TooManyStreams);
        }
        if open.all >= self.all_max {
            return Err(Problem::Overloaded);
        }
        open.all += 1;
        *open.by_reader.entry(reader.clone()).or_default() += 1;
        Ok(Place { open: Arc::clone(&self.open), reader })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(count) = open.by_reader.get_mut(&self.reader) {
            *count -= 1;
            if *count == 0 {
                open.by_reader.remove(&self.reader);
            }
        }
    }
}

/// When a stream ends for a reader who may read until `expires_at`.
pub(super) fn end_of_life(service: &Service, expires_at: Timestamp) -> Instant {
    Instant::now() + expires_at.since(service.clock.now()).min(LIFE_MAX)
}

/// As proxies let it through at once.
pub(super) fn respond(
    events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
) -> Response {
    let mut response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &str) -> String {
        name.to_owned()
    }

    #[test]
    fn places_are_counted_for_all_and_for_each_and_given_back() {
        let streams = Streams::new(3, 2);
        let first = streams.enter(reader("a")).expect("a place");
        let _second = streams.enter(reader("a")).expect("a place");
        assert!(matches!(streams.enter(reader("a")), Err(Problem::TooManyStreams)));
        let _third = streams.enter(reader("b")).expect("a place");
        assert!(matches!(streams.enter(reader("c")), Err(Problem::Overloaded)));
        assert!(matches!(streams.enter(reader("a")), Err(Problem::TooManyStreams)));
        drop(first);
        let _fourth = streams.enter(reader("a")).expect("a place");
        assert_eq!(streams.open.lock().expect("whole").by_reader.len(), 2);
    }
}
