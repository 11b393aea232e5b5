//! One transfer: source → check → vault. Nothing of it is kept before all of it was found good.
//!
//! A transfer that is cut goes on where it was, as often as each request brings something worth keeping; after that
//! the next fetch may go on. What goes on must be the same audio: the source says so when it resumes, and the hash
//! when it begins anew.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::intake::{Intake, in_vault};
use super::segments::SEGMENT_BYTES;
use super::{FetchOrder, Pacer};
use crate::domain::{CopyId, FetchError, Phase, Progress, StoredCopy};
use crate::ports::{RecordingSource, Vault};
use crate::recording::machine::ExpectedBytes;

/// From the first request to the last, whatever fetches they belong to.
const FETCH_MAX: Duration = Duration::from_hours(1);
const REQUESTS_MAX: u32 = 20;
/// A request that brought less is not worth going on from: one segment of the vault.
const PROGRESS_BYTES_MIN: u64 = SEGMENT_BYTES as u64;
/// Before going on; longer each time.
const RESUME_PAUSE: Duration = Duration::from_millis(250);
/// A place in the pool is not held longer for an account that is paused.
const PACE_WAIT_MAX: Duration = Duration::from_secs(30);

/// Where bytes come from and go to.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) source: &'a dyn RecordingSource,
    pub(super) vault: &'a Arc<dyn Vault>,
    pub(super) pacer: &'a Pacer,
    /// For what is left to a next fetch.
    pub(super) places: &'a Arc<Semaphore>,
}

/// Once more where the account got other credentials meanwhile: it was the old ones that were refused.
pub(super) async fn transfer(
    order: &FetchOrder,
    [id, id_again]: [CopyId; 2],
    ends: Ends<'_>,
) -> Result<StoredCopy, FetchError> {
    let asked_at = Instant::now();
    let fetched = transfer_once(order, id, ends).await;
    let are_exchanged = ends.pacer.was_asked_before_exchange(order.request.account, asked_at);
    match fetched {
        Err(FetchError::RefusedAccount) if are_exchanged => {
            transfer_once(order, id_again, ends).await
        }
        fetched => fetched,
    }
}

async fn transfer_once(
    order: &FetchOrder,
    id: CopyId,
    ends: Ends<'_>,
) -> Result<StoredCopy, FetchError> {
    let left = order.unfinished.take(order.expected.version);
    let began = left.as_ref().map_or_else(Instant::now, Intake::began);
    let fetched = fetch(order, id, &ends, left);
    let late = FetchError::TimedOut("finish within an hour");
    timeout_at(began + FETCH_MAX, fetched).await.unwrap_or(Err(late))
}

async fn fetch(
    order: &FetchOrder,
    id: CopyId,
    ends: &Ends<'_>,
    mut intake: Option<Intake>,
) -> Result<StoredCopy, FetchError> {
    match (&order.expected.bytes, &intake) {
        (_, Some(intake)) => intake.report(Phase::Connecting, order),
        // Of what was sent before there is nothing here to go on from.
        (ExpectedBytes::Continued, None) => return Err(FetchError::ContentChanged),
        (ExpectedBytes::Any | ExpectedBytes::Known(_), None) => {
            order.progress.send_replace(Progress { phase: Phase::Connecting, ..Progress::QUEUED });
        }
    }
    let received = receive(order, id, ends, &mut intake).await;
    match (received, intake) {
        (Ok(()), Some(intake)) => intake.accept(order).await,
        (Ok(()), None) => Err(FetchError::Interrupted),
        (Err(error), intake) => {
            if let Some(intake) = intake.filter(|_| error.leaves_what_arrived()) {
                order.unfinished.keep(intake, ends.places);
            }
            Err(error)
        }
    }
}

/// Asks until all of it is here.
async fn receive(
    order: &FetchOrder,
    id: CopyId,
    ends: &Ends<'_>,
    intake: &mut Option<Intake>,
) -> Result<(), FetchError> {
    let received = |intake: &Option<Intake>| intake.as_ref().map_or(0, Intake::received);
    for request in 1.. {
        let before = received(intake);
        let Err(error) = ask(order, id, ends, intake).await else { break };
        let worth_it = received(intake) - before >= PROGRESS_BYTES_MIN;
        if !error.is_interruption() || !worth_it || request == REQUESTS_MAX {
            return Err(error);
        }
        tracing::info!(
            recording.sid = %order.key.recording, received_bytes = received(intake), request, %error,
            "transfer interrupted; it goes on"
        );
        sleep(RESUME_PAUSE * request).await;
        admitted(order, ends.pacer, error).await?;
    }
    Ok(())
}

/// One request: for all of it, or for the rest of what is here.
async fn ask(
    order: &FetchOrder,
    id: CopyId,
    ends: &Ends<'_>,
    intake: &mut Option<Intake>,
) -> Result<(), FetchError> {
    let Some(begun) = intake else {
        let version = order.expected.version;
        // Side by side: when the source has answered, nobody waits for the vault.
        let opening = ends.source.open(&order.request);
        let (body, writer) = tokio::join!(opening, ends.vault.begin(&order.key, version, id));
        let (body, writer) = (body?, writer.map_err(in_vault)?);
        let begun = Intake::begin(order, id, ends.vault, writer, &body)?;
        return intake.insert(begun).take_in(body, order).await;
    };
    let body = match begun.rest() {
        Some(rest) => ends.source.resume(&order.request, &rest).await?,
        None => ends.source.open(&order.request).await?,
    };
    begun.take_in(body, order).await
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
