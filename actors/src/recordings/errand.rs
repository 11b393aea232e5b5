//! Who is on the way to an actor, and what becomes of them when there is none to reach.

use std::time::Duration;

use ractor::{ActorRef, RpcReplyPort};
use tokio::sync::watch;

use super::Message;
use crate::domain::{CallKey, RecordingSid};
use crate::ports::CatalogError;
use crate::recording::machine::Event;
use crate::recording::{self, CallView};

/// Somebody on the way to an actor.
pub(super) enum Errand {
    Resolve(RpcReplyPort<Resolution>),
    Tell(News),
}

/// Where a call's actor is.
pub(crate) enum Resolution {
    Live {
        actor: ActorRef<recording::Message>,
        view: watch::Receiver<CallView>,
    },
    /// No such call, or another business's.
    Unknown,
    Away(CatalogError),
    Overloaded,
}

/// What is told to a call's actor without waiting for an answer.
pub(crate) enum News {
    Refresh(Option<RecordingSid>),
    /// Decide nothing for those who do not ask, until the next refresh.
    Withhold(RpcReplyPort<()>),
    Happened(RecordingSid, Event),
}

const NEWS_PAUSE: Duration = Duration::from_secs(1);

impl Errand {
    pub(super) fn deliver(
        self,
        actor: &ActorRef<recording::Message>,
        view: &watch::Receiver<CallView>,
    ) {
        match self {
            Self::Resolve(reply) => {
                let _ = reply.send(Resolution::Live { actor: actor.clone(), view: view.clone() });
            }
            Self::Tell(News::Refresh(named)) => {
                let _ = actor.cast(recording::Message::Refresh(named));
            }
            Self::Tell(News::Withhold(reply)) => {
                let _ = actor.cast(recording::Message::Withhold(reply));
            }
            Self::Tell(News::Happened(sid, event)) => {
                let _ = actor.cast(recording::Message::Happened(sid, event));
            }
        }
    }

    pub(super) fn refuse(self, why: Resolution) {
        match self {
            Self::Resolve(reply) => {
                let _ = reply.send(why);
            }
            // News is a hint: the row says it too, and the next activation reads it.
            Self::Tell(_) => {}
        }
    }
}

pub(super) fn refuse_all(parked: Vec<Errand>, why: impl Fn() -> Resolution) {
    for errand in parked {
        errand.refuse(why());
    }
}

/// The catalog is away: who asks is told so, and news is told again when it may be back.
pub(super) fn put_off(
    key: &CallKey,
    parked: Vec<Errand>,
    error: &CatalogError,
    myself: &ActorRef<Message>,
) {
    for errand in parked {
        match errand {
            Errand::Resolve(_) => errand.refuse(Resolution::Away(error.clone())),
            Errand::Tell(news) => {
                let key = key.clone();
                myself.send_after(NEWS_PAUSE, || Message::Tell { key, news });
            }
        }
    }
}
