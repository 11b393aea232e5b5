//! The keys that tokens are checked with: one shared secret, one public key, or a key set (RFC 7517).

use std::path::Path;

use actors::domain::BusinessId;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{AuthError, Role};
use crate::config::Auth;

/// One key, its one algorithm, and for whom it may speak.
pub(super) struct VerifyingKey {
    pub(super) id: Option<String>,
    pub(super) decoding: DecodingKey,
    pub(super) validation: Validation,
    pub(super) scope: Scope,
}

/// Which businesses and roles tokens of a key may name; `None` is all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Scope {
    businesses: Option<Vec<String>>,
    roles: Option<Vec<Role>>,
}

/// A key set's member may carry `businesses` and `roles` beside the registered names.
#[derive(Deserialize)]
struct BoundJwk {
    #[serde(flatten)]
    jwk: Jwk,
    #[serde(flatten)]
    scope: Scope,
}

#[derive(Deserialize)]
struct BoundJwkSet {
    keys: Vec<BoundJwk>,
}

/// So much before its time a token is good: who made it may have a clock that is fast.
const CLOCK_SKEW_S: u64 = 60;
const KEYS_MAX: usize = 32;

impl Scope {
    pub(super) fn covers(&self, business: &BusinessId, role: Role) -> bool {
        let businesses = self.businesses.as_ref();
        businesses.is_none_or(|names| names.iter().any(|name| name == business.as_str()))
            && self.roles.as_ref().is_none_or(|roles| roles.contains(&role))
    }
}

pub(super) fn load(auth: &Auth, secret: &SecretString) -> Result<Vec<VerifyingKey>, AuthError> {
    if !auth.jwks_file.as_os_str().is_empty() {
        return key_set(auth, &auth.jwks_file);
    }
    let key = |algorithm, decoding| VerifyingKey {
        id: None,
        decoding,
        validation: validation(auth, algorithm),
        scope: Scope::default(),
    };
    if auth.public_key_file.as_os_str().is_empty() {
        let decoding = DecodingKey::from_secret(secret.expose_secret().as_bytes());
        return Ok(vec![key(Algorithm::HS256, decoding)]);
    }
    let setting = "auth.public_key_file";
    let pem = std::fs::read(&auth.public_key_file)
        .map_err(|error| AuthError::Key { setting, problem: error.to_string() })?;
    let (algorithm, decoding) = match auth.public_key_algorithm.as_str() {
        "RS256" => (Algorithm::RS256, DecodingKey::from_rsa_pem(&pem)),
        "ES256" => (Algorithm::ES256, DecodingKey::from_ec_pem(&pem)),
        "EdDSA" => (Algorithm::EdDSA, DecodingKey::from_ed_pem(&pem)),
        other => return Err(AuthError::Algorithm(other.to_owned())),
    };
    let decoding =
        decoding.map_err(|error| AuthError::Key { setting, problem: error.to_string() })?;
    Ok(vec![key(algorithm, decoding)])
}

fn key_set(auth: &Auth, file: &Path) -> Result<Vec<VerifyingKey>, AuthError> {
    let bad = |problem: String| AuthError::Key { setting: "auth.jwks_file", problem };
    let text = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
    let set: BoundJwkSet = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    if set.keys.is_empty() || set.keys.len() > KEYS_MAX {
        return Err(bad(format!("it has {} keys; 1 to {KEYS_MAX} are usable", set.keys.len())));
    }
    let key = |BoundJwk { jwk, scope }: BoundJwk| {
        let algorithm = match jwk.common.key_algorithm {
            Some(KeyAlgorithm::RS256) => Algorithm::RS256,
            Some(KeyAlgorithm::ES256) => Algorithm::ES256,
            Some(KeyAlgorithm::EdDSA) => Algorithm::EdDSA,
            Some(other) => return Err(bad(format!("alg {other} is not RS256, ES256 or EdDSA"))),
            None => return Err(bad("a key has no alg: each key counts for one only".to_owned())),
        };
        Ok(VerifyingKey {
            decoding: DecodingKey::from_jwk(&jwk).map_err(|error| bad(error.to_string()))?,
            id: jwk.common.key_id,
            validation: validation(auth, algorithm),
            scope,
        })
    };
    set.keys.into_iter().map(key).collect()
}

fn validation(auth: &Auth, algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[&auth.audience]);
    validation.set_issuer(&[&auth.issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation.leeway = CLOCK_SKEW_S;
    validation.validate_nbf = true;
    validation
}
