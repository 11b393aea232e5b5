//! Durable jobs: begun with what they stem from, claimed for a while, finished once.

use std::time::Duration;

use actors::domain::{
    ClaimedJob, JobId, JobRecord, JobState, Lease, Profile, Stage, Summary, Timestamp, Transcript,
    Waveform,
};
use actors::ports::{CatalogError, Claim, Failure, Finding, JobFilter};

use super::Store;
use super::examples::{
    account, add_acme, at, audio, business, call_news, copy, hear, key, recording, recording_news,
};

const SPAN: Duration = Duration::from_secs(30);

/// Call 1 of acme's with recording `n`, heard of at second 200.
async fn add(store: &dyn Store, n: u128) {
    hear(store, call_news(account(1), 1), at(190)).await;
    hear(store, recording_news(account(1), 1, n), at(200)).await;
}

async fn claim(store: &dyn Store, stage: Stage, wanted: u32, now: Timestamp) -> Vec<ClaimedJob> {
    let claim = Claim { wanted: vec![(stage, wanted)], owner: "us".to_owned(), span: SPAN };
    store.claim_jobs(&claim, now).await.expect("claimed")
}

async fn claim_one(store: &dyn Store, stage: Stage, now: Timestamp) -> Lease {
    let claimed = claim(store, stage, 1, now).await;
    assert_eq!(claimed.len(), 1, "{stage:?} at {now:?}");
    claimed[0].lease
}

async fn jobs(store: &dyn Store) -> Vec<JobRecord> {
    store.jobs_of(&audio("acme", 1)).await.expect("jobs")
}

async fn states(store: &dyn Store) -> Vec<(Stage, JobState)> {
    jobs(store).await.into_iter().map(|job| (job.stage, job.state)).collect()
}

fn said() -> Finding {
    let transcript = Transcript { language: Some("en".to_owned()), utterances: Vec::new() };
    Finding::Transcript { transcript, channels: 2 }
}

fn failure(words: &str, retry_at: Option<Timestamp>) -> Failure<'_> {
    Failure { words, retry_at, counts: true }
}

fn is_lost<T>(answer: &Result<T, CatalogError>) -> bool {
    matches!(answer, Err(CatalogError::LeaseLost(_)))
}

pub(super) async fn a_completed_recording_is_to_be_transcribed_once(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    hear(store, recording_news(account(1), 1, 1), at(210)).await;
    let all = jobs(store).await;
    assert_eq!(all.len(), 1, "however often it is told");
    let JobRecord { stage, state, call, recording: of, attempt, .. } = &all[0];
    assert_eq!((*stage, *state, *attempt), (Stage::Transcribe, JobState::Waiting, 0));
    assert_eq!((call, *of), (&key("acme", 1), recording(1)));
}

pub(super) async fn a_copy_is_to_be_measured_and_a_later_one_again(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let audio = audio("acme", 1);
    store.commit_copy(&audio, &copy(1), at(201)).await.expect("committed");
    let lease = claim_one(store, Stage::Measure, at(202)).await;
    store.finish_job(lease, &Finding::Waveform(waveform()), at(203)).await.expect("finished");
    assert_eq!(store.waveform(&audio).await.expect("read"), Some(waveform()));
    assert!(claim(store, Stage::Measure, 1, at(204)).await.is_empty());
    store.commit_copy(&audio, &copy(2), at(205)).await.expect("committed");
    claim_one(store, Stage::Measure, at(206)).await;
    assert_eq!(jobs(store).await.len(), 2, "it is the same job");
}

fn waveform() -> Waveform {
    Waveform {
        channels: 2,
        sample_rate: 8_000,
        samples_per_pixel: 400,
        duration: Duration::from_micros(50_123_456),
        peaks: vec![-128, 127, -1, 0],
    }
}

pub(super) async fn what_the_business_skips_is_not_begun(store: &dyn Store) {
    add_acme(store).await;
    let skips = vec![Stage::Summarise, Stage::Measure];
    let profile = Profile { skips, ..Profile::default() };
    store.set_profile(&business("acme"), &profile).await.expect("set");
    add(store, 1).await;
    store.commit_copy(&audio("acme", 1), &copy(1), at(201)).await.expect("committed");
    let lease = claim_one(store, Stage::Transcribe, at(202)).await;
    store.finish_job(lease, &said(), at(203)).await.expect("finished");
    let expected = [(Stage::Transcribe, JobState::Done), (Stage::Extract, JobState::Waiting)];
    assert_eq!(states(store).await, expected);
}

pub(super) async fn what_happened_lately_goes_first(store: &dyn Store) {
    const DAY_S: i64 = 86_400;
    add_acme(store).await;
    hear(store, call_news(account(1), 1), at(190)).await;
    // Both began at 105 s; of the first we hear two days later.
    hear(store, recording_news(account(1), 1, 1), at(2 * DAY_S)).await;
    let mut lately = recording_news(account(1), 1, 2);
    lately.started_at = Some(at(2 * DAY_S));
    hear(store, lately, at(2 * DAY_S + 60)).await;
    let claimed = claim(store, Stage::Transcribe, 5, at(2 * DAY_S + 61)).await;
    let mut order: Vec<_> = claimed.iter().map(|job| job.recording).collect();
    assert_eq!(order.len(), 2);
    order.clear();
    for lease in claimed.iter().map(|job| job.lease) {
        store.release_job(lease, at(2 * DAY_S + 62)).await.expect("given back");
    }
    for second in 63..65 {
        let next = claim(store, Stage::Transcribe, 1, at(2 * DAY_S + second)).await;
        order.extend(next.iter().map(|job| job.recording));
    }
    assert_eq!(order, [recording(2), recording(1)]);
}

pub(super) async fn a_claim_takes_no_more_than_is_wanted(store: &dyn Store) {
    add_acme(store).await;
    for n in 1..=5 {
        add(store, n).await;
    }
    assert_eq!(claim(store, Stage::Transcribe, 0, at(300)).await.len(), 0);
    assert_eq!(claim(store, Stage::Transcribe, 2, at(300)).await.len(), 2);
    assert_eq!(claim(store, Stage::Summarise, 2, at(300)).await.len(), 0);
    let rest = claim(store, Stage::Transcribe, 9, at(300)).await;
    assert_eq!(rest.len(), 3);
    assert!(rest.iter().all(|job| job.attempt == 1 && job.lease.epoch == 1));
    assert!(claim(store, Stage::Transcribe, 9, at(301)).await.is_empty());
}

pub(super) async fn a_lease_that_ran_out_is_taken_up_by_the_next(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let first = claim_one(store, Stage::Transcribe, at(300)).await;
    assert!(claim(store, Stage::Transcribe, 1, at(329)).await.is_empty());
    let second = claim_one(store, Stage::Transcribe, at(330)).await;
    assert_eq!((second.job, second.epoch), (first.job, first.epoch + 1));
    assert_eq!(jobs(store).await[0].attempt, 1, "nothing failed");
}

pub(super) async fn who_lost_a_lease_changes_nothing(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let first = claim_one(store, Stage::Transcribe, at(300)).await;
    let second = claim_one(store, Stage::Transcribe, at(340)).await;
    let now = at(341);
    assert!(is_lost(&store.finish_job(first, &said(), now).await));
    assert!(is_lost(&store.fail_job(first, failure("late", None), now).await));
    assert!(is_lost(&store.release_job(first, now).await));
    assert_eq!(store.renew_leases(&[first, second], SPAN, now).await.expect("asked"), [first]);
    assert_eq!(states(store).await, [(Stage::Transcribe, JobState::Running)]);
    assert_eq!(store.transcript(&audio("acme", 1)).await.expect("read"), None);
    store.finish_job(second, &said(), now).await.expect("finished");
    assert!(is_lost(&store.finish_job(second, &said(), now).await), "and only once");
}

pub(super) async fn a_lease_that_ran_out_commits_nothing_though_nobody_has_it(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let lease = claim_one(store, Stage::Transcribe, at(300)).await;
    assert!(is_lost(&store.finish_job(lease, &said(), at(330)).await));
    assert_eq!(store.renew_leases(&[lease], SPAN, at(330)).await.expect("asked"), [lease]);
    assert_eq!(store.transcript(&audio("acme", 1)).await.expect("read"), None);
}

pub(super) async fn a_renewed_lease_lasts(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let lease = claim_one(store, Stage::Transcribe, at(300)).await;
    for second in [320, 340, 360] {
        assert!(store.renew_leases(&[lease], SPAN, at(second)).await.expect("asked").is_empty());
    }
    assert!(claim(store, Stage::Transcribe, 1, at(389)).await.is_empty());
    store.finish_job(lease, &said(), at(389)).await.expect("finished");
}

pub(super) async fn a_failed_attempt_is_made_again_at_its_time(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let lease = claim_one(store, Stage::Transcribe, at(300)).await;
    store
        .fail_job(lease, failure("it answered 500", Some(at(400))), at(301))
        .await
        .expect("failed");
    let job = jobs(store).await.remove(0);
    assert_eq!((job.state, job.attempt, job.run_at), (JobState::Waiting, 1, at(400)));
    assert_eq!(job.last_error.as_deref(), Some("it answered 500"));
    assert!(claim(store, Stage::Transcribe, 1, at(399)).await.is_empty());
    let again = claim(store, Stage::Transcribe, 1, at(400)).await.remove(0);
    assert_eq!(again.attempt, 2);
    store.fail_job(again.lease, failure("and again", None), at(401)).await.expect("failed");
    let job = jobs(store).await.remove(0);
    assert_eq!((job.state, job.finished_at), (JobState::Dead, Some(at(401))));
    assert!(claim(store, Stage::Transcribe, 1, at(9_999)).await.is_empty());
}

pub(super) async fn an_interruption_is_no_attempt_but_not_without_end(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let mut now = 300;
    let mut claims = 0;
    while let [job] = claim(store, Stage::Transcribe, 1, at(now)).await.as_slice() {
        assert_eq!(job.attempt, 1);
        claims += 1;
        now += 31;
        assert!(claims < 100, "it goes on for ever");
    }
    assert_eq!(claims, 21);
    let job = jobs(store).await.remove(0);
    assert_eq!(job.state, JobState::Dead);
    assert!(job.last_error.is_some_and(|error| error.contains("interrupted")));
}

pub(super) async fn what_was_nobodys_fault_is_no_attempt(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    for round in 0..30 {
        let job = claim(store, Stage::Transcribe, 1, at(300 + round)).await.remove(0);
        assert_eq!(job.attempt, 1);
        let away = Failure { counts: false, ..failure("away", Some(at(301 + round))) };
        store.fail_job(job.lease, away, at(300 + round)).await.expect("put off");
    }
    let job = jobs(store).await.remove(0);
    assert_eq!((job.state, job.attempt), (JobState::Waiting, 0));
}

pub(super) async fn a_copy_that_is_replaced_while_it_is_measured_is_measured_again(
    store: &dyn Store,
) {
    add_acme(store).await;
    add(store, 1).await;
    let audio = audio("acme", 1);
    store.commit_copy(&audio, &copy(1), at(201)).await.expect("committed");
    let late = claim_one(store, Stage::Measure, at(202)).await;
    store.commit_copy(&audio, &copy(2), at(203)).await.expect("committed");
    assert!(is_lost(&store.finish_job(late, &Finding::Waveform(waveform()), at(204)).await));
    claim_one(store, Stage::Measure, at(205)).await;
}

pub(super) async fn what_is_given_back_was_never_tried(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let lease = claim_one(store, Stage::Transcribe, at(300)).await;
    store.release_job(lease, at(301)).await.expect("given back");
    let job = jobs(store).await.remove(0);
    assert_eq!((job.state, job.attempt), (JobState::Waiting, 0));
    let next = claim_one(store, Stage::Transcribe, at(301)).await;
    assert_eq!(next.epoch, 2, "though it has another epoch");
}

pub(super) async fn a_finding_and_the_end_of_its_job_are_one(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let lease = claim_one(store, Stage::Transcribe, at(300)).await;
    // A summary of what nobody transcribed cannot be kept: then the job is not done either.
    let summary = Finding::Summary(Summary::default());
    let refused = store.finish_job(lease, &summary, at(301)).await;
    assert!(matches!(refused, Err(CatalogError::Unknown(_))), "{refused:?}");
    assert_eq!(states(store).await, [(Stage::Transcribe, JobState::Running)]);
    store.finish_job(lease, &said(), at(302)).await.expect("finished");
    let expected = [
        (Stage::Transcribe, JobState::Done),
        (Stage::Summarise, JobState::Waiting),
        (Stage::Extract, JobState::Waiting),
    ];
    assert_eq!(states(store).await, expected);
    let lease = claim_one(store, Stage::Summarise, at(303)).await;
    store.finish_job(lease, &summary, at(304)).await.expect("finished");
    assert_eq!(store.summary(&audio("acme", 1)).await.expect("read"), Some(Summary::default()));
}

pub(super) async fn a_dead_job_comes_back_when_an_operator_wants_it(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let lease = claim_one(store, Stage::Transcribe, at(300)).await;
    assert!(!store.retry_job(lease.job, at(301)).await.expect("asked"), "it runs");
    store.fail_job(lease, failure("no", None), at(302)).await.expect("failed");
    assert!(store.retry_job(lease.job, at(303)).await.expect("asked"));
    let again = claim(store, Stage::Transcribe, 1, at(303)).await.remove(0);
    assert_eq!(again.attempt, 1, "with all its attempts");
    store.finish_job(again.lease, &said(), at(304)).await.expect("finished");
    assert!(!store.retry_job(lease.job, at(305)).await.expect("asked"), "it is done");
    let unknown = store.retry_job(JobId(999), at(306)).await;
    assert!(matches!(unknown, Err(CatalogError::Unknown(_))));
}

pub(super) async fn a_cancelled_job_takes_nothing(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let lease = claim_one(store, Stage::Transcribe, at(300)).await;
    assert!(store.cancel_job(lease.job, at(301)).await.expect("asked"));
    assert!(is_lost(&store.finish_job(lease, &said(), at(302)).await));
    assert_eq!(store.renew_leases(&[lease], SPAN, at(302)).await.expect("asked"), [lease]);
    assert!(claim(store, Stage::Transcribe, 1, at(400)).await.is_empty());
    assert!(!store.cancel_job(lease.job, at(401)).await.expect("asked"), "it is over");
    assert!(store.retry_job(lease.job, at(402)).await.expect("asked"));
    claim_one(store, Stage::Transcribe, at(402)).await;
}

pub(super) async fn jobs_are_listed_page_by_page_and_counted(store: &dyn Store) {
    add_acme(store).await;
    for n in 1..=5 {
        add(store, n).await;
    }
    let lease = claim_one(store, Stage::Transcribe, at(300)).await;
    store.fail_job(lease, failure("no", None), at(301)).await.expect("failed");
    let first = JobFilter { limit: 3, ..JobFilter::default() };
    let page = store.jobs(&first).await.expect("listed");
    let rest = JobFilter { before: page.last().map(|job| job.id), ..first.clone() };
    let rest = store.jobs(&rest).await.expect("listed");
    let ids: Vec<i64> = page.iter().chain(&rest).map(|job| job.id.0).collect();
    assert_eq!((page.len(), rest.len()), (3, 2));
    assert!(ids.is_sorted_by(|newer, older| newer > older));
    let dead = JobFilter { state: Some(JobState::Dead), ..first.clone() };
    assert_eq!(store.jobs(&dead).await.expect("listed").len(), 1);
    let of = JobFilter { recording: Some(recording(4)), ..first.clone() };
    assert_eq!(store.jobs(&of).await.expect("listed").len(), 1);
    let none = JobFilter { stage: Some(Stage::Extract), ..first };
    assert!(store.jobs(&none).await.expect("listed").is_empty());
    let mut counts = store.job_counts().await.expect("counted");
    counts.sort_by_key(|(_, _, count)| *count);
    let expected =
        [(Stage::Transcribe, JobState::Dead, 1), (Stage::Transcribe, JobState::Waiting, 4)];
    assert_eq!(counts, expected);
    // The first one of all is dead.
    let oldest = store.oldest_waiting().await.expect("found");
    assert_eq!(oldest, [(Stage::Transcribe, rest[0].created_at)]);
}

pub(super) async fn what_is_expunged_has_no_jobs(store: &dyn Store) {
    add_acme(store).await;
    add(store, 1).await;
    let lease = claim_one(store, Stage::Transcribe, at(300)).await;
    store.erase(&key("acme", 1), at(301)).await.expect("erased");
    assert!(is_lost(&store.finish_job(lease, &said(), at(302)).await));
    hear(store, recording_news(account(1), 1, 1), at(303)).await;
    assert!(jobs(store).await.is_empty(), "whatever is heard of it afterwards");
}
