//! The catalog, and the keys of what is sealed, in one SQLite file.

mod condition;
mod custody;
mod database;
mod events;
mod findings;
mod inspection;
mod jobs;
mod snapshot;
mod vault_mark;

use actors::domain::{
    AccountSid, AudioKey, BusinessId, CallDetails, CallKey, CallSid, CopyId, FetchHistory,
    PhoneNumber, RecordingSid, Retention, SourceStatus, StoredCopy, Timestamp,
};
use actors::ports::{
    Business, CallFilter, CallPage, CallRecord, Catalog, CatalogError, ColdCopy, Condition,
    NewBusiness, Reseal, SealedKeys, TwilioAccount, VaultError, VaultUse,
};
use async_trait::async_trait;
use futures_util::FutureExt;

use self::database::Database;
use super::{businesses, call_list, calls, copies, fetches, keys, recordings};

pub use self::inspection::Migrations;

pub struct SqliteCatalog {
    database: Database,
    /// Of businesses that have none of their own.
    retention: Retention,
}

impl SqliteCatalog {
    /// Opens `sqlite://path`; creates the file (mode 0600) and its folder if they are not there.
    pub async fn open(url: &str) -> Result<Self, CatalogError> {
        Ok(Self { database: Database::open(url).await?, retention: Retention::DEFAULT })
    }

    /// The same with another retention for businesses that have none of their own.
    #[must_use]
    pub const fn keeping_for(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<(), CatalogError> {
        self.database.migrate().await
    }

    /// Ends what is under way and closes the file; later asks find the catalog away.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    fn condition(&self) -> Condition {
        self.database.condition()
    }

    async fn ping(&self) -> Result<(), CatalogError> {
        self.database.read(|db| database::ping(db).boxed()).await
    }

    async fn add_business(
        &self,
        business: &NewBusiness,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let business = business.clone();
        self.database.write(move |db| businesses::add(db, business, now).boxed()).await
    }

    async fn businesses(&self) -> Result<Vec<Business>, CatalogError> {
        self.database.read(|db| businesses::all(db).boxed()).await
    }

    async fn add_token(
        &self,
        account: AccountSid,
        sealed_token: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        self.database
            .write(move |db| businesses::add_token(db, account, sealed_token, now).boxed())
            .await
    }

    async fn remove_token(
        &self,
        account: AccountSid,
        sealed_token: Vec<u8>,
    ) -> Result<(), CatalogError> {
        self.database
            .write(move |db| businesses::remove_token(db, account, sealed_token).boxed())
            .await
    }

    async fn add_number(
        &self,
        business: &BusinessId,
        number: &PhoneNumber,
    ) -> Result<(), CatalogError> {
        let (business, number) = (business.clone(), number.clone());
        self.database.write(move |db| businesses::add_number(db, business, number).boxed()).await
    }

    async fn remove_number(
        &self,
        business: &BusinessId,
        number: &PhoneNumber,
    ) -> Result<(), CatalogError> {
        let (business, number) = (business.clone(), number.clone());
        self.database.write(move |db| businesses::remove_number(db, business, number).boxed()).await
    }

    async fn accounts(&self) -> Result<Vec<TwilioAccount>, CatalogError> {
        self.database.read(|db| businesses::accounts(db).boxed()).await
    }

    async fn find_call(&self, key: &CallKey) -> Result<Option<CallKey>, CatalogError> {
        let key = key.clone();
        self.database.read(move |db| calls::find(db, key).boxed()).await
    }

    async fn find_call_anywhere(&self, call: CallSid) -> Result<Option<CallKey>, CatalogError> {
        self.database.read(move |db| calls::find_anywhere(db, call).boxed()).await
    }

    async fn load_call(&self, key: &CallKey) -> Result<Option<CallRecord>, CatalogError> {
        let (key, retention) = (key.clone(), self.retention);
        self.database.read(move |db| calls::load(db, key, retention).boxed()).await
    }

    async fn list_calls(
        &self,
        business: &BusinessId,
        filter: &CallFilter,
    ) -> Result<CallPage, CatalogError> {
        let (business, filter, retention) = (business.clone(), filter.clone(), self.retention);
        self.database.read(move |db| call_list::page(db, business, filter, retention).boxed()).await
    }

    async fn calls_without_details(
        &self,
        limit: u32,
    ) -> Result<Vec<(CallKey, AccountSid)>, CatalogError> {
        self.database.read(move |db| calls::without_details(db, limit).boxed()).await
    }

    async fn record_details(
        &self,
        key: &CallKey,
        details: &CallDetails,
    ) -> Result<(), CatalogError> {
        let (key, details) = (key.clone(), details.clone());
        self.database.write(move |db| calls::record_details(db, key, details).boxed()).await
    }

    async fn record_status(
        &self,
        key: &AudioKey,
        status: SourceStatus,
    ) -> Result<(), CatalogError> {
        let key = key.clone();
        self.database.write(move |db| recordings::record_status(db, key, status).boxed()).await
    }

    async fn wanted(&self, limit: u32) -> Result<Vec<(CallKey, RecordingSid)>, CatalogError> {
        self.database.read(move |db| recordings::wanted(db, limit).boxed()).await
    }

    async fn remember_fetches(
        &self,
        key: &AudioKey,
        history: &FetchHistory,
    ) -> Result<(), CatalogError> {
        let (key, history) = (key.clone(), history.clone());
        self.database.write(move |db| fetches::remember(db, key, history).boxed()).await
    }

    async fn commit_copy(
        &self,
        key: &AudioKey,
        copy: &StoredCopy,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let (key, copy) = (key.clone(), copy.clone());
        self.database.write(move |db| copies::commit(db, key, copy, now).boxed()).await
    }

    async fn withdraw_copy(&self, key: &AudioKey, id: CopyId) -> Result<(), CatalogError> {
        let key = key.clone();
        self.database.write(move |db| copies::withdraw(db, key, id).boxed()).await
    }

    async fn is_held(&self, key: &AudioKey, id: CopyId) -> Result<bool, CatalogError> {
        let key = key.clone();
        self.database.read(move |db| copies::is_held(db, key, id).boxed()).await
    }

    async fn record_played(&self, key: &AudioKey, now: Timestamp) -> Result<(), CatalogError> {
        let key = key.clone();
        self.database.write(move |db| copies::record_played(db, key, now).boxed()).await
    }

    async fn vault_use(&self) -> Result<VaultUse, CatalogError> {
        self.database.read(|db| copies::vault_use(db).boxed()).await
    }

    async fn coldest_copies(
        &self,
        after: Option<&ColdCopy>,
        limit: u32,
    ) -> Result<Vec<ColdCopy>, CatalogError> {
        let after = after.cloned();
        self.database.read(move |db| copies::coldest(db, after, limit).boxed()).await
    }
}

/// A key is read far more often than made, so it is looked for before the writer is asked.
#[async_trait]
impl SealedKeys for SqliteCatalog {
    async fn key_of_business(
        &self,
        business: &BusinessId,
        fresh: Vec<u8>,
    ) -> Result<Vec<u8>, VaultError> {
        let of = business.clone();
        let kept = self.database.read(move |db| keys::of_business(db, of).boxed()).await;
        if let Some(kept) = kept.map_err(without_keys)? {
            return Ok(kept);
        }
        let of = business.clone();
        self.database
            .write(move |db| keys::keep_for_business(db, of, fresh).boxed())
            .await
            .map_err(without_keys)
    }

    async fn key_of_recording(
        &self,
        key: &AudioKey,
        fresh: Vec<u8>,
    ) -> Result<Vec<u8>, VaultError> {
        let of = key.clone();
        let kept = self.database.read(move |db| keys::of_recording(db, of).boxed()).await;
        if let Some(kept) = kept.map_err(without_keys)? {
            return Ok(kept);
        }
        let of = key.clone();
        self.database
            .write(move |db| keys::keep_for_recording(db, of, fresh).boxed())
            .await
            .map_err(without_keys)?
            .ok_or(VaultError::Missing)
    }

    async fn key_check(&self) -> Result<Option<Vec<u8>>, VaultError> {
        self.database.read(|db| keys::check(db).boxed()).await.map_err(without_keys)
    }

    async fn set_key_check(&self, check: Vec<u8>) -> Result<(), VaultError> {
        self.database
            .write(move |db| keys::set_check(db, check).boxed())
            .await
            .map_err(without_keys)
    }

    async fn reseal_all(&self, reseal: Reseal) -> Result<u64, VaultError> {
        self.database
            .write(move |db| keys::reseal_all(db, reseal).boxed())
            .await
            .map_err(without_keys)
    }
}

fn without_keys(error: CatalogError) -> VaultError {
    match error {
        CatalogError::Away(why) => VaultError::KeysAway(why),
        CatalogError::Cursor
        | CatalogError::Exists(_)
        | CatalogError::Held(_)
        | CatalogError::Unknown(_)
        | CatalogError::Conflict(_)
        | CatalogError::LeaseLost(_)
        | CatalogError::Corrupt(_) => VaultError::Keys(error.to_string()),
    }
}
