//! What somebody sees who only looks at the file: nothing is made, migrated or written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use actors::ports::CatalogError;
use futures_util::FutureExt;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Row, SqliteConnection, query};

use super::SqliteCatalog;
use super::database::{Database, looking};
use crate::catalog::failure::{Answer, Failure};
use actors::domain::Retention;

/// How the schema of the file stands to this program's.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Migrations {
    pub applied: usize,
    /// That this program has and the file lacks.
    pub missing: Vec<i64>,
    /// That the file has and this program does not know.
    pub unknown: Vec<i64>,
    /// Not as they were when they were applied.
    pub changed: Vec<i64>,
}

impl SqliteCatalog {
    /// Opens a file that is there already, to be read only.
    pub async fn look(url: &str, retention: Retention) -> Result<Self, CatalogError> {
        Ok(Self { database: Database::look(url).await?, retention })
    }

    /// Where the catalog is, or would be.
    pub fn file(url: &str) -> Result<PathBuf, CatalogError> {
        Ok(looking(url)?.get_filename().to_owned())
    }

    pub async fn migrations(&self) -> Result<Migrations, CatalogError> {
        self.database.read(|db| compare(db).boxed()).await
    }

    /// Whether a writer would get its turn. Takes the lock and gives it back, which changes nothing in the file.
    pub async fn can_be_written(url: &str) -> Result<(), CatalogError> {
        take_turn(looking(url)?).await.map_err(CatalogError::from)
    }
}

async fn compare(db: &mut SqliteConnection) -> Answer<Migrations> {
    let rows =
        query("SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version")
            .fetch_all(db)
            .await?;
    let mut applied = BTreeMap::new();
    for row in rows {
        let (version, checksum): (i64, Vec<u8>) =
            (row.try_get("version")?, row.try_get("checksum")?);
        applied.insert(version, checksum);
    }
    let ours = sqlx::migrate!("migrations/sqlite");
    let mut found = Migrations { applied: applied.len(), ..Migrations::default() };
    for migration in ours.iter() {
        match applied.remove(&migration.version) {
            None => found.missing.push(migration.version),
            Some(checksum) if checksum != *migration.checksum => {
                found.changed.push(migration.version);
            }
            Some(_) => {}
        }
    }
    found.unknown.extend(applied.into_keys());
    Ok(found)
}

async fn take_turn(options: SqliteConnectOptions) -> Answer<()> {
    let mut db = SqliteConnection::connect_with(&options).await?;
    let turn = async {
        query("BEGIN IMMEDIATE").execute(&mut db).await?;
        query("ROLLBACK").execute(&mut db).await?;
        Ok::<_, Failure>(())
    };
    let taken = turn.await;
    // What it says on leaving is not what was asked.
    let _ = db.close().await;
    taken
}
