//! What is brought along: a token, a signed link, and a webhook that changes nothing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actors::domain::{BusinessId, Timestamp};
use reqwest::header::{AUTHORIZATION, COOKIE};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};

use super::Seen;
use super::asking::Entrance;
use crate::auth::links::{Grant, Links};
use crate::auth::{Authority, Role};
use crate::config::Config;
use crate::doctor::specimen::Specimen;
use crate::twilio::signature::sign;
use crate::twilio::webhook::{CallbackUrls, parse_form};

/// Longer than any run.
const TTL: Duration = Duration::from_mins(5);
/// Nearly what the service takes, and what no webhook of Twilio's ever is.
const FORM_BYTES: usize = 60 * 1024;
pub(super) const WEBHOOK_PATH: &str = "/webhooks/twilio/recording-status";

pub(super) struct Errand {
    /// `None` where tokens are signed elsewhere, or nothing was signed yet.
    pub(super) token: Option<String>,
    /// Opens nothing: for whoever may be somebody else.
    introduction: Option<String>,
    /// The value of `link`.
    link: Option<String>,
    pub(super) specimen: Option<Specimen>,
    pub(super) cors_origin: Option<String>,
    pub(super) cache_control: String,
    pub(super) webhook: Option<SignedForm>,
    asked: AtomicU32,
}

/// Signed as Twilio signs, and understood by nobody: it names no call. So it is verified, and refused as malformed.
pub(super) struct SignedForm {
    pub(super) body: String,
    pub(super) signature: String,
}

/// Whose calls there are none of.
const NO_BUSINESS: &str = "hearback-doctor";

impl Errand {
    pub(super) fn new(
        config: &Config,
        secret: Option<&SecretString>,
        business: BusinessId,
        seen: Seen,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let Seen { specimen, accounts, .. } = seen;
        let (token, introduction) = match secret {
            Some(secret) if config.auth.shares_secret() => {
                let authority = Authority::new(config, secret)?;
                let nobodys = NO_BUSINESS.parse()?;
                let token = authority.mint(&business, Role::Operator, now, TTL)?;
                (Some(token), Some(authority.mint(&nobodys, Role::Agent, now, TTL)?))
            }
            Some(_) | None => (None, None),
        };
        let link = specimen.as_ref().zip(secret).map(|(specimen, secret)| {
            let Specimen { business, call, audio, .. } = specimen;
            Links::new(secret).sign(&Grant {
                business: business.clone(),
                call: *call,
                recording: audio.recording,
                expires_at: now.plus(TTL),
            })
        });
        let signer =
            accounts.iter().find_map(|account| Some((account.sid, account.tokens.first()?)));
        let public_url = config.public_url(config.server.listen);
        let webhook =
            signer.map(|(sid, token)| SignedForm::new(&sid.to_string(), token, &public_url));
        Ok(Self {
            token,
            introduction,
            link,
            specimen,
            cors_origin: config.server.cors_origins().into_iter().next(),
            cache_control: config.play.cache_control.clone(),
            webhook,
            asked: AtomicU32::new(0),
        })
    }

    /// The specimen's URL, a new one each time: what a cache has of one says nothing of another.
    pub(super) fn play_url(&self, at: &Entrance, with_link: bool) -> Option<String> {
        let Specimen { call, audio, .. } = self.specimen.as_ref()?;
        let nonce =
            format!("{}-{}", std::process::id(), self.asked.fetch_add(1, Ordering::Relaxed));
        let link = self.link.as_ref().filter(|_| with_link);
        let link = link.map_or_else(String::new, |link| format!("&link={link}"));
        let recording = audio.recording;
        Some(
            at.to(&format!(
                "/api/recordings/file/{call}?recording={recording}&doctor={nonce}{link}"
            )),
        )
    }

    /// By the token where it comes through, else by a link.
    pub(super) fn play(
        &self,
        at: &Entrance,
        method: Method,
        bearer: bool,
    ) -> Option<RequestBuilder> {
        let bearer = bearer && self.token.is_some();
        let request = at.client.request(method, self.play_url(at, !bearer)?);
        Some(if bearer { self.authorised(request) } else { request })
    }

    pub(super) fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        bearing(self.token.as_deref(), request)
    }

    /// With a token of a business that there is not: whoever answers may be another application.
    pub(super) fn introduced(&self, request: RequestBuilder) -> RequestBuilder {
        bearing(self.introduction.as_deref(), request)
    }

    /// The same as a cookie.
    pub(super) fn introduced_by_cookie(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.introduction {
            Some(token) => request.header(COOKIE, format!("hearback_session={token}")),
            None => request,
        }
    }
}

fn bearing(token: Option<&str>, request: RequestBuilder) -> RequestBuilder {
    match token {
        Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    }
}

impl SignedForm {
    fn new(account: &str, token: &SecretString, public_url: &str) -> Self {
        let padding = "x".repeat(FORM_BYTES);
        let body = format!("AccountSid={account}&HearbackDoctor={padding}");
        let params = parse_form(body.as_bytes()).unwrap_or_default();
        let url = CallbackUrls::at(public_url).recording_status;
        let signature = sign(token.expose_secret(), &url, &params);
        Self { body, signature }
    }
}
