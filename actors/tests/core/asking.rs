//! Asking for a call: one fetch however many ask, and an answer for everybody.

use std::time::Duration;

use actors::AskError;
use actors::domain::{CallDetails, Denial, GoneCause, Permit, SourceStatus, StateName};
use actors::ports::Catalog;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::world::{PATIENCE, World, call, listener, settle};

const NOT_AT_ALL: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn a_thousand_asks_for_a_cold_call_are_one_fetch_and_all_are_answered() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    let answers = join_all((0..1_000).map(|_| world.listen(1, PATIENCE))).await;
    let played = answers.iter().filter(|answer| matches!(answer, Ok(Some(Permit::Play(_)))));
    assert_eq!(played.count(), 1_000);
    assert_eq!(world.source.opened().len(), 1);
    assert_eq!(world.catalog.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn asks_beyond_the_bound_are_told_at_once_to_come_back() {
    let world = World::start(|settings, fakes| {
        settings.waiting_max = 10;
        fakes.source.bodies.close();
    })
    .await;
    world.catalog.add(1);
    let begun = Instant::now();
    let ten = join_all((0..10).map(|_| world.listen(1, PATIENCE)));
    let one_more = async {
        settle().await;
        assert_eq!(world.view(1).map(|view| view.waiting), Some(10));
        let Ok(Some(Permit::Wait(preparing))) = world.listen(1, PATIENCE).await else {
            panic!("the eleventh does not wait");
        };
        assert_eq!(preparing.state, StateName::Downloading);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        world.source.bodies.open();
    };
    let (ten, ()) = tokio::join!(ten, one_more);
    assert!(ten.iter().all(|answer| matches!(answer, Ok(Some(Permit::Play(_))))));
}

#[tokio::test(start_paused = true)]
async fn who_waited_long_enough_is_told_how_far_it_is_and_the_fetch_goes_on() {
    let world = World::start(|_, fakes| {
        fakes.source.bodies.close();
    })
    .await;
    world.catalog.add(1);
    let begun = Instant::now();
    let answer = world.listen(1, Duration::from_secs(3)).await;
    assert!(matches!(answer, Ok(Some(Permit::Wait(_)))), "{answer:?}");
    assert_eq!(begun.elapsed().as_secs(), 3);
    world.source.bodies.open();
    world
        .until("nobody waits, and it becomes ready", |world| {
            world.state(1) == Some(StateName::Ready)
        })
        .await;
    assert_eq!(world.source.opened().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_fetch_goes_on_when_the_asker_hangs_up() {
    let world = World::start(|_, fakes| {
        fakes.source.bodies.close();
    })
    .await;
    world.catalog.add(1);
    let hung_up = tokio::time::timeout(Duration::from_secs(1), world.listen(1, PATIENCE)).await;
    assert!(hung_up.is_err());
    world.source.bodies.open();
    world.until("it becomes ready", |world| world.state(1) == Some(StateName::Ready)).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_call_is_none_and_leaves_nothing_behind() {
    let world = World::start(|_, _| {}).await;
    assert!(matches!(world.listen(404, PATIENCE).await, Ok(None)));
    assert!(matches!(world.core.recordings.look(&call(404)).await, Ok(None)));
    settle().await;
    let view = world.core.board.recordings.borrow().clone();
    assert_eq!((view.live, view.loading, view.parked), (0, 0, 0));
    assert_eq!(world.core.board.calls(10).1, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_another_business_is_unknown() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    let mut key = call(1);
    key.business = "rival".parse().expect("a business id");
    assert!(matches!(world.core.recordings.ask(&key, listener(PATIENCE)).await, Ok(None)));
    assert!(world.source.opened().is_empty());
}

#[tokio::test(start_paused = true)]
async fn asks_are_parked_while_the_call_is_loaded_and_refused_beyond_the_bound() {
    let world = World::start(|settings, fakes| {
        settings.parked_max = 3;
        fakes.catalog.loading.close();
    })
    .await;
    world.catalog.add(1);
    settle().await;
    let parked = join_all((0..3).map(|_| world.listen(1, PATIENCE)));
    let one_more = async {
        settle().await;
        assert_eq!(world.core.board.recordings.borrow().parked, 3);
        let begun = Instant::now();
        let answer = world.listen(1, PATIENCE).await;
        assert!(matches!(answer, Err(AskError::Overloaded)), "{answer:?}");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        world.catalog.loading.open();
    };
    let (parked, ()) = tokio::join!(parked, one_more);
    assert!(parked.iter().all(|answer| matches!(answer, Ok(Some(Permit::Play(_))))), "{parked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_never_answers_holds_nobody_for_ever() {
    let world = World::start(|_, fakes| {
        fakes.catalog.loading.close();
    })
    .await;
    world.catalog.add(1);
    let begun = Instant::now();
    let answer = world.listen(1, Duration::from_secs(3)).await;
    assert!(matches!(answer, Err(AskError::Unavailable)), "{answer:?}");
    assert!(begun.elapsed() <= Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_is_away_is_said_to_be_and_asked_again_by_the_next() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    settle().await;
    world.core.board.recordings.borrow();
    world.catalog.away.store(true, std::sync::atomic::Ordering::SeqCst);
    let answer = world.listen(2, PATIENCE).await;
    assert!(matches!(answer, Err(AskError::Away(_))), "{answer:?}");
    world.catalog.away.store(false, std::sync::atomic::Ordering::SeqCst);
    world.catalog.add(2);
    world.play(2).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_live_than_may() {
    let world = World::start(|settings, fakes| {
        settings.live_max = 2;
        settings.idle_after = Duration::from_secs(30);
        settings.prefetch = false;
        for n in 1..=3 {
            fakes.catalog.add_with(n, |recording| recording.status = SourceStatus::InProgress);
        }
    })
    .await;
    for n in 1..=2 {
        assert!(matches!(world.listen(n, NOT_AT_ALL).await, Ok(Some(Permit::Wait(_)))));
    }
    let answer = world.listen(3, NOT_AT_ALL).await;
    assert!(matches!(answer, Err(AskError::Overloaded)), "{answer:?}");
    world.until("the others rest", |world| world.core.board.calls(0).1 == 0).await;
    assert!(matches!(world.listen(3, NOT_AT_ALL).await, Ok(Some(Permit::Wait(_)))));
}

#[tokio::test(start_paused = true)]
async fn every_leg_leads_to_the_one_actor_of_the_call() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.catalog.add_with(2, |recording| recording.status = SourceStatus::InProgress);
    let leg = CallDetails { parent: Some(call(1).call), ..CallDetails::default() };
    world.catalog.record_details(&call(2), &leg).await.expect("it is known");
    let (by_parent, by_leg) = tokio::join!(world.listen(1, PATIENCE), world.listen(2, PATIENCE));
    assert!(matches!((by_parent, by_leg), (Ok(Some(Permit::Play(_))), Ok(Some(Permit::Play(_))))));
    assert_eq!(world.core.board.calls(10).1, 1);
    assert_eq!(world.source.opened().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_never_recorded_and_what_will_never_be_there_is_denied_at_once() {
    let world = World::start(|_, fakes| {
        fakes.catalog.add_with(2, |recording| recording.status = SourceStatus::Deleted);
    })
    .await;
    world.catalog.add(1);
    let mut other = listener(PATIENCE);
    other.recording = Some(super::world::recording(99));
    let answer = world.core.recordings.ask(&call(1), other).await;
    assert!(matches!(answer, Ok(Some(Permit::Deny(Denial::NoRecording)))), "{answer:?}");
    let answer = world.listen(2, PATIENCE).await;
    let gone = Denial::Gone(GoneCause::Deleted);
    assert_eq!(answer.expect("an answer"), Some(Permit::Deny(gone)));
}

#[tokio::test(start_paused = true)]
async fn looking_at_a_call_wakes_it_and_fetches_nothing() {
    let world = World::start(|settings, _| {
        settings.prefetch = false;
    })
    .await;
    world.catalog.add(1);
    let view = world.core.recordings.look(&call(1)).await.expect("the catalog is there");
    let view = view.expect("the call is known");
    assert_eq!(view.recording(None).map(|view| view.state), Some(StateName::Absent));
    settle().await;
    assert!(world.source.opened().is_empty());
}
