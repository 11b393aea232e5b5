//! A refused webhook: over which URL, and with whose token, its signature is good.
//!
//! The service believes `server.public_url` and the account's own tokens, and nothing that a request says of itself;
//! here everything is tried that somebody may have meant, and what fits is told.

mod dump;

use std::collections::BTreeSet;

use actors::domain::AccountSid;
use anyhow::Context;
use secrecy::ExposeSecret;

use super::twilio::{self, Account};
use super::{Checked, Finding};
use crate::app::looking::Looking;
use crate::config::Config;
use crate::twilio::signature::{is_body_signed_by_any, is_signed_by_any};
use crate::twilio::webhook::{account_sid, parse_form};
use dump::Dump;

const NAME: &str = "webhook";
const PATHS: [&str; 2] = ["/webhooks/twilio/recording-status", "/webhooks/twilio/call-status"];

/// What a signature may have been made over: put together, it is a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Guess {
    scheme: String,
    authority: String,
    /// Of the path.
    prefix: String,
    path: String,
    /// With its question mark.
    query: String,
}

/// What it took to make the signature good.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing: it is good as it is.
    Good,
    Unsigned,
    /// Over this URL, with a token of its account.
    Over(Guess),
    /// With the token of another account, whichever URL that took.
    OfAnother(AccountSid, Guess),
    /// With nothing that was tried.
    Nothing {
        account: Option<AccountSid>,
        known: bool,
        tried: usize,
    },
}

pub(crate) async fn examine(config: &Config, text: &[u8]) -> anyhow::Result<Checked> {
    let dump = Dump::parse(text).context(
        "this is no webhook: see hearback doctor --help for the two forms that are read",
    )?;
    let looking = Looking::at(config).await.ok();
    let mut accounts = Vec::new();
    if let Some(looking) = &looking {
        let keys = looking.keys(config).await.context("the tokens cannot be opened")?;
        if let Some(keys) = keys {
            accounts = twilio::accounts(looking, &keys).await;
        }
    }
    twilio::with_settings(config, &mut accounts);
    let public_url = config.public_url(config.server.listen);
    let verdict = verdict(&dump, &public_url, &accounts);
    let expected = Guess::expected(&dump, &public_url);
    if let Some(looking) = looking {
        looking.catalog.close().await;
    }
    let detail = match &verdict {
        Verdict::Good => "its signature is good".to_owned(),
        Verdict::Over(_) | Verdict::OfAnother(..) => "its signature is good otherwise".to_owned(),
        Verdict::Unsigned | Verdict::Nothing { .. } => "its signature is not good".to_owned(),
    };
    Ok(Checked::made(NAME, detail, vec![judge(&verdict, &expected, &public_url)]))
}

fn verdict(dump: &Dump, public_url: &str, accounts: &[Account]) -> Verdict {
    let Some(signature) = &dump.signature else { return Verdict::Unsigned };
    let params = parse_form(&dump.body).unwrap_or_default();
    let named = account_sid(&params);
    let fits = |guess: &Guess, account: &Account| {
        let tokens: Vec<&str> = account.tokens.iter().map(ExposeSecret::expose_secret).collect();
        let url = guess.url();
        is_signed_by_any(&tokens, signature, &url, &params)
            || is_body_signed_by_any(&tokens, signature, &url, &dump.body)
    };
    let expected = Guess::expected(dump, public_url);
    let guesses = guesses(dump, public_url, &expected);
    let (own, others): (Vec<&Account>, Vec<&Account>) =
        accounts.iter().partition(|account| Some(account.sid) == named);
    for account in &own {
        if fits(&expected, account) {
            return Verdict::Good;
        }
        if let Some(guess) = guesses.iter().find(|guess| fits(guess, account)) {
            return Verdict::Over(guess.clone());
        }
    }
    for account in others {
        if let Some(guess) = guesses.iter().find(|guess| fits(guess, account)) {
            return Verdict::OfAnother(account.sid, guess.clone());
        }
    }
    let (known, tried) = (!own.is_empty(), guesses.len());
    Verdict::Nothing { account: named, known, tried }
}

/// The most likely ones first: with the fewest differences from what the service expects.
fn guesses(dump: &Dump, public_url: &str, expected: &Guess) -> Vec<Guess> {
    let schemes = ["https", "http"];
    let mut authorities: BTreeSet<String> = dump.authorities();
    authorities.insert(expected.authority.clone());
    let prefix = Guess::of(public_url).path.trim_end_matches('/').to_owned();
    let mut prefixes: BTreeSet<String> = dump.prefixes();
    prefixes.extend([String::new(), prefix]);
    let mut paths: BTreeSet<String> = dump.paths();
    paths.extend(PATHS.map(str::to_owned));
    let slashes: Vec<String> = paths.iter().map(|path| toggled(path)).collect();
    paths.extend(slashes);
    let mut queries: BTreeSet<String> = dump.queries();
    queries.insert(String::new());
    let mut guesses = BTreeSet::new();
    for scheme in schemes {
        for authority in &authorities {
            for prefix in &prefixes {
                for path in &paths {
                    for query in &queries {
                        guesses.insert(Guess {
                            scheme: scheme.to_owned(),
                            authority: authority.clone(),
                            prefix: prefix.clone(),
                            path: path.clone(),
                            query: query.clone(),
                        });
                    }
                }
            }
        }
    }
    let mut guesses: Vec<Guess> = guesses.into_iter().collect();
    guesses.sort_by_key(|guess| guess.differences(expected).len());
    guesses
}

fn toggled(path: &str) -> String {
    match path.strip_suffix('/') {
        Some(bare) => bare.to_owned(),
        None => format!("{path}/"),
    }
}

impl Guess {
    /// What the service checks with.
    fn expected(dump: &Dump, public_url: &str) -> Self {
        let (path, query) = dump.target();
        let base = Self::of(public_url);
        Self { prefix: base.path.trim_end_matches('/').to_owned(), path, query, ..base }
    }

    /// Of text, and not through a parser, which would spell it otherwise.
    fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = dump::split_query(path);
        let (scheme, authority) = (scheme.to_owned(), authority.to_owned());
        Self { scheme, authority, prefix: String::new(), path, query }
    }

    fn url(&self) -> String {
        let Self { scheme, authority, prefix, path, query } = self;
        format!("{scheme}://{authority}{prefix}{path}{query}")
    }

    /// To be shown: neither a password nor what a query may hold.
    fn shown(&self) -> String {
        let host = self.authority.rsplit('@').next().unwrap_or_default();
        let query = if self.query.is_empty() { "" } else { "?…" };
        format!("{}://{host}{}{}{query}", self.scheme, self.prefix, self.path)
    }

    /// In what it is not as another.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let host = |guess: &Self| {
            let authority = guess.authority.rsplit('@').next().unwrap_or_default();
            let end = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
            authority[..end.unwrap_or(authority.len())].to_ascii_lowercase()
        };
        let path = |guess: &Self| format!("{}{}", guess.prefix, guess.path);
        let mut differences = Vec::new();
        if self.scheme != other.scheme {
            differences.push("scheme");
        }
        if host(self) != host(other) {
            differences.push("host");
        } else if self.authority != other.authority {
            differences.push("port");
        }
        if path(self) != path(other) {
            let same = path(self).trim_end_matches('/') == path(other).trim_end_matches('/');
            let prefixed = self.path == other.path;
            differences.push(if same {
                "slash"
            } else if prefixed {
                "prefix"
            } else {
                "path"
            });
        }
        if self.query != other.query {
            differences.push("query");
        }
        differences
    }

    /// The public URL that would make it right.
    fn base(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

fn judge(verdict: &Verdict, expected: &Guess, public_url: &str) -> Finding {
    let over = format!("the service checks {}", expected.shown());
    match verdict {
        Verdict::Good => Finding::hint("webhook_verifies", "The signature is good: this configuration would take it")
            .seen(over)
            .mend("If it was refused all the same, restart hearback serve with this configuration; tokens that were added count within seconds"),
        Verdict::Unsigned => Finding::fault("webhook_unsigned", "There is no X-Twilio-Signature")
            .seen("the header is missing")
            .mend("Say proxy_set_header X-Twilio-Signature $http_x_twilio_signature; in nginx; if it never had one, it is not from Twilio"),
        Verdict::Over(guess) => over_another(guess, expected, public_url),
        Verdict::OfAnother(account, guess) => {
            Finding::fault("webhook_other_account", "It is signed with the token of another account than it names")
                .seen(format!("good with a token of {account}, over {}", guess.shown()))
                .mend("A subaccount signs with its own token: give it with hearback business add-token for the account that AccountSid names")
        }
        Verdict::Nothing { account: Some(account), known: false, tried } => {
            Finding::fault("webhook_unknown_account", "No business has the account that it names")
                .seen(format!("account {account}; {tried} URLs were tried with every other token"))
                .mend(format!("hearback business add --twilio-account-sid {account} --twilio-auth-token-file FILE …; a subaccount is an account of its own"))
        }
        Verdict::Nothing { account: None, .. } => {
            Finding::fault("webhook_names_no_account", "There is no AccountSid in it")
                .seen("nobody's tokens can be tried")
                .mend("See whether the body is there at all (curl --data-binary, not --data), and was not changed on its way")
        }
        Verdict::Nothing { account: Some(account), tried, .. } => {
            Finding::fault("webhook_token_unknown", "No token of its account makes this signature")
                .seen(format!("account {account}; {tried} URLs were tried, among them {}", expected.shown()))
                .mend(format!("Add the token that Twilio's console shows: hearback business add-token --twilio-account-sid {account} --twilio-auth-token-file FILE; if it is known, the body was changed or the URL at Twilio is another: give it as url: …"))
        }
    }
}

fn over_another(guess: &Guess, expected: &Guess, public_url: &str) -> Finding {
    let differences = guess.differences(expected);
    let listed = differences.join(", ");
    let evidence =
        format!("it is good over {}, and the service checks {}", guess.shown(), expected.shown());
    let at_twilio = |what: &str| {
        format!("At Twilio, give the callback URL {what}: {}", guess_for_twilio(expected))
    };
    let (code, what, remedy) = match differences[..] {
        ["slash"] => (
            "webhook_other_path",
            "It was signed over a path with another slash at its end",
            at_twilio("without the slash that is too much"),
        ),
        ["query"] => (
            "webhook_other_query",
            "It was signed over another query",
            "Have the proxy pass the query on as it came: proxy_pass without a URI or rewrite"
                .to_owned(),
        ),
        ["path"] => (
            "webhook_other_path",
            "It was signed over another path",
            at_twilio("as the service knows it"),
        ),
        _ if differences.contains(&"path")
            || differences.contains(&"query")
            || differences.contains(&"slash") =>
        {
            (
                "webhook_other_url",
                "It was signed over another URL",
                format!(
                    "Set server.public_url to {}, and give Twilio the callback URLs that hearback doctor prints then",
                    guess.base()
                ),
            )
        }
        _ => (
            "webhook_other_url",
            "It was signed over another URL than server.public_url makes",
            format!(
                "Set server.public_url to {} (it is {public_url} now) and restart hearback serve",
                guess.base()
            ),
        ),
    };
    Finding::fault(code, what).seen(format!("{evidence}; different: {listed}")).mend(remedy)
}

fn guess_for_twilio(expected: &Guess) -> String {
    let bare = Guess { path: expected.path.trim_end_matches('/').to_owned(), ..expected.clone() };
    format!("{}#rc=5&rp=ct,rt,5xx", bare.shown())
}

#[cfg(test)]
mod tests;
