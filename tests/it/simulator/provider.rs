//! The simulator's provider: what it hears and understands, judged by others' programs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hearback::simulator::{
    PlannedAudio, PlannedCall, PlannedRecording, ProviderCounters, ProviderOutage, Simulator,
    recording_sid, speech,
};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::{answer, get, header, json, plain_client, start};

/// A scripted call's WAV, in as many channels as it has.
async fn wav(simulator: &Simulator, name: &str) -> Vec<u8> {
    let plan = PlannedCall::scripted(speech::script(name).expect("a script")).unannounced();
    let (placed, _) = simulator.place_call(plan).await.expect("a sound plan");
    let path = format!("/Recordings/{}.wav", placed.recordings[0]);
    answer(get(simulator, &path)).await.bytes().await.expect("a body").into()
}

fn transcription(simulator: &Simulator, fields: &[(&str, &str)], file: &[u8]) -> RequestBuilder {
    const BOUNDARY: &str = "a-boundary";
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend(part.bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
         Content-Type: audio/wav\r\n\r\n"
    );
    body.extend(head.bytes());
    body.extend(file);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
    plain_client()
        .post(format!("{}/v1/audio/transcriptions", simulator.url()))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(body)
}

fn chat(simulator: &Simulator, body: &Value) -> RequestBuilder {
    plain_client()
        .post(format!("{}/v1/chat/completions", simulator.url()))
        .header("content-type", "application/json")
        .body(body.to_string())
}

#[tokio::test]
async fn a_call_is_transcribed_in_the_form_asked_for() {
    let simulator = start().await;
    let call = wav(&simulator, "missed-call").await;
    let model = ("model", "whisper-1");
    let plain = json(transcription(&simulator, &[model], &call)).await;
    let usage = json!({ "type": "duration", "seconds": 3 });
    assert_eq!(plain, json!({ "text": "Sorry, wrong number. Goodbye.", "usage": usage }));
    let verbose = [
        model,
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
    ];
    let heard = json(transcription(&simulator, &verbose, &call)).await;
    assert_eq!((&heard["task"], &heard["language"]), (&"transcribe".into(), &"english".into()));
    let words = heard["words"].as_array().expect("words");
    let texts: Vec<&str> = words.iter().filter_map(|word| word["word"].as_str()).collect();
    assert_eq!(texts, ["Sorry", "wrong", "number", "Goodbye"]);
    assert_eq!(heard["segments"][0]["text"], " Sorry, wrong number. Goodbye.");
    assert_eq!(heard["segments"][0]["start"], words[0]["start"]);
    assert_eq!(heard["segments"][0]["end"], words[3]["end"]);

    let hebrew = wav(&simulator, "opening-hours").await;
    let heard = json(transcription(&simulator, &verbose[..2], &hebrew)).await;
    assert_eq!((&heard["language"], heard.get("words")), (&"hebrew".into(), None));
    assert_eq!(heard["segments"].as_array().map(Vec::len), Some(2));

    let silence = [&call[..44], &[0; 64_000]].concat();
    let nothing = json(transcription(&simulator, &verbose, &silence)).await;
    assert_eq!((&nothing["text"], &nothing["segments"]), (&"".into(), &json!([])));
    assert_eq!(simulator.provider_counters(), ProviderCounters { transcriptions: 4, chats: 0 });
    simulator.shutdown().await;
}

#[tokio::test]
async fn two_hours_of_speech_are_made_while_they_are_sent() {
    const SECOND: usize = 4 * 8_000;
    let simulator = start().await;
    let audio = PlannedAudio::Long { seconds: 7_200 };
    let recording = PlannedRecording { audio, channels: 2, ..PlannedRecording::default() };
    let plan = PlannedCall { recordings: vec![recording], ..PlannedCall::default() };
    let (placed, _) = simulator.place_call(plan.unannounced()).await.expect("a sound plan");
    let path = format!("/Recordings/{}.wav", placed.recordings[0]);
    let mut whole = answer(get(&simulator, &path)).await;
    assert_eq!(header(&whole, "content-length"), (44 + 7_200 * SECOND).to_string());
    let mut bytes = 0;
    while let Some(piece) = whole.chunk().await.expect("the next piece") {
        bytes += piece.len();
    }
    assert_eq!(bytes, 44 + 7_200 * SECOND);
    // The script begins again somewhere in the tenth minute, and nobody hears it.
    let mut texts = Vec::new();
    for minute in [8, 9, 10, 119] {
        let from = 44 + minute * 60 * SECOND;
        let range = format!("bytes={from}-{}", from + 60 * SECOND - 1);
        let cut = answer(get(&simulator, &path).header("range", range)).await;
        let cut = cut.bytes().await.expect("a minute");
        let header = answer(get(&simulator, &path).header("range", "bytes=0-43")).await;
        let piece = [&header.bytes().await.expect("a header")[..], &cut].concat();
        let heard = json(transcription(&simulator, &[("model", "whisper-1")], &piece)).await;
        texts.push(heard["text"].as_str().expect("text").split(' ').count());
    }
    assert!(texts.iter().all(|words| *words > 100), "words a minute: {texts:?}");
    simulator.shutdown().await;
}

#[tokio::test]
async fn what_the_provider_cannot_do_it_refuses_as_openai_would() {
    let simulator = start().await;
    let model = [("model", "whisper-1")];
    let path = |path: &str| plain_client().post(format!("{}{path}", simulator.url()));
    let streamed = json!({ "model": "m", "stream": true, "messages": [{ "content": "hello" }] });
    for (what, request, status) in [
        ("no WAV", transcription(&simulator, &model, b"nothing"), 400),
        ("no model", transcription(&simulator, &[], b"RIFF"), 400),
        ("no form", path("/v1/audio/transcriptions").body("nothing"), 400),
        ("25 MiB", transcription(&simulator, &model, &vec![0; 26_214_401]), 413),
        ("40 MiB", transcription(&simulator, &model, &vec![0; 41_943_040]), 413),
        ("no route", path("/v1/audio/speech"), 404),
        ("no JSON", chat(&simulator, &json!("hello")), 400),
        ("a stream", chat(&simulator, &streamed), 400),
    ] {
        let response = answer(request).await;
        assert_eq!(response.status(), status, "{what}");
        let error = response.json::<Value>().await.expect("JSON")["error"].clone();
        assert_eq!(error["type"], "invalid_request_error", "{what}");
        assert!(error["message"].is_string() && error.get("code").is_some(), "{what}");
    }
    assert_eq!(simulator.provider_counters(), ProviderCounters::default());
    simulator.shutdown().await;
}

#[tokio::test]
async fn the_provider_fails_on_demand_and_twilio_does_not() {
    let simulator = start().await;
    let models = || plain_client().get(format!("{}/v1/models", simulator.url()));
    let limited = ProviderOutage::Status { code: 429, retry_after: Some("7".into()) };
    simulator.set_provider_outage(Some(limited));
    let response = answer(models()).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&response, "retry-after"), "7");
    simulator.set_provider_outage(Some(ProviderOutage::Nonsense));
    let response = answer(models()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.json::<Value>().await.is_err());
    simulator.set_provider_outage(Some(ProviderOutage::Hang));
    let waited = models().timeout(Duration::from_millis(300)).send().await;
    assert!(waited.expect_err("never answered").is_timeout());
    let unknown = format!("/Recordings/{}.json", recording_sid(9, 9));
    assert_eq!(answer(get(&simulator, &unknown)).await.status(), StatusCode::NOT_FOUND);
    simulator.set_provider_outage(None);
    assert_eq!(json(models()).await["object"], "list");
    simulator.shutdown().await;
}

#[tokio::test]
async fn what_the_provider_holds_it_answers_when_there_is_no_outage_any_more() {
    let simulator = start().await;
    simulator.set_provider_outage(Some(ProviderOutage::Hold));
    let models = plain_client().get(format!("{}/v1/models", simulator.url()));
    let asked = tokio::spawn(json(models));
    let held = async {
        while simulator.provider_held() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), held).await.expect("it is held");
    assert!(!asked.is_finished());
    simulator.set_provider_outage(None);
    assert_eq!(asked.await.expect("an answer")["object"], "list");
    assert_eq!(simulator.provider_held(), 0);
    simulator.shutdown().await;
}

#[tokio::test]
async fn openais_own_client_reads_every_answer() {
    let simulator = start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let call = folder.path().join("call.wav");
    std::fs::write(&call, wav(&simulator, "washing-machine").await).expect("a file");
    run("openai_client.py", &simulator, &[call.display().to_string()]).await;
    assert_eq!(simulator.provider_counters(), ProviderCounters { transcriptions: 6, chats: 2 });
    simulator.shutdown().await;
}

#[tokio::test]
async fn words_begin_where_a_forced_alignment_finds_them() {
    let simulator = start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut pieces = Vec::new();
    // Those speakers that PocketSphinx follows: espeak's accents are not what it learnt from.
    for (name, channels) in
        [("missed-call", &[0][..]), ("washing-machine", &[1]), ("long-diagnosis", &[0, 1])]
    {
        let file = folder.path().join(format!("{name}.wav"));
        std::fs::write(&file, wav(&simulator, name).await).expect("a file");
        pieces.extend(channels.iter().map(|channel| format!("{}:{channel}", file.display())));
    }
    println!("{}", run("alignment.py", &simulator, &pieces).await);
    simulator.shutdown().await;
}

/// With the Python that the tests' setup prepares. What it says.
async fn run(script: &str, simulator: &Simulator, arguments: &[String]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python: PathBuf = root.join("target/python/bin/python");
    assert!(python.exists(), "there is no {}: run tests/setup", python.display());
    let mut command = Command::new(python);
    command.arg(root.join("tests/speech").join(script)).arg(simulator.url()).args(arguments);
    let output = timeout(Duration::from_mins(3), command.kill_on_drop(true).output());
    let output = output.await.expect("it ends").expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} fails: {said}\n{errors}");
    said
}
