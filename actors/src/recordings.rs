//! The parent of all recording actors: the only one that spawns, parks, passivates and restarts them.
//!
//! Supervised by the root. Owns the map from call to actor. Everybody asks through `RecordingsHandle`, which
//! never shows an actor.
//!
//! Invariant: at most one actor lives for a call; an ask that arrives while one comes or goes is parked, not lost.
//! Invariant: does no I/O of its own, so that it is always there.

mod crashes;
mod errand;
mod handle;
mod region;

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use tokio::sync::watch;
use tokio::time::Instant;

pub use crashes::CrashView;
pub use handle::{AskError, RecordingsHandle};

use crate::address::Address;
use crate::aside::answer_within;
use crate::board::{Board, Posting};
use crate::domain::{BusinessId, CallKey};
use crate::happening::What;
use crate::ports::{CallRecord, CatalogError};
use crate::recording::{CallView, RecordingActor, Services};
use errand::{Errand, put_off, refuse_all};
pub(crate) use errand::{News, Resolution};
use region::{Entry, Region};

/// A catalog that takes longer counts as away.
const LOAD_MAX: Duration = Duration::from_secs(10);

pub(crate) enum Message {
    Resolve {
        key: CallKey,
        reply: RpcReplyPort<Resolution>,
    },
    Tell {
        key: CallKey,
        news: News,
    },
    /// Have all who know a call of this business read its rows again.
    TellAllOf(BusinessId),
    Loaded {
        asked: CallKey,
        found: Result<Option<CallRecord>, CatalogError>,
    },
    /// An actor has had nothing to do for a while.
    Idle {
        key: CallKey,
        actor: ActorId,
    },
    /// The call is a leg of another by now, and its actor has nothing left to look after.
    Moved {
        key: CallKey,
        actor: ActorId,
    },
    /// A crashed actor may be started again.
    Cooled {
        key: CallKey,
    },
}

impl Message {
    /// The call to whose actor somebody is on the way.
    const fn on_the_way(&self) -> Option<&CallKey> {
        match self {
            Self::Resolve { key, .. } | Self::Tell { key, .. } => Some(key),
            Self::TellAllOf(_)
            | Self::Loaded { .. }
            | Self::Idle { .. }
            | Self::Moved { .. }
            | Self::Cooled { .. } => None,
        }
    }
}

/// What operators see of the parent.
#[derive(Debug, Clone, Default)]
pub struct RecordingsView {
    pub live: usize,
    pub loading: usize,
    pub draining: usize,
    pub cooling: usize,
    pub parked: usize,
    pub live_max: usize,
    pub crashes: Vec<CrashView>,
    /// Also those that are forgiven.
    pub crashed_total: u64,
}

pub(crate) struct Recordings {
    pub(crate) services: Arc<Services>,
    pub(crate) address: Address<Message>,
    pub(crate) board: Arc<Board>,
    pub(crate) view: watch::Sender<RecordingsView>,
    pub(crate) live_max: usize,
    pub(crate) parked_max: usize,
}

impl Actor for Recordings {
    type Msg = Message;
    type State = Region;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<Region, ActorProcessingErr> {
        self.board.clear();
        Ok(Region::default())
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        region: &mut Region,
    ) -> Result<(), ActorProcessingErr> {
        // Whoever is sent to a live actor changes nothing here, and counting them all takes time.
        let passing = message.on_the_way().is_some_and(|key| region.is_live(key));
        match message {
            Message::Resolve { key, reply } => {
                self.route(key, Errand::Resolve(reply), &myself, region);
            }
            Message::Tell { key, news } => self.route(key, Errand::Tell(news), &myself, region),
            Message::TellAllOf(business) => {
                for key in region.known_of(&business) {
                    self.route(key, Errand::Tell(News::Refresh(None)), &myself, region);
                }
            }
            Message::Loaded { asked, found } => {
                self.activate(&asked, found, &myself, region).await;
            }
            Message::Idle { key, actor } => {
                if region.is_left_alone(&key, self.services.idle_after) {
                    region.drain(key, actor);
                }
            }
            Message::Moved { key, actor } => region.drain(key, actor),
            Message::Cooled { key } => {
                if let Some(Entry::Cooling(parked)) = region.entries.remove(&key) {
                    self.reroute(&key, parked, &myself, region);
                }
            }
        }
        if !passing {
            self.publish(region);
        }
        Ok(())
    }

    /// The default would stop this parent, and with it every child, as soon as one of them ends.
    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        region: &mut Region,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, _, _) => {
                if let Some(key) = region.keys.remove(&cell.get_id()) {
                    self.board.remove(&key);
                    let parked = region.take_parked(&key);
                    self.reroute(&key, parked, &myself, region);
                }
            }
            SupervisionEvent::ActorFailed(cell, error) => {
                if let Some(key) = region.keys.remove(&cell.get_id()) {
                    self.cool_down(key, &error.to_string(), &myself, region);
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        self.publish(region);
        Ok(())
    }
}

impl Recordings {
    fn route(&self, key: CallKey, errand: Errand, myself: &ActorRef<Message>, region: &mut Region) {
        let full = region.entries.len() >= self.live_max;
        match region.entries.get_mut(&key) {
            Some(Entry::Live { actor, view, sent_at }) => {
                *sent_at = Instant::now();
                errand.deliver(actor, view);
            }
            Some(
                Entry::Loading { parked, .. } | Entry::Draining(parked) | Entry::Cooling(parked),
            ) => {
                if parked.len() < self.parked_max {
                    parked.push(errand);
                } else {
                    errand.refuse(Resolution::Overloaded);
                }
            }
            None if full => errand.refuse(Resolution::Overloaded),
            None => self.load_for(key, vec![errand], myself, region),
        }
    }

    fn reroute(
        &self,
        key: &CallKey,
        parked: Vec<Errand>,
        myself: &ActorRef<Message>,
        region: &mut Region,
    ) {
        for errand in parked {
            self.route(key.clone(), errand, myself, region);
        }
    }

    fn load_for(
        &self,
        key: CallKey,
        parked: Vec<Errand>,
        myself: &ActorRef<Message>,
        region: &mut Region,
    ) {
        self.load(key.clone(), myself);
        let early = parked.len();
        region.entries.insert(key, Entry::Loading { parked, early });
    }

    /// Reads the call in a task of its own; any of its legs finds it.
    fn load(&self, asked: CallKey, myself: &ActorRef<Message>) {
        let catalog = Arc::clone(&self.services.catalog);
        let key = asked.clone();
        let loading = async move {
            match catalog.find_call(&key).await? {
                Some(parent) => catalog.load_call(&parent).await,
                None => Ok(None),
            }
        };
        let myself = myself.clone();
        tokio::spawn(async move {
            let found = answer_within(LOAD_MAX, loading).await;
            let _ = myself.cast(Message::Loaded { asked, found });
        });
    }

    async fn activate(
        &self,
        asked: &CallKey,
        found: Result<Option<CallRecord>, CatalogError>,
        myself: &ActorRef<Message>,
        region: &mut Region,
    ) {
        let Some(Entry::Loading { mut parked, early }) = region.entries.remove(asked) else {
            return;
        };
        let record = match found {
            Ok(Some(record)) => record,
            Ok(None) => {
                // Who came meanwhile may know of what was not there when the reading began.
                let late = parked.split_off(early);
                if !late.is_empty() {
                    self.load_for(asked.clone(), late, myself, region);
                }
                return refuse_all(parked, || Resolution::Unknown);
            }
            Err(error) => return put_off(asked, parked, &error, myself),
        };
        let key = CallKey { business: asked.business.clone(), call: record.call.sid };
        if !region.entries.contains_key(&key)
            && let Err(error) = self.spawn(key.clone(), record, myself, region).await
        {
            let error = CatalogError::Corrupt(format!("the actor does not start: {error}"));
            return refuse_all(parked, || Resolution::Away(error.clone()));
        }
        self.reroute(&key, parked, myself, region);
    }

    async fn spawn(
        &self,
        key: CallKey,
        record: CallRecord,
        myself: &ActorRef<Message>,
        region: &mut Region,
    ) -> Result<(), ractor::SpawnErr> {
        let (sender, view) = watch::channel(CallView::default());
        let actor = RecordingActor {
            key: key.clone(),
            services: Arc::clone(&self.services),
            parent: self.address.clone(),
            view: sender,
        };
        // Nameless: the registry is global, and frees a name before its actor has ended.
        let (actor, _) = Actor::spawn_linked(None, actor, record, myself.get_cell()).await?;
        let now = self.services.clock.now();
        let posting = Posting::new(now, view.clone());
        self.board.post(key.clone(), region.crashes.mark(&key, posting, now));
        region.keys.insert(actor.get_id(), key.clone());
        region.entries.insert(key, Entry::Live { actor, view, sent_at: Instant::now() });
        Ok(())
    }

    /// A crash is a bug of ours: said aloud, and tried again, ever more slowly, when somebody asks.
    fn cool_down(
        &self,
        key: CallKey,
        error: &str,
        myself: &ActorRef<Message>,
        region: &mut Region,
    ) {
        let parked = region.take_parked(&key);
        let now = self.services.clock.now();
        for forgiven in region.crashes.forgive(now) {
            if forgiven != key && !region.entries.contains_key(&forgiven) {
                self.board.remove(&forgiven);
            }
        }
        let (count, pause) = region.crashes.record(&key, error, now);
        tracing::error!(
            business.id = %key.business, call.sid = %key.call, error,
            pause_ms = pause.as_millis() as u64,
            "recording actor crashed; it is started again when asked"
        );
        let (call, error) = (key.clone(), error.to_owned());
        self.board.announce(now, What::Crashed { call, count, error });
        if let Some(posting) = self.board.call(&key) {
            self.board.post(key.clone(), region.crashes.mark(&key, posting, now));
        }
        region.entries.insert(key.clone(), Entry::Cooling(parked));
        myself.send_after(pause, move || Message::Cooled { key });
    }

    fn publish(&self, region: &Region) {
        self.view.send_replace(region.view(self.live_max));
    }
}
