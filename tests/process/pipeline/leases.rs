//! Whose job it is when a process dies, sleeps, is asked to stop, or meets another one.

use std::time::Duration;

use actors::domain::{ClaimedJob, Lease, RecordingSid, Stage, Timestamp, Transcript, Utterance};
use actors::ports::{CatalogError, Claim, Clock, Finding, JobStore};
use hearback::catalog::SqliteCatalog;
use hearback::world::SystemClock;
use serde_json::Value;
use tokio::time::Instant;

use super::Works;
use super::records::Job;
use crate::home::{Process, until, until_within};

/// What is promised of the default lease.
const ORPHANED_MAX: Duration = Duration::from_mins(1);
const SHORT_LEASE_MS: i64 = 1_000;
/// Long enough for the other claimant not to lose its lease in a test.
const OTHERS_LEASE: Duration = Duration::from_mins(2);
/// Nobody waits for a lease of 30 seconds to run out.
const GOES_ON_WITHIN: Duration = Duration::from_secs(10);
const WORDS_OF_ANOTHER: &str = "What somebody else heard.";

impl Works {
    async fn transcription(&self, recording: RecordingSid) -> Job {
        self.records.job(recording, Stage::Transcribe).await.expect("it was begun")
    }

    /// Stopped at a moment when it does not write: else nobody could.
    async fn suspend(&self, process: &Process) {
        until("it is stopped while it does not write", async || {
            process.suspend().await;
            if self.records.can_be_written().await {
                return Some(());
            }
            process.resume().await;
            None
        })
        .await;
    }

    async fn until_lease_is_over(&self, recording: RecordingSid) {
        until("the lease has run out", async || {
            let until = self.transcription(recording).await.lease_until_ms.expect("a lease");
            (until + SHORT_LEASE_MS < SystemClock.now().as_millis()).then_some(())
        })
        .await;
    }

    /// How many transcriptions the service knows to have lost.
    async fn lost(&self, operator: &str) -> u64 {
        let jobs = self.home.get("/debug/jobs", operator).await;
        let jobs: Value = jobs.json().await.expect("JSON");
        let mut stages = jobs["stages"].as_array().expect("stages").iter();
        let stage = stages.find(|stage| stage["stage"] == "transcribe").expect("the stage");
        stage["lost_total"].as_u64().expect("a count")
    }
}

#[tokio::test]
async fn an_orphan_is_taken_up_within_a_minute() {
    let works = Works::new().await;
    let (process, _) = works.home.serve().await;
    let recording = works.place_held().await;
    let running = works.transcription(recording).await;
    assert_eq!((running.state.as_str(), running.lease_epoch), ("running", 1));
    process.kill().await;
    let killed = Instant::now();
    let (_process, _) = works.home.serve().await;
    works.answer();
    until_within(ORPHANED_MAX, "the orphan runs again", async || {
        (works.transcription(recording).await.lease_epoch > 1).then_some(())
    })
    .await;
    let took = killed.elapsed();
    eprintln!("an orphan runs again after {took:?}");
    assert!(took < ORPHANED_MAX, "{took:?}");
    works.records.until_settled(1).await;
    let done = works.transcription(recording).await;
    assert_eq!((done.attempt, done.interruptions), (1, 1), "an interruption is no failure");
    assert_eq!(works.records.ends(done.id).await, [2]);
}

#[tokio::test]
async fn who_sleeps_beyond_its_lease_changes_nothing_and_begins_anew() {
    let works = Works::new().await.with("HEARBACK_JOBS__LEASE_MS", &SHORT_LEASE_MS.to_string());
    let (process, _) = works.home.serve().await;
    let recording = works.place_held().await;
    works.suspend(&process).await;
    let epoch = works.transcription(recording).await.lease_epoch;
    works.until_lease_is_over(recording).await;
    works.answer();
    works.until_transcribed(1).await;
    process.resume().await;
    works.records.until_settled(1).await;
    let done = works.transcription(recording).await;
    assert!(done.lease_epoch > epoch && done.interruptions > 0, "it was run again: {done:?}");
    assert_eq!(done.attempt, 1);
    assert_eq!(works.records.ends(done.id).await, [done.lease_epoch]);
    works.records.check_whole().await;
}

#[tokio::test]
async fn what_another_took_over_meanwhile_only_the_other_ends() {
    let works = Works::new().await.with("HEARBACK_JOBS__LEASE_MS", &SHORT_LEASE_MS.to_string());
    let (process, _) = works.home.serve().await;
    let operator = works.home.token("operator").await;
    let recording = works.place_held().await;
    works.suspend(&process).await;
    let epoch = works.transcription(recording).await.lease_epoch;
    works.until_lease_is_over(recording).await;
    let other = Other::start(&works).await;
    let claimed = other.claim(SystemClock.now()).await;
    assert_eq!((claimed.recording, claimed.lease.epoch), (recording, epoch + 1));
    works.answer();
    works.until_transcribed(1).await;
    process.resume().await;
    works.until_lost(&operator).await;
    other.ends_it(&works, &claimed, epoch).await;
}

/// Nothing but the lease's epoch tells this service that it has lost: by its clock it has it for a long time yet.
#[tokio::test]
async fn what_another_with_a_wrong_clock_took_over_only_the_other_ends() {
    const LEASE: Duration = Duration::from_mins(2);
    let works = Works::new().await.with("HEARBACK_JOBS__LEASE_MS", "120000");
    let (_process, _) = works.home.serve().await;
    let operator = works.home.token("operator").await;
    let recording = works.place_held().await;
    let other = Other::start(&works).await;
    let ahead = SystemClock.now().plus(LEASE);
    let claimed = other.claim(ahead).await;
    assert_eq!((claimed.recording, claimed.lease.epoch), (recording, 2));
    works.answer();
    works.until_lost(&operator).await;
    other.ends_it(&works, &claimed, 1).await;
}

#[tokio::test]
async fn asked_to_stop_it_gives_back_what_runs_and_its_successor_goes_on_at_once() {
    let works = Works::new().await;
    let (process, _) = works.home.serve().await;
    let recording = works.place_held().await;
    assert_eq!(works.transcription(recording).await.attempt, 1);
    process.terminate().await;
    assert!(process.ended().await.success());
    let back = works.transcription(recording).await;
    assert_eq!((back.state.as_str(), back.attempt, back.interruptions), ("waiting", 0, 0));
    assert_eq!((back.lease_owner, back.lease_until_ms), (None, None));
    let (_process, _) = works.home.serve().await;
    let ((), took) = until("the successor goes on", async || {
        (works.transcription(recording).await.lease_epoch > 1).then_some(())
    })
    .await;
    eprintln!("what was given back runs {took:?} after the successor is ready");
    assert!(took < GOES_ON_WITHIN, "{took:?}");
    works.answer();
    works.records.until_settled(1).await;
    let done = works.transcription(recording).await;
    assert_eq!((done.attempt, done.interruptions), (1, 0));
    assert_eq!(works.records.ends(done.id).await, [2]);
}

impl Works {
    async fn until_transcribed(&self, pieces: u64) {
        let answered =
            async || (self.simulator.provider_counters().transcriptions >= pieces).then_some(());
        until("the speech service has answered", answered).await;
    }

    async fn until_lost(&self, operator: &str) {
        let lost = async || (self.lost(operator).await >= 1).then_some(());
        until("the service knows that it has lost", lost).await;
    }
}

/// Another process, as far as the database knows.
struct Other(SqliteCatalog);

impl Other {
    async fn start(works: &Works) -> Self {
        Self(SqliteCatalog::open(&works.records.url()).await.expect("it opens"))
    }

    async fn claim(&self, now: Timestamp) -> ClaimedJob {
        let wanted = vec![(Stage::Transcribe, 1)];
        let claim = Claim { wanted, owner: "another".to_owned(), span: OTHERS_LEASE };
        let mut claimed = self.0.claim_jobs(&claim, now).await.expect("claimed");
        assert_eq!(claimed.len(), 1);
        claimed.remove(0)
    }

    /// What it heard is what counts, once; whoever had the job before can do nothing about it.
    async fn ends_it(self, works: &Works, claimed: &ClaimedJob, earlier_epoch: i64) {
        let Self(catalog) = self;
        let untouched = works.transcription(claimed.recording).await;
        assert_eq!(
            (untouched.state.as_str(), untouched.lease_owner.as_deref()),
            ("running", Some("another"))
        );
        let ClaimedJob { lease, .. } = *claimed;
        let earlier = Lease { epoch: earlier_epoch, ..lease };
        let finding = heard_by_another();
        let now = SystemClock.now();
        let refused = catalog.finish_job(earlier, &finding, now).await;
        assert!(matches!(refused, Err(CatalogError::LeaseLost(_))), "{refused:?}");
        catalog.finish_job(lease, &finding, now).await.expect("it is its own");
        works.records.until_settled(1).await;
        assert_eq!(works.records.ends(lease.job.0).await, [lease.epoch]);
        let outcome = works.records.outcomes().await.remove(&claimed.recording.to_string());
        let outcome = outcome.expect("it is known");
        assert!(outcome.understood.contains(WORDS_OF_ANOTHER), "{}", outcome.understood);
        assert_eq!(outcome.writes.as_deref(), Some("facts 1, summary 1, transcript 1, waveform 1"));
        catalog.close().await;
    }
}

fn heard_by_another() -> Finding {
    let utterance = Utterance {
        channel: 0,
        start: Duration::from_millis(100),
        end: Duration::from_secs(2),
        text: WORDS_OF_ANOTHER.to_owned(),
        words: Vec::new(),
    };
    let transcript = Transcript { language: Some("en".to_owned()), utterances: vec![utterance] };
    Finding::Transcript { transcript, channels: 1 }
}
