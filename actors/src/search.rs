//! Looking for a call that is asked for and not known.
//!
//! A webhook that was answered 204 a moment ago may not be applied yet: whoever asks meanwhile waits for that.
//!
//! Invariant: what is looked at is the asking business's alone, so that the answer, and the time it takes, say
//! nothing of anybody else's calls.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::CallKey;
use crate::inbox::InboxHandle;
use crate::ports::{Catalog, CatalogError};

pub(crate) struct Search {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) inbox: InboxHandle,
}

/// How long an ask waits for the inbox to be worked off.
const SETTLE_PATIENCE: Duration = Duration::from_secs(2);

impl Search {
    /// True when asking for the call again may find it.
    pub(crate) async fn find(&self, key: &CallKey) -> Result<bool, CatalogError> {
        if !self.catalog.is_expected(key).await? {
            return Ok(false);
        }
        self.inbox.settle(SETTLE_PATIENCE).await;
        Ok(true)
    }
}
