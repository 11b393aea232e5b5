//! The way back from a commit. Dropped unused (its task died), it reports a failure.

use ractor::ActorRef;

use super::Message;
use super::machine::Event;
use crate::domain::{FetchError, FetchId, RecordingSid};
use crate::ports::CatalogError;

pub(super) struct Report {
    actor: ActorRef<Message>,
    recording: RecordingSid,
    event: Option<Event>,
    fetch: FetchId,
}

impl Report {
    pub(super) fn new(actor: ActorRef<Message>, recording: RecordingSid, fetch: FetchId) -> Self {
        let event = Some(Event::CommitFailed(fetch, FetchError::Interrupted));
        Self { actor, recording, event, fetch }
    }

    pub(super) fn deliver(mut self, outcome: Result<(), CatalogError>) {
        self.event = Some(match outcome {
            Ok(()) => Event::Committed(self.fetch),
            Err(error) => Event::CommitFailed(self.fetch, FetchError::Catalog(error.to_string())),
        });
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            let _ = self.actor.cast(Message::Happened(self.recording, event));
        }
    }
}
