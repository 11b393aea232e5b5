//! Plays that are answered at once say what the router says of the same request, header for header and byte for byte.
//!
//! A letter of the call's SID that is escaped changes nothing about what is asked, and has the router answer it.

use std::time::Duration;

use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::synthetic_mpeg;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::support::{Placed, TestApp, asked_path, play_path};

const LENGTH: usize = 192_000;
const ORIGIN: &str = "https://app.example";
const PATIENCE: Duration = Duration::from_secs(20);

/// Who answers, where the recording is Ready and in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Hot,
    Router,
}

struct House {
    app: TestApp,
    placed: Placed,
    tag: String,
}

/// An answer, as far as two answers to one request can be equal.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: String,
    lines: Vec<String>,
    body: Vec<u8>,
}

impl House {
    /// With a recording that was asked for a moment ago.
    async fn build() -> Self {
        Self::with(LENGTH).await
    }

    async fn with(length: usize) -> Self {
        let app = TestApp::start_with(World::default(), |config| {
            config.play.prefetch = false;
            config.server.cors_origins = format!("https://other.example,{ORIGIN}");
        })
        .await;
        let placed = app.place(synthetic_mpeg(length, 1)).await;
        let tag = app.until_ready(&placed).await;
        Self { app, placed, tag }
    }

    fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.app.token("acme", Role::Agent))
    }

    /// How often the call's actor was asked.
    async fn asks(&self) -> u64 {
        let actors = self.app.debug_actors().await;
        let calls = actors["calls"].as_array().expect("calls");
        let call = calls.iter().find(|call| call["call_sid"] == self.placed.call.to_string());
        call.expect("live")["asks"].as_u64().expect("a number")
    }

    async fn send(&self, method: &str, target: &str, lines: &str) -> Answer {
        let text = format!(
            "{method} {target} HTTP/1.1\r\nHost: hearback\r\nConnection: close\r\n{}\r\n",
            lines.replace("TAG", &self.tag)
        );
        let mut socket = TcpStream::connect(self.app.app.address).await.expect("it listens");
        socket.write_all(text.as_bytes()).await.expect("it reads");
        let mut bytes = Vec::new();
        timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.expect("in time").expect("all");
        Answer::parse(&bytes)
    }

    /// Sends it both ways, and compares.
    async fn compare(&self, by: By, method: &str, target: &str, lines: &str) {
        let about = format!("{method} {target} {lines:?}");
        let escaped = target.replacen("CA", "C%41", 1);
        self.app.until_ready(&self.placed).await;
        let before = self.asks().await;
        let answer = self.send(method, target, lines).await;
        let asked = self.asks().await - before;
        assert_eq!(answer, self.send(method, &escaped, lines).await, "{about}");
        if by == By::Hot {
            assert_eq!(asked, 0, "{about}: the actor was asked");
        }
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).expect("text");
        let mut lines = head.split("\r\n");
        let status = lines.next().expect("a status").to_owned();
        let comparable = |line: &str| match line.split_once(": ") {
            Some(("date", _)) => None,
            Some(("x-request-id", id)) if id.len() == 32 => Some("x-request-id: made".to_owned()),
            _ => Some(line.to_owned()),
        };
        let mut lines: Vec<String> = lines.filter_map(comparable).collect();
        lines.sort();
        Self { status, lines, body: bytes[end + 4..].to_vec() }
    }
}

/// Conditions, ranges and preferences, for somebody who may play it.
const LINES: &[(By, &str)] = &[
    (By::Hot, ""),
    (By::Hot, "Range: bytes=0-1\r\n"),
    (By::Hot, "Range: bytes=0-\r\n"),
    (By::Hot, "Range: bytes=65536-131071\r\n"),
    (By::Hot, "Range: bytes=-1\r\n"),
    (By::Hot, "Range: bytes=5-999999999\r\n"),
    (By::Hot, "Range: bytes=7-3\r\n"),
    (By::Hot, "Range: bytes=0-0,5-6\r\n"),
    (By::Hot, "Range: bytes=0-1\r\nRange: bytes=2-3\r\n"),
    (By::Hot, "Range: parsecs=0-1\r\n"),
    (By::Router, "Range: bytes=192000-\r\n"),
    (By::Router, "Range: bytes=-0\r\n"),
    (By::Hot, "Range: bytes=0-1\r\nIf-Range: TAG\r\n"),
    (By::Hot, "Range: bytes=0-1\r\nIf-Range: \"another\"\r\n"),
    (By::Hot, "If-None-Match: TAG\r\n"),
    (By::Hot, "If-None-Match: W/TAG\r\n"),
    (By::Hot, "If-None-Match: *\r\n"),
    (By::Hot, "If-None-Match: \"a\"\r\nIf-None-Match: \"b\", TAG\r\n"),
    (By::Hot, "If-None-Match: \"another\"\r\n"),
    (By::Hot, "If-None-Match: TAG\r\nRange: bytes=0-1\r\nPrefer: wait=2\r\n"),
    (By::Hot, "If-Match: TAG\r\n"),
    (By::Hot, "If-Match: *\r\nRange: bytes=3-9\r\n"),
    (By::Router, "If-Match: W/TAG\r\n"),
    (By::Router, "If-Match: \"another\"\r\n"),
    (By::Router, "If-Match: TAG\r\nIf-None-Match: TAG\r\n"),
    (By::Hot, "If-Modified-Since: Sat, 29 Oct 2044 19:43:31 GMT\r\n"),
    (By::Hot, "Prefer: wait=5\r\n"),
    (By::Hot, "Prefer: respond-async, wait=400\r\nRange: bytes=0-1\r\n"),
    (By::Hot, "Prefer: return=minimal\r\n"),
    (By::Hot, "Sec-Fetch-Dest: audio\r\nRange: bytes=0-\r\n"),
    (By::Hot, "Origin: https://app.example\r\nRange: bytes=0-1\r\n"),
    (By::Hot, "Origin: https://elsewhere.example\r\n"),
    (By::Hot, "Origin: null\r\nIf-None-Match: TAG\r\n"),
    (By::Hot, "X-Request-Id: mine-1\r\n"),
    (By::Hot, "X-Request-Id: not mine\r\nOrigin: https://other.example\r\n"),
    (By::Hot, "Content-Length: 3\r\n\r\nabc"),
];

#[tokio::test]
async fn a_ready_recording_is_answered_alike_both_ways() {
    let house = House::build().await;
    let (play, bearer) = (play_path(&house.placed), house.bearer());
    for (by, lines) in LINES {
        for method in ["GET", "HEAD"] {
            // A refusal of the range concerns GET alone.
            let by = if method == "HEAD" && lines.starts_with("Range") { By::Hot } else { *by };
            house.compare(by, method, &play, &format!("{bearer}{lines}")).await;
        }
    }
    for method in ["OPTIONS", "POST", "PUT", "BREW"] {
        house.compare(By::Router, method, &play, &bearer).await;
        let origin = format!("{bearer}Origin: {ORIGIN}\r\n");
        house.compare(By::Router, method, &play, &origin).await;
    }
}

#[tokio::test]
async fn every_way_to_name_it_is_answered_alike_both_ways() {
    let house = House::build().await;
    let (play, bearer) = (play_path(&house.placed), house.bearer());
    let Placed { call, recording, .. } = &house.placed;
    let stream = format!("/api/recordings/{call}/stream");
    let rows = [
        (By::Hot, stream.clone()),
        (By::Hot, format!("{play}?")),
        (By::Hot, format!("{play}?recording={recording}")),
        (By::Hot, format!("{stream}?t=1&recording={recording}&x=%20")),
        (By::Hot, format!("{play}?recording=%52{}", &recording.to_string()[1..])),
        (By::Router, format!("{play}?recording={recording}&recording={recording}")),
        (By::Router, format!("{play}?recording=")),
        (By::Router, format!("{play}?recording=RE{}", "0".repeat(32))),
        (By::Router, format!("{play}0")),
        (By::Router, format!("{play}/")),
        (By::Router, format!("/api/recordings/{call}/stream/")),
        (By::Router, format!("/api/recordings/{call}")),
        (By::Router, format!("/api/recordings/file/{call}/stream")),
        (By::Router, format!("/api/recordings/file/CA{}", "1".repeat(32))),
        (By::Router, play.to_uppercase()),
    ];
    for (by, target) in rows {
        for method in ["GET", "HEAD"] {
            house.compare(by, method, &target, &bearer).await;
        }
    }
}

#[tokio::test]
async fn whoever_asks_is_answered_alike_both_ways() {
    let house = House::build().await;
    let play = play_path(&house.placed);
    let token = house.app.token("acme", Role::Agent);
    let globex = house.app.token("globex", Role::Owner);
    let expired = house.app.token_with(serde_json::json!({ "exp": 1_000_000 }));
    let rows = [
        (By::Hot, format!("authorization: bEaReR   {token}  \r\n")),
        (By::Hot, format!("Cookie: a=b; hearback_session={token}; c=d\r\n")),
        (By::Hot, format!("Authorization: Bearer {token}\r\nCookie: hearback_session=bad\r\n")),
        (By::Router, format!("Authorization: Bearer bad\r\nCookie: hearback_session={token}\r\n")),
        (By::Router, format!("Authorization: Basic {token}\r\n")),
        (By::Router, format!("Authorization: Bearer {expired}\r\n")),
        (By::Router, format!("Authorization: Bearer {globex}\r\n")),
        (By::Router, format!("Authorization: Bearer {token}x\r\n")),
        (By::Router, "Cookie: hearback_session=\r\n".to_owned()),
        (By::Router, format!("Origin: {ORIGIN}\r\nX-Request-Id: mine\r\n")),
        (By::Router, String::new()),
    ];
    for (by, lines) in &rows {
        for method in ["GET", "HEAD"] {
            house.compare(*by, method, &play, lines).await;
        }
    }
    let link = format!("/api/recordings/{}/link", house.placed.call);
    let signed = house.app.request(reqwest::Method::POST, &link).send().await.expect("an answer");
    let signed: serde_json::Value = signed.json().await.expect("JSON");
    let url = signed["url"].as_str().expect("a URL");
    let signed = url.strip_prefix(&house.app.app.public_url).expect("ours").to_owned();
    let recording = house.placed.recording.to_string();
    let rows = [
        (By::Hot, signed.clone(), String::new()),
        (By::Hot, signed.clone(), "Range: bytes=0-1\r\n".to_owned()),
        (By::Hot, signed.clone(), format!("Cookie: hearback_session={globex}\r\n")),
        (By::Hot, signed.clone(), format!("Authorization: Bearer {token}\r\n")),
        (By::Router, signed.clone(), "Authorization: Bearer bad\r\n".to_owned()),
        (By::Router, format!("{signed}0"), String::new()),
        (By::Router, signed.replace(&recording, &format!("RE{}", "0".repeat(32))), String::new()),
        (By::Router, signed.replace(&format!("recording={recording}&"), ""), String::new()),
    ];
    for (by, target, lines) in &rows {
        for method in ["GET", "HEAD"] {
            house.compare(*by, method, target, lines).await;
        }
    }
}

/// Who is refused by the router is refused here, and each request is counted once.
#[tokio::test]
async fn what_is_answered_at_once_counts_towards_the_callers_pace() {
    const BURST: u32 = 20;
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.play.requests_per_second = 1.try_into().expect("not zero");
        config.play.requests_burst = BURST.try_into().expect("not zero");
    })
    .await;
    let placed = app.place(synthetic_mpeg(4_000, 2)).await;
    app.until_prepared(&placed).await;
    let token = app.token_with(serde_json::json!({ "sub": "somebody-else" }));
    let mut statuses = Vec::new();
    let began = Instant::now();
    // Each second one more may pass.
    while statuses.len() < BURST as usize + 5 || !statuses.contains(&429) {
        assert!(statuses.len() < 200, "all may pass: {statuses:?}");
        let url = app.url(&play_path(&placed));
        let response = app.client.head(url).bearer_auth(&token).send().await.expect("an answer");
        statuses.push(response.status().as_u16());
    }
    let played = statuses.iter().filter(|status| **status == 200).count();
    let most = BURST as usize + 1 + began.elapsed().as_secs() as usize;
    assert!((BURST as usize..=most).contains(&played), "{statuses:?}");
}

#[tokio::test]
async fn a_304_says_nothing_of_a_length() {
    let house = House::build().await;
    let play = play_path(&house.placed);
    for target in [play, asked_path(&house.placed)] {
        let lines = format!("{}If-None-Match: TAG\r\n", house.bearer());
        let answer = house.send("GET", &target, &lines).await;
        assert!(answer.status.contains("304"), "{answer:?}");
        assert!(!answer.lines.iter().any(|line| line.starts_with("content-length")), "{answer:?}");
    }
}

/// More than is kept whole: it begins with what is in memory, and goes on with what is there by then.
#[tokio::test]
async fn a_long_recording_is_answered_alike_both_ways() {
    let house = House::with(10 * 1024 * 1024).await;
    let (play, bearer) = (play_path(&house.placed), house.bearer());
    for lines in ["", "Range: bytes=1000-\r\n", "Range: bytes=1048570-1048580\r\n"] {
        house.compare(By::Hot, "GET", &play, &format!("{bearer}{lines}")).await;
    }
    let answer = house.send("GET", &play, &bearer).await;
    assert!(answer.body == house.placed.audio, "other bytes");
}
