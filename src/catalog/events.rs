//! What a stored webhook changes.
//!
//! Invariant: a call that is known stays with its business and account, whoever sends news of it.

use actors::domain::{
    AccountSid, BusinessId, CallDetails, CallKey, CallSid, Timestamp, WebhookEvent,
};
use actors::ports::EventOutcome;
use sqlx::SqliteConnection;

use super::failure::{Answer, Failure};
use super::{businesses, calls, custody, inbox, recordings};

pub(super) async fn apply(
    db: &mut SqliteConnection,
    id: i64,
    event: WebhookEvent,
    now: Timestamp,
) -> Answer<EventOutcome> {
    let outcome = match business_of(db, id, &event).await? {
        Some(business) => enter(db, business, &event, now).await?,
        None => EventOutcome::Unassigned,
    };
    inbox::mark(db, id, &outcome, now).await?;
    if let EventOutcome::Applied { call, .. } = &outcome {
        custody::stay_erased(db, id, &event, call).await?;
        inbox::reconsider_call(db, event.account(), [event.call(), call.call]).await?;
    }
    Ok(outcome)
}

/// Whoever a leg that we know belongs to; of a new call, whoever its account and numbers tell, or else an
/// operator told. Nobody, if the call is known under another account or the recording as another business's.
async fn business_of(
    db: &mut SqliteConnection,
    id: i64,
    event: &WebhookEvent,
) -> Answer<Option<BusinessId>> {
    let unsaid = CallDetails::default();
    let (details, recording) = match event {
        WebhookEvent::Call(event) => (&event.details, None),
        WebhookEvent::Recording(event) => (&unsaid, Some(event.recording)),
    };
    let business = match owner(db, event.call(), details.parent).await? {
        Some((business, of)) => (of == event.account()).then_some(business),
        None => match businesses::of_call(db, event.account(), details).await? {
            Some(business) => Some(business),
            None => inbox::assigned(db, id).await?,
        },
    };
    let Some(recording) = recording else { return Ok(business) };
    let owner = recordings::owner(db, recording).await?;
    Ok(business.filter(|business| owner.is_none_or(|owner| owner == *business)))
}

async fn owner(
    db: &mut SqliteConnection,
    call: CallSid,
    parent: Option<CallSid>,
) -> Answer<Option<(BusinessId, AccountSid)>> {
    for leg in [Some(call), parent].into_iter().flatten() {
        if let Some(owner) = calls::owner(db, leg).await? {
            return Ok(Some(owner));
        }
    }
    Ok(None)
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
