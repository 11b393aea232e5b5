//! How many files and sockets this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the database, the log, downloads, and whoever is being refused.
const RESERVED: u64 = 512;
/// A connection, and the copy that is read for it.
const PER_CONNECTION: u64 = 2;

/// Raises the process's limit to what so many connections need, as far as it may, and returns how many connections
/// there can be: whoever runs out of descriptors can open neither a recording nor the database.
pub(super) fn provide_for(connections_max: usize) -> usize {
    let needed = (connections_max as u64).saturating_mul(PER_CONNECTION).saturating_add(RESERVED);
    let limit = getrlimit(Resource::Nofile);
    let granted = |limit: Rlimit| limit.current.unwrap_or(u64::MAX);
    if granted(limit) < needed {
        let current = Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed)));
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current, ..limit }) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
    }
    let descriptors = granted(getrlimit(Resource::Nofile));
    let possible = descriptors.saturating_sub(RESERVED).max(descriptors / 2) / PER_CONNECTION;
    let possible = usize::try_from(possible).unwrap_or(usize::MAX).max(1);
    if possible < connections_max {
        tracing::warn!(
            descriptors,
            connections_max = possible,
            "server.max_connections is more than the limit of open files allows; raise that (ulimit -n, LimitNOFILE=)"
        );
    }
    connections_max.min(possible)
}
