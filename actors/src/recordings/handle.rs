//! How the world asks for a call's recordings. Actors come and go behind it.

use std::sync::Arc;
use std::time::Duration;

use ractor::rpc::CallResult;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Message, News, Resolution};
use crate::address::Address;
use crate::arrival::Arrival;
use crate::domain::{
    AccountSid, AudioKey, BusinessId, CallKey, Format, Permit, RecordingSid, StoredCopy, Timestamp,
};
use crate::ports::CatalogError;
use crate::recording::machine::Event;
use crate::recording::{self, Ask, CallView, RecordingWatch};
use crate::search::Search;
use crate::shelf::{Published, Shelf};
use crate::still_there::{StaysError, StillThere};

/// Clone it freely.
#[derive(Clone)]
pub struct RecordingsHandle {
    address: Address<Message>,
    /// For the world's asks; the core's own news is of calls that are known.
    search: Option<Arc<Search>>,
    /// For the world's orders; the vault's keeper asks for itself.
    still_there: Option<Arc<StillThere>>,
    shelf: Arc<Shelf>,
}

/// Why nobody could say.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Away(#[from] CatalogError),
    #[error("too many are asking")]
    Overloaded,
    /// The actor crashed or hangs, again and again.
    #[error("the call's actor does not answer")]
    Unavailable,
}

/// An actor that went away between being found and being asked is looked up again this often.
const ROUNDS_MAX: usize = 3;
const RESOLVE_DEADLINE: Duration = Duration::from_secs(10);
/// Between two looks for a parent that is being restarted.
const RESTART_PAUSE: Duration = Duration::from_millis(50);
/// Beyond the wait that the asker allows.
const ANSWER_GRACE: Duration = Duration::from_secs(5);
/// An actor that does not even withdraw its word in so long is not there.
const WITHHOLDING_MAX: Duration = Duration::from_secs(10);

impl RecordingsHandle {
    pub(crate) const fn new(address: Address<Message>, shelf: Arc<Shelf>) -> Self {
        Self { address, search: None, still_there: None, shelf }
    }

    #[must_use]
    pub(crate) fn of_the_world(self, search: Search, still_there: StillThere) -> Self {
        let (search, still_there) = (Some(Arc::new(search)), Some(Arc::new(still_there)));
        Self { search, still_there, ..self }
    }

    /// What a call's actor last decided, if the recording is Ready: no mailbox, nothing to wait for. `None` says
    /// nothing at all: ask. By the parent leg only.
    pub fn published(
        &self,
        key: &CallKey,
        named: Option<RecordingSid>,
        now: Timestamp,
    ) -> Option<Arc<Published>> {
        self.shelf.read(key, named, now)
    }

    /// Asks for a recording of a call, named by any of its legs. `None`: no such call.
    pub async fn ask(&self, key: &CallKey, ask: Ask) -> Result<Option<Permit<Arrival>>, AskError> {
        match self.ask_known(key, ask).await? {
            None if self.find(key).await? => self.ask_known(key, ask).await,
            answer => Ok(answer),
        }
    }

    /// What a call's actor is doing. Wakes it, and starts nothing.
    pub async fn look(&self, key: &CallKey) -> Result<Option<CallView>, AskError> {
        Ok(self.live(key).await?.map(|view| view.borrow().clone()))
    }

    /// Looks for a call that is not known. True when asking again may find it.
    pub async fn find(&self, key: &CallKey) -> Result<bool, AskError> {
        match &self.search {
            Some(search) => Ok(search.find(key).await?),
            None => Ok(false),
        }
    }

    async fn ask_known(
        &self,
        key: &CallKey,
        ask: Ask,
    ) -> Result<Option<Permit<Arrival>>, AskError> {
        for _ in 0..ROUNDS_MAX {
            let Some((actor, _)) = self.resolve(key).await? else { return Ok(None) };
            let deadline = Some(ask.wait + ANSWER_GRACE);
            match actor.call(|reply| recording::Message::Ask { ask, reply }, deadline).await {
                Ok(CallResult::Success(permit)) => return Ok(Some(permit)),
                Ok(CallResult::Timeout) => return Err(AskError::Unavailable),
                // It went away with our question, or before it: its successor will answer.
                Ok(CallResult::SenderError) | Err(_) => {}
            }
        }
        Err(AskError::Unavailable)
    }

    /// Follows a recording of a call, named by any of its legs, for as long as its actor lives. Wakes it, and
    /// starts nothing.
    pub async fn watch(
        &self,
        key: &CallKey,
        named: Option<RecordingSid>,
    ) -> Result<Option<RecordingWatch>, AskError> {
        Ok(self.live(key).await?.map(|view| RecordingWatch::new(view, named)))
    }

    /// Says that a call's rows have changed; `named` has news to act upon.
    pub fn refresh(&self, key: CallKey, named: Option<RecordingSid>) {
        self.address.tell(Message::Tell { key, news: News::Refresh(named) });
    }

    /// Has nothing of a call read without asking until a refresh. For whoever is about to change its rows so that it
    /// plays no more, and refreshes afterwards.
    pub(crate) async fn withhold(&self, key: &CallKey) {
        let Some(parent) = self.address.current() else { return };
        let message = |reply| Message::Tell { key: key.clone(), news: News::Withhold(reply) };
        // Where nobody answers there is no actor, and nothing is laid out.
        let _ = parent.call(message, Some(WITHHOLDING_MAX)).await;
    }

    /// Says that all rows of a business mean something else now. Wakes nobody.
    pub(crate) fn refresh_all_of(&self, business: BusinessId) {
        self.address.tell(Message::TellAllOf(business));
    }

    /// Says that a copy could not be read back as it was sealed.
    pub fn report_damage(&self, key: CallKey, recording: RecordingSid, copy: StoredCopy) {
        let news = News::Happened(recording, Event::DamageFound(copy));
        self.address.tell(Message::Tell { key, news });
    }

    /// Wants a recording fetched now, whatever was tried before.
    pub fn retry(&self, key: CallKey, recording: RecordingSid) {
        let news = News::Happened(recording, Event::RetryWanted);
        self.address.tell(Message::Tell { key, news });
    }

    /// Wants a copy gone, once the source has said that it can be fetched again.
    pub async fn evict(
        &self,
        key: CallKey,
        recording: RecordingSid,
        account: AccountSid,
    ) -> Result<(), StaysError> {
        let Some(still_there) = &self.still_there else { return Ok(()) };
        let audio = AudioKey { business: key.business.clone(), recording, format: Format::Mp3 };
        still_there.ask(&key, account, &audio).await?;
        self.let_go(key, recording);
        Ok(())
    }

    /// Wants a copy gone of what the source was heard to have.
    pub(crate) fn let_go(&self, key: CallKey, recording: RecordingSid) {
        let news = News::Happened(recording, Event::EvictionWanted);
        self.address.tell(Message::Tell { key, news });
    }

    async fn live(&self, key: &CallKey) -> Result<Option<watch::Receiver<CallView>>, AskError> {
        let live = match self.resolve(key).await? {
            None if self.find(key).await? => self.resolve(key).await?,
            live => live,
        };
        Ok(live.map(|(_, view)| view))
    }

    async fn resolve(
        &self,
        key: &CallKey,
    ) -> Result<Option<(ractor::ActorRef<recording::Message>, watch::Receiver<CallView>)>, AskError>
    {
        match timeout(RESOLVE_DEADLINE, self.resolution(key)).await {
            Ok(Resolution::Live { actor, view }) => Ok(Some((actor, view))),
            Ok(Resolution::Unknown) => Ok(None),
            Ok(Resolution::Away(error)) => Err(error.into()),
            Ok(Resolution::Overloaded) => Err(AskError::Overloaded),
            Err(_) => Err(AskError::Unavailable),
        }
    }

    /// Asks again where the parent went away with our question: it is started again.
    async fn resolution(&self, key: &CallKey) -> Resolution {
        loop {
            let message = |reply| Message::Resolve { key: key.clone(), reply };
            if let Some(parent) = self.address.current()
                && let Ok(CallResult::Success(resolution)) = parent.call(message, None).await
            {
                return resolution;
            }
            sleep(RESTART_PAUSE).await;
        }
    }
}
