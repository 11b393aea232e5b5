//! Clients that are slow, greedy, broken or hostile: what each gets, and that nobody else notices.

mod socket;

use std::time::Duration;

use hearback::app::World;
use hearback::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{ACME, Placed, TestApp, header, play_path};
use socket::{Heard, Socket};

const MALFORMED: &[(&str, &str)] = &[
    (
        "two lengths",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcGE",
    ),
    ("a signed length", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc"),
    ("a negative length", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"),
    ("a length in hex", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc"),
    (
        "an endless length",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ),
    ("a folded header", "GET /livez HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\r\n"),
    ("a space before the colon", "GET /livez HTTP/1.1\r\nHost : h\r\n\r\n"),
    ("a header without a name", "GET /livez HTTP/1.1\r\n: h\r\n\r\n"),
    ("a zero byte", "GET /livez HTTP/1.1\r\nX-A: b\0c\r\n\r\n"),
    ("a bare carriage return", "GET /livez HTTP/1.1\r\nX-A: b\rc\r\n\r\n"),
    (
        "a coding that is not the last",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "a chunk that ends in a bare line feed",
        "POST /webhooks/twilio/call-status HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
    ),
    (
        "a chunk longer than any",
        "POST /webhooks/twilio/call-status HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na\r\n",
    ),
    (
        "a coding in HTTP/1.0",
        "POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("no protocol", "hello\r\n\r\n"),
    ("a TLS greeting", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n"),
];

#[tokio::test]
async fn what_cannot_be_understood_is_refused_and_what_follows_it_is_not_read() {
    let app = TestApp::start().await;
    for (what, request) in MALFORMED {
        let heard =
            exchange(&app, &format!("{request}GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        assert_eq!(heard.statuses(), [400], "{what}: {}", heard.text());
    }
    let heard = exchange(&app, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(heard.bytes.is_empty(), "who speaks HTTP/2 is not answered in HTTP/1");
    assert_serves(&app).await;
}

/// A request hidden in what one side takes for a body and the other for the next request.
#[tokio::test]
async fn no_request_is_smuggled_in_the_body_of_another() {
    let app = TestApp::start().await;
    let hidden = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    let both = format!(
        "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        hidden.len() + 5
    );
    let heard = exchange(&app, &both).await;
    assert_eq!(heard.statuses(), [404], "and it closes: {}", heard.text());

    // Answered without its body being read: what is left of it is no request.
    for length in [hidden.len(), 100_000] {
        let early = format!(
            "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{hidden}"
        );
        let mut socket = Socket::connect(app.app.address).await;
        socket.send(early).await;
        let head = socket.read_head().await;
        assert!(head.starts_with("HTTP/1.1 404"), "{head}");
        let _ =
            socket.try_send("GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
        let rest = socket.until_closed().await;
        let expected: &[u16] = if length == hidden.len() { &[200] } else { &[] };
        assert!(rest.statuses() == expected || rest.statuses().is_empty(), "{}", rest.text());
    }
    let with_body = format!(
        "GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{hidden}",
        hidden.len()
    );
    let mut socket = Socket::connect(app.app.address).await;
    socket.send(with_body).await;
    assert!(socket.read_head().await.starts_with("HTTP/1.1 200"), "a body on GET means nothing");
    let _ = socket.try_send("GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    let rest = socket.until_closed().await.statuses();
    assert!(rest.len() <= 1, "its body is no request: {rest:?}");
    assert_serves(&app).await;
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let app = TestApp::start().await;
    let row = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n\
               GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(&app, row).await.statuses(), [200, 404, 200]);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_and_one_that_is_not_is_read() {
    let app = TestApp::start_with(World::default(), |config| {
        config.server.max_header_bytes = 16_384;
    })
    .await;
    let head = |filler: &str| format!("GET /livez HTTP/1.1\r\nConnection: close\r\n{filler}\r\n");
    let of_bytes = |bytes: usize| head(&format!("X-A: {}\r\n", "x".repeat(bytes)));
    let many = head(&"X-A: b\r\n".repeat(500));
    let target = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000));
    for (what, request, status) in [
        ("within", of_bytes(15_000), 200),
        ("beyond", of_bytes(17_000), 431),
        ("far beyond", of_bytes(300_000), 431),
        ("many", many, 431),
    ] {
        let heard = exchange(&app, &request).await;
        assert_eq!(heard.statuses(), [status], "{what}: {}", heard.text());
    }
    let heard = exchange(&app, &target).await;
    assert!(matches!(heard.statuses()[..], [414 | 431]), "{}", heard.text());
    assert_serves(&app).await;
}

#[tokio::test]
async fn a_thousand_ranges_are_answered_with_the_whole_and_no_effort() {
    let app = TestApp::start().await;
    let placed = ready(&app, 50_000).await;
    let many: Vec<String> = (0..1_000).map(|n| format!("{n}-{}", n + 10)).collect();
    let overlapping = vec!["0-"; 1_000];
    let started = Instant::now();
    for ranges in [many.join(","), overlapping.join(",")] {
        let request = app.request(Method::GET, &play_path(&placed));
        let response = request.header("range", format!("bytes={ranges}")).send().await;
        let response = response.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.bytes().await.expect("a body") == placed.audio);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_and_an_idle_connection_closed() {
    const IDLE_MS: u64 = 8_000;
    let app = TestApp::start_with(World::default(), |config| {
        config.server.header_timeout_ms = 300;
        config.server.idle_timeout_ms = IDLE_MS;
    })
    .await;
    let trickling = async {
        let mut socket = Socket::connect(app.app.address).await;
        let started = Instant::now();
        for byte in "GET /livez HTTP/1.1\r\nX-A: and so it goes on for ever".bytes() {
            if socket.try_send([byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let heard = socket.until_closed().await;
        (heard, started.elapsed())
    };
    let idle = async {
        let mut socket = Socket::connect(app.app.address).await;
        socket.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert!(socket.read_head().await.starts_with("HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_millis(700)).await;
        // Longer idle than a head may take: that is not what is counted.
        socket.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert!(socket.read_head().await.starts_with("HTTP/1.1 200"));
        socket.until_closed().await
    };
    let silent = async {
        let mut socket = Socket::connect(app.app.address).await;
        socket.until_closed().await
    };
    let ((trickled, took), idle, silent) = tokio::join!(trickling, idle, silent);
    assert!(trickled.bytes.is_empty() && took < Duration::from_millis(IDLE_MS - 1_000), "{took:?}");
    for (what, heard) in [("idle", &idle), ("silent", &silent)] {
        let Heard { after, was_reset, .. } = heard;
        let after_ms = after.as_millis() as u64;
        assert!((IDLE_MS - 3_000..IDLE_MS + 10_000).contains(&after_ms), "{what}: {after:?}");
        assert!(!was_reset && heard.bytes.is_empty(), "{what}: {}", heard.text());
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_cut_and_a_slow_one_is_served() {
    let app = TestApp::start_with(World::default(), |config| {
        config.server.slow_reader_period_ms = 5_000;
        config.server.slow_reader_min_bytes = 4_096;
    })
    .await;
    // More than the sockets between us can hold.
    let placed = ready(&app, 12_000_000).await;
    let request = last_play(&app, &placed);
    let stalled = async {
        let mut socket = Socket::connect_narrow(app.app.address, 4_096).await;
        socket.send(&request).await;
        tokio::time::sleep(Duration::from_secs(12)).await;
        socket.until_closed().await
    };
    let dripping = async {
        let mut socket = Socket::connect_narrow(app.app.address, 4_096).await;
        socket.send(&request).await;
        for _ in 0..1_200 {
            socket.read(1).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        socket.until_closed().await
    };
    let slow = async {
        let mut socket = Socket::connect_narrow(app.app.address, 65_536).await;
        socket.send(&request).await;
        let mut received = Vec::new();
        while received.len() < 3_000_000 {
            received.extend(socket.read(64_000).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        received.extend(socket.until_closed().await.bytes);
        received
    };
    let (stalled, dripping, slow) = tokio::join!(stalled, dripping, slow);
    for (what, heard) in [("stalled", stalled), ("dripping", dripping)] {
        let got = heard.bytes.len();
        assert!(got < placed.audio.len(), "{what}: it got all {got} bytes");
    }
    assert!(slow.ends_with(&placed.audio), "{} bytes", slow.len());
}

#[tokio::test]
async fn idle_connections_make_room_and_busy_ones_are_not_disturbed() {
    const MAX: usize = 40;
    let app = TestApp::start_with(World::default(), |config| {
        config.server.max_connections = MAX;
    })
    .await;
    let placed = ready(&app, 12_000_000).await;
    let request = last_play(&app, &placed);
    let mut playing = Socket::connect(app.app.address).await;
    playing.send(&request).await;
    let head = playing.read_head().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut idle = Vec::new();
    for n in 0..MAX * 3 {
        idle.push(Socket::connect(app.app.address).await);
        if n % 10 == 0 {
            assert_serves(&app).await;
        }
    }
    let played = playing.until_closed().await.bytes;
    assert!(played == placed.audio, "{} of {} bytes", played.len(), placed.audio.len());
    assert_serves(&app).await;
}

#[tokio::test]
async fn where_all_are_busy_the_next_is_told_so() {
    const MAX: usize = 8;
    let app = TestApp::start_with(World::default(), |config| {
        config.server.max_connections = MAX;
    })
    .await;
    let placed = ready(&app, 12_000_000).await;
    let request = last_play(&app, &placed);
    let mut busy = Vec::new();
    for _ in 0..MAX {
        let mut socket = Socket::connect_narrow(app.app.address, 4_096).await;
        socket.send(&request).await;
        assert!(socket.read_head().await.starts_with("HTTP/1.1 200"));
        busy.push(socket);
    }
    let refused = app.client.get(app.url("/livez")).send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!header(&refused, "retry-after").is_empty());
    assert_eq!(header(&refused, "connection"), "close");
    let problem: Value = refused.json().await.expect("JSON");
    assert_eq!(problem["code"], "overloaded");
    busy.pop();
    app.until("there is room again", async || {
        let answer = app.client.get(app.url("/livez")).send().await.ok()?;
        (answer.status() == StatusCode::OK).then_some(())
    })
    .await;
}

/// A request to play, after which the connection ends.
fn last_play(app: &TestApp, placed: &Placed) -> String {
    format!(
        "GET {} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        play_path(placed),
        app.token("acme", Role::Agent)
    )
}

async fn ready(app: &TestApp, bytes: usize) -> Placed {
    let (plan, audio) = TestApp::synthetic(bytes, 1);
    let placed = app.place_planned(plan, ACME, audio).await;
    app.until_prepared(&placed).await;
    placed
}

/// What is answered to these bytes until the connection closes, which the last of them asks for.
async fn exchange(app: &TestApp, request: &str) -> Heard {
    let mut socket = Socket::connect(app.app.address).await;
    let _ = socket.try_send(request).await;
    socket.until_closed().await
}

async fn assert_serves(app: &TestApp) {
    let answer = app.client.get(app.url("/livez")).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
}
