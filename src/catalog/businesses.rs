//! Businesses, their Twilio accounts and numbers.

use std::collections::BTreeSet;

use actors::domain::{AccountSid, BusinessId, CallDetails, Direction, PhoneNumber, Timestamp};
use actors::ports::{Business, NewBusiness, TwilioAccount};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, query};

use super::failure::{Answer, Constrained, Failure};
use super::{inbox, rows};

const ADD_ACCOUNT: &str = "
    INSERT INTO twilio_accounts (sid, added_at_ms) VALUES ($1, $2)
    ON CONFLICT (sid) DO NOTHING";

const ADD_TOKEN: &str = "
    INSERT INTO auth_tokens (account_sid, sealed_token, added_at_ms) VALUES ($1, $2, $3)";

const REMOVE_TOKEN: &str = "
    DELETE FROM auth_tokens
    WHERE account_sid = $1 AND sealed_token = $2
      AND (SELECT COUNT(*) FROM auth_tokens WHERE account_sid = $1) > 1";

const ADD_BUSINESS: &str = "
    INSERT INTO businesses (id, name, account_sid, added_at_ms) VALUES ($1, $2, $3, $4)";

const ADD_NUMBER: &str = "
    INSERT INTO business_numbers (account_sid, number, business_id) VALUES ($1, $2, $3)";

const REMOVE_NUMBER: &str = "
    DELETE FROM business_numbers WHERE business_id = $1 AND number = $2";

const ACCOUNT_OF: &str = "SELECT account_sid FROM businesses WHERE id = $1";

const BUSINESSES: &str = "
    SELECT businesses.id, businesses.name, businesses.account_sid, business_numbers.number
    FROM businesses
    LEFT JOIN business_numbers ON business_numbers.business_id = businesses.id
    ORDER BY businesses.id, business_numbers.number";

const ACCOUNTS: &str = "
    SELECT twilio_accounts.sid, auth_tokens.sealed_token
    FROM twilio_accounts
    JOIN auth_tokens ON auth_tokens.account_sid = twilio_accounts.sid
    ORDER BY twilio_accounts.sid, auth_tokens.added_at_ms DESC, auth_tokens.id DESC";

const OF_ACCOUNT: &str = "
    SELECT id FROM businesses WHERE account_sid = $1 LIMIT 2";

const OF_NUMBERS: &str = "
    SELECT DISTINCT business_id AS id FROM business_numbers
    WHERE account_sid = $1 AND number IN ($2, $3)
    LIMIT 2";

pub(super) async fn add(
    db: &mut SqliteConnection,
    business: NewBusiness,
    now: Timestamp,
) -> Answer<()> {
    let (id, account) = (business.id.as_str(), business.account.to_string());
    query(ADD_ACCOUNT).bind(&account).bind(now.as_millis()).execute(&mut *db).await?;
    query(ADD_BUSINESS)
        .bind(id)
        .bind(&business.name)
        .bind(&account)
        .bind(now.as_millis())
        .execute(&mut *db)
        .await
        .or_exists(|| format!("business {id}"))?;
    let numbers: BTreeSet<PhoneNumber> = business.numbers.into_iter().collect();
    for number in &numbers {
        query(ADD_NUMBER)
            .bind(&account)
            .bind(number.as_str())
            .bind(id)
            .execute(&mut *db)
            .await
            .or_exists(|| format!("a business of {account} with one of these numbers"))?;
    }
    add_token(db, business.account, business.sealed_token, now).await?;
    inbox::reconsider_account(db, business.account).await
}

pub(super) async fn add_token(
    db: &mut SqliteConnection,
    account: AccountSid,
    sealed_token: Vec<u8>,
    now: Timestamp,
) -> Answer<()> {
    query(ADD_TOKEN)
        .bind(account.to_string())
        .bind(sealed_token)
        .bind(now.as_millis())
        .execute(db)
        .await
        .or_unknown(|| format!("account {account}"))?;
    Ok(())
}

pub(super) async fn remove_token(
    db: &mut SqliteConnection,
    account: AccountSid,
    sealed_token: Vec<u8>,
) -> Answer<()> {
    let done = query(REMOVE_TOKEN).bind(account.to_string()).bind(sealed_token).execute(db).await?;
    match done.rows_affected() {
        0 => Err(Failure::unknown(format!("token of {account} that is not its only one"))),
        1.. => Ok(()),
    }
}

pub(super) async fn add_number(
    db: &mut SqliteConnection,
    business: BusinessId,
    number: PhoneNumber,
) -> Answer<()> {
    let row = query(ACCOUNT_OF).bind(business.as_str()).fetch_optional(&mut *db).await?;
    let row = row.ok_or_else(|| Failure::unknown(format!("business {business}")))?;
    let account: AccountSid = rows::id(&row, "account_sid")?;
    query(ADD_NUMBER)
        .bind(account.to_string())
        .bind(number.as_str())
        .bind(business.as_str())
        .execute(&mut *db)
        .await
        .or_exists(|| format!("a business of {account} with this number"))?;
    inbox::reconsider_account(db, account).await
}

pub(super) async fn remove_number(
    db: &mut SqliteConnection,
    business: BusinessId,
    number: PhoneNumber,
) -> Answer<()> {
    let done =
        query(REMOVE_NUMBER).bind(business.as_str()).bind(number.as_str()).execute(db).await?;
    match done.rows_affected() {
        0 => Err(Failure::unknown(format!("such number of business {business}"))),
        1.. => Ok(()),
    }
}

pub(super) async fn all(db: &mut SqliteConnection) -> Answer<Vec<Business>> {
    let mut businesses: Vec<Business> = Vec::new();
    for row in query(BUSINESSES).fetch_all(db).await? {
        let id: BusinessId = rows::id(&row, "id")?;
        let number = row.try_get::<Option<String>, _>("number")?.map(PhoneNumber::new);
        match businesses.last_mut() {
            Some(last) if last.id == id => last.numbers.extend(number),
            Some(_) | None => businesses.push(Business {
                id,
                name: row.try_get("name")?,
                account: rows::id(&row, "account_sid")?,
                numbers: number.into_iter().collect(),
            }),
        }
    }
    Ok(businesses)
}

pub(super) async fn accounts(db: &mut SqliteConnection) -> Answer<Vec<TwilioAccount>> {
    let mut accounts: Vec<TwilioAccount> = Vec::new();
    for row in query(ACCOUNTS).fetch_all(db).await? {
        let sid: AccountSid = rows::id(&row, "sid")?;
        let token = row.try_get("sealed_token")?;
        match accounts.last_mut() {
            Some(last) if last.sid == sid => last.sealed_tokens.push(token),
            Some(_) | None => accounts.push(TwilioAccount { sid, sealed_tokens: vec![token] }),
        }
    }
    Ok(accounts)
}

/// The business of a call that nobody knows yet: the only one of the account, else the one that owns the
/// end of the call which is ours. Where that is not certain it is nobody's.
pub(super) async fn of_call(
    db: &mut SqliteConnection,
    account: AccountSid,
    details: &CallDetails,
) -> Answer<Option<BusinessId>> {
    let account = account.to_string();
    if let Some(only) = the_only(query(OF_ACCOUNT).bind(&account).fetch_all(&mut *db).await?)? {
        return Ok(Some(only));
    }
    // The other end may be another tenant's number: that tenant must not get the call.
    let (from, to) = match details.direction {
        Some(Direction::Inbound) => (None, details.to.as_ref()),
        Some(Direction::Outbound) => (details.from.as_ref(), None),
        None => (details.from.as_ref(), details.to.as_ref()),
    };
    let candidates = query(OF_NUMBERS)
        .bind(&account)
        .bind(from.map(PhoneNumber::as_str))
        .bind(to.map(PhoneNumber::as_str))
        .fetch_all(db)
        .await?;
    the_only(candidates)
}

fn the_only(candidates: Vec<SqliteRow>) -> Answer<Option<BusinessId>> {
    match candidates.as_slice() {
        [only] => rows::id(only, "id").map(Some),
        [] | [_, _, ..] => Ok(None),
    }
}
