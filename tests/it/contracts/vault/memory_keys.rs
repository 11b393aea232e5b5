//! Wrapped keys in memory, where a test can look at them, exchange them and destroy them.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use actors::domain::{AudioKey, BusinessId};
use actors::ports::{Reseal, SealedByMaster, SealedKeys, VaultError};
use async_trait::async_trait;

#[derive(Default)]
pub(super) struct MemoryKeys {
    pub(super) businesses: Mutex<HashMap<BusinessId, Vec<u8>>>,
    pub(super) recordings: Mutex<HashMap<AudioKey, Vec<u8>>>,
    pub(super) check: Mutex<Option<Vec<u8>>>,
    /// Out of reach.
    pub(super) away: AtomicBool,
}

impl MemoryKeys {
    fn reach(&self) -> Result<(), VaultError> {
        let away = self.away.load(Ordering::Relaxed);
        if away { Err(VaultError::KeysAway("gone".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl SealedKeys for MemoryKeys {
    async fn key_of_business(
        &self,
        business: &BusinessId,
        fresh: Vec<u8>,
    ) -> Result<Vec<u8>, VaultError> {
        self.reach()?;
        let mut keys = self.businesses.lock().expect("no test panics holding it");
        Ok(keys.entry(business.clone()).or_insert(fresh).clone())
    }

    async fn key_of_recording(
        &self,
        key: &AudioKey,
        fresh: Vec<u8>,
    ) -> Result<Vec<u8>, VaultError> {
        self.reach()?;
        let mut keys = self.recordings.lock().expect("no test panics holding it");
        Ok(keys.entry(key.clone()).or_insert(fresh).clone())
    }

    async fn key_check(&self) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(self.check.lock().expect("no test panics holding it").clone())
    }

    async fn set_key_check(&self, check: Vec<u8>) -> Result<(), VaultError> {
        *self.check.lock().expect("no test panics holding it") = Some(check);
        Ok(())
    }

    async fn reseal_all(&self, reseal: Reseal) -> Result<u64, VaultError> {
        let mut keys = self.businesses.lock().expect("no test panics holding it");
        let mut check = self.check.lock().expect("no test panics holding it");
        let again = keys.iter().map(|(business, sealed)| {
            let what = SealedByMaster::KeyOfBusiness(business.clone());
            reseal(&what, sealed).map(|sealed| (business.clone(), sealed))
        });
        let again = again.collect::<Result<HashMap<_, _>, VaultError>>()?;
        let new_check = check.as_ref().map(|sealed| reseal(&SealedByMaster::KeyCheck, sealed));
        *check = new_check.transpose()?;
        *keys = again;
        Ok(keys.len() as u64 + u64::from(check.is_some()))
    }
}
