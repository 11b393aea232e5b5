//! Where a redirect may lead. Pure.

use actors::domain::FetchError;
use reqwest::StatusCode;
use url::{Host, Url};

use super::unexpected;

pub(super) const HOPS_MAX: usize = 3;

pub(super) struct RedirectRules {
    base: Url,
    hosts: Vec<String>,
}

/// The statuses whose `Location` is where the answer is.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

impl RedirectRules {
    pub(super) fn new(base: &Url, hosts: &[String]) -> Self {
        let hosts = hosts.iter().map(|host| host.trim().to_ascii_lowercase()).collect();
        Self { base: base.clone(), hosts }
    }

    /// Errors name the host at most: the rest of the URL can be a capability.
    pub(super) fn follow(&self, from: &Url, location: &str) -> Result<Url, FetchError> {
        let to = match from.join(location) {
            Ok(to) if !location.is_empty() => to,
            Ok(_) | Err(_) => return Err(unexpected("a redirect to no URL")),
        };
        // A base in the clear (a simulator) may lead on in the clear; Twilio may not.
        if to.scheme() != "https" && to.scheme() != self.base.scheme() {
            return Err(unexpected("a redirect out of https"));
        }
        if !to.username().is_empty() || to.password().is_some() {
            return Err(unexpected("a redirect with credentials in it"));
        }
        if to.origin() != self.base.origin() && !to.host().is_some_and(|host| self.allows(&host)) {
            return Err(FetchError::Unexpected(format!(
                "a redirect to {}, which twilio.redirect_hosts does not name",
                to.host_str().unwrap_or("no host")
            )));
        }
        Ok(to)
    }

    fn allows(&self, host: &Host<&str>) -> bool {
        let name = host.to_string();
        self.hosts.iter().any(|pattern| match (pattern.strip_prefix('*'), host) {
            (Some(domain), Host::Domain(name)) => {
                domain.starts_with('.')
                    && name.strip_suffix(domain).is_some_and(|labels| !labels.is_empty())
            }
            // The parts of an address are no labels.
            (Some(_), Host::Ipv4(_) | Host::Ipv6(_)) => false,
            (None, _) => *pattern == name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWILIO: &str = "https://api.twilio.com/2010-04-01/Accounts/AC/Recordings/RE.mp3";
    const SIMULATOR: &str = "http://127.0.0.1:9000/2010-04-01/Accounts/AC/Recordings/RE.mp3";

    fn follow(from: &str, location: &str) -> Result<String, FetchError> {
        let from: Url = from.parse().expect("a URL");
        let base = from.join("/").expect("a base");
        let hosts = ["*.twiliocdn.com", "Media.Example", "*.0.0.1", "*", "*evil.example"];
        RedirectRules::new(&base, &hosts.map(str::to_owned)).follow(&from, location).map(Into::into)
    }

    #[test]
    fn a_redirect_leads_to_listed_hosts_and_back() {
        for (from, location, to) in [
            (TWILIO, "https://media.example/a", "https://media.example/a"),
            (TWILIO, "https://mms.twiliocdn.com/a?sig=1", "https://mms.twiliocdn.com/a?sig=1"),
            (TWILIO, "https://a.b.TWILIOCDN.com/", "https://a.b.twiliocdn.com/"),
            (TWILIO, "//mms.twiliocdn.com/a", "https://mms.twiliocdn.com/a"),
            (TWILIO, "/elsewhere", "https://api.twilio.com/elsewhere"),
            (TWILIO, "https://api.twilio.com:443/other", "https://api.twilio.com/other"),
            (SIMULATOR, "/media/RE.mp3", "http://127.0.0.1:9000/media/RE.mp3"),
            (SIMULATOR, "http://media.example:81/a", "http://media.example:81/a"),
            (SIMULATOR, "https://media.example/a", "https://media.example/a"),
        ] {
            assert_eq!(follow(from, location).as_deref(), Ok(to), "{location}");
        }
    }

    #[test]
    fn a_redirect_leads_nowhere_else() {
        for (from, location) in [
            (TWILIO, "http://media.example/a"),
            (TWILIO, "http://api.twilio.com/a"),
            (TWILIO, "https://api.twilio.com:8443/a"),
            (TWILIO, "https://twiliocdn.com/"),
            (TWILIO, "https://.twiliocdn.com/"),
            (TWILIO, "https://eviltwiliocdn.com/"),
            (TWILIO, "https://mms.twiliocdn.com.evil.example/"),
            (TWILIO, "https://evil.example/"),
            (TWILIO, "https://media.example@evil.example/"),
            (TWILIO, "https://user:secret@media.example/"),
            (TWILIO, "https://user@api.twilio.com/"),
            (TWILIO, "https://169.254.169.254/latest"),
            (TWILIO, "https://127.0.0.1/"),
            (TWILIO, "https://2130706433/"),
            (TWILIO, "https://[::1]/"),
            (TWILIO, "https://[::ffff:127.0.0.1]/"),
            (TWILIO, "file:///etc/passwd"),
            (TWILIO, "data:audio/mpeg,x"),
            (TWILIO, "https://"),
            (TWILIO, ""),
            (SIMULATOR, "http://127.0.0.1:9001/"),
            (SIMULATOR, "ftp://media.example/a"),
        ] {
            assert!(follow(from, location).is_err(), "{location}");
        }
    }

    #[test]
    fn a_refused_redirect_is_told_without_its_path() {
        let refused = follow(TWILIO, "https://files.example/AC/RE?signature=secret");
        assert_eq!(
            refused.expect_err("refused").to_string(),
            "the source answered something that Twilio does not say: \
             a redirect to files.example, which twilio.redirect_hosts does not name"
        );
    }
}
