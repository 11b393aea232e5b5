//! Lists of calls and one call, from outside: pages, filters, and what Twilio is asked for beside its webhooks.

use hearback::app::World;
use hearback::config::Config;
use hearback::simulator::{Announcement, PlannedCall};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{ACME, TestApp, header};

/// Friday, 20 November 2026, 14:00 UTC, and a minute for each of the calls.
const FIRST_STARTED_AT_MS: i64 = 1_795_183_200_000;
const MINUTE_MS: i64 = 60_000;

/// Calls of a given day are kept, whatever day it is when this runs.
async fn start() -> TestApp {
    let adjust = |config: &mut Config| {
        config.play.prefetch = false;
        config.retention.days = 0;
    };
    TestApp::start_with(World::default(), adjust).await
}

/// Five calls, a minute apart, the oldest first; the third has no recording.
async fn five_calls(app: &TestApp) -> Vec<String> {
    let people = [
        ("inbound", "+15555550101", "completed"),
        ("outbound-api", "+15555550102", "completed"),
        ("inbound", "+15555550103", "no-answer"),
        ("outbound-dial", "+15555550101", "completed"),
        ("inbound", "+15555550104", "completed"),
    ];
    let mut sids = Vec::new();
    for (index, (direction, other, status)) in (0..).zip(people) {
        let (recording, _) = TestApp::synthetic(10_000, index);
        let inbound = direction == "inbound";
        let ours = "+15555550100";
        let (from, to) = if inbound { (other, ours) } else { (ours, other) };
        let planned = PlannedCall {
            account: Some(ACME),
            direction: direction.into(),
            from: from.into(),
            to: to.into(),
            status: status.into(),
            started_at_ms: Some(FIRST_STARTED_AT_MS + index as i64 * MINUTE_MS),
            recordings: if status == "completed" { vec![recording] } else { Vec::new() },
            announce: Some(vec![
                Announcement::Call(status.into()),
                Announcement::Recordings("completed".into()),
            ]),
            ..PlannedCall::default()
        };
        let (placed, delivered) = app.simulator.place_call(planned).await.expect("placed");
        assert!(delivered.iter().all(|webhook| webhook.status == Some(204)), "{delivered:?}");
        sids.push(placed.call.to_string());
    }
    app.until("every call says when it began", async || {
        let listed = list(app, "").await;
        let calls = listed["calls"].as_array()?;
        let complete = |call: &Value| {
            let recorded = call["status"] == "completed";
            !call["started_at"].is_null()
                && call["recordings"].as_array().is_some_and(|all| all.is_empty() != recorded)
        };
        (calls.len() == 5 && calls.iter().all(complete)).then_some(())
    })
    .await;
    sids
}

async fn list(app: &TestApp, query: &str) -> Value {
    let response = app.get(&format!("/api/calls{query}")).await;
    assert_eq!(response.status(), StatusCode::OK, "{query}");
    assert_eq!(header(&response, "cache-control"), "no-store");
    response.json().await.expect("JSON")
}

fn sids(listed: &Value) -> Vec<&str> {
    let calls = listed["calls"].as_array().expect("calls");
    calls.iter().map(|call| call["call_sid"].as_str().expect("a SID")).collect()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_newest_first() {
    let app = start().await;
    let mut expected = five_calls(&app).await;
    expected.reverse();
    assert_eq!(sids(&list(&app, "").await), expected);

    for limit in 1..=6 {
        let mut seen: Vec<String> = Vec::new();
        let mut query = format!("?limit={limit}");
        loop {
            let page = list(&app, &query).await;
            let on_page = sids(&page);
            assert!(on_page.len() <= limit && !on_page.is_empty());
            seen.extend(on_page.into_iter().map(str::to_owned));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            query = format!("?limit={limit}&cursor={cursor}");
        }
        assert_eq!(seen, expected, "limit {limit}");
    }
    assert_eq!(app.simulator.totals().gets, 0, "looking at lists fetches no audio");
}

#[tokio::test]
async fn a_page_stays_what_it_is_while_calls_come_in() {
    let app = start().await;
    let placed = five_calls(&app).await;
    let first = list(&app, "?limit=2").await;
    let cursor = first["next_cursor"].as_str().expect("more");
    let (plan, audio) = TestApp::synthetic(10_000, 9);
    app.place_planned(plan, ACME, audio).await;
    let second = list(&app, &format!("?limit=2&cursor={cursor}")).await;
    assert_eq!(sids(&second), [placed[2].as_str(), &placed[1]]);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let app = start().await;
    let placed = five_calls(&app).await;
    let rows: &[(&str, &[usize])] = &[
        ("direction=inbound", &[4, 2, 0]),
        ("direction=outbound", &[3, 1]),
        ("status=completed", &[4, 3, 1, 0]),
        ("status=no-answer", &[2]),
        ("status=busy", &[]),
        ("number=%2B15555550101", &[3, 0]),
        ("number=%2B15555550100", &[4, 3, 2, 1, 0]),
        ("number=%2B15555559999", &[]),
        ("has_recording=true", &[4, 3, 1, 0]),
        ("has_recording=false", &[2]),
        ("from=2026-11-20T14:02:00Z", &[4, 3, 2]),
        // `from` is the first moment meant, `to` the first that is not: days can be put side by side.
        ("to=2026-11-20T14:02:00Z", &[1, 0]),
        ("from=2026-11-20T14:01:00Z&to=2026-11-20T14:03:00Z", &[2, 1]),
        ("from=2026-11-20T16:02:00%2B02:00", &[4, 3, 2]),
        ("from=2026-11-20T14:02:00.001Z", &[4, 3]),
        ("from=2026-11-20T14:03:00Z&to=2026-11-20T14:01:00Z", &[]),
        ("direction=inbound&has_recording=true", &[4, 0]),
        ("direction=inbound&number=%2B15555550101&status=completed", &[0]),
        ("direction=inbound&limit=1", &[4]),
    ];
    for (query, expected) in rows {
        let expected: Vec<&str> = expected.iter().map(|index| placed[*index].as_str()).collect();
        assert_eq!(sids(&list(&app, &format!("?{query}")).await), expected, "{query}");
    }
    let first = list(&app, "?direction=inbound&limit=1").await;
    let cursor = first["next_cursor"].as_str().expect("more");
    let second = list(&app, &format!("?direction=inbound&limit=5&cursor={cursor}")).await;
    assert_eq!(sids(&second), [placed[2].as_str(), &placed[0]]);
}

#[tokio::test]
async fn a_filter_that_cannot_be_meant_is_refused() {
    let app = start().await;
    for query in [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=many",
        "limit=",
        "direction=sideways",
        "direction=",
        "status=dreaming",
        "from=yesterday",
        "from=2026-11-20",
        "to=1795183200",
        "has_recording=maybe",
        "has_recording=1",
        "cursor=nonsense",
        "cursor=bm9uc2Vuc2U",
        "colour=green",
    ] {
        let response = app.get(&format!("/api/calls?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        let problem: Value = response.json().await.expect("JSON");
        assert_eq!(problem["code"], "malformed", "{query}");
        assert!(problem["detail"].is_string(), "{query}: it does not say what is wrong");
    }
}

#[tokio::test]
async fn what_the_webhooks_did_not_say_twilio_is_asked_for() {
    let app = start().await;
    let (recording, audio) = TestApp::synthetic(60_000, 1);
    let planned = PlannedCall {
        account: Some(ACME),
        direction: "outbound-api".into(),
        from: "+15555550100".into(),
        to: "+15555550177".into(),
        started_at_ms: Some(FIRST_STARTED_AT_MS),
        recordings: vec![recording],
        // A recording's webhook names neither direction nor numbers.
        announce: Some(vec![Announcement::Recordings("completed".into())]),
        ..PlannedCall::default()
    };
    let (placed, _) = app.simulator.place_call(planned).await.expect("placed");
    let path = format!("/api/calls/{}", placed.call);
    let call = app
        .until("the details are there", async || {
            let call: Value = app.get(&path).await.json().await.ok()?;
            (!call["started_at"].is_null()).then_some(call)
        })
        .await;
    let about = |name: &str| call[name].clone();
    assert_eq!(about("direction"), "outbound");
    assert_eq!(about("from"), "+15555550100");
    assert_eq!(about("to"), "+15555550177");
    assert_eq!(about("status"), "completed");
    assert_eq!(about("started_at"), "2026-11-20T14:00:00Z");
    assert!(about("duration_seconds").as_u64().is_some_and(|seconds| seconds > 0), "{call}");
    assert_eq!(app.simulator.lookups(placed.call), 1);

    let recording = &call["recordings"][0];
    let sid = placed.recordings[0];
    assert_eq!(recording["primary"], json!(true));
    assert_eq!(recording["state"], "absent");
    let audio_url = recording["audio_url"].as_str().expect("a URL");
    assert_eq!(audio_url, format!("/api/recordings/file/{}?recording={sid}", placed.call));
    assert_eq!(app.get(audio_url).await.bytes().await.expect("a body"), audio);
    let download_url = recording["download_url"].as_str().expect("a URL");
    let download = app.get(download_url).await;
    let name = header(&download, "content-disposition");
    assert_eq!(name, "attachment; filename=\"2026-11-20T1400Z-outbound-+15555550177.mp3\"");

    let ready = app
        .until("it is ready", async || {
            let call: Value = app.get(&path).await.json().await.ok()?;
            (call["recordings"][0]["state"] == "ready").then_some(call)
        })
        .await;
    assert!(ready["recordings"][0]["duration_seconds"].as_f64().is_some_and(|span| span > 14.0));
}
