//! A thousand players at once, for a recording that nobody has fetched yet.

use std::time::Duration;

use futures_util::StreamExt as _;
use hearback::auth::Role;
use hearback::simulator::Behaviour;
use reqwest::{Response, StatusCode};

use crate::support::{ACME, TestApp, header, play_path};

const HERD: usize = 1_000;
const BYTES: usize = 1_000_000;
/// A thousand bodies on a busy machine; nothing here waits so long for its own sake.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Played,
    ToldToComeBack,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn a_thousand_players_cost_twilio_one_request() {
    let app = TestApp::start().await;
    let (mut plan, audio) = TestApp::synthetic(BYTES, 1);
    plan.behaviours = vec![Behaviour { first_byte_ms: 300, ..Behaviour::paced(BYTES as u64) }];
    let placed = app.place_planned(plan, ACME, audio).await;
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client");
    let (url, token) = (app.url(&play_path(&placed)), app.token("acme", Role::Agent));
    let asked = (0..HERD).map(|index| {
        let mut request = client.get(&url).bearer_auth(&token);
        if index % 2 == 0 {
            request = request.header("prefer", "wait=10");
        }
        let audio = &placed.audio;
        async move { judge(request.send().await.expect("an answer"), audio).await }
    });
    let outcomes = futures_util::future::join_all(asked).await;
    let played = outcomes.iter().filter(|outcome| **outcome == Outcome::Played).count();
    eprintln!("{played} of {HERD} played, {} were told to come back", HERD - played);
    assert!(played > 0);
    let counters = app.simulator.counters(placed.recording);
    assert_eq!((counters.gets, counters.in_flight_max), (1, 1));
    assert_eq!(app.get(&play_path(&placed)).await.status(), StatusCode::OK);
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

/// The right bytes, or an honest "not yet"; anything else fails.
async fn judge(response: Response, audio: &[u8]) -> Outcome {
    match response.status() {
        StatusCode::OK => {
            let mut body = response.bytes_stream();
            let mut rest = audio;
            while let Some(chunk) = body.next().await {
                let chunk = chunk.expect("the body goes on");
                rest = rest.strip_prefix(&chunk[..]).expect("the bytes that were recorded");
            }
            assert!(rest.is_empty(), "{} bytes are missing", rest.len());
            Outcome::Played
        }
        StatusCode::ACCEPTED => {
            assert_eq!(header(&response, "cache-control"), "no-store");
            let retry_after: u64 = header(&response, "retry-after").parse().expect("seconds");
            let preparing: serde_json::Value = response.json().await.expect("JSON");
            assert_eq!(preparing["status"], "preparing");
            assert_eq!(preparing["retry_after"], retry_after);
            Outcome::ToldToComeBack
        }
        other => panic!("neither audio nor a promise: {other}"),
    }
}
