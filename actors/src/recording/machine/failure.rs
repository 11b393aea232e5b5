//! A fetch that brought nothing: why, and what is planned.

use super::Context;
use crate::domain::{
    Attempts, Denial, FailureKind, FetchError, FetchHistory, FetchId, Intent, Retry, RetryPolicy,
    Timestamp,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub cause: FetchError,
    pub at: Timestamp,
    pub plan: Plan,
}

impl Failure {
    /// What of an earlier process still counts. An attempt that was interrupted with it may be made again at
    /// once, while there is one left.
    pub(super) fn recall(
        history: &FetchHistory,
        now: Timestamp,
        retry: &RetryPolicy,
    ) -> Option<Self> {
        let attempts = history.attempts.clone().within_window(now, retry);
        let at = attempts.last()?;
        let next = retry.after_failure(&attempts, Intent::Prefetch, at, 0.0);
        let cause = history.failure.clone().map(FetchError::Past);
        let kind = cause.as_ref().map(FetchError::kind);
        let plan = match (next, kind) {
            (Retry::Exhausted(again_at), Some(FailureKind::RefusedRecording)) => {
                Plan::Refused { again_at }
            }
            (Retry::Exhausted(opens_at), _) => Plan::Exhausted { opens_at },
            (Retry::At(_) | Retry::OnDemand(_), None) => return None,
            (Retry::At(_) | Retry::OnDemand(_), Some(FailureKind::RefusedRecording)) => {
                Plan::Refused { again_at: at.plus(retry.refused_pause) }
            }
            (Retry::At(not_before) | Retry::OnDemand(not_before), Some(_)) => {
                Plan::OnDemand { not_before }
            }
        };
        Some(Self { cause: cause.unwrap_or(FetchError::Interrupted), at, plan })
    }

    /// Whether it has come to an end by itself: the source works again, or the window has opened.
    pub(super) fn is_over(&self, attempts: &Attempts, context: &Context<'_>) -> bool {
        let opens_at = match self.plan {
            Plan::Retry { .. } => return false,
            Plan::OnDemand { not_before: at }
            | Plan::Exhausted { opens_at: at }
            | Plan::Refused { again_at: at } => at,
        };
        let window_open = attempts.count(context.now, &context.policy.retry) == 0;
        (opens_at <= context.now && window_open) || self.was_an_outage_that_ended(context)
    }

    pub(super) fn denial(&self, now: Timestamp) -> Denial {
        let cause = self.cause.clone();
        match self.plan {
            Plan::Exhausted { opens_at } => {
                Denial::Exhausted { cause, opens_at, retry_after: opens_at.since(now) }
            }
            Plan::Refused { .. } | Plan::Retry { .. } | Plan::OnDemand { .. } => {
                Denial::Refused { cause }
            }
        }
    }

    fn was_an_outage_that_ended(&self, context: &Context<'_>) -> bool {
        let ended_at = match self.cause.kind() {
            FailureKind::Outage => context.worked_at,
            FailureKind::RefusedAccount => context.worked_at.max(context.trusted_at),
            FailureKind::RefusedRecording | FailureKind::Particular => None,
        };
        ended_at.is_some_and(|ended_at| ended_at > self.at)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    Retry {
        next: FetchId,
        at: Timestamp,
    },
    /// When a listener asks, though not before this time.
    OnDemand {
        not_before: Timestamp,
    },
    Exhausted {
        opens_at: Timestamp,
    },
    /// The source refuses our credentials: the next ask after this time tries them again.
    Refused {
        again_at: Timestamp,
    },
}
