//! What a stored webhook changes.
//!
//! Invariant: a call that is known stays with its business and account, whoever sends news of it.

use actors::domain::{BusinessId, CallDetails, CallKey, Timestamp, WebhookEvent};
use actors::ports::EventOutcome;
use sqlx::SqliteConnection;

use super::failure::{Answer, Failure};
use super::{businesses, calls, inbox, recordings};

pub(super) async fn apply(
    db: &mut SqliteConnection,
    id: i64,
    event: WebhookEvent,
    now: Timestamp,
) -> Answer<EventOutcome> {
    let outcome = match business_of(db, &event).await? {
        Some(business) => enter(db, business, &event, now).await?,
        None => EventOutcome::Unassigned,
    };
    inbox::mark(db, id, &outcome, now).await?;
    if let EventOutcome::Applied { call, .. } = &outcome {
        inbox::reconsider_call(db, event.account(), [event.call(), call.call]).await?;
    }
    Ok(outcome)
}

async fn business_of(
    db: &mut SqliteConnection,
    event: &WebhookEvent,
) -> Answer<Option<BusinessId>> {
    let nothing = CallDetails::default();
    let (details, recording) = match event {
        WebhookEvent::Call(event) => (&event.details, None),
        WebhookEvent::Recording(event) => (&nothing, Some(event.recording)),
    };
    let mut known = None;
    for leg in [Some(event.call()), details.parent].into_iter().flatten() {
        known = calls::owner(db, leg).await?;
        if known.is_some() {
            break;
        }
    }
    let business = match known {
        Some((business, account)) if account == event.account() => Some(business),
        Some(_) => None,
        None => businesses::of_call(db, event.account(), details).await?,
    };
    let recorded_by = match recording {
        Some(recording) => recordings::owner(db, recording).await?,
        None => None,
    };
    Ok(business.filter(|business| recorded_by.is_none_or(|owner| owner == *business)))
}

async fn enter(
    db: &mut SqliteConnection,
    business: BusinessId,
    event: &WebhookEvent,
    now: Timestamp,
) -> Answer<EventOutcome> {
    let leg = CallKey { business, call: event.call() };
    calls::hear_of(db, &leg, event.account(), now).await?;
    if let WebhookEvent::Call(event) = event {
        calls::fill_in(db, &leg, &event.details).await?;
    }
    let call = calls::find(db, leg)
        .await?
        .ok_or_else(|| Failure::corrupt("a call that was there a moment ago"))?;
    let recording = match event {
        WebhookEvent::Call(_) => None,
        WebhookEvent::Recording(event) => {
            recordings::bring_up_to_date(db, &call, event, now).await?;
            Some(event.recording)
        }
    };
    Ok(EventOutcome::Applied { call, recording })
}
