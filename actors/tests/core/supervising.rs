//! The tree: whatever ends is started again, and who ends too often takes the root along.
//!
//! The inbox has no test here: nothing that it does outside of its tasks can panic.

use std::time::Duration;

use actors::domain::{Permit, StateName};
use actors::{AskError, ChildView};

use super::world::{PATIENCE, World, settle};

fn child(world: &World, name: &str) -> ChildView {
    let children = world.core.board.children.borrow();
    children.iter().find(|child| child.name == name).cloned().expect("it is on the board")
}

fn restarts(world: &World) -> Vec<(&'static str, u32)> {
    let children = world.core.board.children.borrow();
    children.iter().map(|child| (child.name, child.restarts)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_fetcher_that_panics_is_started_again_and_what_it_ran_is_fetched_again() {
    let world = World::start(|_, fakes| fakes.source.bodies.close()).await;
    world.catalog.add(1);
    world.catalog.add(2);
    assert!(matches!(world.listen(1, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    assert_eq!(world.vault.unfinished(), 1);

    world.chance.panic_times(1);
    assert!(matches!(world.listen(2, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    let fetcher = child(&world, "fetcher");
    assert!(!fetcher.running);
    assert!(fetcher.last_error.is_some_and(|error| error.contains("out of names")));
    assert_eq!(world.vault.unfinished(), 0, "its transfers ended with it");
    assert_eq!(world.state(1), Some(StateName::Failed));
    assert_eq!(world.state(2), Some(StateName::Failed));

    world.source.bodies.open();
    world.play(1).await;
    world.play(2).await;
    assert!(child(&world, "fetcher").running);
    assert_eq!(
        restarts(&world),
        [
            ("recordings", 0),
            ("fetcher", 1),
            ("inbox", 0),
            ("jobs", 0),
            ("vault-keeper", 0),
            ("retention-keeper", 0),
            ("reconciler", 0)
        ]
    );
    assert_eq!(world.source.most_of_one_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_asks_while_the_parent_of_all_calls_is_started_again_is_answered() {
    let world = World::start(|settings, _| settings.prefetch = false).await;
    world.catalog.add(1);
    world.catalog.add(2);
    world.play(1).await;
    // The first reading is the new actor's, the second its parent's.
    world.clock.panic_at(2);
    world.play(2).await;
    let recordings = child(&world, "recordings");
    assert!(recordings.running && recordings.restarts == 1, "{recordings:?}");
    world.play(1).await;
    assert_eq!(world.source.opened().len(), 2, "nothing is fetched twice");
}

#[tokio::test(start_paused = true)]
async fn a_vault_keeper_that_panics_is_started_again() {
    let world = World::start(|settings, _| settings.vault_bytes_max = 1).await;
    world.clock.panic_at(1);
    tokio::time::sleep(Duration::from_secs(61)).await;
    let keeper = child(&world, "vault-keeper");
    assert!(keeper.running && keeper.restarts == 1, "{keeper:?}");
    world.catalog.add(1);
    world.store(1).await;
    world.until("it does its work", |world| world.vault.sealed().is_empty()).await;
}

/// Wherever the clock breaks while a call is woken (in its actor, or in the parent of all), it plays in the end.
#[tokio::test(start_paused = true)]
async fn a_parent_that_panics_is_started_again_and_its_calls_play_again() {
    let mut parents_lost = 0;
    for reading in 1..=12 {
        let world = World::start(|_, _| {}).await;
        for n in 1..=2 {
            world.catalog.add(n);
        }
        world.play(1).await;
        settle().await;
        world.clock.panic_at(reading);
        let _ = world.listen(2, PATIENCE).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.play(2).await;
        world.play(1).await;
        let parent = child(&world, "recordings");
        assert!(parent.running);
        if parent.restarts > 0 {
            parents_lost += 1;
            settle().await;
            assert_eq!(world.core.board.recordings.borrow().live, 2);
        }
        assert_eq!(world.source.most_of_one_at_once(), 1);
    }
    assert!(parents_lost > 0, "no reading was the parent's");
}

#[tokio::test(start_paused = true)]
async fn the_root_gives_up_when_children_end_again_and_again() {
    let mut world = World::start(|_, _| {}).await;
    for n in 1..=1_000 {
        world.catalog.add(n);
    }
    world.chance.panic_times(u64::MAX);
    let (catalog, recordings) = (world.catalog.clone(), world.core.recordings.clone());
    let asking = async move {
        for n in 1..=1_000 {
            assert!(catalog.row(n).is_some());
            let ask = super::world::listener(Duration::ZERO);
            let _ = recordings.ask(&super::world::call(n), ask).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let asking = tokio::spawn(asking);
    tokio::time::timeout(Duration::from_secs(90), world.core.failed()).await.expect("it gave up");
    asking.abort();
    assert_eq!(child(&world, "fetcher").restarts, 10);
    let answer = world.listen(1, Duration::ZERO).await;
    assert!(matches!(answer, Err(AskError::Unavailable)), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn children_that_end_now_and_then_are_borne_for_ever() {
    let mut world = World::start(|_, _| {}).await;
    for n in 1..=30 {
        world.catalog.add(n);
        world.chance.panic_times(1);
        assert!(world.listen(n, Duration::ZERO).await.is_ok());
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(child(&world, "fetcher").restarts, 30);
    assert!(tokio::time::timeout(PATIENCE, world.core.failed()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_every_actor_and_every_transfer() {
    let world = World::start(|_, fakes| fakes.source.bodies.close()).await;
    world.catalog.add(1);
    assert!(matches!(world.listen(1, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    assert_eq!(world.source.running(), 1);
    let World { core, fakes } = world;
    let recordings = core.recordings.clone();
    core.stop(PATIENCE).await;
    settle().await;
    assert_eq!((fakes.source.running(), fakes.vault.unfinished()), (0, 0));
    let ask = super::world::listener(PATIENCE);
    let answer = recordings.ask(&super::world::call(1), ask).await;
    assert!(matches!(answer, Err(AskError::Unavailable)), "{answer:?}");
}
