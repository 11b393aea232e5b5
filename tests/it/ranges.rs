//! Ranges and conditions: what a player may ask of a recording that is there, or arriving (RFC 9110 §13, §14).
//!
//! One table decides; every row is asked of the play route and of its alias.

use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use hearback::simulator::{Behaviour, PlannedRecording, synthetic_mpeg};
use reqwest::{Method, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::behind_nginx::Way;
use crate::support::{ACME, Placed, TestApp, header, play_path};

/// Three sealed segments, the last one not full.
const LENGTH: usize = 192_000;
const SEGMENT: usize = 65_536;
/// The last byte comes so long after the first that all have asked before.
const ARRIVING_BYTES_PER_SECOND: u64 = LENGTH as u64 / 8;
const WHOLE: Range<usize> = 0..LENGTH;
const NOTHING: Range<usize> = 0..0;

/// Method, request headers, status, and the bytes that the answer carries (HEAD: would carry).
/// `TAG` stands for the entity tag, `THOUSAND` for a thousand ranges.
type Row = (Method, &'static [(&'static str, &'static str)], u16, Range<usize>);

const RANGES: &[Row] = &[
    (Method::GET, &[], 200, WHOLE),
    (Method::HEAD, &[], 200, WHOLE),
    // Satisfiable.
    (Method::GET, &[("range", "bytes=0-1")], 206, 0..2),
    (Method::GET, &[("range", "bytes=0-")], 206, WHOLE),
    (Method::GET, &[("range", "bytes=0-0")], 206, 0..1),
    (Method::GET, &[("range", "bytes=0-191999")], 206, WHOLE),
    (Method::GET, &[("range", "bytes=0-192000")], 206, WHOLE),
    (Method::GET, &[("range", "bytes=191999-")], 206, LENGTH - 1..LENGTH),
    (Method::GET, &[("range", "bytes=191999-191999")], 206, LENGTH - 1..LENGTH),
    (Method::GET, &[("range", "bytes=-500")], 206, LENGTH - 500..LENGTH),
    (Method::GET, &[("range", "bytes=-1")], 206, LENGTH - 1..LENGTH),
    (Method::GET, &[("range", "bytes=-192000")], 206, WHOLE),
    (Method::GET, &[("range", "bytes=-192001")], 206, WHOLE),
    (Method::GET, &[("range", "bytes=00000000000000000000000000010-11")], 206, 10..12),
    (Method::GET, &[("range", "Bytes=0-1")], 206, 0..2),
    (Method::GET, &[("range", "BYTES=-2")], 206, LENGTH - 2..LENGTH),
    // Across and along the segments in which it is sealed.
    (Method::GET, &[("range", "bytes=65535-65536")], 206, SEGMENT - 1..SEGMENT + 1),
    (Method::GET, &[("range", "bytes=65536-131071")], 206, SEGMENT..2 * SEGMENT),
    (Method::GET, &[("range", "bytes=65535-131072")], 206, SEGMENT - 1..2 * SEGMENT + 1),
    (Method::GET, &[("range", "bytes=131072-131072")], 206, 2 * SEGMENT..2 * SEGMENT + 1),
    // Ends and suffixes too large for any integer are beyond the end.
    (Method::GET, &[("range", "bytes=9-9223372036854775808")], 206, 9..LENGTH),
    (Method::GET, &[("range", "bytes=9-18446744073709551616")], 206, 9..LENGTH),
    (Method::GET, &[("range", "bytes=9-999999999999999999999999999999")], 206, 9..LENGTH),
    (Method::GET, &[("range", "bytes=-18446744073709551616")], 206, WHOLE),
    (Method::GET, &[("range", "bytes=-999999999999999999999999999999")], 206, WHOLE),
    // Unsatisfiable.
    (Method::GET, &[("range", "bytes=-0")], 416, NOTHING),
    (Method::GET, &[("range", "bytes=192000-")], 416, NOTHING),
    (Method::GET, &[("range", "bytes=192000-192000")], 416, NOTHING),
    (Method::GET, &[("range", "bytes=192001-")], 416, NOTHING),
    (Method::GET, &[("range", "bytes=9223372036854775808-")], 416, NOTHING),
    (Method::GET, &[("range", "bytes=18446744073709551615-")], 416, NOTHING),
    (Method::GET, &[("range", "bytes=18446744073709551616-")], 416, NOTHING),
    (Method::GET, &[("range", "bytes=999999999999999999999999999999-")], 416, NOTHING),
    // Not a range: passed over.
    (Method::GET, &[("range", "")], 200, WHOLE),
    (Method::GET, &[("range", "bytes")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=-")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=5")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=5-4")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=300000-4")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=18446744073709551617-18446744073709551616")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=a-b")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0x0-0x1")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=+0-1")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0--1")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0-1-2")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=1.5-2")], 200, WHOLE),
    (Method::GET, &[("range", "bytes: 0-1")], 200, WHOLE),
    (Method::GET, &[("range", "bytes = 0-1")], 200, WHOLE),
    (Method::GET, &[("range", "bytes =0-1")], 200, WHOLE),
    (Method::GET, &[("range", "bytes= 0-1")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0 -1")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0- 1")], 200, WHOLE),
    (Method::GET, &[("range", "seconds=0-1")], 200, WHOLE),
    (Method::GET, &[("range", "=0-1")], 200, WHOLE),
    (Method::GET, &[("range", "nonsense")], 200, WHOLE),
    // Several ranges, however they are written, are answered with the whole.
    (Method::GET, &[("range", "bytes=0-1,4-5")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0-1, 4-5")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0-,0-,0-,0-")], 200, WHOLE),
    (Method::GET, &[("range", "THOUSAND")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0-1"), ("range", "bytes=4-5")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0-1"), ("range", "bytes=0-1")], 200, WHOLE),
    // Only GET knows ranges.
    (Method::HEAD, &[("range", "bytes=0-1")], 200, WHOLE),
    (Method::HEAD, &[("range", "bytes=192000-")], 200, WHOLE),
];

const CONDITIONS: &[Row] = &[
    // If-Range: the part if it is the very same version, else the whole.
    (Method::GET, &[("range", "bytes=0-1"), ("if-range", "TAG")], 206, 0..2),
    (Method::GET, &[("range", "bytes=192000-"), ("if-range", "TAG")], 416, NOTHING),
    (Method::GET, &[("range", "bytes=0-1"), ("if-range", "W/TAG")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0-1"), ("if-range", "\"another\"")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=192000-"), ("if-range", "\"another\"")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0-1"), ("if-range", "*")], 200, WHOLE),
    (Method::GET, &[("range", "bytes=0-1"), ("if-range", "")], 200, WHOLE),
    (
        Method::GET,
        &[("range", "bytes=0-1"), ("if-range", "Sat, 29 Oct 2044 19:43:31 GMT")],
        200,
        WHOLE,
    ),
    (Method::GET, &[("if-range", "TAG")], 200, WHOLE),
    (Method::GET, &[("if-range", "\"another\"")], 200, WHOLE),
    (Method::HEAD, &[("range", "bytes=0-1"), ("if-range", "TAG")], 200, WHOLE),
    // If-None-Match: whoever has it gets nothing.
    (Method::GET, &[("if-none-match", "TAG")], 304, NOTHING),
    (Method::HEAD, &[("if-none-match", "TAG")], 304, NOTHING),
    (Method::GET, &[("if-none-match", "W/TAG")], 304, NOTHING),
    (Method::GET, &[("if-none-match", "*")], 304, NOTHING),
    (Method::HEAD, &[("if-none-match", "*")], 304, NOTHING),
    (Method::GET, &[("if-none-match", "\"another\", TAG")], 304, NOTHING),
    (Method::GET, &[("if-none-match", "\"another\",TAG,\"third\"")], 304, NOTHING),
    (Method::GET, &[("if-none-match", "\"another\", W/TAG")], 304, NOTHING),
    (Method::GET, &[("if-none-match", "\"another\""), ("if-none-match", "TAG")], 304, NOTHING),
    (Method::GET, &[("if-none-match", "TAG"), ("range", "bytes=0-1")], 304, NOTHING),
    (Method::GET, &[("if-none-match", "TAG"), ("range", "bytes=192000-")], 304, NOTHING),
    (
        Method::GET,
        &[("if-none-match", "TAG"), ("range", "bytes=0-1"), ("if-range", "TAG")],
        304,
        NOTHING,
    ),
    (Method::GET, &[("if-none-match", "\"another\"")], 200, WHOLE),
    (Method::HEAD, &[("if-none-match", "\"another\"")], 200, WHOLE),
    (Method::GET, &[("if-none-match", "\"another\", W/\"third\"")], 200, WHOLE),
    (Method::GET, &[("if-none-match", "")], 200, WHOLE),
    (Method::GET, &[("if-none-match", "\"another\""), ("range", "bytes=2-3")], 206, 2..4),
    // If-Match: strong, and first of all.
    (Method::GET, &[("if-match", "TAG")], 200, WHOLE),
    (Method::HEAD, &[("if-match", "TAG")], 200, WHOLE),
    (Method::GET, &[("if-match", "*")], 200, WHOLE),
    (Method::GET, &[("if-match", "\"another\", TAG")], 200, WHOLE),
    (Method::GET, &[("if-match", "\"another\""), ("if-match", "TAG")], 200, WHOLE),
    (Method::GET, &[("if-match", "TAG"), ("range", "bytes=2-3")], 206, 2..4),
    (Method::GET, &[("if-match", "TAG"), ("if-none-match", "TAG")], 304, NOTHING),
    (Method::GET, &[("if-match", "W/TAG")], 412, NOTHING),
    (Method::GET, &[("if-match", "\"another\"")], 412, NOTHING),
    (Method::HEAD, &[("if-match", "\"another\"")], 412, NOTHING),
    (Method::GET, &[("if-match", "\"another\", W/TAG")], 412, NOTHING),
    (Method::GET, &[("if-match", "\"another\""), ("range", "bytes=0-1")], 412, NOTHING),
    (Method::GET, &[("if-match", "\"another\""), ("range", "bytes=192000-")], 412, NOTHING),
    (Method::GET, &[("if-match", "\"another\""), ("if-none-match", "TAG")], 412, NOTHING),
    (Method::HEAD, &[("if-match", "\"another\""), ("if-none-match", "*")], 412, NOTHING),
    // There is no modification date that a date could be compared with.
    (Method::GET, &[("if-modified-since", "Sat, 29 Oct 2044 19:43:31 GMT")], 200, WHOLE),
    (Method::GET, &[("if-unmodified-since", "Sat, 29 Oct 1994 19:43:31 GMT")], 200, WHOLE),
    (
        Method::GET,
        &[("if-unmodified-since", "Sat, 29 Oct 1994 19:43:31 GMT"), ("range", "bytes=0-1")],
        206,
        0..2,
    ),
    (
        Method::GET,
        &[("if-none-match", "TAG"), ("if-modified-since", "Sat, 29 Oct 1994 19:43:31 GMT")],
        304,
        NOTHING,
    ),
];

#[tokio::test]
pub async fn every_range_is_answered_as_the_standard_says() {
    ask_all(RANGES).await;
}

#[tokio::test]
pub async fn every_condition_is_answered_as_the_standard_says() {
    ask_all(CONDITIONS).await;
}

/// A body waits for what is not here yet; its head does not.
#[tokio::test]
pub async fn every_range_and_condition_is_answered_the_same_while_the_recording_arrives() {
    let app = TestApp::start().await;
    let audio = synthetic_mpeg(LENGTH, 1);
    let recording = PlannedRecording {
        behaviours: vec![Behaviour::paced(ARRIVING_BYTES_PER_SECOND)],
        ..PlannedRecording::of_mp3(audio.clone())
    };
    let placed = app.place_planned(recording, ACME, audio).await;
    let tag = app
        .until("it is admitted", async || {
            let head = app.request(Method::HEAD, &play_path(&placed)).send().await.ok()?;
            (head.status() == StatusCode::OK).then(|| header(&head, "etag"))
        })
        .await;
    let rows = RANGES.iter().chain(CONDITIONS);
    join_all(rows.map(async |row| {
        let response = ask(&app, row, &play_path(&placed), &tag).await;
        check(row, response, &placed, &tag, None).await;
    }))
    .await;
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

async fn ask_all(rows: &[Row]) {
    let app = TestApp::start().await;
    let placed = app.place(synthetic_mpeg(LENGTH, 1)).await;
    assert_eq!(placed.audio.len(), LENGTH);
    let tag = app.until_ready(&placed).await;
    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&placed.audio)));
    for path in [play_path(&placed), format!("/api/recordings/{}/stream", placed.call)] {
        for row in rows {
            let response = ask(&app, row, &path, &tag).await;
            check(row, response, &placed, &tag, Some(&digest)).await;
        }
    }
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

async fn ask(app: &TestApp, (method, lines, ..): &Row, path: &str, tag: &str) -> Response {
    let request = lines.iter().fold(app.request(method.clone(), path), |request, (name, value)| {
        request.header(*name, spelled_out(value, tag))
    });
    request.send().await.expect("an answer")
}

/// nginx refuses a condition that comes in two lines, before it knows whom it is for. No client sends one.
fn is_nginxs(lines: &[(&str, &str)]) -> bool {
    let is_twice = |name| lines.iter().filter(|(known, _)| *known == name).count() > 1;
    Way::of_this_test() != Way::Straight && ["if-match", "if-none-match"].into_iter().any(is_twice)
}

fn spelled_out(value: &str, tag: &str) -> String {
    if value == "THOUSAND" {
        let ranges = (0..1_000).fold(String::new(), |mut ranges, index| {
            let comma = if index == 0 { "" } else { "," };
            write!(ranges, "{comma}{}-{}", index * 2, index * 2).expect("memory");
            ranges
        });
        return format!("bytes={ranges}");
    }
    value.replace("TAG", tag)
}

async fn check(row: &Row, response: Response, placed: &Placed, tag: &str, digest: Option<&str>) {
    let (method, lines, status, bytes) = row;
    let about = format!("{method} {lines:?}");
    if is_nginxs(lines) {
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{about}");
        return;
    }
    assert_eq!(response.status().as_u16(), *status, "{about}");
    let maybe = |name: &str| response.headers().contains_key(name).then(|| header(&response, name));
    let content_range = match status {
        206 => Some(format!("bytes {}-{}/{LENGTH}", bytes.start, bytes.end - 1)),
        416 => Some(format!("bytes */{LENGTH}")),
        _ => None,
    };
    assert_eq!(maybe("content-range"), content_range, "{about}");
    match status {
        200 | 206 => {
            assert_eq!(maybe("etag").as_deref(), Some(tag), "{about}");
            assert_eq!(maybe("accept-ranges").as_deref(), Some("bytes"), "{about}");
            assert_eq!(maybe("content-type").as_deref(), Some("audio/mpeg"), "{about}");
            assert_eq!(maybe("content-length"), Some(bytes.len().to_string()), "{about}");
            assert_eq!(maybe("repr-digest").as_deref(), digest, "{about}");
            assert_eq!(maybe("cache-control").as_deref(), Some("private, no-cache"), "{about}");
        }
        304 => {
            assert_eq!(maybe("etag").as_deref(), Some(tag), "{about}");
            assert_eq!(maybe("cache-control").as_deref(), Some("private, no-cache"), "{about}");
            assert_eq!(maybe("content-type"), None, "{about}");
        }
        _ => {
            let problem = Some("application/problem+json");
            assert_eq!(maybe("content-type").as_deref(), problem, "{about}");
            assert_eq!(maybe("cache-control").as_deref(), Some("no-store"), "{about}");
        }
    }
    let body = response.bytes().await.expect("a whole body");
    match status {
        412 | 416 if *method == Method::GET => {
            let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(problem["status"], *status, "{about}");
        }
        _ if *method == Method::HEAD => assert!(body.is_empty(), "{about}"),
        _ => assert!(body == placed.audio[bytes.clone()], "{about}: other bytes"),
    }
}
