//! Settings: `config/default.toml`, overridden by a file, overridden by `HEARBACK_SECTION__KEY`.
//!
//! Invariant: what starts has been checked; an unknown key or a bad value names the key and the remedy.

pub mod origins;
mod pipeline;
mod secrets;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

pub use pipeline::{Jobs, LanguageModel, LanguageModelProvider, Speech, SpeechProvider};
pub use secrets::{SecretsError, auth_secret, find_auth_secret, make_private_folder};

pub const DEFAULTS: &str = include_str!("../config/default.toml");
const AUTH_SECRET_BYTES_MIN: usize = 32;
/// The least that the protocol's buffer can be, and the most that a stranger may make us keep.
const HEADER_BYTES: std::ops::RangeInclusive<usize> = 8_192..=1_048_576;
/// One recording that is kept whole, and as much again.
const MEMORY_BYTES_MIN: u64 = 16 * 1024 * 1024;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub data: Data,
    pub database: Database,
    pub vault: Vault,
    pub retention: Retention,
    pub auth: Auth,
    pub twilio: Twilio,
    pub play: Play,
    pub actors: Actors,
    pub log: Log,
    pub traces: Traces,
    pub speech: Speech,
    pub language_model: LanguageModel,
    pub jobs: Jobs,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    pub public_url: String,
    pub cors_origins: String,
    pub listen_backlog: u32,
    pub send_buffer_bytes: u32,
    pub max_connections: usize,
    pub max_header_bytes: usize,
    pub header_timeout_ms: u64,
    pub body_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub slow_reader_period_ms: u64,
    pub slow_reader_min_bytes: usize,
    pub drain_ms: u64,
    pub shutdown_grace_ms: u64,
    pub takeover_wait_ms: u64,
    pub event_streams_max: usize,
    pub event_streams_per_reader_max: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    pub dir: PathBuf,
    pub max_bytes: u64,
    pub memory_bytes: u64,
    pub master_key: SecretString,
    pub master_key_file: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub days: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub secret: SecretString,
    pub secret_file: PathBuf,
    pub public_key_file: PathBuf,
    pub public_key_algorithm: String,
    pub jwks_file: PathBuf,
    pub audience: String,
    pub issuer: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twilio {
    #[serde(deserialize_with = "url")]
    pub base_url: Url,
    pub account_sid: String,
    pub auth_token: SecretString,
    pub auth_token_file: PathBuf,
    pub redirect_hosts: String,
    pub max_parallel_fetches: usize,
    pub max_queued_fetches: usize,
    pub requests_per_second: NonZeroU32,
    pub max_recording_bytes: u64,
    pub connect_timeout_ms: u64,
    pub header_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub total_timeout_ms: u64,
    pub reconcile_every_ms: u64,
    pub lookups_per_minute: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Play {
    pub first_byte_wait_ms: u64,
    pub media_element_wait_ms: u64,
    pub waiting_max: usize,
    pub requests_per_second: NonZeroU32,
    pub requests_burst: NonZeroU32,
    pub prefetch: bool,
    pub cache_control: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actors {
    pub live_max: usize,
    pub parked_max: usize,
    pub idle_after_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    pub endpoint: String,
    pub share: f64,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0}")]
    Unreadable(#[from] config::ConfigError),
    #[error("{key}: {problem}; {remedy}")]
    Bad { key: &'static str, problem: String, remedy: &'static str },
}

impl Config {
    /// Reads every layer and checks the whole.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut layers = config::Config::builder()
            .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        if let Some(file) = file {
            layers = layers.add_source(config::File::from(file));
        }
        let environment =
            config::Environment::with_prefix("HEARBACK").prefix_separator("_").separator("__");
        let mut config: Self = layers.add_source(environment).build()?.try_deserialize()?;
        config.take_twilio_variables();
        config.read_secret_files()?;
        config.check()?;
        Ok(config)
    }

    /// The defaults alone, in a folder of its own: what tests and the demo start from.
    pub fn defaults_in(dir: &Path) -> Self {
        let layers = config::Config::builder()
            .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        let mut config: Self = layers
            .build()
            .and_then(config::Config::try_deserialize)
            .expect("the embedded defaults are valid");
        config.data.dir = dir.to_owned();
        config
    }

    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite://{}", self.data.dir.join("hearback.db").display())
        } else {
            self.database.url.clone()
        }
    }

    pub fn vault_dir(&self) -> PathBuf {
        if self.vault.dir.as_os_str().is_empty() {
            self.data.dir.join("vault")
        } else {
            self.vault.dir.clone()
        }
    }

    /// Where the master key is made at the first start, if none is configured.
    pub fn master_key_file(&self) -> PathBuf {
        self.data.dir.join("master.key")
    }

    /// Whether it is that file, and no setting, that holds the master key.
    pub fn makes_master_key(&self) -> bool {
        self.vault.master_key.expose_secret().is_empty()
    }

    /// Without a trailing slash.
    pub fn public_url(&self, listening: SocketAddr) -> String {
        if self.server.public_url.is_empty() {
            format!("http://{listening}")
        } else {
            self.server.public_url.trim_end_matches('/').to_owned()
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is where settings are read")]
    fn take_twilio_variables(&mut self) {
        if self.twilio.account_sid.is_empty() {
            self.twilio.account_sid = std::env::var("TWILIO_ACCOUNT_SID").unwrap_or_default();
        }
        if self.twilio.auth_token.expose_secret().is_empty() {
            self.twilio.auth_token = std::env::var("TWILIO_AUTH_TOKEN").unwrap_or_default().into();
        }
    }

    fn read_secret_files(&mut self) -> Result<(), ConfigError> {
        let Self { vault, auth, twilio, speech, language_model, .. } = self;
        for (key, secret, file) in [
            ("vault.master_key_file", &mut vault.master_key, &vault.master_key_file),
            ("auth.secret_file", &mut auth.secret, &auth.secret_file),
            ("twilio.auth_token_file", &mut twilio.auth_token, &twilio.auth_token_file),
            ("speech.api_key_file", &mut speech.api_key, &speech.api_key_file),
            (
                "language_model.api_key_file",
                &mut language_model.api_key,
                &language_model.api_key_file,
            ),
        ] {
            if file.as_os_str().is_empty() {
                continue;
            }
            let text = std::fs::read_to_string(file).map_err(|error| ConfigError::Bad {
                key,
                problem: format!("{} cannot be read: {error}", file.display()),
                remedy: "name a file that this user may read",
            })?;
            *secret = text.trim_end().into();
        }
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_urls()?;
        self.check_bounds()?;
        let secret = self.auth.secret.expose_secret();
        if !secret.is_empty() && secret.len() < AUTH_SECRET_BYTES_MIN {
            return bad(
                "auth.secret",
                "it is shorter than 32 bytes",
                "make it longer, or leave it empty",
            );
        }
        if !self.database_url().starts_with("sqlite:") {
            return bad("database.url", "only sqlite:// is supported so far", "give sqlite://path");
        }
        if axum::http::HeaderValue::from_str(&self.play.cache_control).is_err() {
            return bad(
                "play.cache_control",
                "it is no header value",
                "give Cache-Control directives",
            );
        }
        pipeline::check(self)
    }

    fn check_urls(&self) -> Result<(), ConfigError> {
        if !self.server.public_url.is_empty()
            && Url::parse(&self.server.public_url)
                .map_or(true, |url| !matches!(url.scheme(), "http" | "https") || !url.has_host())
        {
            return bad("server.public_url", "it is no http or https URL", "give scheme and host");
        }
        let public_url = Url::parse(&self.server.public_url);
        for (key, url) in [
            ("server.public_url", public_url.ok()),
            ("twilio.base_url", Some(self.twilio.base_url.clone())),
            ("traces.endpoint", Url::parse(&self.traces.endpoint).ok()),
        ] {
            if url.is_some_and(|url| !url.username().is_empty() || url.password().is_some()) {
                return bad(key, "there is a user or a password in it", "leave them out");
            }
        }
        if !matches!(self.twilio.base_url.scheme(), "http" | "https") {
            return bad("twilio.base_url", "it is no http or https URL", "give scheme and host");
        }
        self.check_traces()
    }

    fn check_traces(&self) -> Result<(), ConfigError> {
        let Traces { endpoint, share } = &self.traces;
        if !endpoint.is_empty()
            && Url::parse(endpoint)
                .map_or(true, |url| !matches!(url.scheme(), "http" | "https") || url.path() == "/")
        {
            return bad(
                "traces.endpoint",
                "it is no http or https URL with a path",
                "give the collector's, such as http://localhost:4318/v1/traces",
            );
        }
        if !endpoint.is_empty() && !cfg!(feature = "otlp") {
            return bad(
                "traces.endpoint",
                "this build sends no traces",
                "build it with the feature otlp",
            );
        }
        if !(0.0..=1.0).contains(share) {
            return bad("traces.share", "it is not between 0 and 1", "give 1.0 for all");
        }
        Ok(())
    }

    fn check_bounds(&self) -> Result<(), ConfigError> {
        for (key, value) in [
            ("twilio.max_parallel_fetches", self.twilio.max_parallel_fetches),
            ("twilio.max_queued_fetches", self.twilio.max_queued_fetches),
            ("play.waiting_max", self.play.waiting_max),
            ("server.max_connections", self.server.max_connections),
            ("actors.live_max", self.actors.live_max),
            ("server.event_streams_max", self.server.event_streams_max),
            ("server.event_streams_per_reader_max", self.server.event_streams_per_reader_max),
            ("actors.parked_max", self.actors.parked_max),
        ] {
            if value == 0 {
                return bad(key, "it is 0", "give at least 1");
            }
        }
        if (1..MEMORY_BYTES_MIN).contains(&self.vault.memory_bytes) {
            return bad(
                "vault.memory_bytes",
                "so little keeps no long recording",
                "give at least 16777216, or 0 to keep none",
            );
        }
        let server = &self.server;
        for (key, value) in [
            ("server.header_timeout_ms", server.header_timeout_ms),
            ("server.body_timeout_ms", server.body_timeout_ms),
            ("server.idle_timeout_ms", server.idle_timeout_ms),
            ("server.slow_reader_period_ms", server.slow_reader_period_ms),
        ] {
            if value == 0 {
                return bad(key, "it is 0, and nobody is that quick", "give milliseconds");
            }
        }
        if !HEADER_BYTES.contains(&server.max_header_bytes) {
            return bad(
                "server.max_header_bytes",
                "it is not between 8192 and 1048576",
                "give 65536, or what your tokens need",
            );
        }
        Ok(())
    }
}

impl Auth {
    /// Whether tokens are signed with a secret that we know, so that we can make some.
    pub fn shares_secret(&self) -> bool {
        self.public_key_file.as_os_str().is_empty() && self.jwks_file.as_os_str().is_empty()
    }
}

impl Server {
    pub fn cors_origins(&self) -> Vec<String> {
        split_list(&self.cors_origins)
    }
}

impl Twilio {
    pub fn redirect_hosts(&self) -> Vec<String> {
        split_list(&self.redirect_hosts)
    }
}

/// The library's own word on a bad URL repeats it, with any password in it.
fn url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(serde::de::Error::custom)
}

/// A setting that counts milliseconds.
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn split_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn bad(key: &'static str, problem: &str, remedy: &'static str) -> Result<(), ConfigError> {
    Err(ConfigError::Bad { key, problem: problem.to_owned(), remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_has_a_comment_and_the_defaults_are_valid() {
        let lines: Vec<&str> = DEFAULTS.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if line.contains('=') && !line.starts_with('#') {
                assert!(lines[index - 1].starts_with('#'), "{line} has no comment");
            }
        }
        let config = Config::defaults_in(Path::new("elsewhere"));
        assert!(config.check().is_ok());
        assert_eq!(config.database_url(), "sqlite://elsewhere/hearback.db");
        assert_eq!(config.vault_dir(), Path::new("elsewhere/vault"));
    }

    #[test]
    fn a_mistake_is_named_with_its_key() {
        let folder = tempfile::tempdir().expect("a folder");
        for (text, key) in [
            ("[server]\nlisten = \"nowhere\"", "server.listen"),
            ("[server]\nlissten = \"127.0.0.1:1\"", "lissten"),
            ("[auth]\nsecret = \"short\"", "auth.secret"),
            ("[twilio]\nmax_parallel_fetches = 0", "twilio.max_parallel_fetches"),
            ("[twilio]\nrequests_per_second = 0", "requests_per_second"),
            ("[server]\nmax_connections = 0", "server.max_connections"),
            ("[server]\nmax_header_bytes = 100", "server.max_header_bytes"),
            ("[server]\nidle_timeout_ms = 0", "server.idle_timeout_ms"),
            ("[play]\nrequests_burst = 0", "requests_burst"),
            ("[vault]\nmemory_bytes = 1000000", "vault.memory_bytes"),
            ("[vault]\nmaster_key_file = \"not-there\"", "vault.master_key_file"),
            ("[speech]\nprovider = \"psychic\"", "speech.provider"),
            ("[speech]\nprovider = \"openai\"", "speech.model"),
            ("[speech]\nprovider = \"command\"", "speech.command"),
            ("[speech]\nbase_url = \"nowhere\"", "speech.base_url"),
            ("[speech]\npiece_seconds = 1200", "speech.piece_seconds"),
            ("[language_model]\nprovider = \"openai\"", "language_model.model"),
            ("[jobs]\nlease_ms = 10", "jobs.lease_ms"),
            ("[database]\nurl = \"mysql://x\"", "database.url"),
            ("[traces]\nendpoint = \"collector:4318\"", "traces.endpoint"),
            ("[traces]\nendpoint = \"http://localhost:4318\"", "traces.endpoint"),
            ("[traces]\nshare = 1.5", "traces.share"),
        ] {
            let file = folder.path().join("hearback.toml");
            std::fs::write(&file, text).expect("written");
            let error = Config::load(Some(&file)).expect_err(text).to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
