//! Listening while it arrives: every byte exact, or a visible cut.

mod properties;

use std::time::Duration;

use actors::domain::{ByteRange, FetchError, Permit, StateName, Version};
use actors::{Arrival, FollowError};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::timeout;

use super::world::{Answer, PATIENCE, Pace, World, heard, recording, settle};

/// A minute and a half of audio, of which every byte tells where it is: five segments of the vault and a bit.
fn marked_speech(seed: u64) -> Vec<u8> {
    marked_frames(seed, 3_600)
}

fn marked_frames(seed: u64, frames: u64) -> Vec<u8> {
    let frame = |number: u64| {
        let place =
            move |word: u64| (seed << 48 | number << 8 | word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let payload = (0..12).flat_map(move |word| place(word).to_be_bytes()).skip(4);
        [0xff, 0xf3, 0x44, 0xc0].into_iter().chain(payload)
    };
    (0..frames).flat_map(frame).collect()
}

/// A second between two chunks, each of so many bytes.
fn paced(audio: &[u8], chunk: usize, chunks: usize, is_cut: bool) -> Pace {
    let chunks = vec![(Duration::from_secs(1), chunk); chunks];
    Pace { audio: audio.to_vec(), resumes: true, tells_length: true, chunks, is_cut }
}

async fn world_that_answers(answers: impl IntoIterator<Item = Answer>) -> World {
    let world = World::start(|settings, fakes| {
        settings.prefetch = false;
        for answer in answers {
            fakes.source.answers(recording(1), answer);
        }
    })
    .await;
    world.catalog.add(1);
    world
}

async fn follow(world: &World) -> Arrival {
    match world.ask(1, PATIENCE).await {
        Ok(Some(Permit::Follow(arrival, _))) => arrival,
        other => panic!("{other:?}"),
    }
}

async fn part(arrival: &Arrival, first: u64, last: u64) -> Result<Vec<u8>, FollowError> {
    let pieces: Vec<Bytes> = arrival.follow(ByteRange { first, last }).try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test(start_paused = true)]
async fn bytes_are_heard_as_they_arrive_and_the_last_one_when_all_are_good() {
    let audio = marked_speech(1);
    let world = world_that_answers([Answer::Paced(paced(&audio, 50_000, 6, false))]).await;
    let arrival = follow(&world).await;
    assert_eq!(arrival.length(), audio.len() as u64);
    assert_eq!(part(&arrival, 0, 49_999).await.expect("it is here"), audio[..50_000]);
    assert_eq!(world.state(1), Some(StateName::Downloading));
    let begun = tokio::time::Instant::now();
    assert_eq!(part(&arrival, 199_990, 200_009).await.expect("it comes"), audio[199_990..200_010]);
    assert_eq!(
        begun.elapsed(),
        Duration::from_secs(4),
        "it was waited for, and no longer than that"
    );
    assert_eq!(heard(&arrival).await.expect("all of it"), audio);
    assert_eq!(world.source.opened().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_byte_of_what_turns_out_bad_is_never_heard() {
    let mut audio = marked_speech(1);
    audio.truncate(audio.len() - 10);
    let all_and_then_the_end =
        vec![(Duration::from_secs(1), audio.len()), (Duration::from_secs(1), 0)];
    let pace = Pace { chunks: all_and_then_the_end, ..paced(&audio, 0, 0, false) };
    let world = world_that_answers((0..3).map(|_| Answer::Paced(pace.clone()))).await;
    let arrival = follow(&world).await;
    let whole = ByteRange::whole(arrival.length()).expect("not empty");
    let mut stream = arrival.follow(whole);
    let mut count = 0;
    let end = loop {
        match stream.next().await {
            Some(Ok(bytes)) => count += bytes.len(),
            other => break other,
        }
    };
    assert!(matches!(end, Some(Err(FollowError::Failed))), "{end:?}");
    assert!(count < audio.len(), "it ends within a frame, and would be taken for whole");
}

#[tokio::test(start_paused = true)]
async fn who_listens_does_not_notice_a_transfer_that_is_cut_and_goes_on() {
    let audio = marked_speech(1);
    let world = world_that_answers([
        Answer::Paced(paced(&audio, 70_000, 2, true)),
        Answer::Error(FetchError::Status(503)),
        Answer::Paced(Pace { resumes: false, ..paced(&audio, 100_000, 2, true) }),
        Answer::Rest(audio.clone()),
    ])
    .await;
    let arrival = follow(&world).await;
    let listening = tokio::spawn(async move { heard(&arrival).await });
    world.until("it fails", |world| world.state(1) == Some(StateName::Failed)).await;
    let late = follow(&world).await;
    assert_eq!(late.version(), Version::FIRST, "it is the same download to all");
    assert_eq!(listening.await.expect("no panic").expect("all of it"), audio);
    assert_eq!(heard(&late).await.expect("all of it"), audio);
    assert_eq!(world.play(1).await.version, Version::FIRST);
}

#[tokio::test(start_paused = true)]
async fn other_bytes_cut_who_listens_and_become_the_next_version() {
    let (before, after) = (marked_speech(1), marked_speech(2));
    let world = world_that_answers([
        Answer::Paced(paced(&before, 70_000, 2, true)),
        Answer::Audio(after.clone()),
        Answer::Paced(paced(&after, 70_000, 2, false)),
    ])
    .await;
    let arrival = follow(&world).await;
    assert!(matches!(heard(&arrival).await, Err(FollowError::Failed)));
    let next = follow(&world).await;
    assert_eq!((arrival.version(), next.version()), (Version::FIRST, Version(2)));
    assert_eq!(heard(&next).await.expect("all of it"), after);
}

#[tokio::test(start_paused = true)]
async fn a_failure_for_good_cuts_who_listens_and_what_was_promised_is_not_given_to_other_bytes() {
    let audio = marked_speech(1);
    let cut = || Answer::Paced(paced(&audio, 1_000, 5, true));
    let world = world_that_answers([cut(), cut(), cut()]).await;
    let arrival = follow(&world).await;
    assert!(matches!(heard(&arrival).await, Err(FollowError::Failed)));
    assert!(matches!(world.listen(1, PATIENCE).await, Ok(Some(Permit::Deny(_)))));
    assert_eq!(world.catalog.row(1).expect("a row").history.promised, Some(Version::FIRST));
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(world.play(1).await.version, Version(2));
}

#[tokio::test(start_paused = true)]
async fn a_version_is_written_down_before_a_byte_of_it_is_asked_for() {
    let world = world_that_answers([]).await;
    world.source.bodies.close();
    assert!(matches!(world.ask(1, Duration::ZERO).await, Ok(Some(Permit::Wait(_)))));
    settle().await;
    assert_eq!(world.source.opened().len(), 1);
    assert_eq!(world.catalog.row(1).expect("a row").history.promised, Some(Version::FIRST));
    world.source.bodies.open();
    world.play(1).await;
    assert_eq!(world.catalog.row(1).expect("a row").history.promised, None);
}

#[tokio::test(start_paused = true)]
async fn a_promise_outlives_the_process_that_made_it() {
    let world = world_that_answers([]).await;
    world.catalog.promise(1, Version(4));
    assert_eq!(world.play(1).await.version, Version(5));
    assert_eq!(world.source.opened().len(), 1, "nobody is asked for what cannot be recognised");
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_before_is_heard_as_far_as_it_is_recognised() {
    let audio = marked_speech(1);
    let mut other = audio.clone();
    // In the third segment.
    other[150_000] ^= 1;
    let world = world_that_answers([
        Answer::Audio(audio.clone()),
        Answer::Paced(paced(&other, 50_000, 6, false)),
        Answer::Audio(other.clone()),
    ])
    .await;
    let first = world.play(1).await;
    world.evict(1).await;
    settle().await;
    let arrival = follow(&world).await;
    assert_eq!(arrival.version(), first.version);
    assert_eq!(part(&arrival, 0, 131_071).await.expect("the same"), audio[..131_072]);
    assert!(matches!(part(&arrival, 140_000, 160_000).await, Err(FollowError::Failed)));
    let second = world.play(1).await;
    assert_eq!(second.version, first.version.next());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_falls_silent_for_good_keeps_nobody_listening() {
    let audio = marked_speech(1);
    let mut silent = paced(&audio, 50_000, 1, false);
    silent.chunks.push((Duration::from_hours(2), 1));
    let world = world_that_answers([Answer::Paced(silent)]).await;
    let arrival = follow(&world).await;
    let begun = tokio::time::Instant::now();
    assert!(matches!(heard(&arrival).await, Err(FollowError::Standstill)));
    assert_eq!(begun.elapsed(), Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_leaves_stops_nothing_the_first_included() {
    let audio = marked_speech(1);
    let world = world_that_answers([Answer::Paced(paced(&audio, 50_000, 6, false))]).await;
    let arrival = follow(&world).await;
    let whole = ByteRange::whole(arrival.length()).expect("not empty");
    let mut leaving = arrival.follow(whole);
    assert!(leaving.next().await.is_some_and(|piece| piece.is_ok()));
    drop((leaving, arrival));
    world.until("it is here", |world| world.state(1) == Some(StateName::Ready)).await;
    assert_eq!(world.source.opened().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_listens_slowly_holds_up_nobody_and_hears_the_rest_from_the_vault() {
    let audio = marked_speech(1);
    let world = world_that_answers([Answer::Paced(paced(&audio, 50_000, 6, false))]).await;
    let arrival = follow(&world).await;
    let whole = ByteRange::whole(arrival.length()).expect("not empty");
    let mut slow = arrival.follow(whole);
    let first = slow.next().await.expect("a piece").expect("good");
    world.until("it is here", |world| world.state(1) == Some(StateName::Ready)).await;
    let rest: Vec<Bytes> = slow.try_collect().await.expect("all of it");
    assert_eq!([&[first], rest.as_slice()].concat().concat(), audio);
}

#[tokio::test(start_paused = true)]
async fn a_source_without_a_length_is_waited_for() {
    let audio = marked_speech(1);
    let pace = Pace { tells_length: false, ..paced(&audio, 50_000, 6, false) };
    let world = world_that_answers([Answer::Paced(pace)]).await;
    assert!(matches!(world.ask(1, Duration::from_millis(1)).await, Ok(Some(Permit::Wait(_)))));
    assert!(matches!(world.ask(1, PATIENCE).await, Ok(Some(Permit::Play(_)))));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_gone_on_from_takes_nobodys_turn() {
    let audio = marked_speech(1);
    let world = world_that_answers([
        Answer::Paced(paced(&audio, 70_000, 2, true)),
        Answer::Error(FetchError::RefusedAccount),
    ])
    .await;
    let arrival = follow(&world).await;
    assert!(matches!(heard(&arrival).await, Err(FollowError::Failed)));
    tokio::time::sleep(Duration::from_secs(61)).await;
    world.source.answers(recording(1), Answer::Audio(audio.clone()));
    // The account is probed once a minute: by the fetch that asks for something.
    assert_eq!(world.play(1).await.version, Version(2));
    assert_eq!(world.source.opened().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_takes_slowly_what_is_sealed_by_now_keeps_nobody_waiting() {
    let audio = marked_speech(1);
    let world = world_that_answers([Answer::Paced(paced(&audio, 50_000, 6, false))]).await;
    let arrival = follow(&world).await;
    let mut slow = arrival.follow(ByteRange::whole(arrival.length()).expect("not empty"));
    assert!(slow.next().await.is_some_and(|piece| piece.is_ok()));
    let unheard = || timeout(Duration::from_millis(1), world.core.unheard());
    assert!(unheard().await.is_err(), "it is still being downloaded");
    assert_eq!(*world.core.board.audience.borrow(), 1);
    world.until("it is here", |world| world.state(1) == Some(StateName::Ready)).await;
    assert!(unheard().await.is_ok());
    drop(slow);
    assert_eq!(*world.core.board.audience.borrow(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_cut_downloads_are_kept_open() {
    let world = World::start(|settings, _| settings.parallel_fetches_max = 60).await;
    let audio = marked_speech(1);
    for n in 1..=60 {
        world.catalog.add(n);
        world.source.answers(recording(n), Answer::Paced(paced(&audio, 70_000, 2, true)));
        world.source.answers(recording(n), Answer::Error(FetchError::Status(503)));
        assert!(world.ask(n, Duration::ZERO).await.is_ok());
    }
    world
        .until("all have failed", |world| {
            (1..=60).all(|n| world.state(n) == Some(StateName::Failed))
        })
        .await;
    assert_eq!(world.vault.unfinished(), 32);
}
