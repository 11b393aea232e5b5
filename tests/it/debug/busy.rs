//! Operators get their answer in milliseconds while everything is busy, and of a size that can be read.

use std::num::NonZeroU32;
use std::time::Duration;

use actors::domain::{CallSid, RecordingSid};
use actors::ports::Clock;
use futures_util::future::join_all;
use hearback::app::World;
use hearback::auth::Role;
use hearback::world::SystemClock;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection, query};
use tokio::time::Instant;

use crate::campaign;
use crate::support::{ACME, TestApp};

const FLOODING: u64 = 4;
const PARKED: u64 = 200;
/// Generous: this is measured beside whatever else the machine does, unoptimised. Whoever queued behind the parked
/// asks would take longer.
const SLOW_MAX: Duration = Duration::from_secs(8);

/// Calls of acme's with a completed recording that the simulated Twilio will say it does not have yet.
async fn seed(app: &TestApp, count: u64) -> Vec<CallSid> {
    let file = app.vault_dir().parent().expect("a folder").join("hearback.db");
    let mut db = SqliteConnection::connect(&format!("sqlite://{}", file.display()))
        .await
        .expect("the catalog's file");
    let mut all = db.begin().await.expect("a transaction");
    let now_ms = SystemClock.now().as_millis();
    let mut calls = Vec::new();
    for number in 1..=count {
        let call = CallSid::from_bits(0xb057_0000_0000 + u128::from(number));
        let recording = RecordingSid::from_bits(0xb057_0000_0000 + u128::from(number));
        query("INSERT INTO calls (sid, business_id, account_sid, heard_at_ms, looked_up) VALUES ($1, 'acme', $2, $3, TRUE)")
            .bind(call.to_string())
            .bind(ACME.to_string())
            .bind(now_ms)
            .execute(&mut *all)
            .await
            .expect("a call");
        query(
            "INSERT INTO recordings (sid, business_id, call_sid, account_sid, status, status_rank, completed_at_ms)
             VALUES ($1, 'acme', $2, $3, 'completed', 1, $4)",
        )
        .bind(recording.to_string())
        .bind(call.to_string())
        .bind(ACME.to_string())
        .bind(now_ms)
        .execute(&mut *all)
        .await
        .expect("a recording");
        calls.push(call);
    }
    all.commit().await.expect("committed");
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_debug_answers_in_milliseconds_while_thousands_are_live_and_asked() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.play.requests_burst = NonZeroU32::MAX;
    })
    .await;
    let first = campaign::seed();
    let asked = campaign::size(30, 500) as usize;
    let calls = seed(&app, campaign::size(1_000, 20_000)).await;
    let client = reqwest::Client::builder().build().expect("a client");
    let token = app.token("acme", Role::Agent);
    let ask = |path: String| client.get(app.url(&path)).bearer_auth(&token).send();

    let waking = calls.chunks(calls.len().div_ceil(16)).map(async |part| {
        for call in part {
            let status = ask(format!("/api/recordings/{call}/status")).await.expect("an answer");
            assert_eq!(status.status(), StatusCode::OK);
        }
    });
    join_all(waking).await;

    let parked = join_all(calls.iter().take(PARKED as usize).map(|call| {
        let play = client.get(app.url(&format!("/api/recordings/file/{call}")));
        play.bearer_auth(&token).header("prefer", "wait=10").send()
    }));
    let flood = join_all((0..FLOODING).map(async |lane| {
        let mut chance = campaign::Chance(first.wrapping_add(lane));
        loop {
            let call = calls[chance.below(calls.len() as u64) as usize];
            let _ = ask(format!("/api/recordings/{call}/status")).await.expect("an answer");
        }
    }));
    let operator = app.token("acme", Role::Operator);
    let measured = async {
        let mut taken = Vec::new();
        let mut bytes = 0;
        for _ in 0..asked {
            let began = Instant::now();
            let request = client.get(app.url("/debug/actors")).bearer_auth(&operator);
            let body = request.send().await.expect("an answer").text().await.expect("a body");
            taken.push(began.elapsed());
            bytes = bytes.max(body.len());
            let shown: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(shown["calls_total"], calls.len());
            assert_eq!(shown["calls_more"], calls.len() - 500);
        }
        taken.sort_unstable();
        (taken[asked / 2], taken[asked * campaign::size(90, 99) as usize / 100], bytes)
    };
    let (p50, slow, bytes) = tokio::select! {
        measured = measured => measured,
        _ = flood => unreachable!("the flood does not end"),
        _ = async { parked.await; std::future::pending::<()>().await } => unreachable!(),
    };
    eprintln!(
        "{} live, /debug/actors: p50 {p50:?}, p90 or p99 {slow:?}, {bytes} bytes",
        calls.len()
    );
    assert!(slow < SLOW_MAX, "{slow:?}");
    assert!(bytes < 600_000, "{bytes} bytes");

    // Neither a mailbox nor the catalog is asked about what is live.
    app.app.foundation.catalog.close().await;
    for path in ["/debug/actors".to_owned(), format!("/debug/actors/{}", calls[7])] {
        let request = app.request_by(("acme", Role::Operator), Method::GET, &path);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn an_operator_may_ask_for_less() {
    let app = TestApp::start_with(World::default(), |config| config.play.prefetch = false).await;
    let calls = seed(&app, 5).await;
    for call in &calls {
        app.get(&format!("/api/recordings/{call}/status")).await;
    }
    let ask = async |query: &str| {
        let path = format!("/debug/actors{query}");
        let request = app.request_by(("acme", Role::Operator), Method::GET, &path);
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.json::<Value>().await.expect("JSON"))
    };
    let (_, few) = ask("?limit=2").await;
    assert_eq!(few["calls"].as_array().map(Vec::len), Some(2));
    assert_eq!((&few["calls_total"], &few["calls_more"]), (&5.into(), &3.into()));
    let (_, absent) = ask("?state=absent").await;
    assert_eq!(absent["calls_total"], 5);
    let (_, failed) = ask("?state=failed").await;
    assert_eq!((&failed["calls_total"], &failed["calls_more"]), (&0.into(), &0.into()));
    for bad in ["?limit=0", "?limit=501", "?state=fine", "?colour=green"] {
        assert_eq!(ask(bad).await.0, 400, "{bad}");
    }
}
