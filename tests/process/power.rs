//! The power fails at any moment: what was acknowledged is on the disk, and what was ready is whole.
//!
//! The cuts are real: the file systems are shut down as they are, without a flush, and mounted again.

use std::sync::Mutex;
use std::time::Duration;

use actors::domain::CallSid;
use futures_util::future::join_all;
use hearback::simulator::Announcement;
use tokio::time::{Instant, sleep};

use crate::campaign::{self, Chance};
use crate::home::Home;
use crate::ledger::{Call, Ledger, both};
use crate::measured::{Measured, promised};
use crate::mounts::{Disk, can_mount};

const CUTS: u64 = 2;
const CUTS_LONG: u64 = 100;
/// So many cuts befall one service; then there is a new one.
const CUTS_EACH: u64 = 10;
const CALLS_PER_CUT: u64 = 4;
const CUT_WITHIN_MS: u64 = 700;
const DELIVERED_WITHIN_MS: u64 = 300;
const START_MAX: Duration = Duration::from_secs(2);
/// Longer than the source needs, and the disk for the syncs of so many calls.
const SYNCS_MAX: u32 = 10 * CALLS_PER_CUT as u32;
const READY_MAX: Duration = Duration::from_secs(2);
const LOOK_PAUSE: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Figures {
    starts: Measured,
    delays: Measured,
    acknowledged: usize,
    ready: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_power_cut_at_any_moment_it_keeps_what_it_acknowledged_and_what_was_ready() {
    if !can_mount() {
        return;
    }
    let mut chance = Chance(campaign::seed());
    let mut figures = Figures::default();
    let cuts = campaign::size(CUTS, CUTS_LONG);
    for service in 0..cuts.div_ceil(campaign::size(1, CUTS_EACH)) {
        // A commit in the database flushes the vault's folder too if it is on the same file system.
        let one_disk = service % 2 == 1;
        live_and_be_cut(one_disk, campaign::size(1, CUTS_EACH), &mut chance, &mut figures).await;
    }
    eprintln!(
        "{cuts} cuts: {} webhooks acknowledged and {} recordings ready before one, all kept",
        figures.acknowledged, figures.ready
    );
    eprintln!("ready to serve after a cut: {}", figures.starts);
    eprintln!("ready by itself, beyond the time that the source needs: {}", figures.delays);
    assert!(figures.starts.max() < promised(START_MAX), "{}", figures.starts);
}

async fn live_and_be_cut(one_disk: bool, cuts: u64, chance: &mut Chance, figures: &mut Figures) {
    let (home, simulator) = Home::with_simulator().await;
    let data = Disk::mount(home.folder().join("data"), "64M");
    let mut disks = vec![data];
    if !one_disk {
        disks.push(Disk::mount(home.data("vault"), "64M"));
    }
    let (mut process, _) = home.serve().await;
    let ledger = Ledger::open(home, simulator).await;
    let mut calls = Vec::new();
    for _ in 0..cuts {
        let news = new_calls(&ledger, chance).await;
        let cut_after = Duration::from_millis(chance.below(CUT_WITHIN_MS));
        let seen = Seen::default();
        let cut = async {
            sleep(cut_after).await;
            // The database first, or it would take note that the vault failed.
            Disk::cut_power(&disks);
            process.kill().await;
        };
        tokio::select! {
            () = cut => {}
            () = seen.follow(&ledger, &news) => {}
        }
        disks.iter().rev().for_each(Disk::unplug);
        disks.iter().for_each(Disk::plug_in);
        let (restarted, started) = ledger.home.serve().await;
        process = restarted;
        let serves = Instant::now();
        figures.starts.push(started);
        let told = format!("{} acknowledged, {} ready", seen.acknowledged(), seen.ready());
        eprintln!("cut after {cut_after:?}, {told}; serves after {started:?}");
        figures.acknowledged += seen.acknowledged();
        figures.ready += seen.ready();
        join_all(calls.iter().map(|call| ledger.check_kept(call))).await;
        let checks = news.iter().map(|call| check(&ledger, call, &seen, serves));
        join_all(checks).await.into_iter().flatten().for_each(|delay| figures.delays.push(delay));
        calls.extend(news);
        ledger.check_stored_once(&calls).await;
        ledger.until_swept(calls.len()).await;
        process.assert_runs();
    }
    drop(process);
    drop(disks);
}

async fn new_calls(ledger: &Ledger, chance: &mut Chance) -> Vec<Call> {
    let mut calls = Vec::new();
    for _ in 0..CALLS_PER_CUT {
        let delivery = Duration::from_millis(chance.below(DELIVERED_WITHIN_MS));
        let bytes = 20_000 + chance.below(400_000) as usize;
        calls.push(ledger.call(bytes, delivery, chance).await);
    }
    calls
}

/// What Twilio and the players were told before a cut.
#[derive(Default)]
struct Seen {
    acknowledged: Mutex<Vec<(CallSid, Announcement)>>,
    ready: Mutex<Vec<CallSid>>,
}

impl Seen {
    /// Tells each event once and looks at what becomes of it. Does not end.
    async fn follow(&self, ledger: &Ledger, calls: &[Call]) {
        let follow = async |call: &Call| {
            for event in both() {
                if ledger.tell(call, &event).await == Some(204) {
                    self.acknowledged.lock().expect("a list").push((call.sid, event));
                }
            }
            while !ledger.is_ready(call).await {
                sleep(LOOK_PAUSE).await;
            }
            self.ready.lock().expect("a list").push(call.sid);
        };
        join_all(calls.iter().map(follow)).await;
        std::future::pending().await
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().expect("a list").len()
    }

    fn ready(&self) -> usize {
        self.ready.lock().expect("a list").len()
    }

    fn was_acknowledged(&self, call: &Call, event: &Announcement) -> bool {
        let acknowledged = self.acknowledged.lock().expect("a list");
        acknowledged.iter().any(|(sid, told)| *sid == call.sid && told == event)
    }

    fn was_ready(&self, call: &Call) -> bool {
        self.ready.lock().expect("a list").contains(&call.sid)
    }
}

/// Says how much longer than the source it took to get ready, if it was not.
async fn check(ledger: &Ledger, call: &Call, seen: &Seen, serves: Instant) -> Option<Duration> {
    if seen.was_ready(call) {
        ledger.check_kept(call).await;
        assert_eq!(ledger.fetches(call), 1, "it was ready");
        return None;
    }
    let (known, unknown): (Vec<_>, Vec<_>) =
        both().into_iter().partition(|event| seen.was_acknowledged(call, event));
    assert!(ledger.stored(call).await >= known.len(), "{}: acknowledged and lost", call.sid);
    let told = ledger.tell_until_stored(call, &unknown).await;
    let ready = ledger.until_ready(call).await;
    ledger.check_kept(call).await;
    assert!(ledger.fetches(call) <= 2, "one cut, and {} fetches", ledger.fetches(call));
    let delay = ready.saturating_duration_since(told.max(serves) + call.delivery);
    let allowed = promised(READY_MAX) + ledger.home.sync_takes() * SYNCS_MAX;
    assert!(delay < allowed, "{}: {delay:?} late: {}", call.sid, ledger.home.log());
    Some(delay)
}
