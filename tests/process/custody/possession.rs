//! A vault and a database that do not belong together do nothing to each other.

use std::fs;
use std::path::Path;

use super::{Playing, said};
use crate::home::copy_folder;

const DATABASE: [&str; 3] = ["hearback.db", "hearback.db-wal", "hearback.db-shm"];

impl Playing {
    /// Moves or copies what there is of the database.
    fn database(&self, from: &Path, to: &Path, act: impl Fn(&Path, &Path)) {
        fs::create_dir_all(to).expect("a folder");
        for name in DATABASE.into_iter().filter(|name| from.join(name).exists()) {
            act(&from.join(name), &to.join(name));
        }
    }

    fn put_database_back(&self, from: &Path) {
        for name in DATABASE {
            let _ = fs::remove_file(self.home.data(name));
        }
        self.database(from, &self.home.data(""), copy);
    }

    async fn assert_refuses(&self, command: &[&str], words: &[&str]) {
        let before = self.files();
        let refusal = self.home.refusal(command).await;
        for word in words {
            assert!(refusal.contains(word), "{word:?} is not in {refusal}");
        }
        assert_eq!(self.files(), before);
        assert!(!before.is_empty());
    }
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).expect("copied");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_begun_anew_beside_a_vault_in_use() {
    let mut playing = Playing::start().await;
    playing.stop().await;
    let (data, away) = (playing.home.data(""), playing.home.folder().join("away"));
    playing.database(&data, &away, |from, to| fs::rename(from, to).expect("renamed"));
    let call = playing.call.to_string();
    let commands: [&[&str]; 4] = [
        &["serve"],
        &["vault", "check", "--repair"],
        &["call", "erase", "--business", "default", &call, "--yes"],
        &["import", "--since", "7d"],
    ];
    for command in commands {
        playing.assert_refuses(command, &["there is no database", "hearback.db"]).await;
        assert!(!playing.home.data("hearback.db").exists(), "{command:?}");
    }
    // Another one is there, which never saw the vault.
    fs::rename(playing.home.data("vault"), playing.home.folder().join("vault")).expect("renamed");
    playing.home.answer(&["migrate"]).await;
    fs::rename(playing.home.folder().join("vault"), playing.home.data("vault")).expect("renamed");
    let words = ["vault.dir", "another database", "data.dir"];
    playing.assert_refuses(&["serve"], &words).await;
    playing.assert_refuses(&["vault", "check", "--repair"], &words).await;

    playing.put_database_back(&away);
    playing.plays_on().await;
}

#[tokio::test]
async fn an_older_database_or_an_older_vault_is_not_taken_for_the_present_one() {
    let mut playing = Playing::start().await;
    let made = playing.home.run(&["backup", "backup"]).await;
    assert!(made.status.success(), "{}", said(&made));
    playing.stop().await;
    let folder = playing.home.folder().to_owned();
    let (data, older, present) =
        (playing.home.data(""), folder.join("older"), folder.join("present"));
    playing.database(&data, &older, copy);
    copy_folder(&playing.home.data("vault"), &folder.join("older-vault")).await;
    playing.serve().await;
    playing.stop().await;
    playing.database(&data, &present, copy);

    let words = ["vault.dir", "another state", "write adopt"];
    for of in [older.as_path(), &folder.join("backup")] {
        playing.put_database_back(of);
        for command in [&["serve"][..], &["vault", "check", "--repair"]] {
            playing.assert_refuses(command, &words).await;
        }
    }
    playing.put_database_back(&present);
    for vault in ["older-vault", "backup/vault"] {
        playing.home.set("HEARBACK_VAULT__DIR", folder.join(vault).display().to_string());
        for command in [&["serve"][..], &["vault", "check", "--repair"]] {
            playing.assert_refuses(command, &words).await;
        }
    }
    playing.home.set("HEARBACK_VAULT__DIR", playing.home.data("vault").display().to_string());
    playing.plays_on().await;

    // Said to be meant, it is done.
    playing.stop().await;
    playing.put_database_back(&older);
    fs::write(playing.home.data("vault/.owner"), "adopt\n").expect("written");
    playing.plays_on().await;
}
