//! What the running service writes, counts and traces when it is asked for everything: no secret, no token, no number.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearback::simulator::{Behaviour, PlannedCall, PlannedRecording, Simulator};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::collector::Collector;
use crate::home::{ACCOUNT, ACCOUNT_TOKEN, Home, until};

const FROM: &str = "+15550104444";
const TO: &str = "+442071838750";

#[tokio::test]
async fn a_service_that_tells_everything_tells_no_secret() {
    let collector = Collector::start().await;
    let (home, simulator) = Home::with_simulator().await;
    let home = home.with("HEARBACK_LOG__FILTER", "trace").with("HEARBACK_LOG__FORMAT", "json");
    let home = home.with("HEARBACK_TRACES__ENDPOINT", collector.url());
    let (process, _) = home.serve().await;
    let token = home.token("agent").await;
    let link = sing(&home, &simulator, &token).await;
    let metrics = home.client.get(home.url("/metrics")).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    process.terminate().await;
    assert!(process.ended().await.success());

    let log = home.log();
    let read = |name| std::fs::read_to_string(home.data(name)).expect("a secret");
    let (auth_secret, master_key) = (read("auth.secret"), read("master.key"));
    let basic = STANDARD.encode(format!("{ACCOUNT}:{ACCOUNT_TOKEN}"));
    let (_, signed) = link.split_once("&link=").expect("a link");
    let silent = [
        ("a token", token.as_str()),
        ("a link", signed),
        ("the account's token", ACCOUNT_TOKEN),
        ("the account's credentials", &basic),
        ("the auth secret", auth_secret.trim_end()),
        ("the master key", master_key.trim_end()),
        ("From", &FROM[1..]),
        ("To", &TO[1..]),
    ];
    let traces = collector.text();
    for (told, where_) in [(&metrics, "metrics"), (&traces, "traces")] {
        let sung = silent.iter().find(|(_, secret)| told.contains(secret));
        assert_eq!(sung.map(|(what, _)| what), None, "in the {where_}");
    }
    assert!(metrics.contains("hearback_fetches") && traces.contains("recording.sid"));
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        for (what, secret) in &silent {
            assert!(!line.contains(secret), "{what} in: {line}");
        }
        let theirs = !entry["target"]
            .as_str()
            .is_some_and(|target| target.starts_with("hearback") || target.starts_with("actors"));
        let detailed = matches!(entry["level"].as_str(), Some("DEBUG" | "TRACE"));
        assert!(!(theirs && detailed), "{line}");
    }
    for said in ["\"http.route\"", "recording changed state", "recording refused"] {
        assert!(log.contains(said), "nobody said {said:?}: {log}");
    }
}

/// Has every secret go through the service, and returns a signed link.
async fn sing(home: &Home, simulator: &Simulator, token: &str) -> String {
    let recording = |behaviours| PlannedRecording { behaviours, ..PlannedRecording::default() };
    let plan = PlannedCall {
        from: FROM.to_owned(),
        to: TO.to_owned(),
        recordings: vec![recording(Vec::new()), recording(vec![Behaviour::status(403)])],
        ..PlannedCall::default()
    };
    let (placed, _) = simulator.place_call(plan).await.expect("placed");
    let call = placed.call;
    until("the webhook is applied", async || {
        let status = home.get(&format!("/api/recordings/{call}/status"), token).await;
        (status.status() == StatusCode::OK).then_some(())
    })
    .await;
    let link = home.request(Method::POST, &format!("/api/recordings/{call}/link"), token);
    let link: Value = link.send().await.expect("an answer").json().await.expect("JSON");
    let link = link["url"].as_str().expect("a URL").to_owned();
    for recording in &placed.recordings {
        let path = format!("/api/recordings/file/{call}?recording={recording}");
        let _ = home.request(Method::GET, &path, token).header("prefer", "wait=5").send().await;
    }
    let _ = home.client.get(&link).header("referer", &link).send().await;
    let number = "/api/calls?number=%2B15550104444";
    assert_eq!(home.get(number, token).await.status(), StatusCode::OK);
    let cookie = format!("hearback_session={token}");
    let _ = home.client.get(home.url("/api/calls")).header("cookie", cookie).send().await;
    link
}

#[tokio::test]
async fn whatever_is_logged_while_a_request_is_answered_names_it() {
    let home = Home::new().with("HEARBACK_LOG__FORMAT", "json");
    let (process, _) = home.serve().await;
    let webhook = home.client.post(home.url("/webhooks/twilio/call-status"));
    let forged =
        webhook.header("x-request-id", "hook-7").form(&[("AccountSid", ACCOUNT.to_string())]);
    let answer = forged.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    process.terminate().await;
    assert!(process.ended().await.success());

    let log = home.log();
    let named = log.lines().filter(|line| line.contains("\"hook-7\""));
    let said: Vec<Value> = named.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let said: Vec<&str> = said.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(said, ["webhook refused: its signature does not match", "request"]);
}
