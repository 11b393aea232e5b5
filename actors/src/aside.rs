//! What an actor has done beside it, since a handler awaits nothing slow.
//!
//! Invariant: whoever ordered it hears of its end once, also when it panics.

use std::time::Duration;

use ractor::{ActorRef, Message};
use tokio::task::JoinError;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::ports::CatalogError;

/// Does the work in a task of its own, and tells the actor what came of it.
pub(crate) fn aside<T: Send + 'static, M: Message>(
    actor: &ActorRef<M>,
    work: impl Future<Output = T> + Send + 'static,
    report: impl FnOnce(Result<T, JoinError>) -> M + Send + 'static,
) {
    let (working, actor) = (tokio::spawn(work), actor.clone());
    tokio::spawn(async move {
        let _ = actor.cast(report(working.await));
    });
}

/// The catalog's answer, if it comes within so long.
pub(crate) async fn answer_within<T: Send + 'static>(
    limit: Duration,
    asking: impl Future<Output = Result<T, CatalogError>> + Send + 'static,
) -> Result<T, CatalogError> {
    let died = |error| Err(CatalogError::Away(format!("the catalog's task died: {error}")));
    let answer = timeout(limit, tokio::spawn(asking)).await;
    answer.map_or_else(too_late, |answer| answer.unwrap_or_else(died))
}

pub(crate) fn too_late<T>(_: Elapsed) -> Result<T, CatalogError> {
    Err(CatalogError::Away("it does not answer".to_owned()))
}
