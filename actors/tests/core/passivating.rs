//! Actors come and go, and nobody notices.

use std::sync::Arc;
use std::time::Duration;

use actors::domain::{FetchError, Permit, StateName};

use futures_util::future::join_all;

use super::world::{Answer, PATIENCE, World, call, recording, settle};

#[tokio::test(start_paused = true)]
async fn an_idle_actor_goes_and_the_next_ask_wakes_it() {
    let world = World::start(|settings, _| {
        settings.idle_after = Duration::from_secs(10);
    })
    .await;
    world.catalog.add(1);
    let copy = world.play(1).await;
    world.until("it rests", |world| world.core.board.call(&call(1)).is_none()).await;
    settle().await;
    assert_eq!(world.core.board.recordings.borrow().live, 0);

    let answer = world.listen(1, Duration::ZERO).await;
    let Ok(Some(Permit::Play(playable))) = answer else { panic!("{answer:?}") };
    assert_eq!(playable.copy, copy);
    assert_eq!(world.source.opened().len(), 1, "what is in the vault is not fetched again");
    assert!(world.core.board.call(&call(1)).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_is_asked_now_and_then_stays() {
    let world = World::start(|settings, _| {
        settings.idle_after = Duration::from_secs(10);
    })
    .await;
    world.catalog.add(1);
    for _ in 0..20 {
        world.play(1).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
    }
    assert_eq!(world.catalog.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_downloads_is_not_put_to_rest() {
    let world = World::start(|settings, fakes| {
        settings.idle_after = Duration::from_secs(1);
        fakes.source.bodies.close();
    })
    .await;
    world.catalog.add(1);
    assert!(matches!(world.listen(1, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(world.state(1), Some(StateName::Downloading));
    world.source.bodies.open();
    world.until("it rests", |world| world.core.board.call(&call(1)).is_none()).await;
    assert_eq!(world.source.opened().len(), 1);
    assert!(world.catalog.row(1).is_some_and(|row| row.copy.is_some()));
}

#[tokio::test(start_paused = true)]
async fn an_actor_with_a_retry_planned_is_not_put_to_rest() {
    let world = World::start(|settings, fakes| {
        settings.idle_after = Duration::from_millis(100);
        fakes.source.answers(recording(1), Answer::Error(FetchError::Status(500)));
        fakes.source.answers(recording(2), Answer::Error(FetchError::NotFound));
        let retry_after = Duration::from_secs(5);
        fakes.source.answers(recording(3), Answer::Error(FetchError::Throttled { retry_after }));
    })
    .await;
    for n in 1..=3 {
        world.catalog.add(n);
    }
    let waits = [Duration::from_millis(1_900), Duration::from_millis(900), Duration::from_secs(4)];
    for (n, wait) in (1..).zip(waits) {
        assert!(matches!(world.listen(n, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
        tokio::time::sleep(wait).await;
        assert!(world.core.board.call(&call(n)).is_some(), "call {n} forgot its plan");
        world
            .until("it is fetched", |world| {
                world.catalog.row(n).is_some_and(|row| row.copy.is_some())
            })
            .await;
    }
    assert_eq!(world.source.opened().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn news_that_is_being_read_keeps_an_idle_actor_awake() {
    let world = World::start(|settings, _| {
        settings.idle_after = Duration::from_secs(10);
    })
    .await;
    world.catalog.add(1);
    world.play(1).await;
    world.catalog.add_with(2, |recording| recording.call = call(1).call);
    world.catalog.loading.close();
    world.core.recordings.refresh(call(1), Some(recording(2)));
    tokio::time::sleep(Duration::from_secs(40)).await;
    world.catalog.loading.open();
    world
        .until("the announced recording is fetched", |world| {
            world.catalog.row(2).is_some_and(|row| row.copy.is_some())
        })
        .await;
}

/// Real threads and real time: askers come in groups, at every moment of the while in which an actor goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_ask_is_lost_however_it_races_with_passivation() {
    const CALLS: u128 = 8;
    const ROUNDS: u64 = 80;
    const IDLE_AFTER: Duration = Duration::from_millis(8);
    let world = World::start(|settings, _| settings.idle_after = IDLE_AFTER).await;
    let world = Arc::new(world);
    for n in 1..=CALLS {
        world.catalog.add(n);
    }
    let groups = (1..=CALLS).map(|n| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                let ask = |_| {
                    let world = Arc::clone(&world);
                    tokio::spawn(async move { world.listen(n, PATIENCE).await })
                };
                for answer in join_all((0..4).map(ask)).await {
                    let answer = answer.expect("no panic");
                    assert!(matches!(answer, Ok(Some(Permit::Play(_)))), "{answer:?}");
                }
                // It goes between one and two `IDLE_AFTER` from now.
                tokio::time::sleep(IDLE_AFTER.mul_f64(0.9 + 1.6 * round as f64 / ROUNDS as f64))
                    .await;
            }
        })
    });
    let groups = tokio::time::timeout(PATIENCE, join_all(groups)).await.expect("in time");
    assert!(groups.into_iter().all(|group| group.is_ok()));
    let woken = world.catalog.loads() as u64;
    assert!(woken > CALLS as u64 * ROUNDS / 4, "they hardly ever went: {woken}");
    assert_eq!(world.source.most_of_one_at_once(), 1);
}
