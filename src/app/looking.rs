//! What whoever only looks stands on: the catalog as it is, and the keys that are there. Nothing is made, migrated
//! or written, whether a service runs beside it or not.

use std::sync::Arc;

use actors::domain::Retention;
use actors::ports::{CatalogError, SealedKeys, TwilioAccount, VaultError};
use secrecy::{ExposeSecret, SecretString};

use super::open_token;
use crate::catalog::SqliteCatalog;
use crate::config::Config;
use crate::vault::keys::{KeyRing, MasterKey};
use crate::vault::local::{LocalVault, LocalVaultConfig};

pub(crate) struct Looking {
    pub(crate) catalog: Arc<SqliteCatalog>,
}

pub(crate) struct Keys(Arc<KeyRing>);

impl Looking {
    pub(crate) async fn at(config: &Config) -> Result<Self, CatalogError> {
        let retention = Retention::of_days(config.retention.days);
        let catalog = SqliteCatalog::look(&config.database_url(), retention).await?;
        Ok(Self { catalog: Arc::new(catalog) })
    }

    /// `None` where nothing was ever sealed.
    pub(crate) async fn keys(&self, config: &Config) -> Result<Option<Keys>, VaultError> {
        let setting = config.vault.master_key.clone();
        let setting = (!setting.expose_secret().is_empty()).then_some(setting);
        let store: Arc<dyn SealedKeys> = self.catalog.clone();
        let master = MasterKey::find(setting, &config.master_key_file(), &*store).await?;
        Ok(master.map(|master| Keys(Arc::new(KeyRing::new(&master, store)))))
    }
}

impl Keys {
    /// Newest first; `None` is one that does not open.
    pub(crate) fn tokens(&self, account: &TwilioAccount) -> Vec<Option<SecretString>> {
        let open = |sealed: &Vec<u8>| open_token(&self.0, account.sid, sealed);
        account.sealed_tokens.iter().map(open).collect()
    }

    pub(crate) fn vault(&self, config: &Config) -> LocalVault {
        let folder = LocalVaultConfig { dir: config.vault_dir(), memory_bytes: 0 };
        LocalVault::unowned(folder, Arc::clone(&self.0))
    }
}
