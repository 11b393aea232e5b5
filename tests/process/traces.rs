//! Traces: whoever knows a recording's SID finds all that happened to it, from Twilio's webhook to who listened.

use std::collections::BTreeSet;

use hearback::simulator::{Behaviour, PlannedCall, PlannedRecording, Simulator};
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::StatusCode;
use tokio::time::timeout;

use crate::collector::Collector;
use crate::home::{Home, PATIENCE, is_ready, until};

const WEBHOOK: &str = "POST /webhooks/twilio/recording-status";
const PLAY: &str = "GET /api/recordings/file/{call_sid}";

/// A call of one recording; its SID's hex digits, and the path at which it plays.
async fn place(simulator: &Simulator, recording: PlannedRecording) -> (String, String) {
    let plan = PlannedCall { recordings: vec![recording], ..PlannedCall::default() };
    let (placed, _) = simulator.place_call(plan).await.expect("placed");
    let recording = placed.recordings[0].to_string();
    (recording[2..].to_owned(), format!("/api/recordings/file/{}", placed.call))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_trace(spans: &[Span], trace: &str) -> Vec<Span> {
    spans.iter().filter(|span| hex(&span.trace_id) == trace).cloned().collect()
}

fn names(spans: &[Span]) -> BTreeSet<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[tokio::test]
async fn a_recordings_sid_is_the_trace_from_its_webhook_to_whoever_listens_also_after_a_restart() {
    let collector = Collector::start().await;
    let (home, simulator) = Home::with_simulator().await;
    let home = home.with("HEARBACK_TRACES__ENDPOINT", collector.url());
    let (process, _) = home.serve().await;
    let token = home.token("agent").await;
    let (trace, path) = place(&simulator, PlannedRecording::default()).await;
    until("it is ready", async || is_ready(&home.get(&path, &token).await).then_some(())).await;
    process.terminate().await;
    assert!(process.ended().await.success());
    let first = of_trace(&collector.spans(), &trace);
    assert!(names(&first).is_superset(&[WEBHOOK, "fetch", PLAY].into()), "{:?}", names(&first));

    let (process, _) = home.serve().await;
    let played = home.get(&path, &token).await;
    assert_eq!(played.status(), StatusCode::OK);
    played.bytes().await.expect("all of it");
    process.terminate().await;
    assert!(process.ended().await.success());
    let all = of_trace(&collector.spans(), &trace);
    let plays = |spans: &[Span]| spans.iter().filter(|span| span.name == PLAY).count();
    assert!(plays(&all) > plays(&first), "the play after the restart is missing");
    let ids: BTreeSet<_> = all.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), all.len(), "two spans of one name");
    for span in &all {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
    }
}

#[tokio::test]
async fn a_fetch_that_fails_says_why_and_what_concerns_no_recording_is_a_trace_of_its_own() {
    let collector = Collector::start().await;
    let (home, simulator) = Home::with_simulator().await;
    let home = home.with("HEARBACK_TRACES__ENDPOINT", collector.url());
    let (process, _) = home.serve().await;
    let token = home.token("agent").await;
    let refused = PlannedRecording {
        behaviours: vec![Behaviour::status(403)],
        ..PlannedRecording::default()
    };
    let (trace, path) = place(&simulator, refused).await;
    until("it is refused", async || {
        let answer = home.get(&path, &token).await;
        (answer.status() == StatusCode::INTERNAL_SERVER_ERROR).then_some(())
    })
    .await;
    for _ in 0..2 {
        assert_eq!(home.get("/api/calls", &token).await.status(), StatusCode::OK);
    }
    process.terminate().await;
    assert!(process.ended().await.success());
    let spans = collector.spans();
    let fetches = of_trace(&spans, &trace);
    let fetch = fetches.iter().find(|span| span.name == "fetch").expect("a fetch");
    let status = fetch.status.as_ref().expect("a status");
    assert!(status.message.contains("refuses"), "{status:?}");
    let lists: Vec<_> = spans.iter().filter(|span| span.name == "GET /api/calls").collect();
    let traces: BTreeSet<_> = lists.iter().map(|span| hex(&span.trace_id)).collect();
    assert_eq!((lists.len(), traces.len()), (2, 2));
    assert!(!traces.contains(&trace));
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nobody_up() {
    // Connections to it wait for an answer for ever.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let url = format!("http://{}/v1/traces", silent.local_addr().expect("an address"));
    let (home, simulator) = Home::with_simulator().await;
    let home = home.with("HEARBACK_TRACES__ENDPOINT", url);
    let (process, _) = home.serve().await;
    let token = home.token("agent").await;
    let (_, path) = place(&simulator, PlannedRecording::default()).await;
    until("it is ready", async || is_ready(&home.get(&path, &token).await).then_some(())).await;
    let many = async {
        for _ in 0..500 {
            assert_eq!(home.get(&path, &token).await.status(), StatusCode::OK);
        }
    };
    timeout(PATIENCE, many).await.expect("a span each, and nobody waits for the collector");
    process.terminate().await;
    assert!(process.ended().await.success());
    let complaints = home.log().matches("the collector does not take traces").count();
    assert_eq!(complaints, 1, "{}", home.log());
}
