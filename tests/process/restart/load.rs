//! Requests at a steady pace through restarts, each of whose answers is checked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Client, Method, StatusCode};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::DRAIN_MS;
use crate::campaign;
use crate::home::PATIENCE;
use crate::measured::Measured;

/// In a short run as many as an unoptimised service answers also where others use the processors.
const REQUESTS_PER_SECOND: u64 = 50;
const REQUESTS_PER_SECOND_LONG: u64 = 200;

/// A recording that is ready, and what it must sound like.
#[derive(Clone)]
pub(super) struct Playable {
    pub(super) url: String,
    pub(super) audio: Arc<[u8]>,
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

    /// Asks for a change, which nobody on the way may repeat.
    async fn prepare(self, client: Client, token: Arc<str>) -> Result<(), String> {
        let url = self.url.replace("/file/", "/") + "/prepare";
        let request = client.post(url).bearer_auth(&token);
        let response = request.send().await.map_err(|error| format!("{error:?}"))?;
        if response.status() == StatusCode::OK { Ok(()) } else { Err(format!("{response:?}")) }
    }

    /// Is not done when the door closes.
    pub(super) async fn play_slowly(self, token: String) {
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
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    running: JoinHandle<Report>,
}

pub(super) struct Report {
    pub(super) failures: Vec<String>,
    pub(super) latency: Measured,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Plays,
    /// One in ten asks for a change. Where a client's kept connection may end under it, only a proxy can do that well.
    PlaysAndChanges,
}

impl Load {
    pub(super) fn start(calls: Vec<Playable>, token: String, asked: Asked) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let running = tokio::spawn(load(calls, token.into(), asked, Arc::clone(&stop)));
        Self { stop, running }
    }

    pub(super) async fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.running.await.expect("no panic")
    }
}

/// Every other request comes on a connection of its own, the others on those that are kept alive, as by a proxy.
async fn load(
    calls: Vec<Playable>,
    token: Arc<str>,
    asked: Asked,
    stop: Arc<AtomicBool>,
) -> Report {
    let client = || Client::builder().timeout(PATIENCE).no_proxy();
    let keeping = client().build().expect("a client");
    let fresh = client().pool_max_idle_per_host(0).build().expect("a client");
    let rate = campaign::size(REQUESTS_PER_SECOND, REQUESTS_PER_SECOND_LONG);
    let mut ticks = interval(Duration::from_micros(1_000_000 / rate));
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
            let began = Instant::now();
            let done = if asked == Asked::PlaysAndChanges && n % 10 == 3 {
                call.prepare(client, token).await
            } else {
                call.play(client, token, n).await
            };
            let took = began.elapsed();
            (done.map_err(|error| format!("{kind}, after {took:?}: {error}")), took)
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
