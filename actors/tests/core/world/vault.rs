//! A vault in memory, which remembers who began, sealed and gave up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use actors::domain::{AudioKey, ByteRange, CopyId, Playable, Timestamp, Version};
use actors::ports::{
    AudioStream, SealedAudio, UnsealedCopy, Vault, VaultError, VaultReads, VaultWriter,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{FakeClock, Journal};

pub(crate) struct FakeVault {
    files: Arc<Mutex<BTreeMap<Place, File>>>,
    /// Where the last listing of leftovers stopped.
    listed: Mutex<Option<Place>>,
    write_panics: Arc<AtomicBool>,
    journal: Journal,
    clock: Arc<FakeClock>,
}

/// Whose bytes, and which copy of them.
type Place = (AudioKey, u128);

struct File {
    bytes: Vec<u8>,
    sealed: bool,
    written_at: Timestamp,
}

impl FakeVault {
    pub(crate) fn new(journal: Journal, clock: Arc<FakeClock>) -> Self {
        Self {
            files: Arc::default(),
            listed: Mutex::default(),
            write_panics: Arc::default(),
            journal,
            clock,
        }
    }

    /// The next write panics.
    pub(crate) fn panic_when_written(&self) {
        self.write_panics.store(true, Ordering::SeqCst);
    }

    /// The last byte of a copy is lost.
    pub(crate) fn damage(&self, key: &AudioKey, id: CopyId) {
        let mut files = self.files.lock().expect("whole");
        files.get_mut(&(key.clone(), id.as_bits())).expect("a file").bytes.pop();
    }

    /// Puts a file there that this process did not write.
    pub(crate) fn leave_behind(
        &self,
        key: AudioKey,
        id: CopyId,
        sealed: bool,
        written_at: Timestamp,
    ) {
        let file = File { bytes: b"left behind".to_vec(), sealed, written_at };
        self.files.lock().expect("whole").insert((key, id.as_bits()), file);
    }

    pub(crate) fn sealed(&self) -> Vec<CopyId> {
        let files = self.files.lock().expect("whole");
        files
            .iter()
            .filter(|(_, file)| file.sealed)
            .map(|((_, id), _)| CopyId::from_bits(*id))
            .collect()
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.files.lock().expect("whole").values().filter(|file| !file.sealed).count()
    }

    pub(crate) fn bytes(&self, key: &AudioKey, id: CopyId) -> Option<Vec<u8>> {
        let files = self.files.lock().expect("whole");
        files.get(&(key.clone(), id.as_bits())).map(|file| file.bytes.clone())
    }
}

#[async_trait]
impl Vault for FakeVault {
    async fn begin(
        &self,
        key: &AudioKey,
        _: Version,
        id: CopyId,
    ) -> Result<Box<dyn VaultWriter>, VaultError> {
        let place = (key.clone(), id.as_bits());
        let file = File { bytes: Vec::new(), sealed: false, written_at: self.clock.reading() };
        self.files.lock().expect("whole").insert(place.clone(), file);
        Ok(Box::new(FakeWriter {
            place,
            files: Arc::clone(&self.files),
            panics: Arc::clone(&self.write_panics),
            clock: Arc::clone(&self.clock),
            journal: self.journal.clone(),
        }))
    }

    fn reads(&self) -> VaultReads {
        VaultReads::default()
    }

    async fn read(&self, playable: &Playable, range: ByteRange) -> Result<AudioStream, VaultError> {
        let bytes = self.bytes(&playable.key, playable.copy.id).ok_or(VaultError::Missing)?;
        let piece = usize::try_from(range.first)
            .ok()
            .zip(usize::try_from(range.last).ok())
            .and_then(|(first, last)| bytes.get(first..=last))
            .map(Bytes::copy_from_slice)
            .ok_or(VaultError::Damaged { segment: 0 })?;
        Ok(stream::iter([Ok(piece)]).boxed())
    }

    async fn verify(&self, playable: &Playable) -> Result<(), VaultError> {
        let files = self.files.lock().expect("whole");
        let place = (playable.key.clone(), playable.copy.id.as_bits());
        let file = files.get(&place).ok_or(VaultError::Missing)?;
        let sound = file.bytes.len() as u64 == playable.copy.length;
        if sound { Ok(()) } else { Err(VaultError::Damaged { segment: 0 }) }
    }

    async fn discard(&self, key: &AudioKey, id: CopyId) -> Result<(), VaultError> {
        self.journal.note(format!("discard {id}"));
        self.files.lock().expect("whole").remove(&(key.clone(), id.as_bits()));
        Ok(())
    }

    /// A full answer is continued by the next; any other ends the round.
    async fn leftovers(
        &self,
        older_than: Timestamp,
        limit: usize,
    ) -> Result<Vec<SealedAudio>, VaultError> {
        let files = self.files.lock().expect("whole");
        let mut listed = self.listed.lock().expect("whole");
        let after = listed.take();
        let found: Vec<SealedAudio> = files
            .iter()
            .filter(|(place, file)| {
                after.as_ref().is_none_or(|after| *place > after) && file.written_at < older_than
            })
            .take(limit)
            .map(|((key, id), file)| SealedAudio {
                key: key.clone(),
                id: CopyId::from_bits(*id),
                unfinished: !file.sealed,
            })
            .collect();
        if found.len() == limit {
            *listed = found.last().map(|file| (file.key.clone(), file.id.as_bits()));
        }
        Ok(found)
    }
}

/// What is in a file as long as it is not sealed.
struct FakeDraft {
    place: Place,
    files: Arc<Mutex<BTreeMap<Place, File>>>,
}

#[async_trait]
impl UnsealedCopy for FakeDraft {
    async fn read(&self, range: ByteRange) -> Result<Bytes, VaultError> {
        let files = self.files.lock().expect("whole");
        let file = files.get(&self.place).filter(|file| !file.sealed);
        let file = file.ok_or(VaultError::Missing)?;
        let first = usize::try_from(range.first).expect("not that long");
        let last = usize::try_from(range.last).expect("not that long");
        // In small bites, so that whoever follows has to come again.
        Ok(Bytes::copy_from_slice(&file.bytes[first..=last.min(first + 999)]))
    }
}

struct FakeWriter {
    place: Place,
    files: Arc<Mutex<BTreeMap<Place, File>>>,
    panics: Arc<AtomicBool>,
    clock: Arc<FakeClock>,
    journal: Journal,
}

#[async_trait]
impl VaultWriter for FakeWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), VaultError> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "the disk broke");
        let now = self.clock.reading();
        if let Some(file) = self.files.lock().expect("whole").get_mut(&self.place) {
            file.bytes.extend_from_slice(&bytes);
            file.written_at = now;
        }
        Ok(())
    }

    fn unsealed(&self) -> Arc<dyn UnsealedCopy> {
        Arc::new(FakeDraft { place: self.place.clone(), files: Arc::clone(&self.files) })
    }

    async fn seal(self: Box<Self>) -> Result<(), VaultError> {
        self.journal.note(format!("seal {}", CopyId::from_bits(self.place.1)));
        if let Some(file) = self.files.lock().expect("whole").get_mut(&self.place) {
            file.sealed = true;
        }
        Ok(())
    }
}

impl Drop for FakeWriter {
    fn drop(&mut self) {
        let mut files = self.files.lock().expect("whole");
        if files.get(&self.place).is_some_and(|file| !file.sealed) {
            self.journal.note(format!("given up {}", CopyId::from_bits(self.place.1)));
            files.remove(&self.place);
        }
    }
}
