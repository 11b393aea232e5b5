//! Where verified bytes are kept, sealed.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::domain::{
    AccountSid, AudioKey, BusinessId, ByteRange, CopyId, Playable, Timestamp, Version,
};

#[async_trait]
pub trait Vault: Send + Sync {
    /// Begins a copy. Nothing of it can be read before `seal` returned.
    async fn begin(
        &self,
        key: &AudioKey,
        version: Version,
        id: CopyId,
    ) -> Result<Box<dyn VaultWriter>, VaultError>;

    /// Opens bytes of a copy for sending. The first piece is verified before this returns; the stream
    /// ends with an error, never early, when a later one is not what was sealed.
    async fn read(&self, playable: &Playable, range: ByteRange) -> Result<AudioStream, VaultError>;

    /// Reads all of a copy from where it lasts, past what is kept in memory, and compares it with its digest. Damage is
    /// what is not as it was sealed.
    async fn verify(&self, playable: &Playable) -> Result<(), VaultError>;

    /// The first bytes of a range that can be sent without waiting, from what is kept in memory: at least one, and all
    /// that lie together with it. Never of a copy whose discarding has begun.
    fn at_hand(&self, playable: &Playable, range: ByteRange) -> Option<Bytes> {
        let _ = (playable, range);
        None
    }

    /// How copies were read since the process began.
    fn reads(&self) -> VaultReads;

    /// Removes a copy. Removing what is not there is no error.
    async fn discard(&self, key: &AudioKey, id: CopyId) -> Result<(), VaultError>;

    /// Lists sealed and unfinished files last written before `older_than`, `limit` at most, so that
    /// those without a row can be discarded.
    async fn leftovers(
        &self,
        older_than: Timestamp,
        limit: usize,
    ) -> Result<Vec<SealedAudio>, VaultError>;
}

/// Pieces that were read for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VaultReads {
    /// Out of memory; without what was `at_hand`.
    pub memory: u64,
    pub disk: u64,
    /// In vain: there was no such copy, it was damaged, disk or keys failed.
    pub missing: u64,
    pub damaged: u64,
    pub failed: u64,
}

/// One copy on its way into the vault. Dropping it unsealed leaves nothing behind.
#[async_trait]
pub trait VaultWriter: Send {
    /// What was written can be read by way of `unsealed` when this returns. A disk that is slow delays the next
    /// write, not this one.
    async fn write(&mut self, bytes: Bytes) -> Result<(), VaultError>;

    fn unsealed(&self) -> Arc<dyn UnsealedCopy>;

    /// Makes the copy durable: file synced, renamed, directory synced.
    async fn seal(self: Box<Self>) -> Result<(), VaultError>;
}

/// What was written of a copy so far, for those who listen while it arrives. Says that it is missing once its
/// writer is gone; what was sealed is then read like any copy.
#[async_trait]
pub trait UnsealedCopy: Send + Sync {
    /// Bytes from the beginning of the range on, at least one; all of the range was written.
    async fn read(&self, range: ByteRange) -> Result<Bytes, VaultError>;
}

pub type AudioStream = BoxStream<'static, Result<Bytes, VaultError>>;

/// A file in the vault, as its name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedAudio {
    pub key: AudioKey,
    pub id: CopyId,
    /// Whether it was being written when its writer died.
    pub unfinished: bool,
}

/// Where wrapped keys are kept: beside what they seal, so that one backup holds both, and dropping a row
/// erases what its key sealed.
#[async_trait]
pub trait SealedKeys: Send + Sync {
    /// The key of a business or, with a recording's key wrapped by it, of a recording: returns what is
    /// stored, after storing `fresh` if nothing was.
    async fn key_of_business(
        &self,
        business: &BusinessId,
        fresh: Vec<u8>,
    ) -> Result<Vec<u8>, VaultError>;

    async fn key_of_recording(&self, key: &AudioKey, fresh: Vec<u8>)
    -> Result<Vec<u8>, VaultError>;

    /// A known text sealed with the master key; `None` while nothing was ever sealed. Tells a wrong or
    /// lost master key from a new installation.
    async fn key_check(&self) -> Result<Option<Vec<u8>>, VaultError>;

    async fn set_key_check(&self, check: Vec<u8>) -> Result<(), VaultError>;

    /// Puts in the place of everything that the master key sealed what `reseal` makes of it, all or nothing, and
    /// says how much that was.
    async fn reseal_all(&self, reseal: Reseal) -> Result<u64, VaultError>;
}

pub type Reseal =
    Box<dyn Fn(&SealedByMaster, &[u8]) -> Result<Vec<u8>, VaultError> + Send + Sync + 'static>;

/// What the master key seals by itself. All else is sealed with keys of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedByMaster {
    KeyCheck,
    KeyOfBusiness(BusinessId),
    AuthTokenOf(AccountSid),
}

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("no such copy")]
    Missing,
    /// A segment that does not open: rotten, cut short, or of another recording.
    #[error("segment {segment} of the copy is damaged")]
    Damaged { segment: u64 },
    #[error("{doing}: {source}")]
    Io { doing: &'static str, source: std::io::Error },
    #[error("{0}")]
    Keys(String),
    /// Nothing is wrong with the keys; only where they are kept cannot be reached.
    #[error("the keys are out of reach: {0}")]
    KeysAway(String),
}

impl VaultError {
    /// Whether the copy itself is bad, so that only fetching it again helps.
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Missing | Self::Damaged { .. } => true,
            Self::Io { .. } | Self::Keys(_) | Self::KeysAway(_) => false,
        }
    }
}
