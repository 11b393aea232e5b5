//! A made-up world for the core: every port is true to its contract, and can be told to misbehave.
//!
//! Invariant: time is the runtime's, so that a paused test owns it; nothing here sleeps for luck.

mod catalog;
mod jobs;
mod source;
mod vault;

use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use actors::domain::{
    AccountSid, AudioKey, BusinessId, ByteRange, CallKey, CallSid, Format, Intent, JobRetry,
    Permit, RecordingSid, RetryPolicy, StateName, StoredCopy, Timestamp,
};
use actors::ports::{Chance, Clock};
use actors::{
    Arrival, Ask, AskError, Core, FollowError, JobSettings, Pipeline, Ports, RecordingView,
    Settings,
};
use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use catalog::{CommitFault, FakeCatalog};
pub(crate) use jobs::{FakeEar, FakeJobs, FakeSpeech, Reply, spoken_piece};
pub(crate) use source::{Answer, FakeSource, Pace, REFUSED_AFTER};
pub(crate) use vault::FakeVault;

pub(crate) const ACCOUNT: AccountSid = AccountSid::from_bits(1);
pub(crate) const OTHER_ACCOUNT: AccountSid = AccountSid::from_bits(2);

/// Long enough for everything these tests make the core do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) fakes: Fakes,
}

/// What stands behind the ports.
pub(crate) struct Fakes {
    pub(crate) catalog: Arc<FakeCatalog>,
    pub(crate) vault: Arc<FakeVault>,
    pub(crate) source: Arc<FakeSource>,
    pub(crate) jobs: Arc<FakeJobs>,
    pub(crate) ear: Arc<FakeEar>,
    pub(crate) speech: Arc<FakeSpeech>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) chance: Arc<FakeChance>,
    pub(crate) journal: Journal,
}

impl Deref for World {
    type Target = Fakes;

    fn deref(&self) -> &Fakes {
        &self.fakes
    }
}

impl World {
    /// Starts the core, after `prepare` made what is there before. What is found then is taken up at once.
    pub(crate) async fn start(prepare: impl FnOnce(&mut Settings, &Fakes)) -> Self {
        let journal = Journal::default();
        let clock = Arc::new(FakeClock::default());
        let fakes = Fakes {
            catalog: Arc::new(FakeCatalog::new(journal.clone(), Arc::clone(&clock))),
            vault: Arc::new(FakeVault::new(journal.clone(), Arc::clone(&clock))),
            source: Arc::default(),
            jobs: Arc::default(),
            ear: Arc::default(),
            speech: Arc::default(),
            clock,
            chance: Arc::default(),
            journal,
        };
        let mut settings = settings();
        prepare(&mut settings, &fakes);
        let ports = Ports {
            catalog: fakes.catalog.clone(),
            vault: fakes.vault.clone(),
            source: fakes.source.clone(),
            clock: fakes.clock.clone(),
            chance: fakes.chance.clone(),
            pipeline: Pipeline {
                jobs: fakes.jobs.clone(),
                findings: Arc::new(jobs::NoFindings),
                ear: fakes.ear.clone(),
                speech: Some(fakes.speech.clone()),
                language_model: None,
            },
        };
        let core = Core::start(ports, settings).await.expect("the core starts");
        settle().await;
        Self { core, fakes }
    }

    pub(crate) async fn ask(&self, n: u128, wait: Duration) -> Answered {
        self.core.recordings.ask(&call(n), listener(wait)).await
    }

    /// "I want to hear call `n`, and wait so long." Hears what arrives meanwhile, and asks again.
    pub(crate) async fn listen(&self, n: u128, wait: Duration) -> Answered {
        let begun = Instant::now();
        for round in 0_u64.. {
            let answer = self.ask(n, wait.saturating_sub(begun.elapsed())).await;
            let Ok(Some(Permit::Follow(arrival, _))) = &answer else { return answer };
            if begun.elapsed() >= wait {
                return answer;
            }
            let _ = heard(arrival).await;
            tokio::time::sleep(Duration::from_millis(round / 1_000)).await;
        }
        unreachable!("time passes")
    }

    /// Has call `n` fetched, whatever becomes of the copy afterwards.
    pub(crate) async fn store(&self, n: u128) -> StoredCopy {
        let answer = self.ask(n, PATIENCE).await;
        assert!(matches!(answer, Ok(Some(Permit::Follow(..)))), "{answer:?}");
        let is_stored = |world: &Self| world.catalog.row(n).is_some_and(|row| row.copy.is_some());
        self.until("it is stored", is_stored).await;
        self.copy_of(n)
    }

    /// Waits for the bytes of call `n`'s copy.
    pub(crate) async fn play(&self, n: u128) -> StoredCopy {
        match self.listen(n, PATIENCE).await {
            Ok(Some(Permit::Play(playable))) => playable.copy,
            other => panic!("call {n} does not play: {other:?}"),
        }
    }

    /// Has call `n`'s copy thrown away as an operator does, if it can be.
    pub(crate) async fn evict(&self, n: u128) {
        let _ = self.core.recordings.evict(call(n), recording(n), ACCOUNT).await;
    }

    /// The copy that can be played for call `n` without asking.
    pub(crate) fn read_off(&self, n: u128) -> Option<StoredCopy> {
        let now = self.clock.reading();
        let published = self.core.recordings.published(&call(n), None, now)?;
        published.is_lent(now).then(|| published.playable.copy.clone())
    }

    /// Listens to call `n` as a handler does: asks only if nothing can be read off.
    pub(crate) async fn listen_hot(&self, n: u128) -> StoredCopy {
        match self.read_off(n) {
            Some(copy) => copy,
            None => self.play(n).await,
        }
    }

    /// The copy of recording `n` that the catalog has.
    pub(crate) fn copy_of(&self, n: u128) -> StoredCopy {
        let held = self.catalog.row(n).and_then(|row| row.copy);
        held.expect("there was a copy").copy
    }

    pub(crate) fn view(&self, n: u128) -> Option<RecordingView> {
        let posting = self.core.board.call(&call(n))?;
        posting.view().recording(None).cloned()
    }

    pub(crate) fn state(&self, n: u128) -> Option<StateName> {
        self.view(n).map(|view| view.state)
    }

    /// The same, though it takes a quarter of an hour.
    pub(crate) async fn until_late(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < 15 * PATIENCE, "in vain: {what}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Lets time pass until it is so.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) type Answered = Result<Option<Permit<Arrival>>, AskError>;

/// All that is heard of a recording while it arrives, or how that ends.
pub(crate) async fn heard(arrival: &Arrival) -> Result<Vec<u8>, FollowError> {
    let whole = ByteRange::whole(arrival.length()).expect("not empty");
    let pieces: Vec<Bytes> = arrival.follow(whole).try_collect().await?;
    Ok(pieces.concat())
}

/// Lets everything happen that needs no time. For runtimes with one thread.
pub(crate) async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        retry: RetryPolicy::default(),
        prefetch: true,
        waiting_max: 10_000,
        parked_max: 10_000,
        live_max: 10_000,
        idle_after: Duration::from_hours(1),
        parallel_fetches_max: 4,
        queued_fetches_max: 1_000,
        requests_per_second: NonZeroU32::MAX,
        vault_bytes_max: u64::MAX,
        reconcile_every: None,
        lookups_per_minute: 0,
        jobs: JobSettings {
            lease: Duration::from_secs(30),
            retry: JobRetry {
                attempts_max: 3,
                pause_first: Duration::from_secs(10),
                pause_max: Duration::from_mins(1),
                outage_max: Duration::from_hours(1),
            },
            // Nobody works where nobody looks at it: a pool of workers would wake up all the time.
            measurers: 0,
            transcribers: 0,
            readers: 0,
        },
    }
}

pub(crate) fn listener(wait: Duration) -> Ask {
    Ask { recording: None, intent: Intent::Listen, wait }
}

pub(crate) fn call(n: u128) -> CallKey {
    CallKey { business: business(), call: CallSid::from_bits(n) }
}

pub(crate) const fn recording(n: u128) -> RecordingSid {
    RecordingSid::from_bits(n)
}

pub(crate) fn audio(n: u128) -> AudioKey {
    AudioKey { business: business(), recording: recording(n), format: Format::Mp3 }
}

pub(crate) fn business() -> BusinessId {
    "acme".parse().expect("a business id")
}

/// A second of MPEG audio, different for each `seed`.
pub(crate) fn speech(seed: u8) -> Vec<u8> {
    let mut frame = vec![0xff, 0xf3, 0x44, 0xc0];
    frame.resize(96, seed);
    frame.repeat(42)
}

/// What was done to catalog and vault, in order.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    lines: Arc<Mutex<Vec<String>>>,
    witness: Arc<OnceLock<Witness>>,
}

/// Says at each line what it sees at that moment.
type Witness = Box<dyn Fn() -> String + Send + Sync>;

impl Journal {
    pub(crate) fn note(&self, line: impl Into<String>) {
        let seen = self.witness.get().map(|witness| witness()).unwrap_or_default();
        self.lines.lock().expect("whole").push(line.into() + &seen);
    }

    /// From now on each line ends with what it sees.
    pub(crate) fn witness(&self, witness: impl Fn() -> String + Send + Sync + 'static) {
        assert!(self.witness.set(Box::new(witness)).is_ok(), "one witness");
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("whole").clone()
    }

    /// Where the first line is that begins so.
    pub(crate) fn position(&self, beginning: &str) -> Option<usize> {
        self.lines().iter().position(|line| line.starts_with(beginning))
    }

    pub(crate) fn count(&self, beginning: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(beginning)).count()
    }
}

/// Holds up whoever comes by while it is closed.
pub(crate) struct Gate(watch::Sender<bool>);

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(true))
    }
}

impl Gate {
    pub(crate) fn close(&self) {
        self.0.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn pass(&self) {
        self.0.subscribe().wait_for(|open| *open).await.expect("the gate outlives its users");
    }
}

/// The runtime's time, and what a test puts before it. Can be told to panic, once, at a later reading.
pub(crate) struct FakeClock {
    begun: Instant,
    ahead_ms: AtomicI64,
    readings_left: AtomicI64,
}

impl Default for FakeClock {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            ahead_ms: AtomicI64::new(0),
            readings_left: AtomicI64::new(i64::MAX),
        }
    }
}

impl FakeClock {
    /// The `nth` reading from now panics (1 is the next).
    pub(crate) fn panic_at(&self, nth: i64) {
        self.readings_left.store(nth, Ordering::SeqCst);
    }

    /// Goes on by so much at once, without anything happening meanwhile.
    pub(crate) fn advance(&self, span: Duration) {
        let span_ms = i64::try_from(span.as_millis()).expect("not that long");
        self.ahead_ms.fetch_add(span_ms, Ordering::SeqCst);
    }

    /// Reads without counting.
    pub(crate) fn reading(&self) -> Timestamp {
        let ahead_ms = self.ahead_ms.load(Ordering::SeqCst);
        Timestamp::from_millis(1_700_000_000_000 + ahead_ms).plus(self.begun.elapsed())
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        if self.readings_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            panic!("the clock fell from the wall");
        }
        self.reading()
    }
}

/// Always the same luck, and names that count up.
#[derive(Default)]
pub(crate) struct FakeChance {
    named: AtomicU64,
    panics_left: AtomicU64,
}

impl FakeChance {
    /// So many of the next names end in a panic.
    pub(crate) fn panic_times(&self, times: u64) {
        self.panics_left.store(times, Ordering::SeqCst);
    }
}

impl Chance for FakeChance {
    fn unit(&self) -> f64 {
        0.0
    }

    fn bits(&self) -> u128 {
        let left = self.panics_left.load(Ordering::SeqCst);
        if left > 0 {
            self.panics_left.store(left - 1, Ordering::SeqCst);
            panic!("out of names");
        }
        u128::from(self.named.fetch_add(1, Ordering::SeqCst)) + 1
    }
}
