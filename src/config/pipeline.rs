//! Who hears and understands calls, and how jobs are kept.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::{Config, ConfigError, bad};

/// As much 16 kHz audio as fits into the 25 MB that OpenAI takes.
const PIECE_SECONDS_MAX: u64 = 600;
/// A shorter lease could not be renewed in time.
const LEASE_MS_MIN: u64 = 500;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    pub provider: SpeechProvider,
    pub base_url: String,
    pub api_key: SecretString,
    pub api_key_file: PathBuf,
    pub model: String,
    pub command: String,
    pub piece_seconds: u64,
    pub timeout_ms: u64,
    pub workers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpeechProvider {
    Off,
    OpenAi,
    Command,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageModel {
    pub provider: LanguageModelProvider,
    pub base_url: String,
    pub api_key: SecretString,
    pub api_key_file: PathBuf,
    pub model: String,
    pub timeout_ms: u64,
    pub workers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LanguageModelProvider {
    Off,
    OpenAi,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub lease_ms: u64,
    pub attempts_max: u32,
    pub retry_pause_ms: u64,
    pub retry_pause_max_ms: u64,
}

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let Config { speech, language_model, jobs, .. } = config;
    if speech.provider == SpeechProvider::Command && speech.command.trim().is_empty() {
        return bad("speech.command", "it is empty", "give a command line with {wav} in it");
    }
    for (key, used, model) in [
        ("speech.model", speech.provider == SpeechProvider::OpenAi, &speech.model),
        (
            "language_model.model",
            language_model.provider == LanguageModelProvider::OpenAi,
            &language_model.model,
        ),
    ] {
        if used && model.is_empty() {
            return bad(key, "it is empty", "name a model that the service has");
        }
    }
    for (key, url) in [
        ("speech.base_url", &speech.base_url),
        ("language_model.base_url", &language_model.base_url),
    ] {
        let parsed = Url::parse(url);
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        if !url.is_empty() && !parsed.is_ok_and(|url| is_web(&url)) {
            return bad(key, "it is no http or https URL", "give scheme and host");
        }
    }
    for (key, value) in [
        ("speech.workers", speech.workers as u64),
        ("speech.piece_seconds", speech.piece_seconds),
        ("speech.timeout_ms", speech.timeout_ms),
        ("language_model.workers", language_model.workers as u64),
        ("language_model.timeout_ms", language_model.timeout_ms),
        ("jobs.attempts_max", u64::from(jobs.attempts_max)),
        ("jobs.retry_pause_ms", jobs.retry_pause_ms),
    ] {
        if value == 0 {
            return bad(key, "it is 0", "give at least 1");
        }
    }
    if speech.piece_seconds > PIECE_SECONDS_MAX {
        return bad("speech.piece_seconds", "it is more than 600", "services refuse such files");
    }
    if jobs.lease_ms < LEASE_MS_MIN {
        return bad("jobs.lease_ms", "it is less than 500", "give 30000");
    }
    Ok(())
}
