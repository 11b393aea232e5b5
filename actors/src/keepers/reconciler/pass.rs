//! One comparison of every account's list of recordings with what is known.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::{AccountReconciliation, Desk};
use crate::domain::{
    AccountSid, CallDetails, CallEvent, CallSid, FetchError, Timestamp, WebhookEvent,
};
use crate::ports::{CatalogError, Listing, PageToken, UnassignedCall};

/// Accounts that are compared at a time.
const ACCOUNTS_AT_ONCE: usize = 4;
/// Of one account in one pass; a longer list is gone on with in the next.
const PAGES_MAX: usize = 40;
/// What the source lists late, or a clock puts early, is seen all the same.
const OVERLAP: Duration = Duration::from_hours(24);
/// For the news of the pass itself to be applied.
const SETTLE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a place in a list is gone back to that the source refuses to read on from.
const BOOKMARK_KEPT_FOR: Duration = Duration::from_hours(6);
/// Calls of unassigned events that the source is asked about, of one account in one pass.
const CALLS_ASKED_MAX: u32 = 20;
/// When all of them were asked about, it is begun anew after so long.
const ROUND_MIN: Duration = Duration::from_hours(24);
/// Recordings without a copy that are announced again, the newest.
const WANTED_MAX: u32 = 200;

/// Where in a list to go on.
pub(crate) struct Bookmark {
    begun_at: Timestamp,
    since: Timestamp,
    page: PageToken,
}

/// How far the source was asked about the calls of an account's unassigned events.
pub(crate) struct Asked {
    begun_at: Timestamp,
    /// The event up to which there is an answer.
    through: i64,
    /// The one whose call there was no answer about.
    failed: Option<i64>,
}

/// How far a pass came with each account: where the next one goes on.
#[derive(Default)]
pub(crate) struct Places {
    bookmarks: HashMap<AccountSid, Bookmark>,
    asked: HashMap<AccountSid, Asked>,
}

/// What one comparison found, and what the next one needs to know.
pub(crate) struct Pass {
    pub(super) accounts: BTreeMap<AccountSid, AccountReconciliation>,
    pub(super) places: Places,
    /// Why it ended early, if it did.
    pub(super) error: Option<CatalogError>,
}

/// Why a list was not read to its end.
enum Halt {
    Source(FetchError),
    Catalog(CatalogError),
}

impl Desk {
    pub(super) async fn pass(&self, mut places: Places) -> Pass {
        let mut accounts = BTreeMap::new();
        let error = self.go_round(&mut places, &mut accounts).await.err();
        Pass { accounts, places, error }
    }

    async fn go_round(
        &self,
        places: &mut Places,
        accounts: &mut BTreeMap<AccountSid, AccountReconciliation>,
    ) -> Result<(), CatalogError> {
        let known = self.catalog.accounts().await?;
        let mut bookmarks = std::mem::take(&mut places.bookmarks);
        let marked: Vec<_> = known
            .into_iter()
            .map(|account| (account.sid, bookmarks.remove(&account.sid)))
            .collect();
        let compared: Vec<_> =
            stream::iter(marked)
                .map(|(account, bookmark)| async move {
                    (account, self.compare(account, bookmark).await)
                })
                .buffer_unordered(ACCOUNTS_AT_ONCE)
                .collect()
                .await;
        for (account, (said, bookmark)) in compared {
            places.bookmarks.extend(bookmark.map(|bookmark| (account, bookmark)));
            accounts.insert(account, said);
        }
        self.ask_about_unassigned(&mut places.asked, accounts).await?;
        self.announce_again().await
    }

    async fn compare(
        &self,
        account: AccountSid,
        bookmark: Option<Bookmark>,
    ) -> (AccountReconciliation, Option<Bookmark>) {
        let at = self.clock.now();
        let mut said = AccountReconciliation { at, ..AccountReconciliation::default() };
        let mut place = bookmark;
        let halt = match self.read_list(account, &mut place, &mut said).await {
            Ok(()) => {
                said.complete = place.is_none();
                return (said, place);
            }
            Err(halt) => halt,
        };
        let is_about_the_place = halt.is_about_what_was_asked_for();
        let error = match halt {
            Halt::Source(error) => error.to_string(),
            Halt::Catalog(error) => error.to_string(),
        };
        tracing::warn!(account.sid = %account, error, "not compared with the source to the end");
        said.error = Some(error);
        let place = place
            .filter(|place| !is_about_the_place && at.since(place.begun_at) < BOOKMARK_KEPT_FOR);
        (said, place)
    }

    /// Leaves where to go on, if the list was not read to its end.
    async fn read_list(
        &self,
        account: AccountSid,
        place: &mut Option<Bookmark>,
        said: &mut AccountReconciliation,
    ) -> Result<(), Halt> {
        let (begun_at, since) = match place {
            Some(Bookmark { begun_at, since, .. }) => (*begun_at, *since),
            None => {
                let through = self.catalog.reconciled(account).await?;
                (said.at, through.unwrap_or(said.at).minus(OVERLAP))
            }
        };
        for _ in 0..PAGES_MAX {
            self.pacer.turn(account).await?;
            let listing = Listing::Since(since);
            let page = place.as_ref().map(|place| &place.page);
            let listed = self.source.recordings(account, &listing, page).await;
            self.pacer.heard(account, listed.as_ref().map(drop), self.clock.now());
            let listed = listed?;
            said.listed += listed.recordings.len() as u64;
            let found: Vec<_> =
                listed.recordings.into_iter().map(WebhookEvent::Recording).collect();
            let news = self.catalog.store_found(&found, self.clock.now()).await?;
            if news > 0 {
                tracing::info!(account.sid = %account, news, "recordings that no webhook told of");
                said.found += news;
                self.inbox.event_stored();
            }
            match listed.next {
                Some(page) => *place = Some(Bookmark { begun_at, since, page }),
                None => {
                    self.catalog.record_reconciled(account, begun_at).await?;
                    *place = None;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A recording does not say whose it is where several share the account; its call does.
    async fn ask_about_unassigned(
        &self,
        asked: &mut HashMap<AccountSid, Asked>,
        accounts: &BTreeMap<AccountSid, AccountReconciliation>,
    ) -> Result<(), CatalogError> {
        self.inbox.settle(SETTLE_PATIENCE).await;
        asked.retain(|account, _| accounts.contains_key(account));
        // Where the list could not be read there is no answer about a call either.
        let marked: Vec<_> = accounts
            .iter()
            .filter(|(_, said)| said.error.is_none())
            .map(|(account, said)| {
                let begun = Asked { begun_at: said.at, through: 0, failed: None };
                (*account, asked.remove(account).unwrap_or(begun))
            })
            .collect();
        let done: Vec<_> = stream::iter(marked)
            .map(|(account, mut asked)| async move {
                let ended = self.ask_about_unassigned_of(account, &mut asked).await;
                (account, asked, ended)
            })
            .buffer_unordered(ACCOUNTS_AT_ONCE)
            .collect()
            .await;
        let mut ended = Ok(());
        for (account, place, this) in done {
            asked.insert(account, place);
            ended = ended.and(this);
        }
        ended
    }

    /// Goes on behind what was asked about: calls of a number that is nobody's stay unassigned, whatever the
    /// source tells of them, and must not stand before later ones.
    async fn ask_about_unassigned_of(
        &self,
        account: AccountSid,
        asked: &mut Asked,
    ) -> Result<(), CatalogError> {
        let now = self.clock.now();
        let calls = self.catalog.unassigned_calls(account, asked.through, CALLS_ASKED_MAX).await?;
        let are_last = calls.len() < CALLS_ASKED_MAX as usize;
        for UnassignedCall { event, call } in calls {
            if self.pacer.turn(account).await.is_err() {
                return Ok(());
            }
            let answer = self.source.call(account, call).await;
            self.pacer.heard(account, answer.as_ref().map(drop), self.clock.now());
            match answer {
                Ok(details) => self.hear_of(account, call, details).await?,
                Err(error) if error.kind().is_about_what_was_asked_for() => {}
                // Once more is enough: it must not stand in the way of others.
                Err(_) if asked.failed == Some(event) => {}
                Err(error) => {
                    tracing::debug!(call.sid = %call, %error, "no details of the call yet");
                    asked.failed = Some(event);
                    // The next pass goes on: a source that hangs would take minutes.
                    return Ok(());
                }
            }
            asked.through = event;
        }
        if are_last && now.since(asked.begun_at) >= ROUND_MIN {
            *asked = Asked { begun_at: now, through: 0, failed: None };
        }
        Ok(())
    }

    async fn hear_of(
        &self,
        account: AccountSid,
        call: CallSid,
        details: CallDetails,
    ) -> Result<(), CatalogError> {
        let found = WebhookEvent::Call(CallEvent { account, call, details });
        self.catalog.store_found(&[found], self.clock.now()).await?;
        self.inbox.event_stored();
        Ok(())
    }

    /// A fetch that was given up, or forgotten by whoever wanted it, is wanted still.
    async fn announce_again(&self) -> Result<(), CatalogError> {
        if self.prefetch {
            for (call, recording) in self.catalog.wanted(WANTED_MAX).await? {
                self.recordings.refresh(call, Some(recording));
            }
        }
        Ok(())
    }
}

impl Halt {
    /// Whether it is this place in this list that cannot be read, and another might.
    const fn is_about_what_was_asked_for(&self) -> bool {
        match self {
            Self::Source(error) => error.kind().is_about_what_was_asked_for(),
            Self::Catalog(_) => false,
        }
    }
}

impl From<FetchError> for Halt {
    fn from(error: FetchError) -> Self {
        Self::Source(error)
    }
}

impl From<CatalogError> for Halt {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}
