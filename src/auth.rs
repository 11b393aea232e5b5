//! Who may ask: JSON web tokens, checked with one key and one algorithm.
//!
//! Invariant: nothing in a token's header is believed; the key alone says which algorithm counts.

use std::str::FromStr;
use std::time::Duration;

use actors::domain::{BusinessId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// Checks tokens and, with a shared secret, mints them.
pub struct Authority {
    decoding: DecodingKey,
    encoding: Option<EncodingKey>,
    validation: Validation,
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

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    business_id: String,
    role: Role,
    exp: u64,
    aud: String,
    iss: String,
}

#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("auth.public_key_algorithm: {0} is not RS256, ES256 or EdDSA")]
    Algorithm(String),
    #[error("auth.public_key_file: {0}")]
    Key(String),
    #[error(
        "tokens are signed elsewhere: auth.public_key_file is set, so there is nothing to sign with"
    )]
    SignedElsewhere,
    #[error("the token cannot be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

const CLOCK_SKEW_S: u64 = 60;

impl Authority {
    pub fn new(config: &Config, secret: &SecretString) -> Result<Self, AuthError> {
        // More than one crypto backend in the build would make the library panic at its first use.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let auth = &config.auth;
        let (algorithm, decoding, encoding) = if auth.public_key_file.as_os_str().is_empty() {
            let secret = secret.expose_secret().as_bytes();
            let encoding = EncodingKey::from_secret(secret);
            (Algorithm::HS256, DecodingKey::from_secret(secret), Some(encoding))
        } else {
            let pem = std::fs::read(&auth.public_key_file)
                .map_err(|error| AuthError::Key(error.to_string()))?;
            let (algorithm, key) = match auth.public_key_algorithm.as_str() {
                "RS256" => (Algorithm::RS256, DecodingKey::from_rsa_pem(&pem)),
                "ES256" => (Algorithm::ES256, DecodingKey::from_ec_pem(&pem)),
                "EdDSA" => (Algorithm::EdDSA, DecodingKey::from_ed_pem(&pem)),
                other => return Err(AuthError::Algorithm(other.to_owned())),
            };
            (algorithm, key.map_err(|error| AuthError::Key(error.to_string()))?, None)
        };
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[&auth.audience]);
        validation.set_issuer(&[&auth.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.leeway = CLOCK_SKEW_S;
        validation.validate_nbf = true;
        Ok(Self { decoding, encoding, validation })
    }

    /// `None` for whatever is wrong with it: a caller learns no more.
    pub fn check(&self, token: &str) -> Option<Caller> {
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let business = BusinessId::from_str(&claims.business_id).ok()?;
        let expires_at =
            Timestamp::from_millis(i64::try_from(claims.exp).ok()?.checked_mul(1_000)?);
        Some(Caller { subject: claims.sub, business, role: claims.role, expires_at })
    }

    pub fn mint(
        &self,
        business: &BusinessId,
        role: Role,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<String, AuthError> {
        let encoding = self.encoding.as_ref().ok_or(AuthError::SignedElsewhere)?;
        let claim = |values: &Option<std::collections::HashSet<String>>| {
            values.iter().flatten().next().cloned().unwrap_or_default()
        };
        let exp = now.plus(ttl).as_millis() / 1_000;
        let claims = Claims {
            sub: format!("{business}-{}", role.as_str()),
            business_id: business.to_string(),
            role,
            exp: u64::try_from(exp).unwrap_or_default(),
            aud: claim(&self.validation.aud),
            iss: claim(&self.validation.iss),
        };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, encoding)?)
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
