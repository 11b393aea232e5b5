//! Looks a deployment over: what is wrong with it, how that shows, and what to do about it.
//!
//! Each area observes the world in one place and judges what it saw in another, which is pure.
//!
//! Invariants: nothing is changed that anybody could notice · one check that fails hides no other that could be made
//! without it · every wait has a bound · a finding names a remedy, and holds no secret, link, number or word from a
//! call.

mod clock;
mod database;
mod key;
mod providers;
mod settings;
mod specimen;
mod twilio;
mod vault;
mod way_in;
pub(crate) mod webhook;

use std::cell::RefCell;
use std::time::Duration;

use actors::domain::Timestamp;
use actors::ports::Clock;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::app::looking::Looking;
use crate::config::{Config, ConfigError};
pub(crate) use settings::{explained, misread};

/// Of one check. They run side by side, but for the first ones, which take a moment.
const CHECK_MAX: Duration = Duration::from_secs(40);
/// Of all together.
const RUN_MAX: Duration = Duration::from_secs(58);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something does not work, or would lose or give away recordings.
    Fault,
    /// It works, and will not go on doing so.
    Warning,
    /// Good to know.
    Hint,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Stays the same between releases.
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    /// One sentence.
    pub(crate) what: String,
    pub(crate) evidence: String,
    /// One sentence with the key, the command or the proxy's directive in it.
    pub(crate) remedy: String,
}

impl Finding {
    fn new(code: &'static str, severity: Severity, what: impl Into<String>) -> Self {
        let (evidence, remedy) = (String::new(), String::new());
        Self { code, severity, what: what.into(), evidence, remedy }
    }

    fn fault(code: &'static str, what: impl Into<String>) -> Self {
        Self::new(code, Severity::Fault, what)
    }

    fn warning(code: &'static str, what: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, what)
    }

    fn hint(code: &'static str, what: impl Into<String>) -> Self {
        Self::new(code, Severity::Hint, what)
    }

    fn seen(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = evidence.into();
        self
    }

    fn mend(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Ok,
    Found,
    /// It could not be made, or there is nothing to check; the detail says why.
    Skipped,
}

/// One check that was made.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Checked {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    /// What was seen, for those who look on.
    pub(crate) detail: String,
    pub(crate) took_ms: u64,
    pub(crate) findings: Vec<Finding>,
}

impl Checked {
    fn made(name: &'static str, detail: impl Into<String>, findings: Vec<Finding>) -> Self {
        let is_ok = findings.iter().all(|finding| finding.severity == Severity::Hint);
        let outcome = if is_ok { Outcome::Ok } else { Outcome::Found };
        Self { name, outcome, detail: detail.into(), took_ms: 0, findings }
    }

    fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        let detail = why.into();
        Self { name, outcome: Outcome::Skipped, detail, took_ms: 0, findings: Vec::new() }
    }
}

/// How long streams are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Long enough to see a heartbeat come through.
    Thorough,
    Quick,
}

/// What somebody's clock said when ours said this.
#[derive(Debug, Clone)]
struct Told {
    by: &'static str,
    theirs: Timestamp,
    ours: Timestamp,
}

/// Checks everything, and tells of each check when it is done.
pub(crate) async fn examine(
    config: &Config,
    pace: Pace,
    clock: &dyn Clock,
    tell: impl FnMut(&Checked),
) {
    let tell = Telling { end: Instant::now() + RUN_MAX, to: RefCell::new(tell) };
    let looking = tell.when("database", database::check(config)).await;
    let keys = match &looking {
        Some(looking) => tell.when("keys", key::check(config, looking)).await,
        None => {
            tell.say(Checked::skipped("keys", "the database is needed for that"));
            None
        }
    };
    let vault = tell.when("vault", vault::check(config, looking.as_ref())).await;
    let (specimen, accounts) = match (&looking, &keys) {
        (Some(looking), Some(keys)) => {
            let specimen = tell.when("copy", specimen::check(config, looking, keys)).await;
            (specimen, twilio::accounts(looking, keys).await)
        }
        _ => (None, Vec::new()),
    };
    let seen = way_in::Seen { specimen, accounts: accounts.clone(), vault };
    let sealed = match &looking {
        Some(looking) if keys.is_none() => twilio::are_known(looking).await,
        Some(_) | None => false,
    };
    let (asked, entered, (), ()) = tokio::join!(
        tell.when("twilio", twilio::check(config, sealed, accounts, clock)),
        tell.when("way in", way_in::check(config, seen, pace, clock)),
        tell.when("speech", providers::speech(config)),
        tell.when("language model", providers::language_model(config)),
    );
    let told = [asked, entered].concat();
    tell.say(clock::check(&told));
    if let Some(Looking { catalog }) = looking {
        catalog.close().await;
    }
}

/// A configuration that cannot be read leaves nothing to check.
pub(crate) fn unreadable(error: &ConfigError, file: Option<&std::path::Path>) -> Checked {
    Checked::made("configuration", "it cannot be used", misread(error, file))
}

/// Who is told, from several checks that run side by side.
struct Telling<T> {
    /// Whoever is not done by then is told to be late.
    end: Instant,
    to: RefCell<T>,
}

impl<T: FnMut(&Checked)> Telling<T> {
    /// What a check brings beside its findings; nothing, if it takes too long.
    async fn when<V: Default>(
        &self,
        name: &'static str,
        check: impl Future<Output = (V, Checked)>,
    ) -> V {
        let began = Instant::now();
        let end = self.end.min(began + CHECK_MAX);
        let (value, mut checked) = match timeout_at(end, check).await {
            Ok(done) => done,
            Err(_) => {
                let late = Finding::fault("check_too_slow", format!("Checking \"{name}\" took too long"))
                    .seen(format!("nothing after {} s", began.elapsed().as_secs()))
                    .mend("Look whether the disk or the network of this machine hangs, then run hearback doctor again");
                (V::default(), Checked::made(name, "it took too long", vec![late]))
            }
        };
        checked.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.say(checked);
        value
    }

    fn say(&self, checked: Checked) {
        (self.to.borrow_mut())(&checked);
    }
}
