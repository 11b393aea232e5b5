//! Wrapped keys, in the rows of what they belong to.

use actors::domain::{AccountSid, AudioKey, BusinessId};
use actors::ports::{Reseal, SealedByMaster};
use sqlx::{Row, SqliteConnection, query, query_scalar};

use super::failure::{Answer, Failure};
use super::rows;

const OF_BUSINESS: &str = "SELECT wrapped_key FROM businesses WHERE id = $1";

const KEEP_FOR_BUSINESS: &str = "
    UPDATE businesses SET wrapped_key = COALESCE(wrapped_key, $2) WHERE id = $1
    RETURNING wrapped_key";

const OF_RECORDING: &str = "
    SELECT wrapped_key FROM recordings WHERE business_id = $1 AND sid = $2";

const KEEP_FOR_RECORDING: &str = "
    UPDATE recordings SET wrapped_key = COALESCE(wrapped_key, $3)
    WHERE business_id = $1 AND sid = $2 AND status NOT IN ('expired', 'erased')
    RETURNING wrapped_key";

const IS_KNOWN: &str = "SELECT 1 FROM recordings WHERE business_id = $1 AND sid = $2";

const KEY_CHECK: &str = "SELECT key_check FROM settings WHERE id = 1";

const SET_KEY_CHECK: &str = "
    INSERT INTO settings (id, key_check) VALUES (1, $1)
    ON CONFLICT (id) DO UPDATE SET key_check = excluded.key_check";

const BUSINESS_KEYS: &str = "SELECT id, wrapped_key FROM businesses WHERE wrapped_key IS NOT NULL";

const SET_BUSINESS_KEY: &str = "UPDATE businesses SET wrapped_key = $2 WHERE id = $1";

const TOKENS: &str = "SELECT id, account_sid, sealed_token FROM auth_tokens";

const SET_TOKEN: &str = "UPDATE auth_tokens SET sealed_token = $2 WHERE id = $1";

pub(super) async fn of_business(
    db: &mut SqliteConnection,
    business: BusinessId,
) -> Answer<Option<Vec<u8>>> {
    let key: Option<Option<Vec<u8>>> =
        query_scalar(OF_BUSINESS).bind(business.as_str()).fetch_optional(db).await?;
    Ok(key.flatten())
}

pub(super) async fn keep_for_business(
    db: &mut SqliteConnection,
    business: BusinessId,
    fresh: Vec<u8>,
) -> Answer<Vec<u8>> {
    let kept: Option<Vec<u8>> = query_scalar(KEEP_FOR_BUSINESS)
        .bind(business.as_str())
        .bind(fresh)
        .fetch_optional(db)
        .await?;
    kept.ok_or_else(|| Failure::unknown(format!("business {business}")))
}

pub(super) async fn of_recording(
    db: &mut SqliteConnection,
    key: AudioKey,
) -> Answer<Option<Vec<u8>>> {
    let kept: Option<Option<Vec<u8>>> = query_scalar(OF_RECORDING)
        .bind(key.business.as_str())
        .bind(key.recording.to_string())
        .fetch_optional(db)
        .await?;
    Ok(kept.flatten())
}

/// `None` for what was expunged: no key is made for it again.
pub(super) async fn keep_for_recording(
    db: &mut SqliteConnection,
    key: AudioKey,
    fresh: Vec<u8>,
) -> Answer<Option<Vec<u8>>> {
    let recording = key.recording.to_string();
    let kept: Option<Vec<u8>> = query_scalar(KEEP_FOR_RECORDING)
        .bind(key.business.as_str())
        .bind(&recording)
        .bind(fresh)
        .fetch_optional(&mut *db)
        .await?;
    if kept.is_some() {
        return Ok(kept);
    }
    let known = query(IS_KNOWN).bind(key.business.as_str()).bind(&recording);
    match known.fetch_optional(db).await? {
        Some(_) => Ok(None),
        None => Err(Failure::unknown(format!("recording {recording}"))),
    }
}

pub(super) async fn check(db: &mut SqliteConnection) -> Answer<Option<Vec<u8>>> {
    let check: Option<Option<Vec<u8>>> = query_scalar(KEY_CHECK).fetch_optional(db).await?;
    Ok(check.flatten())
}

pub(super) async fn set_check(db: &mut SqliteConnection, check: Vec<u8>) -> Answer<()> {
    query(SET_KEY_CHECK).bind(check).execute(db).await?;
    Ok(())
}

/// Every column that the master key seals: one that is forgotten here is lost with the old key.
pub(super) async fn reseal_all(db: &mut SqliteConnection, reseal: Reseal) -> Answer<u64> {
    let again = |what: &SealedByMaster, sealed: &[u8]| {
        reseal(what, sealed).map_err(|error| Failure::corrupt(error.to_string()))
    };
    let mut count = 0;
    for row in query(BUSINESS_KEYS).fetch_all(&mut *db).await? {
        let business: BusinessId = rows::id(&row, "id")?;
        let sealed: Vec<u8> = row.try_get("wrapped_key")?;
        let sealed = again(&SealedByMaster::KeyOfBusiness(business.clone()), &sealed)?;
        query(SET_BUSINESS_KEY).bind(business.as_str()).bind(sealed).execute(&mut *db).await?;
        count += 1;
    }
    for row in query(TOKENS).fetch_all(&mut *db).await? {
        let (id, account): (i64, AccountSid) = (row.try_get("id")?, rows::id(&row, "account_sid")?);
        let sealed: Vec<u8> = row.try_get("sealed_token")?;
        let sealed = again(&SealedByMaster::AuthTokenOf(account), &sealed)?;
        query(SET_TOKEN).bind(id).bind(sealed).execute(&mut *db).await?;
        count += 1;
    }
    if let Some(sealed) = check(db).await? {
        set_check(db, again(&SealedByMaster::KeyCheck, &sealed)?).await?;
        count += 1;
    }
    Ok(count)
}
