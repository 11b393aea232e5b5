//! Thousands of clients that only take: idle, slow to ask, slow to read. Whoever plays meanwhile notices nothing, and
//! they are gone when their time is over.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use hearback::simulator::{PlannedRecording, Simulator, synthetic_mpeg};
use reqwest::{Method, StatusCode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::campaign;
use crate::home::{Home, PATIENCE, is_ready, place, until};
use crate::measured::Measured;

const IDLE: u64 = 200;
const IDLE_LONG: u64 = 5_000;
/// Of each kind: slow heads, slow bodies, slow readers.
const SLOW: u64 = 20;
const SLOW_LONG: u64 = 500;
const PLAYS: u64 = 60;
const PLAYS_LONG: u64 = 500;
/// After this the slow ones are cut. Long enough to measure before.
const TIMEOUT_MS: u64 = 20_000;
const DRIP: Duration = Duration::from_millis(500);
const PLAYED_BYTES: usize = 200_000;
/// More than the sockets between us can hold.
const LONG_BYTES: usize = 12_000_000;
/// What a connection may cost: its buffers, and for a slow reader the piece that it does not take.
const IDLE_BYTES_MAX: u64 = 16 * 1_024;
const SLOW_BYTES_MAX: u64 = 512 * 1_024;
/// What other plays in the meantime cost, and what the allocator keeps.
const SLACK_BYTES: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_clients_that_only_take_are_not_noticed_by_those_who_play() {
    allow_many_files();
    let (home, simulator) = Home::with_simulator().await;
    let patience_ms = TIMEOUT_MS.to_string();
    let home = home
        .with("HEARBACK_SERVER__HEADER_TIMEOUT_MS", &patience_ms)
        .with("HEARBACK_SERVER__BODY_TIMEOUT_MS", &patience_ms)
        .with("HEARBACK_SERVER__SLOW_READER_PERIOD_MS", &patience_ms)
        .with("HEARBACK_PLAY__REQUESTS_PER_SECOND", "10000");
    let (process, _) = home.serve().await;
    let token = home.token("agent").await;
    let audio = [synthetic_mpeg(PLAYED_BYTES, 1), synthetic_mpeg(LONG_BYTES, 2)];
    let paths = ready(&home, &simulator, &token, &audio).await;
    let player = Player { home: &home, token: &token, path: &paths[0], audio: &audio[0] };
    let plays = campaign::size(PLAYS, PLAYS_LONG);
    player.play(plays / 4).await;
    let before = player.play(plays).await;
    let (resident, descriptors) = (process.resident_bytes(), process.descriptors());

    let (idle, slow) = (campaign::size(IDLE, IDLE_LONG), campaign::size(SLOW, SLOW_LONG));
    let idlers = join_all((0..idle).map(|_| TcpStream::connect(home.address))).await;
    let takers = (0..slow).map(|_| tokio::spawn(slow_head(home.address)));
    let mut takers: Vec<_> = takers.collect();
    takers.extend((0..slow).map(|_| tokio::spawn(slow_body(home.address))));
    let request =
        format!("GET {} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n", paths[1]);
    takers.extend((0..slow).map(|_| tokio::spawn(slow_reader(home.address, request.clone()))));
    let connections = (idle + 3 * slow) as usize;
    until("all are connected", async || {
        (process.descriptors() > descriptors + connections * 9 / 10).then_some(())
    })
    .await;
    let ranges = player.ask_for_a_thousand_ranges();
    let (during, ()) = tokio::join!(player.play(plays), ranges);
    let resident_during = process.resident_bytes();
    let still_slow = takers.iter().filter(|taker| !taker.is_finished()).count();

    for taker in takers {
        let cut = timeout(PATIENCE, taker).await.expect("a slow client is cut");
        cut.expect("no panic");
    }
    let alive = idlers.iter().flatten().count();
    drop(idlers);
    until("everything is closed again", async || {
        (process.descriptors() <= descriptors + 8).then_some(())
    })
    .await;
    player.play(1).await;
    let resident_after = process.resident_bytes();
    let mib = |bytes: u64| bytes >> 20;
    eprintln!("plays alone: {before}");
    eprintln!("plays beside {idle} idle and 3 × {slow} slow clients: {during}");
    eprintln!(
        "resident: {} MiB alone, {} MiB with all of them, {} MiB when they are gone",
        mib(resident),
        mib(resident_during),
        mib(resident_after)
    );
    assert_eq!(alive as u64, idle, "none was refused");
    assert!(still_slow as u64 > 2 * slow, "only {still_slow} were there while it was measured");
    let bound = idle * IDLE_BYTES_MAX + 3 * slow * SLOW_BYTES_MAX + SLACK_BYTES;
    assert!(resident_during < resident + bound, "{} MiB more", mib(resident_during - resident));
    // A short run shares its machine with whatever else is tested just then.
    let tolerable = 3 * before.median() + Duration::from_millis(campaign::size(500, 100));
    assert!(during.median() < tolerable, "{during}");
}

/// The paths of recordings with this audio, fetched.
async fn ready(home: &Home, simulator: &Simulator, token: &str, audio: &[Vec<u8>]) -> Vec<String> {
    let mut paths = Vec::new();
    for audio in audio {
        let call = place(home, simulator, token, PlannedRecording::of_mp3(audio.clone())).await;
        let path = format!("/api/recordings/file/{call}");
        until("it is ready", async || is_ready(&home.get(&path, token).await).then_some(())).await;
        paths.push(path);
    }
    paths
}

struct Player<'a> {
    home: &'a Home,
    token: &'a str,
    path: &'a str,
    audio: &'a [u8],
}

impl Player<'_> {
    async fn play(&self, times: u64) -> Measured {
        let mut took = Measured::default();
        for _ in 0..times {
            let asked = Instant::now();
            let response = self.home.get(self.path, self.token).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert!(response.bytes().await.expect("a whole body") == self.audio);
            took.push(asked.elapsed());
        }
        took
    }

    async fn ask_for_a_thousand_ranges(&self) {
        let ranges: Vec<String> = (0..1_000).map(|n| format!("{n}-{}", n + 10)).collect();
        let request = self.home.request(Method::GET, self.path, self.token);
        let response = request.header("range", format!("bytes={}", ranges.join(","))).send().await;
        let response = response.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.bytes().await.expect("a whole body") == self.audio);
    }
}

/// Never gets to the end of its request's head.
async fn slow_head(address: SocketAddr) {
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    let begun = socket.write_all(b"GET /livez HTTP/1.1\r\nHost: h\r\nX-A: ").await;
    begun.expect("it reads");
    drip_until_closed(&mut socket).await;
}

async fn slow_body(address: SocketAddr) {
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    let head =
        "POST /webhooks/twilio/call-status HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.expect("it reads");
    drip_until_closed(&mut socket).await;
}

async fn drip_until_closed(socket: &mut TcpStream) {
    let mut answer = [0; 1_024];
    loop {
        match timeout(DRIP, socket.read(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(_)) => {}
            Err(_) => {
                if socket.write_all(b"x").await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Reads two bytes a second of an answer of megabytes.
async fn slow_reader(address: SocketAddr, request: String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("it is narrow");
    let mut socket = socket.connect(address).await.expect("it listens");
    socket.write_all(request.as_bytes()).await.expect("it reads");
    let mut byte = [0];
    loop {
        sleep(DRIP).await;
        // What was sent before the cut would take hours to read at this pace: whether it was cut shows in a write.
        if !matches!(socket.read(&mut byte).await, Ok(1))
            || socket.write_all(b"\r\n").await.is_err()
        {
            return;
        }
    }
}

/// As many as this user may: each connection here needs one too.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("allowed");
}
