//! Whatever strangers and clients send, the page keeps its size, and keeps everything to itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use hearback::auth::Role;
use reqwest::Method;

use super::{RECORDING_STATUS, Scrape, place};
use crate::support::{ACME, ACME_TOKEN, TestApp, play_path};

const METHODS: [&str; 6] = ["GET", "DELETE", "TRACE", "PROPFIND", "BREW", "OPTIONS"];
const PATHS: [&str; 8] = [
    "/",
    "/api/calls",
    "/api/calls/CA000000000000000000000000deadbeef",
    "/api/recordings/file/CA1",
    "/api/recordings/file/CA000000000000000000000000deadbeef",
    "/api/nowhere/%ff/..%2f",
    "/metrics/x?y=\"}",
    "/debug/jobs/99",
];

/// A label's name and value, of each label of a series.
fn labels(series: &str) -> Vec<(String, String)> {
    let Some((_, labels)) = series.split_once('{') else { return Vec::new() };
    let labels = labels.strip_suffix("\"}").expect("an end");
    labels
        .split("\",")
        .map(|label| {
            let (name, value) = label.split_once("=\"").expect("a name and a value");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_traffic_adds_no_series_and_nothing_private_is_told() {
    let app = TestApp::start().await;
    let before = Scrape::of(&app).await;
    let placed = place(&app, 20_000, Vec::new()).await;
    app.until_ready(&placed).await;
    for round in 0..3 {
        for path in PATHS {
            for method in METHODS {
                let method: Method = method.parse().expect("a method");
                let business = format!("business-{round}");
                let request = app.request_by((&business, Role::Agent), method, path);
                let request = request.header("x-request-id", format!("{round}"));
                request.send().await.expect("an answer");
            }
        }
        let random = format!("/r{round}/{round:032x}");
        app.get(&random).await;
        let forged = app.webhook(RECORDING_STATUS, "forged", &[("AccountSid", &random)]);
        forged.send().await.expect("an answer");
    }
    let after = Scrape::of(&app).await;
    let names = |scrape: &Scrape| scrape.series.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&before), names(&after));

    let (call, recording) = (placed.call.to_string(), placed.recording.to_string());
    let (account, token) = (ACME.to_string(), app.token("acme", Role::Agent));
    let private = ["acme", "globex", "business-1", "deadbeef", ACME_TOKEN, &play_path(&placed)];
    for word in private.into_iter().chain([&*call, &recording, &account, &token]) {
        assert!(!after.text.contains(word), "{word} is told");
    }
}

/// A reviewer sees here what there can be.
#[tokio::test]
async fn every_value_of_every_label_is_one_of_these() {
    let app = TestApp::start().await;
    let scrape = Scrape::of(&app).await;
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in scrape.series.keys().flat_map(|series| labels(series)) {
        values.entry(name).or_default().insert(value);
    }
    let mut shown = format!("{} series\n", scrape.series.len());
    for (name, values) in values {
        writeln!(shown, "\n{name}:").expect("written");
        for value in values {
            writeln!(shown, "  {value}").expect("written");
        }
    }
    let shown = shown.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!("labels", shown);
}
