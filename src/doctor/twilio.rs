//! Twilio: whether each account's credentials are good, and whether it lets us ask as often as we do.

use std::time::Duration;

use actors::domain::AccountSid;
use actors::ports::{Catalog, Clock};
use futures_util::future::join_all;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::timeout;

use super::way_in::NoAnswer;
use super::{Checked, Finding, Told, clock};
use crate::app::looking::{Keys, Looking};
use crate::config::{Config, millis};
use crate::http_client::http_client;

pub(super) const NAME: &str = "Twilio";
const DEADLINE: Duration = Duration::from_secs(10);
const ACCOUNTS_MAX: usize = 32;
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// An account, with its tokens, the newest first.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) sid: AccountSid,
    pub(super) tokens: Vec<SecretString>,
}

/// What became of one question.
enum Asked {
    Welcome,
    /// A redirect or a page: whoever that is, it is not Twilio's API.
    NotTwilio(u16),
    Refused {
        status: u16,
        code: Option<u64>,
        /// One of the account's older tokens is good.
        older_is_good: bool,
    },
    Throttled {
        retry_after: Option<String>,
    },
    Failing(u16),
    Silent(NoAnswer),
}

/// As the catalog has them, and as they open.
pub(super) async fn accounts(looking: &Looking, keys: &Keys) -> Vec<Account> {
    let known = looking.catalog.accounts().await.unwrap_or_default();
    let open = |account: &actors::ports::TwilioAccount| Account {
        sid: account.sid,
        tokens: keys.tokens(account).into_iter().flatten().collect(),
    };
    known.iter().map(open).collect()
}

/// Whether there are accounts, whose tokens perhaps do not open.
pub(super) async fn are_known(looking: &Looking) -> bool {
    looking.catalog.accounts().await.is_ok_and(|known| !known.is_empty())
}

/// `sealed`: there are accounts, and no key.
pub(super) async fn check(
    config: &Config,
    sealed: bool,
    mut accounts: Vec<Account>,
    clock: &dyn Clock,
) -> (Vec<Told>, Checked) {
    with_settings(config, &mut accounts);
    if accounts.is_empty() && sealed {
        return (
            Vec::new(),
            Checked::skipped("twilio", "no token can be opened without the master key"),
        );
    }
    if accounts.is_empty() {
        let finding =
            Finding::hint("no_business", "There is no business yet, so every webhook is refused")
                .seen("no account is known")
                .mend("Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or run hearback business add");
        return (Vec::new(), Checked::made("twilio", "no account is known", vec![finding]));
    }
    accounts.truncate(ACCOUNTS_MAX);
    let asked = join_all(accounts.iter().map(|account| ask_as(config, account, clock))).await;
    let told = asked.iter().find_map(|(_, told)| told.clone());
    let findings = accounts.iter().zip(&asked).filter_map(|(account, (asked, _))| {
        judge(config.twilio.base_url.as_str(), account.sid, asked)
    });
    let findings = once_each(findings.collect());
    let welcome = asked.iter().filter(|(asked, _)| matches!(asked, Asked::Welcome)).count();
    let detail = format!(
        "{welcome} of {} accounts let us in; we ask each at most {} times a second",
        accounts.len(),
        config.twilio.requests_per_second
    );
    (told.into_iter().collect(), Checked::made("twilio", detail, findings))
}

/// The account of the settings is made, or its token added, at the next start.
pub(super) fn with_settings(config: &Config, accounts: &mut Vec<Account>) {
    let twilio = &config.twilio;
    let Ok(sid) = twilio.account_sid.parse::<AccountSid>() else { return };
    let token = twilio.auth_token.clone();
    if token.expose_secret().is_empty() {
        return;
    }
    match accounts.iter_mut().find(|account| account.sid == sid) {
        None => accounts.push(Account { sid, tokens: vec![token] }),
        Some(account) => {
            let same = |known: &SecretString| known.expose_secret() == token.expose_secret();
            if !account.tokens.iter().any(same) {
                account.tokens.insert(0, token);
            }
        }
    }
}

/// What is wrong with all accounts alike is told once.
fn once_each(findings: Vec<Finding>) -> Vec<Finding> {
    let mut told: Vec<Finding> = Vec::new();
    for finding in findings {
        if !told.contains(&finding) {
            told.push(finding);
        }
    }
    told
}

/// An account asks by its newest token; whether an older one is good is asked where that is refused.
async fn ask_as(config: &Config, account: &Account, clock: &dyn Clock) -> (Asked, Option<Told>) {
    let mut tokens = account.tokens.iter();
    let Some(newest) = tokens.next() else {
        return (Asked::Refused { status: 0, code: None, older_is_good: false }, None);
    };
    let (mut asked, told) = ask(config, account.sid, newest, clock).await;
    if let Asked::Refused { older_is_good, .. } = &mut asked {
        for older in tokens {
            *older_is_good |=
                matches!(ask(config, account.sid, older, clock).await.0, Asked::Welcome);
        }
    }
    (asked, told)
}

/// Asks for a list of one recording, which costs nothing.
async fn ask(
    config: &Config,
    account: AccountSid,
    token: &SecretString,
    clock: &dyn Clock,
) -> (Asked, Option<Told>) {
    let base = config.twilio.base_url.as_str().trim_end_matches('/');
    let url = format!("{base}/2010-04-01/Accounts/{account}/Recordings.json?PageSize=1");
    let Ok(client) = http_client(millis(config.twilio.connect_timeout_ms)) else {
        return (Asked::Silent(NoAnswer::Other("TLS cannot be set up".to_owned())), None);
    };
    let request =
        client.get(url).basic_auth(account.to_string(), Some(token.expose_secret())).send();
    let response = match timeout(DEADLINE, request).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return (Asked::Silent(NoAnswer::because(&error)), None),
        Err(_) => return (Asked::Silent(NoAnswer::TimedOut), None),
    };
    let ours = clock.now();
    let told = clock::date(response.headers()).map(|theirs| Told { by: NAME, theirs, ours });
    let (status, headers) = (response.status(), response.headers().clone());
    let document = match timeout(DEADLINE, document(response)).await {
        Ok(Some(document)) => document,
        Ok(None) | Err(_) => return (Asked::Silent(NoAnswer::TimedOut), told),
    };
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let document = serde_json::from_slice(&document).ok();
    (meaning(status, document.as_ref(), retry_after), told)
}

async fn document(mut response: reqwest::Response) -> Option<Vec<u8>> {
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        document.extend_from_slice(&chunk);
        if document.len() > DOCUMENT_BYTES_MAX {
            break;
        }
    }
    Some(document)
}

fn meaning(status: StatusCode, document: Option<&Value>, retry_after: Option<&str>) -> Asked {
    let code = document.and_then(|document| document["code"].as_u64());
    let listed = document.is_some_and(|document| document["recordings"].is_array());
    match status.as_u16() {
        200 if listed => Asked::Welcome,
        // Twilio's own refusals are documents with a code.
        status @ 401..=403 if document.is_some() => {
            Asked::Refused { status, code, older_is_good: false }
        }
        429 => Asked::Throttled { retry_after: retry_after.map(str::to_owned) },
        status @ 500.. => Asked::Failing(status),
        // An account that Twilio does not know.
        404 if code.is_some() => Asked::Refused { status: 404, code, older_is_good: false },
        status => Asked::NotTwilio(status),
    }
}

fn judge(base_url: &str, account: AccountSid, asked: &Asked) -> Option<Finding> {
    let finding = match asked {
        Asked::Welcome => return None,
        Asked::NotTwilio(status) => Finding::fault("twilio_not_there", "What answers at twilio.base_url is not Twilio's API")
            .seen(format!("{base_url} answers {status}, and no list of recordings"))
            .mend("Set twilio.base_url to https://api.twilio.com, or to a proxy that passes everything on to it"),
        Asked::Refused { status, code, older_is_good } => refused(account, *status, *code, *older_is_good),
        Asked::Throttled { retry_after } => Finding::warning("twilio_throttled", "Twilio asks us to ask less often")
            .seen(format!("account {account}: 429, Retry-After {}", retry_after.as_deref().unwrap_or("none")))
            .mend("Lower twilio.requests_per_second and twilio.max_parallel_fetches, or look what else uses the account"),
        Asked::Failing(status) => Finding::warning("twilio_failing", "Twilio has a failure of its own")
            .seen(format!("{base_url} answers {status}"))
            .mend("Wait, and look at https://status.twilio.com; what is here plays on"),
        Asked::Silent(why) => Finding::fault("twilio_unreachable", "Twilio cannot be reached")
            .seen(format!("{base_url}: {why}"))
            .mend("Let this machine reach the host of twilio.base_url: name resolution, port 443 of the firewall, CA certificates"),
    };
    Some(finding)
}

fn refused(account: AccountSid, status: u16, code: Option<u64>, older_is_good: bool) -> Finding {
    let code = code.map_or_else(String::new, |code| format!(", Twilio's error {code}"));
    let add = format!(
        "hearback business add-token --twilio-account-sid {account} --twilio-auth-token-file FILE"
    );
    match (status, older_is_good) {
        (_, true) => Finding::fault("twilio_token_not_promoted", "The newest auth token is refused, and an older one is good")
            .seen(format!("account {account}: {status}{code}"))
            .mend("Promote the new token at Twilio, or take it away with hearback business remove-token until then"),
        (403, false) => Finding::fault("twilio_forbidden", "Twilio knows the account and does not let it list recordings")
            .seen(format!("account {account}: 403{code}"))
            .mend("See whether the account is suspended, or its token restricted, in Twilio's console"),
        (_, false) => Finding::fault("twilio_token_refused", "Twilio refuses the account's auth token")
            .seen(format!("account {account}: {status}{code}"))
            .mend(format!("Give the token that Twilio's console shows: TWILIO_AUTH_TOKEN for the account of the settings, else {add}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code_of(status: u16, document: Option<Value>) -> Option<&'static str> {
        let status = StatusCode::from_u16(status).expect("a status");
        let asked = meaning(status, document.as_ref(), None);
        judge("https://a.example", AccountSid::from_bits(1), &asked).map(|finding| finding.code)
    }

    #[test]
    fn each_answer_has_its_meaning() {
        let listed = || Some(json!({ "recordings": [] }));
        assert_eq!(code_of(200, listed()), None);
        assert_eq!(code_of(200, None), Some("twilio_not_there"));
        assert_eq!(code_of(200, Some(json!({}))), Some("twilio_not_there"));
        assert_eq!(code_of(301, None), Some("twilio_not_there"));
        assert_eq!(code_of(404, None), Some("twilio_not_there"));
        assert_eq!(code_of(404, Some(json!({ "code": 20404 }))), Some("twilio_token_refused"));
        assert_eq!(code_of(401, Some(json!({ "code": 20003 }))), Some("twilio_token_refused"));
        assert_eq!(code_of(401, None), Some("twilio_not_there"), "somebody else's 401");
        assert_eq!(code_of(403, Some(json!({ "code": 20005 }))), Some("twilio_forbidden"));
        assert_eq!(code_of(429, None), Some("twilio_throttled"));
        assert_eq!(code_of(503, None), Some("twilio_failing"));
    }
}
