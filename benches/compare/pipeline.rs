//! Playing beside a busy pipeline: the service with 200 jobs queued at a speech service that never answers, and the
//! same service with nothing to transcribe, in turns.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context, ensure};
use hearback::simulator::speech;
use tokio::time::Instant;

use crate::crowd::{Crowd, Reading};
use crate::load;
use crate::report::{Better, Row, Spread};
use crate::service::{Recorded, Service, file_path, settle, source_path};
use crate::source::Source;
use crate::{Plan, say};

pub(crate) const NAMES: [&str; 3] = ["pipeline-hot-p50", "pipeline-hot-p99", "pipeline-cold"];

const JOBS: u64 = 200;
const WORKERS: usize = 2;
/// As many as listen at a time to what is hot.
const CONNECTIONS: usize = 4;
const HOT_BYTES: usize = 1_000_000;
const COLD_BYTES: usize = 200_000;
const FIRST_BYTE_AFTER: Duration = Duration::from_millis(50);
/// Cold plays of a round; each is short.
const COLD_PLAYS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(60);
/// Twice the same differ by so much here, now and then.
const NOISE: f64 = 1.15;

/// A speech service that takes every question and answers none.
struct Silent {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

/// One of the two services, and what it was measured to take, in milliseconds.
struct Side {
    service: Service,
    hot: Recorded,
    hot_p50: Vec<f64>,
    hot_p99: Vec<f64>,
    cold: Vec<f64>,
}

pub(crate) fn measure(plan: &Plan, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let source = Source::start()?;
    let silent = Silent::start()?;
    let url = format!("http://{}", silent.address);
    let settings = [
        ("HEARBACK_SPEECH__PROVIDER", "openai"),
        ("HEARBACK_SPEECH__BASE_URL", &*url),
        ("HEARBACK_SPEECH__MODEL", "any"),
    ];
    let mut fresh = 0;
    let mut side = |name: &str, settings: &[(&str, &str)]| {
        let service = Service::start(&folder.join(name), source.address, settings)?;
        fresh += 1;
        let hot = Recorded::at(&source, fresh, HOT_BYTES, Duration::ZERO, 0);
        service.announce(&hot)?;
        service.await_status(&file_path(&hot), 200)?;
        let (hot_p50, hot_p99, cold) = (Vec::new(), Vec::new(), Vec::new());
        anyhow::Ok(Side { service, hot, hot_p50, hot_p99, cold })
    };
    let mut idle = side("idle", &[])?;
    let mut busy = side("busy", &settings)?;
    say(&format!("queueing {JOBS} jobs at a speech service that never answers"));
    let wav = speech::script("washing-machine").and_then(|script| script.wav(2));
    let wav = wav.context("the scripted call has two channels")?;
    for n in 0..JOBS {
        let queued = Recorded::at(&source, 1_000 + n, COLD_BYTES, Duration::ZERO, 0);
        let path = source_path(queued.recording).replace(".mp3", ".wav");
        source.add(&path, wav.clone(), Duration::ZERO, 0);
        busy.service.announce(&queued)?;
    }
    silent.until_asked(WORKERS)?;
    for side in [&idle, &busy] {
        settle(&side.service.process)?;
    }
    for round in 1..=plan.rounds {
        say(&format!("beside the pipeline: round {round} of {}", plan.rounds));
        for side in [&mut idle, &mut busy] {
            side.play_hot(plan)?;
        }
        for _ in 0..COLD_PLAYS {
            for side in [&mut idle, &mut busy] {
                fresh += 1;
                side.play_cold(&source, fresh)?;
            }
        }
    }
    ensure!(silent.asked.load(Ordering::SeqCst) >= WORKERS, "the jobs no longer hang");
    Ok(vec![
        row(NAMES[0], plan.rounds, &busy.hot_p50, &idle.hot_p50),
        row(NAMES[1], plan.rounds, &busy.hot_p99, &idle.hot_p99),
        row(NAMES[2], plan.rounds, &busy.cold, &idle.cold),
    ])
}

impl Side {
    /// Two bytes, again and again: what a player waits for before it plays.
    fn play_hot(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let exchange = self.service.play(&self.hot, Some((0, 1)));
        let round = load::run(self.service.address, &[exchange], CONNECTIONS, plan.span())?;
        self.hot_p50.push(millis(round.p50));
        self.hot_p99.push(millis(round.p99));
        Ok(())
    }

    fn play_cold(&mut self, source: &Source, index: u64) -> anyhow::Result<()> {
        let cold = Recorded::at(source, 10_000 + index, COLD_BYTES, FIRST_BYTE_AFTER, 0);
        self.service.announce(&cold)?;
        settle(&self.service.process)?;
        let whole = self.service.play(&cold, None);
        let mut crowd = Crowd::new(self.service.address, Reading::Greedy)?;
        crowd.join(1, &whole)?;
        ensure!(crowd.listen(PATIENCE)?, "a listener does not come to an end");
        let sent = cold.at_source.first_byte_at().context("nothing was fetched")?;
        let first = crowd.listeners.first().and_then(|listener| listener.first_byte);
        let first = first.context("nothing was heard")?;
        self.cold.push(millis(first.saturating_duration_since(sent)));
        Ok(())
    }
}

impl Silent {
    fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, asked) = (listener.local_addr()?, Arc::<AtomicUsize>::default());
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            // Kept open, and never read to the end.
            let mut held = Vec::new();
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                held.push(stream);
            }
        });
        Ok(Self { address, asked })
    }

    fn until_asked(&self, times: usize) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.asked.load(Ordering::SeqCst) < times {
            ensure!(started.elapsed() < PATIENCE, "the speech service is not asked");
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Round by round: how many times as long it takes beside the pipeline.
fn row(workload: &str, rounds: usize, busy: &[f64], idle: &[f64]) -> Row {
    let of_round = |all: &[f64], round: usize| {
        let each = all.len() / rounds;
        Spread::of(all[round * each..(round + 1) * each].iter().copied()).median
    };
    let ratio = |round| of_round(busy, round) / of_round(idle, round);
    let median = |all: &[f64]| Spread::of(all.iter().copied()).median;
    Row {
        workload: workload.to_owned(),
        value: Spread::of((0..rounds).map(ratio)),
        goal: NOISE,
        better: Better::Lower,
        unit: "x",
        detail: format!("beside {JOBS} jobs {:.3} ms · idle {:.3} ms", median(busy), median(idle)),
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
