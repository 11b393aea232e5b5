//! Verified webhooks: stored before they are answered, applied afterwards.

use actors::domain::{AccountSid, CallSid, Timestamp, WebhookEvent};
use actors::ports::{EventOutcome, InboxEvent};
use sqlx::{Row, SqliteConnection, query};

use super::failure::{Answer, Failure};
use crate::twilio::webhook;

const STORE: &str = "
    INSERT INTO inbox (dedup_key, account_sid, call_sid, parent_sid, raw_form, received_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (account_sid, dedup_key) DO NOTHING";

const PENDING: &str = "
    SELECT id, raw_form FROM inbox WHERE outcome IS NULL ORDER BY id LIMIT $1";

const SET_ASIDE: &str = "
    UPDATE inbox SET outcome = 'unreadable' WHERE id = $1 AND outcome IS NULL";

const MARK: &str = "
    UPDATE inbox SET outcome = $2, applied_at_ms = $3 WHERE id = $1";

const RECONSIDER_CALL: &str = "
    UPDATE inbox SET outcome = NULL, applied_at_ms = NULL
    WHERE id IN (
        SELECT id FROM inbox
        WHERE outcome = 'unassigned' AND account_sid = $1 AND call_sid IN ($2, $3)
        UNION ALL
        SELECT id FROM inbox
        WHERE outcome = 'unassigned' AND account_sid = $1 AND parent_sid IN ($2, $3)
    )";

const RECONSIDER_ACCOUNT: &str = "
    UPDATE inbox SET outcome = NULL, applied_at_ms = NULL
    WHERE outcome = 'unassigned' AND account_sid = $1";

/// Events nobody has dealt with, and the ids of those among them that cannot be read.
pub(super) struct Pending {
    pub(super) events: Vec<(i64, WebhookEvent)>,
    pub(super) unreadable: Vec<i64>,
}

/// False when it was stored before.
pub(super) async fn store(db: &mut SqliteConnection, stored: InboxEvent) -> Answer<bool> {
    let parent = match &stored.event {
        WebhookEvent::Call(event) => event.details.parent,
        WebhookEvent::Recording(_) => None,
    };
    let done = query(STORE)
        .bind(stored.dedup_key)
        .bind(stored.event.account().to_string())
        .bind(stored.event.call().to_string())
        .bind(parent.map(|sid| sid.to_string()))
        .bind(stored.raw_form)
        .bind(stored.received_at.as_millis())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn pending(db: &mut SqliteConnection, limit: u32) -> Answer<Pending> {
    let mut pending = Pending { events: Vec::new(), unreadable: Vec::new() };
    for row in query(PENDING).bind(i64::from(limit)).fetch_all(db).await? {
        let id = row.try_get("id")?;
        match read(row.try_get("raw_form")?) {
            Some(event) => pending.events.push((id, event)),
            None => pending.unreadable.push(id),
        }
    }
    Ok(pending)
}

pub(super) async fn set_aside(db: &mut SqliteConnection, ids: Vec<i64>) -> Answer<()> {
    for id in ids {
        query(SET_ASIDE).bind(id).execute(&mut *db).await?;
    }
    Ok(())
}

pub(super) async fn mark(
    db: &mut SqliteConnection,
    id: i64,
    outcome: &EventOutcome,
    now: Timestamp,
) -> Answer<()> {
    let outcome = match outcome {
        EventOutcome::Applied { .. } => "applied",
        EventOutcome::Unassigned => "unassigned",
    };
    let done = query(MARK).bind(id).bind(outcome).bind(now.as_millis()).execute(db).await?;
    match done.rows_affected() {
        0 => Err(Failure::unknown(format!("stored event {id}"))),
        1.. => Ok(()),
    }
}

/// Events of a call whose business nobody could tell become pending again, now that it is known.
pub(super) async fn reconsider_call(
    db: &mut SqliteConnection,
    account: AccountSid,
    legs: [CallSid; 2],
) -> Answer<()> {
    let [leg, parent] = legs;
    query(RECONSIDER_CALL)
        .bind(account.to_string())
        .bind(leg.to_string())
        .bind(parent.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// The same for all events of an account that has one business more.
pub(super) async fn reconsider_account(
    db: &mut SqliteConnection,
    account: AccountSid,
) -> Answer<()> {
    query(RECONSIDER_ACCOUNT).bind(account.to_string()).execute(db).await?;
    Ok(())
}

fn read(raw_form: &str) -> Option<WebhookEvent> {
    let form = webhook::parse_form(raw_form.as_bytes()).ok()?;
    webhook::event(&form).ok()
}
