//! What a backup will not do, since it would be the end of one.

use super::Kept;
use crate::home::Home;

#[tokio::test]
async fn a_folder_of_somebody_elses_is_left_alone() {
    let kept = Kept::start(1).await;
    let folder = kept.folder();
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("diary"), "dear").expect("written");
    let refusal = kept.home.refusal(&["backup", folder.to_str().expect("text")]).await;
    assert!(refusal.contains("is not empty, and no backup of Hearback's"), "{refusal}");
    assert_eq!(super::files(&folder), ["diary"]);
    std::fs::remove_file(folder.join("diary")).expect("removed");
    kept.told(&[]).await;
}

#[tokio::test]
async fn what_is_backed_up_is_never_the_backup_itself() {
    let mut kept = Kept::start(1).await;
    for own in ["data", "data/vault", "data/vault/default", "."] {
        let refusal = kept.home.refusal(&["backup", own]).await;
        let words = ["holds the service's own data", "is not empty"];
        assert!(words.iter().any(|word| refusal.contains(word)), "{own}: {refusal}");
    }
    kept.told(&["--with-keys"]).await;
    kept.stop().await;
    let restored = kept.restore().await;
    let refusal = restored.refusal(&["backup", "data"]).await;
    assert!(refusal.contains("holds the service's own data"), "{refusal}");
    let (_serving, _) = restored.serve().await;
    let theirs = restored.data("");
    let refusal = kept.home.refusal(&["backup", theirs.to_str().expect("text")]).await;
    assert!(refusal.contains("another process owns"), "{refusal}");
}

#[tokio::test]
async fn an_empty_service_does_not_empty_the_backup_of_the_one_it_took_the_place_of() {
    let kept = Kept::start(1).await;
    kept.told(&[]).await;
    let folder = kept.folder();
    let folder = folder.to_str().expect("text");
    let nothing = Home::new();
    let refusal = nothing.refusal(&["backup", folder]).await;
    assert!(refusal.contains("there is no database"), "{refusal}");
    assert!(!nothing.data("hearback.db").exists(), "and none is made");
    // Databases are told apart by the second in which they were made.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    nothing.answer(&["migrate"]).await;
    let refusal = nothing.refusal(&["backup", folder]).await;
    assert!(refusal.contains("is the backup of another database"), "{refusal}");
    assert_eq!(kept.told(&[]).await["copies"], 1);
}
