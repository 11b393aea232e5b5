//! What can be read off without asking a call's actor: only what it would say, and nothing that stops being true.

use std::time::Duration;

use actors::domain::{CallKey, CallSid, Retention, SourceStatus, StateName};
use actors::ports::{Custody, Order};

use super::world::{World, audio, call, recording, settle, speech};

const WEEK: Retention = Retention::of_days(7);
/// An actor is asked again after so long at the latest.
const LENT: Duration = Duration::from_mins(1);

/// Has the journal say at each line whether call 1 can be read off at that moment.
fn watch_call_1(world: &World) {
    let (recordings, clock) = (world.core.recordings.clone(), world.clock.clone());
    world.journal.witness(move || {
        let shown = recordings.published(&call(1), None, clock.reading()).is_some();
        format!(" shown={shown}")
    });
}

/// Nobody could read it off when a line was written that begins so.
fn assert_withdrawn_before(world: &World, beginning: &str) {
    let lines = world.journal.lines();
    let line = lines.iter().find(|line| line.starts_with(beginning));
    let line = line.unwrap_or_else(|| panic!("no {beginning}: {lines:?}"));
    assert!(line.ends_with("shown=false"), "{lines:?}");
}

/// A world in which call 1 plays and was asked for.
async fn playing() -> World {
    let world = World::start(|_, fakes| fakes.catalog.keep_for(WEEK)).await;
    world.catalog.add(1);
    let copy = world.play(1).await;
    settle().await;
    assert_eq!(world.read_off(1), Some(copy));
    watch_call_1(&world);
    world
}

#[tokio::test(start_paused = true)]
async fn it_is_there_when_the_recording_is_ready_and_was_asked_for() {
    let world = World::start(|_, fakes| fakes.source.bodies.close()).await;
    world.catalog.add(1);
    assert!(world.listen(1, Duration::ZERO).await.is_ok());
    settle().await;
    assert_eq!(world.state(1), Some(StateName::Downloading));
    assert_eq!(world.read_off(1), None);
    world.source.bodies.open();
    world.until("it is ready", |world| world.state(1) == Some(StateName::Ready)).await;
    let now = world.clock.reading();
    assert!(world.core.recordings.published(&call(1), None, now).is_some());
    assert_eq!(world.read_off(1), None, "nobody was given it yet");
    let copy = world.play(1).await;
    assert_eq!(world.read_off(1), Some(copy));
}

#[tokio::test(start_paused = true)]
async fn it_is_nobody_elses_and_no_other_recordings() {
    let world = playing().await;
    let now = world.clock.reading();
    let published = |key: &CallKey, named| world.core.recordings.published(key, named, now);
    assert!(published(&call(1), Some(recording(1))).is_some());
    assert!(published(&call(1), Some(recording(2))).is_none());
    assert!(published(&call(2), None).is_none());
    let globex = CallKey { business: "globex".parse().expect("an id"), ..call(1) };
    assert!(published(&globex, None).is_none());
    assert!(published(&CallKey { call: CallSid::from_bits(7), ..call(1) }, None).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_newer_recording_takes_the_calls_place_before_it_is_ready() {
    let world = playing().await;
    world.source.bodies.close();
    world.catalog.add_with(2, |newer| {
        newer.call = call(1).call;
        newer.started_at = Some(world.clock.reading());
    });
    world.core.recordings.refresh(call(1), Some(recording(2)));
    settle().await;
    assert_eq!(world.read_off(1), None, "what plays is the call's primary recording");
    let now = world.clock.reading();
    let named = world.core.recordings.published(&call(1), Some(recording(1)), now);
    assert!(named.is_some_and(|shown| !shown.is_lent(now)), "whoever names it asks first");
    world.source.bodies.open();
}

#[tokio::test(start_paused = true)]
async fn it_is_withdrawn_before_an_evicted_copy_leaves() {
    let world = playing().await;
    let copy = world.copy_of(1);
    world.evict(1).await;
    world.until("it has left", |world| world.vault.sealed().is_empty()).await;
    assert_withdrawn_before(&world, &format!("withdraw {}", copy.id));
    assert_withdrawn_before(&world, &format!("discard {}", copy.id));
}

#[tokio::test(start_paused = true)]
async fn it_is_withdrawn_before_a_damaged_copy_leaves() {
    let world = playing().await;
    let copy = world.copy_of(1);
    world.core.recordings.report_damage(call(1), recording(1), copy.clone());
    world.until("it has left", |world| world.journal.position("discard").is_some()).await;
    assert_withdrawn_before(&world, &format!("withdraw {}", copy.id));
    assert_withdrawn_before(&world, &format!("discard {}", copy.id));
}

#[tokio::test(start_paused = true)]
async fn it_is_withdrawn_before_an_erased_calls_rows() {
    let world = playing().await;
    let order = Order::Erase(call(1));
    world.catalog.place_order(&order, world.clock.reading()).await.expect("placed");
    for _ in 0..2_000 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let erased =
            world.catalog.row(1).is_some_and(|row| row.recording.status == SourceStatus::Erased);
        assert!(!erased || world.read_off(1).is_none(), "read off after it was erased");
    }
    assert_withdrawn_before(&world, &format!("erase {}", call(1).call));
    assert_withdrawn_before(&world, "discard");
    assert_eq!(world.vault.sealed(), []);
}

#[tokio::test(start_paused = true)]
async fn a_refused_erasure_leaves_it_to_be_read_off() {
    let world = playing().await;
    world.catalog.set_hold(&call(1), true, world.clock.reading()).await.expect("set");
    let order = Order::Erase(call(1));
    let _ = world.catalog.place_order(&order, world.clock.reading()).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let copy = world.play(1).await;
    assert_eq!(world.read_off(1), Some(copy));
}

#[tokio::test(start_paused = true)]
async fn it_is_withdrawn_before_an_expired_recordings_row() {
    let world = playing().await;
    world.clock.advance(Duration::from_hours(24) * 8);
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(world.vault.sealed(), []);
    assert_withdrawn_before(&world, "expire");
    assert_withdrawn_before(&world, "discard");
}

/// Nobody has told the actor, and no timer is due: the reader's clock is enough.
#[tokio::test(start_paused = true)]
async fn past_the_end_of_its_retention_it_is_not_read_off_though_nothing_happened_yet() {
    let world = World::start(|_, fakes| fakes.catalog.keep_for(WEEK)).await;
    world.catalog.add(1);
    world.play(1).await;
    let expires_at = world.view(1).and_then(|view| view.expires_at).expect("an end");
    world.clock.advance(expires_at.since(world.clock.reading()) - Duration::from_secs(30));
    world.play(1).await;
    assert!(world.read_off(1).is_some());
    world.clock.advance(Duration::from_secs(29));
    assert!(world.read_off(1).is_some());
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.read_off(1), None);
}

/// While there is news that its actor has not read, asking is the only way.
#[tokio::test(start_paused = true)]
async fn it_is_not_read_off_while_there_is_unread_news() {
    let world = playing().await;
    world.catalog.loading.close();
    world.core.recordings.refresh(call(1), None);
    settle().await;
    assert_eq!(world.read_off(1), None);
    let copy = world.play(1).await;
    assert_eq!(world.read_off(1), None);
    world.catalog.loading.open();
    settle().await;
    assert_eq!(world.play(1).await, copy);
    assert_eq!(world.read_off(1), Some(copy));
}

#[tokio::test(start_paused = true)]
async fn it_goes_with_a_crashed_actor() {
    let world = playing().await;
    world.clock.panic_at(1);
    world.core.recordings.retry(call(1), recording(1));
    settle().await;
    let posting = world.core.board.call(&call(1)).expect("not forgiven yet");
    assert!(!posting.is_live());
    assert_eq!(world.read_off(1), None);
    let copy = world.play(1).await;
    assert_eq!(world.read_off(1), Some(copy));
}

#[tokio::test(start_paused = true)]
async fn it_goes_with_an_actor_that_is_put_to_rest() {
    let world = World::start(|settings, _| settings.idle_after = Duration::from_secs(100)).await;
    world.catalog.add(1);
    world.play(1).await;
    assert!(world.read_off(1).is_some());
    tokio::time::sleep(Duration::from_secs(250)).await;
    assert!(world.core.board.call(&call(1)).is_none(), "it rests");
    let now = world.clock.reading();
    assert!(world.core.recordings.published(&call(1), None, now).is_none());
}

#[tokio::test(start_paused = true)]
async fn it_goes_with_the_core() {
    let world = playing().await;
    let (recordings, now) = (world.core.recordings.clone(), world.clock.reading());
    assert!(recordings.published(&call(1), None, now).is_some());
    let World { core, fakes: _fakes } = world;
    core.stop(Duration::from_secs(5)).await;
    settle().await;
    assert!(recordings.published(&call(1), None, now).is_none());
}

/// Whoever plays without asking counts as one who asks, about once a minute.
#[tokio::test(start_paused = true)]
async fn a_recording_that_is_only_read_off_stays_awake_and_counts_as_played() {
    let world = World::start(|settings, _| settings.idle_after = Duration::from_mins(3)).await;
    world.catalog.add(1);
    world.play(1).await;
    let begun = world.clock.reading();
    for second in 0..1_200 {
        world.listen_hot(1).await;
        settle().await;
        let unnoted = world.clock.reading().since(world.catalog.played_at(1).expect("played"));
        assert!(unnoted <= LENT, "not noted for {unnoted:?} after {second} s");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.catalog.loads(), 1, "it was put to rest while it played");
    let asks = world.core.board.call(&call(1)).expect("awake").view().asks;
    let minutes = world.clock.reading().since(begun).as_secs() / 60;
    assert!((minutes..minutes + 5).contains(&asks), "{asks} asks in {minutes} minutes");
}

#[tokio::test(start_paused = true)]
async fn what_is_only_read_off_does_not_leave_first() {
    let room_for_two = speech(1).len() as u64 * 5 / 2;
    let world = World::start(|settings, _| settings.vault_bytes_max = room_for_two).await;
    for n in [1, 2] {
        world.catalog.add(n);
        world.play(n).await;
    }
    for _ in 0..300 {
        world.listen_hot(1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    world.catalog.add(3);
    world.play(3).await;
    world.until("one has left", |world| world.vault.sealed().len() == 2).await;
    assert!(world.catalog.row(1).and_then(|row| row.copy).is_some_and(|held| held.present));
    assert!(world.vault.bytes(&audio(1), world.copy_of(1).id).is_some());
}

/// Real threads: readers at every moment at which a copy comes and goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_is_read_off_was_there_when_it_was_read() {
    const ROUNDS: usize = 200;
    let world = std::sync::Arc::new(World::start(|_, _| {}).await);
    world.catalog.add(1);
    let stop = tokio_util::sync::CancellationToken::new();
    let readers = (0..3).map(|_| {
        let (world, stop) = (world.clone(), stop.clone());
        tokio::task::spawn_blocking(move || {
            let mut seen = 0_u64;
            while !stop.is_cancelled() {
                // Discarded before it is read off again, never while it is read off.
                let discarded = world.journal.lines();
                if let Some(copy) = world.read_off(1) {
                    seen += 1;
                    let line = format!("discard {}", copy.id);
                    assert!(!discarded.contains(&line), "read off after it was discarded");
                }
            }
            seen
        })
    });
    let readers: Vec<_> = readers.collect();
    for _ in 0..ROUNDS {
        world.play(1).await;
        world.evict(1).await;
        tokio::task::yield_now().await;
    }
    stop.cancel();
    let mut seen = 0;
    for reader in readers {
        seen += reader.await.expect("no stale copy");
    }
    assert!(seen > 0, "nothing was ever read off");
}
