//! Restarts under load, on a socket that outlives the processes: no request fails, and none is answered wrongly.
//!
//! The successor is started and its predecessor asked to stop at the same moment. Until the predecessor is done the
//! successor waits for the vault, and for that moment connections wait in the socket's backlog.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use hearback::simulator::{PlannedRecording, synthetic_mpeg};
use reqwest::{Client, Method, StatusCode};
use tokio::net::{TcpSocket, UnixDatagram};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::campaign;
use crate::home::{Home, PATIENCE, Process, is_ready, place, until};
use crate::measured::Measured;

const RESTARTS: u64 = 3;
const RESTARTS_LONG: u64 = 50;
const REQUESTS_PER_SECOND: u64 = 200;
const DRAIN_MS: u64 = 800;
const BETWEEN_RESTARTS: Duration = Duration::from_millis(200);
/// Longer than anybody should wait for a restart.
const LATENCY_MAX: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);
const RECORDINGS: u64 = 4;
const RECORDING_BYTES: usize = 60_000;
/// More than the sockets between us can hold, so that it is still being sent when the process is asked to stop.
const LONG_BYTES: usize = 14_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_restart_no_request_fails_while_a_successor_inherits_the_socket() {
    let (home, simulator) = Home::with_simulator().await;
    let home = home
        .with("HEARBACK_SERVER__DRAIN_MS", DRAIN_MS.to_string())
        .with("HEARBACK_PLAY__REQUESTS_PER_SECOND", "10000");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(home.address).expect("it is free");
    let socket = socket.listen(4_096).expect("it listens").into_std().expect("a socket");
    let mut process = home.spawn_inheriting(&socket);
    until_ready(&home, &mut process).await;
    let token = home.token("agent").await;
    let mut calls = Vec::new();
    for n in 0..=RECORDINGS {
        let bytes = if n == 0 { LONG_BYTES } else { RECORDING_BYTES };
        let audio = synthetic_mpeg(bytes, n);
        let call = place(&home, &simulator, &token, PlannedRecording::of_mp3(audio.clone())).await;
        let path = format!("/api/recordings/file/{call}");
        until("it is ready", async || is_ready(&home.get(&path, &token).await).then_some(())).await;
        calls.push(Playable { url: home.url(&path), audio: audio.into() });
    }
    let long = calls.remove(0);
    let load = Load::start(calls, token.clone());
    let mut ends = Measured::default();
    for round in 0..campaign::size(RESTARTS, RESTARTS_LONG) {
        sleep(BETWEEN_RESTARTS).await;
        let running = tokio::spawn(long.clone().play_slowly(token.clone()));
        sleep(Duration::from_millis(20)).await;
        let mut successor = home.spawn_inheriting(&socket);
        let asked = Instant::now();
        process.terminate().await;
        let status = process.ended().await;
        ends.push(asked.elapsed());
        assert!(status.success(), "round {round}: {status}");
        running.await.expect("a running answer is finished");
        until_ready(&home, &mut successor).await;
        process = successor;
    }
    let report = load.stop().await;
    eprintln!("{report}");
    eprintln!("from SIGTERM to the end of the process: {ends}");
    assert!(report.failures.is_empty(), "{report}");
    assert!(report.latency.max() < LATENCY_MAX, "{report}");
    process.terminate().await;
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn asked_to_stop_it_says_not_ready_serves_on_and_tells_its_manager() {
    let home = Home::new().with("HEARBACK_SERVER__DRAIN_MS", "1500");
    let manager = home.folder().join("notify");
    let news = UnixDatagram::bind(&manager).expect("a socket");
    let home = home.with("NOTIFY_SOCKET", manager.display().to_string());
    let told = async || {
        let mut message = [0; 64];
        let told = timeout(PATIENCE, news.recv(&mut message)).await.expect("in time");
        String::from_utf8_lossy(&message[..told.expect("a message")]).into_owned()
    };
    let (process, _) = home.serve().await;
    assert_eq!(told().await, "READY=1");
    let token = home.token("agent").await;
    process.terminate().await;
    assert_eq!(told().await, "STOPPING=1");
    until("it is not ready", async || (!home.is_ready().await).then_some(())).await;
    for _ in 0..10 {
        // On a connection of its own each time: the last answer said so.
        let served = home.get("/api/calls", &token).await;
        assert_eq!(served.status(), StatusCode::OK);
        assert_eq!(served.headers()["connection"], "close");
    }
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let home = Home::new().with("HEARBACK_SERVER__DRAIN_MS", "60000");
    let (process, _) = home.serve().await;
    process.terminate().await;
    until("it is not ready", async || (!home.is_ready().await).then_some(())).await;
    process.terminate().await;
    assert!(process.ended().await.success());
}

async fn until_ready(home: &Home, process: &mut Process) {
    let started = Instant::now();
    while !home.is_ready().await {
        process.assert_runs();
        assert!(started.elapsed() < PATIENCE, "it does not get ready: {}", process.log());
        sleep(PAUSE).await;
    }
}

/// A recording that is ready, and what it must sound like.
#[derive(Clone)]
struct Playable {
    url: String,
    audio: Arc<[u8]>,
}

impl Playable {
    /// Plays one range or the whole, and says what was wrong.
    async fn play(self, client: Client, token: Arc<str>, n: u64) -> Result<(), String> {
        let length = self.audio.len();
        let first = (n as usize * 7_919) % length;
        let mut request = client.request(Method::GET, &self.url).bearer_auth(&token);
        let (status, expected) = if n.is_multiple_of(2) {
            (StatusCode::OK, &self.audio[..])
        } else {
            request = request.header("range", format!("bytes={first}-"));
            (StatusCode::PARTIAL_CONTENT, &self.audio[first..])
        };
        let response = request.send().await.map_err(|error| format!("{error:?}"))?;
        if response.status() != status {
            let head = format!("{response:?}");
            return Err(format!("{head}: {:?}", response.text().await));
        }
        let body = response.bytes().await.map_err(|error| format!("{error:?}"))?;
        if body == expected { Ok(()) } else { Err(format!("other bytes: {}", body.len())) }
    }

    /// Is not done when the door closes.
    async fn play_slowly(self, token: String) {
        let client = Client::builder().timeout(PATIENCE).no_proxy().build().expect("a client");
        let response = client.get(&self.url).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        sleep(Duration::from_millis(DRAIN_MS + 100)).await;
        let (mut received, mut pieces) = (Vec::new(), response.bytes_stream());
        while let Some(piece) = pieces.next().await {
            received.extend(piece.expect("it is not cut"));
        }
        assert!(received[..] == *self.audio, "{} bytes", received.len());
    }
}

/// Requests at a steady pace, whether or not the earlier ones have been answered.
struct Load {
    stop: Arc<AtomicBool>,
    running: JoinHandle<Report>,
}

struct Report {
    failures: Vec<String>,
    latency: Measured,
}

impl Load {
    fn start(calls: Vec<Playable>, token: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let running = tokio::spawn(load(calls, token.into(), Arc::clone(&stop)));
        Self { stop, running }
    }

    async fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.running.await.expect("no panic")
    }
}

/// Every other request comes on a connection of its own, the others on those that are kept alive, as by a proxy.
async fn load(calls: Vec<Playable>, token: Arc<str>, stop: Arc<AtomicBool>) -> Report {
    let client = || Client::builder().timeout(PATIENCE).no_proxy();
    let keeping = client().build().expect("a client");
    let fresh = client().pool_max_idle_per_host(0).build().expect("a client");
    let mut ticks = interval(Duration::from_micros(1_000_000 / REQUESTS_PER_SECOND));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut requests = JoinSet::new();
    let mut report = Report { failures: Vec::new(), latency: Measured::default() };
    for n in 0_u64.. {
        ticks.tick().await;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let call = calls[n as usize % calls.len()].clone();
        let (client, kind) = if (n / 2).is_multiple_of(2) {
            (keeping.clone(), "on a connection kept alive")
        } else {
            (fresh.clone(), "on a new connection")
        };
        let token = Arc::clone(&token);
        requests.spawn(async move {
            let asked = Instant::now();
            let played = call.play(client, token, n).await;
            (
                played.map_err(|error| format!("{kind}, after {:?}: {error}", asked.elapsed())),
                asked.elapsed(),
            )
        });
        while let Some(ended) = requests.try_join_next() {
            report.take(ended.expect("no panic"));
        }
    }
    while let Some(ended) = requests.join_next().await {
        report.take(ended.expect("no panic"));
    }
    report
}

impl Report {
    fn take(&mut self, (result, latency): (Result<(), String>, Duration)) {
        self.latency.push(latency);
        self.failures.extend(result.err());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "requests: {}; failed: {}", self.latency, self.failures.len())?;
        self.failures.iter().take(5).try_for_each(|failure| write!(out, "\n  {failure}"))
    }
}
