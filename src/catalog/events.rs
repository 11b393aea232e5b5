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
    let outcome = match business_of(db, &event).await? {
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

/// Whoever a leg that we know belongs to; of a new call, whoever its account and numbers tell. Nobody, if
/// the call is known under another account or the recording as another business's.
async fn business_of(
    db: &mut SqliteConnection,
    event: &WebhookEvent,
) -> Answer<Option<BusinessId>> {
    match event {
        WebhookEvent::Call(event) => {
            business_of_call(db, event.account, event.call, &event.details).await
        }
        WebhookEvent::Recording(event) => {
            let unsaid = CallDetails::default();
            let business = business_of_call(db, event.account, event.call, &unsaid).await?;
            let owner = recordings::owner(db, event.recording).await?;
            Ok(business.filter(|business| owner.is_none_or(|owner| owner == *business)))
        }
    }
}

async fn business_of_call(
    db: &mut SqliteConnection,
    account: AccountSid,
    call: CallSid,
    details: &CallDetails,
) -> Answer<Option<BusinessId>> {
    for leg in [Some(call), details.parent].into_iter().flatten() {
        if let Some((business, of)) = calls::owner(db, leg).await? {
            return Ok((of == account).then_some(business));
        }
    }
    businesses::of_call(db, account, details).await
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
