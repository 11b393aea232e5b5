//! Calls whose webhooks were lost: found in Twilio's lists, or when somebody asks for them.

use std::time::Duration;

use actors::domain::{AccountSid, PhoneNumber};
use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::{PlacedCall, PlannedCall, PlannedRecording};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::support::{ACME, ACME_TOKEN, GLOBEX, TestApp};

/// A call with one recording, of which nobody is told.
async fn suppressed(app: &TestApp, account: AccountSid, to: &str) -> (PlacedCall, Vec<u8>) {
    let (plan, audio) = TestApp::synthetic(30_000, 1);
    let planned = PlannedCall {
        account: Some(account),
        to: to.to_owned(),
        recordings: vec![plan],
        ..PlannedCall::default()
    };
    let (placed, delivered) =
        app.simulator.place_call(planned.unannounced()).await.expect("placed");
    assert!(delivered.is_empty());
    (placed, audio)
}

/// Beside acme, on its account.
async fn add_south(app: &TestApp) {
    let numbers = vec![PhoneNumber::new("+15555550200")];
    let id = "south".parse().expect("an id");
    let (foundation, token) = (&app.app.foundation, ACME_TOKEN.into());
    foundation.add_business(id, "South".into(), ACME, &token, numbers).await.expect("added");
}

async fn plays(app: &TestApp, business: &str, placed: &PlacedCall) -> Vec<u8> {
    let path = format!("/api/recordings/file/{}", placed.call);
    app.until("it plays", async || {
        let asked =
            app.request_by((business, Role::Agent), Method::GET, &path).send().await.ok()?;
        if asked.status() != StatusCode::OK {
            return None;
        }
        Some(asked.bytes().await.ok()?.to_vec())
    })
    .await
}

async fn reconciler(app: &TestApp) -> Value {
    let actors = app.debug_actors().await;
    let tree = actors["tree"].as_array().expect("a tree");
    let child = tree.iter().find(|child| child["name"] == "reconciler");
    child.expect("a reconciler")["detail"].clone()
}

#[tokio::test]
async fn a_lost_webhook_heals_when_somebody_presses_play() {
    let app = TestApp::start().await;
    let (placed, audio) = suppressed(&app, ACME, "+15555550100").await;
    let path = format!("/api/recordings/file/{}", placed.call);
    let asked = app.get(&path).await;
    assert!(matches!(asked.status().as_u16(), 200 | 202), "{}", asked.status());
    assert_eq!(plays(&app, "acme", &placed).await, audio);
    let shown = app.get(&format!("/api/calls/{}", placed.call)).await;
    let shown: Value = shown.json().await.expect("JSON");
    assert_eq!((&shown["direction"], &shown["to"]), (&"inbound".into(), &"+15555550100".into()));
    let listed: Value = app.get("/api/calls").await.json().await.expect("JSON");
    assert_eq!(listed["calls"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn every_route_finds_a_call_that_nobody_announced() {
    let app = TestApp::start().await;
    for (method, route) in [
        (Method::GET, "/api/recordings/{call}/status"),
        (Method::POST, "/api/recordings/{call}/prepare"),
        (Method::GET, "/api/calls/{call}"),
        (Method::HEAD, "/api/calls/{call}/download"),
    ] {
        let (placed, _) = suppressed(&app, ACME, "+15555550100").await;
        let path = route.replace("{call}", &placed.call.to_string());
        let others = app.request_by(("globex", Role::Owner), method.clone(), &path);
        let others = others.send().await.expect("an answer");
        assert_eq!(others.status(), StatusCode::NOT_FOUND, "{method} {route}");
        let asked = app.request(method.clone(), &path).send().await.expect("an answer");
        assert!(asked.status().is_success(), "{method} {route}: {}", asked.status());
    }
}

#[tokio::test]
async fn a_leg_that_nobody_announced_leads_to_its_call() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(30_000, 1);
    let planned = PlannedCall { child_leg: true, recordings: vec![plan], ..PlannedCall::default() };
    let (placed, _) = app.simulator.place_call(planned.unannounced()).await.expect("placed");
    let leg = PlacedCall { call: placed.child_leg.expect("a leg"), ..placed.clone() };
    assert_eq!(plays(&app, "acme", &leg).await, audio);
    assert_eq!(plays(&app, "acme", &placed).await, audio);
    assert_eq!(app.simulator.counters(placed.recordings[0]).gets, 1);
}

#[tokio::test]
async fn on_a_shared_account_the_numbers_decide_whoever_asks() {
    let app = TestApp::start().await;
    add_south(&app).await;
    let add = app.app.foundation.catalog.clone();
    let acme = "acme".parse().expect("an id");
    let number = PhoneNumber::new("+15555550100");
    actors::ports::Catalog::add_number(&*add, &acme, &number).await.expect("added");
    let (placed, audio) = suppressed(&app, ACME, "+15555550200").await;
    let path = format!("/api/recordings/file/{}", placed.call);
    assert_eq!(app.get(&path).await.status(), StatusCode::NOT_FOUND, "it is south's");
    assert_eq!(plays(&app, "south", &placed).await, audio);
    assert_eq!(app.get(&path).await.status(), StatusCode::NOT_FOUND, "and stays it");
}

#[tokio::test]
async fn recordings_of_lost_webhooks_are_found_whosever_they_are() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.twilio.reconcile_every_ms = 500;
        config.twilio.lookups_per_minute = 0;
    })
    .await;
    let tiny = || TestApp::synthetic(500, 1).0;
    let many: Vec<PlannedRecording> = (0..1_100).map(|_| tiny()).collect();
    let planned = PlannedCall { recordings: many, ..PlannedCall::default() };
    let (many, _) = app.simulator.place_call(planned.unannounced()).await.expect("placed");
    let (globexs, audio) = suppressed(&app, GLOBEX, "+15555550100").await;
    let two_days = Duration::from_hours(72).as_millis() as i64;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let planned = PlannedCall { started_at_ms: Some(now_ms - two_days), ..PlannedCall::default() };
    let (old, _) = app.simulator.place_call(planned.unannounced()).await.expect("placed");

    assert_eq!(plays(&app, "globex", &globexs).await, audio);
    app.until("the long list is read", async || {
        (reconciler(&app).await["found_total"] == 1_101).then_some(())
    })
    .await;
    let shown = app.get(&format!("/api/calls/{}", many.call)).await;
    assert_eq!(shown.status(), StatusCode::OK);
    let shown = app.get(&format!("/api/calls/{}", old.call)).await;
    assert_eq!(shown.status(), StatusCode::NOT_FOUND, "that is for an import");
    let said = reconciler(&app).await;
    assert_eq!(said["last_error"], Value::Null);
    assert_eq!(said["accounts"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn lost_webhooks_of_a_shared_account_find_their_business_too() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.twilio.reconcile_every_ms = 500;
        config.twilio.lookups_per_minute = 0;
    })
    .await;
    add_south(&app).await;
    let (placed, audio) = suppressed(&app, ACME, "+15555550200").await;
    assert_eq!(plays(&app, "south", &placed).await, audio);
    let path = format!("/api/calls/{}", placed.call);
    assert_eq!(app.get(&path).await.status(), StatusCode::NOT_FOUND, "not acme's");
}
