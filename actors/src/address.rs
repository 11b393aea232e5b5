//! Where a supervised actor can be reached, also after it was restarted.

use std::sync::{Arc, PoisonError, RwLock};

use ractor::{ActorRef, Message};

/// Held by handles; the supervisor writes the actor's present incarnation into it.
pub(crate) struct Address<M> {
    current: Arc<RwLock<Option<ActorRef<M>>>>,
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { current: Arc::clone(&self.current) }
    }
}

impl<M> Default for Address<M> {
    fn default() -> Self {
        Self { current: Arc::default() }
    }
}

impl<M: Message> Address<M> {
    pub(crate) fn current(&self) -> Option<ActorRef<M>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, actor: Option<ActorRef<M>>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = actor;
    }

    /// A hint: lost when the actor is just being restarted.
    pub(crate) fn tell(&self, message: M) {
        if let Some(actor) = self.current() {
            let _ = actor.cast(message);
        }
    }
}
