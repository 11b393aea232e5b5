//! Appointments that calls came to, and the calendars they stand in.

use actors::ports::Catalog;
use hearback::auth::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{code, place, start, understood};
use crate::support::TestApp;

async fn ask(app: &TestApp, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = app.request(method, path);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("text");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn get(app: &TestApp, path: &str) -> Value {
    let (status, answer) = ask(app, Method::GET, path, None).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn one_is_proposed_confirmed_moved_and_dismissed() {
    let app = start().await;
    let calendar = json!({ "name": "Visits" });
    let (status, calendar) = ask(&app, Method::POST, "/api/calendars", Some(calendar)).await;
    assert_eq!((status, &calendar["default"]), (201, &json!(true)));
    let placed = place(&app, "washing-machine").await;
    let details = understood(&app, &placed).await;
    let listed = get(&app, "/api/appointments").await;
    assert_eq!(listed["appointments"], json!([details["appointment"]]));
    let appointment = &listed["appointments"][0];
    assert_eq!(appointment["calendar_id"], calendar["id"]);
    assert_eq!(appointment["recording_sid"], placed.recording.to_string());
    assert_eq!(appointment["customer_name"], "Tom Becker");

    let one = format!("/api/appointments/{}", appointment["id"]);
    let confirm = json!({ "status": "confirmed", "starts_at": "2026-12-04T11:30:00+02:00" });
    let (status, confirmed) = ask(&app, Method::PATCH, &one, Some(confirm)).await;
    assert_eq!(status, 200);
    assert_eq!(confirmed["status"], "confirmed");
    assert_eq!(confirmed["starts_at"], "2026-12-04T09:30:00Z");
    assert!(confirmed["changed_at"].is_string());
    assert_eq!(get(&app, "/api/appointments?status=proposed").await["appointments"], json!([]));

    let removed = format!("/api/calendars/{}", calendar["id"]);
    assert_eq!(ask(&app, Method::DELETE, &removed, None).await.0, 204);
    assert_eq!(ask(&app, Method::DELETE, &removed, None).await.0, 404);
    let left = get(&app, "/api/appointments").await;
    assert_eq!(left["appointments"][0]["calendar_id"], Value::Null, "it stays");
    assert_eq!(get(&app, "/api/calendars").await["calendars"], json!([]));
    let dismiss = json!({ "status": "dismissed" });
    assert_eq!(ask(&app, Method::PATCH, &one, Some(dismiss)).await.1["status"], "dismissed");

    for body in [
        json!({}),
        json!({ "status": "maybe" }),
        json!({ "starts_at": "tomorrow" }),
        json!({ "calendar_id": 9_999 }),
        json!({ "unknown": 1 }),
    ] {
        assert_eq!(ask(&app, Method::PATCH, &one, Some(body.clone())).await.0, 400, "{body}");
    }
    let none = json!({ "calendar_id": null });
    assert_eq!(ask(&app, Method::PATCH, &one, Some(none)).await.0, 200);
}

#[tokio::test]
async fn nobody_sees_or_changes_anothers() {
    let app = start().await;
    let placed = place(&app, "clinic-appointment").await;
    let details = understood(&app, &placed).await;
    let globex = |method, path: &str| app.request_by(("globex", Role::Owner), method, path);
    let listed = globex(Method::GET, "/api/appointments").send().await.expect("an answer");
    assert_eq!(listed.json::<Value>().await.expect("JSON")["appointments"], json!([]));
    let theirs = format!("/api/appointments/{}", details["appointment"]["id"]);
    let nowhere = "/api/appointments/999999";
    let dismiss = json!({ "status": "dismissed" });
    let mut answers = Vec::new();
    for path in [&*theirs, nowhere] {
        let request = globex(Method::PATCH, path).json(&dismiss);
        let response = request.send().await.expect("an answer");
        answers.push((response.status(), response.text().await.expect("text")));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, StatusCode::NOT_FOUND);
    let anonymous = app.client.get(app.url("/api/appointments")).send().await;
    assert_eq!(code(anonymous.expect("an answer")).await.0, 401);
}

#[tokio::test]
async fn calendars_have_names_of_their_own_and_one_default() {
    let app = start().await;
    for (body, status) in [
        (json!({ "name": "North" }), 201),
        (json!({ "name": "South", "default": true }), 201),
        (json!({ "name": "South" }), 409),
        (json!({ "name": "  " }), 400),
        (json!({ "name": "x".repeat(201) }), 400),
        (json!({ "title": "x" }), 400),
    ] {
        let answer = ask(&app, Method::POST, "/api/calendars", Some(body.clone())).await;
        assert_eq!(answer.0, status, "{body}: {}", answer.1);
    }
    let nobody = app.client.post(app.url("/api/calendars")).json(&json!({ "name": "North" }));
    let nobody = nobody.bearer_auth(app.token("nobody", Role::Agent)).send().await;
    assert_eq!(code(nobody.expect("an answer")).await, (404, "no_such_thing".to_owned()));
    let condition = app.app.foundation.catalog.condition();
    assert_eq!(condition.away_total, 0, "it is not the database's fault");
    let calendars = get(&app, "/api/calendars").await;
    let known: Vec<(&str, bool)> = calendars["calendars"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (it["name"].as_str().expect("a name"), it["default"] == true))
        .collect();
    assert_eq!(known, [("North", false), ("South", true)]);
    for bad in ["?limit=0", "?status=new", "?from=now", "?cursor=abc", "?unknown=1"] {
        let answer = ask(&app, Method::GET, &format!("/api/appointments{bad}"), None).await;
        assert_eq!(answer.0, 400, "{bad}");
    }
}
