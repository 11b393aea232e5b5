//! `kill -9` after every syscall between a webhook and Ready: nothing acknowledged is lost, nothing is stuck.
//!
//! Invariant: no step is left out. Threads mingle their steps differently each time, so those of a kind are
//! counted over all threads, and each has its kill: the first, the second, … until a run ends by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::campaign::{self, Chance};
use crate::home::{Home, Process};
use crate::ledger::{Call, Ledger, both};
use crate::measured::{Measured, promised};
use crate::strace::Steps;

/// How often a short run kills, with each size.
const KILLS: u64 = 1;
const START_MAX: Duration = Duration::from_secs(2);
/// Longer than the source needs.
const READY_MAX: Duration = Duration::from_secs(2);
/// A run in which nothing is written for so long has ended by itself.
const QUIET: Duration = Duration::from_millis(400);
/// More steps of a kind than any run takes: by then it goes round in circles.
const STEPS_MAX: usize = 1_000;
/// One that is written at once, and one that takes several writes.
const SIZES_BYTES: [usize; 2] = [60_000, 600_000];
const DELIVERY: Duration = Duration::from_millis(100);
/// Without these a commit is not durable: a trace that lacks one has overlooked it.
const NEEDED: [&str; 6] = [
    "fsync hearback.db-wal",
    "fsync a business's folder",
    "fsync an unfinished copy",
    "mkdir a business's folder",
    "rename an unfinished copy",
    "write an unfinished copy",
];

/// The moment to kill: after the nth step of a kind.
#[derive(Clone, Copy)]
struct Moment<'a> {
    kind: &'a str,
    nth: usize,
}

#[derive(Default)]
struct Killed {
    after: BTreeMap<String, u64>,
    starts: Measured,
    delays: Measured,
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_commit_killed_after_any_syscall_it_loses_nothing_and_gets_ready_by_itself() {
    let mut chance = Chance(campaign::seed());
    let every_one = campaign::size(0, 1) == 1;
    let mut killed = Killed::default();
    for bytes in SIZES_BYTES {
        let steps = run(bytes, None, &mut chance, &mut killed).await.expect("nobody killed it");
        eprintln!("{bytes} bytes: {} steps from the webhook to Ready", steps.len());
        let kinds: BTreeSet<&str> = steps.iter().map(String::as_str).collect();
        assert!(NEEDED.iter().all(|needed| kinds.contains(needed)), "{kinds:?}");
        for kind in kinds.into_iter().filter(|_| every_one) {
            for nth in 1.. {
                assert!(nth < STEPS_MAX, "{kind}: it does not come to an end");
                let moment = Moment { kind, nth };
                if run(bytes, Some(moment), &mut chance, &mut killed).await.is_some() {
                    break;
                }
            }
        }
        for _ in 0..campaign::size(KILLS, 0) {
            let (before, rest) = steps.split_at(chance.below(steps.len() as u64) as usize);
            let kind = rest[0].as_str();
            let nth = 1 + before.iter().filter(|step| *step == kind).count();
            run(bytes, Some(Moment { kind, nth }), &mut chance, &mut killed).await;
        }
    }
    eprintln!("killed after: {:#?}", killed.after);
    eprintln!("ready to serve after a kill: {}", killed.starts);
    eprintln!("ready by itself, beyond the time that the source needs: {}", killed.delays);
    assert!(killed.starts.max() < promised(START_MAX), "{}", killed.starts);
    assert!(killed.delays.max() < promised(READY_MAX), "{}", killed.delays);
}

/// A fresh service takes its first call and is killed at the moment. If that does not come, says what steps
/// it made.
async fn run(
    bytes: usize,
    moment: Option<Moment<'_>>,
    chance: &mut Chance,
    killed: &mut Killed,
) -> Option<Vec<String>> {
    let (home, simulator) = Home::with_simulator().await;
    let (process, _) = home.serve().await;
    let ledger = Ledger::open(home, simulator).await;
    let call = ledger.call(bytes, DELIVERY, chance).await;
    let settled = async {
        let stored = ledger.tell_until_stored(&call, &both()).await;
        (stored, ledger.until_ready(&call).await)
    };
    tokio::pin!(settled);
    let mut steps = Steps::attach(&process).await;
    let mut taken = Vec::new();
    let quiet = async {
        (&mut settled).await;
        sleep(QUIET).await;
    };
    let moment = tokio::select! {
        moment = until_moment(&mut steps, moment, &mut taken) => moment,
        () = quiet => {
            steps.detach().await;
            check(&ledger, &call, 1, process).await;
            return Some(taken);
        }
    };
    process.kill().await;
    drop(steps);
    let (process, started) = ledger.home.serve().await;
    let serves = Instant::now();
    let (stored, ready) = settled.await;
    let delay = ready.saturating_duration_since(stored.max(serves) + call.delivery);
    let Moment { kind, nth } = moment;
    eprintln!("killed after {kind} {nth}; serves after {started:?}, ready {delay:?} late");
    check(&ledger, &call, 2, process).await;
    *killed.after.entry(kind.to_owned()).or_default() += 1;
    killed.starts.push(started);
    killed.delays.push(delay);
    None
}

/// Returns when that step was made, and its thread no other.
async fn until_moment<'a>(
    steps: &mut Steps,
    moment: Option<Moment<'a>>,
    taken: &mut Vec<String>,
) -> Moment<'a> {
    loop {
        taken.push(steps.next().await);
        if let Some(moment) = moment {
            let same = taken.iter().filter(|step| *step == moment.kind);
            if taken.last().is_some_and(|last| last == moment.kind) && same.count() == moment.nth {
                return moment;
            }
        }
    }
}

/// It plays what it should, keeps nothing else, and takes the next call as if nothing had been.
async fn check(ledger: &Ledger, call: &Call, fetches_max: u64, mut process: Process) {
    ledger.check_kept(call).await;
    ledger.check_stored_once([call]).await;
    assert!(ledger.fetches(call) <= fetches_max, "one kill, and {} fetches", ledger.fetches(call));
    ledger.until_swept(1).await;
    let next = ledger.call(30_000, Duration::ZERO, &mut Chance(1)).await;
    ledger.tell_until_stored(&next, &both()).await;
    ledger.until_ready(&next).await;
    ledger.check_kept(&next).await;
    process.assert_runs();
}
