//! Businesses and their credentials, read anew every few seconds: commands change them beside the running service.

use std::sync::Arc;
use std::time::Duration;

use actors::Core;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::Foundation;
use crate::tenants::Tenants;

const PAUSE: Duration = Duration::from_secs(2);

/// Until it is dropped.
pub(super) fn begin(
    tenants: &Arc<Tenants>,
    core: &Core,
    foundation: &Foundation,
) -> AbortOnDropHandle<()> {
    let (tenants, accounts) = (Arc::clone(tenants), core.accounts.clone());
    let clock = Arc::clone(&foundation.clock);
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            sleep(PAUSE).await;
            match tenants.reload().await {
                Ok(changed) => {
                    let now = clock.now();
                    changed.into_iter().for_each(|account| accounts.trust_again(account, now));
                }
                Err(error) => tracing::warn!(%error, "businesses not read; those known stay"),
            }
        }
    }))
}
