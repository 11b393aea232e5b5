//! Tokens that are good, and the many ways in which they are not.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

const HOUR_S: i64 = 3_600;

/// A folder with a key set of two: `ec` speaks for acme's agents only, `ed` for everybody.
struct KeySet {
    _folder: tempfile::TempDir,
    authority: Authority,
    ec: EncodingKey,
    ed: EncodingKey,
    ed_public: Vec<u8>,
}

impl KeySet {
    fn new() -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let ec = ec.expect("a key").as_ref().to_vec();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &ec).expect("a pair");
        let point = pair.public_key().as_ref().to_vec();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).expect("a key").as_ref().to_vec();
        let ed_public = Ed25519KeyPair::from_pkcs8(&ed).expect("a pair");
        let ed_public = ed_public.public_key().as_ref().to_vec();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let set = json!({"keys": [
            {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "ec", "x": encode(&point[1..33]),
                "y": encode(&point[33..]), "businesses": ["acme"], "roles": ["agent"]},
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "ed", "x": encode(&ed_public)},
        ]});
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::defaults_in(folder.path());
        config.auth.jwks_file = folder.path().join("keys.json");
        std::fs::write(&config.auth.jwks_file, set.to_string()).expect("written");
        let authority = Authority::new(&config, &SecretString::default()).expect("an authority");
        let (ec, ed) = (EncodingKey::from_ec_der(&ec), EncodingKey::from_ed_der(&ed));
        Self { _folder: folder, authority, ec, ed, ed_public }
    }

    fn check(&self, algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> Option<Caller> {
        let key = if algorithm == Algorithm::ES256 { &self.ec } else { &self.ed };
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
        self.authority.check(&jsonwebtoken::encode(&header, claims, key).expect("signed"))
    }
}

fn claims() -> Value {
    json!({"sub": "someone", "business_id": "acme", "role": "agent", "aud": "hearback",
        "iss": "hearback", "exp": now_s() + HOUR_S})
}

fn now_s() -> i64 {
    use actors::ports::Clock;
    crate::world::SystemClock.now().as_millis() / 1_000
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

fn shared(secret: &str) -> Authority {
    let config = Config::defaults_in(std::path::Path::new("unused"));
    Authority::new(&config, &secret.into()).expect("an authority")
}

#[test]
fn a_key_speaks_only_for_those_it_is_bound_to() {
    let keys = KeySet::new();
    let (es, ed) = (Algorithm::ES256, Algorithm::EdDSA);
    assert!(keys.check(es, Some("ec"), &claims()).is_some());
    assert!(keys.check(es, None, &claims()).is_some());
    assert!(keys.check(es, Some("ec"), &with("business_id", "globex")).is_none());
    assert!(keys.check(es, Some("ec"), &with("role", "operator")).is_none());
    assert!(keys.check(ed, Some("ed"), &with("business_id", "globex")).is_some());
    assert!(keys.check(ed, Some("ec"), &claims()).is_none(), "named another key");
    assert!(keys.check(ed, Some("gone"), &claims()).is_none(), "named no key of ours");
}

#[test]
fn the_key_says_which_algorithm_counts() {
    let keys = KeySet::new();
    let public_as_secret = EncodingKey::from_secret(&keys.ed_public);
    let confused =
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &public_as_secret);
    assert!(keys.authority.check(&confused.expect("signed")).is_none());
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!("{}.{}.", encode(json!({"alg": "none", "typ": "JWT"})), encode(claims()));
    assert!(keys.authority.check(&none).is_none());
    assert!(shared(&"s".repeat(32)).check(&none).is_none());
}

#[test]
fn every_claim_counts() {
    let secret = "s".repeat(32);
    let authority = shared(&secret);
    let key = EncodingKey::from_secret(secret.as_bytes());
    let check = |claims: &Value| {
        let header = Header::new(Algorithm::HS256);
        authority.check(&jsonwebtoken::encode(&header, claims, &key).expect("signed"))
    };
    let caller = check(&claims()).expect("a good token");
    assert_eq!((caller.business.as_str(), caller.role), ("acme", Role::Agent));
    assert!(check(&with("aud", json!(["other", "hearback"]))).is_some());
    assert!(check(&with("nbf", now_s() + 30)).is_some(), "clocks differ");
    for wrong in [
        with("exp", now_s()),
        with("exp", now_s() - 90),
        with("exp", "9999999999"),
        with("exp", -1),
        with("nbf", now_s() + 90),
        with("aud", "other"),
        with("iss", "other"),
        with("role", "admin"),
        with("business_id", "../acme"),
        with("business_id", 7),
        without("exp"),
        without("aud"),
        without("iss"),
        without("sub"),
        without("role"),
        without("business_id"),
    ] {
        assert!(check(&wrong).is_none(), "{wrong}");
    }
    assert!(shared(&"t".repeat(32)).check("").is_none());
}

#[test]
fn a_token_is_known_once_it_was_good_and_only_to_those_keys() {
    let authority = shared(&"s".repeat(32));
    let acme = "acme".parse().expect("an id");
    let now = Timestamp::from_millis(now_s() * 1_000);
    let token = authority.mint(&acme, Role::Agent, now, Duration::from_hours(1)).expect("minted");
    assert!(authority.known(&token, now).is_none(), "nobody has shown it yet");
    let caller = authority.check(&token).expect("good");
    let known = authority.known(&token, now).expect("known");
    assert_eq!((&known.caller, known.reader.as_str()), (&caller, "acme/acme-agent"));
    assert_eq!(authority.check(&token), Some(caller));
    let others = shared(&"t".repeat(32));
    assert!(others.known(&token, now).is_none() && others.check(&token).is_none());
    assert!(others.known(&token, now).is_none(), "what was refused is not known");
}

#[test]
fn what_is_minted_is_good_until_it_is_not() {
    let authority = shared(&"s".repeat(32));
    let acme = "acme".parse().expect("an id");
    let now = Timestamp::from_millis(now_s() * 1_000);
    let hour = Duration::from_hours(1);
    let token = authority.mint(&acme, Role::Owner, now, hour).expect("minted");
    let caller = authority.check(&token).expect("good");
    assert_eq!((caller.role, caller.expires_at), (Role::Owner, now.plus(hour)));
    assert!(shared(&"t".repeat(32)).check(&token).is_none(), "another secret");
    assert!(KeySet::new().authority.mint(&acme, Role::Owner, now, hour).is_err());
}
