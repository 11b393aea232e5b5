//! Looking for a call that is asked for and not known.
//!
//! A webhook that was answered 204 a moment ago may not be applied yet: whoever asks meanwhile waits for that. One
//! that never came is made up for by asking the source, as the asking business's own account.
//!
//! Invariant: what is looked at is the asking business's alone, so that the answer, and the time it takes, say
//! nothing of anybody else's calls. Invariant: however many ask, a call is looked up once at a time, and a
//! business has so many lookups a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::domain::{AccountSid, BusinessId, CallEvent, CallKey, FetchError, WebhookEvent};
use crate::fetcher::Pacer;
use crate::inbox::InboxHandle;
use crate::ports::{Catalog, CatalogError, Clock, Listing, RecordingSource};
use crate::supervisor::Ports;

#[derive(Clone)]
pub(crate) struct Search {
    catalog: Arc<dyn Catalog>,
    source: Arc<dyn RecordingSource>,
    clock: Arc<dyn Clock>,
    pacer: Arc<Pacer>,
    inbox: InboxHandle,
    /// Of one business; none at all where it is 0.
    lookups_per_minute: u32,
    lookups: Arc<Mutex<Lookups>>,
}

#[derive(Default)]
pub(crate) struct Lookups {
    /// What a running lookup will have found, for everybody who waits for it.
    running: HashMap<CallKey, watch::Receiver<bool>>,
    /// Calls that were looked up in vain, until when they are not looked up again.
    absent: HashMap<CallKey, Instant>,
    /// When a business's minute began, and the lookups that it has had in it.
    spent: HashMap<BusinessId, (Instant, u32)>,
}

/// How long an ask waits for the source. What is found later is there for the next ask.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits altogether, for the inbox to be worked off too.
const PATIENCE: Duration = Duration::from_secs(7);
const RUNNING_MAX: usize = 64;
/// So that one business cannot take the others' places.
const RUNNING_OF_BUSINESS_MAX: usize = 4;
const ABSENT_FOR: Duration = Duration::from_secs(30);
const ABSENT_MAX: usize = 10_000;
const MINUTE: Duration = Duration::from_mins(1);
const SPENDERS_MAX: usize = 10_000;

impl Search {
    pub(crate) fn new(
        ports: &Ports,
        pacer: &Arc<Pacer>,
        inbox: &InboxHandle,
        per_minute: u32,
    ) -> Self {
        Self {
            catalog: Arc::clone(&ports.catalog),
            source: Arc::clone(&ports.source),
            clock: Arc::clone(&ports.clock),
            pacer: Arc::clone(pacer),
            inbox: inbox.clone(),
            lookups_per_minute: per_minute,
            lookups: Arc::default(),
        }
    }

    /// True when asking for the call again may find it.
    pub(crate) async fn find(&self, key: &CallKey) -> Result<bool, CatalogError> {
        let deadline = Instant::now() + PATIENCE;
        let expected = self.catalog.is_expected(key).await?;
        if !expected && !self.look_up(key).await {
            return Ok(false);
        }
        self.inbox.settle(deadline.saturating_duration_since(Instant::now())).await;
        Ok(true)
    }

    /// Whether the source knows the call as one of the business's account.
    async fn look_up(&self, key: &CallKey) -> bool {
        let Some(mut found) = self.admit(key) else { return false };
        // Dropped without a word, it found nothing.
        let waiting = found.wait_for(|found| *found);
        matches!(timeout(LOOKUP_PATIENCE, waiting).await, Ok(Ok(_)))
    }

    /// Joins the lookup that runs, or starts one; `None` where there is to be none.
    fn admit(&self, key: &CallKey) -> Option<watch::Receiver<bool>> {
        let now = Instant::now();
        let mut lookups = self.lookups();
        if let Some(running) = lookups.running.get(key) {
            return Some(running.clone());
        }
        let own = lookups.running.keys().filter(|running| running.business == key.business);
        if own.count() >= RUNNING_OF_BUSINESS_MAX
            || lookups.running.len() >= RUNNING_MAX
            || lookups.is_absent(key, now)
            || !lookups.spend(&key.business, self.lookups_per_minute, now)
        {
            return None;
        }
        let (sender, receiver) = watch::channel(false);
        lookups.running.insert(key.clone(), receiver.clone());
        let search = self.clone();
        let mut running = Running { search, key: key.clone(), found: sender, answered: false };
        // In a task of its own: whoever asked may hang up, and others have joined.
        tokio::spawn(async move {
            match running.search.ask_source(&running.key).await {
                Ok(answer) => {
                    running.answered = answer != Answer::Nothing;
                    let _ = running.found.send(answer == Answer::Found);
                }
                Err(error) => {
                    tracing::warn!(call.sid = %running.key.call, %error, "a call was not looked up");
                }
            }
        });
        Some(receiver)
    }

    async fn ask_source(&self, key: &CallKey) -> Result<Answer, CatalogError> {
        let businesses = self.catalog.businesses().await?;
        let own = businesses.into_iter().find(|known| known.id == key.business);
        let Some(account) = own.map(|business| business.account) else { return Ok(Answer::Absent) };
        let found = match self.announcements(account, key).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(call.sid = %key.call, %error, "looked up in vain");
                let answered = error.kind().is_about_what_was_asked_for();
                return Ok(if answered { Answer::Absent } else { Answer::Nothing });
            }
        };
        let news = self.catalog.store_found(&found, self.clock.now()).await?;
        tracing::info!(call.sid = %key.call, news, "a call that nobody announced was looked up");
        Ok(Answer::Found)
    }

    /// What the webhooks of a call would have said.
    async fn announcements(
        &self,
        account: AccountSid,
        key: &CallKey,
    ) -> Result<Vec<WebhookEvent>, FetchError> {
        self.pass(account)?;
        let details = self.heard(account, self.source.call(account, key.call).await)?;
        // Recordings are kept under the parent leg, or under the leg itself.
        let legs = [Some(key.call), details.parent];
        let mut found = vec![WebhookEvent::Call(CallEvent { account, call: key.call, details })];
        for leg in legs.into_iter().flatten() {
            self.pass(account)?;
            let page = self.source.recordings(account, &Listing::OfCall(leg), None).await;
            let page = self.heard(account, page)?;
            found.extend(page.recordings.into_iter().map(WebhookEvent::Recording));
        }
        Ok(found)
    }

    fn heard<T>(
        &self,
        account: AccountSid,
        answer: Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        self.pacer.heard(account, answer.as_ref().map(drop), self.clock.now());
        answer
    }

    fn pass(&self, account: AccountSid) -> Result<(), FetchError> {
        self.pacer.admit(account).map_err(|retry_after| FetchError::Throttled { retry_after })
    }

    fn lookups(&self) -> MutexGuard<'_, Lookups> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lookups {
    fn is_absent(&mut self, key: &CallKey, now: Instant) -> bool {
        if self.absent.len() >= ABSENT_MAX {
            self.absent.retain(|_, until| *until > now);
        }
        self.absent.get(key).is_some_and(|until| *until > now)
    }

    fn remember_absent(&mut self, key: CallKey, now: Instant) {
        if self.absent.len() < ABSENT_MAX {
            self.absent.insert(key, now + ABSENT_FOR);
        }
    }

    fn spend(&mut self, business: &BusinessId, per_minute: u32, now: Instant) -> bool {
        if self.spent.len() >= SPENDERS_MAX {
            self.spent.retain(|_, (begun, _)| now.duration_since(*begun) < MINUTE);
        }
        let (begun, count) = self.spent.entry(business.clone()).or_insert((now, 0));
        if now.duration_since(*begun) >= MINUTE {
            (*begun, *count) = (now, 0);
        }
        *count += 1;
        *count <= per_minute
    }
}

/// What the source says of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Found,
    Absent,
    /// It cannot be asked just now.
    Nothing,
}

/// A lookup under way. However it ends, it is over, and one that was answered is not begun again at once.
struct Running {
    search: Search,
    key: CallKey,
    found: watch::Sender<bool>,
    answered: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut lookups = self.search.lookups();
        lookups.running.remove(&self.key);
        // An outage says nothing: whoever asks again may be told more.
        if !self.answered {
            return;
        }
        // A call that was found is known before anybody looks here, unless it is another business's.
        lookups.remember_absent(self.key.clone(), Instant::now());
    }
}
