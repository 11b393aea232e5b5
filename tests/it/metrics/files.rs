//! What is shipped beside the service: that Prometheus takes the page and the rules, that each alert fires when it
//! should and not a minute before, and that dashboard and alerts ask for nothing that there is not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{Scrape, place};
use crate::support::{TestApp, header};

const ALERTS: &str = "alerts.yml";
const UNIT_TESTS: &str = "alerts.test.yml";
const DASHBOARD: &str = "grafana-dashboard.json";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn config(name: &str) -> String {
    std::fs::read_to_string(root().join("config").join(name)).expect("it is shipped")
}

/// What a program that `tests/setup` provided says to these words and this input.
fn run(program: &str, words: &[&str], input: &str) -> Output {
    let program = root().join("target").join(program);
    assert!(program.exists(), "{}: run tests/setup", program.display());
    let mut running = Command::new(program)
        .args(words)
        .current_dir(root().join("config"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    running.stdin.take().expect("open").write_all(input.as_bytes()).expect("it reads");
    running.wait_with_output().expect("it ends")
}

fn accepts(program: &str, words: &[&str], input: &str) {
    let output = run(program, words, input);
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success(), "{words:?}: {}", said.concat());
}

/// Names of metrics in an expression, as somebody would ask for them.
fn asked_for(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("hearback_") || word.starts_with("process_"))
}

fn there_is(scrape: &Scrape) -> BTreeSet<&str> {
    scrape.series.keys().map(|series| series.split('{').next().expect("a name")).collect()
}

#[tokio::test]
async fn prometheus_takes_what_a_busy_service_says_in_both_formats() {
    let app = TestApp::start().await;
    let placed = place(&app, 50_000, Vec::new()).await;
    app.until_ready(&placed).await;
    let page = app.client.get(app.url("/metrics"));
    let older = page.try_clone().expect("again").send().await.expect("an answer");
    assert_eq!(header(&older, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let older = older.text().await.expect("text");
    accepts("promtool/promtool", &["check", "metrics"], &older);
    let linted = run("promtool/promtool", &["check", "metrics"], "unexplained 1\n");
    assert!(!linted.status.success(), "it finds fault where there is one");

    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
    let open = page.header("accept", accept).send().await.expect("an answer");
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(header(&open, "content-type"), content_type);
    let open = open.text().await.expect("text");
    assert!(open.ends_with("# EOF\n"));
    let parse = "import sys\nfrom prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
        assert len(list(parse(sys.stdin.read()))) > 50";
    accepts("python/bin/python", &["-c", parse], &open);
}

#[test]
fn the_rules_are_rules_and_each_alert_fires_when_it_should() {
    accepts("promtool/promtool", &["check", "rules", ALERTS], "");
    accepts("promtool/promtool", &["test", "rules", UNIT_TESTS], "");
}

/// The minutes at which each alert is looked at, and whether it is expected then.
fn looked_at(tests: &str) -> BTreeMap<&str, BTreeMap<u32, bool>> {
    let mut found: BTreeMap<&str, BTreeMap<u32, bool>> = BTreeMap::new();
    let mut minute = 0;
    let mut name = "";
    for line in tests.lines().map(|line| line.trim_start_matches([' ', '-'])) {
        if let Some(time) = line.strip_prefix("eval_time: ") {
            minute = time.strip_suffix('m').expect("minutes").parse().expect("a number");
        } else if let Some(alert) = line.strip_prefix("alertname: ") {
            name = alert;
        } else if let Some(expected) = line.strip_prefix("exp_alerts:") {
            found.entry(name).or_default().insert(minute, expected.trim() != "[]");
        }
    }
    found
}

#[test]
fn each_alert_is_tested_at_its_minute_and_the_one_before_and_says_what_to_do() {
    let (alerts, tests) = (config(ALERTS), config(UNIT_TESTS));
    let looked_at = looked_at(&tests);
    let alerts: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 20);
    assert_eq!(looked_at.len(), alerts.len());
    for alert in alerts {
        let name = alert.lines().next().expect("a name");
        for said in ["severity: ", "summary: ", "description: ", "runbook_url: operating.md#"] {
            assert!(alert.contains(said), "{name} has no {said}");
        }
        let at = looked_at.get(name).unwrap_or_else(|| panic!("{name} has no unit test"));
        let fires = at.iter().find(|(_, fires)| **fires).map(|(minute, _)| *minute);
        let fires = fires.unwrap_or_else(|| panic!("{name} never fires"));
        assert_eq!(at.get(&(fires - 1)), Some(&false), "{name} is not silent a minute before");
    }
}

#[tokio::test]
async fn dashboard_and_alerts_ask_for_nothing_that_is_not_there() {
    let app = TestApp::start().await;
    let scrape = Scrape::of(&app).await;
    let there_is = there_is(&scrape);
    for name in asked_for(&config(ALERTS)) {
        assert!(there_is.contains(name), "alerts.yml asks for {name}");
    }
    let dashboard: Value = serde_json::from_str(&config(DASHBOARD)).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut asked = 0;
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().expect("an expression");
            for name in asked_for(expression) {
                assert!(there_is.contains(name), "the dashboard asks for {name}");
                asked += 1;
            }
            assert_eq!(target["datasource"]["uid"], "${datasource}");
        }
    }
    assert!(asked > 30);
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let rows = panels.iter().filter(|panel| panel["type"] == "row").count();
    assert_eq!(rows, 6, "one for each question");
}
