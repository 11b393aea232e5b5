//! Life and death, through the whole service: how long a copy stays, what brings it back, and what never does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::{BusinessId, CallKey, Retention};
use actors::ports::{Custody, Order, OrderOutcome};
use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::{Announcement, Behaviour};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection, query_scalar};

use crate::support::{ACME, ACME_TOKEN, GLOBEX, Placed, TestApp, TestClock, header, play_path};

const DAY: Duration = Duration::from_hours(24);

/// A service whose clock a test moves on, by days.
async fn aging() -> (Arc<TestClock>, TestApp) {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    (clock, app)
}

async fn place(app: &TestApp, tag: u64) -> Placed {
    let (plan, audio) = TestApp::synthetic(200_000, tag);
    app.place_planned(plan, ACME, audio).await
}

/// As somebody whose token outlives the days that a test skips.
fn later(app: &TestApp, method: Method, path: &str) -> RequestBuilder {
    let token = app.token_with(json!({ "exp": 4_000_000_000_u64 }));
    app.client.request(method, app.url(path)).bearer_auth(token)
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

async fn play_later(app: &TestApp, placed: &Placed) -> Response {
    answer(later(app, Method::GET, &play_path(placed))).await
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("JSON");
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

fn expired() -> (u16, String) {
    (410, "recording_expired".to_owned())
}

fn erased() -> (u16, String) {
    (410, "recording_erased".to_owned())
}

fn acme() -> BusinessId {
    "acme".parse().expect("an id")
}

fn key(placed: &Placed) -> CallKey {
    CallKey { business: acme(), call: placed.call }
}

/// Files of acme's copies, finished or not.
fn files(app: &TestApp) -> Vec<PathBuf> {
    let Ok(folder) = std::fs::read_dir(app.vault_dir().join("acme")) else { return Vec::new() };
    folder.map(|file| file.expect("a file").path()).collect()
}

fn only_file(app: &TestApp) -> PathBuf {
    let files = files(app);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn database(app: &TestApp) -> PathBuf {
    app.vault_dir().parent().expect("a folder").join("hearback.db")
}

/// Whether the database has a key that opens the recording.
async fn has_key(app: &TestApp, placed: &Placed) -> bool {
    let options = SqliteConnectOptions::new().filename(database(app));
    let mut db = SqliteConnection::connect_with(&options).await.expect("opened");
    let found = query_scalar("SELECT wrapped_key IS NOT NULL FROM recordings WHERE sid = $1")
        .bind(placed.recording.to_string());
    found.fetch_one(&mut db).await.expect("a row")
}

async fn erase(app: &TestApp, placed: &Placed) {
    let foundation = &app.app.foundation;
    let order = Order::Erase(key(placed));
    let placed = foundation.catalog.place_order(&order, foundation.clock.now()).await;
    let id = placed.expect("placed");
    let outcome = app
        .until("it is erased", async || foundation.catalog.order_outcome(id).await.expect("known"))
        .await;
    assert_eq!(outcome, OrderOutcome::Done);
}

async fn replay(app: &TestApp, placed: &Placed) {
    let completed = || "completed".to_owned();
    let news = [Announcement::Recordings(completed()), Announcement::Call(completed())];
    let delivered = app.simulator.announce(placed.call, &news).await;
    assert!(delivered.iter().all(|webhook| webhook.status == Some(204)), "{delivered:?}");
}

#[tokio::test]
async fn past_its_retention_it_answers_410_and_nothing_is_left_of_it() {
    let (clock, app) = aging().await;
    let placed = place(&app, 1).await;
    let tag = app.until_ready(&placed).await;
    clock.advance(6 * DAY);
    assert_eq!(play_later(&app, &placed).await.status(), StatusCode::OK);
    assert!(has_key(&app, &placed).await);
    clock.advance(2 * DAY);

    let path = play_path(&placed);
    let status = format!("/api/recordings/{}/status", placed.call);
    let seen: Value = answer(later(&app, Method::GET, &status)).await.json().await.expect("JSON");
    assert_eq!(
        (&seen["state"], &seen["reason"]),
        (&json!("gone"), &json!("its retention is over"))
    );
    let known = later(&app, Method::GET, &path).header("if-none-match", &tag);
    assert_eq!(code(answer(known).await).await, expired(), "nor is it said to be unchanged");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::GET, format!("/api/calls/{}/download", placed.call)),
        (Method::POST, format!("/api/recordings/{}/prepare", placed.call)),
    ] {
        assert_eq!(code(answer(later(&app, method, &path)).await).await, expired(), "{path}");
    }
    let head = answer(later(&app, Method::HEAD, &path)).await;
    assert_eq!(head.status(), StatusCode::GONE);
    app.until("the bytes are gone", async || files(&app).is_empty().then_some(())).await;
    assert!(!has_key(&app, &placed).await);

    replay(&app, &placed).await;
    assert_eq!(code(play_later(&app, &placed).await).await, expired());
    assert_eq!(app.simulator.counters(placed.recording).gets, 1, "nothing fetches it again");
    let call = format!("/api/calls/{}", placed.call);
    let call: Value = answer(later(&app, Method::GET, &call)).await.json().await.expect("JSON");
    assert_eq!(call["recordings"][0]["state"], "gone");
    assert!(call["from"].is_string(), "the call itself is still known");
}

#[tokio::test]
async fn a_recording_that_is_too_old_when_it_is_announced_is_never_fetched() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |_| {}).await;
    clock.advance(8 * DAY);
    let (plan, audio) = TestApp::synthetic(10_000, 1);
    let call = hearback::simulator::PlannedCall {
        account: Some(ACME),
        recordings: vec![plan],
        ..hearback::simulator::PlannedCall::default()
    };
    let (call, _) = app.simulator.place_call(call).await.expect("placed");
    let placed = Placed { call: call.call, recording: call.recordings[0], audio };
    app.until("it is known and over", async || {
        (code(play_later(&app, &placed).await).await == expired()).then_some(())
    })
    .await;
    assert_eq!(app.simulator.counters(placed.recording).gets, 0);
}

#[tokio::test]
async fn a_legal_hold_outlasts_the_retention_until_it_is_released() {
    let (clock, app) = aging().await;
    let placed = place(&app, 2).await;
    app.until_prepared(&placed).await;
    let foundation = &app.app.foundation;
    let hold = async |held| {
        let now = foundation.clock.now();
        foundation.catalog.set_hold(&key(&placed), held, now).await.expect("set");
    };
    hold(true).await;
    clock.advance(30 * DAY);
    app.until("the hold is noticed", async || {
        (play_later(&app, &placed).await.status() == StatusCode::OK).then_some(())
    })
    .await;
    let now = foundation.clock.now();
    let order = foundation.catalog.place_order(&Order::Erase(key(&placed)), now).await;
    assert!(order.is_err_and(|error| error.to_string().contains("legal hold")));
    hold(false).await;
    app.until("the release is noticed", async || {
        (code_of(&app, &placed).await == 410).then_some(())
    })
    .await;
    app.until("the bytes are gone", async || files(&app).is_empty().then_some(())).await;
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

#[tokio::test]
async fn what_has_expired_is_shown_as_gone_though_its_actor_has_not_noticed() {
    let (clock, app) = aging().await;
    let placed = place(&app, 3).await;
    app.until_prepared(&placed).await;
    let one = format!("/debug/actors/{}", placed.call);
    let look = async |path: &str| -> Value {
        let request = app.request_by(("acme", Role::Operator), Method::GET, path);
        answer(request).await.json().await.expect("JSON")
    };
    assert_eq!(look(&one).await["recordings"][0]["state"], "ready");
    clock.advance(30 * DAY);
    assert_eq!(files(&app).len(), 1, "nobody has been round yet");
    let shown = look(&one).await["recordings"][0].clone();
    assert_eq!(
        (&shown["state"], &shown["reason"]),
        (&"gone".into(), &"its retention is over".into())
    );
    for (state, count) in [("gone", 1), ("ready", 0)] {
        let listed = look(&format!("/debug/actors?state={state}")).await;
        assert_eq!(listed["calls_total"], count, "{state}");
    }
    let events = format!("/api/recordings/{}/events", placed.call);
    let events = app.get(&events).await.text().await.expect("events that end");
    assert!(events.contains("\"state\":\"gone\"") && !events.contains("ready"), "{events}");
}

async fn code_of(app: &TestApp, placed: &Placed) -> u16 {
    play_later(app, placed).await.status().as_u16()
}

#[tokio::test]
async fn each_business_keeps_its_recordings_for_as_long_as_it_wants() {
    let (clock, app) = aging().await;
    let acmes = place(&app, 3).await;
    let (plan, audio) = TestApp::synthetic(10_000, 4);
    let globexs = app.place_planned(plan, GLOBEX, audio).await;
    app.until_prepared(&acmes).await;
    let foundation = &app.app.foundation;
    // In this order: once acme's is over, it is written down that globex's is kept.
    for (id, days) in [("globex", 0), ("acme", 1)] {
        let (id, now) = (id.parse().expect("an id"), foundation.clock.now());
        foundation.catalog.set_retention(&id, Retention::of_days(days), now).await.expect("set");
    }
    let token = app.token_with(json!({ "exp": 4_000_000_000_u64, "business_id": "globex" }));
    let globex = || app.client.get(app.url(&play_path(&globexs))).bearer_auth(&token);
    assert_eq!(answer(globex()).await.status(), StatusCode::OK);
    clock.advance(2 * DAY);
    app.until("acme's is over", async || (code_of(&app, &acmes).await == 410).then_some(())).await;
    clock.advance(1_000 * DAY);
    // An actor that has not read it yet may say that it is over, once: its row decides.
    app.until("globex's is kept", async || {
        (answer(globex()).await.status() == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_erased_call_leaves_nothing_but_its_name_and_nothing_brings_it_back() {
    const NUMBER: &str = "15555550110";
    let app = TestApp::start().await;
    let placed = place(&app, 5).await;
    let tag = app.until_ready(&placed).await;
    let listed = async || app.get("/api/calls").await.text().await.expect("text");
    assert!(listed().await.contains(NUMBER));
    erase(&app, &placed).await;
    assert!(files(&app).is_empty());
    assert!(!has_key(&app, &placed).await);

    let path = play_path(&placed);
    for _ in 0..2 {
        assert_eq!(code(app.get(&path).await).await, erased());
        let known = app.request(Method::GET, &path).header("if-none-match", &tag);
        assert_eq!(code(answer(known).await).await, erased());
        replay(&app, &placed).await;
        // Not a replay: news that was never heard before.
        let (acme, call, recording) =
            (ACME.to_string(), placed.call.to_string(), placed.recording.to_string());
        let news = [
            ("AccountSid", acme.as_str()),
            ("CallSid", &call),
            ("RecordingSid", &recording),
            ("RecordingStatus", "failed"),
        ];
        let path = "/webhooks/twilio/recording-status";
        let told = answer(app.webhook(path, ACME_TOKEN, &news)).await;
        assert_eq!(told.status(), StatusCode::NO_CONTENT);
    }
    let operator = ("acme", Role::Operator);
    let retry = format!("/debug/actors/{}/retry", placed.call);
    let retry = answer(app.request_by(operator, Method::POST, &retry)).await;
    assert_eq!(retry.status(), StatusCode::CONFLICT, "not even an operator brings it back");
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
    assert!(!listed().await.contains(&placed.call.to_string()));
    let call = app.get(&format!("/api/calls/{}", placed.call)).await.text().await.expect("text");
    assert!(!call.contains(NUMBER) && call.contains("\"from\":null"), "{call}");

    let database = database(&app);
    let TestApp { app, .. } = app;
    app.stop().await;
    let bytes = std::fs::read(database).expect("the database, with its log worked in");
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has(&placed.call.to_string()), "its name stays");
    assert!(!has(NUMBER), "a number is left in the file");
}

#[tokio::test]
async fn a_call_that_is_erased_while_it_is_fetched_is_never_kept() {
    let app = TestApp::start().await;
    let (mut plan, audio) = TestApp::synthetic(2_000_000, 6);
    plan.behaviours = vec![Behaviour::paced(200_000)];
    let placed = app.place_planned(plan, ACME, audio).await;
    let path = play_path(&placed);
    let listening =
        tokio::spawn(app.request(Method::GET, &path).header("prefer", "wait=10").send());
    app.until("it is being fetched", async || (!files(&app).is_empty()).then_some(())).await;
    erase(&app, &placed).await;
    let heard = listening.await.expect("no panic").expect("an answer");
    assert_eq!(heard.status(), StatusCode::OK);
    assert!(heard.bytes().await.is_err(), "who listened is cut");
    app.until("its part is gone", async || files(&app).is_empty().then_some(())).await;
    assert_eq!(code(app.get(&path).await).await, erased());
    assert!(!has_key(&app, &placed).await);
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

#[tokio::test]
async fn the_last_copy_of_what_twilio_deleted_is_never_evicted() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.vault.max_bytes = 300_000;
    })
    .await;
    let last = place(&app, 7).await;
    let tag = app.until_ready(&last).await;
    assert!(app.simulator.set_status(last.recording, "deleted"));
    let deleted = [Announcement::Recordings("deleted".to_owned())];
    app.simulator.announce(last.call, &deleted).await;
    app.until("the deletion is known", async || {
        let call = app.get(&format!("/api/calls/{}", last.call)).await;
        let call: Value = call.json().await.ok()?;
        (call["recordings"][0]["source_status"] == "deleted").then_some(())
    })
    .await;
    for tag in 8..=10 {
        let another = place(&app, tag).await;
        let heard = app.get(&play_path(&another)).await.bytes().await.expect("a body");
        assert_eq!(heard, another.audio);
        app.until("the other one has left", async || (files(&app).len() == 1).then_some(())).await;
    }
    let response = app.get(&play_path(&last)).await;
    assert_eq!(header(&response, "etag"), tag);
    assert_eq!(response.bytes().await.expect("a body"), last.audio);
    assert_eq!(app.simulator.counters(last.recording).gets, 1);
}

#[tokio::test]
async fn an_evicted_copy_keeps_its_entity_tag_and_needs_no_fetch_to_confirm_it() {
    let app = TestApp::start().await;
    let placed = place(&app, 11).await;
    let tag = app.until_ready(&placed).await;
    let evict = format!("/debug/actors/{}/evict", placed.call);
    let evicted = answer(app.request_by(("acme", Role::Operator), Method::POST, &evict)).await;
    assert_eq!(evicted.status(), StatusCode::ACCEPTED);
    app.until("the file is gone", async || files(&app).is_empty().then_some(())).await;
    let path = play_path(&placed);
    for method in [Method::GET, Method::HEAD] {
        let known = app.request(method, &path).header("if-none-match", &tag);
        let unchanged = answer(known).await;
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(header(&unchanged, "etag"), tag);
    }
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
    let again = app.get(&path).await;
    assert_eq!(header(&again, "etag"), tag, "the same bytes have the same tag");
    assert_eq!(again.bytes().await.expect("a body"), placed.audio);
    assert_eq!(app.simulator.counters(placed.recording).gets, 2);
}

#[tokio::test]
async fn a_copy_that_was_cut_or_lost_is_fetched_again_under_the_same_tag() {
    let app = TestApp::start_without_memory().await;
    let placed = place(&app, 12).await;
    let tag = app.until_ready(&placed).await;
    for (gets, what) in (2..).zip(["cut", "emptied", "lost"]) {
        let file = only_file(&app);
        let sealed = std::fs::read(&file).expect("sealed bytes");
        match what {
            "cut" => std::fs::write(file, &sealed[..sealed.len() - 1]).expect("written"),
            "emptied" => std::fs::write(file, b"").expect("written"),
            _ => std::fs::remove_file(file).expect("removed"),
        }
        let healed = app.get(&play_path(&placed)).await;
        assert_eq!(header(&healed, "etag"), tag, "{what}");
        assert_eq!(healed.bytes().await.expect("a body"), placed.audio, "{what}");
        assert_eq!(app.simulator.counters(placed.recording).gets, gets, "{what}");
        app.until_ready(&placed).await;
        app.until("the bad file is gone", async || (files(&app).len() == 1).then_some(())).await;
    }
}
