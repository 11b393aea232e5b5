//! `/metrics`: that everything counts, once, and that nobody can make it grow or talk.

mod files;
mod hostile;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use hearback::app::World;
use hearback::simulator::{Behaviour, Fault};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use crate::support::{ACME, ACME_TOKEN, Placed, TestApp, TestClock, asked_path, play_path};

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
const RECORDING_STATUS: &str = "/webhooks/twilio/recording-status";

/// Each series, as it is written, with its value.
#[derive(Debug, Clone)]
struct Scrape {
    text: String,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    async fn of(app: &TestApp) -> Self {
        let response = app.client.get(app.url("/metrics")).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        Self::read(response.text().await.expect("text"))
    }

    fn read(text: String) -> Self {
        let mut series = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let twice = series.insert(name.to_owned(), value.parse().expect("a number"));
            assert!(twice.is_none(), "{name} stands there twice");
        }
        Self { text, series }
    }

    fn value(&self, series: &str) -> f64 {
        *self.series.get(series).unwrap_or_else(|| panic!("no {series} in {}", self.text))
    }

    /// How much each of these grows from now on, once they have grown as far as that.
    async fn grows(&self, app: &TestApp, expected: &[(&str, f64)]) {
        let begun = Instant::now();
        loop {
            let now = Self::of(app).await;
            let grown = |series: &str| now.value(series) - self.value(series);
            let there = expected.iter().all(|(series, by)| grown(series) >= *by);
            if there || begun.elapsed() > PATIENCE {
                let grown: Vec<_> = expected.iter().map(|(it, _)| (*it, grown(it))).collect();
                assert_eq!(grown, expected);
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Returns when all of these have these values at a time.
async fn stands(app: &TestApp, expected: &[(&str, f64)]) {
    let begun = Instant::now();
    loop {
        let now = Scrape::of(app).await;
        let found: Vec<_> = expected.iter().map(|(it, _)| (*it, now.value(it))).collect();
        if found == expected {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{found:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn place(app: &TestApp, bytes: usize, behaviours: Vec<Behaviour>) -> Placed {
    let (mut plan, audio) = TestApp::synthetic(bytes, 1);
    if !behaviours.is_empty() {
        plan.behaviours = behaviours;
    }
    app.place_planned(plan, ACME, audio).await
}

async fn play(app: &TestApp, path: &str) {
    let response = app.get(path).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.bytes().await.expect("all of it");
}

#[tokio::test]
async fn a_cold_play_and_hot_ones_are_told_apart() {
    let app = TestApp::start().await;
    let placed = place(&app, 100_000, Vec::new()).await;
    let before = Scrape::of(&app).await;
    play(&app, &play_path(&placed)).await;
    let bytes = placed.audio.len() as f64;
    let cold = [
        (
            r#"hearback_http_requests_total{route="/api/recordings/file/{call_sid}",method="GET",outcome="2xx"}"#,
            1.0,
        ),
        (r#"hearback_play_first_byte_seconds_count{from="download"}"#, 1.0),
        (r#"hearback_play_first_byte_seconds_count{from="memory"}"#, 0.0),
        (r#"hearback_fetches_total{outcome="fetched"}"#, 1.0),
        (r#"hearback_fetch_duration_seconds_count{outcome="fetched"}"#, 1.0),
        (r#"hearback_fetch_duration_seconds_count{outcome="failed"}"#, 0.0),
        ("hearback_fetched_bytes_total", bytes),
        ("hearback_fetch_wait_seconds_count", 1.0),
        ("hearback_asks_total", 1.0),
        ("hearback_asks_coalesced_total", 0.0),
        (r#"hearback_job_runs_total{stage="measure",outcome="finished"}"#, 1.0),
    ];
    before.grows(&app, &cold).await;
    let here = [
        ("hearback_vault_copies", 1.0),
        ("hearback_vault_bytes", bytes),
        (r#"hearback_jobs{stage="transcribe",state="waiting"}"#, 1.0),
        (r#"hearback_jobs{stage="measure",state="waiting"}"#, 0.0),
        (r#"hearback_job_workers{stage="transcribe"}"#, 0.0),
        (r#"hearback_recordings_awake{state="ready"}"#, 1.0),
        (r#"hearback_recordings_awake{state="absent"}"#, 0.0),
        (r#"hearback_call_actors{state="live"}"#, 1.0),
    ];
    stands(&app, &here).await;
    let oldest = r#"hearback_job_oldest_waiting_seconds{stage="transcribe"}"#;
    assert!(Scrape::of(&app).await.value(oldest) > 0.0);

    app.until_ready(&placed).await;
    let before = Scrape::of(&app).await;
    play(&app, &play_path(&placed)).await;
    play(&app, &play_path(&placed)).await;
    play(&app, &asked_path(&placed)).await;
    let head = app.request(Method::HEAD, &play_path(&placed)).send().await.expect("an answer");
    let tag = head.headers()["etag"].clone();
    let same = app.request(Method::GET, &play_path(&placed)).header("if-none-match", tag);
    assert_eq!(same.send().await.expect("an answer").status(), StatusCode::NOT_MODIFIED);
    let hot = [
        (
            r#"hearback_http_requests_total{route="/api/recordings/file/{call_sid}",method="GET",outcome="2xx"}"#,
            3.0,
        ),
        (
            r#"hearback_http_requests_total{route="/api/recordings/file/{call_sid}",method="GET",outcome="3xx"}"#,
            1.0,
        ),
        (
            r#"hearback_http_requests_total{route="/api/recordings/file/{call_sid}",method="HEAD",outcome="2xx"}"#,
            1.0,
        ),
        (r#"hearback_play_first_byte_seconds_count{from="memory"}"#, 2.0),
        (r#"hearback_play_first_byte_seconds_count{from="vault"}"#, 1.0),
        (r#"hearback_play_first_byte_seconds_count{from="download"}"#, 0.0),
        (r#"hearback_vault_reads_total{from="memory"}"#, 3.0),
        (r#"hearback_vault_reads_total{from="disk"}"#, 0.0),
        (r#"hearback_fetches_total{outcome="fetched"}"#, 0.0),
        ("hearback_asks_total", 1.0),
    ];
    before.grows(&app, &hot).await;
}

#[tokio::test]
async fn who_joins_a_fetch_is_counted_and_the_fetch_is_one() {
    let app = TestApp::start().await;
    let slow = Behaviour { first_byte_ms: 4_000, ..Behaviour::healthy() };
    let placed = place(&app, 50_000, vec![slow]).await;
    let before = Scrape::of(&app).await;
    let path = play_path(&placed);
    let patient = async |_| {
        let response = app.request(Method::GET, &path).header("prefer", "wait=10").send().await;
        let heard = response.expect("an answer").bytes().await.expect("all of it");
        assert_eq!(heard, placed.audio);
    };
    futures_util::future::join_all((0..5).map(patient)).await;
    let expected = [
        ("hearback_asks_total", 5.0),
        ("hearback_asks_coalesced_total", 4.0),
        (r#"hearback_fetches_total{outcome="fetched"}"#, 1.0),
        (r#"hearback_play_first_byte_seconds_count{from="download"}"#, 5.0),
    ];
    before.grows(&app, &expected).await;
}

#[tokio::test]
async fn what_twilio_answers_is_counted() {
    let app = TestApp::start().await;
    let throttled = Fault::Status { code: 429, retry_after: Some("5".to_owned()) };
    let placed = place(&app, 20_000, vec![throttled.into(), Behaviour::healthy()]).await;
    let before = Scrape::of(&app).await;
    let path = play_path(&placed);
    let asked = app.request(Method::GET, &path).header("prefer", "respond-async");
    assert_eq!(asked.send().await.expect("an answer").status(), StatusCode::ACCEPTED);
    let expected = [
        ("hearback_play_preparing_total", 1.0),
        ("hearback_twilio_throttled_total", 1.0),
        ("hearback_twilio_refused_total", 0.0),
        (r#"hearback_fetches_total{outcome="throttled"}"#, 1.0),
        (r#"hearback_fetch_duration_seconds_count{outcome="failed"}"#, 1.0),
        (r#"hearback_twilio_accounts{state="paused"}"#, 1.0),
    ];
    before.grows(&app, &expected).await;
    app.until_ready(&placed).await;

    let placed = place(&app, 20_000, vec![Behaviour::status(401)]).await;
    let before = Scrape::of(&app).await;
    let refused = app.get(&play_path(&placed)).await;
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let expected = [
        ("hearback_twilio_refused_total", 1.0),
        ("hearback_twilio_throttled_total", 0.0),
        (r#"hearback_fetches_total{outcome="refused_account"}"#, 1.0),
        (r#"hearback_http_problems_total{code="source_refused_credentials"}"#, 1.0),
        (r#"hearback_http_problems_total{code="internal"}"#, 0.0),
        (
            r#"hearback_http_requests_total{route="/api/recordings/file/{call_sid}",method="GET",outcome="5xx"}"#,
            1.0,
        ),
    ];
    before.grows(&app, &expected).await;
}

#[tokio::test]
async fn webhooks_are_counted_by_what_becomes_of_them() {
    let app = TestApp::start().await;
    let acme = ACME.to_string();
    let form = [
        ("AccountSid", acme.as_str()),
        ("CallSid", "CA000000000000000000000000000000c1"),
        ("RecordingSid", "RE000000000000000000000000000000e1"),
        ("RecordingStatus", "completed"),
    ];
    let before = Scrape::of(&app).await;
    for (token, form, status) in [
        (ACME_TOKEN, &form[..], 204),
        (ACME_TOKEN, &form[..], 204),
        ("forged", &form[..], 403),
        (ACME_TOKEN, &form[..1], 400),
    ] {
        let webhook = app.webhook(RECORDING_STATUS, token, form);
        assert_eq!(webhook.send().await.expect("an answer").status().as_u16(), status);
    }
    let expected = [
        (r#"hearback_webhooks_total{outcome="stored"}"#, 1.0),
        (r#"hearback_webhooks_total{outcome="duplicate"}"#, 1.0),
        (r#"hearback_webhooks_total{outcome="unsigned"}"#, 1.0),
        (r#"hearback_webhooks_total{outcome="malformed"}"#, 1.0),
        (r#"hearback_webhooks_total{outcome="unstored"}"#, 0.0),
        (r#"hearback_http_problems_total{code="signature_mismatch"}"#, 1.0),
        (
            r#"hearback_http_requests_total{route="/webhooks/twilio/recording-status",method="POST",outcome="2xx"}"#,
            2.0,
        ),
        (
            r#"hearback_http_requests_total{route="/webhooks/twilio/recording-status",method="POST",outcome="4xx"}"#,
            2.0,
        ),
        (r#"hearback_inbox_events_total{outcome="applied"}"#, 1.0),
        (r#"hearback_inbox_events_total{outcome="unassigned"}"#, 0.0),
        ("hearback_webhook_lag_seconds_count", 1.0),
    ];
    before.grows(&app, &expected).await;
    stands(&app, &[("hearback_inbox_waiting", 0.0), ("hearback_inbox_oldest_seconds", 0.0)]).await;
}

#[tokio::test]
async fn listeners_who_are_cut_and_listeners_who_leave_are_two_things() {
    let app = TestApp::start().await;
    let route = |outcome: &str| {
        format!(
            r#"hearback_http_requests_total{{route="/api/recordings/file/{{call_sid}}",method="GET",outcome="{outcome}"}}"#
        )
    };
    let script = vec![Fault::CutAfterBytes(100_000).into(), Behaviour::status(410)];
    let placed = place(&app, 200_000, script).await;
    let before = Scrape::of(&app).await;
    let response = app.get(&play_path(&placed)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.bytes().await.is_err());
    let cut = [
        (&*route("cut"), 1.0),
        (&*route("hung_up"), 0.0),
        (&*route("2xx"), 0.0),
        (r#"hearback_fetches_total{outcome="deleted"}"#, 1.0),
    ];
    before.grows(&app, &cut).await;

    let placed = place(&app, 200_000, vec![Behaviour::paced(15_000)]).await;
    let before = Scrape::of(&app).await;
    let mut stream = app.get(&play_path(&placed)).await.bytes_stream();
    stream.next().await.expect("a piece").expect("bytes");
    before.grows(&app, &[("hearback_listeners", 1.0)]).await;
    drop(stream);
    let left = [(&*route("hung_up"), 1.0), (&*route("cut"), 0.0), (&*route("2xx"), 0.0)];
    before.grows(&app, &left).await;
}

#[tokio::test]
async fn a_crash_of_a_calls_actor_is_counted() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    let placed = place(&app, 20_000, Vec::new()).await;
    app.until_prepared(&placed).await;
    let before = Scrape::of(&app).await;
    clock.panic_once_in_a_call_actor();
    play(&app, &asked_path(&placed)).await;
    assert!(clock.has_panicked());
    let expected = [
        ("hearback_call_actor_crashes_total", 1.0),
        (r#"hearback_actor_restarts_total{actor="recordings"}"#, 0.0),
        (r#"hearback_http_problems_total{code="internal"}"#, 0.0),
    ];
    before.grows(&app, &expected).await;
}

#[tokio::test]
async fn copies_that_leave_and_copies_that_rot_are_counted() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.vault.max_bytes = 250_000;
        config.vault.memory_bytes = 0;
    })
    .await;
    let before = Scrape::of(&app).await;
    let first = place(&app, 200_000, Vec::new()).await;
    app.until_prepared(&first).await;
    // It reads the copy, too.
    let measured = r#"hearback_job_runs_total{stage="measure",outcome="finished"}"#;
    before.grows(&app, &[(measured, 1.0)]).await;
    let folder = app.vault_dir().join("acme");
    let file = std::fs::read_dir(folder).expect("a folder").next().expect("a file");
    let file = file.expect("a file").path();
    let mut sealed = std::fs::read(&file).expect("sealed bytes");
    sealed[1_000] ^= 1;
    std::fs::write(&file, sealed).expect("written");
    play(&app, &play_path(&first)).await;
    let rotten = [
        ("hearback_vault_damaged_total", 1.0),
        (r#"hearback_vault_read_errors_total{kind="damaged"}"#, 1.0),
        (r#"hearback_fetches_total{outcome="fetched"}"#, 2.0),
        ("hearback_vault_evicted_total", 0.0),
    ];
    before.grows(&app, &rotten).await;

    let second = place(&app, 200_000, Vec::new()).await;
    app.until_prepared(&second).await;
    before.grows(&app, &[("hearback_vault_evicted_total", 1.0)]).await;
    let now = Scrape::of(&app).await;
    assert_eq!(now.value("hearback_vault_max_bytes"), 250_000.0);
}

#[tokio::test]
async fn it_answers_while_the_database_is_away_and_says_so() {
    let app = TestApp::start().await;
    let before = Scrape::of(&app).await;
    assert_eq!(before.value("hearback_ready"), 1.0);
    assert_eq!(before.value("hearback_database_away"), 0.0);
    app.app.foundation.catalog.close().await;
    let listed = app.get("/api/calls").await;
    assert_eq!(listed.status(), StatusCode::SERVICE_UNAVAILABLE);
    let expected = [
        ("hearback_database_away", 1.0),
        ("hearback_ready", -1.0),
        (r#"hearback_http_problems_total{code="away"}"#, 1.0),
    ];
    let now = Scrape::of(&app).await;
    for (series, by) in expected {
        assert_eq!(now.value(series) - before.value(series), by, "{series}");
    }
    assert!(now.value("hearback_database_errors_total") >= 1.0);
}

#[tokio::test]
async fn a_client_for_whom_there_is_no_room_is_counted() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.server.max_connections = 3;
    })
    .await;
    let placed = place(&app, 200_000, vec![Behaviour::paced(15_000)]).await;
    let before = Scrape::of(&app).await;
    assert_eq!(before.value("hearback_connections_max"), 3.0);
    let path = play_path(&placed);
    // One after the other: somebody who has not asked yet would make room.
    let mut listening = Vec::new();
    for _ in 0..3 {
        listening.push(app.get(&path).await);
    }
    let refused = Cell::new(0.0);
    let is_let_in = async || {
        let answer = app.client.get(app.url("/livez")).send().await.expect("an answer");
        let is_refused = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
        refused.update(|count| count + f64::from(u8::from(is_refused)));
        !is_refused
    };
    assert!(!is_let_in().await);
    drop(listening);
    app.until("there is room again", async || is_let_in().await.then_some(())).await;
    before.grows(&app, &[("hearback_connections_refused_total", refused.get())]).await;
    // Whoever asks.
    stands(&app, &[("hearback_connections", 1.0)]).await;
}

#[tokio::test]
async fn comparisons_with_twilio_are_counted_and_dated() {
    let app = TestApp::start_with(World::default(), |config| {
        config.twilio.reconcile_every_ms = 2_000;
    })
    .await;
    let before = Scrape::of(&app).await;
    assert_eq!(before.value("hearback_reconciler_interval_seconds"), 2.0);
    let complete = r#"hearback_reconciler_passes_total{outcome="complete"}"#;
    let now = app
        .until("a comparison", async || {
            let now = Scrape::of(&app).await;
            (now.value(complete) > before.value(complete)).then_some(now)
        })
        .await;
    let last = now.value(r#"hearback_reconciler_last_timestamp_seconds{outcome="complete"}"#);
    assert!(last >= now.value("process_start_time_seconds"));
    let failed = r#"hearback_reconciler_last_timestamp_seconds{outcome="failed"}"#;
    assert_eq!(now.value(failed), 0.0);
}
