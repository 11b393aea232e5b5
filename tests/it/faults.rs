//! Whatever the source does, callers get the SPEC's answer, and nothing wrong is kept.
//!
//! One row per fault; all are suffered at once, while what is ready plays on.

use std::collections::BTreeSet;
use std::time::Duration;

use actors::domain::AccountSid;
use futures_util::future::join_all;
use hearback::app::World;
use hearback::simulator::{Behaviour, Document, Fault, Framing};
use reqwest::Method;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{ACME, GLOBEX, Placed, TestApp, play_path};

/// A tenth of a vault segment: a part of it is never worth going on from.
const SHORT_BYTES: usize = 6_000;
const LONG_BYTES: usize = 300_000;
const CUT_AT: usize = 100_000;
const ATTEMPTS_MAX: u64 = 3;
/// Two pauses between three attempts, and what the slowest fault takes.
const OUTCOME_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// 200, byte for byte what the source has, after so many requests.
    Plays { requests: u64 },
    /// 503 `attempts_exhausted`, after three requests.
    Exhausted,
    /// This answer, after one request.
    Told(u16, &'static str),
    /// Still 202.
    Waits,
}

struct Row {
    name: &'static str,
    bytes: usize,
    account: AccountSid,
    script: Vec<Behaviour>,
    outcome: Outcome,
    requests_per_attempt: u64,
}

fn row(name: &'static str, script: impl Into<Script>, outcome: Outcome) -> Row {
    Row {
        name,
        bytes: SHORT_BYTES,
        account: ACME,
        script: script.into().0,
        outcome,
        requests_per_attempt: 1,
    }
}

/// Cut in the middle of a long recording, and then this.
fn cut_then(name: &'static str, then: Fault, requests: u64) -> Row {
    let script = vec![Fault::CutAfterBytes(CUT_AT).into(), then.into()];
    Row { bytes: LONG_BYTES, ..row(name, Script(script), Outcome::Plays { requests }) }
}

struct Script(Vec<Behaviour>);

impl From<Fault> for Script {
    fn from(fault: Fault) -> Self {
        Self(vec![fault.into()])
    }
}

impl From<Behaviour> for Script {
    fn from(behaviour: Behaviour) -> Self {
        Self(vec![behaviour])
    }
}

fn framed(framing: Framing, fault: Fault) -> Behaviour {
    Behaviour { framing, ..fault.into() }
}

fn rows() -> Vec<Row> {
    use Outcome::{Exhausted, Plays, Told, Waits};
    let refused = "source_refused_credentials";
    let throttled = Fault::Status { code: 429, retry_after: Some("1".to_owned()) };
    let once = Plays { requests: 1 };
    let mut rows = vec![
        row("healthy", Fault::Healthy, once),
        row("hang before the headers", Fault::Hang, Exhausted),
        row("end before the headers", Fault::CloseBeforeHeaders, Exhausted),
        row("drip", Behaviour::paced(1), Exhausted),
        row("stall", Fault::StallAfterBytes(2_000), Exhausted),
        row("reset", Fault::ResetAfterBytes(2_000), Exhausted),
        row("early end", Fault::CutAfterBytes(2_000), Exhausted),
        row("too short", Fault::TooShortByBytes(100), Exhausted),
        row("too long", Fault::TooLongByBytes(100), once),
        row("chunked", framed(Framing::Chunked, Fault::Healthy), once),
        row("chunked, cut", framed(Framing::Chunked, Fault::CutAfterBytes(2_000)), Exhausted),
        row("no framing", framed(Framing::UntilClose, Fault::Healthy), Exhausted),
        row("zero bytes", Fault::Empty, Exhausted),
        row("header only", Fault::HeaderOnly, Exhausted),
        row("gzip", Fault::Gzip, Exhausted),
        row("unasked 206", Fault::UnaskedPartial, Exhausted),
        row("403", Behaviour::status(403), Told(500, refused)),
        Row { account: GLOBEX, ..row("401", Behaviour::status(401), Told(500, refused)) },
        row("404 for good", Behaviour::status(404), Waits),
        row("410", Behaviour::status(410), Told(404, "recording_deleted")),
        row("500", Behaviour::status(500), Exhausted),
        row("502", Behaviour::status(502), Exhausted),
        row("503", Behaviour::status(503), Exhausted),
        row("504", Behaviour::status(504), Exhausted),
        row("redirect off-host", Fault::Redirect("https://evil.example/".to_owned()), Exhausted),
        // The second time round without credentials, and so no further.
        Row { requests_per_attempt: 2, ..row("redirect loop", Fault::RedirectLoop, Exhausted) },
        row(
            "404, then there",
            Script(vec![Behaviour::status(404).times(2), Behaviour::healthy()]),
            Plays { requests: 3 },
        ),
        row(
            "429, then there",
            Script(vec![Behaviour::from(throttled).times(2), Behaviour::healthy()]),
            Plays { requests: 3 },
        ),
        cut_then("cut, then the rest", Fault::Healthy, 2),
        cut_then("cut, then all of it", Fault::IgnoreRange, 2),
        cut_then("cut, then something else", Fault::Changed, 3),
        cut_then("cut, then another part than asked", Fault::WrongContentRange, 3),
    ];
    for document in [Document::Html, Document::Json, Document::Xml] {
        for disguised in [false, true] {
            let fault = Fault::NotAudio { document, disguised };
            rows.push(row("a document with 200", fault, Exhausted));
        }
    }
    rows
}

/// One that soon loses patience with the source, or waits as long as by default.
async fn app_of(is_impatient: bool) -> TestApp {
    TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.twilio.max_parallel_fetches = 64;
        if is_impatient {
            config.twilio.header_timeout_ms = 1_500;
            config.twilio.idle_timeout_ms = 700;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_gets_its_answer_and_leaves_nothing_wrong_behind() {
    let (app, impatient) = (app_of(false).await, app_of(true).await);
    let (plan, audio) = TestApp::synthetic(SHORT_BYTES, 99);
    let ready = app.place_planned(plan, ACME, audio).await;
    app.until_prepared(&ready).await;

    let rows = rows();
    let silences = ["hang before the headers", "drip", "stall"];
    let app_for = |row: &Row| if silences.contains(&row.name) { &impatient } else { &app };
    let suffering = join_all(rows.iter().map(|row| suffer(app_for(row), row)));
    let codes = tokio::select! {
        codes = suffering => codes,
        never = play_on(&app, &ready) => never,
    };
    let statuses: BTreeSet<u16> = codes.into_iter().flatten().collect();
    assert!(
        statuses.iter().all(|status| [200, 202, 404, 500, 503].contains(status)),
        "{statuses:?}"
    );

    let playing = rows.iter().filter(|row| matches!(row.outcome, Outcome::Plays { .. })).count();
    let sealed = [&app, &impatient].map(sealed_files);
    assert_eq!(sealed, [1 + playing, 0], "files of recordings that do not play");
}

/// One row: every status that its caller saw on the way.
async fn suffer(app: &TestApp, row: &Row) -> BTreeSet<u16> {
    let tag = row.name.len() as u64 * 1_000 + row.bytes as u64;
    let (mut plan, audio) = TestApp::synthetic(row.bytes, tag);
    plan.behaviours.clone_from(&row.script);
    let placed = app.place_planned(plan, row.account, audio).await;
    let business = if row.account == GLOBEX { "globex" } else { "acme" };
    let token = app.token(business, hearback::auth::Role::Agent);
    let url = app.url(&play_path(&placed));
    let mut seen = BTreeSet::new();
    let began = Instant::now();
    loop {
        let asked = app.client.get(&url).bearer_auth(&token).header("prefer", "wait=5");
        let response = asked.send().await.expect("an answer");
        let status = response.status().as_u16();
        seen.insert(status);
        let Ok(body) = response.bytes().await else {
            assert_eq!(status, 200, "only audio is cut: {}", row.name);
            continue;
        };
        if status == 202 {
            let preparing: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert!(preparing["attempt"].as_u64() <= Some(ATTEMPTS_MAX), "{}", row.name);
            let patience = if row.outcome == Outcome::Waits { 8 } else { OUTCOME_MAX.as_secs() };
            if began.elapsed() < Duration::from_secs(patience) {
                continue;
            }
        }
        let requests = app.simulator.counters(placed.recording).gets;
        judge(app, row, &placed, (status, &body), requests).await;
        return seen;
    }
}

async fn judge(app: &TestApp, row: &Row, placed: &Placed, answer: (u16, &[u8]), requests: u64) {
    let (status, body) = answer;
    let name = row.name;
    let told = || serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    match row.outcome {
        Outcome::Plays { requests: expected } => {
            assert_eq!((status, requests), (200, expected), "{name}: {}", told());
            assert_eq!(body, source_has(app, placed).await, "{name}: not what the source has");
        }
        Outcome::Exhausted => {
            let attempts = requests / row.requests_per_attempt;
            assert_eq!((status, attempts), (503, ATTEMPTS_MAX), "{name}: {}", told());
            assert_eq!(told()["code"], "attempts_exhausted", "{name}");
        }
        Outcome::Told(expected, code) => {
            assert_eq!((status, requests), (expected, 1), "{name}: {}", told());
            assert_eq!(told()["code"], code, "{name}");
        }
        Outcome::Waits => {
            assert_eq!(status, 202, "{name}: {}", told());
            assert!((3..=6).contains(&requests), "{name}: {requests} requests");
        }
    }
}

/// What the source sends by now to somebody who asks it directly.
async fn source_has(app: &TestApp, placed: &Placed) -> Vec<u8> {
    let (base, sid) = (app.simulator.url(), placed.recording);
    let url = format!("{base}/2010-04-01/Accounts/{ACME}/Recordings/{sid}.mp3");
    let asked = app.client.get(url).basic_auth(ACME, Some(crate::support::ACME_TOKEN));
    asked.send().await.expect("an answer").bytes().await.expect("audio").to_vec()
}

/// A ready recording is heard again and again, and never fails.
async fn play_on(app: &TestApp, ready: &Placed) -> Vec<BTreeSet<u16>> {
    loop {
        let response = app.get(&play_path(ready)).await;
        assert_eq!(response.status(), 200, "what is ready plays on");
        assert_eq!(response.bytes().await.expect("all of it"), ready.audio);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn sealed_files(app: &TestApp) -> usize {
    fn count(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).expect("readable");
        entries
            .map(|entry| entry.expect("an entry").path())
            .map(|path| if path.is_dir() { count(&path) } else { 1 })
            .sum()
    }
    let folders = std::fs::read_dir(app.vault_dir()).expect("readable");
    folders
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .map(|path| count(&path))
        .sum()
}

/// A way to the simulator that can be taken away.
struct Way {
    url: String,
    carrying: JoinSet<()>,
}

impl Way {
    async fn open() -> (Self, tokio::sync::oneshot::Sender<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (tell, told) = tokio::sync::oneshot::channel::<String>();
        let mut carrying = JoinSet::new();
        carrying.spawn(async move {
            let target = told.await.expect("where to");
            let target = target.trim_start_matches("http://").to_owned();
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let target = target.clone();
                connections.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(target).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        (Self { url, carrying }, tell)
    }

    /// From now on nobody listens there.
    async fn close(mut self) -> TcpSocket {
        self.carrying.shutdown().await;
        let address = self.url.trim_start_matches("http://").parse().expect("an address");
        let kept = TcpSocket::new_v4().expect("a socket");
        kept.set_reuseaddr(true).expect("an option");
        kept.bind(address).expect("it is free");
        kept
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_refuses_connections_costs_three_attempts_and_what_is_ready_plays_on() {
    let (way, tell) = Way::open().await;
    let base = way.url.parse().expect("a URL");
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.twilio.base_url = base;
    })
    .await;
    tell.send(app.simulator.url().to_owned()).expect("told");
    let (plan, audio) = TestApp::synthetic(SHORT_BYTES, 1);
    let ready = app.place_planned(plan, ACME, audio).await;
    app.until_prepared(&ready).await;
    let (plan, audio) = TestApp::synthetic(SHORT_BYTES, 2);
    let cold = app.place_planned(plan, ACME, audio).await;
    let _kept = way.close().await;
    until_exhausted(&app, &cold).await;
    let response = app.get(&play_path(&ready)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.bytes().await.expect("all of it"), ready.audio);
    assert_eq!(app.simulator.counters(cold.recording).gets, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_name_is_not_resolved_costs_three_attempts() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.twilio.base_url = "http://twilio.invalid".parse().expect("a URL");
    })
    .await;
    let (plan, audio) = TestApp::synthetic(SHORT_BYTES, 1);
    let cold = app.place_planned(plan, ACME, audio).await;
    until_exhausted(&app, &cold).await;
}

async fn until_exhausted(app: &TestApp, cold: &Placed) {
    let code = app
        .until("the attempts are used up", async || {
            let asked = app.request(Method::GET, &play_path(cold)).header("prefer", "wait=10");
            let response = asked.send().await.expect("an answer");
            match response.status().as_u16() {
                202 => None,
                503 => Some(response.text().await.expect("a body")),
                other => panic!("{other}"),
            }
        })
        .await;
    assert!(code.contains("attempts_exhausted"), "{code}");
}
