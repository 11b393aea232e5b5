//! Which Twilio accounts there are and how they authenticate, as the catalog says; read anew every few seconds.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use actors::domain::AccountSid;
use actors::ports::{Catalog, CatalogError};
use secrecy::SecretString;

/// Opens a token that the catalog holds sealed.
pub(crate) type OpenToken = dyn Fn(AccountSid, &[u8]) -> Option<SecretString> + Send + Sync;

pub(crate) struct Tenants {
    catalog: Arc<dyn Catalog>,
    open: Box<OpenToken>,
    tokens: RwLock<HashMap<AccountSid, Arc<[SecretString]>>>,
}

impl Tenants {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, open: Box<OpenToken>) -> Self {
        Self { catalog, open, tokens: RwLock::default() }
    }

    pub(crate) async fn reload(&self) -> Result<(), CatalogError> {
        let mut tokens = HashMap::new();
        for account in self.catalog.accounts().await? {
            let opened: Vec<SecretString> = account
                .sealed_tokens
                .iter()
                .filter_map(|sealed| (self.open)(account.sid, sealed))
                .collect();
            if opened.len() < account.sealed_tokens.len() {
                tracing::error!(
                    account.sid = %account.sid,
                    "an auth token does not open with this master key; add it again with hearback business add-token"
                );
            }
            tokens.insert(account.sid, opened.into());
        }
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
        Ok(())
    }

    /// The account's auth tokens, the newest first; none for an account nobody has.
    pub(crate) fn tokens(&self, account: AccountSid) -> Arc<[SecretString]> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&account).cloned().unwrap_or_default()
    }
}
