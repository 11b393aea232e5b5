//! Providers that want pauses, go away or fail: what is their doing is no job's, and what a job costs has an end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actors::domain::{JobId, JobState, Stage};
use actors::ports::{Piece, ProviderError};
use tokio::time::{Instant, sleep};

use super::{Reply, World, spoken_piece, with_jobs};

fn throttled(pause: Option<Duration>) -> Reply {
    Reply::Error(ProviderError::Throttled { retry_after: pause })
}

fn gone() -> Reply {
    Reply::Error(ProviderError::Unreachable("connection refused".to_owned()))
}

fn broken() -> Reply {
    Reply::Error(ProviderError::Unavailable("it answered 500".to_owned()))
}

fn attempts(world: &World, id: JobId) -> (JobState, u32) {
    let record = world.jobs.row(id).record;
    (record.state, record.attempt)
}

#[tokio::test(start_paused = true)]
async fn a_pause_in_the_midst_of_a_recording_costs_nothing_of_what_was_heard() {
    let (world, ids) = with_jobs(1).await;
    let pause = Duration::from_mins(10);
    world.speech.answers(Reply::Text("one"));
    [Some(pause), Some(pause), None, None, None, Some(Duration::ZERO)]
        .into_iter()
        .for_each(|told| world.speech.answers(throttled(told)));
    world.speech.answering.open();
    sleep(2 * pause - Duration::from_secs(1)).await;
    assert_eq!(world.speech.asked.load(Ordering::SeqCst), 3, "it is left alone as it wishes");
    sleep(Duration::from_mins(2)).await;
    assert_eq!(attempts(&world, ids[0]), (JobState::Done, 1));
    assert_eq!(world.speech.asked.load(Ordering::SeqCst), 8, "nothing was heard twice");
    assert_eq!(world.jobs.row(ids[0]).epoch, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_pause_in_the_midst_of_a_recording() {
    let (world, ids) = with_jobs(1).await;
    world.speech.answers(Reply::Text("one"));
    world.speech.answers(throttled(Some(Duration::from_mins(10))));
    world.speech.answering.open();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(attempts(&world, ids[0]), (JobState::Running, 1));
    let jobs = Arc::clone(&world.jobs);
    let World { core, .. } = world;
    let asked_at = Instant::now();
    core.close();
    core.stop(Duration::from_secs(5)).await;
    assert!(asked_at.elapsed() < Duration::from_secs(5));
    let record = jobs.row(ids[0]).record;
    assert_eq!((record.state, record.attempt), (JobState::Waiting, 0));
}

#[tokio::test(start_paused = true)]
async fn what_comes_between_when_something_was_heard_is_an_attempt() {
    let (world, ids) = with_jobs(1).await;
    let shut_out = || Reply::Error(ProviderError::ShutOut("no money is left".to_owned()));
    for failures in [vec![gone(), gone(), gone()], vec![shut_out()], vec![shut_out()]] {
        world.speech.answers(Reply::Text("one"));
        failures.into_iter().for_each(|reply| world.speech.answers(reply));
    }
    world.speech.answering.open();
    sleep(Duration::from_mins(2)).await;
    assert_eq!(attempts(&world, ids[0]), (JobState::Dead, 3), "it is not paid for without end");
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_fells_its_provider_uses_its_attempts_up() {
    let (world, ids) = with_jobs(1).await;
    (0..3).flat_map(|_| [broken(), gone(), gone()]).for_each(|reply| world.speech.answers(reply));
    world.speech.answering.open();
    sleep(Duration::from_mins(2)).await;
    assert_eq!(attempts(&world, ids[0]), (JobState::Dead, 3));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_at_everything_buries_nobody() {
    let (world, ids) = with_jobs(5).await;
    // Three for each run.
    (0..42).for_each(|_| world.speech.answers(broken()));
    world.speech.answering.open();
    sleep(Duration::from_mins(5)).await;
    let asked = world.speech.asked.load(Ordering::SeqCst);
    assert!((15..42).contains(&asked), "ever more seldom: {asked}");
    let view = world.core.board.jobs.borrow().clone();
    let stage = view.stages.iter().find(|it| it.stage == Stage::Transcribe).expect("shown");
    assert!(stage.failed_total <= 5 && stage.postponed_total > 0, "{stage:?}");
    sleep(Duration::from_mins(20)).await;
    for id in ids {
        let (state, attempt) = attempts(&world, id);
        assert_eq!(state, JobState::Done);
        assert!(attempt <= 2, "{attempt} attempts");
    }
}

#[tokio::test(start_paused = true)]
async fn recordings_that_a_working_provider_fails_at_use_their_attempts_up() {
    let (world, ids) = with_jobs(3).await;
    world.speech.answering.open();
    for attempt in 1..=3 {
        (0..9).for_each(|_| world.speech.answers(broken()));
        world
            .until("each has failed", |world| {
                let has_failed = |id: &JobId| {
                    let (state, tried) = attempts(world, *id);
                    state != JobState::Running && tried == attempt
                };
                ids.iter().all(has_failed)
            })
            .await;
        let another = u128::from(attempt) + 3;
        world.catalog.add(another);
        let good = world.jobs.add(another, Stage::Transcribe);
        world.until("another is done", |world| world.jobs.state(good) == JobState::Done).await;
    }
    assert!(ids.iter().all(|id| world.jobs.state(*id) == JobState::Dead));
}

#[tokio::test(start_paused = true)]
async fn a_recording_without_a_voice_proves_nothing_of_a_provider() {
    let (world, ids) = with_jobs(1).await;
    (0..3).for_each(|_| world.speech.answers(gone()));
    world.speech.answering.open();
    world.until("it is put off", |world| world.jobs.row(ids[0]).record.last_error.is_some()).await;
    world.ear.hears(vec![Piece { voiced: Vec::new(), ..spoken_piece(0, 0) }]);
    world.catalog.add(2);
    let silent = world.jobs.add(2, Stage::Transcribe);
    world.until("it is done", |world| world.jobs.state(silent) == JobState::Done).await;
    world.ear.hears(vec![spoken_piece(0, 0)]);
    world.speech.answering.close();
    for n in 3..=4 {
        world.catalog.add(n);
        world.jobs.add(n, Stage::Transcribe);
    }
    sleep(Duration::from_mins(1)).await;
    assert_eq!(world.speech.most_at_once.load(Ordering::SeqCst), 1, "one finds out");
    world.speech.answering.open();
    world.until("all are done", |world| world.jobs.count(JobState::Done) == 4).await;
}
