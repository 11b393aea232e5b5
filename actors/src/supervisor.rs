//! The tree and its restart policy, on one page.
//!
//! ```text
//! Root
//! ├─ Recordings            CallSid → RecordingActor, on demand; a crashed one is started again when asked
//! │   └─ RecordingActor*   one per call
//! ├─ TwilioFetcher         the pool
//! ├─ Inbox                 works off stored webhooks
//! ├─ Jobs                  the pipeline: claims durable jobs; a pool of workers for each stage
//! ├─ VaultKeeper           size limit, sweep
//! ├─ RetentionKeeper       what is kept no longer, operators' orders
//! └─ Reconciler            finds what webhooks missed
//! ```
//!
//! | child ends | then |
//! |---|---|
//! | once | it is started again after 100 ms, twice as long each time, at most 10 s |
//! | more than 10 times within a minute | the root gives up; the process ends and its own supervisor decides |

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::address::Address;
use crate::board::{Board, BoardSenders, ChildView};
use crate::domain::Timestamp;
use crate::fetcher::{AccountsHandle, FetcherHandle, Pacer, TwilioFetcher};
use crate::happening::What;
use crate::inbox::{Desk, Inbox, InboxHandle};
use crate::jobs::{JobSettings, Jobs, JobsHandle};
use crate::keepers::reconciler::{self, Reconciler};
use crate::keepers::retention::{RetentionKeeper, RetentionKeeperHandle};
use crate::keepers::vault::{VaultKeeper, VaultKeeperHandle};
use crate::ports::{
    Catalog, Chance, Clock, Ear, Findings, JobStore, LanguageModel, RecordingSource, Speech, Vault,
};
use crate::recording::Services;
use crate::recording::machine::Policy;
use crate::recordings::{Recordings, RecordingsHandle};
use crate::search::Search;
use crate::shelf::Shelf;
use crate::stages::Stages;
use crate::still_there::StillThere;
use crate::{fetcher, inbox, jobs, keepers, recordings};

/// The world, as the core needs it.
#[derive(Clone)]
pub struct Ports {
    pub catalog: Arc<dyn Catalog>,
    pub vault: Arc<dyn Vault>,
    pub source: Arc<dyn RecordingSource>,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub pipeline: Pipeline,
}

/// What the pipeline needs beside that.
#[derive(Clone)]
pub struct Pipeline {
    pub jobs: Arc<dyn JobStore>,
    pub findings: Arc<dyn Findings>,
    pub ear: Arc<dyn Ear>,
    /// `None`: nothing is transcribed.
    pub speech: Option<Arc<dyn Speech>>,
    /// `None`: nothing is summarised, and no facts are extracted.
    pub language_model: Option<Arc<dyn LanguageModel>>,
}

/// Every bound of the core.
#[derive(Debug, Clone)]
pub struct Settings {
    pub retry: crate::domain::RetryPolicy,
    /// Whether a recording is fetched when it is announced, or only when somebody asks.
    pub prefetch: bool,
    /// Asks that wait on one recording.
    pub waiting_max: usize,
    /// Asks that wait while one call's actor comes or goes.
    pub parked_max: usize,
    pub live_max: usize,
    pub idle_after: Duration,
    pub parallel_fetches_max: usize,
    pub queued_fetches_max: usize,
    pub requests_per_second: std::num::NonZeroU32,
    pub vault_bytes_max: u64,
    /// How often the source's lists are compared with what is known; `None`: never.
    pub reconcile_every: Option<Duration>,
    /// Calls that nobody announced and that a business may have looked up.
    pub lookups_per_minute: u32,
    pub jobs: JobSettings,
}

/// A running core.
pub struct Core {
    pub recordings: RecordingsHandle,
    pub inbox: InboxHandle,
    pub jobs: JobsHandle,
    pub accounts: AccountsHandle,
    pub board: Arc<Board>,
    root: ActorRef<Message>,
    ended: JoinHandle<()>,
    vault_work: TaskTracker,
}

impl Core {
    pub async fn start(ports: Ports, settings: Settings) -> Result<Self, SpawnErr> {
        let pacer = Arc::new(Pacer::new(settings.requests_per_second));
        let (board, senders) = Board::new(Arc::clone(&pacer));
        let board = Arc::new(board);
        let addresses = Addresses::default();
        let inbox = InboxHandle::new(addresses.inbox.clone());
        let jobs = JobsHandle::new(addresses.jobs.clone());
        let accounts = AccountsHandle::new(Arc::clone(&pacer));
        let search = Search::new(&ports, &pacer, &inbox, settings.lookups_per_minute);
        let still_there = StillThere::new(&ports, &pacer, addresses.recordings());
        let recordings = addresses.recordings().of_the_world(search, still_there);
        let started_at = ports.clock.now();
        let vault_work = TaskTracker::new();
        let root = Root {
            ports,
            settings,
            addresses,
            senders,
            board: Arc::clone(&board),
            pacer,
            started_at,
            vault_work: vault_work.clone(),
        };
        let (root, ended) = Actor::spawn(None, root, ()).await?;
        Ok(Self { recordings, inbox, jobs, accounts, board, root, ended, vault_work })
    }

    /// Ends every actor and waits for them, for so long, and for the rows of what they stored and withdrew: a
    /// successor takes a file that no row names for a leftover.
    pub async fn stop(self, patience: Duration) {
        let deadline = Instant::now() + patience;
        self.jobs.stop(patience).await;
        self.root.stop(None);
        if timeout_at(deadline, self.ended).await.is_err() {
            self.root.kill();
        }
        self.vault_work.close();
        if timeout_at(deadline, self.vault_work.wait()).await.is_err() {
            tracing::warn!("the catalog was not told in time what the vault holds");
        }
    }

    /// Returns when nobody listens to what is still being downloaded.
    pub async fn unheard(&self) {
        let _ = self.board.audience.clone().wait_for(|listeners| *listeners == 0).await;
    }

    /// Begins no job of the pipeline any more; what is running goes on, and is given back by `stop`.
    pub fn close(&self) {
        self.jobs.close();
    }

    /// Returns when the root has given up.
    pub async fn failed(&mut self) {
        let _ = (&mut self.ended).await;
    }
}

pub(crate) enum Message {
    Restart(Child),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Child {
    Recordings,
    Fetcher,
    Inbox,
    Jobs,
    VaultKeeper,
    RetentionKeeper,
    Reconciler,
}

const CHILDREN: [(Child, &str); 7] = [
    (Child::Recordings, "recordings"),
    (Child::Fetcher, "fetcher"),
    (Child::Inbox, "inbox"),
    (Child::Jobs, "jobs"),
    (Child::VaultKeeper, "vault-keeper"),
    (Child::RetentionKeeper, "retention-keeper"),
    (Child::Reconciler, "reconciler"),
];

const RESTART_PAUSE_FIRST: Duration = Duration::from_millis(100);
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(10);
const RESTARTS_MAX: usize = 10;
const RESTARTS_WINDOW: Duration = Duration::from_mins(1);

#[derive(Clone, Default)]
struct Addresses {
    recordings: Address<recordings::Message>,
    fetcher: Address<fetcher::Message>,
    inbox: Address<inbox::Message>,
    jobs: Address<jobs::Message>,
    vault_keeper: Address<keepers::vault::Message>,
    retention_keeper: Address<keepers::retention::Message>,
    shelf: Arc<Shelf>,
}

impl Addresses {
    fn recordings(&self) -> RecordingsHandle {
        RecordingsHandle::new(self.recordings.clone(), Arc::clone(&self.shelf))
    }
}

struct Root {
    ports: Ports,
    settings: Settings,
    addresses: Addresses,
    senders: BoardSenders,
    board: Arc<Board>,
    pacer: Arc<Pacer>,
    started_at: Timestamp,
    vault_work: TaskTracker,
}

struct Family {
    ids: Vec<(ActorId, Child)>,
    views: Vec<ChildView>,
    restarts: VecDeque<Instant>,
}

impl Actor for Root {
    type Msg = Message;
    type State = Family;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Family, ActorProcessingErr> {
        let since = self.ports.clock.now();
        let view = |(_, name): &(Child, &'static str)| ChildView {
            name,
            running: true,
            since,
            restarts: 0,
            last_error: None,
        };
        let views = CHILDREN.iter().map(view).collect();
        let mut family = Family { ids: Vec::new(), views, restarts: VecDeque::new() };
        for (child, _) in CHILDREN {
            family.ids.push((self.spawn(child, &myself).await?, child));
        }
        self.senders.children.send_replace(family.views.clone());
        Ok(family)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        Message::Restart(child): Message,
        family: &mut Family,
    ) -> Result<(), ActorProcessingErr> {
        family.ids.push((self.spawn(child, &myself).await?, child));
        let view = &mut family.views[child as usize];
        view.running = true;
        view.since = self.ports.clock.now();
        let name = view.name;
        self.board.announce(view.since, What::Restarted { child: name });
        self.senders.children.send_replace(family.views.clone());
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        family: &mut Family,
    ) -> Result<(), ActorProcessingErr> {
        let (id, error) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell.get_id(), error.to_string()),
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                (cell.get_id(), reason.unwrap_or_else(|| "stopped".to_owned()))
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        let Some(index) = family.ids.iter().position(|(known, _)| *known == id) else {
            return Ok(());
        };
        let (_, child) = family.ids.swap_remove(index);
        let pause = family.restart_pause().ok_or("children end again and again")?;
        let view = &mut family.views[child as usize];
        tracing::error!(actor = view.name, error, "actor ended; it is started again");
        view.running = false;
        view.restarts += 1;
        let (name, restarts) = (view.name, view.restarts);
        view.last_error = Some(error.clone());
        let now = self.ports.clock.now();
        self.board.announce(now, What::Ended { child: name, restarts, error });
        self.senders.children.send_replace(family.views.clone());
        myself.send_after(pause, move || Message::Restart(child));
        Ok(())
    }
}

impl Family {
    /// How long to wait before starting a child again; `None` when it has been too often.
    fn restart_pause(&mut self) -> Option<Duration> {
        self.restarts.retain(|at| at.elapsed() < RESTARTS_WINDOW);
        let doubled = RESTART_PAUSE_FIRST.saturating_mul(1 << self.restarts.len().min(16));
        self.restarts.push_back(Instant::now());
        (self.restarts.len() <= RESTARTS_MAX).then(|| doubled.min(RESTART_PAUSE_MAX))
    }
}

impl Root {
    async fn spawn(&self, child: Child, myself: &ActorRef<Message>) -> Result<ActorId, SpawnErr> {
        let Addresses {
            recordings,
            fetcher,
            inbox,
            jobs,
            vault_keeper,
            retention_keeper,
            shelf: _,
        } = &self.addresses;
        let parent = myself.get_cell();
        match child {
            Child::Recordings => {
                let actor = self.recordings();
                let (actor, _) = Actor::spawn_linked(None, actor, (), parent).await?;
                recordings.set(Some(actor.clone()));
                Ok(actor.get_id())
            }
            Child::Fetcher => {
                let actor = self.fetcher();
                let (actor, _) = Actor::spawn_linked(None, actor, (), parent).await?;
                fetcher.set(Some(actor.clone()));
                Ok(actor.get_id())
            }
            Child::Inbox => {
                let actor = self.inbox();
                let (actor, _) = Actor::spawn_linked(None, actor, (), parent).await?;
                inbox.set(Some(actor.clone()));
                Ok(actor.get_id())
            }
            Child::Jobs => {
                let actor = self.jobs();
                let (actor, _) = Actor::spawn_linked(None, actor, (), parent).await?;
                jobs.set(Some(actor.clone()));
                Ok(actor.get_id())
            }
            Child::VaultKeeper => {
                let actor = self.vault_keeper();
                let (actor, _) = Actor::spawn_linked(None, actor, (), parent).await?;
                vault_keeper.set(Some(actor.clone()));
                Ok(actor.get_id())
            }
            Child::RetentionKeeper => {
                let actor = self.retention_keeper();
                let (actor, _) = Actor::spawn_linked(None, actor, (), parent).await?;
                retention_keeper.set(Some(actor.clone()));
                Ok(actor.get_id())
            }
            Child::Reconciler => {
                let actor = self.reconciler();
                let (actor, _) = Actor::spawn_linked(None, actor, (), parent).await?;
                Ok(actor.get_id())
            }
        }
    }

    fn recordings(&self) -> Recordings {
        let Settings { retry, prefetch, waiting_max, parked_max, live_max, idle_after, .. } =
            &self.settings;
        let services = Services {
            catalog: Arc::clone(&self.ports.catalog),
            vault: Arc::clone(&self.ports.vault),
            clock: Arc::clone(&self.ports.clock),
            chance: Arc::clone(&self.ports.chance),
            fetcher: FetcherHandle::new(self.addresses.fetcher.clone()),
            pacer: Arc::clone(&self.pacer),
            vault_keeper: VaultKeeperHandle::new(self.addresses.vault_keeper.clone()),
            vault_work: self.vault_work.clone(),
            retention_keeper: RetentionKeeperHandle::new(self.addresses.retention_keeper.clone()),
            board: Arc::clone(&self.board),
            shelf: Arc::clone(&self.addresses.shelf),
            audience: self.senders.audience.clone(),
            counts: self.senders.counts.clone(),
            policy: Policy { retry: retry.clone(), prefetch: *prefetch, waiting_max: *waiting_max },
            idle_after: *idle_after,
        };
        Recordings {
            services: Arc::new(services),
            address: self.addresses.recordings.clone(),
            board: Arc::clone(&self.board),
            view: self.senders.recordings.clone(),
            live_max: *live_max,
            parked_max: *parked_max,
        }
    }

    fn fetcher(&self) -> TwilioFetcher {
        TwilioFetcher {
            source: Arc::clone(&self.ports.source),
            vault: Arc::clone(&self.ports.vault),
            chance: Arc::clone(&self.ports.chance),
            clock: Arc::clone(&self.ports.clock),
            pacer: Arc::clone(&self.pacer),
            parallel_max: self.settings.parallel_fetches_max,
            queued_max: self.settings.queued_fetches_max,
            view: self.senders.fetcher.clone(),
            places: Arc::new(Semaphore::new(fetcher::UNFINISHED_MAX)),
        }
    }

    fn inbox(&self) -> Inbox {
        let desk = Desk {
            catalog: Arc::clone(&self.ports.catalog),
            source: Arc::clone(&self.ports.source),
            clock: Arc::clone(&self.ports.clock),
            pacer: Arc::clone(&self.pacer),
            recordings: self.addresses.recordings(),
        };
        Inbox { desk: Arc::new(desk), view: self.senders.inbox.clone() }
    }

    fn jobs(&self) -> Jobs {
        let Pipeline { jobs, findings, ear, speech, language_model } = self.ports.pipeline.clone();
        let stages = Stages {
            catalog: Arc::clone(&self.ports.catalog),
            findings,
            vault: Arc::clone(&self.ports.vault),
            source: Arc::clone(&self.ports.source),
            pacer: Arc::clone(&self.pacer),
            clock: Arc::clone(&self.ports.clock),
            ear,
            speech,
            language_model,
        };
        Jobs {
            store: jobs,
            clock: Arc::clone(&self.ports.clock),
            chance: Arc::clone(&self.ports.chance),
            stages: Arc::new(stages),
            settings: self.settings.jobs.clone(),
            board: Arc::clone(&self.board),
            view: self.senders.jobs.clone(),
        }
    }

    fn reconciler(&self) -> Reconciler {
        let desk = reconciler::Desk {
            catalog: Arc::clone(&self.ports.catalog),
            source: Arc::clone(&self.ports.source),
            clock: Arc::clone(&self.ports.clock),
            pacer: Arc::clone(&self.pacer),
            inbox: InboxHandle::new(self.addresses.inbox.clone()),
            recordings: self.addresses.recordings(),
            prefetch: self.settings.prefetch,
        };
        Reconciler {
            desk: Arc::new(desk),
            every: self.settings.reconcile_every,
            view: self.senders.reconciler.clone(),
        }
    }

    fn still_there(&self) -> Arc<StillThere> {
        Arc::new(StillThere::new(&self.ports, &self.pacer, self.addresses.recordings()))
    }

    fn vault_keeper(&self) -> VaultKeeper {
        VaultKeeper {
            catalog: Arc::clone(&self.ports.catalog),
            vault: Arc::clone(&self.ports.vault),
            clock: Arc::clone(&self.ports.clock),
            recordings: self.addresses.recordings(),
            still_there: self.still_there(),
            bytes_max: self.settings.vault_bytes_max,
            started_at: self.started_at,
            view: self.senders.vault_keeper.clone(),
        }
    }

    fn retention_keeper(&self) -> RetentionKeeper {
        RetentionKeeper {
            catalog: Arc::clone(&self.ports.catalog),
            vault: Arc::clone(&self.ports.vault),
            clock: Arc::clone(&self.ports.clock),
            recordings: self.addresses.recordings(),
            still_there: self.still_there(),
            view: self.senders.retention_keeper.clone(),
        }
    }
}
