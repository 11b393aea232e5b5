//! What only the SQLite catalog promises: about its file, and about others who use it.

use std::os::unix::fs::PermissionsExt;

use actors::domain::WebhookEvent;
use actors::ports::{Catalog, CatalogError, Custody, EventStore, Order, SealedKeys};
use hearback::catalog::SqliteCatalog;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection, query};
use tempfile::TempDir;

use super::examples::{
    account, add_acme, at, audio, business, call_news, copy, hear, key, load, number, pending_ids,
    recording_news, stored,
};

pub(super) async fn fresh() -> (TempDir, SqliteCatalog) {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = open(&folder).await;
    (folder, catalog)
}

async fn open(folder: &TempDir) -> SqliteCatalog {
    let url = format!("sqlite://{}", folder.path().join("data/hearback.db").display());
    let catalog = SqliteCatalog::open(&url).await.expect("opened");
    catalog.migrate().await.expect("migrated");
    catalog
}

/// Somebody else on the same file.
async fn stranger(folder: &TempDir) -> SqliteConnection {
    let file = folder.path().join("data/hearback.db");
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file))
        .await
        .expect("opened")
}

#[tokio::test]
async fn everything_is_there_after_it_was_closed_and_opened_again() {
    let (folder, store) = fresh().await;
    add_acme(&store).await;
    hear(&store, call_news(account(1), 1), at(200)).await;
    hear(&store, recording_news(account(1), 1, 1), at(201)).await;
    store.commit_copy(&audio("acme", 1), &copy(1), at(202)).await.expect("committed");
    store.key_of_business(&business("acme"), b"key".to_vec()).await.expect("kept");
    store.set_key_check(b"check".to_vec()).await.expect("set");
    let event = WebhookEvent::Call(call_news(account(1), 2));
    store.store_event(&stored(&event, "pending")).await.expect("stored");
    let (record, waiting) = (load(&store, &key("acme", 1)).await, pending_ids(&store).await);
    store.close().await;
    assert!(matches!(store.ping().await, Err(CatalogError::Away(_))), "closed");

    let store = open(&folder).await;
    assert_eq!(load(&store, &key("acme", 1)).await, record);
    assert_eq!(pending_ids(&store).await, waiting);
    assert_eq!(store.businesses().await.expect("businesses").len(), 1);
    assert_eq!(store.accounts().await.expect("accounts").len(), 1);
    let kept = store.key_of_business(&business("acme"), b"other".to_vec()).await;
    assert_eq!(kept.expect("a key"), b"key");
    assert_eq!(store.key_check().await.expect("a check").as_deref(), Some(b"check".as_slice()));
}

#[tokio::test]
async fn only_its_owner_may_read_the_file() {
    let (folder, store) = fresh().await;
    add_acme(&store).await;
    let mode = |path: &str| {
        let metadata = folder.path().join(path).metadata().expect(path);
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("data"), 0o700);
    assert_eq!(mode("data/hearback.db"), 0o600);
    assert_eq!(mode("data/hearback.db-wal"), 0o600);
}

#[tokio::test]
async fn what_is_no_database_file_is_refused_with_a_reason() {
    for url in ["sqlite::memory:", "sqlite://x.db?mode=memory", "postgres://localhost/x"] {
        let refused = SqliteCatalog::open(url).await.err();
        assert!(matches!(refused, Some(CatalogError::Away(_))), "{url}: {refused:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "no database at all, ".repeat(100)).expect("written");
    let refused = SqliteCatalog::open(&format!("sqlite://{}", file.display())).await.err();
    assert!(matches!(refused, Some(CatalogError::Corrupt(_))), "{refused:?}");
}

#[tokio::test]
async fn it_is_away_until_it_is_migrated() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("new.db").display());
    let store = SqliteCatalog::open(&url).await.expect("opened");
    assert!(matches!(store.ping().await, Err(CatalogError::Away(_))));
    store.migrate().await.expect("migrated");
    store.migrate().await.expect("nothing left to do");
    store.ping().await.expect("it answers");
}

#[tokio::test]
async fn an_older_program_runs_on_a_newer_schema() {
    let (folder, store) = fresh().await;
    store.close().await;
    let mut newer = stranger(&folder).await;
    query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
           VALUES (9999, 'of the next release', TRUE, x'00', 0)",
    )
    .execute(&mut newer)
    .await
    .expect("a migration that this program does not know");
    newer.close().await.expect("closed");
    open(&folder).await.ping().await.expect("it answers");
}

#[tokio::test]
async fn another_writer_is_waited_for_and_then_given_up() {
    let (folder, store) = fresh().await;
    add_acme(&store).await;
    let event = WebhookEvent::Call(call_news(account(1), 1));
    let mut stranger = stranger(&folder).await;

    query("BEGIN IMMEDIATE").execute(&mut stranger).await.expect("locked");
    assert_eq!(store.businesses().await.expect("readers go on").len(), 1);
    let refused = store.store_event(&stored(&event, "refused")).await;
    assert!(matches!(refused, Err(CatalogError::Away(_))), "{refused:?}");

    let waiting = stored(&event, "waiting");
    let (answer, released) =
        tokio::join!(store.store_event(&waiting), query("ROLLBACK").execute(&mut stranger));
    released.expect("released");
    assert!(answer.expect("stored once the other let go"));
}

#[tokio::test]
async fn an_order_that_this_program_does_not_know_hides_no_other() {
    let (folder, store) = fresh().await;
    add_acme(&store).await;
    let known = Order::LookAgainAt(business("acme"));
    let mut newer = stranger(&folder).await;
    query(
        "INSERT INTO orders (kind, business_id, call_sid, ordered_at_ms)
           VALUES ('dance', 'acme', $1, 1)",
    )
    .bind(key("acme", 1).call.to_string())
    .execute(&mut newer)
    .await
    .expect("an order of the next release");
    newer.close().await.expect("closed");
    store.place_order(&known, at(2)).await.expect("placed");
    let orders = store.pending_orders(10).await.expect("orders");
    let [(_, Err(why)), (_, Ok(order))] = &orders[..] else { panic!("{orders:?}") };
    assert!(why.contains("kind"), "{why}");
    assert_eq!(*order, known);
}

/// Among rows that stay: whoever holds the file must not find what was erased in the gaps.
#[tokio::test]
async fn what_was_erased_cannot_be_read_from_the_file() {
    const CALLS: u128 = 300;
    let (folder, store) = fresh().await;
    add_acme(&store).await;
    let number_of = |n: u128| format!("+4917{n:08}");
    for n in 1..=CALLS {
        let mut news = call_news(account(1), n);
        news.details.from = Some(number(&number_of(n)));
        hear(&store, news, at(200)).await;
    }
    let is_erased = |n: &u128| n.is_multiple_of(3);
    for n in (1..=CALLS).filter(is_erased) {
        store.erase(&key("acme", n), at(300)).await.expect("erased");
    }
    store.close().await;
    let bytes = std::fs::read(folder.path().join("data/hearback.db")).expect("the file");
    let text = String::from_utf8_lossy(&bytes);
    for n in 1..=CALLS {
        assert_eq!(text.contains(&number_of(n)), !is_erased(&n), "call {n}");
    }
}
