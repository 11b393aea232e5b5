//! Keeps the vault under its limit, and sweeps what no row names.
//!
//! Supervised by the root. Owns nothing: the catalog says what is there, each recording's actor decides.
//!
//! Invariant: never evicts what the source no longer has.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, MessagingErr};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::address::Address;
use crate::aside::aside;
use crate::domain::Timestamp;
use crate::ports::{Catalog, CatalogError, Clock, Vault, VaultUse};
use crate::recordings::RecordingsHandle;

#[derive(Clone)]
pub(crate) struct VaultKeeperHandle {
    address: Address<Message>,
}

impl VaultKeeperHandle {
    pub(crate) const fn new(address: Address<Message>) -> Self {
        Self { address }
    }

    /// The vault has grown.
    pub(crate) fn copy_stored(&self) {
        self.address.tell(Message::Look);
    }
}

/// What operators see of the keeper.
#[derive(Debug, Clone, Default)]
pub struct VaultKeeperView {
    pub copies: u64,
    pub bytes: u64,
    pub bytes_max: u64,
    pub evicted_total: u64,
    pub swept_total: u64,
    pub last_error: Option<String>,
}

pub(crate) enum Message {
    /// Compare use and limit now.
    Look,
    /// As `Look`, and sweep.
    Tick,
    Passed(Result<Pass, String>),
}

/// What one pass did.
#[derive(Default)]
pub(crate) struct Pass {
    used: Option<VaultUse>,
    evicted: u64,
    swept: u64,
}

pub(crate) struct VaultKeeper {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recordings: RecordingsHandle,
    pub(crate) bytes_max: u64,
    /// When this process began: what was written before then, nobody is still writing.
    pub(crate) started_at: Timestamp,
    pub(crate) view: watch::Sender<VaultKeeperView>,
}

#[derive(Default)]
pub(crate) struct Rounds {
    swept_at: Option<Instant>,
    passing: bool,
    /// Asked for while a pass was running.
    again: bool,
    /// At most one timer runs; a newer one takes its place.
    recount: Option<AbortOnDropHandle<Result<(), MessagingErr<Message>>>>,
    view: VaultKeeperView,
}

const TICK: Duration = Duration::from_mins(1);
const SWEEP_PERIOD: Duration = Duration::from_hours(1);
const SWEEP_BATCH: usize = 1_000;
const SWEEP_BATCHES_MAX: usize = 10_000;
/// No fetch lasts as long: what is older and has no row will never get one.
const LEFTOVER_AGE: Duration = Duration::from_hours(2);
const EVICTION_BATCH: u32 = 64;
/// Time for the evictions of a pass to take place before the next counts again.
const EVICTION_SETTLE: Duration = Duration::from_secs(1);

impl Actor for VaultKeeper {
    type Msg = Message;
    type State = Rounds;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Rounds, ActorProcessingErr> {
        let _ = myself.cast(Message::Tick);
        myself.send_interval(TICK, || Message::Tick);
        let view = VaultKeeperView { bytes_max: self.bytes_max, ..VaultKeeperView::default() };
        Ok(Rounds { view, ..Rounds::default() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        rounds: &mut Rounds,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Look => self.begin(None, &myself, rounds),
            Message::Tick => {
                let due = rounds.swept_at.is_none_or(|at| at.elapsed() >= SWEEP_PERIOD);
                let older_than = self.started_at.max(self.clock.now().minus(LEFTOVER_AGE));
                if due && !rounds.passing {
                    rounds.swept_at = Some(Instant::now());
                }
                self.begin(due.then_some(older_than), &myself, rounds);
            }
            Message::Passed(outcome) => self.settle(outcome, &myself, rounds),
        }
        self.view.send_replace(rounds.view.clone());
        Ok(())
    }
}

impl VaultKeeper {
    fn begin(
        &self,
        sweep_older_than: Option<Timestamp>,
        myself: &ActorRef<Message>,
        rounds: &mut Rounds,
    ) {
        if rounds.passing {
            rounds.again = true;
            return;
        }
        rounds.passing = true;
        let (catalog, vault) = (Arc::clone(&self.catalog), Arc::clone(&self.vault));
        let (recordings, bytes_max) = (self.recordings.clone(), self.bytes_max);
        let pass = async move {
            let mut pass = make_room(&*catalog, &recordings, bytes_max)
                .await
                .map_err(|error| error.to_string())?;
            if let Some(older_than) = sweep_older_than {
                pass.swept = sweep(&*catalog, &*vault, older_than).await?;
            }
            Ok(pass)
        };
        aside(myself, pass, |outcome| {
            Message::Passed(outcome.unwrap_or_else(|died| Err(died.to_string())))
        });
    }

    fn settle(
        &self,
        outcome: Result<Pass, String>,
        myself: &ActorRef<Message>,
        rounds: &mut Rounds,
    ) {
        rounds.passing = false;
        let view = &mut rounds.view;
        match outcome {
            Ok(pass) => {
                if let Some(used) = pass.used {
                    (view.copies, view.bytes) = (used.copies, used.bytes);
                }
                view.evicted_total += pass.evicted;
                view.swept_total += pass.swept;
                view.last_error = None;
                if pass.evicted > 0 {
                    let recount = myself.send_after(EVICTION_SETTLE, || Message::Look);
                    rounds.recount = Some(AbortOnDropHandle::new(recount));
                }
            }
            Err(error) => {
                tracing::warn!(error, "the vault was not looked after; tried again in a minute");
                view.last_error = Some(error);
                rounds.swept_at = None;
            }
        }
        if std::mem::take(&mut rounds.again) {
            self.begin(None, myself, rounds);
        }
    }
}

/// Sends the least recently played away until the rest fits.
async fn make_room(
    catalog: &dyn Catalog,
    recordings: &RecordingsHandle,
    bytes_max: u64,
) -> Result<Pass, CatalogError> {
    let used = catalog.vault_use().await?;
    let mut pass = Pass { used: Some(used), ..Pass::default() };
    let mut excess = used.bytes.saturating_sub(bytes_max);
    if excess == 0 {
        return Ok(pass);
    }
    for (call, audio, copy) in catalog.coldest_copies(EVICTION_BATCH).await? {
        if excess == 0 {
            break;
        }
        tracing::info!(recording.sid = %audio.recording, bytes = copy.length, "evicted: the vault is full");
        recordings.evict(call, audio.recording);
        excess = excess.saturating_sub(copy.length);
        pass.evicted += 1;
    }
    Ok(pass)
}

/// Discards files that no row names: a crash left them between sealing and committing, or while writing.
/// A full answer is continued by the next.
async fn sweep(
    catalog: &dyn Catalog,
    vault: &dyn Vault,
    older_than: Timestamp,
) -> Result<u64, String> {
    let mut swept = 0;
    for _ in 0..SWEEP_BATCHES_MAX {
        let leftovers = vault.leftovers(older_than, SWEEP_BATCH).await.map_err(in_words)?;
        let full = leftovers.len() == SWEEP_BATCH;
        for file in leftovers {
            let held = catalog.is_held(&file.key, file.id).await.map_err(in_words)?;
            if !held || file.unfinished {
                vault.discard(&file.key, file.id).await.map_err(in_words)?;
                swept += 1;
            }
        }
        if !full {
            break;
        }
    }
    Ok(swept)
}

fn in_words(error: impl std::error::Error) -> String {
    error.to_string()
}
