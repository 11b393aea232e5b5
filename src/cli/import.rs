//! `hearback import`: what Twilio recorded before anybody told us.
//!
//! Reads the lists that the reconciler reads, from further back, and stores what is news where webhooks are stored. A
//! running service takes it in within seconds; what it fetches then goes behind what people wait for.
//!
//! Invariant: what is known, erased or past its retention is passed over, so that doing it again changes nothing.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actors::domain::{
    AccountSid, BusinessId, CallEvent, FetchError, RecordingEvent, Retention, Timestamp,
    WebhookEvent,
};
use actors::ports::{
    Business, Catalog, Custody, EventStore, Listing, PageToken, RecordingSource, RecordingsPage,
};
use anyhow::ensure;
use clap::Args;
use tokio::time::{Instant, sleep, sleep_until};

use crate::app::Foundation;
use crate::cli::progress::Progress;
use crate::cli::span::parse_span;
use crate::config::Config;
use crate::telemetry;
use crate::vault::owner::VaultOwner;
use crate::world::SystemClock;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// How far back: a number with s, m, h or d, at most a year. Twilio's lists begin with whole days.
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    since: Duration,
    /// Read only this business's account; left out: every account. Where several businesses share one, what is found
    /// goes to whose it is.
    #[arg(long, value_name = "ID")]
    business: Option<BusinessId>,
}

/// Of one account: five million recordings.
const PAGES_MAX: usize = 10_000;
/// A running service asks the same accounts, at its own pace; this leaves it most of what Twilio allows.
const REQUESTS_PER_SECOND_MAX: u32 = 5;
const TRIES_MAX: u32 = 5;
const PAUSE_FIRST: Duration = Duration::from_secs(2);
/// A longer pause than this is not waited for.
const PAUSE_MAX: Duration = Duration::from_mins(5);

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn run(config: &Config, options: Options) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let foundation = Foundation::lay(config, Arc::new(SystemClock)).await?;
    let source = foundation.source(config).await?;
    let accounts = accounts(&foundation, options.business.as_ref()).await?;
    let rate = config.twilio.requests_per_second.get().min(REQUESTS_PER_SECOND_MAX);
    let mut import = Import {
        now: foundation.clock.now(),
        foundation,
        source,
        turn: Turns { every: Duration::from_secs(1) / rate, next: Instant::now() },
        progress: Progress::start(),
        found: Found::default(),
    };
    let since = import.now.minus(options.since);
    let mut failed = Vec::new();
    for (account, businesses) in &accounts {
        let read = import.read(*account, businesses, since).await;
        import.progress.clear();
        failed.extend(read.err().map(|error| format!("the recordings of {account}: {error:#}")));
    }
    let Found { listed, news, expired } = import.found;
    println!("{listed} recordings listed: {news} new, {expired} past their retention");
    if news > 0 {
        println!("{}", what_next(config));
    }
    import.foundation.catalog.close().await;
    ensure!(
        failed.is_empty(),
        "{}; what was found stays, and the rest is found the next time",
        failed.join("; ")
    );
    Ok(())
}

fn what_next(config: &Config) -> &'static str {
    let running = VaultOwner::is_taken(&config.vault_dir()).unwrap_or(false);
    match (running, config.play.prefetch) {
        (true, true) => {
            "the running service takes them in now, and fetches them behind what people wait for"
        }
        (true, false) => {
            "the running service takes them in now, and fetches each when somebody plays it"
        }
        (false, _) => "they are taken in when the service starts",
    }
}

/// Which accounts are read, and whose they are.
async fn accounts(
    foundation: &Foundation,
    only: Option<&BusinessId>,
) -> anyhow::Result<BTreeMap<AccountSid, Vec<Business>>> {
    let businesses = foundation.catalog.businesses().await?;
    if let Some(id) = only {
        let known = businesses.iter().any(|business| business.id == *id);
        ensure!(known, "there is no business {id}: hearback business list shows which there are");
    }
    let mut accounts: BTreeMap<AccountSid, Vec<Business>> = BTreeMap::new();
    for business in businesses {
        accounts.entry(business.account).or_default().push(business);
    }
    accounts.retain(|_, businesses| {
        only.is_none_or(|id| businesses.iter().any(|business| business.id == *id))
    });
    Ok(accounts)
}

#[derive(Default)]
struct Found {
    listed: u64,
    news: u64,
    expired: u64,
}

struct Import {
    foundation: Foundation,
    source: Arc<dyn RecordingSource>,
    turn: Turns,
    progress: Progress,
    found: Found,
    now: Timestamp,
}

impl Import {
    async fn read(
        &mut self,
        account: AccountSid,
        businesses: &[Business],
        since: Timestamp,
    ) -> anyhow::Result<()> {
        let retention = self.longest_retention(businesses).await?;
        let (listing, mut page) = (Listing::Since(since), None);
        for _ in 0..PAGES_MAX {
            let listed = self.page(account, &listing, page.as_ref()).await?;
            self.found.listed += listed.recordings.len() as u64;
            let wanted: Vec<_> =
                listed.recordings.into_iter().filter(|it| self.is_kept(it, retention)).collect();
            self.store(account, businesses, wanted).await?;
            let Found { listed: count, news, .. } = self.found;
            self.progress.show(|| format!("{count} recordings listed, {news} new"));
            match listed.next {
                Some(next) => page = Some(next),
                None => return Ok(()),
            }
        }
        anyhow::bail!("the list does not end")
    }

    /// Nothing of the account is kept for longer.
    async fn longest_retention(&self, businesses: &[Business]) -> anyhow::Result<Retention> {
        let mut longest = None;
        for business in businesses {
            let retention = self.foundation.catalog.retention(&business.id).await?;
            longest = longest.max(Some(match retention {
                Retention::ForEver => u32::MAX,
                Retention::Days(days) => days.get(),
            }));
        }
        Ok(match longest {
            Some(u32::MAX) | None => Retention::ForEver,
            Some(days) => Retention::of_days(days),
        })
    }

    fn is_kept(&mut self, event: &RecordingEvent, retention: Retention) -> bool {
        let span = event.duration.unwrap_or_default();
        let expiry = event.started_at.and_then(|at| retention.expiry(at.plus(span)));
        let is_kept = expiry.is_none_or(|expiry| expiry > self.now);
        self.found.expired += u64::from(!is_kept);
        is_kept
    }

    /// Where a recording does not tell whose it is, its call does, and goes before it.
    async fn store(
        &mut self,
        account: AccountSid,
        businesses: &[Business],
        wanted: Vec<RecordingEvent>,
    ) -> anyhow::Result<()> {
        let catalog = Arc::clone(&self.foundation.catalog);
        if businesses.len() > 1 {
            let mut asked = HashSet::new();
            for event in &wanted {
                let call = event.call;
                if asked.insert(call) && catalog.find_call_anywhere(call).await?.is_none() {
                    self.store_call(account, event).await?;
                }
            }
        }
        let found: Vec<_> = wanted.into_iter().map(WebhookEvent::Recording).collect();
        self.found.news += catalog.store_found(&found, self.now).await?;
        Ok(())
    }

    async fn store_call(
        &mut self,
        account: AccountSid,
        event: &RecordingEvent,
    ) -> anyhow::Result<()> {
        let call = event.call;
        let mut tries = Tries::default();
        loop {
            self.turn.come().await;
            match self.source.call(account, call).await {
                Ok(details) => {
                    let found = WebhookEvent::Call(CallEvent { account, call, details });
                    self.foundation.catalog.store_found(&[found], self.now).await?;
                    return Ok(());
                }
                // The reconciler goes on asking, and hearback webhook assign can tell.
                Err(FetchError::NotFound) => return Ok(()),
                Err(error) => tries.pause_after(error).await?,
            }
        }
    }

    async fn page(
        &mut self,
        account: AccountSid,
        listing: &Listing,
        page: Option<&PageToken>,
    ) -> anyhow::Result<RecordingsPage> {
        let mut tries = Tries::default();
        loop {
            self.turn.come().await;
            match self.source.recordings(account, listing, page).await {
                Ok(listed) => return Ok(listed),
                Err(error) => tries.pause_after(error).await?,
            }
        }
    }
}

/// One request after the other, at a pace.
struct Turns {
    every: Duration,
    next: Instant,
}

impl Turns {
    async fn come(&mut self) {
        sleep_until(self.next).await;
        self.next = Instant::now() + self.every;
    }
}

/// Of one request.
#[derive(Default)]
struct Tries {
    failed: u32,
}

impl Tries {
    /// As long as the source wants, or longer each time; an error where that would not help.
    async fn pause_after(&mut self, error: FetchError) -> anyhow::Result<()> {
        self.failed += 1;
        let passes = matches!(
            error,
            FetchError::Unreachable(_) | FetchError::TimedOut(_) | FetchError::Status(_)
        );
        let pause = if let FetchError::Throttled { retry_after } = error {
            Some(retry_after)
        } else {
            passes.then(|| PAUSE_FIRST * 2_u32.pow(self.failed - 1))
        };
        let pause = pause.filter(|pause| *pause <= PAUSE_MAX && self.failed < TRIES_MAX);
        let Some(pause) = pause else { return Err(remedied(error)) };
        tracing::info!(%error, pause_s = pause.as_secs(), "asked again after a pause");
        sleep(pause).await;
        Ok(())
    }
}

fn remedied(error: FetchError) -> anyhow::Error {
    let remedy = error.remedy();
    anyhow::Error::new(error).context(remedy)
}
