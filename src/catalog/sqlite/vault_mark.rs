//! Which vault the copies are in: the mark that was last put there, and the one that is being put there.
//!
//! Invariant: at every moment the vault's mark is one of the two, whatever ends the process that is changing it.

use actors::ports::CatalogError;
use futures_util::FutureExt;
use sqlx::{SqliteConnection, query, query_scalar};

use super::SqliteCatalog;
use crate::catalog::failure::Answer;

/// One that says nothing belongs to a catalog that knows of none.
const IS_KNOWN: &str = "
    SELECT COUNT(*) > 0 FROM settings
    WHERE id = 1 AND (COALESCE(vault_mark, '') = $1 OR next_vault_mark = $1)";

const EXPECT: &str = "
    INSERT INTO settings (id, vault_mark, next_vault_mark) VALUES (1, $1, $2)
    ON CONFLICT (id) DO UPDATE
    SET vault_mark = excluded.vault_mark, next_vault_mark = excluded.next_vault_mark";

const SETTLE: &str = "
    UPDATE settings SET vault_mark = next_vault_mark, next_vault_mark = NULL
    WHERE id = 1 AND next_vault_mark = $1";

const FORGET: &str = "UPDATE settings SET vault_mark = NULL, next_vault_mark = NULL";

impl SqliteCatalog {
    /// Whether the vault with this mark is the one that was last used with the catalog as it is now.
    pub async fn knows_vault(&self, mark: &str) -> Result<bool, CatalogError> {
        let mark = mark.to_owned();
        self.database.read(move |db| is_known(db, mark).boxed()).await
    }

    /// The vault says `present`, if anything, and is about to say `next`.
    pub async fn expect_vault_mark(&self, present: &str, next: &str) -> Result<(), CatalogError> {
        let (present, next) = (present.to_owned(), next.to_owned());
        self.database.write(move |db| expect(db, present, next).boxed()).await
    }

    /// The vault says what was expected.
    pub async fn settle_vault_mark(&self, mark: &str) -> Result<(), CatalogError> {
        let mark = mark.to_owned();
        self.database.write(move |db| settle(db, mark).boxed()).await
    }

    /// No vault is the one: a snapshot that is put beside a vault must not be taken for what was there before.
    pub async fn forget_vault(&self) -> Result<(), CatalogError> {
        self.database.write(|db| forget(db).boxed()).await
    }
}

async fn is_known(db: &mut SqliteConnection, mark: String) -> Answer<bool> {
    Ok(query_scalar(IS_KNOWN).bind(mark).fetch_one(db).await?)
}

async fn expect(db: &mut SqliteConnection, present: String, next: String) -> Answer<()> {
    let present = (!present.is_empty()).then_some(present);
    query(EXPECT).bind(present).bind(next).execute(db).await?;
    Ok(())
}

async fn settle(db: &mut SqliteConnection, mark: String) -> Answer<()> {
    query(SETTLE).bind(mark).execute(db).await?;
    Ok(())
}

async fn forget(db: &mut SqliteConnection) -> Answer<()> {
    query(FORGET).execute(db).await?;
    Ok(())
}
