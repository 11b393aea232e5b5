//! The configuration: what stops it, and what is odd about it.

use std::path::Path;

use url::Url;

use super::{Checked, Finding};
use crate::config::origins::{Setting, Settings};
use crate::config::{Config, ConfigError};

/// Why a configuration cannot be used. Keys that do not exist are all named, not only the first.
pub(crate) fn misread(error: &ConfigError, file: Option<&Path>) -> Vec<Finding> {
    let unknown = Settings::read(file).map(|settings| unknown_keys(&settings)).unwrap_or_default();
    if !unknown.is_empty() {
        return unknown;
    }
    let finding = match error {
        ConfigError::Bad { key, problem, remedy } => {
            Finding::fault("config_bad_value", format!("The setting {key} cannot be used"))
                .seen(problem.clone())
                .mend(format!("Set {key} anew: {remedy}"))
        }
        ConfigError::Unreadable(error) => Finding::fault(
            "config_unreadable",
            "The configuration cannot be read",
        )
        .seen(without_source(&error.to_string()))
        .mend("Mend what the evidence names; config/default.toml shows every key with its type"),
    };
    vec![finding]
}

/// A parser shows the line that it cannot read, and a secret may stand in it.
fn without_source(error: &str) -> String {
    let is_shown = |line: &&str| {
        let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        !rest.trim_start().starts_with('|')
    };
    error.lines().filter(is_shown).collect::<Vec<_>>().join(" ")
}

fn unknown_keys(settings: &Settings) -> Vec<Finding> {
    let judge = |setting: &Setting| {
        let Setting { key, origin, .. } = setting;
        let remedy = match settings.meant(key) {
            Some(meant) => format!("Write {meant}, if that is what is meant, or take {key} out"),
            None => format!(
                "Take {key} out; hearback doctor --config-only lists every key that there is"
            ),
        };
        Finding::fault("config_unknown_key", format!("There is no setting {key}"))
            .seen(format!("it comes from {origin}"))
            .mend(remedy)
    };
    settings.unknown.iter().map(judge).collect()
}

/// A configuration that can be used, looked over.
pub(crate) fn explained(config: &Config, settings: &Settings) -> Checked {
    let set = settings.known.iter();
    let set =
        set.filter(|setting| setting.origin != crate::config::origins::Origin::Default).count();
    let detail = format!("{} keys, {set} of them set by you", settings.known.len());
    Checked::made("configuration", detail, judge(config))
}

fn judge(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let public = config.public_url(config.server.listen);
    let Ok(public) = Url::parse(&public) else { return findings };
    let simulated = is_of_this_machine(&config.twilio.base_url);
    if is_of_this_machine(&public) && !simulated {
        let finding = Finding::warning("public_url_private", "Twilio cannot reach the public URL")
            .seen(format!("{public} is this machine alone; webhooks do not arrive, and recordings are found by comparing lists, minutes later"))
            .mend("Set server.public_url to the URL by which Twilio and browsers reach this service");
        findings.push(finding);
    } else if public.scheme() == "http" && !is_of_this_machine(&public) {
        let finding = Finding::warning(
            "public_url_plain",
            "Recordings and tokens travel unencrypted",
        )
        .seen(format!("server.public_url is {public}"))
        .mend(
            "Put a proxy with a certificate in front and set server.public_url to its https:// URL",
        );
        findings.push(finding);
    }
    findings
}

/// Whether a URL leads no further than this machine.
pub(super) fn is_of_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(url::Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(public_url: &str, base_url: &str) -> Vec<&'static str> {
        let mut config = Config::defaults_in(Path::new("elsewhere"));
        config.server.public_url = public_url.to_owned();
        config.twilio.base_url = base_url.parse().expect("a URL");
        judge(&config).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_public_url_that_twilio_cannot_use_is_told() {
        const TWILIO: &str = "https://api.twilio.com";
        assert_eq!(codes("", TWILIO), ["public_url_private"]);
        assert_eq!(codes("http://[::1]:1", TWILIO), ["public_url_private"]);
        assert_eq!(codes("http://rec.example", TWILIO), ["public_url_plain"]);
        assert_eq!(codes("https://rec.example", TWILIO), [""; 0]);
        assert_eq!(
            codes("http://127.0.0.1:1", "http://127.0.0.1:2"),
            [""; 0],
            "all on this machine"
        );
    }
}
