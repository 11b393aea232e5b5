//! Transcripts in their forms, with their corrections, for those who may read them.

use hearback::auth::Role;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{code, path, place, search, start, understood};
use crate::support::{Placed, TestApp, header};

async fn put(app: &TestApp, placed: &Placed, body: &Value, if_match: Option<&str>) -> Response {
    let mut request = app.request(Method::PUT, &path(placed, "/transcript")).json(body);
    if let Some(tag) = if_match {
        request = request.header("if-match", tag);
    }
    request.send().await.expect("an answer")
}

fn correction(id: u64, text: &str) -> Value {
    json!({ "utterances": [{ "id": id, "text": text }] })
}

#[tokio::test]
async fn it_can_be_read_as_subtitles_and_as_text() {
    let app = start().await;
    let placed = place(&app, "washing-machine").await;
    understood(&app, &placed).await;
    let first = "Riverside Appliance Repair, this is Dana. How can I help?";
    let form = async |form: &str, media_type: &str| {
        let response = app.get(&path(&placed, form)).await;
        assert_eq!(header(&response, "content-type"), media_type);
        assert_eq!(header(&response, "cache-control"), "private, no-cache");
        response.text().await.expect("text")
    };
    let vtt = form("/transcript.vtt", "text/vtt; charset=utf-8").await;
    let mut lines = vtt.lines();
    assert_eq!(lines.next(), Some("WEBVTT"));
    assert_eq!(lines.next(), Some(""));
    let times = lines.next().expect("times");
    assert!(times.starts_with("00:00:0") && times.contains(" --> 00:00:0"), "{times}");
    assert_eq!(lines.next(), Some(&*format!("<v agent>{first}")));
    let srt = form("/transcript.srt", "application/x-subrip; charset=utf-8").await;
    assert!(
        srt.starts_with("1\n00:00:0") && srt.contains(&format!("\nagent: {first}\n\n2\n")),
        "{srt}"
    );
    let text = form("/transcript.txt", "text/plain; charset=utf-8").await;
    assert_eq!(text.lines().count(), 8);
    assert_eq!(text.lines().next(), Some(&*format!("agent: {first}")));
    assert_eq!(
        form("/transcript.json", "application/json").await,
        form("/transcript", "application/json").await
    );
    let response = app.get(&path(&placed, "/transcript.vtt")).await;
    let tag = header(&response, "etag");
    let again = app.request(Method::GET, &path(&placed, "/transcript.vtt"));
    let again = again.header("if-none-match", tag).send().await.expect("an answer");
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let post = app.request(Method::POST, &path(&placed, "/transcript")).send().await;
    assert_eq!(post.expect("an answer").status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_correction_stands_beside_the_original_and_overwrites_nobodys() {
    let app = start().await;
    let placed = place(&app, "washing-machine").await;
    understood(&app, &placed).await;
    let seen = app.get(&path(&placed, "/transcript")).await;
    let tag = header(&seen, "etag");
    let original: Value = seen.json().await.expect("JSON");
    let response = put(&app, &placed, &correction(3, " Yes,  a  top loader. "), Some(&tag)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let corrected: Value = response.json().await.expect("JSON");
    assert_eq!((&corrected["revision"], &original["revision"]), (&json!(1), &json!(0)));
    let said = &corrected["utterances"][3];
    assert_eq!(said["text"], "Yes, a top loader.");
    assert_eq!(said["original_text"], original["utterances"][3]["text"]);
    assert!(said["corrected_at"].is_string());
    assert_eq!(corrected["utterances"][2], original["utterances"][2]);
    let late = put(&app, &placed, &correction(0, "Hello"), Some(&tag)).await;
    assert_eq!(code(late).await, (412, "precondition_failed".to_owned()));

    let text = async |query: &str| app.get(&path(&placed, query)).await.text().await.expect("text");
    assert!(text("/transcript.txt").await.contains("caller: Yes, a top loader."));
    assert!(!text("/transcript.txt?original=true").await.contains("top loader"));
    assert_eq!(search(&app, "top loader").await, [placed.call.to_string()]);
    assert_eq!(search(&app, "four years").await, [placed.call.to_string()], "the original too");

    let heard = original["utterances"][3]["text"].as_str().expect("text");
    let back = put(&app, &placed, &correction(3, heard), None).await;
    let back: Value = back.json().await.expect("JSON");
    assert_eq!(back["utterances"][3], original["utterances"][3], "taken back");

    for (body, why) in [
        (json!({}), "nothing"),
        (json!({ "utterances": [{ "id": 99, "text": "x" }] }), "no such utterance"),
        (json!({ "utterances": [{ "id": -1, "text": "x" }] }), "no id"),
        (correction(0, "  "), "empty"),
        (correction(0, &"x".repeat(10_001)), "too long"),
        (json!({ "utterances": [{ "id": 0, "text": "x", "speaker": "agent" }] }), "unknown key"),
    ] {
        let refused = put(&app, &placed, &body, None).await;
        assert_eq!(code(refused).await, (400, "malformed".to_owned()), "{why}");
    }
    let odd = app.get(&path(&placed, "/transcript?original=maybe")).await;
    assert_eq!(code(odd).await.0, 400);
}

#[tokio::test]
async fn a_signed_link_reads_it_and_its_waveform_and_corrects_nothing() {
    let app = start().await;
    let placed = place(&app, "missed-call").await;
    understood(&app, &placed).await;
    app.until_ready(&placed).await;
    let link = format!("/api/recordings/{}/link", placed.call);
    let link = app.request(Method::POST, &link).send().await.expect("an answer");
    let link: Value = link.json().await.expect("JSON");
    let url = link["url"].as_str().expect("a URL");
    let query = url.split_once('?').expect("a query").1;
    let anonymous = |method: Method, path: &str| {
        app.client.request(method, format!("{}?{query}", app.url(path)))
    };
    let waveform = format!("/api/recordings/{}/waveform", placed.call);
    for readable in [path(&placed, "/transcript"), path(&placed, "/transcript.vtt"), waveform] {
        let response = app
            .until("it is there", async || {
                let response = anonymous(Method::GET, &readable).send().await.ok()?;
                (response.status() != StatusCode::ACCEPTED).then_some(response)
            })
            .await;
        assert_eq!(response.status(), StatusCode::OK, "{readable}");
    }
    let put = anonymous(Method::PUT, &path(&placed, "/transcript")).json(&correction(0, "x"));
    assert_eq!(put.send().await.expect("an answer").status(), StatusCode::UNAUTHORIZED);
    let call = anonymous(Method::GET, &path(&placed, "")).send().await.expect("an answer");
    assert_eq!(call.status(), StatusCode::UNAUTHORIZED, "nor does it open the call");
}

#[tokio::test]
async fn another_businesss_transcript_is_not_there() {
    let app = start().await;
    let placed = place(&app, "missed-call").await;
    understood(&app, &placed).await;
    let unknown = Placed {
        call: hearback::simulator::call_sid(99, 99),
        recording: placed.recording,
        audio: Vec::new(),
    };
    for what in ["/transcript", "/transcript.vtt"] {
        let mut answers = Vec::new();
        for placed in [&placed, &unknown] {
            let request = app.request_by(("globex", Role::Owner), Method::GET, &path(placed, what));
            let response = request.send().await.expect("an answer");
            answers.push((response.status(), response.text().await.expect("text")));
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].0, StatusCode::NOT_FOUND);
    }
    let request =
        app.request_by(("globex", Role::Owner), Method::PUT, &path(&placed, "/transcript"));
    let put = request.json(&correction(0, "mine")).send().await.expect("an answer");
    assert_eq!(put.status(), StatusCode::NOT_FOUND);
    let waveform = format!("/api/recordings/{}/waveform", placed.call);
    let request = app.request_by(("globex", Role::Owner), Method::GET, &waveform);
    assert_eq!(request.send().await.expect("an answer").status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_the_business_calls_its_people_stands_in_front_of_what_they_say() {
    let app = start().await;
    let profile = actors::domain::Profile {
        labels: [("agent", "נציגה"), ("proposed", "מוצע")]
            .map(|(name, label)| (name.to_owned(), label.to_owned()))
            .into(),
        skips: vec![actors::domain::Stage::Summarise],
        agent_channel: 0,
        time_zone: "Asia/Jerusalem".to_owned(),
        ..actors::domain::Profile::default()
    };
    let acme = "acme".parse().expect("an id");
    let findings: &dyn actors::ports::Findings = &*app.app.foundation.catalog;
    findings.set_profile(&acme, &profile).await.expect("set");
    let placed = place(&app, "clinic-appointment").await;
    let details = app
        .until("there are facts", async || {
            let details = super::details(&app, &placed).await;
            details["facts"].is_object().then_some(details)
        })
        .await;
    assert_eq!(details["summary"], Value::Null, "nobody was asked for one");
    assert_eq!(details["appointment"]["label"], "מוצע");
    let starts_at = details["appointment"]["starts_at"].as_str().expect("a time");
    let starts_at: jiff::Timestamp = starts_at.parse().expect("RFC 3339");
    let there = starts_at.in_tz("Asia/Jerusalem").expect("a time zone");
    assert_eq!(there.hour(), 16, "four in the afternoon in Jerusalem: {starts_at}");
    let text = app.get(&path(&placed, "/transcript.txt")).await.text().await.expect("text");
    assert!(text.contains("נציגה: שלום נועה"), "the other channel is the agent's now: {text}");
}
