//! The vault's keeper: what does not fit leaves, the coldest first, and what no row names is swept.

use std::time::Duration;

use actors::domain::{CopyId, FetchError, Recording, SourceStatus, StateName};
use actors::ports::Custody;

use super::world::{OTHER_ACCOUNT, PATIENCE, World, audio, call, recording, settle, speech};

/// What the vault may hold: two recordings and a half.
fn two_and_a_half() -> u64 {
    speech(1).len() as u64 * 5 / 2
}

fn kept(world: &World) -> Vec<u128> {
    let present =
        |n: &u128| world.catalog.row(*n).and_then(|row| row.copy).is_some_and(|held| held.present);
    (1..=9).filter(present).collect()
}

#[tokio::test(start_paused = true)]
async fn the_coldest_leave_until_the_rest_fits() {
    let world = World::start(|settings, _| settings.vault_bytes_max = two_and_a_half()).await;
    for n in [1, 2] {
        world.catalog.add(n);
        world.play(n).await;
        tokio::time::sleep(Duration::from_mins(2)).await;
    }
    world.play(1).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    world.catalog.add(3);
    world.play(3).await;
    world.until("one has left", |world| world.vault.sealed().len() == 2).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(kept(&world), [1, 3], "2 was not played for longest, and no more need leave");
    assert_eq!(world.state(2), Some(StateName::Absent));
    assert_eq!(world.core.board.vault_keeper.borrow().evicted_total, 1);
    world.play(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_the_source_no_longer_has_is_never_evicted() {
    let world = World::start(|settings, _| settings.vault_bytes_max = two_and_a_half()).await;
    for n in 1..=3 {
        world.catalog.add(n);
        world.catalog.set_status(n, SourceStatus::Completed);
    }
    world.play(1).await;
    world.catalog.set_status(1, SourceStatus::Deleted);
    world.core.recordings.refresh(call(1), Some(recording(1)));
    for n in 2..=3 {
        tokio::time::sleep(Duration::from_mins(2)).await;
        world.play(n).await;
    }
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(kept(&world), [1, 3]);
    world.play(1).await;
    assert_eq!(world.source.opened().len(), 3);
}

/// Nobody told us: Twilio tells nobody of a deletion.
#[tokio::test(start_paused = true)]
async fn the_source_is_asked_before_a_copy_leaves_and_the_last_one_stays() {
    for answer in [
        Ok(SourceStatus::Deleted),
        Ok(SourceStatus::Absent),
        Err(FetchError::NotFound),
        Err(FetchError::Deleted),
    ] {
        let world = World::start(|settings, fakes| {
            settings.vault_bytes_max = two_and_a_half();
            fakes.source.says(recording(1), answer.clone());
        })
        .await;
        for n in 1..=4 {
            world.catalog.add(n);
            world.play(n).await;
            tokio::time::sleep(Duration::from_mins(2)).await;
        }
        assert_eq!(kept(&world), [1, 4], "{answer:?}");
        let status = world.catalog.row(1).expect("a row").recording.status;
        let expected = match answer {
            Ok(status) => status,
            Err(FetchError::NotFound) => SourceStatus::Missing,
            Err(_) => SourceStatus::Deleted,
        };
        assert_eq!(status, expected);
        assert_eq!(world.source.standing_asked(), [1, 2, 3].map(recording), "each once");
        world.evict(1).await;
        world.play(1).await;
        assert_eq!(world.source.opened().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_source_does_not_say_a_copy_stays_and_others_leave() {
    let other = |recording: &mut Recording| recording.account = OTHER_ACCOUNT;
    let world = World::start(|settings, fakes| {
        settings.vault_bytes_max = two_and_a_half();
        for n in 1..=3 {
            let away = FetchError::Unreachable("refused".to_owned());
            fakes.source.says(recording(n), Err(away));
        }
        fakes.source.says(recording(4), Err(FetchError::RefusedRecording));
    })
    .await;
    for n in 1..=5 {
        world.catalog.add_with(n, |recording| {
            if n > 3 {
                other(recording)
            }
        });
        world.store(n).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(kept(&world), [1, 2, 3, 4], "only 5 is known to be there");
    let asked = world.source.standing_asked().len();
    tokio::time::sleep(Duration::from_mins(10)).await;
    let asked = world.source.standing_asked().len() - asked;
    assert!(asked <= 2 * 11, "asked {asked} times in ten minutes");
    assert_eq!(kept(&world), [1, 2, 3, 4]);
    world.evict(1).await;
    settle().await;
    assert_eq!(kept(&world), [1, 2, 3, 4], "an operator's word is not the source's");
    for n in 1..=3 {
        world.source.says(recording(n), Ok(SourceStatus::Completed));
    }
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(kept(&world), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn nothing_under_legal_hold_leaves_whoever_wants_it_gone() {
    let world = World::start(|settings, _| settings.vault_bytes_max = two_and_a_half()).await;
    world.catalog.add(1);
    world.play(1).await;
    world.catalog.set_hold(&call(1), true, world.clock.reading()).await.expect("held");
    for n in 2..=4 {
        tokio::time::sleep(Duration::from_mins(2)).await;
        world.catalog.add(n);
        world.play(n).await;
    }
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(kept(&world), [1, 4]);
    world.evict(1).await;
    settle().await;
    assert_eq!(kept(&world), [1, 4]);
    assert_eq!(world.source.opened().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_was_evicted_is_not_fetched_because_something_else_is_news_of_it() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    world.play(1).await;
    world.evict(1).await;
    world.until("it has left", |world| world.vault.sealed().is_empty()).await;
    for held in [true, false] {
        world.catalog.set_hold(&call(1), held, world.clock.reading()).await.expect("set");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    world.core.recordings.refresh(call(1), Some(recording(1)));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.source.opened().len(), 1, "nobody asked");
    world.play(1).await;
}

/// Their actor does not know them: it is told of those that started last.
#[tokio::test(start_paused = true)]
async fn copies_that_nobody_lets_go_keep_no_others_from_leaving() {
    const RECORDINGS: u128 = 66;
    let room = speech(1).len() as u64 * (u64::try_from(RECORDINGS).expect("small") + 1);
    let world = World::start(|settings, _| settings.vault_bytes_max = room).await;
    for n in 1..=RECORDINGS {
        world.catalog.add_with(n, |it| it.call = call(1).call);
        world.core.recordings.refresh(call(1), Some(recording(n)));
        let is_stored = |world: &World| world.catalog.row(n).is_some_and(|row| row.copy.is_some());
        world.until("it is stored", is_stored).await;
    }
    for n in [100, 101] {
        tokio::time::sleep(Duration::from_mins(2)).await;
        world.catalog.add(n);
        world.play(n).await;
    }
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(world.vault.sealed().len() as u128, RECORDINGS + 1);
}

#[tokio::test(start_paused = true)]
async fn what_no_row_names_is_swept_and_what_one_names_stays() {
    const LEFT_BEHIND: u64 = 2_500;
    let world = World::start(|_, fakes| {
        let before = fakes.clock.reading().minus(Duration::from_secs(1));
        for n in 0..LEFT_BEHIND {
            let id = CopyId::from_bits(u128::from(n) + 1_000);
            fakes.vault.leave_behind(audio(u128::from(n)), id, n % 2 == 0, before);
        }
    })
    .await;
    world.catalog.add(1);
    let held = world.play(1).await;
    world.until("all are swept", |world| world.vault.sealed() == [held.id]).await;
    assert_eq!(world.vault.unfinished(), 0);
    assert_eq!(world.core.board.vault_keeper.borrow().swept_total, LEFT_BEHIND);
    tokio::time::sleep(Duration::from_hours(5)).await;
    assert_eq!(world.vault.sealed(), [held.id]);
    assert_eq!(world.play(1).await, held);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_the_catalog_prevented_is_made_up_for_within_minutes() {
    let world = World::start(|_, fakes| {
        let before = fakes.clock.reading().minus(Duration::from_secs(1));
        fakes.vault.leave_behind(audio(1), CopyId::from_bits(7), true, before);
        fakes.catalog.away.store(true, std::sync::atomic::Ordering::SeqCst);
    })
    .await;
    settle().await;
    assert!(world.core.board.vault_keeper.borrow().last_error.is_some());
    world.catalog.away.store(false, std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(PATIENCE * 2).await;
    assert!(world.vault.sealed().is_empty());
    assert!(world.core.board.vault_keeper.borrow().last_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_running_download_is_not_swept_by_a_keeper_that_was_restarted() {
    let world = World::start(|_, fakes| fakes.source.bodies.close()).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.catalog.add(1);
    assert!(world.listen(1, Duration::ZERO).await.is_ok());
    settle().await;
    world.clock.panic_at(1);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let keeper =
        world.core.board.children.borrow().iter().find(|child| child.restarts > 0).cloned();
    assert_eq!(keeper.map(|child| child.name), Some("vault-keeper"));
    assert_eq!(world.vault.unfinished(), 1);
    world.source.bodies.open();
    world.play(1).await;
    assert_eq!(world.source.opened().len(), 1);
}
