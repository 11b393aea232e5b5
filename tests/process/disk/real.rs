//! Real file systems: full, out of inodes, read-only.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use hearback::simulator::Announcement;
use tokio::time::timeout;

use super::{AUDIO_BYTES, HEALED_MAX, House, settled};
use crate::campaign::{self, Chance};
use crate::home::{Home, PATIENCE};
use crate::ledger::{Call, Ledger, both};
use crate::mounts::{ReadOnly, Tmpfs, can_mount};

const ROUNDS_LONG: u64 = 20;
const VAULT: &str = "size=8m,nr_inodes=60";
const DATA: &str = "size=8m";
const BLOCK_BYTES: u64 = 4_096;
/// The database may still grow by fewer.
const LEFT_BLOCKS: u64 = 100;
/// More than fit into what is left.
const CALLS_MAX: usize = 500;

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Full,
    NoInodes,
    ReadOnly,
}

/// What stands for trouble while it lasts.
enum Cause {
    Filler(Vec<PathBuf>),
    Cover(#[expect(dead_code, reason = "it is there until it is dropped")] ReadOnly),
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_disk_a_vault_without_room_takes_nothing_in_plays_on_and_heals() {
    if !can_mount() {
        return;
    }
    let seed = campaign::seed();
    let troubles = [Trouble::Full, Trouble::NoInodes, Trouble::ReadOnly];
    let suffer = async |(index, trouble): (usize, Trouble)| {
        let mut chance = Chance(seed + index as u64);
        let (home, simulator) = Home::with_simulator().await;
        let vault = home.data("vault");
        let mount = Tmpfs::mount(&vault, VAULT).expect("mounted");
        let mut house = House::of(home, simulator, &mut chance).await;
        for _ in 0..campaign::size(1, ROUNDS_LONG) {
            let healed = without_room(&mut house, trouble, &vault, &mut chance).await;
            eprintln!("{trouble:?}: sounds {healed:?} after there is room again");
        }
        drop(house);
        drop(mount);
    };
    join_all(troubles.into_iter().enumerate().map(suffer)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_disk_a_full_database_takes_no_webhook_it_cannot_keep_and_takes_them_all_later() {
    if !can_mount() {
        return;
    }
    let mut chance = Chance(campaign::seed());
    let (home, simulator) = Home::with_simulator().await;
    let home = home.with("HEARBACK_PLAY__PREFETCH", "false");
    let data = home.data("");
    let mount = Tmpfs::mount(&data, DATA).expect("mounted");
    let mut house = House::of(home, simulator, &mut chance).await;
    for round in 0..campaign::size(1, ROUNDS_LONG) {
        let filler = Cause::fill(&data, chance.below(LEFT_BLOCKS) * BLOCK_BYTES);
        let (taken, refused, stored) = tell_until_refused(&house.ledger, &mut chance).await;
        house.ledger.check_kept(&house.earlier).await;
        house.process.assert_runs();
        drop(filler);
        eprintln!("round {round}: {} calls taken in before the disk was full", taken.len());
        house.calls += 1;
        house.heal(&refused, &stored, round % 2 == 1).await;
        house.ledger.check_stored_once(&taken).await;
    }
    drop(house);
    drop(mount);
}

/// Says how long it took, once there was room again, until the call sounded.
async fn without_room(
    house: &mut House,
    trouble: Trouble,
    vault: &Path,
    chance: &mut Chance,
) -> Duration {
    let ledger = &house.ledger;
    let cause = match trouble {
        Trouble::Full => {
            Cause::fill(vault, chance.below(AUDIO_BYTES as u64 / BLOCK_BYTES) * BLOCK_BYTES)
        }
        Trouble::NoInodes => Cause::use_up_inodes(vault),
        Trouble::ReadOnly => Cause::Cover(ReadOnly::cover(vault)),
    };
    let call = ledger.call(AUDIO_BYTES, Duration::ZERO, chance).await;
    house.calls += 1;
    for event in both() {
        assert_eq!(ledger.tell(&call, &event).await, Some(204), "the database has room");
    }
    let ready = timeout(PATIENCE, settled(ledger, &call)).await;
    assert_eq!(ready, Ok(false), "{trouble:?}: it failed, and says so");
    ledger.check_kept(&house.earlier).await;
    drop(cause);
    let healed = house.heal(&call, &both(), false).await;
    assert!(healed < HEALED_MAX, "{healed:?}");
    healed
}

/// Tells of call after call until one is refused; with what of that one was stored.
async fn tell_until_refused(
    ledger: &Ledger,
    chance: &mut Chance,
) -> (Vec<Call>, Call, Vec<Announcement>) {
    let mut taken = Vec::new();
    for _ in 0..CALLS_MAX {
        let call = ledger.call(AUDIO_BYTES, Duration::ZERO, chance).await;
        let mut stored = Vec::new();
        for event in both() {
            match ledger.tell(&call, &event).await {
                Some(204) => stored.push(event),
                Some(_) | None => return (taken, call, stored),
            }
        }
        taken.push(call);
    }
    panic!("the disk is full, and {CALLS_MAX} calls were taken in");
}

impl Cause {
    /// Leaves so much room.
    fn fill(folder: &Path, left_bytes: u64) -> Self {
        let path = folder.join("filler");
        let mut filler = File::create(&path).expect("room for a file");
        let mut written = 0;
        let full = loop {
            match filler.write(&[1; BLOCK_BYTES as usize]) {
                Ok(bytes) => written += bytes as u64,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        filler.set_len(written.saturating_sub(left_bytes)).expect("it shrinks");
        Self::Filler(vec![path])
    }

    fn use_up_inodes(folder: &Path) -> Self {
        let paths = (0..).map(|number| folder.join(format!("filler-{number}")));
        Self::Filler(paths.take_while(|path| File::create(path).is_ok()).collect())
    }
}

impl Drop for Cause {
    fn drop(&mut self) {
        match self {
            Self::Filler(paths) => {
                for path in paths {
                    std::fs::remove_file(path).expect("it was there");
                }
            }
            Self::Cover(_) => {}
        }
    }
}
