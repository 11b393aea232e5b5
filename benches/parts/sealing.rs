//! A recording's way into the vault on the local disk, and out of it again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actors::domain::{
    AudioKey, AudioType, ByteRange, CopyId, Playable, RecordingSid, SegmentDigests, StoredCopy,
    Version,
};
use actors::ports::Vault;
use bytes::Bytes;
use criterion::{Criterion, Throughput};
use futures_util::TryStreamExt;
use hearback::vault::keys::{KeyRing, MasterKey};
use hearback::vault::local::{LocalVault, LocalVaultConfig};

use crate::core::world;
use crate::memory_keys::MemoryKeys;
use crate::{RECORDING_BYTES, runtime};

const PIECE_BYTES: usize = 16 * 1_024;

/// Written in pieces as they come from the network, and synced: most of it is the disk.
pub(crate) fn seal(criterion: &mut Criterion) {
    let (home, runtime) = (tempfile::tempdir().expect("a folder"), runtime());
    let vault = vault(home.path());
    let next = AtomicU64::new(1);
    let mut group = criterion.benchmark_group("seal");
    group.throughput(Throughput::Bytes(RECORDING_BYTES)).sample_size(20);
    group.bench_function("1 MB", |bencher| {
        bencher.iter(|| {
            runtime.block_on(store(&vault, next.fetch_add(1, Ordering::Relaxed)));
        });
    });
}

/// From the kernel's page cache, every byte verified.
pub(crate) fn open(criterion: &mut Criterion) {
    let (home, runtime) = (tempfile::tempdir().expect("a folder"), runtime());
    let vault = vault(home.path());
    let playable = runtime.block_on(store(&vault, 1));
    for (name, last) in [("2 bytes", 1), ("64 KiB", 65_535), ("1 MB", RECORDING_BYTES - 1)] {
        let range = ByteRange { first: 0, last };
        let mut group = criterion.benchmark_group("open");
        group.throughput(Throughput::Bytes(range.length()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(read(&vault, &playable, range)));
        });
    }
}

fn vault(home: &Path) -> LocalVault {
    let master = MasterKey::parse(&"5a".repeat(32)).expect("a key");
    let keys = KeyRing::new(&master, Arc::<MemoryKeys>::default());
    // Nothing is kept in memory.
    let config = LocalVaultConfig { dir: home.join("vault"), memory_bytes: 0 };
    LocalVault::open(config, Arc::new(keys)).expect("nobody else's")
}

async fn store(vault: &LocalVault, nth: u64) -> Playable {
    let key = AudioKey { recording: RecordingSid::from_bits(1), ..world::audio(1) };
    let id = CopyId::from_bits(u128::from(nth));
    let mut writer = vault.begin(&key, Version::FIRST, id).await.expect("begun");
    let mut rest = Bytes::from(vec![0x5a; RECORDING_BYTES as usize]);
    while !rest.is_empty() {
        let piece = rest.split_to(PIECE_BYTES.min(rest.len()));
        writer.write(piece).await.expect("written");
    }
    writer.seal().await.expect("sealed");
    let copy = StoredCopy {
        id,
        version: Version::FIRST,
        sha256: [0; 32],
        length: RECORDING_BYTES,
        audio_type: AudioType::Mpeg,
        duration: Duration::from_secs(250),
        segments: SegmentDigests::default(),
    };
    Playable { key, copy }
}

async fn read(vault: &LocalVault, playable: &Playable, range: ByteRange) {
    let mut stream = vault.read(playable, range).await.expect("opened");
    let mut count = 0;
    while let Some(piece) = stream.try_next().await.expect("whole") {
        count += piece.len() as u64;
    }
    assert_eq!(count, range.length());
}
