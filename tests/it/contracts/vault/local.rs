//! The vault on the local disk: the contract, and what becomes of files that are harmed.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use actors::domain::{AudioKey, ByteRange, CopyId, Playable, Timestamp, Version};
use actors::ports::{Vault, VaultError};
use futures_util::StreamExt;
use hearback::vault::keys::{KeyRing, MasterKey};
use hearback::vault::local::{LocalVault, LocalVaultConfig};
use hearback::vault::owner::VaultOwner;
use tempfile::TempDir;

use super::memory_keys::MemoryKeys;
use super::{
    SEGMENT, audio, begin, described, file, hold_to_contract, key, listed, read_whole, store,
};

hold_to_contract! { Local::open:
    every_range_is_exact,
    however_it_arrives_it_is_kept_the_same,
    an_unsealed_copy_cannot_be_read,
    a_dropped_writer_leaves_nothing,
    a_copy_opens_only_as_what_it_is,
    no_byte_lies_behind_the_end,
    discarding_takes_one_copy_and_may_be_repeated,
    an_unfinished_copy_is_discarded_under_its_writer,
    listing_goes_round_in_bounded_steps,
    many_read_at_once,
}

const HEADER: u64 = 24;
const TAG: u64 = 16;
const SEALED_SEGMENT: u64 = SEGMENT as u64 + TAG;
/// What one visit to the disk reads.
const PIECE: usize = 8 * SEGMENT;
/// Three visits.
const LONG: usize = 2 * PIECE + 1;

pub(super) struct Local {
    pub(super) vault: Arc<LocalVault>,
    pub(super) keys: Arc<MemoryKeys>,
    dir: PathBuf,
    _home: TempDir,
}

impl Local {
    fn open() -> Self {
        Self::keeping(0)
    }

    pub(super) fn keeping(memory_bytes: u64) -> Self {
        let home = TempDir::new().expect("a folder");
        let dir = home.path().join("data/vault");
        let keys = Arc::<MemoryKeys>::default();
        let vault = open_vault_keeping(memory_bytes, &dir, keys.clone()).expect("nobody else's");
        Self { vault: Arc::new(vault), keys, dir, _home: home }
    }

    /// As after a restart: what is in memory then was read from disk.
    pub(super) fn reopened(self, memory_bytes: u64) -> Self {
        let Self { vault, keys, dir, _home } = self;
        drop(vault);
        let vault = open_vault_keeping(memory_bytes, &dir, keys.clone()).expect("nobody else's");
        Self { vault: Arc::new(vault), keys, dir, _home }
    }

    pub(super) fn path(&self, playable: &Playable) -> PathBuf {
        let Playable { key, copy } = playable;
        let name = format!("{}.{}.{}", key.recording, key.format.as_str(), copy.id);
        self.dir.join(key.business.as_str()).join(name)
    }

    async fn damaged_segment(&self, playable: &Playable) -> Option<u64> {
        let whole = ByteRange::whole(playable.copy.length).expect("not empty");
        match self.vault.read(playable, whole).await {
            Err(VaultError::Damaged { segment }) => Some(segment),
            Ok(_) | Err(_) => None,
        }
    }
}

fn open_vault(dir: &Path, keys: Arc<MemoryKeys>) -> Result<LocalVault, VaultError> {
    open_vault_keeping(0, dir, keys)
}

fn open_vault_keeping(
    memory_bytes: u64,
    dir: &Path,
    keys: Arc<MemoryKeys>,
) -> Result<LocalVault, VaultError> {
    let master = MasterKey::parse(&"5a".repeat(32)).expect("a key");
    let config = LocalVaultConfig { dir: dir.to_owned(), memory_bytes };
    LocalVault::open(config, Arc::new(KeyRing::new(&master, keys)))
}

pub(super) fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).expect("within the file");
    file.write_all_at(&[byte[0] ^ 1], offset).expect("written");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_refused_before_a_byte_is_sent() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, 3 * SEGMENT + 10).await;
    let path = local.path(&playable);
    let segments = (0..4).map(|index| HEADER + index * SEALED_SEGMENT);
    let header = [0, 7, 11, 12, 15, 16, 23];
    let ends = segments.clone().flat_map(|start| [start, start + 9]);
    let tags =
        segments.map(|start| (start + SEALED_SEGMENT - 1).min(HEADER + 3 * SEALED_SEGMENT + 25));
    for offset in header.into_iter().chain(ends).chain(tags) {
        flip(&path, offset);
        let refused = local.damaged_segment(&playable).await;
        if offset >= HEADER {
            assert_eq!(refused, Some((offset - HEADER) / SEALED_SEGMENT), "byte {offset}");
        }
        assert!(refused.is_some(), "byte {offset}");
        flip(&path, offset);
    }
    assert!(read_whole(&*local.vault, &playable).await.is_ok(), "restored, it opens again");
}

#[tokio::test]
async fn damage_further_on_ends_the_stream_with_an_error_after_exact_bytes() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, LONG).await;
    flip(&local.path(&playable), HEADER + 12 * SEALED_SEGMENT + 5);
    let whole = ByteRange::whole(LONG as u64).expect("not empty");
    let mut stream = local.vault.read(&playable, whole).await.expect("it begins sound");
    let mut sent = Vec::new();
    let error = loop {
        match stream.next().await.expect("it never ends early") {
            Ok(bytes) => sent.extend_from_slice(&bytes),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, VaultError::Damaged { segment: 12 }), "{error}");
    assert!(stream.next().await.is_none());
    assert!(sent == audio(&playable.key, LONG)[..PIECE]);
}

#[tokio::test]
async fn a_file_of_another_length_is_refused() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, 3 * SEGMENT).await;
    let path = local.path(&playable);
    let sealed = fs::read(&path).expect("read");
    let boundary = (HEADER + 2 * SEALED_SEGMENT) as usize;
    for (length, segment) in [(0, 0), (23, 0), (24, 0), (boundary, 2), (sealed.len() - 1, 2)] {
        fs::write(&path, &sealed[..length]).expect("written");
        assert_eq!(local.damaged_segment(&playable).await, Some(segment), "cut to {length}");
    }
    fs::write(&path, [&sealed[..], b"x"].concat()).expect("written");
    assert_eq!(local.damaged_segment(&playable).await, Some(2));
    let mut shorter = playable.clone();
    shorter.copy.length = 2 * SEGMENT as u64;
    fs::write(&path, &sealed[..boundary]).expect("written");
    assert_eq!(local.damaged_segment(&shorter).await, Some(1), "cut at a boundary, with its row");
}

#[tokio::test]
async fn what_is_no_file_any_more_is_damaged() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, 3 * SEGMENT).await;
    let path = local.path(&playable);
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("in its place");
    assert_eq!(local.damaged_segment(&playable).await, Some(0));
}

#[tokio::test]
async fn a_file_in_anothers_place_is_refused() {
    for (whose, theirs) in [("recording", key("acme", 2)), ("business", key("other", 1))] {
        let local = Local::open();
        let ours = store(&*local.vault, &key("acme", 1), 1, 1_000).await;
        let theirs = store(&*local.vault, &theirs, 1, 1_000).await;
        fs::copy(local.path(&theirs), local.path(&ours)).expect("copied");
        let put = |key: &AudioKey, wrapped: Vec<u8>| {
            let mut keys = local.keys.recordings.lock().expect("free");
            keys.insert(key.clone(), wrapped).expect("it had one")
        };
        let stolen_key = local.keys.recordings.lock().expect("free")[&theirs.key].clone();
        let our_key = put(&ours.key, stolen_key);
        let refused = read_whole(&*local.vault, &ours).await;
        assert!(
            matches!(refused, Err(VaultError::Keys(_))),
            "not with another {whose}'s key either"
        );
        put(&ours.key, our_key);
        assert_eq!(local.damaged_segment(&ours).await, Some(0), "another {whose}'s");
    }
}

#[tokio::test]
async fn a_destroyed_key_erases_at_once() {
    let local = Local::open();
    let first = store(&*local.vault, &key("acme", 1), 1, 1_000).await;
    let second = store(&*local.vault, &key("acme", 2), 2, 1_000).await;
    let third = store(&*local.vault, &key("acme", 3), 3, 1_000).await;
    local.keys.recordings.lock().expect("free").remove(&first.key);
    assert_eq!(local.damaged_segment(&first).await, Some(0));
    assert!(read_whole(&*local.vault, &second).await.is_ok());
    local.keys.businesses.lock().expect("free").clear();
    assert!(matches!(read_whole(&*local.vault, &third).await, Err(VaultError::Keys(_))));
}

/// The other way round, by whoever discards the copy too, is `a_discarded_copys_key_is_asked_for_again`.
#[tokio::test]
async fn a_key_that_was_destroyed_without_a_word_opens_nothing_for_longer_than_five_seconds() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, 1_000).await;
    assert!(read_whole(&*local.vault, &playable).await.is_ok());
    local.keys.businesses.lock().expect("free").clear();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    assert!(read_whole(&*local.vault, &playable).await.is_ok(), "it is remembered for so long");
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(3_100)).await;
    tokio::time::resume();
    assert!(matches!(read_whole(&*local.vault, &playable).await, Err(VaultError::Keys(_))));
}

#[tokio::test]
async fn a_discarded_copys_key_is_asked_for_again() {
    let local = Local::open();
    let one = store(&*local.vault, &key("acme", 1), 1, 1_000).await;
    let other = store(&*local.vault, &key("acme", 1), 2, 1_000).await;
    assert!(read_whole(&*local.vault, &other).await.is_ok());
    local.keys.recordings.lock().expect("free").clear();
    local.vault.discard(&one.key, one.copy.id).await.expect("discarded");
    assert_eq!(local.damaged_segment(&other).await, Some(0), "the old key opened it from memory");
}

#[tokio::test]
async fn while_the_store_of_keys_is_away_what_was_read_before_is_read_on() {
    let local = Local::open();
    let known = store(&*local.vault, &key("acme", 1), 1, 1_000).await;
    let other = store(&*local.vault, &key("acme", 2), 2, 1_000).await;
    assert!(read_whole(&*local.vault, &known).await.is_ok());
    local.keys.away.store(true, Ordering::Relaxed);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    assert!(read_whole(&*local.vault, &known).await.is_ok());
    assert!(matches!(read_whole(&*local.vault, &other).await, Err(VaultError::KeysAway(_))));
    local.vault.discard(&known.key, CopyId::from_bits(9)).await.expect("nothing was there");
    assert!(matches!(read_whole(&*local.vault, &known).await, Err(VaultError::KeysAway(_))));
}

#[tokio::test]
async fn nothing_on_disk_is_in_the_clear_or_open_to_others() {
    let local = Local::open();
    let playable = described(&key("acme", 1), 1, 100_000);
    let words = b"what the caller said ".repeat(4_762)[..100_000].to_vec();
    let mut writer = begin(&*local.vault, &playable).await;
    writer.write(words.into()).await.expect("written");
    writer.seal().await.expect("sealed");
    let path = local.path(&playable);
    let sealed = fs::read(&path).expect("read");
    assert!(
        !sealed
            .windows(8)
            .any(|bytes| b"what the caller said what the".windows(8).any(|words| words == bytes))
    );
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().expect("a business's folder")), 0o700);
    assert_eq!(mode(&local.dir), 0o700);
    assert_eq!(mode(&local.dir.join(".owner")), 0o600);
}

#[tokio::test]
async fn the_same_audio_is_never_sealed_alike() {
    let local = Local::open();
    let key = key("acme", 1);
    let one = store(&*local.vault, &key, 1, SEGMENT).await;
    let other = store(&*local.vault, &key, 2, SEGMENT).await;
    let sealed = [one, other].map(|copy| fs::read(local.path(&copy)).expect("read"));
    let [one, other] = sealed.each_ref().map(|file| &file[HEADER as usize..]);
    let common = one.iter().zip(other).filter(|(one, other)| one == other).count();
    assert!(common < SEGMENT / 100, "{common} bytes are the same");
}

#[tokio::test]
async fn the_vault_has_one_owner_at_a_time() {
    let local = Local::open();
    let refused = open_vault(&local.dir, local.keys.clone()).err().expect("it is taken");
    assert!(refused.to_string().contains(&local.dir.display().to_string()), "{refused}");
    assert!(
        matches!(refused, VaultError::Io { source, .. } if source.kind() == ErrorKind::ResourceBusy)
    );
    let writer = begin(&*local.vault, &described(&key("acme", 1), 1, 10)).await;
    let Local { vault, keys, dir, _home } = local;
    drop(vault);
    assert!(open_vault(&dir, keys.clone()).is_err(), "something is still being written");
    drop(writer);
    assert!(open_vault(&dir, keys).is_ok());
}

#[tokio::test]
async fn a_vault_that_was_given_up_is_read_and_never_written() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, 1_000).await;
    let mut writer = begin(&*local.vault, &described(&key("acme", 2), 1, 10)).await;
    local.vault.give_up();
    assert!(open_vault(&local.dir, local.keys.clone()).is_err(), "one is still writing");
    writer.write(vec![7; 10].into()).await.expect("written");
    writer.seal().await.expect("sealed");
    let successor = open_vault(&local.dir, local.keys.clone()).expect("it is free");
    let read = read_whole(&*local.vault, &playable).await.expect("sound");
    assert_eq!(read, audio(&playable.key, 1_000));
    let begun = local.vault.begin(&playable.key, Version(2), CopyId::from_bits(3)).await;
    assert!(begun.is_err(), "it writes into another's vault");
    assert!(local.vault.discard(&playable.key, playable.copy.id).await.is_err());
    assert!(read_whole(&successor, &playable).await.is_ok());
}

#[tokio::test]
async fn a_successor_waits_until_the_vault_is_free_but_not_for_ever() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().to_owned();
    let owner = VaultOwner::take(&dir).expect("nobody else's");
    let impatient = VaultOwner::take_within(&dir, Duration::from_millis(30)).await;
    assert_eq!(impatient.expect_err("it is taken").kind(), ErrorKind::ResourceBusy);
    let patient = VaultOwner::take_within(&dir, Duration::from_secs(30));
    let (taken, ()) = tokio::join!(patient, async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        drop(owner);
    });
    assert!(taken.is_ok());
}

#[tokio::test]
async fn a_vault_keeps_its_copies_when_it_is_opened_again() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, 1_000).await;
    let Local { vault, keys, dir, _home } = local;
    drop(vault);
    let vault = open_vault(&dir, keys).expect("nobody else's");
    assert_eq!(read_whole(&vault, &playable).await.expect("sound"), audio(&playable.key, 1_000));
}

#[tokio::test]
async fn a_reader_is_not_disturbed_when_the_copy_is_discarded() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, LONG).await;
    let whole = ByteRange::whole(LONG as u64).expect("not empty");
    let mut stream = local.vault.read(&playable, whole).await.expect("sound");
    local.vault.discard(&playable.key, playable.copy.id).await.expect("discarded");
    let mut sent = Vec::new();
    while let Some(bytes) = stream.next().await {
        sent.extend_from_slice(&bytes.expect("still there"));
    }
    assert!(sent == audio(&playable.key, LONG));
}

#[tokio::test]
async fn a_file_cut_under_a_reader_is_an_error_and_no_end() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, LONG).await;
    let whole = ByteRange::whole(LONG as u64).expect("not empty");
    let mut stream = local.vault.read(&playable, whole).await.expect("sound");
    let file = OpenOptions::new().write(true).open(local.path(&playable)).expect("opened");
    file.set_len(HEADER + 12 * SEALED_SEGMENT).expect("cut");
    assert!(stream.next().await.is_some_and(|first| first.is_ok()));
    let second = stream.next().await.expect("it never ends early");
    assert!(matches!(second, Err(VaultError::Damaged { segment: 12 })));
}

#[tokio::test]
async fn only_our_own_old_files_are_listed() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, 10).await;
    let name = local.path(&playable);
    for foreign in [".owner", "notes.txt", "acme/notes.txt", "acme/.hidden", "lost+found"] {
        fs::write(local.dir.join(foreign), "not ours").expect("written");
    }
    fs::create_dir(name.with_extension(CopyId::from_bits(2).to_string())).expect("created");
    let written = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
    File::open(&name).expect("opened").set_modified(written).expect("dated");
    assert_eq!(listed(&*local.vault).await, [file(&playable, false)]);
    for (older_than_ms, expected) in [(1_500, 0), (1_501, 1)] {
        let older_than = Timestamp::from_millis(older_than_ms);
        let found = local.vault.leftovers(older_than, 10).await.expect("listed");
        assert_eq!(found.len(), expected, "older than {older_than_ms} ms");
    }
}

#[tokio::test]
async fn what_a_dead_process_left_unfinished_is_listed_and_discarded() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, 10).await;
    let left = described(&key("acme", 2), 2, 10);
    let mut part = local.path(&left).into_os_string();
    part.push(".part");
    fs::rename(local.path(&playable), &part).expect("renamed");
    assert!(matches!(read_whole(&*local.vault, &left).await, Err(VaultError::Missing)));
    assert_eq!(listed(&*local.vault).await, [file(&left, true)]);
    local.vault.discard(&left.key, left.copy.id).await.expect("discarded");
    assert!(!Path::new(&part).exists());
}

#[tokio::test]
async fn while_its_disk_is_not_mounted_nothing_is_missing_written_or_removed() {
    let local = Local::open();
    let playable = store(&*local.vault, &key("acme", 1), 1, 10).await;
    let elsewhere = local.dir.with_extension("unmounted");
    for left_behind in [None, Some(""), Some(".owner")] {
        fs::rename(&local.dir, &elsewhere).expect("unmounted");
        if let Some(name) = left_behind {
            fs::create_dir(&local.dir).expect("the mount point");
            if name == ".owner" {
                fs::write(local.dir.join(name), "").expect("another vault");
            }
        }
        let refused = |error| assert!(matches!(error, VaultError::Io { .. }), "{error}");
        refused(read_whole(&*local.vault, &playable).await.expect_err("not there"));
        refused(local.vault.discard(&playable.key, playable.copy.id).await.expect_err("not there"));
        let other = described(&key("globex", 2), 1, 10);
        let begun = local.vault.begin(&other.key, other.copy.version, other.copy.id).await;
        refused(begun.err().expect("not there"));
        assert!(!local.dir.join("globex").exists(), "{left_behind:?}");
        if left_behind.is_some() {
            fs::remove_dir_all(&local.dir).expect("removed");
        }
        fs::rename(&elsewhere, &local.dir).expect("mounted again");
        read_whole(&*local.vault, &playable).await.expect("as it was");
    }
}

#[tokio::test]
async fn a_copy_is_never_written_over_another() {
    let local = Local::open();
    let playable = described(&key("acme", 1), 1, 10);
    let first = begin(&*local.vault, &playable).await;
    let second = local.vault.begin(&playable.key, playable.copy.version, playable.copy.id).await;
    assert!(
        matches!(second, Err(VaultError::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists)
    );
    first.seal().await.expect("undisturbed");
}
