//! The database at one moment, in a file of its own, while it goes on being written to.

use std::path::{Path, PathBuf};

use actors::domain::Retention;
use actors::ports::CatalogError;
use futures_util::FutureExt;
use sqlx::{SqliteConnection, query_scalar};

use super::SqliteCatalog;
use super::database::{self, Database};
use crate::catalog::failure::Answer;

/// Migrations are numbered from 1 on, and none is ever applied again.
const BORN_AT: &str = "SELECT CAST(installed_on AS TEXT) FROM _sqlx_migrations WHERE version = 1";

impl SqliteCatalog {
    /// Where the database of a URL lies; made there or not.
    pub fn file_of(url: &str) -> Result<PathBuf, CatalogError> {
        Ok(database::file_of(url)?)
    }

    /// Opens a file, as `open` does a URL.
    pub async fn open_file(file: &Path) -> Result<Self, CatalogError> {
        let database = Database::open_file(file).await?;
        Ok(Self { database, retention: Retention::DEFAULT })
    }

    /// Writes all that is committed at one moment into a new file (mode 0600), without what was deleted before. The
    /// file is not synced.
    pub async fn snapshot(&self, file: &Path) -> Result<(), CatalogError> {
        self.database.copy_into(file.to_owned()).await
    }

    /// When its schema was first made, which tells databases apart and which a snapshot shares with its original.
    pub async fn born_at(&self) -> Result<String, CatalogError> {
        self.database.read(|db| born_at(db).boxed()).await
    }
}

async fn born_at(db: &mut SqliteConnection) -> Answer<String> {
    Ok(query_scalar(BORN_AT).fetch_one(db).await?)
}
