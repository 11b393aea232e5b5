//! The pool: so many at once, the most urgent first, each account at its own pace, and every order answered.

use std::time::Duration;

use actors::domain::{Denial, FetchError, Intent, Permit, StateName};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::world::{Answer, OTHER_ACCOUNT, PATIENCE, World, call, recording, settle, speech};

/// A pool with one place, which call 1 holds until the bodies are let through.
async fn busy_pool() -> World {
    let world = World::start(|settings, fakes| {
        settings.parallel_fetches_max = 1;
        fakes.source.bodies.close();
    })
    .await;
    for n in 1..=4 {
        world.catalog.add(n);
    }
    assert!(matches!(world.listen(1, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    assert_eq!(world.source.opened(), [recording(1)]);
    world
}

async fn announce(world: &World, n: u128) {
    world.core.recordings.refresh(call(n), Some(recording(n)));
    settle().await;
}

fn has_copy(world: &World, n: u128) -> bool {
    world.catalog.row(n).is_some_and(|row| row.copy.is_some())
}

#[tokio::test(start_paused = true)]
async fn no_more_transfers_run_at_once_than_may() {
    let world = World::start(|_, fakes| fakes.source.bodies.close()).await;
    for n in 1..=50 {
        world.catalog.add(n);
    }
    let asks = join_all((1..=50).map(|n| world.listen(n, PATIENCE)));
    let watch = async {
        settle().await;
        let view = world.core.board.fetcher.borrow().clone();
        assert_eq!((view.running, view.queued), (4, [46, 0, 0]));
        assert_eq!(world.source.running(), 4);
        world.source.bodies.open();
    };
    let (answers, ()) = tokio::join!(asks, watch);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Some(Permit::Play(_))))));
    assert_eq!(world.source.most_at_once(), 4);
    assert_eq!(world.source.opened().len(), 50);
}

#[tokio::test(start_paused = true)]
async fn who_listens_goes_before_what_was_only_announced() {
    let world = busy_pool().await;
    announce(&world, 2).await;
    announce(&world, 3).await;
    assert!(matches!(world.listen(4, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    assert_eq!(world.core.board.fetcher.borrow().queued, [1, 2, 0]);
    world.source.bodies.open();
    world.until("all are here", |world| (1..=4).all(|n| has_copy(world, n))).await;
    assert_eq!(world.source.opened(), [1, 4, 2, 3].map(recording));
}

#[tokio::test(start_paused = true)]
async fn an_announced_recording_moves_ahead_when_somebody_listens() {
    let world = busy_pool().await;
    announce(&world, 2).await;
    announce(&world, 3).await;
    assert_eq!(world.view(3).and_then(|view| view.intent), Some(Intent::Prefetch));
    assert!(matches!(world.listen(3, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    assert_eq!(world.view(3).and_then(|view| view.intent), Some(Intent::Listen));
    world.source.bodies.open();
    world.until("all are here", |world| (1..=3).all(|n| has_copy(world, n))).await;
    assert_eq!(world.source.opened(), [1, 3, 2].map(recording));
}

#[tokio::test(start_paused = true)]
async fn what_finds_the_queue_full_is_told_to_come_back_and_loses_no_attempt() {
    let world = World::start(|settings, fakes| {
        settings.parallel_fetches_max = 1;
        settings.queued_fetches_max = 1;
        fakes.source.bodies.close();
    })
    .await;
    for n in 1..=3 {
        world.catalog.add(n);
        assert!(matches!(world.listen(n, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
        settle().await;
    }
    assert_eq!(world.state(3), Some(StateName::Absent));
    let Ok(Some(Permit::Wait(preparing))) = world.listen(3, Duration::ZERO).await else {
        panic!("call 3 waits");
    };
    assert_eq!((preparing.attempt, preparing.retry_after), (0, Duration::from_secs(5)));
    world.source.bodies.open();
    world.play(3).await;
}

#[tokio::test(start_paused = true)]
async fn who_listens_finds_a_place_in_a_queue_that_is_full_of_what_nobody_waits_for() {
    let world = World::start(|settings, fakes| {
        settings.parallel_fetches_max = 1;
        settings.queued_fetches_max = 2;
        fakes.source.bodies.close();
    })
    .await;
    for n in 1..=4 {
        world.catalog.add(n);
    }
    for n in 1..=3 {
        announce(&world, n).await;
    }
    assert!(matches!(world.listen(4, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    assert_eq!(world.core.board.fetcher.borrow().queued, [1, 1, 0]);
    assert_eq!(world.state(3), Some(StateName::Absent), "it comes back");
    world.source.bodies.open();
    world.until("all are here", |world| (1..=4).all(|n| has_copy(world, n))).await;
    assert_eq!(world.source.opened(), [1, 4, 2, 3].map(recording));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_account_pauses_as_told_and_others_do_not() {
    const PAUSE: Duration = Duration::from_secs(30);
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.catalog.add(2);
    world.catalog.add_with(3, |recording| recording.account = OTHER_ACCOUNT);
    world.source.answers(recording(1), Answer::Error(FetchError::Throttled { retry_after: PAUSE }));
    let begun = Instant::now();
    assert!(matches!(world.listen(1, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    let paused = world.core.board.fetcher.borrow().accounts[0].paused_for;
    assert_eq!(paused, Some(PAUSE));

    world.play(3).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let (one, two) = tokio::join!(world.listen(1, PATIENCE), world.listen(2, PATIENCE));
    assert!(matches!((one, two), (Ok(Some(Permit::Play(_))), Ok(Some(Permit::Play(_))))));
    assert_eq!(begun.elapsed().as_secs(), PAUSE.as_secs());
    assert_eq!(world.source.opened(), [1, 3, 2, 1].map(recording));
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_panics_is_reported_retried_and_frees_its_place() {
    for broken in [Some(Answer::Panic), Some(Answer::PanicHalfway), None] {
        let world = World::start(|settings, _| settings.parallel_fetches_max = 1).await;
        world.catalog.add(1);
        world.catalog.add(2);
        match broken {
            Some(answer) => world.source.answers(recording(1), answer),
            None => world.vault.panic_when_written(),
        }
        assert!(matches!(world.listen(1, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
        settle().await;
        let view = world.view(1).expect("alive");
        assert_eq!((view.state, view.attempt), (StateName::Failed, 1));
        assert_eq!(view.reason.as_deref(), Some("the fetch was interrupted"));
        assert_eq!(world.vault.unfinished(), 0);
        assert_eq!(world.core.board.fetcher.borrow().running, 0);
        world.play(2).await;
        world.play(1).await;
        let children = world.core.board.children.borrow().clone();
        assert!(children.iter().all(|child| child.restarts == 0));
    }
}

#[tokio::test(start_paused = true)]
async fn after_three_attempts_the_asker_is_told_when_the_window_opens() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    for _ in 0..3 {
        world.source.answers(recording(1), Answer::Error(FetchError::Status(500)));
    }
    let begun = Instant::now();
    let answer = world.listen(1, PATIENCE).await;
    let Ok(Some(Permit::Deny(Denial::Exhausted { cause, retry_after, .. }))) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(begun.elapsed().as_secs(), 17);
    assert_eq!(cause, FetchError::Status(500));
    let again = world.listen(1, PATIENCE).await;
    assert!(matches!(again, Ok(Some(Permit::Deny(Denial::Exhausted { .. })))), "{again:?}");
    assert_eq!(world.source.opened().len(), 3);
    tokio::time::sleep(retry_after).await;
    world.play(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_prefetch_uses_one_attempt_and_leaves_the_rest_to_a_listener() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    for _ in 0..2 {
        world.source.answers(recording(1), Answer::Error(FetchError::Status(500)));
    }
    announce(&world, 1).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.source.opened().len(), 1);
    world.play(1).await;
    assert_eq!(world.source.opened().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_audio_is_never_sealed() {
    let world = World::start(|_, _| {}).await;
    let html = b"<html><body>Service unavailable</body></html>".repeat(100);
    let cut = speech(1)[..1_000].to_vec();
    for (n, body) in (1..).zip([html, cut, Vec::new()]) {
        world.catalog.add(n);
        for _ in 0..3 {
            world.source.answers(recording(n), Answer::Audio(body.clone()));
        }
        let answer = world.listen(n, PATIENCE).await;
        let Ok(Some(Permit::Deny(Denial::Exhausted { cause, .. }))) = answer else {
            panic!("{answer:?}");
        };
        assert!(matches!(cause, FetchError::NotAudio(_)), "{cause:?}");
    }
    assert_eq!((world.vault.sealed().len(), world.vault.unfinished()), (0, 0));
    assert_eq!(world.journal.count("seal"), 0);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_said_at_once_and_tried_again_after_a_minute() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.source.answers(recording(1), Answer::Error(FetchError::RefusedAccount));
    let refused = Permit::Deny(Denial::Refused { cause: FetchError::RefusedAccount });
    assert_eq!(world.listen(1, PATIENCE).await.expect("an answer"), Some(refused.clone()));
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(world.listen(1, PATIENCE).await.expect("an answer"), Some(refused));
    assert_eq!(world.source.opened().len(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.play(1).await;
}
