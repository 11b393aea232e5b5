//! One release and the next on one database, forwards and back.

use std::path::Path;

use actors::domain::CallSid;
use hearback::simulator::{PlannedCall, PlannedRecording, Simulator, synthetic_mpeg};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection, query, raw_sql};

use crate::home::{ACCOUNT, Home, is_ready, place, until};

/// The last one of a release that knew of no pipeline.
const EARLIER: &str = "0006";

async fn database(home: &Home) -> SqliteConnection {
    let file = home.data("hearback.db");
    std::fs::create_dir_all(home.data("")).expect("a folder");
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    options.connect().await.expect("a database")
}

async fn plays(home: &Home, token: &str, call: CallSid, audio: &[u8]) {
    let path = format!("/api/recordings/file/{call}");
    let (body, _) = until("it plays", async || {
        let response = home.get(&path, token).await;
        is_ready(&response).then_some(response.bytes().await.ok()?)
    })
    .await;
    assert!(body == audio, "{} of {} bytes", body.len(), audio.len());
}

/// Those up to the earlier release's last, as they stand in the folder.
async fn migrate_as_earlier(home: &Home, db: &mut SqliteConnection) {
    let folder = home.folder().join("migrations");
    std::fs::create_dir(&folder).expect("a folder");
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    for entry in std::fs::read_dir(all).expect("migrations") {
        let entry = entry.expect("an entry");
        if entry.file_name().to_str().is_some_and(|name| &name[..4] <= EARLIER) {
            std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("copied");
        }
    }
    let migrator = Migrator::new(folder).await.expect("migrations");
    migrator.run(db).await.expect("migrated");
}

/// A call that the earlier release heard of, in a row such as it wrote.
async fn know_of(db: &mut SqliteConnection, simulator: &Simulator, audio: &[u8]) -> CallSid {
    let recordings = vec![PlannedRecording::of_mp3(audio.to_vec())];
    let plan = PlannedCall { recordings, ..PlannedCall::default() };
    let (placed, _) = simulator.place_call(plan.unannounced()).await.expect("placed");
    let (call, recording) = (placed.call, placed.recordings[0]);
    let rows = format!(
        "INSERT INTO twilio_accounts (sid, added_at_ms) VALUES ('{ACCOUNT}', 1);
         INSERT INTO businesses (id, name, account_sid, added_at_ms)
         VALUES ('default', 'Default', '{ACCOUNT}', 1);
         INSERT INTO calls (sid, business_id, account_sid, heard_at_ms)
         VALUES ('{call}', 'default', '{ACCOUNT}', unixepoch() * 1000);
         INSERT INTO recordings (sid, business_id, call_sid, account_sid, status, status_rank,
                                 completed_at_ms)
         VALUES ('{recording}', 'default', '{call}', '{ACCOUNT}', 'completed', 1,
                 unixepoch() * 1000);"
    );
    raw_sql(sqlx::AssertSqlSafe(rows)).execute(db).await.expect("rows");
    call
}

#[tokio::test]
async fn what_an_earlier_release_knew_of_plays_after_the_upgrade() {
    let (home, simulator) = Home::with_simulator().await;
    let audio = synthetic_mpeg(100_000, 1);
    let mut db = database(&home).await;
    migrate_as_earlier(&home, &mut db).await;
    let call = know_of(&mut db, &simulator, &audio).await;
    drop(db);
    home.answer(&["migrate"]).await;
    let (_process, _) = home.serve().await;
    plays(&home, &home.token("agent").await, call, &audio).await;
}

/// The next release is not there to be tried; what it may do to the schema is written in `migrations/README.md`.
#[tokio::test]
async fn a_release_goes_on_with_the_database_that_the_next_one_has_expanded() {
    let (home, simulator) = Home::with_simulator().await;
    let home = home.with("HEARBACK_SERVER__DRAIN_MS", "0");
    let (process, _) = home.serve().await;
    let token = home.token("agent").await;
    let (first, second) = (synthetic_mpeg(100_000, 1), synthetic_mpeg(100_000, 2));
    let before = place(&home, &simulator, &token, PlannedRecording::of_mp3(first.clone())).await;
    plays(&home, &token, before, &first).await;
    process.terminate().await;
    assert!(process.ended().await.success());

    let mut db = database(&home).await;
    let expand = "
        INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'of the next release', TRUE, x'00', 0);
        CREATE TABLE moods (call_sid TEXT NOT NULL PRIMARY KEY, mood TEXT NOT NULL);
        ALTER TABLE calls ADD COLUMN mood TEXT;
        ALTER TABLE recordings ADD COLUMN loudness BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE copies ADD COLUMN stored_by TEXT;
        ALTER TABLE jobs ADD COLUMN cost BIGINT;";
    raw_sql(expand).execute(&mut db).await.expect("expanded");
    query("UPDATE calls SET mood = 'calm'").execute(&mut db).await.expect("written");
    drop(db);

    let (_process, _) = home.serve().await;
    let after = place(&home, &simulator, &token, PlannedRecording::of_mp3(second.clone())).await;
    plays(&home, &token, before, &first).await;
    plays(&home, &token, after, &second).await;
    home.answer(&["vault", "check"]).await;
}
