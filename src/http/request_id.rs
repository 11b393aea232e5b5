//! What a request is called in the log and in its answer.
//!
//! Invariant: a client's own name is taken only if it can stand in a log; no two that are made here are equal.

use std::cell::Cell;
use std::hash::BuildHasher;

use actors::domain::Timestamp;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use foldhash::quality::RandomState;
use uuid::Builder;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LENGTH_MAX: usize = 64;

/// The client's own, if it can stand in a log.
pub(super) fn given(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(REQUEST_ID)?;
    let may_stand = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = given.len();
    let good = (1..=LENGTH_MAX).contains(&length) && given.as_bytes().iter().all(may_stand);
    good.then(|| given.clone())
}

/// A UUID of version 7: in the order of time, and otherwise by chance. Made without asking the system for chance.
pub(super) fn made_now() -> HeaderValue {
    let (seconds, nanos) = uuid::Timestamp::now(uuid::NoContext).to_unix();
    made_at(seconds * 1_000 + u64::from(nanos / 1_000_000))
}

/// The same for somebody who knows what time it is.
pub(super) fn made(now: Timestamp) -> HeaderValue {
    made_at(u64::try_from(now.as_millis()).unwrap_or_default())
}

fn made_at(millis: u64) -> HeaderValue {
    let id = Builder::from_unix_timestamp_millis(millis, &chance()).into_uuid();
    let mut text = [0; uuid::fmt::Simple::LENGTH];
    HeaderValue::from_bytes(id.simple().encode_lower(&mut text).as_bytes()).expect("hex digits")
}

thread_local! {
    /// Each thread has keys of its own, and counts what it made with them.
    static MAKER: (RandomState, Cell<u64>) = (RandomState::default(), Cell::new(0));
}

/// A hash that no other thread or process makes, and a count that tells what one thread makes apart.
fn chance() -> [u8; 10] {
    MAKER.with(|(keys, made)| {
        let count = made.get();
        made.set(count.wrapping_add(1));
        let mut chance = [0; 10];
        chance[..8].copy_from_slice(&keys.hash_one(count).to_be_bytes());
        chance[8..].copy_from_slice(&(count as u16).to_be_bytes());
        chance
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn taken(value: &[u8]) -> Option<String> {
        let value = HeaderValue::from_bytes(value).expect("a header value");
        let headers = HeaderMap::from_iter([(REQUEST_ID, value)]);
        given(&headers).map(|id| id.to_str().expect("text").to_owned())
    }

    #[test]
    fn a_clients_id_is_taken_only_if_it_can_stand_in_a_log() {
        assert_eq!(taken(b"0193-ab_C.9").as_deref(), Some("0193-ab_C.9"));
        assert_eq!(taken(&[b'a'; 64]).map(|id| id.len()), Some(64));
        for bad in [b"".as_slice(), &[b'a'; 65], b"a b", b"a\tb", b"+15550100", b"\xff", b"a=1"] {
            assert_eq!(taken(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn ids_of_one_moment_differ_whichever_thread_makes_them() {
        const EACH: usize = 100_000;
        let now = Timestamp::from_millis(1_700_000_000_000);
        let make = move || (0..EACH).map(|_| made(now)).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(make)).collect();
        let ids = threads.into_iter().flat_map(|thread| thread.join().expect("no panic"));
        let ids: HashSet<_> = ids.collect();
        assert_eq!(ids.len(), 4 * EACH);
        for id in ids.iter().take(100) {
            let id: uuid::Uuid = id.to_str().ok().and_then(|id| id.parse().ok()).expect("a UUID");
            assert_eq!(id.get_version_num(), 7);
        }
    }
}
