//! Webhooks as Twilio sends them: signed forms, retried as the URL's fragment says, within 15 seconds.
//!
//! Invariant: the fragment is neither sent nor signed; every retry carries the same idempotency token.

use std::time::Duration;

use actors::domain::CallSid;
use tokio::time::{sleep, timeout};

use super::plan::Announcement;
use super::switchboard::{Call, Known, Recording, Switchboard, scattered};
use super::wire_time::rfc2822;
use crate::twilio::signature::sign;

/// All attempts together.
const TOTAL_MAX: Duration = Duration::from_secs(15);
const CONNECT_MAX: Duration = Duration::from_secs(5);
const RETRIES_MAX: u32 = 5;
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Keeps idempotency tokens apart from SIDs of the same seed.
const TOKEN_LANE: u64 = 0x746f_6b65_6e73;

/// Where webhooks go. URLs as one configures them at Twilio, with `#rc=5&rp=ct,rt,5xx` if wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Callbacks {
    pub recording_status: Option<String>,
    pub call_status: Option<String>,
    /// Connect to this origin (`http://127.0.0.1:8080`) although the URLs, as signed, name another.
    pub connect_to: Option<String>,
}

/// What became of one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub url: String,
    pub attempts: u32,
    /// The last answer's status; `None` if there was no answer.
    pub status: Option<u16>,
}

/// A webhook made up and signed, not yet sent.
pub(super) struct Webhook {
    url: String,
    connect_url: String,
    params: Vec<(String, String)>,
    signature: String,
    idempotency_token: String,
    retry: RetryRule,
}

/// Twilio's connection overrides, as far as they concern retries.
#[derive(Debug, PartialEq, Eq)]
struct RetryRule {
    retries: u32,
    connect: bool,
    read: bool,
    client_errors: bool,
    server_errors: bool,
}

/// The webhooks for `announcements` of a call, in order; none where no URL is set.
pub(super) fn compose(
    board: &Switchboard,
    call: CallSid,
    announcements: &[Announcement],
) -> Vec<Webhook> {
    let mut known = board.known();
    let mut webhooks = Vec::new();
    for announcement in announcements {
        let (callback, forms) = forms(board, &known, call, announcement);
        let Some(callback) = callback else { continue };
        for (account, params) in forms {
            let Some(account) = board.accounts.iter().find(|known| known.sid == account) else {
                continue;
            };
            let number = known.webhooks_sent;
            known.webhooks_sent += 1;
            let connect_to = known.callbacks.connect_to.clone();
            let webhook = Webhook::new(
                &callback,
                connect_to.as_deref(),
                &account.auth_token,
                params,
                format!("{:032x}", scattered(TOKEN_LANE, number)),
            );
            webhooks.push(webhook);
        }
    }
    webhooks
}

type Form = Vec<(String, String)>;

fn forms(
    board: &Switchboard,
    known: &Known,
    call: CallSid,
    announcement: &Announcement,
) -> (Option<String>, Vec<(actors::domain::AccountSid, Form)>) {
    let of_calls = |status: &str, is_meant: &dyn Fn(&Call) -> bool| {
        let meant = known.calls.values().filter(|call| is_meant(call));
        let forms = meant.map(|call| (call.account, call_form(call, status))).collect();
        (known.callbacks.call_status.clone(), forms)
    };
    match announcement {
        Announcement::Call(status) => of_calls(status, &|known| known.sid == call),
        Announcement::ChildLeg(status) => of_calls(status, &|known| known.parent == Some(call)),
        Announcement::Recordings(status) => {
            let own = known.recordings.values().filter(|recording| recording.call == call);
            let form = |it: &Recording| (it.account, recording_form(it, status, &board.url));
            (known.callbacks.recording_status.clone(), own.map(form).collect())
        }
    }
}

fn recording_form(recording: &Recording, status: &str, base_url: &str) -> Form {
    let Recording { sid, account, call, .. } = recording;
    let error_code = if status == "absent" { "16101" } else { "0" };
    owned([
        ("AccountSid", account.to_string()),
        ("CallSid", call.to_string()),
        ("RecordingSid", sid.to_string()),
        ("RecordingUrl", format!("{base_url}/2010-04-01/Accounts/{account}/Recordings/{sid}")),
        ("RecordingStatus", status.to_owned()),
        ("RecordingDuration", recording.announced_s.to_string()),
        ("RecordingChannels", recording.channels.to_string()),
        ("RecordingStartTime", rfc2822(recording.started_at_ms)),
        ("RecordingSource", "DialVerb".to_owned()),
        ("RecordingTrack", "both".to_owned()),
        ("ErrorCode", error_code.to_owned()),
    ])
}

fn call_form(call: &Call, status: &str) -> Form {
    let lasted_ms = if status == "completed" { call.duration_s * 1_000 } else { 0 };
    let at_ms = call.started_at_ms.saturating_add_unsigned(lasted_ms);
    let sequence = match status {
        "initiated" | "queued" => "0",
        "ringing" => "1",
        "in-progress" => "2",
        _ => "3",
    };
    let mut form = owned([
        ("AccountSid", call.account.to_string()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("CallSid", call.sid.to_string()),
        ("CallStatus", status.to_owned()),
        ("CallbackSource", "call-progress-events".to_owned()),
        ("Called", call.to.clone()),
        ("Caller", call.from.clone()),
        ("Direction", call.direction.clone()),
        ("From", call.from.clone()),
        ("SequenceNumber", sequence.to_owned()),
        ("Timestamp", rfc2822(at_ms)),
        ("To", call.to.clone()),
    ]);
    if let Some(parent) = call.parent {
        form.extend(owned([("ParentCallSid", parent.to_string())]));
    }
    if status == "completed" {
        form.extend(owned([
            ("CallDuration", call.duration_s.to_string()),
            // In minutes, as ever.
            ("Duration", call.duration_s.div_ceil(60).to_string()),
        ]));
    }
    form
}

fn owned<const N: usize>(pairs: [(&str, String); N]) -> Form {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Webhook {
    fn new(
        callback: &str,
        connect_to: Option<&str>,
        auth_token: &str,
        params: Form,
        idempotency_token: String,
    ) -> Self {
        let (url, overrides) = callback.split_once('#').unwrap_or((callback, ""));
        let connect_url = match connect_to {
            Some(origin) => format!("{}{}", origin.trim_end_matches('/'), path_and_query(url)),
            None => url.to_owned(),
        };
        Self {
            signature: sign(auth_token, url, &params),
            url: url.to_owned(),
            connect_url,
            params,
            idempotency_token,
            retry: RetryRule::parse(overrides),
        }
    }

    pub(super) async fn send(&self, client: &reqwest::Client) -> Delivered {
        let mut delivered = Delivered { url: self.url.clone(), attempts: 0, status: None };
        let attempts = async {
            for retry in 0..=self.retry.retries {
                sleep(RETRY_PAUSE * retry).await;
                delivered.attempts += 1;
                let answer = self.post(client).await;
                delivered.status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
                if !self.retry.covers(answer.map(|answer| answer.status())) {
                    break;
                }
            }
        };
        // Out of time is like out of attempts: Twilio gives up.
        let _ = timeout(TOTAL_MAX, attempts).await;
        delivered
    }

    async fn post(&self, client: &reqwest::Client) -> reqwest::Result<reqwest::Response> {
        client
            .post(&self.connect_url)
            .header("X-Twilio-Signature", &self.signature)
            .header("I-Twilio-Idempotency-Token", &self.idempotency_token)
            .form(&self.params)
            .send()
            .await
    }
}

impl RetryRule {
    /// Reads `rc=5&rp=ct,rt,5xx`; Twilio's default is one retry, only if it could not connect.
    fn parse(overrides: &str) -> Self {
        let value = |name: &str| {
            overrides.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let retries = value("rc").and_then(|count| count.parse().ok()).unwrap_or(1);
        let policy: Vec<&str> = value("rp").unwrap_or("ct").split(',').collect();
        let has = |name| policy.contains(&name) || policy.contains(&"all");
        Self {
            retries: RETRIES_MAX.min(retries),
            connect: has("ct"),
            read: has("rt"),
            client_errors: has("4xx"),
            server_errors: has("5xx"),
        }
    }

    fn covers(&self, answer: reqwest::Result<reqwest::StatusCode>) -> bool {
        match answer {
            Ok(status) if status.is_server_error() => self.server_errors,
            Ok(status) => status.is_client_error() && self.client_errors,
            Err(error) if error.is_connect() => self.connect,
            Err(_) => self.read,
        }
    }
}

/// Does not follow redirects, as a webhook must not.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_MAX)
        .timeout(TOTAL_MAX)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

fn path_and_query(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    url[after_scheme..].find('/').map_or("/", |at| &url[after_scheme + at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_as_the_fragment_says() {
        let none = RetryRule::parse("");
        assert_eq!((none.retries, none.connect, none.read), (1, true, false));
        let ours = RetryRule::parse("rc=5&rp=ct,rt,5xx");
        assert_eq!((ours.retries, ours.connect, ours.read), (5, true, true));
        assert!(ours.server_errors && !ours.client_errors);
        assert!(RetryRule::parse("rc=99&rp=all").client_errors);
        assert_eq!(RetryRule::parse("rc=99&rp=all").retries, 5);
    }

    #[test]
    fn the_origin_is_exchanged_without_touching_path_and_query() {
        assert_eq!(path_and_query("https://a.example/x/y?z='1"), "/x/y?z='1");
        assert_eq!(path_and_query("https://a.example"), "/");
    }
}
