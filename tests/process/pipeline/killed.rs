//! `kill -9` at any moment of the pipeline: in the end all is as if nothing had happened, and nothing was done twice.
//!
//! The moments are random. `TEST_SEED` gives those of an earlier run, which printed its seed.

use std::collections::BTreeMap;
use std::time::Duration;

use actors::domain::{AccountSid, RecordingSid};
use futures_util::future::join_all;
use hearback::simulator::SimulatedAccount;
use tokio::time::{sleep, timeout};

use super::Works;
use super::records::Outcome;
use crate::campaign::{self, Chance};
use crate::home::{ACCOUNT, ACCOUNT_TOKEN};
use crate::measured::Measured;

const KILLS: u64 = 8;
const KILLS_LONG: u64 = 200;
const KILLED_WITHIN_MS: u64 = 1_500;
/// A job that is interrupted twenty times is given up. So after so many kills all is let come to its end.
const KILLS_IN_A_ROW: u64 = 10;
/// The longest call is heard in eight pieces.
const KILLED_AFTER_ANSWERS_WITHIN: u64 = 8;
/// After the last of them: what was found is being written down.
const KILLED_AFTER_ANSWER_WITHIN_US: u64 = 30_000;
/// No new calls while there are more jobs.
const BACKLOG_MAX: i64 = 24;
const CALLS_PER_ROUND: u64 = 2;

const BUSINESSES: [(&str, AccountSid); 3] = [
    ("default", ACCOUNT),
    ("north", AccountSid::from_bits(0xac01)),
    ("south", AccountSid::from_bits(0xac02)),
];

/// Scripted calls, and how many appointments come of them.
const SCRIPTS: [(&str, usize); 7] = [
    ("washing-machine", 1),
    ("clinic-appointment", 1),
    ("technician-on-his-way", 0),
    ("missed-call", 0),
    ("test-results", 0),
    ("complaint", 0),
    ("opening-hours", 0),
];

const JOBS: &str = "extract done in attempt 1, ended 1; measure done in attempt 1, ended 1; \
                    summarise done in attempt 1, ended 1; transcribe done in attempt 1, ended 1";

#[tokio::test(flavor = "multi_thread")]
async fn campaign_pipeline_killed_at_any_moment_it_finishes_everything_and_nothing_twice() {
    let mut chance = Chance(campaign::seed());
    let works = businesses().await;
    let (mut process, _) = works.home.serve().await;
    let mut calls = Vec::new();
    for (n, (script, _)) in SCRIPTS.into_iter().enumerate() {
        calls.push(Call::place(&works, script, n % BUSINESSES.len()).await);
    }
    works.records.until_settled(calls.len()).await;
    let undisturbed = undisturbed(&works, &calls).await;

    let kills = campaign::size(KILLS, KILLS_LONG);
    let mut starts = Measured::default();
    for round in 0..kills {
        let moment = Moment::draw(&mut chance);
        let room = works.records.unfinished().await < BACKLOG_MAX;
        let wanted = if room { CALLS_PER_ROUND } else { 0 };
        let plans: Vec<_> = (0..wanted).map(|_| Call::draw(&mut chance)).collect();
        let place = plans.into_iter().map(|(script, of)| Call::place(&works, script, of));
        let kill = async {
            moment.come(&works).await;
            process.kill_and_serve(&works.home).await
        };
        let (placed, started) = tokio::join!(join_all(place), kill);
        eprintln!("round {round}: killed {moment:?}, ready after {started:?}");
        starts.push(started);
        calls.extend(placed);
        works.records.check_whole().await;
        if round % KILLS_IN_A_ROW == KILLS_IN_A_ROW - 1 {
            works.records.until_settled(calls.len()).await;
        }
    }
    works.records.until_settled(calls.len()).await;
    works.records.check_whole().await;
    let interrupted = works.records.interrupted().await;
    eprintln!("{} recordings; ready after a kill: {starts}", calls.len());
    eprintln!("stages, their jobs, interruptions, and the most of one job: {interrupted:?}");
    check(&works, &calls, &undisturbed).await;
    let interruptions: i64 = interrupted.iter().map(|(_, _, times, _)| times).sum();
    assert!(interruptions as u64 * 8 >= kills, "too little was interrupted: {interrupted:?}");
}

/// Businesses with an account each, and leases so short that what is interrupted goes on at once.
async fn businesses() -> Works {
    let others = BUSINESSES.iter().skip(1);
    let account = |sid| SimulatedAccount { sid, auth_token: ACCOUNT_TOKEN.to_owned() };
    let works = Works::with_accounts(others.clone().map(|(_, sid)| account(*sid)).collect()).await;
    let works = works
        .with("HEARBACK_JOBS__LEASE_MS", "1000")
        .with("HEARBACK_JOBS__RETRY_PAUSE_MS", "100")
        .with("HEARBACK_JOBS__RETRY_PAUSE_MAX_MS", "500");
    std::fs::write(works.home.folder().join("token"), ACCOUNT_TOKEN).expect("written");
    for (id, sid) in others {
        let sid = sid.to_string();
        let mut add = vec!["business", "add", "--id", id, "--name", id];
        add.extend(["--twilio-account-sid", &sid, "--twilio-auth-token-file", "token"]);
        works.home.answer(&add).await;
    }
    works
}

/// A call that the service was told of.
#[derive(Debug)]
struct Call {
    recording: RecordingSid,
    script: &'static str,
    business: &'static str,
}

impl Call {
    fn draw(chance: &mut Chance) -> (&'static str, usize) {
        let (script, _) = SCRIPTS[chance.below(SCRIPTS.len() as u64) as usize];
        (script, chance.below(BUSINESSES.len() as u64) as usize)
    }

    async fn place(works: &Works, script: &'static str, of: usize) -> Self {
        let (business, account) = BUSINESSES[of];
        Self { recording: works.place(script, account).await, script, business }
    }
}

/// When a service is killed.
#[derive(Debug)]
enum Moment {
    After(Duration),
    /// So long after so many answers of the speech service and the language model.
    AfterAnswers(u64, Duration),
}

impl Moment {
    const fn draw(chance: &mut Chance) -> Self {
        if chance.below(2) == 0 {
            Self::After(Duration::from_millis(chance.below(KILLED_WITHIN_MS)))
        } else {
            let answers = 1 + chance.below(KILLED_AFTER_ANSWERS_WITHIN);
            let span = Duration::from_micros(chance.below(KILLED_AFTER_ANSWER_WITHIN_US));
            Self::AfterAnswers(answers, span)
        }
    }

    async fn come(&self, works: &Works) {
        let answers = || {
            let counters = works.simulator.provider_counters();
            counters.transcriptions + counters.chats
        };
        match self {
            Self::After(span) => sleep(*span).await,
            Self::AfterAnswers(wanted, span) => {
                let until = answers() + wanted;
                let answered = async {
                    while answers() < until {
                        sleep(Duration::from_millis(1)).await;
                    }
                };
                // Where less is asked in so long, it is killed all the same.
                let _ = timeout(Duration::from_millis(KILLED_WITHIN_MS), answered).await;
                sleep(*span).await;
            }
        }
    }
}

/// What each script comes to where nobody is killed.
async fn undisturbed(works: &Works, calls: &[Call]) -> BTreeMap<&'static str, Outcome> {
    let mut outcomes = works.records.outcomes().await;
    let mut undisturbed = BTreeMap::new();
    for call in calls {
        let outcome = outcomes.remove(&call.recording.to_string()).expect("it is known");
        undisturbed.insert(call.script, outcome.in_general());
    }
    for (script, appointments) in SCRIPTS {
        let outcome = &undisturbed[script];
        assert_eq!(outcome.jobs.as_deref(), Some(JOBS), "{script}");
        let each = "facts 1, summary 1, transcript 1, waveform 1";
        let writes = if appointments == 1 { format!("appointment 1, {each}") } else { each.into() };
        assert_eq!(outcome.writes.as_ref(), Some(&writes), "{script}");
        assert!(outcome.understood.len() > 200, "{script}: {}", outcome.understood);
    }
    undisturbed
}

async fn check(works: &Works, calls: &[Call], undisturbed: &BTreeMap<&'static str, Outcome>) {
    let mut outcomes = works.records.outcomes().await;
    for call in calls {
        let outcome = outcomes.remove(&call.recording.to_string()).expect("it is known");
        assert_eq!(outcome.business(), call.business);
        let (outcome, expected) = (outcome.in_general(), &undisturbed[call.script]);
        assert_eq!(
            (&outcome.jobs, &outcome.writes),
            (&expected.jobs, &expected.writes),
            "{call:?}"
        );
        assert_eq!(outcome.appointments, expected.appointments, "{call:?}");
        assert_eq!(outcome.understood, expected.understood, "{call:?}");
        assert!(outcome == *expected, "{call:?}: it was measured otherwise");
    }
    assert!(outcomes.is_empty(), "nobody placed these: {outcomes:#?}");
}
