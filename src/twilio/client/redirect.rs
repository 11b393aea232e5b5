//! Where a redirect may lead. Pure.

use actors::domain::FetchError;
use url::{Host, Url};

pub(super) const HOPS_MAX: usize = 3;

pub(super) struct RedirectRules {
    hosts: Vec<String>,
    /// A base in the clear (a simulator) may lead to others in the clear; Twilio's may not.
    http_too: bool,
}

impl RedirectRules {
    pub(super) fn new(base: &Url, mut hosts: Vec<String>) -> Self {
        hosts.extend(base.host_str().map(str::to_owned));
        Self { hosts, http_too: base.scheme() == "http" }
    }

    pub(super) fn follow(&self, from: &Url, location: &str) -> Result<Url, FetchError> {
        let refused = |why: &str| Err(FetchError::Unexpected(format!("a redirect {why}")));
        let Ok(to) = from.join(location) else { return refused("to no URL") };
        let secure = to.scheme() == "https" || (self.http_too && to.scheme() == "http");
        if !secure {
            return refused("out of https");
        }
        if !to.username().is_empty() || to.password().is_some() {
            return refused("with credentials in it");
        }
        match to.host() {
            Some(Host::Domain(host)) if self.allows(host) => Ok(to),
            // Addresses are reached only where the base itself is one: a simulator.
            Some(Host::Ipv4(_) | Host::Ipv6(_))
                if to.host_str().is_some_and(|host| self.allows(host)) =>
            {
                Ok(to)
            }
            Some(_) | None => refused("to a host that twilio.redirect_hosts does not name"),
        }
    }

    fn allows(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(domain) => host
                .strip_suffix(domain)
                .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
            None => host == pattern,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(base: &str, location: &str) -> Result<String, FetchError> {
        let base: Url = base.parse().expect("a URL");
        let hosts = vec!["*.twiliocdn.com".to_owned(), "media.example".to_owned()];
        RedirectRules::new(&base, hosts).follow(&base, location).map(Into::into)
    }

    #[test]
    fn a_redirect_stays_with_listed_hosts_and_https() {
        let base = "https://api.twilio.com/2010-04-01/Recordings/RE.mp3";
        for good in [
            "https://media.example/a",
            "https://mms.twiliocdn.com/a?sig=1",
            "https://a.b.twiliocdn.com/",
            "/elsewhere",
            "https://api.twilio.com/other",
        ] {
            assert!(follow(base, good).is_ok(), "{good}");
        }
        for bad in [
            "http://media.example/a",
            "https://twiliocdn.com.evil.example/",
            "https://eviltwiliocdn.com/",
            "https://.twiliocdn.com/",
            "https://169.254.169.254/latest",
            "https://[::ffff:127.0.0.1]/",
            "https://user:secret@media.example/",
            "https://media.example@evil.example/",
            "file:///etc/passwd",
            "https:",
        ] {
            assert!(follow(base, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_simulator_in_the_clear_may_redirect_to_itself() {
        assert!(follow("http://127.0.0.1:9000/a", "http://127.0.0.1:9000/b").is_ok());
        assert!(follow("http://127.0.0.1:9000/a", "http://127.0.0.2:9000/b").is_err());
    }
}
