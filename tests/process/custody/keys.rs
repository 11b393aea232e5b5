//! Exchanging the master key, and ending at any moment of it.

use std::path::Path;

use crate::custody::{Playing, said};
use crate::home::Home;

const NEW: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

impl Playing {
    /// With a key to exchange its own for.
    async fn stopped() -> Self {
        let mut playing = Self::start().await;
        std::fs::write(playing.home.folder().join("new.key"), NEW).expect("written");
        playing.stop().await;
        playing
    }
}

const ROTATE: [&str; 4] = ["vault", "rotate-key", "--new-key-file", "new.key"];

fn holds(file: &Path, key: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.trim() == key)
}

#[tokio::test]
async fn a_generated_key_is_exchanged_in_its_place() {
    let mut playing = Playing::stopped().await;
    let (file, staged) = (playing.home.data("master.key"), playing.home.data("master.key.new"));
    let old = std::fs::read_to_string(&file).expect("a key");
    let exchanged = playing.home.answer(&ROTATE).await;
    assert!(exchanged.contains("3 keys and tokens"), "{exchanged}");
    assert!(exchanged.contains("master.key") && exchanged.contains("back it up"), "{exchanged}");
    assert!(holds(&file, NEW) && !staged.exists());
    let again = playing.home.refusal(&ROTATE).await;
    assert!(again.contains("in use"), "{again}");
    playing.plays_on().await;
    assert!(playing.home.run(&["vault", "check"]).await.status.success());

    playing.stop().await;
    std::fs::write(&file, old).expect("written");
    let refusal = playing.home.refusal(&["serve"]).await;
    assert!(refusal.contains("does not open") && refusal.contains("backup"), "{refusal}");
}

#[tokio::test]
async fn a_configured_key_is_exchanged_and_the_next_start_wants_the_new_one() {
    let mut playing = Playing::stopped().await;
    let key = std::fs::read_to_string(playing.home.data("master.key")).expect("a key");
    std::fs::remove_file(playing.home.data("master.key")).expect("removed");
    playing.home.set("HEARBACK_VAULT__MASTER_KEY", key.trim());
    let exchanged = playing.home.answer(&ROTATE).await;
    assert!(exchanged.contains("HEARBACK_VAULT__MASTER_KEY_FILE=new.key"), "{exchanged}");
    assert!(!playing.home.data("master.key").exists());
    let refusal = playing.home.refusal(&["serve"]).await;
    assert!(refusal.contains("vault.master_key does not open"), "{refusal}");
    playing.home.set("HEARBACK_VAULT__MASTER_KEY", "");
    playing.home.set("HEARBACK_VAULT__MASTER_KEY_FILE", "new.key");
    playing.plays_on().await;
}

#[tokio::test]
async fn an_exchange_that_ended_before_anything_was_sealed_anew_leaves_the_old_key() {
    let mut playing = Playing::stopped().await;
    let (file, staged) = (playing.home.data("master.key"), playing.home.data("master.key.new"));
    let old = std::fs::read_to_string(&file).expect("a key");
    std::fs::write(&staged, NEW).expect("written");
    playing.plays_on().await;
    assert!(holds(&file, old.trim()));

    playing.stop().await;
    playing.home.answer(&ROTATE).await;
    assert!(holds(&file, NEW) && !staged.exists(), "what was staged is in nobody's way");
    playing.plays_on().await;
}

#[tokio::test]
async fn an_exchange_that_ended_after_everything_was_sealed_anew_is_completed_by_the_next_start() {
    let mut playing = Playing::stopped().await;
    let (file, staged) = (playing.home.data("master.key"), playing.home.data("master.key.new"));
    let old = std::fs::read_to_string(&file).expect("a key");
    playing.home.answer(&ROTATE).await;
    std::fs::rename(&file, &staged).expect("renamed");
    std::fs::write(&file, old).expect("written");
    playing.plays_on().await;
    assert!(holds(&file, NEW) && !staged.exists());
}

#[tokio::test]
async fn a_key_is_not_exchanged_beside_a_running_service_or_for_one_that_is_none() {
    let mut playing = Playing::start().await;
    let folder = playing.home.folder().to_owned();
    std::fs::write(folder.join("new.key"), NEW).expect("written");
    let refusal = playing.home.refusal(&ROTATE).await;
    assert!(refusal.contains("another process owns"), "{refusal}");
    playing.until_it_plays().await;
    playing.stop().await;
    let home = &playing.home;
    let before = std::fs::read(home.data("master.key")).expect("a key");
    for (text, word) in [("hunter2", "holds no key"), ("", "holds no key")] {
        std::fs::write(folder.join("new.key"), text).expect("written");
        let refused = said(&home.run(&ROTATE).await);
        assert!(refused.contains(word) && !refused.contains("hunter2"), "{refused}");
    }
    std::fs::remove_file(folder.join("new.key")).expect("removed");
    let refusal = home.refusal(&ROTATE).await;
    assert!(refusal.contains("new.key cannot be read"), "{refusal}");
    assert_eq!(std::fs::read(home.data("master.key")).expect("a key"), before);
}

#[tokio::test]
async fn a_check_with_the_wrong_key_says_so_and_touches_nothing() {
    let mut playing = Playing::stopped().await;
    playing.home.set("HEARBACK_VAULT__MASTER_KEY", NEW);
    let refusal = playing.home.refusal(&["vault", "check", "--repair"]).await;
    assert!(refusal.contains("vault.master_key does not open"), "{refusal}");
    playing.home.set("HEARBACK_VAULT__MASTER_KEY", "");
    playing.plays_on().await;
}

#[tokio::test]
async fn an_exchange_in_a_new_installation_makes_and_exchanges_a_key() {
    let home = Home::new();
    std::fs::write(home.folder().join("new.key"), NEW).expect("written");
    home.answer(&ROTATE).await;
    assert!(holds(&home.data("master.key"), NEW));
    home.serve().await;
}
