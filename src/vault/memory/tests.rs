//! One load for all who wait, nothing of what was discarded, and never more than there is room for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actors::domain::{
    AudioKey, AudioType, Format, RecordingSid, SegmentDigests, StoredCopy, Version,
};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet, yield_now};

use super::*;

const MIB: u64 = 1024 * 1024;

/// How a load ends.
type End = Result<(), VaultError>;

fn playable(id: u128, length: u64) -> Playable {
    let key = AudioKey {
        business: "acme".parse().expect("a business id"),
        recording: RecordingSid::from_bits(id),
        format: Format::Mp3,
    };
    let copy = StoredCopy {
        id: CopyId::from_bits(id),
        version: Version::FIRST,
        sha256: [0; 32],
        length,
        audio_type: AudioType::Mpeg,
        duration: Duration::from_secs(1),
        segments: SegmentDigests::default(),
    };
    Playable { key, copy }
}

fn memory(bytes_max: u64) -> Memory {
    Memory::of(bytes_max, Room::of(2 * bytes_max))
}

fn whole(playable: &Playable) -> ByteRange {
    ByteRange::whole(playable.copy.length).expect("not empty")
}

fn part(memory: &Memory, playable: &Playable) -> Part {
    memory.part(playable.copy.length, 0).expect("something is kept")
}

/// What a load that finds what it looks for returns.
fn audio(taken: Taken, playable: &Playable) -> Result<Bytes, VaultError> {
    Ok(taken.buffer(playable.copy.length as usize).freeze())
}

async fn load(memory: &Memory, playable: &Playable) -> Option<Result<Bytes, VaultError>> {
    let (part, wanted) = (part(memory, playable), playable.clone());
    memory.get(playable, part, |taken| async move { audio(taken, &wanted) }).await
}

/// Asks for a part that is loaded when the sender says how.
fn asked(
    memory: &Memory,
    playable: &Playable,
) -> (oneshot::Sender<End>, JoinHandle<Result<Bytes, VaultError>>) {
    let (go, told) = oneshot::channel::<End>();
    let (memory, playable) = (memory.clone(), playable.clone());
    let asking = tokio::spawn(async move {
        let (part, wanted) = (part(&memory, &playable), playable.clone());
        let load = |taken| async move {
            told.await.expect("the test says how it ends")?;
            audio(taken, &wanted)
        };
        memory.get(&playable, part, load).await.expect("there is room")
    });
    (go, asking)
}

/// Lets every task get as far as it can.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_who_ask_at_once_cause_one_load() {
    let memory = memory(16 * MIB);
    let (playable, loads) = (playable(1, 1_000), Arc::new(AtomicUsize::new(0)));
    let mut readers = JoinSet::new();
    for _ in 0..1_000 {
        let (memory, playable, loads) = (memory.clone(), playable.clone(), loads.clone());
        readers.spawn(async move {
            let (part, wanted) = (part(&memory, &playable), playable.clone());
            let load = |taken| async move {
                loads.fetch_add(1, Ordering::Relaxed);
                settle().await;
                audio(taken, &wanted)
            };
            memory.get(&playable, part, load).await.expect("there is room").expect("loaded").len()
        });
    }
    assert!(readers.join_all().await.into_iter().all(|length| length == 1_000));
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert!(memory.state().loads.is_empty());
}

#[tokio::test]
async fn a_load_that_fails_fails_all_who_wait_with_what_it_is_and_is_not_remembered() {
    let memory = memory(16 * MIB);
    let playable = playable(1, 1_000);
    let full = || io::Error::from_raw_os_error(24);
    for (failure, kind) in [
        (VaultError::Missing, "Missing"),
        (VaultError::Damaged { segment: 7 }, "Damaged { segment: 7 }"),
        (
            VaultError::Io { doing: "reading", source: full() },
            "Io { doing: \"reading\", source: Os",
        ),
        (VaultError::Keys("wrong".to_owned()), "Keys(\"wrong\")"),
        (VaultError::KeysAway("away".to_owned()), "KeysAway(\"away\")"),
    ] {
        let (go, first) = asked(&memory, &playable);
        settle().await;
        let second = tokio::spawn({
            let (memory, playable) = (memory.clone(), playable.clone());
            async move { load(&memory, &playable).await.expect("it waits for the first one's") }
        });
        settle().await;
        go.send(Err(failure)).expect("it waits");
        for waiting in [first, second] {
            let failed = format!("{:?}", waiting.await.expect("no panic").expect_err(kind));
            assert!(failed.starts_with(kind), "{failed} is not {kind}");
        }
    }
    assert!(load(&memory, &playable).await.expect("there is room").is_ok());
}

#[tokio::test]
async fn a_load_goes_on_without_those_who_asked_for_it() {
    let memory = memory(16 * MIB);
    let playable = playable(1, 1_000);
    let (go, asking) = asked(&memory, &playable);
    settle().await;
    asking.abort();
    settle().await;
    go.send(Ok(())).expect("it goes on");
    settle().await;
    assert!(memory.at_hand(&playable, whole(&playable)).is_some());
}

#[tokio::test]
async fn a_load_that_panics_fails_those_who_wait_and_is_not_remembered() {
    let memory = memory(16 * MIB);
    let playable = playable(1, 1_000);
    let (go, asking) = asked(&memory, &playable);
    settle().await;
    drop(go);
    assert!(matches!(asking.await.expect("no panic here"), Err(VaultError::Io { .. })));
    assert!(load(&memory, &playable).await.expect("there is room").is_ok());
}

#[tokio::test]
async fn what_is_loaded_while_it_is_discarded_is_not_kept() {
    let memory = memory(16 * MIB);
    let playable = playable(1, 1_000);
    let (go, asking) = asked(&memory, &playable);
    settle().await;
    drop(memory.discarding(playable.copy.id));
    go.send(Ok(())).expect("it waits");
    assert!(asking.await.expect("no panic").is_ok(), "who began to read is not disturbed");
    assert!(memory.at_hand(&playable, whole(&playable)).is_none());
    assert!(memory.state().in_use.is_empty(), "nothing is remembered of it when all are done");
}

#[tokio::test]
async fn nothing_is_kept_between_the_beginning_and_the_end_of_discarding() {
    let memory = memory(16 * MIB);
    let playable = playable(1, 1_000);
    assert!(load(&memory, &playable).await.expect("there is room").is_ok());
    let discarding = memory.discarding(playable.copy.id);
    assert!(memory.at_hand(&playable, whole(&playable)).is_none());
    assert!(load(&memory, &playable).await.expect("there is room").is_ok());
    assert!(memory.at_hand(&playable, whole(&playable)).is_none());
    drop(discarding);
    assert!(load(&memory, &playable).await.expect("there is room").is_ok());
    assert!(memory.at_hand(&playable, whole(&playable)).is_some(), "it could not be removed");
}

#[tokio::test]
async fn never_more_is_kept_than_was_allowed() {
    let (kept_max, room) = (16 * MIB, Room::of(64 * MIB));
    let memory = Memory::of(kept_max, room.clone());
    for id in 0..200 {
        let playable = playable(id, 1 + 40_009 * id as u64);
        assert!(load(&memory, &playable).await.expect("nobody holds anything").is_ok());
        let taken = 64 * MIB
            - (0..=64 * MIB).rev().step_by(4_096).find(|free| room.has(*free)).expect("free");
        assert!(taken <= kept_max + 4_096, "{taken} bytes are taken after {id}");
    }
    memory.close();
    assert!(room.has(64 * MIB), "all is given back");
}

#[tokio::test]
async fn where_listeners_hold_all_the_room_nothing_is_loaded_until_they_let_go() {
    let memory = Memory::of(16 * MIB, Room::of(32 * MIB));
    let mut held = Vec::new();
    let refused = loop {
        let playable = playable(held.len() as u128, 4 * MIB);
        match load(&memory, &playable).await {
            Some(bytes) => held.push(bytes.expect("loaded")),
            None => break playable,
        }
    };
    assert_eq!(held.len(), 8, "what they hold, kept or not, is all there is");
    held.clear();
    assert!(load(&memory, &refused).await.is_some());
}

#[tokio::test]
async fn every_part_of_a_length_is_found_and_no_byte_is_in_two() {
    let memory = memory(16 * MIB);
    for length in [1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 9 * MIB, 9 * MIB + 1] {
        let mut at = 0;
        while let Some(part) = memory.part(length, at) {
            assert_eq!(part.range.first, at, "{length} bytes");
            assert_eq!(memory.part(length, part.range.last), Some(part));
            at = part.range.last + 1;
        }
        assert_eq!(at, length);
    }
    assert_eq!(memory.part(9 * MIB + 1, 9 * MIB).expect("the last").range.length(), 1);
    assert!(Memory::of(0, Room::of(MIB)).part(1, 0).is_none(), "nothing is kept at all");
}
