//! Where each setting comes from, for whoever wonders why it is not what they set.
//!
//! Invariant: no secret is shown, nor a password in a URL; only whether there is one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{ConfigError as Unreadable, Environment, File, FileFormat, Value, ValueKind};
use url::Url;

use super::DEFAULTS;

/// One key, what it is set to, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    /// `set` or `empty` of a secret.
    pub shown: String,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    Variable(String),
}

/// Every key that there is, and those that there are not.
#[derive(Debug, Default)]
pub struct Settings {
    pub known: Vec<Setting>,
    pub unknown: Vec<Setting>,
}

/// A command line may hold a key, too.
const SECRETS: [&str; 6] = [
    "vault.master_key",
    "auth.secret",
    "twilio.auth_token",
    "speech.api_key",
    "speech.command",
    "language_model.api_key",
];
/// Twilio's own names for two of our keys; ours count before them.
const TWILIO_VARIABLES: [(&str, &str); 2] =
    [("twilio.account_sid", "TWILIO_ACCOUNT_SID"), ("twilio.auth_token", "TWILIO_AUTH_TOKEN")];
/// More letters wrong than this make another word.
const TYPO_MAX: usize = 3;

impl Settings {
    /// Reads the layers one by one. Fails where one of them cannot be read at all.
    pub fn read(file: Option<&Path>) -> Result<Self, Unreadable> {
        let defaults = layer(File::from_str(DEFAULTS, FileFormat::Toml))?;
        let in_file = file.map(|file| layer(File::from(file))).transpose()?.unwrap_or_default();
        let variables =
            layer(Environment::with_prefix("HEARBACK").prefix_separator("_").separator("__"))?;
        let origin = |key: &str| {
            if variables.contains_key(key) {
                Origin::Variable(variable(key))
            } else if in_file.contains_key(key) {
                Origin::File(file.unwrap_or(Path::new("")).to_owned())
            } else {
                Origin::Default
            }
        };
        let mut settings = Self::default();
        for (key, value) in defaults.iter().chain(&in_file).chain(&variables) {
            let place = if defaults.contains_key(key) {
                &mut settings.known
            } else {
                &mut settings.unknown
            };
            let setting =
                Setting { key: key.clone(), shown: shown(key, value), origin: origin(key) };
            match place.iter_mut().find(|known| known.key == *key) {
                Some(known) => *known = setting,
                None => place.push(setting),
            }
        }
        settings.take_twilio_variables();
        settings.known.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(settings)
    }

    #[expect(clippy::disallowed_methods, reason = "settings are read here, too")]
    fn take_twilio_variables(&mut self) {
        for (key, variable) in TWILIO_VARIABLES {
            let value = std::env::var(variable).unwrap_or_default();
            let known = self.known.iter_mut().find(|known| known.key == key);
            if let Some(known) = known.filter(|known| {
                !value.is_empty() && (known.shown.is_empty() || known.shown == EMPTY)
            }) {
                known.shown = shown(key, &Value::from(value));
                known.origin = Origin::Variable(variable.to_owned());
            }
        }
    }

    /// The key that somebody may have meant by another one.
    pub fn meant(&self, unknown: &str) -> Option<&str> {
        let near = |known: &&Setting| (distance(&known.key, unknown), known.key.len());
        let nearest = self.known.iter().min_by_key(near)?;
        (distance(&nearest.key, unknown) <= TYPO_MAX).then_some(nearest.key.as_str())
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File(file) => write!(out, "file {}", file.display()),
            Self::Variable(name) => write!(out, "variable {name}"),
        }
    }
}

const EMPTY: &str = "empty";

fn layer(
    source: impl config::Source + Send + Sync + 'static,
) -> Result<BTreeMap<String, Value>, Unreadable> {
    let read = config::Config::builder().add_source(source).build()?;
    let mut flat = BTreeMap::new();
    flatten("", read.cache, &mut flat);
    Ok(flat)
}

fn flatten(prefix: &str, value: Value, flat: &mut BTreeMap<String, Value>) {
    let ValueKind::Table(table) = value.kind else {
        flat.insert(prefix.to_owned(), value);
        return;
    };
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        flatten(&key, value, flat);
    }
}

fn variable(key: &str) -> String {
    format!("HEARBACK_{}", key.to_uppercase().replacen('.', "__", 1))
}

fn shown(key: &str, value: &Value) -> String {
    let text = value.clone().into_string().unwrap_or_else(|_| "a list".to_owned());
    if SECRETS.contains(&key) || (!key.ends_with("_file") && looks_secret(key)) {
        return if text.is_empty() { EMPTY } else { "set" }.to_owned();
    }
    without_password(text)
}

/// A key that we do not know may still be somebody's secret.
fn looks_secret(key: &str) -> bool {
    ["secret", "token", "password", "api_key", "master_key"].iter().any(|word| key.contains(word))
}

fn without_password(text: String) -> String {
    let Ok(mut url) = Url::parse(&text) else {
        let may_hold_one = text.contains('@');
        return if may_hold_one { "set".to_owned() } else { text };
    };
    if url.username().is_empty() && url.password().is_none() {
        return text;
    }
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    format!("{url} (without the password in it)")
}

/// How many letters are to be added, taken away or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for at in 0..other.len() {
            let changed = diagonal + usize::from(letter != other[at]);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'s>(settings: &'s [Setting], key: &str) -> &'s Setting {
        settings.iter().find(|setting| setting.key == key).expect("it is there")
    }

    #[test]
    fn each_value_names_its_source_and_no_secret_is_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hearback.toml");
        let text = "[server]\npublic_url = \"https://a.example\"\nlissten = 1\n\
                    [auth]\nsecret = \"the-secret-of-the-house-is-32-long\"\n\
                    [speech]\nbase_url = \"http://me:pass@there/v1\"\n";
        std::fs::write(&file, text).expect("written");
        let settings = Settings::read(Some(&file)).expect("readable");
        let url = find(&settings.known, "server.public_url");
        assert_eq!(url.shown, "https://a.example");
        assert_eq!(url.origin, Origin::File(file.clone()));
        assert_eq!(find(&settings.known, "play.prefetch").origin, Origin::Default);
        assert_eq!(find(&settings.known, "auth.secret").shown, "set");
        assert_eq!(find(&settings.known, "vault.master_key").shown, "empty");
        assert_eq!(settings.unknown.len(), 1);
        assert_eq!(settings.unknown[0].key, "server.lissten");
        assert_eq!(settings.meant("server.lissten"), Some("server.listen"));
        assert_eq!(settings.meant("server.colour_of_the_walls"), None);
        let all = format!("{settings:?}");
        assert!(!all.contains("the-secret-of") && !all.contains("me:pass"), "{all}");
    }

    #[test]
    fn a_key_has_one_variable() {
        assert_eq!(variable("language_model.api_key"), "HEARBACK_LANGUAGE_MODEL__API_KEY");
    }
}
