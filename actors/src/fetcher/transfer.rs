//! One transfer: source → check → vault. Nothing of it can be read before all of it was found good.
//!
//! A transfer that is cut goes on where it was, as often as each request brings something worth keeping. What
//! goes on must be the same audio: the source says so when it resumes, and the hash when it begins anew.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use super::{FetchOrder, Pacer};
use crate::domain::{AudioCheck, CopyId, FetchError, Phase, Progress, StoredCopy};
use crate::ports::{RecordingSource, Resume, SourceBody, Vault, VaultError, VaultWriter};

/// Of one fetch, all requests together.
const FETCH_MAX: Duration = Duration::from_hours(1);
const REQUESTS_MAX: u32 = 20;
/// A request that brought less is not worth going on from: one segment of the vault.
const PROGRESS_BYTES_MIN: u64 = 64 * 1024;
/// Before going on; longer each time.
const RESUME_PAUSE: Duration = Duration::from_millis(250);
/// A place in the pool is not held longer for an account that is paused.
const PACE_WAIT_MAX: Duration = Duration::from_secs(30);

/// Where bytes come from and go to.
pub(super) struct Ends<'a> {
    pub(super) source: &'a dyn RecordingSource,
    pub(super) vault: &'a dyn Vault,
    pub(super) pacer: &'a Pacer,
}

pub(super) async fn transfer(
    order: &FetchOrder,
    id: CopyId,
    ends: Ends<'_>,
) -> Result<StoredCopy, FetchError> {
    let fetched = fetch(order, id, &ends);
    timeout(FETCH_MAX, fetched).await.unwrap_or(Err(FetchError::TimedOut("finish within an hour")))
}

async fn fetch(order: &FetchOrder, id: CopyId, ends: &Ends<'_>) -> Result<StoredCopy, FetchError> {
    order.progress.send_replace(Progress { phase: Phase::Connecting, ..Progress::QUEUED });
    let mut body = ends.source.open(&order.request).await?;
    let writer =
        ends.vault.begin(&order.key, order.expected.version, id).await.map_err(in_vault)?;
    let mut intake = Intake::new(order, writer, &body);
    for request in 1.. {
        let before = intake.received;
        let Err(error) = intake.take_in(body).await else { break };
        let worth_it = intake.received - before >= PROGRESS_BYTES_MIN;
        if !error.is_interruption() || !worth_it || request == REQUESTS_MAX {
            return Err(error);
        }
        tracing::info!(
            recording.sid = %order.key.recording, received_bytes = intake.received, request, %error,
            "transfer interrupted; it goes on"
        );
        sleep(RESUME_PAUSE * request).await;
        admitted(order, ends.pacer, error).await?;
        body = match intake.rest() {
            Some(rest) => ends.source.resume(&order.request, &rest).await?,
            None => ends.source.open(&order.request).await?,
        };
    }
    intake.seal(id).await
}

/// Each request of a fetch takes its turn at the account's pace.
async fn admitted(order: &FetchOrder, pacer: &Pacer, error: FetchError) -> Result<(), FetchError> {
    let waiting = async {
        while let Err(closed_for) = pacer.admit(order.request.account) {
            sleep(closed_for).await;
        }
    };
    timeout(PACE_WAIT_MAX, waiting).await.map_err(|_| error)
}

/// What has arrived so far.
struct Intake<'a> {
    order: &'a FetchOrder,
    writer: Box<dyn VaultWriter>,
    check: AudioCheck,
    hash: Sha256,
    received: u64,
    total: Option<u64>,
    validator: Option<String>,
}

impl<'a> Intake<'a> {
    fn new(order: &'a FetchOrder, writer: Box<dyn VaultWriter>, body: &SourceBody) -> Self {
        Self {
            order,
            writer,
            check: AudioCheck::default(),
            hash: Sha256::new(),
            received: 0,
            total: body.total,
            validator: body.validator.clone(),
        }
    }

    /// Takes a body in to its end. One that begins anew must begin as what is here.
    async fn take_in(&mut self, mut body: SourceBody) -> Result<(), FetchError> {
        if body.total != self.total {
            return Err(FetchError::ContentChanged);
        }
        if body.start != 0 && body.start != self.received {
            return Err(FetchError::Unexpected("a rest that begins somewhere else".to_owned()));
        }
        let mut again = Again { hash: Sha256::new(), left: self.received - body.start };
        self.publish(Phase::Receiving);
        while let Some(chunk) = body.chunks.next().await {
            let fresh = again.skip(chunk?, &self.hash)?;
            if !fresh.is_empty() {
                self.push(fresh).await?;
            }
        }
        if again.left > 0 || self.total.is_some_and(|total| total != self.received) {
            return Err(FetchError::Cut { received: self.received });
        }
        Ok(())
    }

    async fn push(&mut self, chunk: Bytes) -> Result<(), FetchError> {
        self.check.push(&chunk)?;
        self.hash.update(&chunk);
        self.received += chunk.len() as u64;
        self.writer.write(chunk).await.map_err(in_vault)?;
        self.publish(Phase::Receiving);
        Ok(())
    }

    /// What a request for the rest would say, if the source named what it sent.
    fn rest(&self) -> Option<Resume> {
        let (validator, total) = (self.validator.clone()?, self.total?);
        Some(Resume { offset: self.received, total, validator })
    }

    async fn seal(self, id: CopyId) -> Result<StoredCopy, FetchError> {
        self.publish(Phase::Sealing);
        let facts = self.check.finish(self.order.duration)?;
        let sha256: [u8; 32] = self.hash.finalize().into();
        let expected = self.order.expected;
        if expected.sha256.is_some_and(|known| known != sha256) {
            return Err(FetchError::ContentChanged);
        }
        self.writer.seal().await.map_err(in_vault)?;
        Ok(StoredCopy {
            id,
            version: expected.version,
            sha256,
            length: self.received,
            audio_type: facts.audio_type,
            duration: facts.duration,
        })
    }

    fn publish(&self, phase: Phase) {
        let progress = Progress { phase, received: self.received, total: self.total };
        self.order.progress.send_replace(progress);
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

fn in_vault(error: VaultError) -> FetchError {
    FetchError::Vault(error.to_string())
}
