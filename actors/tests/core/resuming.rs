//! A transfer that is cut goes on where it was; attempts and refusals outlive actors.

use std::time::Duration;

use actors::domain::{Denial, FetchError, Permit, StateName};
use actors::ports::Clock;

use super::world::{ACCOUNT, Answer, PATIENCE, REFUSED_AFTER, World, call, recording, speech};

/// Forty seconds of audio: two segments of the vault and a half.
fn long_speech(seed: u8) -> Vec<u8> {
    speech(seed).repeat(40)
}

const CUT_AT: usize = 100_000;

async fn world_that_answers(answers: impl IntoIterator<Item = Answer>) -> World {
    let world = World::start(|_, fakes| {
        for answer in answers {
            fakes.source.answers(recording(1), answer);
        }
    })
    .await;
    world.catalog.add(1);
    world
}

fn attempts(world: &World) -> usize {
    world.catalog.row(1).expect("a row").history.attempts.times().len()
}

#[tokio::test(start_paused = true)]
async fn a_cut_transfer_goes_on_where_it_was_and_that_is_one_attempt() {
    let audio = long_speech(1);
    let world = world_that_answers([
        Answer::Cut(audio.clone(), CUT_AT),
        Answer::Rest(audio.clone()),
        Answer::Error(FetchError::Status(500)),
    ])
    .await;
    assert_eq!(world.play(1).await.length, audio.len() as u64);
    let resumed = world.source.resumed();
    assert_eq!(resumed.len(), 1);
    assert_eq!((resumed[0].offset, resumed[0].total), (CUT_AT as u64, audio.len() as u64));
    assert_eq!(attempts(&world), 0, "what succeeded is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_begins_anew_with_the_same_bytes_goes_unnoticed() {
    let audio = long_speech(1);
    let world =
        world_that_answers([Answer::Cut(audio.clone(), CUT_AT), Answer::Audio(audio.clone())])
            .await;
    let copy = world.play(1).await;
    assert_eq!(copy.length, audio.len() as u64);
    assert_eq!(world.source.opened().len(), 2);
    let (whole, at_once) = (copy.sha256, world_that_answers([Answer::Audio(audio)]).await);
    assert_eq!(at_once.play(1).await.sha256, whole);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_sends_all_of_it_and_then_fails_is_not_asked_for_the_rest() {
    let audio = long_speech(1);
    let world = world_that_answers([
        Answer::Cut(audio.clone(), audio.len()),
        Answer::Error(FetchError::Status(416)),
    ])
    .await;
    assert_eq!(world.play(1).await.length, audio.len() as u64);
    assert_eq!(world.source.opened().len(), 1);
    assert_eq!(world.source.resumed().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn other_bytes_after_a_cut_are_another_version_fetched_from_the_start() {
    let (before, after) = (long_speech(1), long_speech(2));
    let world = world_that_answers([
        Answer::Cut(before, CUT_AT),
        Answer::Audio(after.clone()),
        Answer::Audio(after.clone()),
    ])
    .await;
    let copy = world.play(1).await;
    assert_eq!((copy.version.0, copy.length), (2, after.len() as u64));
}

#[tokio::test(start_paused = true)]
async fn bytes_that_change_whenever_they_are_fetched_use_the_attempts_up() {
    let two_of_a_kind =
        |seed| [Answer::Cut(long_speech(seed), CUT_AT), Answer::Cut(long_speech(seed + 1), CUT_AT)];
    let world = world_that_answers((1..=40).flat_map(two_of_a_kind)).await;
    let answer = world.listen(1, PATIENCE).await;
    let Ok(Some(Permit::Deny(Denial::Exhausted { cause, .. }))) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(cause, FetchError::ContentChanged);
    assert_eq!(attempts(&world), 3);
}

#[tokio::test(start_paused = true)]
async fn what_ends_short_of_its_length_is_never_sealed() {
    let audio = long_speech(1);
    let frame_bytes = speech(1).len() / 42;
    // At the end of a frame, so that nothing but the length tells.
    let short = Answer::Short(audio.clone(), audio.len() - frame_bytes);
    let world = world_that_answers([short, Answer::Rest(audio.clone())]).await;
    assert_eq!(world.play(1).await.length, audio.len() as u64);
    assert_eq!(world.source.resumed().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_brought_next_to_nothing_is_an_attempt() {
    let audio = long_speech(1);
    let world = world_that_answers((0..3).map(|_| Answer::Cut(audio.clone(), 5_000))).await;
    let answer = world.listen(1, PATIENCE).await;
    let Ok(Some(Permit::Deny(Denial::Exhausted { cause, .. }))) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(cause, FetchError::Cut { received: 5_000 });
    assert_eq!(world.source.opened().len(), 3);
    let went_on_at: Vec<u64> = world.source.resumed().iter().map(|rest| rest.offset).collect();
    assert_eq!(went_on_at, [5_000; 2], "somebody may be listening to what there is");
    assert_eq!(attempts(&world), 3);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_goes_on_twenty_times_and_no_more() {
    let step = 66_000;
    let audio = speech(1).repeat(400);
    let cuts = (1..=24).map(|n| Answer::Cut(audio.clone(), n * step));
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    for cut in cuts {
        world.source.answers(recording(1), cut);
    }
    world.source.answers(recording(1), Answer::Audio(audio.clone()));
    // What begins anew is read again up to where it was: each brings one step more.
    assert!(matches!(world.listen(1, Duration::from_secs(200)).await, Ok(Some(Permit::Play(_)))));
    assert_eq!(world.source.opened().len(), 20 + 4 + 1, "two attempts");
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_failed_rests_and_its_successor_remembers() {
    let world = World::start(|settings, fakes| {
        settings.idle_after = Duration::from_secs(10);
        for _ in 0..3 {
            fakes.source.answers(recording(1), Answer::Error(FetchError::Status(500)));
        }
    })
    .await;
    world.catalog.add(1);
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(Some(Permit::Deny(_)))));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(world.core.board.call(&call(1)).is_none(), "a failure is not kept alive");
    let answer = world.listen(1, PATIENCE).await;
    assert!(matches!(&answer, Ok(Some(Permit::Deny(Denial::Exhausted { .. })))), "{answer:?}");
    assert_eq!(world.source.opened().len(), 3);
    tokio::time::sleep(Duration::from_mins(10)).await;
    world.play(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_window_opens_early_when_the_source_works_again() {
    let world = World::start(|_, fakes| {
        for _ in 0..3 {
            fakes.source.answers(recording(1), Answer::Error(FetchError::TimedOut("answer")));
        }
    })
    .await;
    world.catalog.add(1);
    world.catalog.add(2);
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(Some(Permit::Deny(_)))));
    tokio::time::sleep(Duration::from_millis(1)).await;
    world.play(2).await;
    world.play(1).await;
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_tried_once_a_minute_for_the_whole_account() {
    let world = World::start(|_, fakes| {
        for n in 1..=20 {
            for _ in 0..5 {
                fakes.source.answers(recording(n), Answer::Error(FetchError::RefusedAccount));
            }
        }
    })
    .await;
    for n in 1..=20 {
        world.catalog.add(n);
    }
    for second in 0..150 {
        let answer = world.listen(1 + second % 20, PATIENCE).await;
        assert!(matches!(&answer, Ok(Some(Permit::Deny(Denial::Refused { .. })))), "{answer:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.source.opened().len(), 3, "once a minute");
    let pace = world.core.board.fetcher.borrow().accounts[0].clone();
    assert!(pace.probed_in.is_some());
    assert_eq!(world.state(1), Some(StateName::Failed));
    assert_eq!(attempts(&world), 0, "nobody's attempt");
}

#[tokio::test(start_paused = true)]
async fn new_credentials_are_tried_at_once_by_whoever_asks() {
    let world = World::start(|_, fakes| {
        fakes.source.answers(recording(1), Answer::Error(FetchError::RefusedAccount));
    })
    .await;
    world.catalog.add(1);
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(Some(Permit::Deny(_)))));
    world.core.recordings.retry(call(1), recording(1));
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(Some(Permit::Deny(_)))));
    assert_eq!(world.source.opened().len(), 1, "the old ones are not");
    tokio::time::sleep(Duration::from_millis(1)).await;
    world.core.accounts.trust_again(ACCOUNT, world.clock.now());
    world.play(1).await;
}

#[tokio::test(start_paused = true)]
async fn credentials_that_come_while_the_old_ones_are_being_refused_are_used_at_once() {
    let world = World::start(|_, fakes| {
        fakes.source.answers(recording(1), Answer::Error(FetchError::RefusedAccount));
    })
    .await;
    world.catalog.add(1);
    let exchange = async {
        tokio::time::sleep(REFUSED_AFTER / 2).await;
        assert_eq!(world.source.opened().len(), 1);
        world.core.accounts.trust_again(ACCOUNT, world.clock.now());
    };
    let (told, ()) = tokio::join!(world.listen(1, PATIENCE), exchange);
    assert!(!matches!(told, Ok(Some(Permit::Deny(_)))), "{told:?}");
    world.play(1).await;
    assert_eq!(world.source.opened().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_window_that_opens_early_lets_one_attempt_through() {
    let world = World::start(|_, fakes| {
        for _ in 0..10 {
            fakes.source.answers(recording(1), Answer::Error(FetchError::Status(503)));
        }
    })
    .await;
    world.catalog.add(1);
    for n in 2..=6 {
        world.catalog.add(n);
    }
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(Some(Permit::Deny(_)))));
    for n in 2..=6 {
        let before = world.source.opened().iter().filter(|sid| **sid == recording(1)).count();
        tokio::time::sleep(Duration::from_millis(1)).await;
        world.play(n).await;
        assert!(matches!(world.listen(1, PATIENCE).await, Ok(Some(Permit::Deny(_)))));
        let after = world.source.opened().iter().filter(|sid| **sid == recording(1)).count();
        assert_eq!(after, before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_catalog_to_write_it_down_no_attempt_is_made() {
    let world = World::start(|settings, _| settings.prefetch = false).await;
    world.catalog.add(1);
    assert_eq!(world.core.recordings.look(&call(1)).await.ok().flatten().map(|_| ()), Some(()));
    world.catalog.away.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(Some(Permit::Wait(_)))));
    assert!(world.source.opened().is_empty());
    world.catalog.away.store(false, std::sync::atomic::Ordering::SeqCst);
    world.play(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_never_writes_an_attempt_down_counts_as_away() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.catalog.remembering.close();
    let answer = world.listen(1, Duration::from_secs(12)).await;
    assert!(matches!(answer, Ok(Some(Permit::Wait(_)))), "{answer:?}");
    assert_eq!(world.state(1), Some(StateName::Absent), "not under way for ever");
    assert!(world.source.opened().is_empty());
    world.catalog.remembering.open();
    world.play(1).await;
}
