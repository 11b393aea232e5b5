//! Keeps the vault under its limit, and sweeps what no row names.
//!
//! Supervised by the root. Owns nothing: the catalog says what is there, each recording's actor decides.
//!
//! Invariant: never evicts what the source did not say a moment ago that it still has. While it does not answer for an
//! account, nothing of that account leaves, and the vault may be over its limit, which is said.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, MessagingErr};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::address::Address;
use crate::aside::aside;
use crate::domain::{AccountSid, Timestamp};
use crate::ports::{Catalog, CatalogError, Clock, ColdCopy, Vault, VaultUse};
use crate::recordings::RecordingsHandle;
use crate::still_there::{StaysError, StillThere};

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
    Passed(Box<Result<Pass, String>>),
}

/// What one pass did.
#[derive(Default)]
pub(crate) struct Pass {
    used: Option<VaultUse>,
    evicted: u64,
    swept: u64,
    /// Where the next pass goes on: behind what was considered, and may be on its way out, or stays.
    after: Option<ColdCopy>,
}

pub(crate) struct VaultKeeper {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recordings: RecordingsHandle,
    pub(crate) still_there: Arc<StillThere>,
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
    /// As the last pass left it.
    after: Option<ColdCopy>,
    view: VaultKeeperView,
}

const TICK: Duration = Duration::from_mins(1);
const SWEEP_PERIOD: Duration = Duration::from_hours(1);
const SWEEP_BATCH: usize = 1_000;
const SWEEP_BATCHES_MAX: usize = 10_000;
/// No fetch lasts as long: what is older and has no row will never get one.
const LEFTOVER_AGE: Duration = Duration::from_hours(2);
const EVICTION_BATCH: u32 = 64;
/// Looked through in one pass; the next goes on.
const EVICTION_BATCHES_MAX: usize = 16;
/// The source is asked about so many copies in one pass.
const ASKED_MAX: usize = 64;
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
            Message::Passed(outcome) => self.settle(*outcome, &myself, rounds),
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
        let eviction = Eviction {
            catalog: Arc::clone(&catalog),
            recordings: self.recordings.clone(),
            still_there: Arc::clone(&self.still_there),
            asked: 0,
            silent: BTreeSet::new(),
            excess: 0,
            place: rounds.after.clone(),
            pass: Pass { after: rounds.after.clone(), ..Pass::default() },
        };
        let bytes_max = self.bytes_max;
        let pass = async move {
            let mut pass = eviction.make_room(bytes_max).await.map_err(in_words)?;
            if let Some(older_than) = sweep_older_than {
                pass.swept = sweep(&*catalog, &*vault, older_than).await?;
            }
            Ok(pass)
        };
        aside(myself, pass, |outcome| {
            Message::Passed(Box::new(outcome.unwrap_or_else(|died| Err(died.to_string()))))
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
                rounds.after = pass.after;
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
struct Eviction {
    catalog: Arc<dyn Catalog>,
    recordings: RecordingsHandle,
    still_there: Arc<StillThere>,
    asked: usize,
    /// Accounts for which the source does not answer at present: it is not asked of them again in this pass.
    silent: BTreeSet<AccountSid>,
    excess: u64,
    /// Up to where it was looked.
    place: Option<ColdCopy>,
    pass: Pass,
}

impl Eviction {
    async fn make_room(mut self, bytes_max: u64) -> Result<Pass, CatalogError> {
        let used = self.catalog.vault_use().await?;
        self.pass.used = Some(used);
        self.excess = used.bytes.saturating_sub(bytes_max);
        if self.excess == 0 {
            self.pass.after = None;
            return Ok(self.pass);
        }
        self.look_through().await?;
        if self.excess > 0 && self.pass.evicted == 0 {
            tracing::warn!(
                bytes = self.excess,
                "the vault is larger than it may be, and nothing could leave"
            );
        }
        Ok(self.pass)
    }

    /// Says in the pass where the next one goes on.
    async fn look_through(&mut self) -> Result<(), CatalogError> {
        for _ in 0..EVICTION_BATCHES_MAX {
            let coldest = self.catalog.coldest_copies(self.place.as_ref(), EVICTION_BATCH).await?;
            let full = coldest.len() == EVICTION_BATCH as usize;
            if !self.consider_all(coldest).await? {
                return Ok(());
            }
            if !full {
                if self.silent.is_empty() {
                    // Whatever is left is asked about again from the front.
                    self.pass.after = None;
                }
                return Ok(());
            }
        }
        // Very many of an account that does not answer do not stand before those of others for ever.
        self.pass.after = self.place.clone();
        Ok(())
    }

    /// False where it ended before the last: it is enough, or enough for this pass.
    async fn consider_all(&mut self, coldest: Vec<ColdCopy>) -> Result<bool, CatalogError> {
        for cold in coldest {
            if self.excess == 0 || self.asked >= ASKED_MAX {
                return Ok(false);
            }
            if !self.silent.contains(&cold.account) {
                self.consider(&cold).await?;
            }
            // What nobody was asked about comes first the next time: it is colder than what follows.
            if self.silent.is_empty() {
                self.pass.after = Some(cold.clone());
            }
            self.place = Some(cold);
        }
        Ok(true)
    }

    async fn consider(&mut self, cold: &ColdCopy) -> Result<(), CatalogError> {
        let ColdCopy { call, account, audio, copy, .. } = cold;
        self.asked += 1;
        match self.still_there.ask(call, *account, audio).await {
            Ok(()) => {
                tracing::info!(recording.sid = %audio.recording, bytes = copy.length, "evicted: the vault is full");
                self.recordings.let_go(call.clone(), audio.recording);
                self.excess = self.excess.saturating_sub(copy.length);
                self.pass.evicted += 1;
            }
            Err(StaysError::LastCopy) => {}
            Err(StaysError::Unsaid(error)) if error.kind().is_about_what_was_asked_for() => {
                tracing::debug!(recording.sid = %audio.recording, %error, "not evicted: it may be the last copy");
            }
            Err(StaysError::Unsaid(error)) => {
                tracing::warn!(account.sid = %account, %error, "the vault is full, and nothing of the account can leave now");
                self.silent.insert(*account);
            }
            Err(StaysError::Away(error)) => return Err(error),
        }
        Ok(())
    }
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
