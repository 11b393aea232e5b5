//! One SQLite file: how it is opened, and how work reaches it.
//!
//! Invariant: one connection writes, in `BEGIN IMMEDIATE`: a transaction that reads first and asks for the
//! write lock later fails at once when somebody else wrote in between, busy timeout or not.
//! Invariant: what was committed is on disk (`synchronous = FULL`).

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use actors::ports::{CatalogError, Condition};
use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Sqlite, SqliteConnection, query, query_scalar};
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::condition::{Answers, Work};
use crate::catalog::failure::{Answer, Failure};

/// How long a statement waits for another process to release the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long work waits for a connection, behind other work.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// Pieces of work under way or waiting; one more is refused.
const WORK_MAX: usize = 4_096;
/// Older ones can corrupt a WAL database when a checkpoint and a reset coincide.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

pub(super) struct Database {
    options: SqliteConnectOptions,
    writer: SqlitePool,
    readers: SqlitePool,
    admission: Arc<Semaphore>,
    answers: Answers,
}

impl Database {
    pub(super) async fn open(url: &str) -> Answer<Self> {
        Self::open_with(options(url)?).await
    }

    pub(super) async fn open_file(file: &Path) -> Answer<Self> {
        Self::open_with(settled(SqliteConnectOptions::new().filename(file))).await
    }

    async fn open_with(options: SqliteConnectOptions) -> Answer<Self> {
        let file = options.get_filename().to_owned();
        let creating = tokio::task::spawn_blocking(move || {
            create(&file).map_err(|error| format!("{}: {error}", file.display()))
        });
        creating
            .await
            .map_err(|ended| CatalogError::Away(ended.to_string()))?
            .map_err(CatalogError::Away)?;
        let writer =
            pool(1).connect_with(options.clone().journal_mode(SqliteJournalMode::Wal)).await?;
        let readers = options.clone().pragma("query_only", "ON");
        let readers = pool(READERS).connect_lazy_with(readers);
        let database = Self::of(options, writer, readers);
        database.check_version().await?;
        Ok(database)
    }

    /// Opens a file that is there, and never writes to it.
    pub(super) async fn look(url: &str) -> Answer<Self> {
        let options = looking(url)?.pragma("query_only", "ON");
        let writer = pool(1).connect_with(options.clone()).await?;
        let readers = pool(READERS).connect_lazy_with(options.clone());
        Ok(Self::of(options, writer, readers))
    }

    fn of(options: SqliteConnectOptions, writer: SqlitePool, readers: SqlitePool) -> Self {
        let (admission, answers) = (Arc::new(Semaphore::new(WORK_MAX)), Answers::begin());
        Self { options, writer, readers, admission, answers }
    }

    /// All or nothing. An older program on a newer schema is fine: see `migrations/README.md`.
    pub(super) async fn migrate(&self) -> Result<(), CatalogError> {
        self.write(|db| {
            Box::pin(async move {
                let mut migrator = sqlx::migrate!("migrations/sqlite");
                migrator.set_ignore_missing(true);
                // `run` asks for an `Acquire` that no borrowed connection is general enough for.
                migrator.run_direct(None, db, false).await.map_err(sqlx::Error::from)?;
                Ok(())
            })
        })
        .await
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) fn condition(&self) -> Condition {
        self.answers.condition()
    }

    /// Reads, all from one moment.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Answer<T>> + Send + 'static,
    {
        let readers = self.readers.clone();
        self.detached(Work::Read, async move {
            let mut connection = readers.acquire().await?;
            let answer = transact(&mut connection, "BEGIN", work).await;
            give_back(connection, answer).await
        })
        .await
    }

    /// Writes, all or nothing, after every write before it.
    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Answer<T>> + Send + 'static,
    {
        let writer = self.writer.clone();
        self.detached(Work::Write, async move {
            let mut connection = writer.acquire().await?;
            let answer = transact(&mut connection, "BEGIN IMMEDIATE", work).await;
            give_back(connection, answer).await
        })
        .await
    }

    /// Writes what is committed at this moment into a new file. Whoever writes meanwhile goes on.
    pub(super) async fn copy_into(&self, file: PathBuf) -> Result<(), CatalogError> {
        let options = self.options.clone();
        self.detached(Work::Read, async move {
            let name = file.to_string_lossy().into_owned();
            let created = tokio::task::spawn_blocking(move || create(&file)).await;
            created
                .map_err(io::Error::other)
                .flatten()
                .map_err(|error| CatalogError::Away(format!("{name}: {error}")))?;
            // Outside of a transaction, and on a connection that may write: it writes to the new file.
            let mut connection = SqliteConnection::connect_with(&options).await?;
            let copied = query("VACUUM INTO $1").bind(name).execute(&mut connection).await;
            connection.close().await?;
            copied?;
            Ok(())
        })
        .await
    }

    /// Runs work in a task of its own and awaits it: what was begun is finished. Whoever asks may hang up
    /// at any await, and a transaction that is dropped while it begins can go back to its pool half begun
    /// and poison all that follows (sqlx issue 4385).
    async fn detached<T: Send + 'static>(
        &self,
        kind: Work,
        work: impl Future<Output = Answer<T>> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let answer = self.in_a_task(work).await;
        self.answers.note(kind, &answer);
        answer
    }

    async fn in_a_task<T: Send + 'static>(
        &self,
        work: impl Future<Output = Answer<T>> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let admitted = self
            .admission
            .clone()
            .try_acquire_owned()
            .map_err(|_| CatalogError::Away("too much work is waiting for it".into()))?;
        let task = tokio::spawn(
            async move {
                let answer = work.await;
                drop(admitted);
                answer
            }
            .in_current_span(),
        );
        match task.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(answer) => answer.map_err(CatalogError::from),
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(_)) => Err(CatalogError::Away("the program is ending".into())),
        }
    }

    async fn check_version(&self) -> Answer<()> {
        let version: String =
            query_scalar("SELECT sqlite_version()").fetch_one(&self.writer).await?;
        if parts(&version) >= OLDEST_SQLITE {
            return Ok(());
        }
        let [major, minor, patch] = OLDEST_SQLITE;
        Err(CatalogError::Away(format!(
            "SQLite {version} is too old, {major}.{minor}.{patch} or later is needed"
        ))
        .into())
    }
}

async fn transact<T, W>(
    connection: &mut SqliteConnection,
    begin: &'static str,
    work: W,
) -> Answer<T>
where
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Answer<T>>,
{
    let mut transaction = connection.begin_with(begin).await?;
    let answer = work(&mut transaction).await?;
    transaction.commit().await?;
    Ok(answer)
}

/// Gives a connection back to its pool, unless the database failed on it. On a full or broken disk SQLite
/// ends a transaction by itself; sqlx goes on counting it as open, and would begin no other ever again.
async fn give_back<T>(connection: PoolConnection<Sqlite>, answer: Answer<T>) -> Answer<T> {
    if let Err(Failure::Database(_)) = &answer {
        // It is gone either way, and a failing disk fails here too.
        let _ = connection.close().await;
    }
    answer
}

/// Touches the file: an empty query would be answered without it.
pub(super) async fn ping(db: &mut SqliteConnection) -> Answer<()> {
    query("SELECT id FROM settings").fetch_optional(db).await?;
    Ok(())
}

fn options(url: &str) -> Answer<SqliteConnectOptions> {
    // In memory there is no log to write ahead to, and nothing that survives.
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    if in_memory || !url.starts_with("sqlite:") {
        return Err(CatalogError::Away("it needs a file: sqlite://path".into()).into());
    }
    Ok(settled(SqliteConnectOptions::from_str(url)?))
}

fn settled(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        // What was erased is overwritten, not only forgotten.
        .pragma("secure_delete", "ON")
        .foreign_keys(true)
}

/// Where the database of a URL lies.
pub(super) fn file_of(url: &str) -> Answer<PathBuf> {
    Ok(options(url)?.get_filename().to_owned())
}

/// Of a file that must be there already.
pub(super) fn looking(url: &str) -> Answer<SqliteConnectOptions> {
    Ok(options(url)?.create_if_missing(false))
}

/// The connection lives as long as the pool: a file on this machine does not go stale.
fn pool(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Creates the file, if it is not there, so that nobody but its owner ever reads it. SQLite gives the
/// files beside it the same mode.
fn create(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    Ok(())
}

fn parts(version: &str) -> [u32; 3] {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(parts("3.51.3") >= OLDEST_SQLITE);
        assert!(parts("3.100.0") >= OLDEST_SQLITE);
        assert!(parts("4.0") >= OLDEST_SQLITE);
        assert!(parts("3.51.2") < OLDEST_SQLITE);
        assert!(parts("3.9.9") < OLDEST_SQLITE);
        assert!(parts("") < OLDEST_SQLITE);
    }
}
