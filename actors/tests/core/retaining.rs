//! Retention, hold and erasure: what is kept no longer goes, row first, and nothing brings it back.

use std::time::Duration;

use actors::Ask;
use actors::domain::{Denial, GoneCause, Permit, Retention, SourceStatus, StateName};
use actors::ports::{Custody, Order, OrderOutcome};

use super::world::{PATIENCE, World, audio, business, call, listener, recording, settle};

const WEEK: Retention = Retention::of_days(7);
/// Orders are looked for every two seconds.
const NOTICED: Duration = Duration::from_secs(5);

async fn denied(world: &World, n: u128) -> Option<GoneCause> {
    match world.listen(n, Duration::ZERO).await {
        Ok(Some(Permit::Deny(Denial::Gone(cause)))) => Some(cause),
        Ok(Some(Permit::Play(_) | Permit::Wait(_))) => None,
        other => panic!("call {n}: {other:?}"),
    }
}

/// So many days later, when the keeper has been round.
async fn days(world: &World, count: u32) {
    world.clock.advance(Duration::from_hours(24) * count);
    tokio::time::sleep(Duration::from_mins(2)).await;
}

async fn order(world: &World, order: Order) -> i64 {
    world.catalog.place_order(&order, world.clock.reading()).await.expect("placed")
}

async fn outcome(world: &World, id: i64) -> Option<OrderOutcome> {
    world.catalog.order_outcome(id).await.expect("an order")
}

async fn hold(world: &World, n: u128, held: bool) {
    world.catalog.set_hold(&call(n), held, world.clock.reading()).await.expect("set");
    tokio::time::sleep(NOTICED).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_goes_when_its_retention_is_over_row_first() {
    let world = World::start(|_, fakes| fakes.catalog.keep_for(WEEK)).await;
    world.catalog.add(1);
    let copy = world.play(1).await;
    days(&world, 6).await;
    assert_eq!(world.play(1).await, copy);
    days(&world, 1).await;
    assert_eq!(world.vault.sealed(), [], "nobody asked, and it is gone");
    let row = world.catalog.row(1).expect("a row");
    assert_eq!((row.recording.status, row.copy), (SourceStatus::Expired, None));
    let expired = world.journal.position(&format!("expire {}", recording(1)));
    let discarded = world.journal.position(&format!("discard {}", copy.id));
    assert!(expired.is_some() && expired < discarded, "{:?}", world.journal.lines());
    assert_eq!(denied(&world, 1).await, Some(GoneCause::Expired));
    assert_eq!(world.state(1), Some(StateName::Gone));
    assert_eq!(world.core.board.retention_keeper.borrow().expired_total, 1);
    assert_eq!(world.source.opened().len(), 1);
}

/// The clock decides, not the keeper: it may be late, or the catalog away.
#[tokio::test(start_paused = true)]
async fn not_a_byte_is_played_after_the_end_though_nobody_deleted_it_yet() {
    let world = World::start(|_, fakes| fakes.catalog.keep_for(WEEK)).await;
    world.catalog.add(1);
    let copy = world.play(1).await;
    world.catalog.away.store(true, std::sync::atomic::Ordering::SeqCst);
    days(&world, 8).await;
    assert_eq!(denied(&world, 1).await, Some(GoneCause::Expired));
    assert_eq!(world.vault.sealed(), [copy.id]);
    assert!(world.core.board.retention_keeper.borrow().last_error.is_some());
    world.catalog.away.store(false, std::sync::atomic::Ordering::SeqCst);
    world.until("it is made up for", |world| world.vault.sealed().is_empty()).await;
    assert!(world.catalog.row(1).is_some_and(|row| row.copy.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_legal_hold_keeps_it_until_it_is_released() {
    let world = World::start(|_, fakes| fakes.catalog.keep_for(WEEK)).await;
    world.catalog.add(1);
    let copy = world.play(1).await;
    days(&world, 6).await;
    hold(&world, 1, true).await;
    days(&world, 30).await;
    assert_eq!(world.play(1).await, copy);
    hold(&world, 1, false).await;
    world.until("it goes", |world| world.vault.sealed().is_empty()).await;
    assert_eq!(denied(&world, 1).await, Some(GoneCause::Expired));
}

/// An actor that has not heard of the hold gives the recording up, and learns better.
#[tokio::test(start_paused = true)]
async fn a_hold_that_is_set_at_the_last_moment_saves_the_copy() {
    let world = World::start(|_, fakes| fakes.catalog.keep_for(WEEK)).await;
    world.catalog.add(1);
    let copy = world.play(1).await;
    world.clock.advance(Duration::from_hours(24) * 7);
    world.catalog.set_hold(&call(1), true, world.clock.reading()).await.expect("set");
    assert_eq!(denied(&world, 1).await, Some(GoneCause::Expired), "nobody has told it");
    settle().await;
    assert_eq!(world.play(1).await, copy);
    days(&world, 30).await;
    assert_eq!(world.play(1).await, copy);
    assert_eq!(world.source.opened().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_business_that_keeps_for_longer_is_obeyed_within_seconds() {
    let world = World::start(|_, fakes| fakes.catalog.keep_for(WEEK)).await;
    world.catalog.add(1);
    let copy = world.play(1).await;
    days(&world, 6).await;
    let month = Retention::of_days(30);
    world.catalog.set_retention(&business(), month, world.clock.reading()).await.expect("set");
    tokio::time::sleep(NOTICED).await;
    days(&world, 20).await;
    assert_eq!(world.play(1).await, copy);
    let day = Retention::of_days(1);
    world.catalog.set_retention(&business(), day, world.clock.reading()).await.expect("set");
    tokio::time::sleep(NOTICED).await;
    assert_eq!(denied(&world, 1).await, Some(GoneCause::Expired));
}

#[tokio::test(start_paused = true)]
async fn an_erased_call_is_gone_within_seconds_and_nothing_brings_it_back() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    let copy = world.play(1).await;
    let id = order(&world, Order::Erase(call(1))).await;
    tokio::time::sleep(NOTICED).await;
    assert_eq!(outcome(&world, id).await, Some(OrderOutcome::Done));
    assert_eq!(world.vault.sealed(), []);
    let erased = world.journal.position(&format!("erase {}", call(1).call));
    let discarded = world.journal.position(&format!("discard {}", copy.id));
    assert!(erased.is_some() && erased < discarded, "{:?}", world.journal.lines());
    for _ in 0..2 {
        world.core.recordings.refresh(call(1), Some(recording(1)));
        world.core.recordings.retry(call(1), recording(1));
        settle().await;
        assert_eq!(denied(&world, 1).await, Some(GoneCause::Erased));
    }
    assert_eq!(world.source.opened().len(), 1);
    assert_eq!(world.core.board.retention_keeper.borrow().erased_total, 1);
}

#[tokio::test(start_paused = true)]
async fn a_download_is_cancelled_when_its_call_is_erased() {
    let world = World::start(|_, fakes| fakes.source.bodies.close()).await;
    world.catalog.add(1);
    assert!(world.listen(1, Duration::ZERO).await.is_ok());
    settle().await;
    assert_eq!(world.vault.unfinished(), 1);
    order(&world, Order::Erase(call(1))).await;
    tokio::time::sleep(NOTICED).await;
    assert_eq!((world.source.running(), world.vault.unfinished()), (0, 0));
    world.source.bodies.open();
    tokio::time::sleep(NOTICED).await;
    assert_eq!(world.vault.sealed(), []);
    assert_eq!(world.journal.count("commit"), 0);
    assert_eq!(denied(&world, 1).await, Some(GoneCause::Erased));
}

#[tokio::test(start_paused = true)]
async fn what_is_being_committed_when_it_is_erased_leaves_no_file() {
    let world = World::start(|_, fakes| fakes.catalog.committing.close()).await;
    world.catalog.add(1);
    assert!(world.listen(1, Duration::ZERO).await.is_ok());
    settle().await;
    assert_eq!(world.vault.sealed().len(), 1, "sealed, and waiting for its row");
    order(&world, Order::Erase(call(1))).await;
    tokio::time::sleep(NOTICED).await;
    world.catalog.committing.open();
    settle().await;
    assert_eq!(world.vault.sealed(), []);
    assert_eq!(world.journal.count("commit"), 0);
    assert!(world.catalog.row(1).is_some_and(|row| row.copy.is_none()));
    assert_eq!(denied(&world, 1).await, Some(GoneCause::Erased));
}

#[tokio::test(start_paused = true)]
async fn a_call_under_legal_hold_is_not_erased_and_the_order_says_why() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    let copy = world.play(1).await;
    hold(&world, 1, true).await;
    let id = order(&world, Order::Erase(call(1))).await;
    tokio::time::sleep(NOTICED).await;
    let refused = outcome(&world, id).await;
    assert!(
        matches!(&refused, Some(OrderOutcome::Refused(why)) if why.contains("legal hold")),
        "{refused:?}"
    );
    assert_eq!(world.play(1).await, copy);
}

#[tokio::test(start_paused = true)]
async fn an_order_waits_while_the_catalog_is_away() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.play(1).await;
    let id = order(&world, Order::Erase(call(1))).await;
    world.catalog.away.store(true, std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(NOTICED * 3).await;
    assert_eq!(world.vault.sealed().len(), 1);
    world.catalog.away.store(false, std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(NOTICED).await;
    assert_eq!(outcome(&world, id).await, Some(OrderOutcome::Done));
    assert_eq!(world.vault.sealed(), []);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_a_check_found_damaged_is_fetched_again() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    let damaged = world.play(1).await;
    let mend = Order::Mend { call: call(1), recording: recording(1), copy: damaged.id };
    let id = order(&world, mend.clone()).await;
    tokio::time::sleep(NOTICED).await;
    let refused = outcome(&world, id).await;
    assert!(matches!(refused, Some(OrderOutcome::Refused(_))), "{refused:?}");
    assert_eq!(world.copy_of(1), damaged, "what is sound is not given up");
    world.vault.damage(&audio(1), damaged.id);
    order(&world, mend.clone()).await;
    world.until("there is another", |world| world.copy_of(1).id != damaged.id).await;
    settle().await;
    let mended = world.copy_of(1);
    assert_eq!(world.vault.sealed(), [mended.id]);
    assert_eq!(mended.version, damaged.version, "the same bytes keep their entity tag");
    order(&world, mend).await;
    tokio::time::sleep(NOTICED).await;
    assert_eq!(world.copy_of(1), mended, "an order for what is no longer the copy changes nothing");
}

#[tokio::test(start_paused = true)]
async fn thousands_that_are_overdue_go_batch_by_batch() {
    const OVERDUE: u128 = 1_000;
    let world = World::start(|settings, fakes| {
        settings.prefetch = false;
        for n in 1..=OVERDUE {
            fakes.catalog.add(n);
        }
        fakes.catalog.keep_for(WEEK);
    })
    .await;
    days(&world, 8).await;
    let expired = |world: &World| world.core.board.retention_keeper.borrow().expired_total;
    world.until("all are gone", |world| u128::from(expired(world)) == OVERDUE).await;
    assert!(world.source.opened().is_empty());
}

/// An actor knows the recordings of its call that are listed; of very many those that started last.
#[tokio::test(start_paused = true)]
async fn recordings_beyond_those_that_are_listed_go_as_well() {
    const RECORDINGS: u128 = 70;
    let world = World::start(|settings, fakes| {
        settings.prefetch = false;
        fakes.catalog.keep_for(WEEK);
    })
    .await;
    let mut copies = Vec::new();
    for n in 1..=RECORDINGS {
        world.catalog.add_with(n, |it| it.call = call(1).call);
        world.core.recordings.refresh(call(1), Some(recording(n)));
        let ask = Ask { recording: Some(recording(n)), ..listener(PATIENCE) };
        assert!(world.core.recordings.ask(&call(1), ask).await.is_ok());
        world.until("it is stored", |world| world.vault.sealed().len() as u128 == n).await;
        copies.push(world.copy_of(n).id);
    }
    days(&world, 8).await;
    let left = world.vault.sealed();
    assert!(left.is_empty(), "{} of {} are left", left.len(), copies.len());
    let statuses = (1..=RECORDINGS).filter_map(|n| world.catalog.row(n));
    assert!(statuses.map(|row| row.recording.status).all(|it| it == SourceStatus::Expired));
    let expired = world.core.board.retention_keeper.borrow().expired_total;
    assert_eq!(u128::from(expired), RECORDINGS);
}

#[tokio::test(start_paused = true)]
async fn recordings_that_cannot_go_keep_no_others_from_going() {
    const STUCK: u128 = 300;
    let world = World::start(|settings, fakes| {
        settings.prefetch = false;
        fakes.catalog.keep_for(WEEK);
        for n in 1..=STUCK {
            fakes.catalog.add(n);
            fakes.catalog.corrupt(n);
        }
        fakes.catalog.add(STUCK + 1);
    })
    .await;
    days(&world, 8).await;
    let status = |n| world.catalog.row(n).expect("a row").recording.status;
    assert_eq!(status(STUCK + 1), SourceStatus::Expired);
    assert_eq!(status(1), SourceStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_cannot_be_obeyed_holds_up_neither_orders_nor_expiry() {
    let world = World::start(|_, fakes| fakes.catalog.keep_for(WEEK)).await;
    for n in 1..=4 {
        world.catalog.add(n);
        world.play(n).await;
    }
    world.catalog.corrupt(1);
    world.catalog.garble(&Order::LookAgain(call(2)));
    let stuck = order(&world, Order::Erase(call(1))).await;
    let garbled = order(&world, Order::LookAgain(call(2))).await;
    let sound = order(&world, Order::Erase(call(3))).await;
    tokio::time::sleep(NOTICED).await;
    assert_eq!(outcome(&world, stuck).await, None, "it is tried again");
    assert!(world.core.board.retention_keeper.borrow().last_error.is_some());
    let refused = outcome(&world, garbled).await;
    assert!(matches!(refused, Some(OrderOutcome::Refused(_))), "{refused:?}");
    assert_eq!(outcome(&world, sound).await, Some(OrderOutcome::Done));
    days(&world, 8).await;
    assert_eq!(world.catalog.row(4).map(|row| row.recording.status), Some(SourceStatus::Expired));
}
