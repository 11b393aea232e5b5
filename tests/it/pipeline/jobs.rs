//! What operators see of the pipeline's jobs, and what they can do.

use hearback::auth::Role;
use hearback::simulator::ProviderOutage;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{code, details, path, place, start, start_with, understood};
use crate::support::TestApp;

const OPERATOR: (&str, Role) = ("globex", Role::Operator);

async fn jobs(app: &TestApp, query: &str) -> Value {
    let request = app.request_by(OPERATOR, Method::GET, &format!("/debug/jobs{query}"));
    request.send().await.expect("an answer").json().await.expect("JSON")
}

async fn order(app: &TestApp, id: &Value, what: &str) -> reqwest::Response {
    let path = format!("/debug/jobs/{id}/{what}");
    app.request_by(OPERATOR, Method::POST, &path).send().await.expect("an answer")
}

fn failing(status: u16, retry_after: Option<&str>) -> Option<ProviderOutage> {
    Some(ProviderOutage::Status { code: status, retry_after: retry_after.map(str::to_owned) })
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_then_dead_until_an_operator_wants_it() {
    let app = start_with(|config| {
        config.jobs.attempts_max = 3;
        config.jobs.retry_pause_ms = 20;
    })
    .await;
    app.simulator.set_provider_outage(failing(500, None));
    let placed = place(&app, "missed-call").await;
    let dead = app
        .until("it is dead", async || {
            let dead = jobs(&app, "?state=dead").await["jobs"][0].clone();
            dead.is_object().then_some(dead)
        })
        .await;
    assert_eq!((&dead["stage"], &dead["attempt"]), (&json!("transcribe"), &json!(3)));
    assert_eq!(dead["call_sid"], placed.call.to_string());
    let error = dead["last_error"].as_str().expect("why");
    assert!(error.contains("500"), "{error}");
    let transcript = app.get(&path(&placed, "/transcript")).await;
    assert_eq!(code(transcript).await, (404, "pipeline_failed".to_owned()));
    let stages = jobs(&app, "").await["stages"].clone();
    assert_eq!((&stages[1]["stage"], &stages[1]["dead"]), (&json!("transcribe"), &json!(1)));

    app.simulator.set_provider_outage(None);
    let retried = order(&app, &dead["id"], "retry").await;
    assert_eq!(retried.status(), StatusCode::ACCEPTED);
    understood(&app, &placed).await;
    let done = order(&app, &dead["id"], "retry").await;
    assert_eq!(code(done).await, (409, "conflict".to_owned()));
}

#[tokio::test]
async fn a_failure_repeats_its_own_stage_and_stands_in_no_others_way() {
    let app = start().await;
    let placed = place(&app, "washing-machine").await;
    app.until("it is transcribed", async || {
        details(&app, &placed).await["transcript"].is_object().then_some(())
    })
    .await;
    understood(&app, &placed).await;
    let answered = app.simulator.provider_counters();
    app.simulator.set_provider_outage(Some(ProviderOutage::Nonsense));
    let other = place(&app, "complaint").await;
    app.until("it fails", async || {
        let details = details(&app, &other).await;
        details["stages"][0]["reason"].is_string().then_some(())
    })
    .await;
    app.simulator.set_provider_outage(None);
    understood(&app, &other).await;
    let now = app.simulator.provider_counters();
    assert!(now.transcriptions > answered.transcriptions);
    let first = details(&app, &placed).await;
    assert!(first["stages"].as_array().expect("a list").iter().all(|it| it["attempt"] == 1));
}

#[tokio::test]
async fn a_provider_that_wants_a_pause_is_left_alone_by_all() {
    let app = start().await;
    app.simulator.set_provider_outage(failing(429, Some("120")));
    let placed = place(&app, "missed-call").await;
    let paused = app
        .until("the stage pauses", async || {
            let stage = jobs(&app, "").await["stages"][1].clone();
            stage["paused_for_seconds"].as_u64().is_some().then_some(stage)
        })
        .await;
    assert!((100..=121).contains(&paused["paused_for_seconds"].as_u64().expect("seconds")));
    let job = jobs(&app, "?stage=transcribe").await["jobs"][0].clone();
    let at = |name: &str| -> jiff::Timestamp {
        job[name].as_str().expect("a time").parse().expect("RFC 3339")
    };
    assert!((at("run_at") - at("created_at")).get_seconds() >= 100, "{job}");
    let details = details(&app, &placed).await;
    assert!(details["stages"][0]["retry_at"].is_string());
}

#[tokio::test]
async fn one_that_is_cancelled_while_it_runs_has_no_effect() {
    let app = start().await;
    app.simulator.set_provider_outage(Some(ProviderOutage::Hang));
    let placed = place(&app, "missed-call").await;
    let running = app
        .until("it runs", async || {
            let running = jobs(&app, "?state=running").await["jobs"][0].clone();
            running.is_object().then_some(running)
        })
        .await;
    assert!(running["lease_until"].is_string());
    assert_eq!(order(&app, &running["id"], "cancel").await.status(), StatusCode::ACCEPTED);
    app.until("its worker has left", async || {
        let path = format!("/debug/jobs/{}", running["id"]);
        let request = app.request_by(OPERATOR, Method::GET, &path);
        let job: Value = request.send().await.ok()?.json().await.ok()?;
        let stages = app.debug_actors().await;
        let tree = stages["tree"].to_string();
        (job["state"] == "cancelled" && tree.contains("\"lost_total\":1")).then_some(())
    })
    .await;
    let transcript = app.get(&path(&placed, "/transcript")).await;
    assert_eq!(code(transcript).await, (404, "pipeline_failed".to_owned()));
    assert_eq!(code(order(&app, &running["id"], "cancel").await).await.0, 409);
}

#[tokio::test]
async fn they_are_for_operators_only() {
    let app = start().await;
    place(&app, "missed-call").await;
    for (method, path) in [
        (Method::GET, "/debug/jobs"),
        (Method::GET, "/debug/jobs/1"),
        (Method::POST, "/debug/jobs/1/retry"),
        (Method::POST, "/debug/jobs/1/cancel"),
    ] {
        let response = app.request(method.clone(), path).send().await.expect("an answer");
        assert_eq!(code(response).await, (403, "not_for_this_role".to_owned()), "{path}");
        let anonymous = app.client.request(method, app.url(path)).send().await;
        assert_eq!(anonymous.expect("an answer").status(), StatusCode::UNAUTHORIZED);
    }
    for bad in [
        "?limit=0",
        "?stage=sing",
        "?state=odd",
        "?recording=x",
        "?before=x",
        "?before=-1",
        "?who=me",
    ] {
        let request = app.request_by(OPERATOR, Method::GET, &format!("/debug/jobs{bad}"));
        assert_eq!(code(request.send().await.expect("an answer")).await.0, 400, "{bad}");
    }
    let unknown = order(&app, &json!(999_999), "retry").await;
    assert_eq!(code(unknown).await, (404, "no_such_thing".to_owned()));
    assert_eq!(code(order(&app, &json!("x"), "cancel").await).await.0, 400);
}
