//! What there is to say of a call that nobody transcribed, or could.

use actors::domain::{Profile, Stage};
use actors::ports::Findings;
use hearback::simulator::ProviderOutage;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{Codes, answer, told};
use crate::pipeline::{path, place, start, start_with};
use crate::support::{ACME, Placed, TestApp};

pub(super) async fn it_was_not_heard() -> Codes {
    let mut codes = Codes::new();
    let app = start_with(|config| config.jobs.attempts_max = 1).await;
    let (plan, audio) = TestApp::synthetic(20_000, 1);
    let silent = app.place_planned(plan, ACME, audio).await;
    codes.insert(said(&app, &silent, "no_speech").await);
    app.simulator.set_provider_outage(Some(ProviderOutage::Nonsense));
    let garbled = place(&app, "missed-call").await;
    codes.insert(said(&app, &garbled, "pipeline_failed").await);
    for (method, path, body) in [
        (Method::PATCH, "/api/appointments/7", r#"{"status":"confirmed"}"#),
        (Method::DELETE, "/api/calendars/7", ""),
    ] {
        let request = app.request(method, path).header("content-type", "application/json");
        let response = answer(request.body(body)).await;
        codes.insert(told(path, response, 404, "no_such_thing").await);
    }

    let app = start().await;
    let skips = Profile { skips: vec![Stage::Transcribe], ..Profile::default() };
    let acme = "acme".parse().expect("an id");
    app.app.foundation.catalog.set_profile(&acme, &skips).await.expect("set");
    let skipped = place(&app, "missed-call").await;
    codes.insert(said(&app, &skipped, "no_transcript").await);

    let app = TestApp::start().await;
    let waiting = place(&app, "missed-call").await;
    codes.insert(said(&app, &waiting, "pipeline_off").await);
    codes
}

/// As soon as it is known what became of it.
async fn said(app: &TestApp, placed: &Placed, code: &str) -> String {
    let path = path(placed, "/transcript");
    let response = app
        .until(code, async || {
            // The call may be known before its recording is.
            let call: Value =
                app.get(&crate::pipeline::path(placed, "")).await.json().await.ok()?;
            call["recordings"].get(0)?;
            let response = app.get(&path).await;
            (response.status() != StatusCode::ACCEPTED).then_some(response)
        })
        .await;
    told(code, response, 404, code).await
}
