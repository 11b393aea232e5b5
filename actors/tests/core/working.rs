//! The pipeline's jobs: claimed as workers free up, kept while worked on, finished once.

mod providers;

use std::sync::atomic::Ordering;
use std::time::Duration;

use actors::Settings;
use actors::domain::{FetchError, JobId, JobState, Stage};
use actors::ports::{Finding, ProviderError};
use tokio::time::sleep;

use super::world::{Answer, Reply, World, recording, settle, spoken_piece};

/// Recordings `1..=n`, each to be transcribed.
async fn with_jobs(n: u128) -> (World, Vec<JobId>) {
    let mut ids = Vec::new();
    let world = World::start(|settings, fakes| {
        with_workers(settings);
        for n in 1..=n {
            fakes.catalog.add(n);
            ids.push(fakes.jobs.add(n, Stage::Transcribe));
        }
        fakes.speech.answering.close();
    })
    .await;
    (world, ids)
}

fn with_workers(settings: &mut Settings) {
    settings.jobs.transcribers = 2;
    settings.jobs.measurers = 1;
}

/// Recording 1, and workers with nothing to do yet.
async fn with_recording() -> World {
    World::start(|settings, fakes| {
        with_workers(settings);
        fakes.catalog.add(1);
    })
    .await
}

fn transcript(world: &World, id: JobId) -> actors::domain::Transcript {
    match world.jobs.row(id).findings.as_slice() {
        [Finding::Transcript { transcript, channels: 2 }] => transcript.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_is_claimed_than_there_are_workers_and_all_is_done_once() {
    let (world, ids) = with_jobs(7).await;
    sleep(Duration::from_mins(5)).await;
    assert_eq!(world.jobs.count(JobState::Running), 2, "the backlog stays where it is");
    assert_eq!(world.speech.most_at_once.load(Ordering::SeqCst), 2);
    world.speech.answering.open();
    world.until("all are done", |world| world.jobs.count(JobState::Done) == 7).await;
    assert!(ids.iter().all(|id| world.jobs.row(*id).findings.len() == 1));
    assert_eq!(world.speech.asked.load(Ordering::SeqCst), 14, "each piece was sent once");
    let view = world.core.board.jobs.borrow().clone();
    let stage = view.stages.iter().find(|it| it.stage == Stage::Transcribe).expect("shown");
    assert_eq!((stage.finished_total, stage.failed_total, stage.lost_total), (7, 0, 0));
    assert!(view.running.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_works_longer_than_a_lease_keeps_it() {
    let (world, ids) = with_jobs(1).await;
    sleep(Duration::from_mins(10)).await;
    assert_eq!(world.jobs.row(ids[0]).epoch, 1, "nobody else took it up");
    world.speech.answering.open();
    world.until("it is done", |world| world.jobs.state(ids[0]) == JobState::Done).await;
    let transcript = transcript(&world, ids[0]);
    let times: Vec<_> = transcript.utterances.iter().map(|it| (it.channel, it.start)).collect();
    assert_eq!(times, [(0, Duration::ZERO), (1, Duration::from_secs(1))]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_took_over_is_left_alone() {
    let (world, ids) = with_jobs(1).await;
    world.jobs.steal(ids[0]);
    sleep(Duration::from_secs(11)).await;
    let running = world.core.board.jobs.borrow().running.len();
    assert_eq!(running, 0, "the lease was found lost when it was to be renewed");
    world.speech.answering.open();
    sleep(Duration::from_secs(1)).await;
    assert!(world.jobs.row(ids[0]).findings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_sure_of_a_lease_stops() {
    let (world, ids) = with_jobs(1).await;
    world.jobs.away.store(true, Ordering::SeqCst);
    sleep(Duration::from_secs(45)).await;
    let view = world.core.board.jobs.borrow().clone();
    assert!(view.running.is_empty(), "somebody else may have it by now");
    assert!(view.last_error.is_some());
    world.jobs.away.store(false, Ordering::SeqCst);
    world.speech.answering.open();
    world.until("it is done", |world| world.jobs.state(ids[0]) == JobState::Done).await;
    assert_eq!(world.jobs.row(ids[0]).findings.len(), 1);
    assert_eq!(world.jobs.row(ids[0]).epoch, 2, "it was claimed again");
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_is_away_for_a_moment_loses_no_work() {
    let (world, ids) = with_jobs(1).await;
    settle().await;
    world.jobs.away.store(true, Ordering::SeqCst);
    world.speech.answering.open();
    sleep(Duration::from_secs(8)).await;
    world.jobs.away.store(false, Ordering::SeqCst);
    world.until("it is done", |world| world.jobs.state(ids[0]) == JobState::Done).await;
    assert_eq!(world.speech.asked.load(Ordering::SeqCst), 2, "nothing was asked twice");
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_ever_later_and_the_last_one_is_final() {
    let (world, ids) = with_jobs(1).await;
    let broken = || Reply::Error(ProviderError::Unavailable("it answered 500".to_owned()));
    // Each attempt asks three times.
    (0..9).for_each(|_| world.speech.answers(broken()));
    world.speech.answering.open();
    settle().await;
    for (attempt, pause_s) in [(1, 5), (2, 10)] {
        world
            .until("it has failed", |world| {
                let record = world.jobs.row(ids[0]).record;
                (record.state, record.attempt) == (JobState::Waiting, attempt)
            })
            .await;
        let pause = world.jobs.row(ids[0]).record.run_at.since(world.clock.reading());
        let at_most = Duration::from_secs(pause_s);
        assert!(pause <= at_most && pause + Duration::from_secs(1) > at_most, "{pause:?}");
    }
    world.until("it is dead", |world| world.jobs.state(ids[0]) == JobState::Dead).await;
    let error = world.jobs.row(ids[0]).record.last_error;
    assert!(error.is_some_and(|error| error.contains("500")));
    sleep(Duration::from_hours(2)).await;
    assert_eq!(world.speech.asked.load(Ordering::SeqCst), 9);

    actors::ports::JobStore::retry_job(&*world.jobs, ids[0], world.clock.reading())
        .await
        .expect("taken");
    world.core.jobs.hurry();
    world.until("it is done", |world| world.jobs.state(ids[0]) == JobState::Done).await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_asks_for_a_pause_gets_it_from_everybody() {
    let (world, _) = with_jobs(5).await;
    let pause = Duration::from_mins(3);
    let throttled = || Reply::Error(ProviderError::Throttled { retry_after: Some(pause) });
    world.speech.answers(throttled());
    world.speech.answers(throttled());
    world.speech.answering.open();
    sleep(Duration::from_mins(2)).await;
    assert_eq!(world.speech.asked.load(Ordering::SeqCst), 2, "those that were already asking");
    let view = world.core.board.jobs.borrow().clone();
    let stage = view.stages.iter().find(|it| it.stage == Stage::Transcribe).expect("shown");
    assert!(stage.paused_for.is_some());
    sleep(Duration::from_mins(2)).await;
    assert_eq!(world.jobs.count(JobState::Done), 5);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_no_jobs_failure_however_long_it_takes_and_is_probed_by_one() {
    let (world, _) = with_jobs(5).await;
    let away = || Reply::Error(ProviderError::Unreachable("connection refused".to_owned()));
    (0..21).for_each(|_| world.speech.answers(away()));
    world.speech.answering.open();
    sleep(Duration::from_mins(2)).await;
    let asked = world.speech.asked.load(Ordering::SeqCst);
    assert!((6..21).contains(&asked), "ever more seldom: {asked}");
    assert_eq!(world.jobs.count(JobState::Dead), 0);
    let view = world.core.board.jobs.borrow().clone();
    let stage = view.stages.iter().find(|it| it.stage == Stage::Transcribe).expect("shown");
    assert!(stage.postponed_total >= 2 && stage.failed_total == 0, "{stage:?}");
    world.until_late("all are done", |world| world.jobs.count(JobState::Done) == 5).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_without_end_uses_the_attempts_up() {
    let (world, ids) = with_jobs(1).await;
    let away = || Reply::Error(ProviderError::Unreachable("connection refused".to_owned()));
    (0..2_000).for_each(|_| world.speech.answers(away()));
    world.speech.answering.open();
    sleep(Duration::from_hours(2)).await;
    assert_eq!(world.jobs.state(ids[0]), JobState::Dead);
}

#[tokio::test(start_paused = true)]
async fn a_piece_that_fails_does_not_cost_the_others() {
    let (world, ids) = with_jobs(1).await;
    world.speech.answers(Reply::Text("one"));
    world.speech.answers(Reply::Error(ProviderError::Unavailable("it answered 500".to_owned())));
    world.speech.answering.open();
    world.until("it is done", |world| world.jobs.state(ids[0]) == JobState::Done).await;
    assert_eq!(world.jobs.row(ids[0]).record.attempt, 1);
    assert_eq!(
        world.speech.asked.load(Ordering::SeqCst),
        3,
        "one of the two pieces was asked for again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_failure_of_one_job_only() {
    let (world, ids) = with_jobs(3).await;
    world.speech.answers(Reply::Panic);
    world.speech.answering.open();
    world.until("the others are done", |world| world.jobs.count(JobState::Done) == 2).await;
    let dead = ids.iter().filter(|id| world.jobs.state(**id) == JobState::Dead).count();
    assert_eq!(dead, 1, "our own bug is not tried again and again");
    let children = world.core.board.children.borrow();
    assert!(children.iter().all(|child| child.restarts == 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_back_what_runs_untried() {
    let (world, ids) = with_jobs(3).await;
    settle().await;
    let jobs = std::sync::Arc::clone(&world.jobs);
    let World { core, .. } = world;
    core.close();
    core.stop(Duration::from_secs(5)).await;
    for id in ids {
        let record = jobs.row(id).record;
        assert_eq!((record.state, record.attempt), (JobState::Waiting, 0));
        assert!(jobs.row(id).findings.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_claimed_just_when_it_stops_is_given_back_untried_too() {
    let world = World::start(|settings, fakes| {
        with_workers(settings);
        fakes.catalog.add(1);
        fakes.jobs.add(1, Stage::Transcribe);
        fakes.jobs.answering.close();
    })
    .await;
    world.until("it is claimed", |world| world.jobs.count(JobState::Running) == 1).await;
    let jobs = std::sync::Arc::clone(&world.jobs);
    let World { core, .. } = world;
    let stopping = tokio::spawn(core.stop(Duration::from_secs(5)));
    settle().await;
    jobs.answering.open();
    stopping.await.expect("it stops");
    let record = jobs.row(JobId(1)).record;
    assert_eq!((record.state, record.attempt), (JobState::Waiting, 0));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_says_is_no_transcript() {
    let (world, ids) = with_jobs(1).await;
    let silent = actors::ports::Piece { voiced: Vec::new(), ..spoken_piece(0, 0) };
    world.ear.hears(vec![silent]);
    let other = world.jobs.add(1, Stage::Transcribe);
    world.speech.answering.open();
    world.until("all is done", |world| world.jobs.count(JobState::Done) == 2).await;
    assert_eq!(world.jobs.row(other).findings, [Finding::NoSpeech]);
    assert_ne!(world.jobs.row(ids[0]).findings, [Finding::NoSpeech], "it was listened to before");
}

#[tokio::test(start_paused = true)]
async fn made_up_words_are_failures() {
    let (world, ids) = with_jobs(1).await;
    for text in ["", ""] {
        world.speech.answers(Reply::Text(text));
    }
    world.speech.answers(Reply::Text(
        "thank you thank you thank you thank you thank you thank you thank you thank you",
    ));
    world.speech.answering.open();
    let failed_with = async |words: &str| {
        world
            .until(words, |world| {
                let error = world.jobs.row(ids[0]).record.last_error;
                error.is_some_and(|error| error.contains(words))
            })
            .await;
    };
    failed_with("heard nothing").await;
    failed_with("repeats a phrase").await;
    world.until("it is done", |world| world.jobs.state(ids[0]) == JobState::Done).await;
}

#[tokio::test(start_paused = true)]
async fn a_side_that_speaks_for_long_and_is_not_heard_is_a_failure() {
    let world = with_recording().await;
    let hears = |of_second: u64| {
        let first = (0..30).map(|at| spoken_piece(0, at));
        let second = (0..of_second).map(|at| spoken_piece(1, at));
        world.ear.hears(first.chain(second).collect());
        (0..30).for_each(|_| world.speech.answers(Reply::Text("one")));
        (0..of_second).for_each(|_| world.speech.answers(Reply::Text(" ")));
    };
    hears(30);
    let id = world.jobs.add(1, Stage::Transcribe);
    world
        .until("it has failed", |world| {
            let error = world.jobs.row(id).record.last_error;
            error.is_some_and(|error| error.contains("one side speaks for long"))
        })
        .await;
    world.until("it is done", |world| world.jobs.state(id) == JobState::Done).await;
    hears(5);
    world.catalog.add(2);
    let id = world.jobs.add(2, Stage::Transcribe);
    world.until("it is done", |world| world.jobs.state(id) == JobState::Done).await;
    assert_eq!(world.jobs.row(id).record.attempt, 1, "a few sounds are no side of a talk");
}

#[tokio::test(start_paused = true)]
async fn what_the_source_has_no_longer_is_heard_from_the_copy() {
    let world = with_recording().await;
    world.play(1).await;
    world.source.answers(recording(1), Answer::Error(FetchError::NotFound));
    let id = world.jobs.add(1, Stage::Transcribe);
    world.until("it is done", |world| world.jobs.state(id) == JobState::Done).await;

    world.catalog.add(2);
    world.source.answers(recording(2), Answer::Error(FetchError::NotFound));
    let id = world.jobs.add(2, Stage::Transcribe);
    world.until("it has failed", |world| world.jobs.row(id).record.last_error.is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_cut_goes_on_where_it_was() {
    let world = with_recording().await;
    let audio = super::world::speech(7);
    world.source.answers(recording(1), Answer::Cut(audio.clone(), 1_000));
    world.source.answers(recording(1), Answer::Rest(audio));
    let id = world.jobs.add(1, Stage::Transcribe);
    world.until("it is done", |world| world.jobs.state(id) == JobState::Done).await;
    assert_eq!(world.jobs.row(id).record.attempt, 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_measured_with_a_speech_service_or_without() {
    let world = with_recording().await;
    let copy = world.play(1).await;
    let id = world.jobs.add(1, Stage::Measure);
    world.until("it is done", |world| world.jobs.state(id) == JobState::Done).await;
    match world.jobs.row(id).findings.as_slice() {
        [Finding::Waveform(waveform)] => {
            assert_eq!(waveform.duration, Duration::from_millis(copy.length));
        }
        other => panic!("{other:?}"),
    }
}
