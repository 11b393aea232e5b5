//! The contract of the vault port: what is sealed comes back exactly, to who it belongs to, or not at all.

mod keys;
mod local;
mod memory;
mod memory_keys;

use std::sync::Arc;
use std::time::Duration;

use actors::domain::{
    AudioKey, AudioType, ByteRange, CopyId, Format, Playable, RecordingSid, SegmentDigests,
    StoredCopy, Timestamp, Version,
};
use actors::ports::{SealedAudio, Vault, VaultError, VaultWriter};
use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::TryStreamExt;

const SEGMENT: usize = 65_536;
const LENGTHS: [usize; 6] = [1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, 1_000_001];
const ALWAYS: Timestamp = Timestamp::from_millis(i64::MAX);
const READERS: u64 = 100;

/// Makes one test of each rule, for the vault that `$open` opens.
macro_rules! hold_to_contract {
    ($open:path: $($rule:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $rule() {
            let opened = $open();
            super::$rule(opened.vault.clone()).await;
        })+
    };
}
use hold_to_contract;

// === The rules ===

async fn every_range_is_exact(vault: Arc<dyn Vault>) {
    for (id, length) in LENGTHS.into_iter().enumerate() {
        let playable = store(&*vault, &key("acme", 1), id as u128, length).await;
        let audio = audio(&playable.key, length);
        for range in ranges(length) {
            let sent = read(&*vault, &playable, range).await.expect("a sound copy");
            let (first, last) = (range.first as usize, range.last as usize);
            assert!(sent == audio[first..=last], "{range:?} of {length} bytes");
        }
    }
}

async fn however_it_arrives_it_is_kept_the_same(vault: Arc<dyn Vault>) {
    let (key, length) = (key("acme", 1), 5 * SEGMENT + 7);
    let audio = audio(&key, length);
    for (id, chunk) in [1_009, SEGMENT - 1, SEGMENT, 4 * SEGMENT, length].into_iter().enumerate() {
        let playable = described(&key, id as u128, length);
        let mut writer = begin(&*vault, &playable).await;
        for bytes in audio.chunks(chunk) {
            writer.write(Bytes::copy_from_slice(bytes)).await.expect("written");
        }
        writer.write(Bytes::new()).await.expect("nothing is written too");
        writer.seal().await.expect("sealed");
        let sent = read_whole(&*vault, &playable).await.expect("a sound copy");
        assert!(sent == audio, "in chunks of {chunk}");
    }
}

async fn an_unsealed_copy_cannot_be_read(vault: Arc<dyn Vault>) {
    let playable = described(&key("acme", 1), 1, 5 * SEGMENT);
    let mut writer = begin(&*vault, &playable).await;
    assert!(matches!(read_whole(&*vault, &playable).await, Err(VaultError::Missing)));
    writer.write(audio(&playable.key, 5 * SEGMENT).into()).await.expect("written");
    assert!(matches!(read_whole(&*vault, &playable).await, Err(VaultError::Missing)));
    assert_eq!(listed(&*vault).await, [file(&playable, true)]);
    writer.seal().await.expect("sealed");
    assert!(read_whole(&*vault, &playable).await.is_ok());
    assert_eq!(listed(&*vault).await, [file(&playable, false)]);
}

async fn a_dropped_writer_leaves_nothing(vault: Arc<dyn Vault>) {
    for written in [0, 10, 5 * SEGMENT] {
        let playable = described(&key("acme", 1), 1, written);
        let mut writer = begin(&*vault, &playable).await;
        writer.write(audio(&playable.key, written).into()).await.expect("written");
        drop(writer);
        assert_eq!(listed(&*vault).await, [], "after {written} bytes");
    }
}

async fn a_copy_opens_only_as_what_it_is(vault: Arc<dyn Vault>) {
    let ours = store(&*vault, &key("acme", 1), 1, 1_000).await;
    let second = Version::FIRST.next();
    let with_copy = |copy| Playable { key: ours.key.clone(), copy };
    for (wrong, playable) in [
        ("business", Playable { key: key("other", 1), copy: ours.copy.clone() }),
        ("recording", Playable { key: key("acme", 2), copy: ours.copy.clone() }),
        ("version", with_copy(StoredCopy { version: second, ..ours.copy.clone() })),
        ("copy", with_copy(StoredCopy { id: CopyId::from_bits(2), ..ours.copy.clone() })),
        ("length, shorter", with_copy(StoredCopy { length: 999, ..ours.copy.clone() })),
        ("length, longer", with_copy(StoredCopy { length: 100_000, ..ours.copy.clone() })),
    ] {
        let range = ByteRange { first: 0, last: 99 };
        let refused = vault.read(&playable, range).await.err().expect(wrong);
        assert!(refused.is_damage(), "another {wrong}: {refused}");
    }
    assert!(read_whole(&*vault, &ours).await.is_ok());
}

async fn no_byte_lies_behind_the_end(vault: Arc<dyn Vault>) {
    let playable = store(&*vault, &key("acme", 1), 1, 1_000).await;
    for (first, last) in [(0, 1_000), (1_000, 1_000), (5, 4), (0, u64::MAX)] {
        let refused = vault.read(&playable, ByteRange { first, last }).await.err();
        let refused = refused.expect("no such range");
        assert!(!refused.is_damage(), "{refused} is no reason to fetch again");
    }
}

async fn discarding_takes_one_copy_and_may_be_repeated(vault: Arc<dyn Vault>) {
    let key = key("acme", 1);
    let old = store(&*vault, &key, 1, 1_000).await;
    let new = store(&*vault, &key, 2, 2_000).await;
    for _ in 0..2 {
        vault.discard(&key, old.copy.id).await.expect("discarded");
        assert!(matches!(read_whole(&*vault, &old).await, Err(VaultError::Missing)));
        assert!(read_whole(&*vault, &new).await.is_ok());
    }
    let unheard_of = self::key("unheard-of", 9);
    vault.discard(&unheard_of, old.copy.id).await.expect("what never was is gone");
}

async fn an_unfinished_copy_is_discarded_under_its_writer(vault: Arc<dyn Vault>) {
    let playable = described(&key("acme", 1), 1, 10);
    let mut writer = begin(&*vault, &playable).await;
    vault.discard(&playable.key, playable.copy.id).await.expect("discarded");
    assert_eq!(listed(&*vault).await, []);
    writer.write(audio(&playable.key, 10).into()).await.ok();
    assert!(writer.seal().await.is_err(), "it cannot be announced any more");
    assert_eq!(listed(&*vault).await, []);
}

async fn listing_goes_round_in_bounded_steps(vault: Arc<dyn Vault>) {
    let mut expected = Vec::new();
    for id in 0..7u8 {
        let business = if id % 2 == 0 { "acme" } else { "other" };
        let playable = store(&*vault, &key(business, 1), id.into(), 10).await;
        expected.push(file(&playable, false));
    }
    for _round in 0..2 {
        let mut found = Vec::new();
        for step in [3, 3, 1] {
            let files = vault.leftovers(ALWAYS, 3).await.expect("listed");
            assert_eq!(files.len(), step);
            found.extend(files);
        }
        found.sort_by_key(|file| file.id.as_bits());
        assert_eq!(found, expected);
    }
    let before_all = Timestamp::from_millis(0);
    assert_eq!(vault.leftovers(before_all, 3).await.expect("listed"), []);
}

async fn many_read_at_once(vault: Arc<dyn Vault>) {
    let length = 1_000_001;
    let playables = [
        store(&*vault, &key("acme", 1), 1, length).await,
        store(&*vault, &key("other", 1), 2, length).await,
    ];
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..READERS {
        let vault = vault.clone();
        let playable = playables[reader as usize % 2].clone();
        readers.spawn(async move {
            let range = ByteRange { first: reader * 9_973, last: length as u64 - 1 };
            let sent = read(&*vault, &playable, range).await.expect("a sound copy");
            sent == audio(&playable.key, length)[range.first as usize..]
        });
    }
    assert!(readers.join_all().await.into_iter().all(|exact| exact));
}

// === What they are made with ===

fn key(business: &str, recording: u128) -> AudioKey {
    AudioKey {
        business: business.parse().expect("a business id"),
        recording: RecordingSid::from_bits(recording),
        format: Format::Mp3,
    }
}

/// Every eight bytes tell whose they are and where they belong, so that a foreign or misplaced one shows.
fn audio(key: &AudioKey, length: usize) -> Vec<u8> {
    let whose = format!("{}{}", key.business, key.recording);
    let seed = whose.bytes().fold(7u64, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
    let word = |index: u64| (seed << 32 | index).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let mut audio = Vec::with_capacity(length + 8);
    (0..length.div_ceil(8) as u64).for_each(|index| audio.extend_from_slice(&word(index)));
    audio.truncate(length);
    audio
}

fn described(key: &AudioKey, id: u128, length: usize) -> Playable {
    let copy = StoredCopy {
        id: CopyId::from_bits(id),
        version: Version::FIRST,
        sha256: [0; 32],
        length: length as u64,
        audio_type: AudioType::Mpeg,
        duration: Duration::from_secs(1),
        segments: SegmentDigests::default(),
    };
    Playable { key: key.clone(), copy }
}

async fn begin(vault: &dyn Vault, playable: &Playable) -> Box<dyn VaultWriter> {
    let copy = &playable.copy;
    vault.begin(&playable.key, copy.version, copy.id).await.expect("begun")
}

async fn store(vault: &dyn Vault, key: &AudioKey, id: u128, length: usize) -> Playable {
    let audio = audio(key, length);
    let mut playable = described(key, id, length);
    let sha256 = digest::digest(&digest::SHA256, &audio);
    playable.copy.sha256 = sha256.as_ref().try_into().expect("32 bytes");
    let mut writer = begin(vault, &playable).await;
    writer.write(audio.into()).await.expect("written");
    writer.seal().await.expect("sealed");
    playable
}

async fn read(
    vault: &dyn Vault,
    playable: &Playable,
    range: ByteRange,
) -> Result<Vec<u8>, VaultError> {
    let pieces: Vec<Bytes> = vault.read(playable, range).await?.try_collect().await?;
    assert!(pieces.iter().all(|piece| !piece.is_empty()));
    Ok(pieces.concat())
}

async fn read_whole(vault: &dyn Vault, playable: &Playable) -> Result<Vec<u8>, VaultError> {
    let range = ByteRange::whole(playable.copy.length).expect("not empty");
    read(vault, playable, range).await
}

async fn listed(vault: &dyn Vault) -> Vec<SealedAudio> {
    vault.leftovers(ALWAYS, 100).await.expect("listed")
}

fn file(playable: &Playable, unfinished: bool) -> SealedAudio {
    SealedAudio { key: playable.key.clone(), id: playable.copy.id, unfinished }
}

/// All ranges that begin and end at, or one byte beside, an end or a segment's boundary.
fn ranges(length: usize) -> Vec<ByteRange> {
    let boundaries = (0..length).step_by(SEGMENT).chain([length - 1, length]);
    let mut positions: Vec<u64> = boundaries
        .flat_map(|at| [at.saturating_sub(1), at, at + 1])
        .filter(|at| *at < length)
        .map(|at| at as u64)
        .collect();
    positions.sort_unstable();
    positions.dedup();
    let from = |first: u64| {
        let lasts = positions.iter().filter(move |last| **last >= first);
        lasts.map(move |last| ByteRange { first, last: *last })
    };
    positions.iter().flat_map(|first| from(*first)).collect()
}
