//! The vault with a memory: the same contract, and what may never come out of it.

use std::fs;
use std::path::Path;

use actors::domain::{ByteRange, Playable};
use actors::ports::{AudioStream, Vault, VaultError};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use super::local::{Local, flip};
use super::{SEGMENT, audio, begin, described, hold_to_contract, key, read, read_whole, store};
use crate::campaign::{self, Chance};

const MIB: usize = 1024 * 1024;
/// What one visit to the disk reads for a listener.
const PIECE: usize = MIB / 2;
/// What is kept whole is up to this long.
const WHOLE_MAX: usize = 8 * MIB;
const HEADER: usize = 24;
const TAG: usize = 16;

hold_to_contract! { remembering:
    every_range_is_exact,
    however_it_arrives_it_is_kept_the_same,
    an_unsealed_copy_cannot_be_read,
    a_copy_opens_only_as_what_it_is,
    no_byte_lies_behind_the_end,
    discarding_takes_one_copy_and_may_be_repeated,
    many_read_at_once,
}

fn remembering() -> Local {
    Local::keeping(64 * MIB as u64)
}

fn range(first: usize, length: usize) -> ByteRange {
    ByteRange { first: first as u64, last: (first + length - 1) as u64 }
}

fn at_hand(local: &Local, playable: &Playable, range: ByteRange) -> Option<Bytes> {
    local.vault.at_hand(playable, range)
}

async fn begin_whole(local: &Local, playable: &Playable) -> AudioStream {
    let whole = ByteRange::whole(playable.copy.length).expect("not empty");
    local.vault.read(playable, whole).await.expect("a sound copy")
}

/// Damages the copy's file from a segment on, or mends it.
fn toggle_damage(local: &Local, playable: &Playable, segment: usize) {
    flip(&local.path(playable), (HEADER + segment * (SEGMENT + TAG)) as u64);
}

#[tokio::test]
async fn what_is_kept_in_memory_does_not_hide_damage_on_disk() {
    let local = remembering();
    let playable = store(&*local.vault, &key("acme", 1), 1, MIB).await;
    let audio = read_whole(&*local.vault, &playable).await.expect("a sound copy");
    local.vault.verify(&playable).await.expect("a sound copy");
    let mut another = playable.clone();
    another.copy.sha256[0] ^= 1;
    assert!(local.vault.verify(&another).await.is_err_and(|error| error.is_damage()));
    toggle_damage(&local, &playable, 9);
    let damaged = local.vault.verify(&playable).await;
    assert!(matches!(damaged, Err(VaultError::Damaged { segment: 9 })), "{damaged:?}");
    let remembered = read_whole(&*local.vault, &playable).await;
    assert!(remembered.is_ok_and(|bytes| bytes == audio), "who listens hears it out of memory");
    local.vault.discard(&playable.key, playable.copy.id).await.expect("discarded");
    assert!(matches!(local.vault.verify(&playable).await, Err(VaultError::Missing)));
}

#[tokio::test]
async fn what_was_read_is_at_hand_and_not_read_again() {
    for length in [1, 1_000_001, WHOLE_MAX] {
        let local = Local::keeping(0);
        let playable = store(&*local.vault, &key("acme", 1), 1, length).await;
        let local = local.reopened(64 * MIB as u64);
        let audio = audio(&playable.key, length);
        assert!(at_hand(&local, &playable, range(0, 1)).is_none(), "nobody asked for it yet");
        read(&*local.vault, &playable, range(length / 2, 1)).await.expect("a sound copy");
        fs::remove_file(local.path(&playable)).expect("removed behind its back");
        let pieces: Vec<Bytes> =
            begin_whole(&local, &playable).await.try_collect().await.expect("from memory");
        assert!(pieces == [Bytes::from(audio.clone())], "{length} bytes are one piece");
        let last = range(length - 1, 1);
        assert_eq!(at_hand(&local, &playable, last).expect("kept")[..], audio[length - 1..]);
        let behind = ByteRange { last: length as u64, ..last };
        assert_eq!(at_hand(&local, &playable, behind), None);
    }
}

#[tokio::test]
async fn what_was_sealed_just_now_is_at_hand_without_a_read() {
    let local = remembering();
    for (id, length) in [1, SEGMENT, 1_000_001, WHOLE_MAX].into_iter().enumerate() {
        let playable = store(&*local.vault, &key("acme", 1), id as u128, length).await;
        fs::remove_file(local.path(&playable)).expect("removed behind its back");
        let kept = at_hand(&local, &playable, range(0, length)).expect("all of it is there");
        assert!(kept == audio(&playable.key, length), "{length} bytes");
    }
    let playable = described(&key("acme", 2), 99, 1_000);
    let mut writer = begin(&*local.vault, &playable).await;
    writer.write(audio(&playable.key, 1_000).into()).await.expect("written");
    assert!(at_hand(&local, &playable, range(0, 1)).is_none(), "it is not sealed yet");
    local.vault.discard(&playable.key, playable.copy.id).await.expect("discarded");
    assert!(writer.seal().await.is_err());
    assert!(at_hand(&local, &playable, range(0, 1)).is_none(), "it was discarded");
}

/// Whoever listens far behind is given the same bytes, from the file.
#[tokio::test]
async fn of_a_long_copy_that_is_being_written_all_can_be_read_and_little_is_in_memory() {
    let local = Local::keeping(0);
    let length = 10 * MIB + 5;
    let playable = described(&key("acme", 1), 1, length);
    let audio = Bytes::from(audio(&playable.key, length));
    let mut writer = begin(&*local.vault, &playable).await;
    let unsealed = writer.unsealed();
    let mut written = 0;
    for chunk in [700_000, 5 * MIB, 1, 3 * MIB, 65_536, MIB, length] {
        let chunk = audio.slice(written..length.min(written + chunk));
        written += chunk.len();
        writer.write(chunk).await.expect("written");
        for first in (0..written).step_by(500_003).chain([written - 1]) {
            let bytes = unsealed.read(range(first, written - first)).await.expect("it was written");
            assert!(!bytes.is_empty() && audio[first..written].starts_with(&bytes), "from {first}");
        }
    }
    writer.write(Bytes::new()).await.expect("nothing more");
    let mut part = local.path(&playable).into_os_string();
    part.push(".part");
    flip(Path::new(&part), (HEADER + 3 * (SEGMENT + TAG)) as u64);
    let refused = unsealed.read(range(3 * SEGMENT, 10)).await.expect_err("read from the file");
    assert!(matches!(refused, VaultError::Damaged { segment: 3 }), "{refused}");
    let near = unsealed.read(range(length - MIB, 10)).await.expect("in memory");
    assert_eq!(near, audio[length - MIB..length - MIB + 10]);
    writer.seal().await.expect("sealed");
    assert!(matches!(unsealed.read(range(0, 1)).await, Err(VaultError::Missing)));
}

#[tokio::test]
async fn of_a_long_recording_what_lies_together_is_at_hand() {
    let local = remembering();
    let playable = store(&*local.vault, &key("acme", 1), 1, WHOLE_MAX + 1).await;
    let audio = audio(&playable.key, WHOLE_MAX + 1);
    assert!(at_hand(&local, &playable, range(0, 1)).is_none(), "nobody asked for it yet");
    read_whole(&*local.vault, &playable).await.expect("a sound copy");
    for (range, kept) in [
        (range(0, MIB), MIB),
        (range(3 * MIB + 7, 100), 100),
        (range(WHOLE_MAX, 1), 1),
        (range(MIB - 1, 2), 1),
        (range(0, WHOLE_MAX + 1), MIB),
    ] {
        let first = range.first as usize;
        let found = at_hand(&local, &playable, range).expect("it was read");
        assert!(found == audio[first..first + kept], "{range:?}");
    }
    assert_eq!(at_hand(&local, &playable, range(WHOLE_MAX, 2)), None, "it lies behind the end");
}

#[tokio::test]
async fn what_is_kept_is_at_hand_only_as_what_it_is() {
    let local = remembering();
    let ours = store(&*local.vault, &key("acme", 1), 1, 1_000).await;
    read_whole(&*local.vault, &ours).await.expect("a sound copy");
    let mut wrong = [(); 4].map(|()| ours.clone());
    wrong[0].key = key("other", 1);
    wrong[1].key = key("acme", 2);
    wrong[2].copy.version = ours.copy.version.next();
    wrong[3].copy.length = 999;
    for wrong in wrong {
        assert_eq!(at_hand(&local, &wrong, range(0, 10)), None, "{wrong:?}");
        assert!(read(&*local.vault, &wrong, range(0, 10)).await.is_err(), "{wrong:?}");
    }
    assert!(at_hand(&local, &ours, range(0, 10)).is_some());
}

#[tokio::test]
async fn a_discarded_copy_is_at_hand_no_more() {
    let local = remembering();
    for (id, length) in [1_000, WHOLE_MAX + 5].into_iter().enumerate() {
        let playable = store(&*local.vault, &key("acme", 1), id as u128, length).await;
        let mut begun = begin_whole(&local, &playable).await;
        begun.next().await.expect("it begins").expect("a sound copy");
        local.vault.discard(&playable.key, playable.copy.id).await.expect("discarded");
        while let Some(piece) = begun.next().await {
            piece.expect("who listens already is not disturbed");
        }
        for first in (0..length).step_by(MIB) {
            assert!(at_hand(&local, &playable, range(first, 1)).is_none(), "byte {first}");
        }
        assert!(matches!(read_whole(&*local.vault, &playable).await, Err(VaultError::Missing)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_while_a_copy_is_discarded_leaves_nothing_of_it_behind() {
    let local = Local::keeping(0);
    let mut copies = Vec::new();
    for id in 0..40 {
        copies.push(store(&*local.vault, &key("acme", 1), id, 300_000).await);
    }
    let local = local.reopened(64 * MIB as u64);
    for playable in copies {
        let mut readers = JoinSet::new();
        for _ in 0..4 {
            let (vault, playable) = (local.vault.clone(), playable.clone());
            readers.spawn(async move {
                loop {
                    match read_whole(&*vault, &playable).await {
                        Ok(sent) => assert!(sent == audio(&playable.key, 300_000)),
                        Err(error) => {
                            return assert!(matches!(error, VaultError::Missing), "{error}");
                        }
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        read(&*local.vault, &playable, range(0, 1)).await.ok();
        local.vault.discard(&playable.key, playable.copy.id).await.expect("discarded");
        assert!(at_hand(&local, &playable, range(0, 1)).is_none());
        readers.join_all().await;
        assert!(at_hand(&local, &playable, range(0, 1)).is_none(), "{playable:?} came back");
    }
}

#[tokio::test]
async fn a_vault_that_was_given_up_has_nothing_at_hand() {
    let local = remembering();
    let playable = store(&*local.vault, &key("acme", 1), 1, 1_000).await;
    read_whole(&*local.vault, &playable).await.expect("a sound copy");
    local.vault.give_up();
    for _ in 0..2 {
        assert!(at_hand(&local, &playable, range(0, 1)).is_none());
        read_whole(&*local.vault, &playable).await.expect("from disk");
    }
}

#[tokio::test]
async fn damage_is_found_by_all_who_wait_and_not_remembered() {
    let local = Local::keeping(0);
    let playable = store(&*local.vault, &key("acme", 1), 1, 10 * SEGMENT).await;
    let local = local.reopened(64 * MIB as u64);
    toggle_damage(&local, &playable, 7);
    let first = || read(&*local.vault, &playable, range(0, 1));
    for refused in futures_util::future::join_all((0..20).map(|_| first())).await {
        assert!(matches!(refused, Err(VaultError::Damaged { segment: 7 })), "{refused:?}");
    }
    toggle_damage(&local, &playable, 7);
    assert!(first().await.is_ok(), "mended, it opens again");
}

#[tokio::test]
async fn nothing_is_read_ahead_but_the_next_piece_of_who_comes_for_more() {
    let local = Local::keeping(0);
    let length = 6 * PIECE;
    let playable = store(&*local.vault, &key("acme", 1), 1, length).await;
    let other = store(&*local.vault, &key("acme", 2), 2, 10).await;
    let mut stream = begin_whole(&local, &playable).await;
    let mut sent = Vec::new();
    // The piece that may have been read when so many were taken.
    for (taken, untouched) in [(1, 1), (2, 3), (3, 4), (4, 5)] {
        let piece = stream.next().await.expect("more to come").expect("a sound copy");
        sent.extend_from_slice(&piece);
        assert_eq!(sent.len(), taken * PIECE);
        toggle_damage(&local, &playable, untouched * PIECE / SEGMENT);
        for _ in 0..20 {
            read_whole(&*local.vault, &other).await.expect("whoever reads ahead had the time to");
        }
        toggle_damage(&local, &playable, untouched * PIECE / SEGMENT);
    }
    while let Some(piece) = stream.next().await {
        sent.extend_from_slice(&piece.expect("what was damaged meanwhile was not read"));
    }
    assert!(sent == audio(&playable.key, length));
}

#[tokio::test]
async fn where_many_are_slow_each_holds_little_and_all_get_on() {
    const SLOW: usize = 150;
    let local = Local::keeping(0);
    let length = 2 * MIB;
    let playable = store(&*local.vault, &key("acme", 1), 1, length).await;
    let mut held = Vec::new();
    for _ in 0..SLOW {
        let mut stream = begin_whole(&local, &playable).await;
        held.push((stream.next().await.expect("it begins").expect("a sound copy"), stream));
    }
    let all = held.iter().map(|(piece, _)| piece.len()).sum::<usize>();
    assert!(all <= 64 * MIB + SLOW * SEGMENT, "they hold {all} bytes");
    let (first, stream) = held.pop().expect("one of them");
    assert_eq!(first.len(), SEGMENT, "no room was left");
    let rest: Vec<Bytes> = stream.try_collect().await.expect("a sound copy");
    assert!([first.to_vec(), rest.concat()].concat() == audio(&playable.key, length));
}

#[tokio::test]
async fn campaign_memory_is_exact_whatever_is_asked_of_it() {
    let mut chance = Chance(campaign::seed());
    let rounds = campaign::size(60, 20_000);
    // Little enough that parts leave all the time.
    let local = Local::keeping(16 * MIB as u64);
    let mut copies = Vec::new();
    for (id, length) in
        [700_001, WHOLE_MAX - 1, WHOLE_MAX, WHOLE_MAX + 1, WHOLE_MAX + MIB, 10 * MIB + SEGMENT + 3]
            .into_iter()
            .enumerate()
    {
        let playable = store(&*local.vault, &key("acme", id as u128), id as u128, length).await;
        copies.push((audio(&playable.key, length), playable));
    }
    for _ in 0..rounds {
        let (audio, playable) = &copies[chance.below(copies.len() as u64) as usize];
        let first = chance.below(audio.len() as u64) as usize;
        let longest = audio.len() - first;
        let limit = if chance.below(2) == 0 { longest.min(200_000) } else { longest };
        let range = range(first, 1 + chance.below(limit as u64) as usize);
        let expected = &audio[range.first as usize..=range.last as usize];
        if let Some(bytes) = at_hand(&local, playable, range) {
            assert!(!bytes.is_empty() && expected.starts_with(&bytes), "{range:?} at hand");
        }
        let mut stream = local.vault.read(playable, range).await.expect("a sound copy");
        let (mut sent, gives_up) = (0, chance.below(4) == 0);
        while let Some(piece) = stream.next().await {
            let piece = piece.expect("a sound copy");
            assert!(piece == expected[sent..sent + piece.len()], "{range:?} at {sent}");
            sent += piece.len();
            if gives_up {
                break;
            }
        }
        assert!(gives_up || sent == expected.len(), "{range:?} ended at {sent}");
    }
}
