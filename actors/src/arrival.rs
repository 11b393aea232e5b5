//! A recording that is being downloaded, as those see it who listen while it arrives.
//!
//! The transfer says how many bytes may be sent by now; each listener takes them at its own pace from what the vault
//! has not sealed yet, and from the sealed copy once there is one.
//!
//! Invariant: a stream ends normally only after every byte that was asked for. A transfer that goes away without
//! having sealed a copy is a failure to those who follow it, and so is one that stands still for too long.
//! Invariant: listeners share the bytes, and hold none while they wait.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::domain::{AudioKey, AudioType, ByteRange, Playable, StoredCopy, Version};
use crate::ports::{AudioStream, UnsealedCopy, Vault, VaultError};

/// A transfer that brings nothing for so long, its pauses between two requests included, is given up by its listeners.
const STANDSTILL_MAX: Duration = Duration::from_mins(1);

/// Clone it freely: one for each listener.
#[derive(Clone)]
pub struct Arrival(Arc<Arriving>);

struct Arriving {
    key: AudioKey,
    version: Version,
    length: u64,
    audio_type: AudioType,
    unsealed: Arc<dyn UnsealedCopy>,
    vault: Arc<dyn Vault>,
    extent: watch::Receiver<Extent>,
    seats: Arc<Seats>,
}

/// How many listen to what is not sealed yet, of all downloads together.
pub(crate) type Audience = watch::Sender<usize>;

pub type FollowedAudio = BoxStream<'static, Result<Bytes, FollowError>>;

/// Why the bytes that were promised do not come.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("the download failed")]
    Failed,
    #[error("nothing arrived for {} s", STANDSTILL_MAX.as_secs())]
    Standstill,
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// What listeners may have by now.
#[derive(Debug, Clone)]
enum Extent {
    /// So many bytes from the start.
    Released(u64),
    Sealed(StoredCopy),
}

/// The transfer's end. Dropped before the copy is sealed, it fails whoever follows.
pub(crate) struct Publisher {
    extent: watch::Sender<Extent>,
    arrival: Arrival,
}

impl Arrival {
    pub fn key(&self) -> &AudioKey {
        &self.0.key
    }

    pub fn version(&self) -> Version {
        self.0.version
    }

    /// Of the whole recording, as the source declared it.
    pub fn length(&self) -> u64 {
        self.0.length
    }

    pub fn audio_type(&self) -> AudioType {
        self.0.audio_type
    }

    /// The bytes of a range that lies within the recording, each as soon as it may be sent.
    pub fn follow(&self, range: ByteRange) -> FollowedAudio {
        let listener = Listener {
            arriving: Arc::clone(&self.0),
            extent: self.0.extent.clone(),
            rest: Some(range),
            _seat: Seat::take(&self.0.seats),
        };
        stream::try_unfold(listener, Listener::next).try_flatten().boxed()
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Arrival({} bytes)", self.0.length)
    }
}

impl PartialEq for Arrival {
    /// The same download, not only the same bytes.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// One who follows.
struct Listener {
    arriving: Arc<Arriving>,
    extent: watch::Receiver<Extent>,
    rest: Option<ByteRange>,
    _seat: Seat,
}

/// A download's part of the audience. None is left when it ends, however slowly somebody goes on taking what was sealed.
struct Seats {
    audience: Audience,
    taken: Mutex<Option<usize>>,
}

impl Seats {
    fn new(audience: Audience) -> Self {
        Self { audience, taken: Mutex::new(Some(0)) }
    }

    fn change(&self, change: impl FnOnce(usize) -> Option<usize>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = *taken else { return };
        *taken = change(before);
        let after = taken.unwrap_or(0);
        self.audience.send_modify(|count| *count = *count + after - before);
    }
}

/// One of the audience, until it is dropped.
struct Seat(Arc<Seats>);

impl Seat {
    fn take(seats: &Arc<Seats>) -> Self {
        seats.change(|taken| Some(taken + 1));
        Self(Arc::clone(seats))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.change(|taken| Some(taken - 1));
    }
}

impl Listener {
    /// The next bytes; all that are left once the copy is sealed.
    async fn next(mut self) -> Result<Option<(FollowedAudio, Self)>, FollowError> {
        let Some(rest) = self.rest else { return Ok(None) };
        loop {
            let extent = self.extent.borrow_and_update().clone();
            match extent {
                Extent::Sealed(copy) => {
                    let sealed = self.arriving.sealed(copy, rest).await?;
                    self.rest = None;
                    return Ok(Some((sealed.map_err(FollowError::Vault).boxed(), self)));
                }
                Extent::Released(count) if count > rest.first => {
                    let here = ByteRange { first: rest.first, last: rest.last.min(count - 1) };
                    match self.arriving.unsealed.read(here).await {
                        Ok(bytes) => {
                            self.rest = rest.after(bytes.len() as u64);
                            return Ok(Some((stream::iter([Ok(bytes)]).boxed(), self)));
                        }
                        // Sealed a moment ago, or given up: which of them is said next.
                        Err(VaultError::Missing) => self.news().await?,
                        Err(error) => return Err(error.into()),
                    }
                }
                Extent::Released(_) => self.news().await?,
            }
        }
    }

    async fn news(&mut self) -> Result<(), FollowError> {
        match timeout(STANDSTILL_MAX, self.extent.changed()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(FollowError::Failed),
            Err(_) => Err(FollowError::Standstill),
        }
    }
}

impl Arriving {
    async fn sealed(&self, copy: StoredCopy, rest: ByteRange) -> Result<AudioStream, VaultError> {
        let playable = Playable { key: self.key.clone(), copy };
        self.vault.read(&playable, rest).await
    }
}

/// What is known of a recording when its first bytes are here.
pub(crate) struct Beginning {
    pub(crate) key: AudioKey,
    pub(crate) version: Version,
    pub(crate) length: u64,
    pub(crate) audio_type: AudioType,
}

impl Publisher {
    pub(crate) fn new(
        beginning: Beginning,
        unsealed: Arc<dyn UnsealedCopy>,
        vault: Arc<dyn Vault>,
        audience: Audience,
    ) -> Self {
        let Beginning { key, version, length, audio_type } = beginning;
        let (sender, extent) = watch::channel(Extent::Released(0));
        let seats = Arc::new(Seats::new(audience));
        let arriving =
            Arriving { key, version, length, audio_type, unsealed, vault, extent, seats };
        Self { extent: sender, arrival: Arrival(Arc::new(arriving)) }
    }

    pub(crate) const fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// So many bytes from the start may be sent.
    pub(crate) fn release(&self, count: u64) {
        self.extent.send_replace(Extent::Released(count));
    }

    pub(crate) fn seal(self, copy: StoredCopy) {
        self.extent.send_replace(Extent::Sealed(copy));
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.arrival.0.seats.change(|_| None);
    }
}
