//! Which Twilio accounts there are and how they authenticate, as the catalog says; read anew every few seconds.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use actors::domain::AccountSid;
use actors::ports::{Catalog, CatalogError};
use secrecy::{ExposeSecret, SecretString};

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

    /// Names the accounts that authenticate by another token than before.
    pub(crate) async fn reload(&self) -> Result<Vec<AccountSid>, CatalogError> {
        let mut tokens: HashMap<AccountSid, Arc<[SecretString]>> = HashMap::new();
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
        let mut known = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        let newest = |tokens: &Arc<[SecretString]>| {
            tokens.first().map(|token| token.expose_secret().to_owned())
        };
        let changed = tokens
            .iter()
            .filter(|(sid, tokens)| known.get(*sid).and_then(newest) != newest(tokens))
            .map(|(sid, _)| *sid)
            .collect();
        *known = tokens;
        Ok(changed)
    }

    /// The account's auth tokens, the newest first; none for an account nobody has.
    pub(crate) fn tokens(&self, account: AccountSid) -> Arc<[SecretString]> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&account).cloned().unwrap_or_default()
    }
}
