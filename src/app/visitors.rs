//! What the server counts of its visitors, as handlers are told it: neither of the two knows the other.

use std::sync::Arc;

use actors::domain::Timestamp;

use crate::http::{Connections, Traffic};
use crate::server::Counts;

pub(super) fn traffic(counts: &Arc<Counts>, started_at: Timestamp) -> Arc<Traffic> {
    let counts = Arc::clone(counts);
    let connections = move || Connections {
        present: counts.present(),
        max: counts.max(),
        accepted_total: counts.accepted_total(),
        refused_total: counts.refused_total(),
    };
    Arc::new(Traffic::begin(started_at, connections))
}
