//! From audio to facts, from outside: what is told while it happens, read when it is there, and done about it.

mod appointments;
mod jobs;
mod transcripts;

use std::path::Path;
use std::time::Duration;

use hearback::app::World;
use hearback::config::{Config, LanguageModelProvider, SpeechProvider};
use hearback::simulator::{PlannedCall, speech};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{ACME, Placed, TestApp};

/// A service that has the simulator's provider hear and understand calls.
pub(crate) async fn start() -> TestApp {
    start_with(|_| {}).await
}

pub(crate) async fn start_with(adjust: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_with(World::default(), |config| {
        let provider = config.twilio.base_url.to_string();
        config.speech.provider = SpeechProvider::OpenAi;
        config.speech.base_url.clone_from(&provider);
        config.speech.model = "any".to_owned();
        config.language_model.provider = LanguageModelProvider::OpenAi;
        config.language_model.base_url = provider;
        config.language_model.model = "any".to_owned();
        config.jobs.retry_pause_ms = 50;
        config.play.prefetch = false;
        adjust(config);
    })
    .await
}

/// Twilio tells of a scripted call of acme's.
pub(crate) async fn place(app: &TestApp, name: &str) -> Placed {
    let script = speech::script(name).expect("a script");
    let planned = PlannedCall { account: Some(ACME), ..PlannedCall::scripted(script) };
    let (placed, delivered) = app.simulator.place_call(planned).await.expect("placed");
    assert!(delivered.iter().all(|webhook| webhook.status == Some(204)), "{delivered:?}");
    Placed { call: placed.call, recording: placed.recordings[0], audio: Vec::new() }
}

pub(crate) fn path(placed: &Placed, what: &str) -> String {
    format!("/api/calls/{}{what}", placed.call)
}

async fn details(app: &TestApp, placed: &Placed) -> Value {
    let response = app.get(&path(placed, "")).await;
    if response.status() == StatusCode::OK {
        response.json().await.expect("JSON")
    } else {
        Value::Null
    }
}

/// Waits until every stage that was begun has come to its end.
async fn understood(app: &TestApp, placed: &Placed) -> Value {
    app.until("the call is understood", async || {
        let details = details(app, placed).await;
        let stages = details["stages"].as_array()?;
        let is_done = |stage: &Value| stage["state"] == "done";
        (stages.len() >= 3 && stages.iter().all(is_done)).then_some(details)
    })
    .await
}

async fn code(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let problem: Value = response.json().await.expect("JSON");
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_call_becomes_a_transcript_a_summary_facts_and_an_appointment() {
    let app = start().await;
    let placed = place(&app, "washing-machine").await;
    let details = understood(&app, &placed).await;
    assert_eq!(app.simulator.counters(placed.recording).gets, 1, "a WAV, and nothing to play");
    assert_eq!(details["facts"]["customer_name"]["value"], "Tom Becker");
    assert_eq!(details["facts"]["city"]["value"], "Springfield");
    let confidence = details["facts"]["city"]["confidence"].as_f64().expect("a number");
    assert!((0.0..=1.0).contains(&confidence));
    assert!(details["summary"]["topic"].as_str().is_some_and(|topic| topic.contains("leaks")));
    let appointment = &details["appointment"];
    assert_eq!(
        (&appointment["status"], &appointment["label"]),
        (&json!("proposed"), &json!("proposed"))
    );
    let starts_at = appointment["starts_at"].as_str().expect("a time");
    let starts_at: jiff::Timestamp = starts_at.parse().expect("RFC 3339");
    let local = starts_at.to_zoned(jiff::tz::TimeZone::UTC);
    assert_eq!((local.weekday(), local.hour()), (jiff::civil::Weekday::Thursday, 10));

    let url = details["transcript"]["url"].as_str().expect("a URL").to_owned();
    let transcript: Value = app.get(&url).await.json().await.expect("JSON");
    let script = speech::script("washing-machine").expect("a script").turns();
    let said = transcript["utterances"].as_array().expect("a list");
    assert_eq!(said.len(), script.len());
    assert_eq!(transcript["language"], "en");
    assert_eq!(
        transcript["speakers"][1],
        json!({ "channel": 1, "role": "agent", "label": "agent" })
    );
    for (said, turn) in said.iter().zip(&script) {
        assert_eq!(said["text"], turn.text);
        let role = if said["channel"] == 1 { "agent" } else { "caller" };
        assert_eq!(said["speaker"], role);
        assert_eq!(said["speaker"], json!(turn.speaker));
        for (word, spoken) in said["words"].as_array().expect("words").iter().zip(&turn.words) {
            let start = word["start"].as_f64().expect("seconds");
            assert!((start - spoken.start_ms as f64 / 1_000.0).abs() < 0.1, "{word} {spoken:?}");
        }
    }
}

#[tokio::test]
async fn a_hebrew_call_is_understood_in_hebrew_and_found() {
    let app = start().await;
    let placed = place(&app, "clinic-appointment").await;
    let other = place(&app, "missed-call").await;
    let details = understood(&app, &placed).await;
    understood(&app, &other).await;
    assert_eq!(details["transcript"]["language"], "he");
    assert_eq!(details["facts"]["customer_name"]["value"], "יוסי לוי");
    for question in ["רופא", "עיניים", "רביעי בארבע"] {
        let found = search(&app, question).await;
        assert_eq!(found, [placed.call.to_string()], "{question}");
    }
    assert_eq!(search(&app, "wrong number").await, [other.call.to_string()]);
    assert!(search(&app, "helicopter").await.is_empty());
    let globex = ("globex", hearback::auth::Role::Agent);
    let request = app.request_by(globex, reqwest::Method::GET, &searching("number"));
    let theirs = request.send().await.expect("an answer");
    assert_eq!(theirs.json::<Value>().await.expect("JSON")["calls"], json!([]));
    for bad in ["", &"x".repeat(201)] {
        assert_eq!(code(app.get(&searching(bad)).await).await.0, 400);
    }
}

fn searching(question: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new("/api/calls?".to_owned());
    query.append_pair("q", question).finish()
}

async fn search(app: &TestApp, question: &str) -> Vec<String> {
    let page: Value = app.get(&searching(question)).await.json().await.expect("JSON");
    let calls = page["calls"].as_array().expect("a list").iter();
    calls.map(|call| call["call_sid"].as_str().expect("a SID").to_owned()).collect()
}

#[tokio::test]
async fn a_waveform_comes_with_the_copy_speech_service_or_not() {
    let app = TestApp::start().await;
    let placed = place(&app, "washing-machine").await;
    let of = format!("/api/recordings/{}/waveform", placed.call);
    app.until("the call is known", async || {
        (app.get(&of).await.status() == StatusCode::ACCEPTED).then_some(())
    })
    .await;
    let early = app.get(&of).await;
    assert!(early.headers().contains_key("retry-after"));
    let prepare = format!("/api/recordings/{}/prepare", placed.call);
    app.request(reqwest::Method::POST, &prepare).send().await.expect("an answer");
    let response = app
        .until("it is measured", async || {
            let response = app.get(&of).await;
            (response.status() == StatusCode::OK).then_some(response)
        })
        .await;
    let tag = crate::support::header(&response, "etag");
    let waveform: Value = response.json().await.expect("JSON");
    let number = |name: &str| waveform[name].as_u64().expect("a number");
    assert_eq!((number("version"), number("bits"), number("channels")), (2, 8, 2));
    let peaks = waveform["data"].as_array().expect("a list");
    assert_eq!(peaks.len() as u64, number("length") * 2 * number("channels"));
    let loud =
        peaks.iter().filter(|peak| peak.as_i64().is_some_and(|peak| peak.abs() > 16)).count();
    assert!(loud > peaks.len() / 10, "somebody speaks");
    let script = speech::script("washing-machine").expect("a script").turns();
    let spoken = script.last().expect("turns").end_ms as f64 / 1_000.0;
    let lasts = waveform["duration_seconds"].as_f64().expect("seconds");
    assert!((spoken..spoken + 2.0).contains(&lasts), "{lasts}");
    let pixels = number("sample_rate") as f64 / number("samples_per_pixel") as f64 * lasts;
    assert!((pixels - number("length") as f64).abs() <= 1.0);

    let again = app.request(reqwest::Method::GET, &of).header("if-none-match", tag);
    assert_eq!(again.send().await.expect("an answer").status(), StatusCode::NOT_MODIFIED);
    let details = details(&app, &placed).await;
    let stages = details["stages"].as_array().expect("a list");
    let state_of = |name: &str| {
        let stage = stages.iter().find(|stage| stage["stage"] == name);
        stage.expect("begun")["state"].clone()
    };
    assert_eq!((state_of("measure"), state_of("transcribe")), (json!("done"), json!("off")));
    let transcript = app.get(&path(&placed, "/transcript")).await;
    assert_eq!(code(transcript).await, (404, "pipeline_off".to_owned()));
}

#[tokio::test]
async fn progress_is_told_stage_by_stage_and_then_the_stream_ends() {
    let app = start().await;
    app.simulator.set_provider_outage(Some(hearback::simulator::ProviderOutage::Hold));
    let placed = place(&app, "missed-call").await;
    app.until("it is being transcribed", async || {
        let details = details(&app, &placed).await;
        (details["stages"][0]["state"] == "running").then_some(())
    })
    .await;
    let events = app.get(&format!("/api/recordings/{}/events", placed.call)).await;
    let mut events = crate::sse::Events::of(events);
    let running = events.until("a stage is told", |event| event.name == "stages").await.data;
    assert_eq!(running["stages"][0]["stage"], "transcribe");
    assert_eq!(running["stages"][0]["state"], "running");
    let transcript = app.get(&path(&placed, "/transcript")).await;
    assert_eq!(transcript.status(), StatusCode::ACCEPTED);
    let preparing: Value = transcript.json().await.expect("JSON");
    assert_eq!(
        (&preparing["stage"], &preparing["state"]),
        (&json!("transcribe"), &json!("running"))
    );

    // Playing does not wait for any of that.
    assert_eq!(app.get(&crate::support::play_path(&placed)).await.status(), StatusCode::OK);
    events.until("it is ready", |event| event.data["state"] == "ready").await;
    app.simulator.set_provider_outage(None);
    let mut last = Value::Null;
    while let Some(event) = events.next().await {
        if event.name == "stages" {
            last = event.data;
        }
    }
    let stages = last["stages"].as_array().expect("a list");
    let names: Vec<&str> = stages.iter().filter_map(|stage| stage["stage"].as_str()).collect();
    assert_eq!(names, ["measure", "transcribe", "summarise", "extract"]);
    assert!(stages.iter().all(|stage| stage["state"] == "done"), "{last}");
}

#[tokio::test]
async fn what_is_already_in_the_vault_is_transcribed_though_twilio_has_it_no_longer() {
    let app = start().await;
    app.simulator.set_provider_outage(Some(hearback::simulator::ProviderOutage::Status {
        code: 500,
        retry_after: None,
    }));
    let placed = place(&app, "washing-machine").await;
    app.until("it is known", async || {
        (app.get(&path(&placed, "")).await.status() == StatusCode::OK).then_some(())
    })
    .await;
    app.until_ready(&placed).await;
    app.simulator.set_status(placed.recording, "deleted");
    app.simulator.set_provider_outage(None);
    let details = understood(&app, &placed).await;
    assert_eq!(details["transcript"]["utterances"], 8, "heard from the copy, voices apart");
}

#[tokio::test]
async fn a_recording_in_which_nobody_speaks_has_no_transcript_and_says_so() {
    let app = start().await;
    let (plan, audio) = TestApp::synthetic(40_000, 7);
    let placed = app.place_planned(plan, ACME, audio).await;
    let transcript = app
        .until("it was listened to", async || {
            let response = app.get(&path(&placed, "/transcript")).await;
            (response.status() != StatusCode::ACCEPTED).then_some(response)
        })
        .await;
    assert_eq!(code(transcript).await, (404, "no_speech".to_owned()));
    assert_eq!(app.simulator.provider_counters().transcriptions, 0, "silence is sent nowhere");
}

#[tokio::test]
async fn words_of_two_calls_are_where_a_forced_alignment_finds_them() {
    let app = start().await;
    let folder = tempfile::tempdir().expect("a folder");
    for (name, channel) in [("missed-call", 0), ("washing-machine", 1)] {
        let placed = place(&app, name).await;
        understood(&app, &placed).await;
        let transcript = app.get(&path(&placed, "/transcript")).await.text().await.expect("text");
        let kept = folder.path().join(format!("{name}.json"));
        std::fs::write(&kept, transcript).expect("written");
        let script = speech::script(name).expect("a script");
        let wav = folder.path().join(format!("{name}.wav"));
        std::fs::write(&wav, script.wav(script.channels).expect("its channels")).expect("written");
        let judged = judge(&kept, &format!("{}:{channel}", wav.display())).await;
        println!("{judged}");
    }
}

/// With the Python that the tests' setup prepares. What it says.
async fn judge(transcript: &Path, piece: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/python/bin/python");
    assert!(python.exists(), "there is no {}: run tests/setup", python.display());
    let mut command = tokio::process::Command::new(python);
    command.arg(root.join("tests/speech/alignment.py")).arg(transcript).arg(piece);
    let output = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_mins(2), output);
    let output = output.await.expect("it ends").expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "words are elsewhere: {said}\n{errors}");
    said
}
