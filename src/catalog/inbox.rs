//! Verified webhooks, and news found by asking: stored before anybody relies on it, applied afterwards.

use actors::domain::{AccountSid, BusinessId, CallKey, CallSid, Timestamp, WebhookEvent};
use actors::ports::{
    Assignment, EventOutcome, InboxEvent, PendingEvent, UnassignedCall, UnassignedEvent,
};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Row, Sqlite, SqliteConnection, query, query_scalar};

use super::failure::{Answer, Constrained, Failure};
use super::{recordings, rows};
use crate::twilio::webhook;

const STORE: &str = "
    INSERT INTO inbox (dedup_key, account_sid, call_sid, parent_sid, raw_form, received_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (account_sid, dedup_key) DO NOTHING";

const STORE_FOUND: &str = "
    INSERT INTO inbox (dedup_key, account_sid, call_sid, parent_sid, raw_form, received_at_ms)
    SELECT $1, $2, $3, $4, $5, $6
    WHERE NOT EXISTS (SELECT 1 FROM recordings WHERE sid = $7 AND status_rank >= $8)
    ON CONFLICT (account_sid, dedup_key) DO NOTHING";

/// Said again of the same recording, it is the same row again.
const STORE_AGAIN: &str = "
    INSERT INTO inbox (dedup_key, account_sid, call_sid, parent_sid, raw_form, received_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (account_sid, dedup_key) DO UPDATE
    SET raw_form = excluded.raw_form,
        received_at_ms = excluded.received_at_ms,
        applied_at_ms = NULL,
        outcome = NULL";

const IS_EXPECTED: &str = "
    SELECT EXISTS (SELECT 1 FROM calls WHERE business_id = $1 AND sid = $2)
        OR EXISTS (
            SELECT 1 FROM inbox
            JOIN businesses ON businesses.account_sid = inbox.account_sid
            WHERE businesses.id = $1 AND inbox.outcome IS NULL AND inbox.call_sid = $2
        )
        OR EXISTS (
            SELECT 1 FROM inbox
            JOIN businesses ON businesses.account_sid = inbox.account_sid
            WHERE businesses.id = $1 AND inbox.outcome IS NULL AND inbox.parent_sid = $2
        )";

const PENDING: &str = "
    SELECT id, received_at_ms, raw_form FROM inbox WHERE outcome IS NULL ORDER BY id LIMIT $1";

const PENDING_COUNT: &str = "SELECT COUNT(*) FROM inbox WHERE outcome IS NULL";

const SET_ASIDE: &str = "
    UPDATE inbox SET outcome = 'unreadable' WHERE id = $1 AND outcome IS NULL";

const GIVE_UP: &str = "
    UPDATE inbox SET outcome = 'failed', applied_at_ms = $2 WHERE id = $1 AND outcome IS NULL";

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

const UNASSIGNED: &str = "
    SELECT id, received_at_ms, raw_form FROM inbox
    WHERE outcome = 'unassigned' ORDER BY id LIMIT $1";

const UNASSIGNED_CALLS: &str = "
    SELECT MIN(id) AS id, call_sid FROM inbox
    WHERE outcome = 'unassigned' AND account_sid = $1
    GROUP BY call_sid
    HAVING MIN(id) > $2
    ORDER BY MIN(id) LIMIT $3";

const ACCOUNT_OF: &str = "SELECT account_sid FROM businesses WHERE id = $1";

/// The business gets events of its own account, whatever is asked for.
const ASSIGN: &str = "
    UPDATE inbox SET outcome = NULL, applied_at_ms = NULL, assigned_business_id = $1
    WHERE outcome = 'unassigned' AND account_sid = $2
      AND ($3 IS NULL OR id = $3)
      AND ($4 IS NULL OR call_sid = $4 OR parent_sid = $4)";

const ASSIGNED: &str = "
    SELECT assigned_business_id FROM inbox WHERE id = $1 AND assigned_business_id IS NOT NULL";

const PRUNE: &str = "
    DELETE FROM inbox WHERE id IN (
        SELECT id FROM inbox WHERE outcome IS NOT NULL AND received_at_ms < $1
        ORDER BY received_at_ms LIMIT $2
    )";

const RECONCILED: &str = "SELECT through_at_ms FROM reconciled WHERE account_sid = $1";

const RECORD_RECONCILED: &str = "
    INSERT INTO reconciled (account_sid, through_at_ms) VALUES ($1, $2)
    ON CONFLICT (account_sid) DO UPDATE SET through_at_ms = excluded.through_at_ms";

/// Events nobody has dealt with, and the ids of those among them that cannot be read.
pub(super) struct Pending {
    pub(super) events: Vec<PendingEvent>,
    pub(super) unreadable: Vec<i64>,
}

/// False when it was stored before.
pub(super) async fn store(db: &mut SqliteConnection, stored: InboxEvent) -> Answer<bool> {
    let done = storing(STORE, &stored.event, stored.dedup_key, stored.raw_form, stored.received_at)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// With what every row of the inbox holds from its beginning.
fn storing(
    sql: &'static str,
    event: &WebhookEvent,
    dedup_key: String,
    raw_form: String,
    received_at: Timestamp,
) -> Query<'static, Sqlite, SqliteArguments> {
    query(sql)
        .bind(dedup_key)
        .bind(event.account().to_string())
        .bind(event.call().to_string())
        .bind(parent(event))
        .bind(raw_form)
        .bind(received_at.as_millis())
}

/// How much of it was news.
pub(super) async fn store_found(
    db: &mut SqliteConnection,
    found: Vec<WebhookEvent>,
    now: Timestamp,
) -> Answer<u64> {
    let mut news = 0;
    for event in &found {
        if let WebhookEvent::Recording(it) = event
            && recordings::is_there_after_all(db, it).await?
        {
            store_again(db, event, now).await?;
            news += 1;
            continue;
        }
        let (dedup_key, recording, rank) = match event {
            // A webhook that comes after all is a duplicate.
            WebhookEvent::Recording(it) => {
                (webhook::dedup_key(event), Some(it.recording.to_string()), it.status.rank())
            }
            // Asking may tell more of a call than its webhook did, so it is no duplicate of that.
            WebhookEvent::Call(_) => (found_key(event), None, 0),
        };
        let done = storing(STORE_FOUND, event, dedup_key, webhook::form_of(event), now)
            .bind(recording)
            .bind(rank)
            .execute(&mut *db)
            .await?;
        news += done.rows_affected();
    }
    Ok(news)
}

/// What its webhook said was taken back meanwhile, so that this is no duplicate of that.
async fn store_again(
    db: &mut SqliteConnection,
    event: &WebhookEvent,
    now: Timestamp,
) -> Answer<()> {
    storing(STORE_AGAIN, event, found_key(event), webhook::form_of(event), now).execute(db).await?;
    Ok(())
}

/// Of what is no duplicate of a webhook that says the same.
fn found_key(event: &WebhookEvent) -> String {
    format!("found/{}", webhook::dedup_key(event))
}

/// Whether the call is known, or about to be.
pub(super) async fn is_expected(db: &mut SqliteConnection, key: CallKey) -> Answer<bool> {
    let expected = query_scalar(IS_EXPECTED)
        .bind(key.business.as_str())
        .bind(key.call.to_string())
        .fetch_one(db)
        .await?;
    Ok(expected)
}

pub(super) async fn pending(db: &mut SqliteConnection, limit: u32) -> Answer<Pending> {
    let mut pending = Pending { events: Vec::new(), unreadable: Vec::new() };
    for row in query(PENDING).bind(i64::from(limit)).fetch_all(db).await? {
        let id = row.try_get("id")?;
        match read(row.try_get("raw_form")?) {
            Some(event) => {
                let received_at = Timestamp::from_millis(row.try_get("received_at_ms")?);
                pending.events.push(PendingEvent { id, received_at, event });
            }
            None => pending.unreadable.push(id),
        }
    }
    Ok(pending)
}

pub(super) async fn pending_count(db: &mut SqliteConnection) -> Answer<u64> {
    let count: i64 = query_scalar(PENDING_COUNT).fetch_one(db).await?;
    Ok(count.unsigned_abs())
}

pub(super) async fn set_aside(db: &mut SqliteConnection, ids: Vec<i64>) -> Answer<()> {
    for id in ids {
        query(SET_ASIDE).bind(id).execute(&mut *db).await?;
    }
    Ok(())
}

pub(super) async fn give_up(db: &mut SqliteConnection, id: i64, now: Timestamp) -> Answer<()> {
    query(GIVE_UP).bind(id).bind(now.as_millis()).execute(db).await?;
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

pub(super) async fn unassigned(
    db: &mut SqliteConnection,
    limit: u32,
) -> Answer<Vec<UnassignedEvent>> {
    let found = query(UNASSIGNED).bind(i64::from(limit)).fetch_all(db).await?;
    found
        .iter()
        .map(|row| {
            let event = read(row.try_get("raw_form")?);
            Ok(UnassignedEvent {
                id: row.try_get("id")?,
                received_at: Timestamp::from_millis(row.try_get("received_at_ms")?),
                event: event.ok_or_else(|| Failure::corrupt("raw_form"))?,
            })
        })
        .collect()
}

/// One row a call, however many events of it there are.
pub(super) async fn unassigned_calls(
    db: &mut SqliteConnection,
    account: AccountSid,
    after: i64,
    limit: u32,
) -> Answer<Vec<UnassignedCall>> {
    let found = query(UNASSIGNED_CALLS)
        .bind(account.to_string())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?;
    found
        .iter()
        .map(|row| {
            Ok(UnassignedCall { event: row.try_get("id")?, call: rows::id(row, "call_sid")? })
        })
        .collect()
}

/// How many events became the business's.
pub(super) async fn assign(
    db: &mut SqliteConnection,
    business: BusinessId,
    which: Assignment,
) -> Answer<u64> {
    let account: Option<String> =
        query_scalar(ACCOUNT_OF).bind(business.as_str()).fetch_optional(&mut *db).await?;
    let account = account.ok_or_else(|| Failure::unknown(format!("business {business}")))?;
    let (id, call) = match which {
        Assignment::Account => (None, None),
        Assignment::Event(id) => (Some(id), None),
        Assignment::Call(call) => (None, Some(call.to_string())),
    };
    let done =
        query(ASSIGN).bind(business.as_str()).bind(account).bind(id).bind(call).execute(db).await?;
    Ok(done.rows_affected())
}

/// Whom an operator gave the event to.
pub(super) async fn assigned(db: &mut SqliteConnection, id: i64) -> Answer<Option<BusinessId>> {
    let row = query(ASSIGNED).bind(id).fetch_optional(db).await?;
    row.map(|row| rows::id(&row, "assigned_business_id")).transpose()
}

pub(super) async fn prune(db: &mut SqliteConnection, before: Timestamp, limit: u32) -> Answer<u64> {
    let done = query(PRUNE).bind(before.as_millis()).bind(i64::from(limit)).execute(db).await?;
    Ok(done.rows_affected())
}

pub(super) async fn reconciled(
    db: &mut SqliteConnection,
    account: AccountSid,
) -> Answer<Option<Timestamp>> {
    let through: Option<i64> =
        query_scalar(RECONCILED).bind(account.to_string()).fetch_optional(db).await?;
    Ok(through.map(Timestamp::from_millis))
}

pub(super) async fn record_reconciled(
    db: &mut SqliteConnection,
    account: AccountSid,
    through: Timestamp,
) -> Answer<()> {
    query(RECORD_RECONCILED)
        .bind(account.to_string())
        .bind(through.as_millis())
        .execute(db)
        .await
        .or_unknown(|| format!("account {account}"))?;
    Ok(())
}

fn parent(event: &WebhookEvent) -> Option<String> {
    match event {
        WebhookEvent::Call(event) => event.details.parent.map(|sid| sid.to_string()),
        WebhookEvent::Recording(_) => None,
    }
}

fn read(raw_form: &str) -> Option<WebhookEvent> {
    let form = webhook::parse_form(raw_form.as_bytes()).ok()?;
    webhook::event(&form).ok()
}
