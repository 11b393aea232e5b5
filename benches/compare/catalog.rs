//! A million known recordings: how soon the service is ready, what they cost in memory, and what live actors add.
//!
//! Every other one has a copy, as far as the catalog knows, and the others had one; no audio is asked for.

use std::net::TcpStream;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use actors::ports::Clock;
use anyhow::ensure;
use hearback::world::SystemClock;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, query, query_scalar};

use crate::http::{ask_on, request};
use crate::report::{Better, Row, Spread};
use crate::service::{ACCOUNT, Service, settle};
use crate::source::Source;
use crate::{Plan, say};

const RECORDINGS: i64 = 1_000_000;
const ACTORS: i64 = 10_000;
const STARTS_MAX: usize = 5;
/// Until what a start sets in motion has had its first turn.
const FIRST_TURNS: Duration = Duration::from_secs(3);
/// The catalog is kept between runs: nothing in it may expire, and the vault never be too full.
const SETTINGS: [(&str, &str); 2] =
    [("HEARBACK_RETENTION__DAYS", "10000"), ("HEARBACK_VAULT__MAX_BYTES", "1000000000000000")];

pub(crate) const NAMES: [&str; 3] = ["catalog-start", "catalog-memory", "catalog-actors"];

/// Calls from `$3` back, ten seconds apart; their SIDs are scattered, as Twilio's are.
const CALLS: &str = "
    WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $1)
    INSERT INTO calls (sid, business_id, account_sid, direction, from_number, to_number, status,
                       status_rank, started_at_ms, duration_ms, heard_at_ms)
    SELECT printf('CA%08x%024x', (n * 2654435761) & 4294967295, n), 'default', $2, 'inbound',
           printf('+1555%07d', n), '+15550000000', 'completed', 3, $3 - n * 10000, 60000,
           $3 - n * 10000
    FROM numbers";
const RECORDED: &str = "
    INSERT INTO recordings (sid, business_id, call_sid, account_sid, status, status_rank, channels,
                            duration_ms, started_at_ms, completed_at_ms, copied)
    SELECT 'RE' || substr(sid, 3), business_id, sid, account_sid, 'completed', 1, 1, duration_ms,
           started_at_ms, started_at_ms + duration_ms, TRUE
    FROM calls";
const COPIES: &str = "
    INSERT INTO copies (recording_sid, format, business_id, copy_id, present, version, sha256,
                        length_bytes, audio_type, duration_ms, stored_at_ms)
    SELECT sid, 'mp3', business_id, substr(sid, 3), rowid % 2, 1, zeroblob(32), 240000, 'audio/mpeg',
           duration_ms, completed_at_ms
    FROM recordings";

pub(crate) fn measure(plan: &Plan, _: &Path) -> anyhow::Result<Vec<Row>> {
    let folder = plan.kept.join("catalog");
    let source = Source::start()?;
    let database = folder.join("data/hearback.db");
    if !known(&database).is_ok_and(|known| known == RECORDINGS) {
        let _ = std::fs::remove_dir_all(&folder);
        drop(Service::start(&folder, source.address, &SETTINGS)?);
        say("making a catalog of a million recordings");
        fill(&database)?;
    }
    // What a newer version changes in an old database is not what a start costs.
    drop(Service::start(&folder, source.address, &SETTINGS)?);
    let (mut ready_s, mut resident_mb, mut actors_mb) = (Vec::new(), Vec::new(), Vec::new());
    let starts = plan.rounds.min(STARTS_MAX);
    for round in 1..=starts {
        say(&format!("a million recordings: start {round} of {starts}"));
        let service = Service::start(&folder, source.address, &SETTINGS)?;
        ready_s.push(service.ready_after.as_secs_f64());
        sleep(FIRST_TURNS);
        settle(&service.process)?;
        let before = service.process.resident_bytes()? as f64;
        resident_mb.push(before / 1e6);
        wake(&service, &database)?;
        actors_mb.push((service.process.resident_bytes()? as f64 - before) / 1e6);
    }
    let row = |workload: &str, values: Vec<f64>, goal, unit, detail: &str| Row {
        workload: workload.to_owned(),
        value: Spread::of(values),
        goal,
        better: Better::Lower,
        unit,
        detail: detail.to_owned(),
    };
    Ok(vec![
        row(NAMES[0], ready_s, 1.0, "s", "from the start of the process to 200 at /readyz"),
        row(NAMES[1], resident_mb, 60.0, "MB", "resident when it has come to rest"),
        row(NAMES[2], actors_mb, 120.0, "MB", "resident beyond that with 10,000 live actors"),
    ])
}

fn known(database: &Path) -> anyhow::Result<i64> {
    ensure!(database.exists(), "there is none");
    on(database, async |db| {
        Ok(query_scalar("SELECT COUNT(*) FROM recordings").fetch_one(db).await?)
    })
}

fn fill(database: &Path) -> anyhow::Result<()> {
    let now_ms = SystemClock.now().as_millis();
    on(database, async |db| {
        let mut all = db.begin().await?;
        let calls = query(CALLS).bind(RECORDINGS).bind(ACCOUNT.to_string()).bind(now_ms);
        calls.execute(&mut *all).await?;
        query(RECORDED).execute(&mut *all).await?;
        query(COPIES).execute(&mut *all).await?;
        all.commit().await?;
        query("PRAGMA wal_checkpoint(TRUNCATE)").execute(db).await?;
        Ok(())
    })
}

/// Asks for the status of so many different calls, which wakes their actors.
fn wake(service: &Service, database: &Path) -> anyhow::Result<()> {
    let some = "SELECT sid FROM calls ORDER BY sid LIMIT $1";
    let calls: Vec<String> =
        on(database, async |db| Ok(query_scalar(some).bind(ACTORS).fetch_all(db).await?))?;
    let mut stream = TcpStream::connect(service.address)?;
    for call in calls {
        let path = format!("/api/recordings/{call}/status");
        let answer = ask_on(&mut stream, &request("GET", &path, service.authorization()))?;
        ensure!(answer.status == 200, "{path} is answered {}", answer.status);
    }
    Ok(())
}

fn on<T>(
    database: &Path,
    work: impl AsyncFnOnce(&mut SqliteConnection) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off);
        let mut db = SqliteConnection::connect_with(&options).await?;
        let done = work(&mut db).await;
        db.close().await?;
        done
    })
}
