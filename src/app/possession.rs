//! Which vault a service takes: the one that it was last used with, and no other.
//!
//! A vault and a database that do not belong together would destroy each other. What the database does not know is
//! removed from the vault as left over; what the vault does not have is withdrawn from the database as lost. So each
//! start of a service puts a new mark into both, and whoever is to write to either compares them first: another disk, an
//! older copy of the folder, an empty or an older database, none of them says the same.

use std::path::Path;
use std::sync::Arc;

use actors::ports::{Catalog, CatalogError};
use anyhow::{Context, ensure};
use uuid::Uuid;

use super::Foundation;
use crate::catalog::SqliteCatalog;
use crate::config::{Config, millis};
use crate::vault::local::{LocalVault, LocalVaultConfig};
use crate::vault::owner::VaultOwner;

impl Foundation {
    /// Waits, for so long, for a predecessor that still owns the vault.
    pub(super) async fn own_vault(&self, config: &Config) -> anyhow::Result<Arc<LocalVault>> {
        let dir = config.vault_dir();
        let before = self.recognise_vault(&dir).await?;
        let patience = millis(config.server.takeover_wait_ms);
        let owner = VaultOwner::take_within(&dir, patience).await.context("vault.dir")?;
        // Until now somebody else may have put another mark there, or exchanged the master key.
        let now = self.recognise_vault(&dir).await?;
        ensure!(
            before.is_empty() || !now.is_empty(),
            "vault.dir: {} is not what it was a moment ago: is its disk mounted?",
            dir.display(),
        );
        self.keys.confirm_master().await?;
        self.mark_vault(&owner).await?;
        let keys = Arc::clone(&self.keys);
        let config = LocalVaultConfig { dir, memory_bytes: config.vault.memory_bytes };
        Ok(Arc::new(LocalVault::owned(config, owner, keys)))
    }

    /// Fails where the folder is not the vault that was last used with this database; returns what its mark says, if
    /// anything. Makes nothing.
    pub async fn recognise_vault(&self, dir: &Path) -> anyhow::Result<String> {
        let Some(mut mark) = VaultOwner::mark(dir).context("vault.dir")? else {
            let copies = self.catalog.vault_use().await.context("database.url")?.copies;
            ensure!(
                copies == 0,
                "vault.dir: {} is no vault, but the database names copies in one ({copies}): mount it, or set vault.dir. \
                 If they are lost for good, write {} into a file {} there to begin anew",
                dir.display(),
                VaultOwner::ADOPTED,
                VaultOwner::MARK,
            );
            return Ok(String::new());
        };
        while !belongs(&self.catalog, &mark).await.context("database.url")? {
            // A service that starts just now puts another one there.
            let again = VaultOwner::mark(dir).context("vault.dir")?.unwrap_or_else(|| mark.clone());
            ensure!(
                again != mark,
                "vault.dir: {dir} was last used with another database, or with another state of this one. Mount the vault \
                 that is meant, or set vault.dir; set data.dir or database.url to the database that is meant, or restore it. \
                 If these two are to be used together all the same, write {} into {dir}/{}: copies that only one of them \
                 knows of are then lost",
                VaultOwner::ADOPTED,
                VaultOwner::MARK,
                dir = dir.display(),
            );
            mark = again;
        }
        Ok(mark)
    }

    async fn mark_vault(&self, owner: &VaultOwner) -> anyhow::Result<()> {
        let mut present = owner.says().context("vault.dir")?;
        if present == VaultOwner::ADOPTED {
            present.clear();
        }
        let next = Uuid::now_v7().to_string();
        self.catalog.expect_vault_mark(&present, &next).await.context("database.url")?;
        owner.say(&next).context("vault.dir")?;
        self.catalog.settle_vault_mark(&next).await.context("database.url")
    }
}

/// Whether a vault with this mark may be used with a catalog.
pub(crate) async fn belongs(catalog: &SqliteCatalog, mark: &str) -> Result<bool, CatalogError> {
    if mark == VaultOwner::ADOPTED || catalog.knows_vault(mark).await? {
        return Ok(true);
    }
    // One that says nothing was never used, and nothing is named that it should hold.
    Ok(mark.is_empty() && catalog.vault_use().await?.copies == 0)
}

/// A database that is not where it should be must not be begun anew beside a vault in use.
pub(super) fn expect_database(config: &Config) -> anyhow::Result<()> {
    let database = SqliteCatalog::file_of(&config.database_url())?;
    let dir = config.vault_dir();
    let is_in_use =
        VaultOwner::mark(&dir).context("vault.dir")?.is_some_and(|mark| !mark.is_empty());
    ensure!(
        database.exists() || !is_in_use,
        "there is no database {}, but the vault {} is in use: mount the disk of the one, or set data.dir, database.url or \
         vault.dir; or restore the database from its backup",
        database.display(),
        dir.display(),
    );
    Ok(())
}
