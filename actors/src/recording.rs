//! The actor of one call's recordings: who asks, who waits, and what is done about it.
//!
//! Supervised by `Recordings`, which alone spawns it. Owns the state of every recording of its call; what
//! happens next is decided in `machine`, and this shell obeys.
//!
//! Invariant: never holds audio bytes, and never awaits in `handle`: tasks report back by message.

mod counts;
mod effects;
pub(crate) mod machine;
mod report;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;

pub use counts::AsksView;
pub(crate) use counts::Counts;
pub use view::{ActorEnded, CallView, RecordingView, RecordingWatch};

use crate::address::Address;
use crate::arrival::{Arrival, Audience};
use crate::aside::answer_within;
use crate::board::Board;
use crate::domain::{
    CallKey, Denial, FetchId, Intent, Permit, Playable, Progress, Recording, RecordingSid,
    Timestamp, primary,
};
use crate::fetcher::{FetcherHandle, Pacer, Unfinished};
use crate::happening::What;
use crate::keepers::retention::RetentionKeeperHandle;
use crate::keepers::vault::VaultKeeperHandle;
use crate::ports::{CallRecord, Catalog, CatalogError, Chance, Clock, RecordingRecord, Vault};
use crate::recordings;
use crate::shelf::{Place, Shelf};
use machine::{AskId, Context, Event, Life, Patience, Policy, State};

/// "May I play this?"
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// `None` asks for the call's primary recording.
    pub recording: Option<RecordingSid>,
    pub intent: Intent,
    /// How long the asker waits for audio before it is told to come back.
    pub wait: Duration,
}

pub(crate) enum Message {
    Ask {
        ask: Ask,
        reply: RpcReplyPort<Permit<Arrival>>,
    },
    /// A recording's row changed, or the call has a new one.
    Refresh(Option<RecordingSid>),
    /// Its rows are about to change: nothing is to be read off without asking until `Refresh`.
    Withhold(RpcReplyPort<()>),
    /// What reading the news brought, for those who were named.
    Read {
        named: BTreeSet<Option<RecordingSid>>,
        found: Result<Option<Box<CallRecord>>, CatalogError>,
    },
    /// Read what could not be read before.
    ReadAgain,
    /// A download of this actor's begins as it should.
    Admitted {
        sid: RecordingSid,
        fetch: FetchId,
        arrival: Arrival,
    },
    /// What this actor's own tasks, timers and readers report.
    Happened(RecordingSid, Event),
    IdleCheck,
}

/// What every recording actor shares.
pub(crate) struct Services {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) fetcher: FetcherHandle,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) vault_keeper: VaultKeeperHandle,
    /// What makes files and rows agree, which goes on when actors have ended.
    pub(crate) vault_work: TaskTracker,
    pub(crate) retention_keeper: RetentionKeeperHandle,
    pub(crate) board: Arc<Board>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) audience: Audience,
    pub(crate) counts: Counts,
    pub(crate) policy: Policy,
    pub(crate) idle_after: Duration,
}

pub(crate) struct RecordingActor {
    pub(crate) key: CallKey,
    pub(crate) services: Arc<Services>,
    pub(crate) parent: Address<recordings::Message>,
    pub(crate) view: watch::Sender<CallView>,
}

pub(crate) struct Shell {
    /// Boxed: a map has room for eleven from the first on, and a call seldom has a second.
    lives: BTreeMap<RecordingSid, Box<Track>>,
    callers: HashMap<AskId, RpcReplyPort<Permit<Arrival>>>,
    asks: u64,
    fetches: u64,
    last_asked: Instant,
    /// Who was named in news that nobody reads yet.
    unread: BTreeSet<Option<RecordingSid>>,
    reading: bool,
    withheld: bool,
    /// What may be read without asking.
    place: Place,
}

/// A catalog that takes longer to tell the news counts as away.
const READ_MAX: Duration = Duration::from_secs(10);
/// Between two tries to read news.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// One recording, and what runs for it.
struct Track {
    life: Life,
    since: Timestamp,
    fetching: Option<Fetching>,
    /// What a fetch that failed left for the one that is already planned. Dropped when none is.
    unfinished: Unfinished,
    played_at: Option<Timestamp>,
    /// The last of what is done one after the other.
    in_order: Option<JoinHandle<()>>,
}

/// Dropped on every way out, which cancels the fetch.
struct Fetching {
    fetch: FetchId,
    progress: watch::Receiver<Progress>,
    /// Once it was admitted.
    arrival: Option<Arrival>,
    _cancel: DropGuard,
}

impl Actor for RecordingActor {
    type Msg = Message;
    type State = Shell;
    type Arguments = CallRecord;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        record: CallRecord,
    ) -> Result<Shell, ActorProcessingErr> {
        let now = self.services.clock.now();
        let lives = record
            .recordings
            .into_iter()
            .map(|found| (found.recording.sid, self.track(found, now)))
            .collect();
        let mut shell = Shell {
            lives,
            callers: HashMap::new(),
            asks: 0,
            fetches: 0,
            last_asked: Instant::now(),
            unread: BTreeSet::new(),
            reading: false,
            withheld: false,
            place: self.services.shelf.place(self.key.clone()),
        };
        self.lay_out(&mut shell, now);
        self.publish(&shell, now);
        myself.send_after(self.services.idle_after, || Message::IdleCheck);
        Ok(shell)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        shell: &mut Shell,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Ask { ask, reply } => self.admit(ask, reply, &myself, shell),
            Message::Refresh(named) => {
                shell.withheld = false;
                shell.unread.insert(named);
                self.read(&myself, shell);
            }
            Message::Withhold(reply) => {
                shell.withheld = true;
                shell.place.withdraw();
                let _ = reply.send(());
            }
            Message::Read { named, found } => self.take_in(named, found, &myself, shell),
            Message::ReadAgain => self.read(&myself, shell),
            Message::Admitted { sid, fetch, arrival } => {
                shell.take_note_of(sid, fetch, arrival);
                self.happen(sid, Event::Admitted(fetch), &myself, shell);
            }
            Message::Happened(sid, event) => self.happen(sid, event, &myself, shell),
            Message::IdleCheck => self.check_idle(&myself, shell),
        }
        let now = self.services.clock.now();
        self.lay_out(shell, now);
        self.publish(shell, now);
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Message>,
        shell: &mut Shell,
    ) -> Result<(), ActorProcessingErr> {
        shell.place.withdraw();
        Ok(())
    }
}

impl RecordingActor {
    fn track(&self, found: RecordingRecord, now: Timestamp) -> Box<Track> {
        let RecordingRecord { recording, copy, history } = found;
        let life = Life::load(recording, copy, history, now, &self.services.policy.retry);
        let (fetching, unfinished, played_at) = (None, Unfinished::default(), None);
        Box::new(Track { life, since: now, fetching, unfinished, played_at, in_order: None })
    }

    /// Turns an ask into an event, and sees to it that it is answered in time.
    fn admit(
        &self,
        ask: Ask,
        reply: RpcReplyPort<Permit<Arrival>>,
        myself: &ActorRef<Message>,
        shell: &mut Shell,
    ) {
        shell.last_asked = Instant::now();
        let Some(sid) = shell.choose(ask.recording) else {
            let _ = reply.send(Permit::Deny(Denial::NoRecording));
            return;
        };
        shell.asks += 1;
        // Whoever waits has asked before, and been told to.
        if ask.wait.is_zero() {
            self.services.counts.asked(shell.lives.get(&sid).is_some_and(|it| it.is_downloading()));
        }
        let id = AskId(shell.asks);
        shell.callers.insert(id, reply);
        let patience = if ask.wait.is_zero() { Patience::AtOnce } else { Patience::Park };
        self.happen(sid, Event::Asked { ask: id, intent: ask.intent, patience }, myself, shell);
        if shell.callers.contains_key(&id) {
            myself.send_after(ask.wait, move || Message::Happened(sid, Event::AskDue(id)));
        }
    }

    fn happen(
        &self,
        sid: RecordingSid,
        event: Event,
        myself: &ActorRef<Message>,
        shell: &mut Shell,
    ) {
        let now = self.services.clock.now();
        shell.fetches += 1;
        let Some(track) = shell.lives.remove(&sid).map(|track| *track) else { return };
        let context = Context {
            now,
            fresh: FetchId(shell.fetches),
            chance: self.services.chance.unit(),
            progress: track.progress(),
            worked_at: self.services.pacer.worked_at(track.recording().account),
            trusted_at: self.services.pacer.trusted_at(track.recording().account),
            policy: &self.services.policy,
        };
        let before = track.life.state.name();
        let damaged = matches!(event, Event::DamageFound(_));
        let step = machine::step(track.life, event, &context);
        if let Some(why) = step.ignored {
            tracing::trace!(recording.sid = %sid, state = before.as_str(), why, "nothing to do");
        } else if damaged {
            self.services.counts.damage_found();
        }
        let changed = before != step.life.state.name();
        let downloading = matches!(step.life.state, State::Downloading(_));
        let goes_on = step.life.state.goes_on();
        let track = Track {
            since: if changed { now } else { track.since },
            fetching: track.fetching.filter(|_| downloading),
            unfinished: if goes_on { track.unfinished } else { Unfinished::default() },
            life: step.life,
            played_at: track.played_at,
            in_order: track.in_order,
        };
        if changed {
            track.log_transition();
            let view = track.view(sid, now, &self.services.policy);
            let what = What::Changed { call: self.key.clone(), from: before, now: view };
            self.services.board.announce(now, what);
        }
        shell.lives.insert(sid, Box::new(track));
        // Before the effects: nobody reads off that it plays when its row or its file goes.
        self.lay_out(shell, now);
        for effect in step.effects {
            self.perform(sid, effect, now, myself, shell);
        }
    }

    /// One reading at a time: what was read earlier never arrives later.
    fn read(&self, myself: &ActorRef<Message>, shell: &mut Shell) {
        if shell.reading || shell.unread.is_empty() {
            return;
        }
        shell.reading = true;
        let named = std::mem::take(&mut shell.unread);
        let (catalog, key) = (Arc::clone(&self.services.catalog), self.key.clone());
        let myself = myself.clone();
        tokio::spawn(async move {
            let reading = async move { catalog.load_call(&key).await };
            let found = answer_within(READ_MAX, reading).await;
            let found = found.map(|record| record.map(Box::new));
            let _ = myself.cast(Message::Read { named, found });
        });
    }

    fn take_in(
        &self,
        named: BTreeSet<Option<RecordingSid>>,
        found: Result<Option<Box<CallRecord>>, CatalogError>,
        myself: &ActorRef<Message>,
        shell: &mut Shell,
    ) {
        shell.reading = false;
        match found {
            Ok(Some(record)) => self.compare(&named, *record, myself, shell),
            Ok(None) => {
                shell.withheld = true;
                self.hand_over(myself, shell);
            }
            Err(error) => {
                tracing::warn!(call.sid = %self.key.call, %error, "news not read; tried again in a second");
                shell.unread.extend(named);
                myself.send_after(READ_PAUSE, || Message::ReadAgain);
                return;
            }
        }
        self.read(myself, shell);
    }

    /// The call turned out to be a leg of another, whose actor has its recordings from now on.
    fn hand_over(&self, myself: &ActorRef<Message>, shell: &Shell) {
        let key = self.key.clone();
        self.parent.tell(recordings::Message::Moved { key, actor: myself.get_id() });
        for (sid, track) in &shell.lives {
            if !track.is_at_rest() {
                let news = recordings::News::Refresh(Some(*sid));
                self.parent.tell(recordings::Message::Tell { key: self.key.clone(), news });
            }
        }
    }

    /// Tells each recording what its row says by now, if that is news.
    fn compare(
        &self,
        named: &BTreeSet<Option<RecordingSid>>,
        record: CallRecord,
        myself: &ActorRef<Message>,
        shell: &mut Shell,
    ) {
        let now = self.services.clock.now();
        let listed = record.recordings.iter().map(|found| found.recording.sid);
        let listed: BTreeSet<RecordingSid> = listed.collect();
        // Of very many only the last are listed. Of the others, the rows say whether they are overdue.
        shell.lives.retain(|sid, track| listed.contains(sid) || !track.is_idle());
        for sid in named.iter().flatten().filter(|sid| !listed.contains(sid)) {
            self.expire(*sid, now, myself);
        }
        for found in record.recordings {
            let sid = found.recording.sid;
            let recording = found.recording.clone();
            let track = shell.lives.entry(sid).or_insert_with(|| self.track(found.clone(), now));
            if track.life.is_spared_by(&recording, now) {
                let life = Box::new(self.track(found, now).life);
                self.happen(sid, Event::Spared(life), myself, shell);
            } else if named.contains(&Some(sid)) || *track.recording() != recording {
                let event = Event::Announced(Box::new(recording));
                self.happen(sid, event, myself, shell);
            }
        }
    }

    /// Offers itself for passivation. The parent decides: only it knows whom it has just sent here.
    fn check_idle(&self, myself: &ActorRef<Message>, shell: &Shell) {
        let rested = shell.last_asked.elapsed() >= self.services.idle_after;
        if rested && self.is_at_rest(shell) {
            let actor = myself.get_id();
            self.parent.tell(recordings::Message::Idle { key: self.key.clone(), actor });
        }
        myself.send_after(self.services.idle_after, || Message::IdleCheck);
    }

    fn is_at_rest(&self, shell: &Shell) -> bool {
        shell.is_informed()
            && shell.callers.is_empty()
            && shell.lives.values().all(|track| track.is_at_rest())
    }

    /// Shows what may be played without asking: while there is news to be read, nothing.
    fn lay_out(&self, shell: &mut Shell, now: Timestamp) {
        if shell.withheld || !shell.is_informed() {
            return shell.place.withdraw();
        }
        let primary = shell.choose(None);
        shell.place.show(primary, shell.lives.values().filter_map(|track| track.ready(now)));
    }

    fn publish(&self, shell: &Shell, now: Timestamp) {
        let recordings = shell
            .lives
            .iter()
            .map(|(sid, track)| track.view(*sid, now, &self.services.policy))
            .collect();
        let primary = shell.choose(None);
        let (asks, waiting) = (shell.asks, shell.callers.len());
        self.view.send_replace(CallView { asks, waiting, primary, recordings });
    }
}

impl Shell {
    fn take_note_of(&mut self, sid: RecordingSid, admitted: FetchId, arriving: Arrival) {
        let fetching = self.lives.get_mut(&sid).and_then(|track| track.fetching.as_mut());
        if let Some(Fetching { arrival, .. }) = fetching.filter(|one| one.fetch == admitted) {
            *arrival = Some(arriving);
        }
    }

    fn is_informed(&self) -> bool {
        !self.reading && self.unread.is_empty()
    }

    fn choose(&self, named: Option<RecordingSid>) -> Option<RecordingSid> {
        match named {
            Some(sid) => self.lives.contains_key(&sid).then_some(sid),
            None => primary(self.lives.values().map(|track| track.recording())),
        }
    }
}

impl Track {
    fn arrival(&self) -> Option<Arrival> {
        self.fetching.as_ref()?.arrival.clone()
    }

    /// Does this when what was ordered before is done.
    fn in_order(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let earlier = self.in_order.take();
        self.in_order = Some(tokio::spawn(async move {
            if let Some(earlier) = earlier {
                let _ = earlier.await;
            }
            work.await;
        }));
    }

    const fn recording(&self) -> &Recording {
        &self.life.facts.recording
    }

    /// What plays, and until when.
    fn ready(&self, now: Timestamp) -> Option<(Playable, Option<Timestamp>)> {
        let recording = self.recording();
        let State::Ready(copy) = &self.life.state else { return None };
        let playable = recording.playable(copy);
        recording.ending(now).is_none().then_some((playable, recording.expires_at))
    }

    fn progress(&self) -> Progress {
        self.fetching.as_ref().map_or(Progress::QUEUED, |fetching| *fetching.progress.borrow())
    }

    /// Whether nothing is under way that would be forgotten.
    const fn is_at_rest(&self) -> bool {
        !self.life.state.goes_on()
    }

    /// Whether, beside that, nobody waits for it.
    const fn is_idle(&self) -> bool {
        self.is_at_rest() && self.life.facts.waiting.is_empty()
    }

    const fn is_downloading(&self) -> bool {
        matches!(self.life.state, State::Downloading(_))
    }
}
