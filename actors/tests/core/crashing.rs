//! A bug of ours in one call's actor: its askers are answered all the same, and nobody else notices.

use std::time::Duration;

use actors::domain::{FetchError, Permit, StateName};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::world::{Answer, PATIENCE, World, call, recording, settle};

/// Makes the actor of call `n`, which is alive, panic under the next ask, and waits for the answer.
async fn crash_and_ask(world: &World, n: u128) -> Duration {
    settle().await;
    let begun = Instant::now();
    world.clock.panic_at(1);
    world.play(n).await;
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn who_asks_a_crashing_actor_is_answered_by_its_successor() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.catalog.add(2);
    world.play(1).await;
    world.play(2).await;
    let bystander = world.core.board.call(&call(2)).expect("alive").since;

    crash_and_ask(&world, 1).await;
    let posting = world.core.board.call(&call(1)).expect("alive again");
    assert_eq!(posting.restarts, 1);
    assert!(posting.last_error.is_some_and(|error| error.contains("fell from the wall")));
    let crashes = world.core.board.recordings.borrow().crashes.clone();
    assert_eq!(
        crashes.iter().map(|crash| (&crash.key, crash.count)).collect::<Vec<_>>(),
        [(&call(1), 1)]
    );

    let posting = world.core.board.call(&call(2)).expect("alive");
    assert_eq!((posting.since, posting.restarts), (bystander, 0));
    assert!(world.core.board.children.borrow().iter().all(|child| child.restarts == 0));
}

#[tokio::test(start_paused = true)]
async fn everybody_who_waits_on_a_crashing_actor_is_answered_and_its_fetch_is_cancelled() {
    let world = World::start(|_, fakes| {
        fakes.source.bodies.close();
    })
    .await;
    world.catalog.add(1);
    let waiting = join_all((0..50).map(|_| world.listen(1, PATIENCE)));
    let crash = async {
        settle().await;
        assert_eq!(world.vault.unfinished(), 1);
        world.clock.panic_at(1);
        assert!(matches!(world.listen(1, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
        settle().await;
        assert_eq!(world.journal.count("given up"), 1, "the writer of the first fetch is dropped");
        assert_eq!(world.source.running(), 1);
        world.source.bodies.open();
    };
    let (answers, ()) = tokio::join!(waiting, crash);
    let played = answers.iter().filter(|answer| matches!(answer, Ok(Some(Permit::Play(_)))));
    assert_eq!(played.count(), 50);
    assert_eq!(world.source.most_of_one_at_once(), 1);
    assert_eq!(world.vault.sealed().len(), 1);
    assert_eq!(world.vault.unfinished(), 0);
}

/// The account is closed, so that the crashed actor's order and its successor's find their places at once.
#[tokio::test(start_paused = true)]
async fn a_crash_while_the_fetch_is_queued_costs_no_attempt() {
    const PAUSE: Duration = Duration::from_secs(20);
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.catalog.add(2);
    world.source.answers(recording(1), Answer::Error(FetchError::Throttled { retry_after: PAUSE }));
    for n in 1..=2 {
        assert!(matches!(world.listen(n, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
        settle().await;
    }
    let begun = Instant::now();
    world.clock.panic_at(1);
    assert!(matches!(world.listen(2, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    assert_eq!(world.core.board.fetcher.borrow().queued, [1, 0, 0]);
    world.play(2).await;
    assert!(begun.elapsed() < PAUSE + Duration::from_secs(1), "it was tried again instead");
    let opened = world.source.opened();
    assert_eq!(opened.iter().filter(|sid| **sid == recording(2)).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_crashes_again_and_again_is_left_alone_ever_longer_and_forgiven_in_time() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.play(1).await;
    let mut pauses = Vec::new();
    for _ in 0..5 {
        pauses.push(crash_and_ask(&world, 1).await.as_millis() / 100);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16]);
    assert_eq!(world.core.board.call(&call(1)).map(|posting| posting.restarts), Some(5));

    tokio::time::sleep(Duration::from_mins(11)).await;
    world.play(1).await;
    assert_eq!(crash_and_ask(&world, 1).await.as_millis() / 100, 1);
}

#[tokio::test(start_paused = true)]
async fn crashes_that_are_forgiven_leave_the_board() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.catalog.add(2);
    for n in [1, 2] {
        world.play(n).await;
        settle().await;
        world.clock.panic_at(1);
        world.core.recordings.report_damage(call(n), recording(n), world.copy_of(n));
        settle().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let posting = world.core.board.call(&call(n)).expect("what crashed stays to be seen");
        assert_eq!(posting.restarts, 1);
        tokio::time::sleep(Duration::from_mins(15)).await;
    }
    assert_eq!(world.core.board.call(&call(1)).map(|posting| posting.restarts), None);
    world.play(2).await;
    assert_eq!(world.core.board.call(&call(2)).map(|posting| posting.restarts), Some(0));
    settle().await;
    world.clock.panic_at(1);
    world.core.recordings.report_damage(call(2), recording(2), world.copy_of(2));
    settle().await;
    assert_eq!(world.core.board.call(&call(2)).map(|posting| posting.restarts), Some(1));
}

#[tokio::test(start_paused = true)]
async fn asks_that_arrive_while_a_crashed_actor_is_left_alone_are_parked() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    for _ in 0..3 {
        world.play(1).await;
        crash_and_ask(&world, 1).await;
    }
    world.clock.panic_at(1);
    let first = world.listen(1, PATIENCE);
    let others = async {
        settle().await;
        assert_eq!(world.core.board.recordings.borrow().cooling, 1);
        join_all((0..20).map(|_| world.listen(1, PATIENCE))).await
    };
    let (first, others) = tokio::join!(first, others);
    assert!(matches!(first, Ok(Some(Permit::Play(_)))), "{first:?}");
    assert!(others.iter().all(|answer| matches!(answer, Ok(Some(Permit::Play(_))))));
    assert_eq!(world.state(1), Some(StateName::Ready));
}
