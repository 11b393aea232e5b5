//! Restarts under load, on a socket that outlives the processes: no request fails, and none is answered wrongly.
//!
//! The successor is started and its predecessor asked to stop at the same moment. Until the predecessor is done the
//! successor waits for the vault, and for that moment connections wait in the socket's backlog.

mod behind_nginx;
mod load;

use std::net::TcpListener;
use std::time::Duration;

use hearback::simulator::{PlannedRecording, Simulator, synthetic_mpeg};
use reqwest::StatusCode;
use tokio::net::{TcpSocket, UnixDatagram};
use tokio::time::{Instant, sleep, timeout};

use load::{Asked, Load, Playable};

use crate::campaign;
use crate::home::{Home, PATIENCE, Process, is_ready, place, until};
use crate::measured::{Measured, promised};

const RESTARTS: u64 = 3;
const RESTARTS_LONG: u64 = 50;
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
    let socket = listen(&home);
    let mut process = home.spawn_inheriting(&socket);
    until_ready(&home, &mut process).await;
    let token = home.token("agent").await;
    let mut calls = recordings(&home, &simulator, &token, &home.url("")).await;
    let long = calls.remove(0);
    let load = Load::start(calls, token.clone(), Asked::Plays);
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
    assert!(report.latency.max() < promised(LATENCY_MAX), "{report}");
    process.terminate().await;
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn asked_to_stop_it_says_not_ready_serves_on_and_tells_its_manager() {
    let home = Home::new().with("HEARBACK_SERVER__DRAIN_MS", "60000");
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
    home.answer(&["health"]).await;
    process.terminate().await;
    assert_eq!(told().await, "STOPPING=1");
    until("it is not ready", async || (!home.is_ready().await).then_some(())).await;
    let unhealthy = home.refusal(&["health"]).await;
    assert!(unhealthy.contains("/readyz: 503"), "{unhealthy}");
    home.answer(&["health", "--live"]).await;
    for _ in 0..10 {
        // On a connection of its own each time: the last answer said so.
        let served = home.get("/api/calls", &token).await;
        assert_eq!(served.status(), StatusCode::OK);
        assert_eq!(served.headers()["connection"], "close");
    }
    process.terminate().await;
    assert!(process.ended().await.success());
    let unhealthy = home.refusal(&["health", "--live"]).await;
    assert!(unhealthy.contains("server.listen"), "{unhealthy}");
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

/// The socket that outlives the processes.
fn listen(home: &Home) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(home.address).expect("it is free");
    socket.listen(4_096).expect("it listens").into_std().expect("a socket")
}

/// Recordings that are ready to be played at this URL of the service, a long one first.
async fn recordings(
    home: &Home,
    simulator: &Simulator,
    token: &str,
    service: &str,
) -> Vec<Playable> {
    let mut calls = Vec::new();
    for n in 0..=RECORDINGS {
        let bytes = if n == 0 { LONG_BYTES } else { RECORDING_BYTES };
        let audio = synthetic_mpeg(bytes, n);
        let call = place(home, simulator, token, PlannedRecording::of_mp3(audio.clone())).await;
        let path = format!("/api/recordings/file/{call}");
        until("it is ready", async || is_ready(&home.get(&path, token).await).then_some(())).await;
        calls.push(Playable { url: format!("{service}{path}"), audio: audio.into() });
    }
    calls
}

async fn until_ready(home: &Home, process: &mut Process) {
    let started = Instant::now();
    while !home.is_ready().await {
        process.assert_runs();
        assert!(started.elapsed() < PATIENCE, "it does not get ready: {}", process.log());
        sleep(PAUSE).await;
    }
}
