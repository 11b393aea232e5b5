//! Who may ask: JSON web tokens, each checked with a key of ours and the one algorithm of that key.
//!
//! Invariant: a token's header chooses among our keys and is believed in nothing else.

mod keys;
mod known;
pub mod links;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::{BusinessId, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use keys::VerifyingKey;
pub use known::Known;
use known::KnownTokens;

/// Checks tokens and, with a shared secret, mints them.
pub struct Authority {
    keys: Vec<VerifyingKey>,
    known: KnownTokens,
    minting: Option<Minting>,
}

/// Somebody whose token was good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub subject: String,
    pub business: BusinessId,
    pub role: Role,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Agent,
    Owner,
    Operator,
}

#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("auth.public_key_algorithm: {0} is not RS256, ES256 or EdDSA")]
    Algorithm(String),
    #[error("{setting}: {problem}")]
    Key { setting: &'static str, problem: String },
    #[error(
        "tokens are signed elsewhere: there is only a public key here, and nothing to sign with"
    )]
    SignedElsewhere,
    #[error("the token cannot be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// What we ask of a token. `aud`, `iss` and `nbf` are checked by the library, `exp` also.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    business_id: String,
    role: Role,
    exp: u64,
}

struct Minting {
    key: EncodingKey,
    audience: String,
    issuer: String,
}

#[derive(Serialize)]
struct MintedClaims<'a> {
    sub: String,
    business_id: &'a str,
    role: Role,
    exp: i64,
    aud: &'a str,
    iss: &'a str,
}

impl Authority {
    pub fn new(config: &Config, secret: &SecretString) -> Result<Self, AuthError> {
        // More than one crypto backend in the build would make the library panic at its first use.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let auth = &config.auth;
        let minting = auth.shares_secret().then(|| Minting {
            key: EncodingKey::from_secret(secret.expose_secret().as_bytes()),
            audience: auth.audience.clone(),
            issuer: auth.issuer.clone(),
        });
        let (keys, known) = (keys::load(auth, secret)?, KnownTokens::default());
        Ok(Self { keys, known, minting })
    }

    /// `None` for whatever is wrong with it: a caller learns no more.
    pub fn check(&self, token: &str) -> Option<Caller> {
        let now_s = i64::try_from(jsonwebtoken::get_current_timestamp()).ok()?;
        let now = Timestamp::from_millis(now_s.checked_mul(1_000)?);
        let known = match self.known(token, now) {
            Some(known) => known,
            None => self.known.remember(token, self.verify(token, now)?, now),
        };
        Some(known.caller.clone())
    }

    /// Whose token this is, if it was good a moment ago and is still. `None` says nothing: check it.
    pub fn known(&self, token: &str, now: Timestamp) -> Option<Arc<Known>> {
        self.known.find(token, now)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Option<Caller> {
        let named = jsonwebtoken::decode_header(token).ok()?.kid;
        let candidates = self.keys.iter().filter(|key| match (&key.id, &named) {
            (Some(id), Some(named)) => id == named,
            (None, _) | (_, None) => true,
        });
        candidates.filter_map(|key| caller(key, token, now)).next()
    }

    pub fn mint(
        &self,
        business: &BusinessId,
        role: Role,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<String, AuthError> {
        let minting = self.minting.as_ref().ok_or(AuthError::SignedElsewhere)?;
        let claims = MintedClaims {
            sub: format!("{business}-{}", role.as_str()),
            business_id: business.as_str(),
            role,
            // In whole seconds, and no sooner than was asked for.
            exp: now.plus(ttl).plus(Duration::from_millis(999)).as_millis() / 1_000,
            aud: &minting.audience,
            iss: &minting.issuer,
        };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &minting.key)?)
    }
}

fn caller(key: &VerifyingKey, token: &str, now: Timestamp) -> Option<Caller> {
    let token = jsonwebtoken::decode::<Claims>(token, &key.decoding, &key.validation).ok()?;
    let Claims { sub, business_id, role, exp } = token.claims;
    let business = BusinessId::from_str(&business_id).ok()?;
    let expires_at = Timestamp::from_millis(i64::try_from(exp).ok()?.checked_mul(1_000)?);
    let caller = Caller { subject: sub, business, role, expires_at };
    (caller.is_good(now) && key.scope.covers(&caller.business, role)).then_some(caller)
}

impl Caller {
    /// Whether the token still counts. No clock's error makes it count for longer: it is made and checked by those
    /// who set their clocks.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Tells readers apart.
    pub fn reader(&self) -> String {
        format!("{}/{}", self.business, self.subject)
    }
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Owner => "owner",
            Self::Operator => "operator",
        }
    }
}

#[cfg(test)]
mod tests;
