//! What no webhook told of: found in the source's lists, or when somebody asks for it.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actors::Settings;
use actors::domain::{AccountSid, FetchError, Permit, RecordingEvent, SourceStatus, Timestamp};
use actors::ports::{EventStore, Listing};
use futures_util::future::join_all;

use super::world::Answer::Error as Refused;
use super::world::{ACCOUNT, Fakes, PATIENCE, World, call, recording, settle};

const PERIOD: Duration = Duration::from_mins(4);
const DAY: Duration = Duration::from_hours(24);
const BEFORE_LONG: Duration = Duration::from_secs(30);
/// How soon what was never announced is found.
const PROMISE: Duration = Duration::from_mins(10);

fn recorded(n: u128, at: Timestamp) -> RecordingEvent {
    RecordingEvent {
        account: ACCOUNT,
        call: call(n).call,
        recording: recording(n),
        status: SourceStatus::Completed,
        channels: Some(1),
        duration: None,
        started_at: Some(at),
    }
}

fn reconciling(settings: &mut Settings, fakes: &Fakes) {
    settings.reconcile_every = Some(PERIOD);
    fakes.catalog.incorporate();
}

fn looking_up(settings: &mut Settings, fakes: &Fakes) {
    settings.lookups_per_minute = 3;
    fakes.catalog.incorporate();
}

fn has_copy(world: &World, n: u128) -> bool {
    world.catalog.row(n).is_some_and(|row| row.copy.is_some())
}

#[tokio::test(start_paused = true)]
async fn recordings_that_were_never_announced_are_found_within_ten_minutes() {
    let world = World::start(|settings, fakes| {
        reconciling(settings, fakes);
        (1..=25).for_each(|n| fakes.source.lists(recorded(n, fakes.clock.reading())));
    })
    .await;
    tokio::time::sleep(BEFORE_LONG).await;
    assert!((1..=25).all(|n| has_copy(&world, n)), "over several pages, soon after the start");
    for n in 26..=30 {
        world.source.lists(recorded(n, world.clock.reading()));
        tokio::time::sleep(Duration::from_secs(97)).await;
    }
    tokio::time::sleep(PROMISE - BEFORE_LONG).await;
    assert!((26..=30).all(|n| has_copy(&world, n)));
    let view = world.core.board.reconciler.borrow().clone();
    assert_eq!(view.found_total, 30);
    assert!(view.accounts[&ACCOUNT].complete && view.last_error.is_none(), "{view:?}");
    assert_eq!(view.accounts[&ACCOUNT].listed, 30, "what is known is listed and passed over");
}

#[tokio::test(start_paused = true)]
async fn each_comparison_begins_a_day_before_the_last_complete_one() {
    let world = World::start(reconciling).await;
    let started = world.clock.reading();
    tokio::time::sleep(BEFORE_LONG).await;
    tokio::time::sleep(PERIOD).await;
    let asked = world.source.lists_asked();
    let since: Vec<Timestamp> = asked
        .iter()
        .map(|(_, listing)| match listing {
            Listing::Since(since) => *since,
            Listing::OfCall(_) => panic!("nobody asked for a call"),
        })
        .collect();
    assert_eq!(since.len(), 2);
    assert!(since[0] >= started.minus(DAY) && since[0] <= started.minus(DAY - BEFORE_LONG));
    assert_eq!(since[1], since[0], "the first was complete when it began");
    let through = world.catalog.reconciled(ACCOUNT).await.expect("the catalog is there");
    assert!(through.is_some_and(|through| through >= started.plus(PERIOD)));
}

#[tokio::test(start_paused = true)]
async fn a_refused_comparison_is_made_up_for_by_the_next() {
    for error in [
        FetchError::Throttled { retry_after: Duration::from_secs(40) },
        FetchError::RefusedAccount,
        FetchError::Status(500),
    ] {
        let world = World::start(|settings, fakes| {
            reconciling(settings, fakes);
            fakes.source.lists(recorded(1, fakes.clock.reading()));
            fakes.source.refuses_list(error.clone());
        })
        .await;
        tokio::time::sleep(BEFORE_LONG).await;
        assert!(!has_copy(&world, 1));
        let said = world.core.board.reconciler.borrow().accounts[&ACCOUNT].clone();
        assert_eq!(said.error, Some(error.to_string()));
        assert!(!said.complete);
        let through = world.catalog.reconciled(ACCOUNT).await.expect("the catalog is there");
        assert_eq!(through, None, "it was not read to its end");
        tokio::time::sleep(PERIOD).await;
        assert!(has_copy(&world, 1), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_catalog_delays_a_comparison_and_no_more() {
    let world = World::start(|settings, fakes| {
        reconciling(settings, fakes);
        fakes.source.lists(recorded(1, fakes.clock.reading()));
    })
    .await;
    world.catalog.away.store(true, Ordering::SeqCst);
    tokio::time::sleep(BEFORE_LONG).await;
    assert!(world.core.board.reconciler.borrow().last_error.is_some());
    world.catalog.away.store(false, Ordering::SeqCst);
    tokio::time::sleep(PERIOD).await;
    assert!(has_copy(&world, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_and_forgotten_is_announced_again() {
    let world = World::start(reconciling).await;
    tokio::time::sleep(BEFORE_LONG).await;
    world.catalog.add(1);
    tokio::time::sleep(PERIOD).await;
    assert!(has_copy(&world, 1));
}

/// Lists recordings of these calls on an account of which no number is anybody's: three of each.
fn lists_nobodys(fakes: &Fakes, account: AccountSid, calls: RangeInclusive<u128>) {
    fakes.catalog.adds_nobodys(account);
    let now = fakes.clock.reading();
    for n in calls.flat_map(|n| [n, n + 10_000, n + 20_000]) {
        let of = call(n % 10_000).call;
        fakes.source.lists(RecordingEvent { account, call: of, ..recorded(n, now) });
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_stay_nobodys_keep_no_later_ones_from_being_asked_about() {
    let (many, few) = (AccountSid::from_bits(3), AccountSid::from_bits(4));
    let world = World::start(|settings, fakes| {
        reconciling(settings, fakes);
        lists_nobodys(fakes, many, 1..=80);
        lists_nobodys(fakes, few, 201..=202);
    })
    .await;
    tokio::time::sleep(BEFORE_LONG).await;
    let asked = world.source.details_asked();
    assert!(asked.contains(&call(201).call), "one account's stand not before another's");
    assert_eq!(asked.len(), 20 + 2, "so many of an account at a time");
    tokio::time::sleep(5 * PERIOD).await;
    let mut asked = world.source.details_asked();
    asked.sort_unstable();
    let all = (1..=80).chain(201..=202).map(|n| call(n).call);
    assert!(asked.into_iter().eq(all), "each of them, once");
}

#[tokio::test(start_paused = true)]
async fn calls_that_stay_nobodys_are_asked_about_again_after_a_day() {
    const EVERY: Duration = Duration::from_hours(2);
    let nobodys = AccountSid::from_bits(3);
    let world = World::start(|settings, fakes| {
        reconciling(settings, fakes);
        settings.reconcile_every = Some(EVERY);
        lists_nobodys(fakes, nobodys, 1..=2);
    })
    .await;
    tokio::time::sleep(DAY).await;
    assert_eq!(world.source.details_asked().len(), 2);
    tokio::time::sleep(3 * EVERY).await;
    assert_eq!(world.source.details_asked().len(), 2 * 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_there_is_never_an_answer_about_is_passed_over() {
    let nobodys = AccountSid::from_bits(3);
    let world = World::start(|settings, fakes| {
        reconciling(settings, fakes);
        lists_nobodys(fakes, nobodys, 1..=2);
        for _ in 0..10 {
            fakes.source.tells(call(2).call, Err(FetchError::Status(500)));
        }
    })
    .await;
    tokio::time::sleep(BEFORE_LONG).await;
    assert_eq!(world.source.details_asked(), [2].map(|n| call(n).call), "the oldest first");
    tokio::time::sleep(3 * PERIOD).await;
    assert_eq!(world.source.details_asked(), [2, 2, 1].map(|n| call(n).call));
}

#[tokio::test(start_paused = true)]
async fn a_long_list_is_gone_on_with_after_an_outage() {
    let world = World::start(|settings, fakes| {
        reconciling(settings, fakes);
        (1..=25).for_each(|n| fakes.source.lists(recorded(n, fakes.clock.reading())));
        fakes.source.refuses_list_after(2, FetchError::Status(503));
    })
    .await;
    tokio::time::sleep(BEFORE_LONG).await;
    assert!(world.core.board.reconciler.borrow().last_error.is_some());
    assert_eq!(world.source.lists_asked().len(), 3);
    tokio::time::sleep(PERIOD).await;
    assert!((1..=25).all(|n| has_copy(&world, n)));
    assert_eq!(world.source.lists_asked().len(), 4, "the last page, and none of the others");
}

#[tokio::test(start_paused = true)]
async fn what_was_missing_and_is_listed_is_fetched_after_all() {
    let world = World::start(|settings, fakes| {
        reconciling(settings, fakes);
        for n in [1, 2] {
            fakes.catalog.add_with(n, |row| row.completed_at = Some(Timestamp::from_millis(1)));
            fakes.source.answers(recording(n), Refused(FetchError::NotFound));
        }
        fakes.source.lists(recorded(1, fakes.clock.reading()));
    })
    .await;
    for n in [1, 2] {
        let refused = world.listen(n, PATIENCE).await;
        assert!(matches!(refused, Ok(Some(Permit::Deny(_)))), "{refused:?}");
    }
    (0..4).for_each(|_| world.source.answers(recording(1), Refused(FetchError::NotFound)));
    let opened = |n| world.source.opened().iter().filter(|it| **it == recording(n)).count();
    tokio::time::sleep(BEFORE_LONG).await;
    let once = opened(1);
    assert!((2..=3).contains(&once), "a look into the list makes it wanted: {once}");
    tokio::time::sleep(PERIOD - BEFORE_LONG).await;
    assert_eq!(opened(1), once, "until the next look");
    tokio::time::sleep(10 * PERIOD).await;
    assert!(has_copy(&world, 1));
    world.play(1).await;
    let status = world.catalog.row(2).map(|row| row.recording.status);
    assert_eq!((opened(2), status), (1, Some(SourceStatus::Missing)), "it is in no list");
}

#[tokio::test(start_paused = true)]
async fn where_it_is_switched_off_nothing_is_asked() {
    let world = World::start(|_, fakes| {
        fakes.catalog.incorporate();
        fakes.source.lists(recorded(1, fakes.clock.reading()));
    })
    .await;
    assert!(matches!(world.listen(1, Duration::ZERO).await, Ok(None)));
    tokio::time::sleep(PROMISE).await;
    assert!(world.source.lists_asked().is_empty());
    assert!(world.source.details_asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_announced_is_found_by_whoever_asks_for_it() {
    let world = World::start(|settings, fakes| {
        looking_up(settings, fakes);
        fakes.source.lists(recorded(1, fakes.clock.reading()));
    })
    .await;
    world.source.calls.close();
    let asks = async { join_all((0..50).map(|_| world.listen(1, PATIENCE))).await };
    let answer = async {
        settle().await;
        world.source.calls.open();
    };
    let (answers, ()) = tokio::join!(asks, answer);
    for answer in answers {
        assert!(matches!(answer, Ok(Some(Permit::Play(_)))), "{answer:?}");
    }
    assert_eq!(world.source.details_asked(), [call(1).call], "once for all");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_source_does_not_know_is_not_asked_for_again_at_once() {
    let world = World::start(looking_up).await;
    for _ in 0..10 {
        world.source.tells(call(1).call, Err(FetchError::NotFound));
    }
    for _ in 0..5 {
        assert!(matches!(world.listen(1, PATIENCE).await, Ok(None)));
    }
    assert_eq!(world.source.details_asked().len(), 1);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(None)));
    assert_eq!(world.source.details_asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_an_outage_ended_is_made_up_for_by_the_next_ask() {
    let world = World::start(|settings, fakes| {
        looking_up(settings, fakes);
        fakes.source.lists(recorded(1, fakes.clock.reading()));
        fakes.source.tells(call(1).call, Err(FetchError::Status(503)));
    })
    .await;
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(None)));
    world.play(1).await;
    assert_eq!(world.source.details_asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_business_has_so_many_lookups_a_minute() {
    let world = World::start(looking_up).await;
    for n in 1..=20 {
        world.source.tells(call(n).call, Err(FetchError::NotFound));
        assert!(matches!(world.listen(n, PATIENCE).await, Ok(None)));
    }
    assert_eq!(world.source.details_asked().len(), 3);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(matches!(world.listen(20, PATIENCE).await, Ok(None)));
    assert_eq!(world.source.details_asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_business_has_so_many_lookups_at_a_time() {
    let world = World::start(|settings, fakes| {
        looking_up(settings, fakes);
        settings.lookups_per_minute = 1_000;
    })
    .await;
    world.source.calls.close();
    let asks = (1..=50).map(|n| world.listen(n, PATIENCE));
    assert!(join_all(asks).await.into_iter().all(|answer| matches!(answer, Ok(None))));
    assert_eq!(world.source.details_asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_keeps_nobody_for_long_and_is_heard_later() {
    let world = World::start(|settings, fakes| {
        looking_up(settings, fakes);
        fakes.source.lists(recorded(1, fakes.clock.reading()));
    })
    .await;
    world.source.calls.close();
    let begun = world.clock.reading();
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(None)));
    assert!(world.clock.reading().since(begun) <= Duration::from_secs(6));
    world.source.calls.open();
    settle().await;
    world.play(1).await;
}
