//! Restarts behind a real nginx with the shipped configuration: no client is told 502 or 504, or anything else than what
//! it asked for, and streams end properly, to be opened anew.
//!
//! Either the successor inherits the socket from its predecessor's side while that finishes, or the socket is kept by
//! somebody else, as by systemd, while no process is there at all.

use std::fmt;
use std::mem::replace;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actors::domain::CallSid;
use futures_util::StreamExt;
use hearback::simulator::{Announcement, Callbacks, PlannedCall, PlannedRecording, Simulator};
use hearback::twilio::webhook::CallbackUrls;
use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::load::{Asked, Load, Playable};
use super::{BETWEEN_RESTARTS, DRAIN_MS, RESTARTS, RESTARTS_LONG, listen, recordings, until_ready};
use crate::campaign;
use crate::home::{Home, PATIENCE, Process, until};
use crate::measured::Measured;
use crate::nginx::{Front, Nginx};

/// Of events, open all the time.
const STREAMS: usize = 100;
/// Who listen to a long recording in each restart, beside the streams.
const LISTENERS: usize = 4;
const COMPLAINTS_MAX: usize = 50;
const REOPEN_PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restart {
    /// The successor waits for the vault while its predecessor finishes.
    Handover,
    /// It is started when the predecessor has ended.
    OneAfterTheOther,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_nginx_restarts_while_a_successor_inherits_the_socket() {
    restart_again_and_again(Restart::Handover).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_nginx_restarts_while_somebody_else_keeps_the_socket() {
    restart_again_and_again(Restart::OneAfterTheOther).await;
}

async fn restart_again_and_again(way: Restart) {
    let (home, simulator) = Home::with_simulator().await;
    let front = Front::open();
    let service = match way {
        Restart::Handover => front.root_url(),
        Restart::OneAfterTheOther => front.prefixed_url(),
    };
    let home = home
        .with("HEARBACK_SERVER__DRAIN_MS", DRAIN_MS.to_string())
        .with("HEARBACK_SERVER__PUBLIC_URL", &service)
        .with("HEARBACK_SERVER__EVENT_STREAMS_PER_READER_MAX", "1000");
    simulator.set_callbacks(callbacks(&service));
    let socket = listen(&home);
    let nginx = front.start(home.address);
    let mut process = home.spawn_inheriting(&socket);
    until_ready(&home, &mut process).await;
    let token = home.token("agent").await;
    let mut calls = recordings(&home, &simulator, &token, &service).await;
    let long = calls.remove(0);
    let streams = Streams::open(&events_url(&service, going_on(&simulator).await), &token);
    let load = Load::start(calls, token.clone(), Asked::PlaysAndChanges);
    let mut ends = Measured::default();
    for _ in 0..campaign::size(RESTARTS, RESTARTS_LONG) {
        streams.until_all_are_open(&home).await;
        sleep(BETWEEN_RESTARTS).await;
        let listening = listen_slowly(&long, &token);
        sleep(Duration::from_millis(20)).await;
        let (successor, took) = restart(&home, &socket, process, way).await;
        process = successor;
        ends.push(took);
        listening.join_all().await;
        until_ready(&home, &mut process).await;
    }
    let report = load.stop().await;
    let streams = streams.close().await;
    let logged = Logged::by(&nginx);
    eprintln!(
        "{way:?}: {report}\n{streams}\n{logged}\nfrom SIGTERM to the end of the process: {ends}"
    );
    assert!(report.failures.is_empty(), "{report}\n{}", complaints(&home));
    assert!(streams.failures.is_empty(), "{streams}");
    assert!(logged.errors.is_empty(), "{logged}");
    assert_eq!(nginx.error_log(), "");
    assert!(logged.lines >= report.latency.len(), "{logged}");
    process.terminate().await;
    assert!(process.ended().await.success());
}

/// Returns the successor, and how long the predecessor took to end.
async fn restart(
    home: &Home,
    socket: &TcpListener,
    process: Process,
    way: Restart,
) -> (Process, Duration) {
    let early = (way == Restart::Handover).then(|| home.spawn_inheriting(socket));
    let asked = Instant::now();
    process.terminate().await;
    let status = process.ended().await;
    assert!(status.success(), "{status}");
    let took = asked.elapsed();
    (early.unwrap_or_else(|| home.spawn_inheriting(socket)), took)
}

fn callbacks(service: &str) -> Callbacks {
    let CallbackUrls { recording_status, call_status } = CallbackUrls::at(service);
    Callbacks {
        recording_status: Some(recording_status),
        call_status: Some(call_status),
        connect_to: None,
    }
}

/// A call that is still being recorded, so that its streams do not end by themselves.
async fn going_on(simulator: &Simulator) -> CallSid {
    let status = "in-progress".to_owned();
    let plan = PlannedCall {
        recordings: vec![PlannedRecording { status, ..PlannedRecording::default() }],
        announce: Some(vec![Announcement::Recordings("in-progress".into())]),
        ..PlannedCall::default()
    };
    let (placed, delivered) = simulator.place_call(plan).await.expect("placed");
    assert!(delivered.iter().all(|webhook| webhook.status == Some(204)), "{delivered:?}");
    placed.call
}

fn events_url(service: &str, call: CallSid) -> String {
    format!("{service}/api/recordings/{call}/events")
}

fn listen_slowly(long: &Playable, token: &str) -> JoinSet<()> {
    (0..LISTENERS).map(|_| long.clone().play_slowly(token.to_owned())).collect()
}

/// What the services found worth a warning, and the answers that nobody took.
fn complaints(home: &Home) -> String {
    let log = home.log();
    let tells = |line: &&str| {
        [" WARN ", " ERROR ", "complete=false"].iter().any(|word| line.contains(word))
    };
    log.lines().filter(tells).take(COMPLAINTS_MAX).collect::<Vec<_>>().join("\n")
}

/// Streams of events that are opened again whenever they have ended.
struct Streams {
    report: Arc<Mutex<StreamsReport>>,
    running: JoinSet<()>,
    stop: CancellationToken,
}

#[derive(Debug, Default, Clone)]
struct StreamsReport {
    /// Just now.
    open: usize,
    opened: usize,
    failures: Vec<String>,
}

impl Streams {
    fn open(url: &str, token: &str) -> Self {
        let (report, stop): (Arc<Mutex<StreamsReport>>, _) =
            (Arc::default(), CancellationToken::new());
        let client = Client::builder().no_proxy().build().expect("a client");
        let follow = |_| {
            let (request, report) = (client.get(url).bearer_auth(token), Arc::clone(&report));
            let following =
                stop.clone().run_until_cancelled_owned(follow(request, Arc::clone(&report)));
            async move {
                if let Some(Err(failure)) = following.await {
                    report.lock().expect("no panic").failures.push(failure);
                }
            }
        };
        Self { running: (0..STREAMS).map(follow).collect(), report, stop }
    }

    async fn until_all_are_open(&self, home: &Home) {
        until("all streams are open", async || {
            let report = self.report.lock().expect("no panic");
            assert!(report.failures.is_empty(), "{report}\n{}", complaints(home));
            (report.open == STREAMS).then_some(())
        })
        .await;
    }

    async fn close(self) -> StreamsReport {
        self.stop.cancel();
        self.running.join_all().await;
        self.report.lock().expect("no panic").clone()
    }
}

/// For ever, or until something is wrong.
async fn follow(request: RequestBuilder, report: Arc<Mutex<StreamsReport>>) -> Result<(), String> {
    loop {
        let request = request.try_clone().expect("no body");
        let sent = timeout(PATIENCE, request.send()).await.map_err(|_| "no answer in time")?;
        let response = sent.map_err(|error| format!("{error:?}"))?;
        if response.status() != StatusCode::OK {
            return Err(format!("{response:?}"));
        }
        let (mut pieces, mut told) = (response.bytes_stream(), false);
        while let Some(piece) = pieces.next().await {
            piece.map_err(|error| format!("cut: {error:?}"))?;
            if !replace(&mut told, true) {
                let mut report = report.lock().expect("no panic");
                report.opened += 1;
                report.open += 1;
            }
        }
        if told {
            report.lock().expect("no panic").open -= 1;
        }
        sleep(REOPEN_PAUSE).await;
    }
}

impl fmt::Display for StreamsReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { opened, failures, .. } = self;
        write!(out, "{STREAMS} streams: opened {opened} times; failed: {}", failures.len())?;
        failures.iter().take(5).try_for_each(|failure| write!(out, "\n  {failure}"))
    }
}

/// What nginx says that it told its clients.
struct Logged {
    lines: usize,
    /// Answered with 5xx, as they are logged.
    errors: Vec<String>,
    /// Sent again, since a kept connection turned out to be closed.
    repeated: usize,
}

impl Logged {
    fn by(nginx: &Nginx) -> Self {
        let log = nginx.access_log();
        // address [time] method path status bytes seconds upstream's-status …
        let field = |line: &str, n: usize| line.split(' ').nth(n).unwrap_or_default().to_owned();
        let is_error = |line: &&str| field(line, 4).starts_with('5');
        Self {
            lines: log.lines().count(),
            errors: log.lines().filter(is_error).map(str::to_owned).collect(),
            repeated: log.lines().filter(|line| field(line, 7).ends_with(',')).count(),
        }
    }
}

impl fmt::Display for Logged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines, errors, repeated } = self;
        let failed = errors.len();
        write!(out, "nginx: {lines} answers, {failed} of them 5xx; {repeated} asked for again")?;
        errors.iter().take(5).try_for_each(|line| write!(out, "\n  {line}"))
    }
}
