//! What commands ask of the running service.

use std::time::Duration;

use actors::domain::{CallKey, CopyId, RecordingSid, Timestamp};
use actors::ports::{CatalogError, Order, OrderOutcome, PendingOrder};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, query, query_scalar};

use super::failure::{Answer, Constrained, Failure};
use super::{custody, rows};

/// Whoever waits for an order has long given up.
const REMEMBERED_FOR: Duration = Duration::from_hours(24);

const STORE: &str = "
    INSERT INTO orders (kind, business_id, call_sid, recording_sid, copy_id, ordered_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING id";

const PENDING: &str = "
    SELECT id, kind, business_id, call_sid, recording_sid, copy_id FROM orders
    WHERE outcome IS NULL
    ORDER BY id
    LIMIT $1";

const SETTLE: &str = "UPDATE orders SET outcome = $2 WHERE id = $1";

const FORGET: &str = "DELETE FROM orders WHERE outcome IS NOT NULL AND ordered_at_ms < $1";

const OUTCOME: &str = "SELECT outcome FROM orders WHERE id = $1";

/// Refuses what could only be refused later.
pub(super) async fn place(db: &mut SqliteConnection, order: Order, now: Timestamp) -> Answer<i64> {
    let order = match order {
        Order::Erase(leg) => {
            let call = custody::known(db, leg).await?;
            custody::refuse_held(db, &call).await?;
            Order::Erase(call)
        }
        Order::LookAgain(leg) => Order::LookAgain(custody::known(db, leg).await?),
        Order::Mend { call, recording, copy } => {
            Order::Mend { call: custody::known(db, call).await?, recording, copy }
        }
        order @ Order::LookAgainAt(_) => order,
    };
    store(db, &order, now).await
}

pub(super) async fn store(db: &mut SqliteConnection, order: &Order, now: Timestamp) -> Answer<i64> {
    let (call, recording, copy) = match order {
        Order::Erase(call) | Order::LookAgain(call) => (Some(call), None, None),
        Order::LookAgainAt(_) => (None, None, None),
        Order::Mend { call, recording, copy } => (Some(call), Some(recording), Some(copy)),
    };
    let business = match order {
        Order::Erase(call) | Order::LookAgain(call) | Order::Mend { call, .. } => &call.business,
        Order::LookAgainAt(business) => business,
    };
    query_scalar(STORE)
        .bind(kind(order))
        .bind(business.as_str())
        .bind(call.map(|call| call.call.to_string()))
        .bind(recording.map(RecordingSid::to_string))
        .bind(copy.map(CopyId::to_string))
        .bind(now.as_millis())
        .fetch_one(db)
        .await
        .or_unknown(|| format!("business {business}"))
}

/// One that cannot be read (a newer release's, say) keeps nobody from reading the others.
pub(super) async fn pending(db: &mut SqliteConnection, limit: u32) -> Answer<Vec<PendingOrder>> {
    let found = query(PENDING).bind(i64::from(limit)).fetch_all(db).await?;
    let why = |failure| CatalogError::from(failure).to_string();
    found.iter().map(|row| Ok((row.try_get("id")?, read(row).map_err(why)))).collect()
}

pub(super) async fn settle(
    db: &mut SqliteConnection,
    id: i64,
    outcome: OrderOutcome,
    now: Timestamp,
) -> Answer<()> {
    let outcome = match outcome {
        OrderOutcome::Done => String::new(),
        OrderOutcome::Refused(why) => why,
    };
    query(FORGET).bind(now.minus(REMEMBERED_FOR).as_millis()).execute(&mut *db).await?;
    query(SETTLE).bind(id).bind(outcome).execute(db).await?;
    Ok(())
}

pub(super) async fn outcome(db: &mut SqliteConnection, id: i64) -> Answer<Option<OrderOutcome>> {
    let found: Option<Option<String>> = query_scalar(OUTCOME).bind(id).fetch_optional(db).await?;
    let outcome = found.ok_or_else(|| Failure::unknown(format!("order {id}")))?;
    Ok(outcome.map(|why| match why.as_str() {
        "" => OrderOutcome::Done,
        _ => OrderOutcome::Refused(why),
    }))
}

const fn kind(order: &Order) -> &'static str {
    match order {
        Order::Erase(_) => "erase",
        Order::LookAgain(_) => "look-again",
        Order::LookAgainAt(_) => "look-again-at",
        Order::Mend { .. } => "mend",
    }
}

fn read(row: &SqliteRow) -> Answer<Order> {
    let business = rows::id(row, "business_id")?;
    let kind: &str = row.try_get("kind")?;
    if kind == "look-again-at" {
        return Ok(Order::LookAgainAt(business));
    }
    let call = CallKey { business, call: rows::id(row, "call_sid")? };
    match kind {
        "erase" => Ok(Order::Erase(call)),
        "look-again" => Ok(Order::LookAgain(call)),
        "mend" => Ok(Order::Mend {
            call,
            recording: rows::id(row, "recording_sid")?,
            copy: rows::required(row, "copy_id", CopyId::parse)?,
        }),
        _ => Err(Failure::corrupt("kind")),
    }
}
