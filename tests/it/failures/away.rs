//! What is told while the catalog is away.

use actors::domain::{Profile, Stage};
use actors::ports::Findings;
use reqwest::Method;

use super::{CALL_STATUS, Codes, UNKNOWN_CALL, answer, told};
use crate::support::{ACME, ACME_TOKEN, TestApp, play_path};

pub(super) async fn the_catalog_is_away() -> Codes {
    let app = TestApp::start_without_memory().await;
    let catalog = &app.app.foundation.catalog;
    // Whoever measured it would remember its key.
    let unmeasured = Profile { skips: vec![Stage::Measure], ..Profile::default() };
    catalog.set_profile(&"acme".parse().expect("an id"), &unmeasured).await.expect("set");
    let (plan, audio) = TestApp::synthetic(10_000, 1);
    let placed = app.place_planned(plan, ACME, audio).await;
    app.until_prepared(&placed).await;
    catalog.close().await;
    let acme = ACME.to_string();
    let form =
        [("AccountSid", acme.as_str()), ("CallSid", UNKNOWN_CALL), ("CallStatus", "completed")];
    let rows = [
        ("play", app.request(Method::GET, &format!("/api/recordings/file/{UNKNOWN_CALL}"))),
        // Its actor lives, and the file is there; the key that opens it is in the catalog, and nothing is in memory.
        ("play what is ready", app.request(Method::GET, &play_path(&placed))),
        ("list", app.request(Method::GET, "/api/calls")),
        ("show", app.request(Method::GET, &format!("/api/calls/{}", placed.call))),
        ("a webhook", app.webhook(CALL_STATUS, ACME_TOKEN, &form)),
        ("readiness", app.client.get(app.url("/readyz"))),
    ];
    let mut codes = Codes::new();
    for (what, request) in rows {
        codes.insert(told(what, answer(request).await, 503, "away").await);
    }
    assert_eq!(answer(app.client.get(app.url("/livez"))).await.status().as_u16(), 200);
    codes
}
