//! What has arrived of a recording: checked, hashed, written, and released to those who listen meanwhile.
//!
//! Invariant: the last byte is released only when all of them were found good. Bytes of a version that was sent
//! before are released only as far as they are recognised.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::FetchOrder;
use super::segments::SegmentHasher;
use crate::arrival::{Beginning, Publisher};
use crate::domain::{
    AudioCheck, CopyId, FetchError, Phase, Progress, SegmentDigests, StoredCopy, Version,
};
use crate::ports::{Resume, SourceBody, Vault, VaultError, VaultWriter};
use crate::recording::machine::ExpectedBytes;

/// What a fetch leaves to the next one of the same recording. Whoever wants no next one drops it, and those who
/// listen are told.
#[derive(Clone, Default)]
pub(crate) struct Unfinished(Arc<Mutex<Option<Left>>>);

/// With its place among those that may be left at a time: each is an open file and a part of a recording in memory.
type Left = (Intake, OwnedSemaphorePermit);

pub(crate) struct Intake {
    id: CopyId,
    version: Version,
    began: Instant,
    vault: Arc<dyn Vault>,
    writer: Box<dyn VaultWriter>,
    check: AudioCheck,
    hash: Sha256,
    segments: SegmentHasher,
    received: u64,
    total: Option<u64>,
    validator: Option<String>,
    known: Option<StoredCopy>,
    /// Once it begins as it should, and its length is known.
    publisher: Option<Publisher>,
}

impl Unfinished {
    pub(super) fn take(&self, version: Version) -> Option<Intake> {
        let (intake, _) = self.left().take()?;
        (intake.version == version).then_some(intake)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left().is_none()
    }

    /// Only what somebody may have heard, and where there is a place for it.
    pub(super) fn keep(&self, intake: Intake, places: &Arc<Semaphore>) {
        if intake.publisher.is_some()
            && let Ok(place) = Arc::clone(places).try_acquire_owned()
        {
            *self.left() = Some((intake, place));
        }
    }

    fn left(&self) -> MutexGuard<'_, Option<Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intake {
    /// Of a body that begins at its beginning.
    pub(super) fn begin(
        order: &FetchOrder,
        id: CopyId,
        vault: &Arc<dyn Vault>,
        writer: Box<dyn VaultWriter>,
        body: &SourceBody,
    ) -> Result<Self, FetchError> {
        let known = match &order.expected.bytes {
            ExpectedBytes::Any | ExpectedBytes::Continued => None,
            ExpectedBytes::Known(copy) => Some(copy.clone()),
        };
        if let (Some(known), Some(total)) = (&known, body.total)
            && known.length != total
        {
            return Err(FetchError::ContentChanged);
        }
        Ok(Self {
            id,
            version: order.expected.version,
            began: Instant::now(),
            vault: Arc::clone(vault),
            writer,
            check: AudioCheck::default(),
            hash: Sha256::new(),
            segments: SegmentHasher::default(),
            received: 0,
            total: body.total,
            validator: body.validator.clone(),
            known,
            publisher: None,
        })
    }

    pub(super) const fn began(&self) -> Instant {
        self.began
    }

    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    /// What a request for the rest would say, if the source named what it sent.
    pub(super) fn rest(&self) -> Option<Resume> {
        let (validator, total) = (self.validator.clone()?, self.total?);
        Some(Resume { offset: self.received, total, validator })
    }

    /// Takes a body in to its end. One that begins anew must begin as what is here.
    pub(super) async fn take_in(
        &mut self,
        mut body: SourceBody,
        order: &FetchOrder,
    ) -> Result<(), FetchError> {
        if body.total != self.total {
            return Err(FetchError::ContentChanged);
        }
        if body.start != 0 && body.start != self.received {
            return Err(FetchError::Unexpected("a rest that begins somewhere else".to_owned()));
        }
        let mut again = Again { hash: Sha256::new(), left: self.received - body.start };
        self.report(Phase::Receiving, order);
        if let Some(publisher) = &self.publisher {
            order.admit(publisher.arrival());
        }
        while let Some(chunk) = body.chunks.next().await {
            let chunk = match chunk {
                // How the source ends after the last byte does not matter; of a rest without bytes it knows nothing.
                Err(_) if again.left == 0 && self.total == Some(self.received) => break,
                chunk => chunk?,
            };
            let fresh = again.skip(chunk, &self.hash)?;
            if !fresh.is_empty() {
                self.push(fresh, order).await?;
            }
        }
        if again.left > 0 || self.total.is_some_and(|total| total != self.received) {
            return Err(FetchError::Cut { received: self.received });
        }
        Ok(())
    }

    async fn push(&mut self, chunk: Bytes, order: &FetchOrder) -> Result<(), FetchError> {
        self.check.push(&chunk)?;
        self.hash.update(&chunk);
        self.segments.push(&chunk);
        self.received += chunk.len() as u64;
        self.writer.write(chunk).await.map_err(in_vault)?;
        self.release(order)?;
        self.report(Phase::Receiving, order);
        Ok(())
    }

    /// Lets those who listen have what is known to be right.
    fn release(&mut self, order: &FetchOrder) -> Result<(), FetchError> {
        let recognised = match &self.known {
            None => self.received,
            Some(known) if known.segments == SegmentDigests::default() => 0,
            Some(known) => {
                self.segments.recognised_bytes(&known.segments).ok_or(FetchError::ContentChanged)?
            }
        };
        let (Some(total), Some(audio_type)) = (self.total, self.check.audio_type()) else {
            return Ok(());
        };
        let released = recognised.min(total.saturating_sub(1));
        if let Some(publisher) = &self.publisher {
            publisher.release(released);
            return Ok(());
        }
        let (key, version) = (order.key.clone(), self.version);
        let beginning = Beginning { key, version, length: total, audio_type };
        let (unsealed, vault) = (self.writer.unsealed(), Arc::clone(&self.vault));
        let publisher = Publisher::new(beginning, unsealed, vault, order.audience.clone());
        publisher.release(released);
        order.admit(publisher.arrival());
        self.publisher = Some(publisher);
        Ok(())
    }

    /// Judges the end, releases it, and makes the copy durable.
    pub(super) async fn accept(self, order: &FetchOrder) -> Result<StoredCopy, FetchError> {
        self.report(Phase::Sealing, order);
        let facts = self.check.finish(order.duration)?;
        if let Some(announced) = facts.longer_than {
            tracing::info!(
                recording.sid = %order.key.recording, announced_ms = announced.as_millis(),
                measured_ms = facts.duration.as_millis(), "longer than announced; accepted"
            );
        }
        let sha256: [u8; 32] = self.hash.finalize().into();
        if self.known.is_some_and(|known| known.sha256 != sha256) {
            return Err(FetchError::ContentChanged);
        }
        if let Some(publisher) = &self.publisher {
            publisher.release(self.received);
        }
        self.writer.seal().await.map_err(in_vault)?;
        let copy = StoredCopy {
            id: self.id,
            version: self.version,
            sha256,
            length: self.received,
            audio_type: facts.audio_type,
            duration: facts.duration,
            segments: self.segments.finish(),
        };
        if let Some(publisher) = self.publisher {
            publisher.seal(copy.clone());
        }
        Ok(copy)
    }

    pub(super) fn report(&self, phase: Phase, order: &FetchOrder) {
        let progress = Progress { phase, received: self.received, total: self.total };
        order.progress.send_replace(progress);
    }
}

/// The part of a body that is here already.
struct Again {
    hash: Sha256,
    left: u64,
}

impl Again {
    /// What of the chunk is new; an error when the part that is not differs from what is here.
    fn skip(&mut self, mut chunk: Bytes, known: &Sha256) -> Result<Bytes, FetchError> {
        if self.left == 0 {
            return Ok(chunk);
        }
        let here = usize::try_from(self.left).map_or(chunk.len(), |left| left.min(chunk.len()));
        let repeated = chunk.split_to(here);
        self.hash.update(&repeated);
        self.left -= repeated.len() as u64;
        let same = self.left > 0 || self.hash.clone().finalize() == known.clone().finalize();
        same.then_some(chunk).ok_or(FetchError::ContentChanged)
    }
}

pub(super) fn in_vault(error: VaultError) -> FetchError {
    FetchError::Vault(error.to_string())
}
