//! Pressing play, from outside: what a player asks, and what it gets.

use actors::domain::RecordingSid;
use hearback::app::World;
use hearback::simulator::{Announcement, Behaviour, Fault};
use reqwest::{Method, StatusCode};

use crate::support::{ACME, TestApp, header, play_path};

#[tokio::test]
pub async fn a_cold_call_is_fetched_once_and_plays() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(300_000, 1);
    let placed = app.place_planned(plan, ACME, audio).await;

    let response = app.get(&play_path(&placed)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), "audio/mpeg");
    assert_eq!(header(&response, "accept-ranges"), "bytes");
    assert_eq!(header(&response, "cache-control"), "private, no-cache");
    assert_eq!(header(&response, "content-disposition"), "inline");
    assert_eq!(header(&response, "cache-status"), "hearback; fwd=miss; stored");
    assert_eq!(header(&response, "etag"), format!("\"{}-mp3-1\"", placed.recording));
    assert_eq!(response.bytes().await.expect("a body"), placed.audio);

    app.until_ready(&placed).await;
    let again = app.get(&play_path(&placed)).await;
    assert_eq!(header(&again, "cache-status"), "hearback; hit");
    assert_eq!(again.bytes().await.expect("a body"), placed.audio);
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

#[tokio::test]
pub async fn a_webhook_fetches_ahead_of_the_listener() {
    let app = TestApp::start_with(World::default(), |_| {}).await;
    let (plan, audio) = TestApp::synthetic(100_000, 2);
    let placed = app.place_planned(plan, ACME, audio).await;
    app.until("the prefetch is done", async || {
        let response = app.get(&format!("/api/recordings/{}/status", placed.call)).await;
        let status: serde_json::Value = response.json().await.ok()?;
        (status["state"] == "ready").then_some(())
    })
    .await;
    let response = app.get(&play_path(&placed)).await;
    assert_eq!(header(&response, "cache-status"), "hearback; hit");
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

#[tokio::test]
pub async fn who_cannot_be_served_yet_is_told_honestly() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.play.first_byte_wait_ms = 200;
    })
    .await;
    let (mut plan, audio) = TestApp::synthetic(100_000, 3);
    plan.behaviours = vec![Behaviour { first_byte_ms: 8_000, ..Behaviour::healthy() }];
    let placed = app.place_planned(plan, ACME, audio).await;
    let path = play_path(&placed);

    let response = app.get(&path).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&response, "retry-after"), "2");
    assert_eq!(header(&response, "cache-control"), "no-store");
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(
        body,
        serde_json::json!({"status": "preparing", "state": "downloading", "attempt": 1,
            "received_bytes": 0, "total_bytes": null, "retry_after": 2})
    );

    let head = app.request(Method::HEAD, &path).send().await.expect("an answer");
    assert_eq!(head.status(), StatusCode::ACCEPTED);
    let respond_async = app.request(Method::GET, &path).header("prefer", "respond-async");
    let respond_async = respond_async.send().await.expect("an answer");
    assert_eq!(respond_async.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&respond_async, "preference-applied"), "respond-async");

    let patient = app.request(Method::GET, &path).header("sec-fetch-dest", "audio");
    let patient = patient.send().await.expect("an answer");
    assert_eq!(patient.status(), StatusCode::OK);
    assert_eq!(patient.bytes().await.expect("a body"), placed.audio);
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

#[tokio::test]
pub async fn preparing_starts_the_fetch_and_status_only_looks() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(100_000, 4);
    let placed = app.place_planned(plan, ACME, audio).await;
    let status = format!("/api/recordings/{}/status", placed.call);
    let looked: serde_json::Value = app.get(&status).await.json().await.expect("JSON");
    assert_eq!(looked["state"], "absent");
    assert_eq!(app.simulator.counters(placed.recording).gets, 0);

    let prepare = format!("/api/recordings/{}/prepare", placed.call);
    let first = app.request(Method::POST, &prepare).send().await.expect("an answer");
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let ready = app
        .until("it is prepared", async || {
            let again = app.request(Method::POST, &prepare).send().await.ok()?;
            (again.status() == StatusCode::OK).then_some(again)
        })
        .await;
    let ready: serde_json::Value = ready.json().await.expect("JSON");
    assert_eq!(ready["total_bytes"], placed.audio.len());
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

#[tokio::test]
pub async fn a_named_recording_is_the_one_that_plays() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(50_000, 5);
    let placed = app.place_planned(plan, ACME, audio).await;
    let (mut later, later_audio) = TestApp::synthetic(60_000, 6);
    later.offset_s = 5;
    let later = app.simulator.add_recording(placed.call, later).await.expect("added");
    let completed = Announcement::Recordings("completed".to_owned());
    app.simulator.announce(placed.call, &[completed]).await;
    let path = play_path(&placed);
    app.until("the later recording is the primary one", async || {
        let response = app.get(&path).await;
        (response.bytes().await.ok()? == later_audio).then_some(())
    })
    .await;
    let first = app.get(&format!("{path}?recording={}", placed.recording)).await;
    assert_eq!(first.bytes().await.expect("a body"), placed.audio);
    let other = app.get(&format!("{path}?recording={later}&t=1")).await;
    assert_eq!(other.bytes().await.expect("a body"), later_audio);
    let none = app.get(&format!("{path}?recording={}", RecordingSid::from_bits(9))).await;
    assert_eq!(none.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_damaged_copy_is_noticed_and_fetched_again() {
    let app = TestApp::start_without_memory().await;
    let (plan, audio) = TestApp::synthetic(200_000, 7);
    let placed = app.place_planned(plan, ACME, audio).await;
    let tag = app.until_ready(&placed).await;
    let folder = app.vault_dir().join("acme");
    let file =
        std::fs::read_dir(folder).expect("a folder").next().expect("a file").expect("a file");
    let mut sealed = std::fs::read(file.path()).expect("sealed bytes");
    sealed[1_000] ^= 1;
    std::fs::write(file.path(), sealed).expect("written");

    let response = app.get(&play_path(&placed)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "etag"), tag, "the same bytes keep their tag");
    assert_eq!(response.bytes().await.expect("a body"), placed.audio);
    assert_eq!(app.simulator.counters(placed.recording).gets, 2);
}

#[tokio::test]
pub async fn damage_far_into_a_copy_cuts_one_answer_and_heals_the_next() {
    let app = TestApp::start_without_memory().await;
    let (plan, audio) = TestApp::synthetic(3_000_000, 17);
    let placed = app.place_planned(plan, ACME, audio).await;
    app.until_prepared(&placed).await;
    let folder = app.vault_dir().join("acme");
    let file =
        std::fs::read_dir(folder).expect("a folder").next().expect("a file").expect("a file");
    let mut sealed = std::fs::read(file.path()).expect("sealed bytes");
    sealed[2_500_000] ^= 1;
    std::fs::write(file.path(), sealed).expect("written");

    // Where the damage is met before the head of the answer has left, not even that arrives.
    let cut = async {
        let response = app.request(Method::GET, &play_path(&placed)).send().await?;
        response.bytes().await
    };
    assert!(cut.await.is_err(), "a body that cannot be completed is cut");
    let healed = app.get(&play_path(&placed)).await;
    assert_eq!(healed.bytes().await.expect("a body"), placed.audio);
    assert_eq!(app.simulator.counters(placed.recording).gets, 2);
}

#[tokio::test]
pub async fn download_is_the_same_audio_under_a_speaking_name() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(50_000, 8);
    let placed = app.place_planned(plan, ACME, audio).await;
    let response = app.get(&format!("/api/calls/{}/download", placed.call)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let disposition = header(&response, "content-disposition");
    assert!(disposition.starts_with("attachment; filename=\"20"), "{disposition}");
    assert!(disposition.ends_with(".mp3\""), "{disposition}");
    assert_eq!(response.bytes().await.expect("a body"), placed.audio);
}

#[tokio::test]
async fn a_transfer_that_breaks_off_is_tried_again_and_never_served_short() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.play.first_byte_wait_ms = 10_000;
    })
    .await;
    let (mut plan, audio) = TestApp::synthetic(200_000, 9);
    plan.behaviours = vec![Fault::CutAfterBytes(70_000).into(), Behaviour::healthy()];
    let placed = app.place_planned(plan, ACME, audio).await;
    let response = app.get(&play_path(&placed)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.bytes().await.expect("a body"), placed.audio);
    assert_eq!(app.simulator.counters(placed.recording).gets, 2);
}
