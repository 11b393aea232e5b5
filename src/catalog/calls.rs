//! Calls and their legs.
//!
//! Invariant: a leg hangs directly under its parent, and a parent under nothing, so that one step leads from
//! any leg to the call. Invariant: a call never changes its business.

use actors::domain::{
    AccountSid, BusinessId, CallDetails, CallKey, CallSid, CallStatus, Direction, PhoneNumber,
    Retention, Timestamp,
};
use actors::ports::CallRecord;
use sqlx::{SqliteConnection, query};

use super::failure::{Answer, Failure};
use super::{custody, recordings, rows};

const HEAR_OF: &str = "
    INSERT INTO calls (sid, business_id, account_sid, heard_at_ms) VALUES ($1, $2, $3, $4)
    ON CONFLICT (sid) DO NOTHING";

/// Whoever names a parent tells of it, at the time when its leg was heard of.
const HEAR_OF_PARENT: &str = "
    INSERT INTO calls (sid, business_id, account_sid, heard_at_ms)
    SELECT $1, business_id, account_sid, heard_at_ms FROM calls WHERE business_id = $2 AND sid = $3
    ON CONFLICT (sid) DO NOTHING";

const OWNER: &str = "SELECT business_id, account_sid FROM calls WHERE sid = $1";

const PARENT_LEG: &str = "
    SELECT COALESCE(parent_sid, sid) AS sid FROM calls WHERE business_id = $1 AND sid = $2";

const PARENT_LEG_ANYWHERE: &str = "
    SELECT business_id, COALESCE(parent_sid, sid) AS sid FROM calls WHERE sid = $1";

const LOAD: &str = "
    SELECT sid, business_id, account_sid, direction, from_number, to_number, status,
           started_at_ms, duration_ms, heard_at_ms
    FROM calls
    WHERE business_id = $1 AND sid = $2 AND parent_sid IS NULL";

/// Late news changes nothing, and what it leaves out stays as it was known.
const FILL_IN: &str = "
    UPDATE calls
    SET direction = COALESCE($3, direction),
        from_number = COALESCE($4, from_number),
        to_number = COALESCE($5, to_number),
        status = COALESCE($6, status),
        status_rank = COALESCE($7, status_rank),
        started_at_ms = COALESCE($8, started_at_ms),
        duration_ms = COALESCE($9, duration_ms)
    WHERE business_id = $1 AND sid = $2 AND erased_at_ms IS NULL
      AND ($7 IS NULL OR status_rank IS NULL OR status_rank <= $7)";

const MARK_LOOKED_UP: &str = "
    UPDATE calls SET looked_up = TRUE WHERE business_id = $1 AND sid = $2";

const MOVE_LEGS_OF: &str = "
    UPDATE calls SET parent_sid = $3 WHERE business_id = $1 AND parent_sid = $2";

const MOVE: &str = "
    UPDATE calls SET parent_sid = $3 WHERE business_id = $1 AND sid = $2";

const WITHOUT_DETAILS: &str = "
    SELECT business_id, sid, account_sid FROM calls
    WHERE (direction IS NULL OR started_at_ms IS NULL) AND parent_sid IS NULL AND NOT looked_up
    ORDER BY heard_at_ms DESC, sid DESC
    LIMIT $1";

/// Makes a call known, if it is not; whoever it belonged to before keeps it.
pub(super) async fn hear_of(
    db: &mut SqliteConnection,
    key: &CallKey,
    account: AccountSid,
    now: Timestamp,
) -> Answer<()> {
    query(HEAR_OF)
        .bind(key.call.to_string())
        .bind(key.business.as_str())
        .bind(account.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn owner(
    db: &mut SqliteConnection,
    call: CallSid,
) -> Answer<Option<(BusinessId, AccountSid)>> {
    let row = query(OWNER).bind(call.to_string()).fetch_optional(db).await?;
    row.map(|row| Ok((rows::id(&row, "business_id")?, rows::id(&row, "account_sid")?))).transpose()
}

pub(super) async fn find(db: &mut SqliteConnection, key: CallKey) -> Answer<Option<CallKey>> {
    let row = query(PARENT_LEG)
        .bind(key.business.as_str())
        .bind(key.call.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(CallKey { business: key.business, call: rows::id(&row, "sid")? })).transpose()
}

pub(super) async fn find_anywhere(
    db: &mut SqliteConnection,
    call: CallSid,
) -> Answer<Option<CallKey>> {
    let row = query(PARENT_LEG_ANYWHERE).bind(call.to_string()).fetch_optional(db).await?;
    row.map(|row| {
        Ok(CallKey { business: rows::id(&row, "business_id")?, call: rows::id(&row, "sid")? })
    })
    .transpose()
}

pub(super) async fn load(
    db: &mut SqliteConnection,
    key: CallKey,
    retention: Retention,
) -> Answer<Option<CallRecord>> {
    let row = query(LOAD)
        .bind(key.business.as_str())
        .bind(key.call.to_string())
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let call = rows::call(&row)?;
    let recordings = recordings::of_calls(db, &key.business, &[key.call], retention).await?;
    Ok(Some(CallRecord { call, recordings }))
}

pub(super) async fn without_details(
    db: &mut SqliteConnection,
    limit: u32,
) -> Answer<Vec<(CallKey, AccountSid)>> {
    let found = query(WITHOUT_DETAILS).bind(i64::from(limit)).fetch_all(db).await?;
    found
        .iter()
        .map(|row| {
            let key =
                CallKey { business: rows::id(row, "business_id")?, call: rows::id(row, "sid")? };
            Ok((key, rows::id(row, "account_sid")?))
        })
        .collect()
}

/// What the REST API says of a call that we know.
pub(super) async fn record_details(
    db: &mut SqliteConnection,
    key: CallKey,
    details: CallDetails,
) -> Answer<()> {
    let known = query(MARK_LOOKED_UP)
        .bind(key.business.as_str())
        .bind(key.call.to_string())
        .execute(&mut *db)
        .await?;
    match known.rows_affected() {
        0 => Err(Failure::unknown(format!("call {}", key.call))),
        1.. => fill_in(db, &key, &details).await,
    }
}

pub(super) async fn fill_in(
    db: &mut SqliteConnection,
    key: &CallKey,
    details: &CallDetails,
) -> Answer<()> {
    query(FILL_IN)
        .bind(key.business.as_str())
        .bind(key.call.to_string())
        .bind(details.direction.map(Direction::as_str))
        .bind(details.from.as_ref().map(PhoneNumber::as_str))
        .bind(details.to.as_ref().map(PhoneNumber::as_str))
        .bind(details.status.map(CallStatus::as_str))
        .bind(details.status.map(CallStatus::rank))
        .bind(details.started_at.map(Timestamp::as_millis))
        .bind(details.duration.map(rows::as_millis))
        .execute(&mut *db)
        .await?;
    match details.parent {
        Some(parent) => place_under(db, key, parent).await,
        None => Ok(()),
    }
}

/// Makes a call a leg of `parent`, its own legs and recordings moving along. A leg that has its place
/// stays there, and so does one whose parent turns out to be another business's call.
async fn place_under(db: &mut SqliteConnection, leg: &CallKey, parent: CallSid) -> Answer<()> {
    let business = leg.business.as_str();
    query(HEAR_OF_PARENT)
        .bind(parent.to_string())
        .bind(business)
        .bind(leg.call.to_string())
        .execute(&mut *db)
        .await?;
    let top = find(db, CallKey { business: leg.business.clone(), call: parent }).await?;
    let placed = find(db, leg.clone()).await?;
    let Some(top) = top.filter(|top| top != leg && placed.as_ref() == Some(leg)) else {
        return Ok(());
    };
    for moved in [MOVE_LEGS_OF, MOVE] {
        query(moved)
            .bind(business)
            .bind(leg.call.to_string())
            .bind(top.call.to_string())
            .execute(&mut *db)
            .await?;
    }
    recordings::move_to(db, leg, top.call).await?;
    custody::share_fate(db, leg, &top).await
}
