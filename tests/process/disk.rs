//! Disks that fail, fill up or dawdle: nothing false is said meanwhile, and all is well afterwards.

use std::time::Duration;

use hearback::simulator::{Announcement, Simulator};
use tokio::time::{Instant, sleep, timeout};

use crate::campaign::{self, Chance};
use crate::home::{Home, Process, until};
use crate::ledger::{Call, Ledger, both};
use crate::measured::Measured;
use crate::strace::Strace;

mod real;

/// Faults that a short run tries.
const FAULTS: u64 = 2;
/// More writes or syncs than one call makes.
const NTH_MAX: u64 = 200;
const AUDIO_BYTES: usize = 60_000;
/// Long enough to attach in.
const DELIVERY: Duration = Duration::from_millis(500);
/// What a failing disk has not broken by then, it will not.
const SETTLED_MAX: Duration = Duration::from_millis(600);
/// Longer than the source needs, and than the longest pause: 1 s for the inbox and 5 s for the database, where an
/// attempt could not be written down.
const HEALED_MAX: Duration = Duration::from_secs(1 + 5 + 2);
/// Of the business, in the data folder.
const FOLDER: &str = "vault/default";
const SYNC_DELAY: Duration = Duration::from_millis(1_000);
const SYNC_DELAY_INJECTED: &str = "inject=fsync,fdatasync:delay_enter=1000000";
const PLAYS: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Whenever the database's files are touched.
    Database,
    /// Once a recording arrives: what is left is to seal it.
    Sealing,
}

/// One syscall that fails.
#[derive(Debug, Clone, Copy)]
struct Fault {
    at: At,
    syscall: &'static str,
    error: &'static str,
    /// From then on, not only that once.
    lasting: bool,
}

const SYSCALLS: [(At, &str); 5] = [
    (At::Sealing, "fsync"),
    (At::Sealing, "rename"),
    (At::Sealing, "openat"),
    (At::Database, "fsync"),
    (At::Database, "pwrite64"),
];

#[tokio::test(flavor = "multi_thread")]
async fn campaign_disk_whatever_write_or_sync_fails_nothing_false_is_said_and_it_heals() {
    let mut chance = Chance(campaign::seed());
    let every_one = campaign::size(0, 1) == 1;
    let mut house = House::open(&mut chance).await;
    let mut hits = 0;
    for fault in faults().into_iter().filter(|_| every_one) {
        for nth in 1.. {
            assert!(nth < NTH_MAX, "{fault:?}: it does not come to an end");
            if !house.suffer(fault, nth, &mut chance).await {
                break;
            }
            hits += 1;
        }
    }
    for turn in 0..campaign::size(FAULTS, 0) {
        let at = if turn % 2 == 0 { At::Database } else { At::Sealing };
        let faults: Vec<_> = faults().into_iter().filter(|fault| fault.at == at).collect();
        let fault = faults[chance.below(faults.len() as u64) as usize];
        hits += u64::from(house.suffer(fault, 1, &mut chance).await);
    }
    assert!(hits > 0, "nothing failed");
    eprintln!("{hits} faults; sounds again afterwards: {}", house.healed);
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_disk_a_slow_sync_is_waited_for_and_delays_nobody_who_listens() {
    let mut chance = Chance(campaign::seed());
    let house = House::open(&mut chance).await;
    let arguments = ["-e", "trace=fsync,fdatasync", "-e", SYNC_DELAY_INJECTED];
    let strace = Strace::attach(&house.process, &arguments).await;
    let call = house.ledger.call(AUDIO_BYTES, Duration::ZERO, &mut chance).await;
    let plays = async {
        let mut plays = Measured::default();
        for _ in 0..campaign::size(PLAYS as u64, 1_000) {
            let asked = Instant::now();
            house.ledger.check_kept(&house.earlier).await;
            plays.push(asked.elapsed());
        }
        plays
    };
    let arrives = async {
        let told = Instant::now();
        let stored = house.ledger.tell_until_stored(&call, &both()).await;
        house.ledger.until_ready(&call).await;
        (stored - told, told.elapsed())
    };
    let (plays, (stored, ready)) = tokio::join!(plays, arrives);
    strace.detach().await;
    eprintln!("with a sync of {SYNC_DELAY:?}: plays {plays}; stored {stored:?}; ready {ready:?}");
    assert!(stored >= SYNC_DELAY, "acknowledged before it was on the disk");
    assert!(plays.median() < SYNC_DELAY / 2, "{plays}");
}

fn faults() -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, syscall) in SYSCALLS {
        for error in ["EIO", "ENOSPC"] {
            let each = [false, true].map(|lasting| Fault { at, syscall, error, lasting });
            faults.extend(each);
        }
    }
    faults
}

/// A service that has one recording, and takes others while its disk fails.
struct House {
    ledger: Ledger,
    process: Process,
    earlier: Call,
    calls: usize,
    healed: Measured,
}

impl House {
    async fn open(chance: &mut Chance) -> Self {
        let (home, simulator) = Home::with_simulator().await;
        Self::of(home, simulator, chance).await
    }

    /// Leaves one recording ready.
    async fn of(home: Home, simulator: Simulator, chance: &mut Chance) -> Self {
        let (process, _) = home.serve().await;
        let ledger = Ledger::open(home, simulator).await;
        let earlier = ledger.call(AUDIO_BYTES, Duration::ZERO, chance).await;
        ledger.tell_until_stored(&earlier, &both()).await;
        ledger.until_it_plays(&earlier).await;
        Self { ledger, process, earlier, calls: 1, healed: Measured::default() }
    }

    /// A call arrives while this fails. False: it never came to the nth time.
    async fn suffer(&mut self, fault: Fault, nth: u64, chance: &mut Chance) -> bool {
        let ledger = &self.ledger;
        let call = ledger.call(AUDIO_BYTES, DELIVERY, chance).await;
        self.calls += 1;
        let mut stored = Vec::new();
        if fault.at == At::Sealing {
            ledger.tell_until_stored(&call, &both()).await;
            stored.extend(both());
            until("it arrives", async || (ledger.fetches(&call) > 0).then_some(())).await;
        }
        let strace = self.fail(fault, nth).await;
        if fault.at == At::Database {
            for event in both() {
                if ledger.tell(&call, &event).await == Some(204) {
                    stored.push(event);
                }
            }
        }
        let ready = timeout(DELIVERY + SETTLED_MAX, settled(ledger, &call)).await == Ok(true);
        ledger.check_kept(&self.earlier).await;
        let traced = strace.detach().await;
        self.process.assert_runs();
        let hit = traced.iter().any(|line| line.ends_with("(INJECTED)"));
        assert_synced_once_at_most_after_failing(&traced);
        if hit && fault.at == At::Sealing {
            assert!(!ready, "ready, although {fault:?} {nth}");
        }
        if fault.at == At::Database && fault.lasting && nth == 1 {
            assert!(stored.is_empty() && !ready, "acknowledged without being stored: {stored:?}");
        }
        let killed = chance.below(2) == 0;
        let healed = self.heal(&call, &stored, killed).await;
        let what = format!("{fault:?} {nth}, hit: {hit}, ready: {ready}, stored: {}", stored.len());
        eprintln!("{what}, killed: {killed}; sounds after {healed:?}");
        self.healed.push(healed);
        hit
    }

    async fn fail(&self, fault: Fault, nth: u64) -> Strace {
        let Fault { at, syscall, error, lasting } = fault;
        let from = if lasting { "+" } else { "" };
        let trace = format!("trace={syscall}");
        let inject = format!("inject={syscall}:error={error}:when={nth}{from}");
        let in_full = |path: &str| self.ledger.home.data(path).to_str().expect("text").to_owned();
        let paths = match (at, syscall) {
            (At::Database, _) => vec![in_full("hearback.db"), in_full("hearback.db-wal")],
            // What is read is opened too.
            (At::Sealing, "openat") => vec![in_full(FOLDER), format!("data/{FOLDER}")],
            (At::Sealing, _) => Vec::new(),
        };
        let mut arguments = vec!["-e", &trace, "-e", &inject];
        arguments.extend(paths.iter().flat_map(|path| ["-P", path]));
        Strace::attach(&self.process, &arguments).await
    }

    /// The disk is well again: what was acknowledged is there, the rest is taken in, and the call sounds soon.
    async fn heal(&mut self, call: &Call, stored: &[Announcement], killed: bool) -> Duration {
        if killed {
            self.process.kill_and_serve(&self.ledger.home).await;
        }
        let ledger = &self.ledger;
        assert!(ledger.stored(call).await >= stored.len(), "{}: lost", call.sid);
        let rest: Vec<_> = both().into_iter().filter(|event| !stored.contains(event)).collect();
        ledger.tell_until_stored(call, &rest).await;
        let took = ledger.until_it_plays(call).await;
        assert!(took < HEALED_MAX + call.delivery, "it sounds only after {took:?}");
        ledger.check_kept(call).await;
        ledger.check_stored_once([call]).await;
        ledger.until_swept(self.calls).await;
        self.process.assert_runs();
        took
    }
}

/// Whether it got ready, or else failed.
async fn settled(ledger: &Ledger, call: &Call) -> bool {
    loop {
        match ledger.state(call).await.as_deref() {
            Some("ready") => return true,
            Some("failed") => return false,
            Some(_) | None => sleep(Duration::from_millis(5)).await,
        }
    }
}

/// After a failed sync the kernel may call pages clean that never reached the disk: a second sync of the
/// same copy would succeed and mean nothing.
fn assert_synced_once_at_most_after_failing(traced: &[String]) {
    let copy = |line: &str| {
        let path = line.split_once("fsync(")?.1.split(['<', '>']).nth(1)?;
        path.contains("/RE").then(|| path.to_owned())
    };
    for failed in traced.iter().filter(|line| line.ends_with("(INJECTED)")) {
        let Some(failed) = copy(failed) else { continue };
        let syncs = traced.iter().filter(|line| copy(line).as_ref() == Some(&failed)).count();
        assert_eq!(syncs, 1, "{failed} was synced again after that had failed");
    }
}
