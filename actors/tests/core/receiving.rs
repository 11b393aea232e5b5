//! The inbox: what was stored is worked off in order, whatever comes between.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actors::domain::{
    AccountSid, CallDetails, FetchError, Permit, RecordingEvent, SourceStatus, StateName,
    WebhookEvent,
};
use actors::ports::{EventStore, InboxEvent};

use super::world::{ACCOUNT, Answer, OTHER_ACCOUNT, PATIENCE, World, call, recording, settle};

fn news(n: u128, status: SourceStatus, account: AccountSid) -> WebhookEvent {
    WebhookEvent::Recording(RecordingEvent {
        account,
        call: call(n).call,
        recording: recording(n),
        status,
        channels: Some(1),
        duration: None,
        started_at: None,
    })
}

/// Stores an event as a webhook's handler does, without saying so.
async fn store(world: &World, event: WebhookEvent) {
    let dedup_key = format!("{event:?}");
    let received_at = world.clock.reading();
    let event = InboxEvent { event, dedup_key, raw_form: String::new(), received_at };
    assert!(world.catalog.store_event(&event).await.expect("the catalog is there"));
}

fn has_copy(world: &World, n: u128) -> bool {
    world.catalog.row(n).is_some_and(|row| row.copy.is_some())
}

#[tokio::test(start_paused = true)]
async fn stored_events_are_applied_in_the_order_they_came() {
    let world = World::start(|_, _| {}).await;
    for n in 1..=250 {
        store(&world, news(n, SourceStatus::Completed, ACCOUNT)).await;
    }
    world.core.inbox.event_stored();
    settle().await;
    let applied: Vec<String> = (1..=250).map(|id| format!("apply {id}")).collect();
    let lines = world.journal.lines();
    let lines: Vec<&String> = lines.iter().filter(|line| line.starts_with("apply")).collect();
    assert_eq!(lines, applied.iter().collect::<Vec<_>>());
    assert_eq!(world.core.board.inbox.borrow().applied_total, 250);
}

#[tokio::test(start_paused = true)]
async fn news_of_a_call_that_somebody_is_just_asking_for_is_not_lost() {
    let world = World::start(|_, fakes| fakes.catalog.loading.close()).await;
    let ask = world.listen(1, Duration::ZERO);
    let tell = async {
        settle().await;
        store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
        world.core.inbox.event_stored();
        settle().await;
        world.catalog.loading.open();
    };
    let (answer, ()) = tokio::join!(ask, tell);
    assert!(matches!(answer, Ok(Some(_))), "its news came before the answer: {answer:?}");
    world.until("it is here", |world| has_copy(world, 1)).await;
}

#[tokio::test(start_paused = true)]
async fn news_is_told_again_when_the_catalog_is_back() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    world.catalog.loading.close();
    world.core.inbox.event_stored();
    settle().await;
    world.catalog.away.store(true, Ordering::SeqCst);
    world.catalog.loading.open();
    settle().await;
    world.catalog.away.store(false, Ordering::SeqCst);
    world.until("it is here", |world| has_copy(world, 1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_applied_does_not_hold_up_those_behind_it() {
    let world = World::start(|_, fakes| fakes.catalog.corrupt(1)).await;
    for n in 1..=150 {
        store(&world, news(n, SourceStatus::InProgress, ACCOUNT)).await;
    }
    world.core.inbox.event_stored();
    settle().await;
    assert_eq!(world.core.board.inbox.borrow().applied_total, 149);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.core.board.inbox.borrow().set_aside_total, 1, "it is given up");
    assert!(world.catalog.pending_events(10).await.expect("the catalog is there").is_empty());
    assert!(world.core.board.inbox.borrow().last_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_breaks_whoever_applies_it_breaks_nothing_else() {
    let world = World::start(|_, fakes| fakes.catalog.break_on(2)).await;
    for n in 1..=3 {
        store(&world, news(n, SourceStatus::InProgress, ACCOUNT)).await;
    }
    world.core.inbox.event_stored();
    settle().await;
    assert_eq!(world.core.board.inbox.borrow().applied_total, 2);
    assert_eq!(world.core.board.inbox.borrow().set_aside_total, 0, "it is tried again");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.core.board.inbox.borrow().set_aside_total, 1);
    let inbox = world.core.board.children.borrow()[2].clone();
    assert_eq!((inbox.name, inbox.restarts), ("inbox", 0));
}

#[tokio::test(start_paused = true)]
async fn a_whole_batch_of_events_that_never_work_holds_up_those_behind_it_for_seconds_only() {
    let world = World::start(|_, fakes| (1..=150).for_each(|n| fakes.catalog.corrupt(n))).await;
    for n in 1..=151 {
        store(&world, news(n, SourceStatus::InProgress, ACCOUNT)).await;
    }
    world.core.inbox.event_stored();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(world.core.board.inbox.borrow().applied_total, 1);
    assert_eq!(world.core.board.inbox.borrow().set_aside_total, 150);
}

#[tokio::test(start_paused = true)]
async fn an_outage_counts_as_no_try() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::InProgress, ACCOUNT)).await;
    world.catalog.away.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.catalog.away.store(false, Ordering::SeqCst);
    world.until("it is applied", |world| world.catalog.row(1).is_some()).await;
    assert_eq!(world.core.board.inbox.borrow().set_aside_total, 0);
}

#[tokio::test(start_paused = true)]
async fn what_another_program_stored_is_noticed_within_five_seconds() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(has_copy(&world, 1));
}

#[tokio::test(start_paused = true)]
async fn events_of_last_month_are_forgotten() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::InProgress, ACCOUNT)).await;
    tokio::time::advance(Duration::from_hours(29 * 24)).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.core.board.inbox.borrow().pruned_total, 0);
    tokio::time::advance(Duration::from_hours(2 * 24)).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.core.board.inbox.borrow().pruned_total, 1);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_a_call_whose_news_is_just_stored_finds_it() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    assert_eq!(world.core.board.inbox.borrow().applied_total, 0, "nobody was told");
    world.play(1).await;
    store(&world, news(2, SourceStatus::Completed, ACCOUNT)).await;
    let view = world.core.recordings.look(&call(2)).await;
    assert!(matches!(view, Ok(Some(_))), "{view:?}");
}

#[tokio::test(start_paused = true)]
async fn an_announced_recording_is_fetched_before_anybody_asks() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    world.core.inbox.event_stored();
    world.until("it is here", |world| has_copy(world, 1)).await;
    let answer = world.listen(1, Duration::ZERO).await;
    assert!(matches!(answer, Ok(Some(Permit::Play(_)))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn an_announced_recording_waits_for_a_listener_where_prefetching_is_off() {
    let world = World::start(|settings, _| settings.prefetch = false).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    world.core.inbox.event_stored();
    tokio::time::sleep(PATIENCE).await;
    assert!(world.source.opened().is_empty());
    world.play(1).await;
}

#[tokio::test(start_paused = true)]
async fn who_asked_while_it_was_recorded_hears_it_when_it_is_complete() {
    let world = World::start(|settings, _| settings.prefetch = false).await;
    store(&world, news(1, SourceStatus::InProgress, ACCOUNT)).await;
    world.core.inbox.event_stored();
    settle().await;
    let listening = world.listen(1, PATIENCE);
    let completed = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
        world.core.inbox.event_stored();
    };
    let (answer, ()) = tokio::join!(listening, completed);
    assert!(matches!(answer, Ok(Some(Permit::Play(_)))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn events_wait_out_an_outage_of_the_catalog() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    world.catalog.away.store(true, Ordering::SeqCst);
    world.core.inbox.event_stored();
    settle().await;
    assert!(world.core.board.inbox.borrow().last_error.is_some());
    tokio::time::sleep(Duration::from_mins(10)).await;
    let looks = world.catalog.inbox_looks();
    assert!((500..700).contains(&looks), "looked {looks} times in 600 s, not once a second");

    world.catalog.away.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(has_copy(&world, 1));
    assert!(world.core.board.inbox.borrow().last_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_fits_no_business_is_set_aside_and_holds_nothing_up() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::Completed, AccountSid::from_bits(666))).await;
    store(&world, news(2, SourceStatus::Completed, ACCOUNT)).await;
    world.core.inbox.event_stored();
    world.until("the other is here", |world| has_copy(world, 2)).await;
    assert_eq!(world.core.board.inbox.borrow().unassigned_total, 1);
    assert!(world.catalog.row(1).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_start_takes_up_events_and_recordings_that_a_crash_left() {
    let world = World::start(|_, fakes| {
        fakes.catalog.add(1);
        fakes.catalog.add_with(2, |recording| recording.status = SourceStatus::InProgress);
    })
    .await;
    world.until("it is here", |world| has_copy(world, 1)).await;
    settle().await;
    assert_eq!(world.source.opened(), [recording(1)]);
}

#[tokio::test(start_paused = true)]
async fn late_reading_of_old_news_does_not_undo_newer_news() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add_with(1, |recording| {
        recording.status = SourceStatus::InProgress;
        recording.completed_at = None;
    });
    world.core.recordings.look(&call(1)).await.expect("the catalog is there");
    for _ in 0..2 {
        world.source.answers(recording(1), Answer::Error(FetchError::NotFound));
    }
    world.catalog.next_load_takes(Duration::from_millis(500));
    world.core.recordings.refresh(call(1), Some(recording(1)));
    settle().await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    world.core.inbox.event_stored();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.state(1), Some(StateName::Ready));
}

#[tokio::test(start_paused = true)]
async fn the_source_is_asked_for_the_details_that_nobody_told() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    world.core.inbox.event_stored();
    settle().await;
    assert!(world.catalog.details(1).is_some_and(|details| details.direction.is_some()));
    assert_eq!(world.core.board.inbox.borrow().details_total, 1);
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(world.source.details_asked(), [call(1).call], "once is enough");
}

#[tokio::test(start_paused = true)]
async fn news_does_not_wait_for_a_source_that_keeps_its_details_to_itself() {
    let world = World::start(|_, fakes| fakes.source.calls.close()).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    world.core.inbox.event_stored();
    settle().await;
    assert_eq!(world.source.details_asked(), [call(1).call], "the question is under way");
    store(&world, news(2, SourceStatus::Completed, ACCOUNT)).await;
    world.core.inbox.event_stored();
    world.until("the next is here", |world| has_copy(world, 2)).await;

    world.source.calls.open();
    world
        .until("both are told", |world| {
            (1..=2).all(|n| world.catalog.details(n).is_some_and(|told| told.direction.is_some()))
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn details_that_are_refused_are_asked_for_five_times() {
    let world = World::start(|_, fakes| {
        fakes.catalog.add(1);
        fakes.catalog.lacks_details(1);
        for _ in 0..100 {
            fakes.source.tells(call(1).call, Err(FetchError::NotFound));
        }
    })
    .await;
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert_eq!(world.source.details_asked().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_credentials_are_refused_keeps_no_other_waiting_for_details() {
    let world = World::start(|_, fakes| {
        for n in 1..=100 {
            let account = if n == 50 { ACCOUNT } else { OTHER_ACCOUNT };
            fakes.catalog.add_with(n, |recording| {
                recording.status = SourceStatus::InProgress;
                recording.account = account;
            });
            fakes.catalog.lacks_details(n);
            if n != 50 {
                for _ in 0..100 {
                    fakes.source.tells(call(n).call, Err(FetchError::RefusedAccount));
                }
            }
        }
    })
    .await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(world.catalog.details(50).is_some_and(|details| details.direction.is_some()));
    assert!(world.source.details_asked().len() <= 1 + 6, "one question a minute to the other");
}

#[tokio::test(start_paused = true)]
async fn questions_that_are_answered_with_nonsense_keep_no_other_waiting_for_details() {
    let world = World::start(|_, fakes| {
        for n in 1..=100 {
            fakes.catalog.add_with(n, |recording| recording.status = SourceStatus::InProgress);
            fakes.catalog.lacks_details(n);
            if n != 50 {
                for _ in 0..100 {
                    let nonsense = FetchError::Unexpected("no JSON".to_owned());
                    fakes.source.tells(call(n).call, Err(nonsense));
                }
            }
        }
    })
    .await;
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert!(world.catalog.details(50).is_some_and(|details| details.direction.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_question_for_details_pauses_the_account_and_is_asked_again() {
    let world = World::start(|_, fakes| {
        for n in 1..=2 {
            fakes.catalog.add_with(n, |recording| recording.status = SourceStatus::InProgress);
            fakes.catalog.lacks_details(n);
        }
        let retry_after = Duration::from_secs(40);
        for n in 1..=2 {
            fakes.source.tells(call(n).call, Err(FetchError::Throttled { retry_after }));
        }
    })
    .await;
    assert_eq!(world.source.details_asked().len(), 1, "the account is paused, not asked again");
    world.catalog.add(3);
    world.catalog.add_with(4, |recording| recording.account = OTHER_ACCOUNT);
    world.play(4).await;
    assert!(matches!(world.listen(3, Duration::from_secs(30)).await, Ok(Some(Permit::Wait(_)))));
    world.play(3).await;
    world
        .until("both are told", |world| {
            (1..=2).all(|n| world.catalog.details(n).is_some_and(|told| told.direction.is_some()))
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_turns_out_to_be_a_leg_is_played_by_its_parent() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    let leg = CallDetails { parent: Some(call(7).call), ..CallDetails::default() };
    world.source.tells(call(1).call, Err(FetchError::Status(500)));
    world.source.tells(call(1).call, Ok(leg));
    world.source.bodies.close();
    world.core.inbox.event_stored();
    settle().await;
    assert_eq!(world.state(1), Some(StateName::Downloading));
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(world.source.details_asked().len(), 2);
    let asks = async { tokio::join!(world.listen(1, PATIENCE), world.listen(7, PATIENCE)) };
    let arrival = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.source.bodies.open();
    };
    let (answers, ()) = tokio::join!(asks, arrival);
    assert!(matches!(answers, (Ok(Some(Permit::Play(_))), Ok(Some(Permit::Play(_))))));
    let (live, _) = world.core.board.calls(10);
    let live: Vec<_> = live.into_iter().map(|(key, _)| key).collect();
    assert_eq!(live, [call(7)], "one actor for the recording");
    assert_eq!(world.source.most_of_one_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_prefetch_under_way_goes_on_when_its_call_turns_out_to_be_a_leg() {
    let world = World::start(|_, _| {}).await;
    store(&world, news(1, SourceStatus::Completed, ACCOUNT)).await;
    let leg = CallDetails { parent: Some(call(7).call), ..CallDetails::default() };
    world.source.tells(call(1).call, Err(FetchError::Status(500)));
    world.source.tells(call(1).call, Ok(leg));
    world.source.bodies.close();
    world.core.inbox.event_stored();
    tokio::time::sleep(Duration::from_secs(31)).await;
    world.source.bodies.open();
    world.until("it is here", |world| has_copy(world, 1)).await;
}

#[tokio::test(start_paused = true)]
async fn news_that_cannot_be_read_at_once_is_read_later() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add_with(1, |recording| recording.status = SourceStatus::InProgress);
    world.core.recordings.look(&call(1)).await.expect("the catalog is there");
    world.catalog.set_status(1, SourceStatus::Completed);
    world.catalog.away.store(true, Ordering::SeqCst);
    world.core.recordings.refresh(call(1), Some(recording(1)));
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.catalog.away.store(false, Ordering::SeqCst);
    world.until("it is fetched", |world| has_copy(world, 1)).await;
}
