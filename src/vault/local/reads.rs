//! How copies were read, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use actors::ports::{VaultError, VaultReads};

#[derive(Default)]
pub(super) struct Reads {
    memory: AtomicU64,
    disk: AtomicU64,
    missing: AtomicU64,
    damaged: AtomicU64,
    failed: AtomicU64,
}

impl Reads {
    pub(super) fn note_memory(&self) {
        self.memory.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_disk<T>(&self, read: &Result<T, VaultError>) {
        let count = match read {
            Ok(_) => &self.disk,
            Err(VaultError::Missing) => &self.missing,
            Err(VaultError::Damaged { .. }) => &self.damaged,
            Err(VaultError::Io { .. } | VaultError::Keys(_) | VaultError::KeysAway(_)) => {
                &self.failed
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn view(&self) -> VaultReads {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        VaultReads {
            memory: count(&self.memory),
            disk: count(&self.disk),
            missing: count(&self.missing),
            damaged: count(&self.damaged),
            failed: count(&self.failed),
        }
    }
}
