//! Ready means durable: the row first, then the answer; and the row goes before the file does.

use std::time::Duration;

use actors::domain::{Permit, Phase, StateName, Version};

use super::world::{
    Answer, CommitFault, PATIENCE, World, audio, call, heard, recording, settle, speech,
};

#[tokio::test(start_paused = true)]
async fn nobody_is_told_to_play_before_the_row_is_written() {
    let world = World::start(|_, fakes| fakes.catalog.committing.close()).await;
    world.catalog.add(1);
    let answer = world.listen(1, Duration::from_secs(10)).await;
    let Ok(Some(Permit::Follow(arrival, _))) = answer else { panic!("{answer:?}") };
    assert_eq!(heard(&arrival).await.expect("all of it"), speech(1), "good, though not durable");
    let view = world.view(1).expect("alive");
    assert_eq!((view.state, view.phase()), (StateName::Downloading, Some(Phase::Sealing)));
    assert_eq!(world.vault.sealed().len(), 1, "the file is there already");

    world.catalog.committing.open();
    let answer = world.listen(1, PATIENCE).await;
    assert!(matches!(answer, Ok(Some(Permit::Play(_)))), "{answer:?}");
    assert!(world.catalog.row(1).and_then(|row| row.copy).is_some_and(|held| held.present));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_row_of_what_is_sealed() {
    let world = World::start(|_, fakes| fakes.catalog.committing.close()).await;
    world.catalog.add(1);
    assert!(matches!(world.listen(1, Duration::from_secs(1)).await, Ok(Some(Permit::Follow(..)))));
    assert_eq!(world.vault.sealed().len(), 1);
    let World { core, fakes } = world;
    let commit = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        fakes.catalog.committing.open();
    };
    tokio::join!(core.stop(PATIENCE), commit);
    assert!(fakes.catalog.row(1).is_some_and(|row| row.copy.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_cannot_be_committed_is_discarded_and_fetched_again() {
    for fault in [CommitFault::Refused, CommitFault::Panic] {
        let world = World::start(|_, _| {}).await;
        world.catalog.add(1);
        world.catalog.next_commit(fault);
        let copy = world.play(1).await;
        assert_eq!(world.source.opened().len(), 2);
        assert_eq!(world.vault.sealed(), [copy.id], "the first file is gone");
        let withdrawn = world.journal.position("withdraw").expect("withdrawn");
        assert!(withdrawn < world.journal.position("discard").expect("discarded"));
        assert_eq!(world.journal.count("commit"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_evicted_copy_leaves_the_catalog_before_its_file_leaves_the_vault() {
    let world = World::start(|settings, _| settings.vault_bytes_max = 1).await;
    world.catalog.add(1);
    let copy = world.store(1).await;
    world.until("it is evicted", |world| world.vault.sealed().is_empty()).await;
    let id = copy.id;
    assert_eq!(
        world.journal.lines(),
        [
            format!("seal {id}"),
            format!("commit {id}"),
            format!("withdraw {id}"),
            format!("discard {id}"),
        ]
    );
    let view = world.view(1).expect("alive");
    assert_eq!((view.state, view.version), (StateName::Absent, Some(Version::FIRST)));
    assert!(world.catalog.row(1).and_then(|row| row.copy).is_some_and(|held| !held.present));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_copy_is_fetched_again_and_stays_the_same_version_if_its_bytes_do() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    let damaged = world.play(1).await;
    world.core.recordings.report_damage(call(1), recording(1), damaged.clone());
    settle().await;
    assert_eq!(world.state(1), Some(StateName::Absent));
    let copy = world.play(1).await;
    assert_ne!(copy.id, damaged.id);
    assert_eq!((copy.version, copy.sha256), (damaged.version, damaged.sha256));
    assert_eq!(world.source.opened().len(), 2);
    assert_eq!(world.vault.sealed(), [copy.id]);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_differ_from_the_known_version_become_the_next() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    let first = world.play(1).await;
    for _ in 0..2 {
        world.source.answers(recording(1), Answer::Audio(speech(2)));
    }
    world.core.recordings.report_damage(call(1), recording(1), first.clone());
    let second = world.play(1).await;
    assert_eq!(second.version, first.version.next());
    assert_ne!(second.sha256, first.sha256);
    assert_eq!(world.vault.bytes(&audio(1), second.id), Some(speech(2)));
    assert_eq!(world.vault.sealed(), [second.id], "nothing else was kept");
    assert_eq!(world.source.opened().len(), 3, "never sealed under the old version");
}

#[tokio::test(start_paused = true)]
async fn damage_of_a_copy_that_was_replaced_changes_nothing() {
    let world = World::start(|_, _| {}).await;
    world.catalog.add(1);
    let first = world.play(1).await;
    world.core.recordings.report_damage(call(1), recording(1), first.clone());
    let second = world.play(1).await;
    world.core.recordings.report_damage(call(1), recording(1), first);
    settle().await;
    assert_eq!(world.state(1), Some(StateName::Ready));
    assert_eq!(world.play(1).await, second);
    assert_eq!(world.source.opened().len(), 2);
}
