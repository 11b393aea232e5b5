//! What can happen to the database, the key and the disk, and how it is named.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection, raw_sql};

use super::ward::{Diagnosis, Ward};
use crate::home::Home;
use crate::mounts::{ReadOnly, Tmpfs, can_mount};

const MASTER_KEY: &str = "HEARBACK_VAULT__MASTER_KEY";

async fn database(home: &Home) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(home.data("hearback.db"));
    options.connect().await.expect("it opens")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_key_vault_and_database_is_named_beside_a_running_service() {
    let ward = Ward::open().await;
    let (key, aside) = (ward.home.data("master.key"), ward.home.data("aside"));
    std::fs::rename(&key, &aside).expect("moved");
    ward.examine().await.assert_is("lost key", "master_key_lost", "master.key");
    std::fs::rename(&aside, &key).expect("moved back");
    let other = "5a".repeat(32);
    ward.examine_with(&[(MASTER_KEY, &other)]).await.assert_is(
        "another key",
        "master_key_wrong",
        "vault.master_key",
    );
    ward.examine_with(&[(MASTER_KEY, "5a5a")]).await.assert_is(
        "half a key",
        "master_key_unusable",
        "vault.master_key",
    );
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(&key, mode(0o644)).expect("changed");
    ward.examine().await.assert_is("key for everybody", "master_key_readable", "chmod 600");
    std::fs::set_permissions(&key, mode(0o600)).expect("changed");

    let elsewhere = [("HEARBACK_VAULT__DIR", "elsewhere")];
    ward.examine_with(&elsewhere).await.assert_is("another disk", "vault_not_mounted", "vault.dir");
    let older = ward.home.folder().join("older");
    std::fs::create_dir(&older).expect("a folder");
    std::fs::write(older.join(".owner"), "what it said last year").expect("written");
    let another = [("HEARBACK_VAULT__DIR", "older")];
    ward.examine_with(&another).await.assert_is(
        "another vault",
        "vault_of_another_database",
        "write adopt",
    );
    let large = [("HEARBACK_VAULT__MAX_BYTES", "1152921504606846976")];
    ward.examine_with(&large).await.assert_is(
        "no such disk",
        "vault_outgrows_disk",
        "vault.max_bytes",
    );

    let mut db = database(&ward.home).await;
    raw_sql("BEGIN IMMEDIATE").execute(&mut db).await.expect("locked");
    ward.examine().await.assert_is("locked", "database_locked", "fuser");
    raw_sql("ROLLBACK").execute(&mut db).await.expect("free");
    let newer =
        "INSERT INTO _sqlx_migrations VALUES (9999, 'of tomorrow', '2030-01-01', TRUE, x'00', 0)";
    raw_sql(newer).execute(&mut db).await.expect("written");
    ward.examine().await.assert_is("newer", "migrations_newer", "Install the release");
    raw_sql("DELETE FROM _sqlx_migrations WHERE version = 9999")
        .execute(&mut db)
        .await
        .expect("gone");
    let changed = "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2";
    raw_sql(changed).execute(&mut db).await.expect("written");
    ward.examine().await.assert_is("changed", "migrations_changed", "released");
    raw_sql("DELETE FROM _sqlx_migrations WHERE version >= 2")
        .execute(&mut db)
        .await
        .expect("gone");
    ward.examine().await.assert_is("older", "migrations_missing", "hearback migrate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_copy_is_named() {
    let ward = Ward::open().await;
    let folder = std::fs::read_dir(ward.home.data("vault/default")).expect("a folder");
    let copy = folder.map(|entry| entry.expect("an entry").path()).next().expect("a copy");
    let mut sealed = std::fs::read(&copy).expect("sealed");
    sealed[1_000] ^= 1;
    std::fs::write(&copy, sealed).expect("written");
    ward.examine().await.assert_is("bit rot", "copy_damaged", "hearback vault check --repair");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_damaged_or_gone_is_named_beside_a_stopped_service() {
    let ward = Ward::open().await;
    let Ward { home, process, .. } = ward;
    process.terminate().await;
    process.ended().await;
    let file = home.data("hearback.db");
    let whole = std::fs::read(&file).expect("a database");
    std::fs::write(&file, [&b"no database at all"[..], &whole[18..]].concat()).expect("written");
    let found = Diagnosis::of(&home, &["--quick"], &[], "").await;
    assert_eq!(found.codes(), ["database_corrupt", "not_running"], "{:#}", found.document);
    assert_eq!(found.status, Some(1));
    for name in ["hearback.db", "hearback.db-wal", "hearback.db-shm"] {
        let _ = std::fs::remove_file(home.data(name));
    }
    let found = Diagnosis::of(&home, &["--quick"], &[], "").await;
    assert_eq!(found.codes(), ["database_missing", "not_running"], "{:#}", found.document);
    assert!(!file.exists(), "it makes none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_or_read_only_is_named() {
    if !can_mount() {
        return;
    }
    let ward = Ward::open().await;
    {
        let _read_only = ReadOnly::cover(&ward.home.data("vault"));
        ward.examine().await.assert_is("read-only", "vault_read_only", "remount,rw");
    }
    let small = tempfile::tempdir().expect("a folder");
    let _disk = Tmpfs::mount(small.path(), "size=2m").expect("mounted");
    let vault = small.path().to_str().expect("text").to_owned();
    let ward = Ward::open_with(|home, _| home.with("HEARBACK_VAULT__DIR", vault)).await;
    let filling = std::fs::write(small.path().join("ballast"), vec![0; 4 << 20]);
    assert!(filling.is_err(), "it is full");
    ward.examine().await.assert_is("full", "disk_full", "vault.max_bytes");
}
