//! One comparison of every account's list of recordings with what is known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::{AccountReconciliation, Desk};
use crate::domain::{AccountSid, CallEvent, CallSid, FetchError, Timestamp, WebhookEvent};
use crate::ports::{CatalogError, Listing, PageToken};

/// Accounts that are compared at a time.
const ACCOUNTS_AT_ONCE: usize = 4;
/// Of one account in one pass; a longer list is gone on with in the next.
const PAGES_MAX: usize = 40;
/// What the source lists late, or a clock puts early, is seen all the same.
const OVERLAP: Duration = Duration::from_hours(24);
/// For the news of the pass itself to be applied.
const SETTLE_PATIENCE: Duration = Duration::from_secs(5);
const UNASSIGNED_BATCH: u32 = 200;
const CALLS_ASKED_MAX: usize = 20;
const ASKED_MAX: usize = 10_000;
/// Recordings without a copy that are announced again, the newest.
const WANTED_MAX: u32 = 200;

/// Where in a list to go on.
pub(crate) struct Bookmark {
    begun_at: Timestamp,
    since: Timestamp,
    page: PageToken,
}

/// What one comparison found, and what the next one needs to know.
pub(crate) struct Pass {
    pub(super) accounts: BTreeMap<AccountSid, AccountReconciliation>,
    pub(super) bookmarks: HashMap<AccountSid, Bookmark>,
    pub(super) asked: HashSet<CallSid>,
}

/// Why a list was not read to its end.
enum Halt {
    Source(FetchError),
    Catalog(CatalogError),
}

impl Desk {
    pub(super) async fn pass(
        &self,
        mut bookmarks: HashMap<AccountSid, Bookmark>,
        mut asked: HashSet<CallSid>,
    ) -> Result<Pass, CatalogError> {
        let accounts = self.catalog.accounts().await?;
        let marked: Vec<_> = accounts
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
        let mut pass =
            Pass { accounts: BTreeMap::new(), bookmarks: HashMap::new(), asked: HashSet::new() };
        for (account, (said, bookmark)) in compared {
            pass.bookmarks.extend(bookmark.map(|bookmark| (account, bookmark)));
            pass.accounts.insert(account, said);
        }
        self.ask_about_unassigned(&mut asked).await?;
        pass.asked = asked;
        self.announce_again().await?;
        Ok(pass)
    }

    async fn compare(
        &self,
        account: AccountSid,
        bookmark: Option<Bookmark>,
    ) -> (AccountReconciliation, Option<Bookmark>) {
        let at = self.clock.now();
        let mut said = AccountReconciliation { at, ..AccountReconciliation::default() };
        let halt = match self.read_list(account, bookmark, &mut said).await {
            Ok(bookmark) => {
                said.complete = bookmark.is_none();
                return (said, bookmark);
            }
            Err(halt) => halt,
        };
        let error = match halt {
            Halt::Source(error) => error.to_string(),
            Halt::Catalog(error) => error.to_string(),
        };
        tracing::warn!(account.sid = %account, error, "not compared with the source to the end");
        said.error = Some(error);
        (said, None)
    }

    /// Returns where to go on, if the list was not read to its end.
    async fn read_list(
        &self,
        account: AccountSid,
        bookmark: Option<Bookmark>,
        said: &mut AccountReconciliation,
    ) -> Result<Option<Bookmark>, Halt> {
        let (begun_at, since, mut page) = match bookmark {
            Some(Bookmark { begun_at, since, page }) => (begun_at, since, Some(page)),
            None => {
                let through = self.catalog.reconciled(account).await?;
                (said.at, through.unwrap_or(said.at).minus(OVERLAP), None)
            }
        };
        for _ in 0..PAGES_MAX {
            self.pacer.turn(account).await?;
            let listing = Listing::Since(since);
            let listed = self.source.recordings(account, &listing, page.as_ref()).await;
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
                Some(next) => page = Some(next),
                None => {
                    self.catalog.record_reconciled(account, begun_at).await?;
                    return Ok(None);
                }
            }
        }
        Ok(page.map(|page| Bookmark { begun_at, since, page }))
    }

    /// A recording does not say whose it is where several share the account; its call does.
    async fn ask_about_unassigned(&self, asked: &mut HashSet<CallSid>) -> Result<(), CatalogError> {
        self.inbox.settle(SETTLE_PATIENCE).await;
        if asked.len() >= ASKED_MAX {
            asked.clear();
        }
        let mut left = CALLS_ASKED_MAX;
        for waiting in self.catalog.unassigned_events(UNASSIGNED_BATCH).await? {
            let (account, call) = (waiting.event.account(), waiting.event.call());
            if left == 0 || asked.contains(&call) || self.pacer.turn(account).await.is_err() {
                continue;
            }
            left -= 1;
            let answer = self.source.call(account, call).await;
            self.pacer.heard(account, answer.as_ref().map(drop), self.clock.now());
            match answer {
                Ok(details) => {
                    asked.insert(call);
                    let found = WebhookEvent::Call(CallEvent { account, call, details });
                    self.catalog.store_found(&[found], self.clock.now()).await?;
                    self.inbox.event_stored();
                }
                Err(FetchError::NotFound) => {
                    asked.insert(call);
                }
                Err(error) => {
                    tracing::debug!(call.sid = %call, %error, "no details of the call yet");
                    // The next pass goes on: a source that hangs would take minutes.
                    break;
                }
            }
        }
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
