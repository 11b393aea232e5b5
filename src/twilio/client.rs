//! The recording source over Twilio's REST API.
//!
//! Invariant: URLs are made of the configured base and of SIDs; none that came from outside is ever asked.
//! Invariant: credentials go to the configured origin and nowhere else; no redirect carries them on.
//! Invariant: connecting, headers, every chunk and the whole have deadlines.

mod body;
mod redirect;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actors::domain::{AccountSid, CallDetails, CallSid, FetchError, NotAudio};
use actors::ports::{RecordingSource, SourceBody, SourceRequest};
use async_trait::async_trait;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use super::resources::{CallResource, ERROR_MONO_RECORDING, ErrorResource};
use redirect::RedirectRules;

#[derive(Debug, Clone)]
pub struct TwilioClientConfig {
    pub base_url: Url,
    /// Where a recording may be redirected to; `*.` in front stands for one or more labels.
    pub redirect_hosts: Vec<String>,
    pub connect_timeout: Duration,
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
    pub total_timeout: Duration,
    pub max_recording_bytes: u64,
}

/// How accounts authenticate.
pub trait Credentials: Send + Sync {
    fn of(&self, account: AccountSid) -> Option<Credential>;
}

pub struct Credential {
    pub user: String,
    pub secret: SecretString,
}

pub struct TwilioClient {
    config: TwilioClientConfig,
    redirects: RedirectRules,
    http: Client,
    credentials: Arc<dyn Credentials>,
}

/// Of a document that is no audio: a call, or an error.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(2);
const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);

/// The one place that makes an HTTP client: no redirects, no decompression (it would hide the length), and
/// no proxy from the environment that would see credentials.
pub fn http_client(connect_timeout: Duration) -> reqwest::Result<Client> {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .no_proxy()
        .user_agent(concat!("hearback/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl TwilioClient {
    pub fn new(
        config: TwilioClientConfig,
        credentials: Arc<dyn Credentials>,
    ) -> reqwest::Result<Self> {
        let http = http_client(config.connect_timeout)?;
        let redirects = RedirectRules::new(&config.base_url, config.redirect_hosts.clone());
        Ok(Self { config, redirects, http, credentials })
    }

    async fn open_audio(
        &self,
        request: &SourceRequest,
        channels: u8,
    ) -> Result<SourceBody, Refused> {
        let deadline = Instant::now() + self.config.total_timeout;
        let path = format!(
            "2010-04-01/Accounts/{}/Recordings/{}.{}",
            request.account,
            request.recording,
            request.format.as_str()
        );
        let mut url = self.url(&path);
        if channels > 1 {
            url.set_query(Some(&format!("RequestedChannels={channels}")));
        }
        let response = self.get(request.account, url).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST if channels > 1 => {
                let error: ErrorResource = self.document(response).await.unwrap_or_default();
                return Err(match error.code {
                    Some(ERROR_MONO_RECORDING) => Refused::Mono,
                    Some(_) | None => FetchError::Status(400).into(),
                });
            }
            status => return Err(refusal(status, &response).into()),
        }
        self.admit(&response)?;
        Ok(body::of(response, deadline, &self.config))
    }

    /// Judges the head of an answer, as far as headers tell.
    fn admit(&self, response: &Response) -> Result<(), FetchError> {
        let headers = response.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let encoding = text(CONTENT_ENCODING);
        if !matches!(encoding, "" | "identity") {
            return Err(FetchError::Unexpected(
                "an encoded body, though none was asked for".into(),
            ));
        }
        let media_type = text(CONTENT_TYPE).split(';').next().unwrap_or("").trim();
        if !media_type.to_ascii_lowercase().starts_with("audio/") {
            let said: String = media_type.chars().take(80).collect();
            return Err(NotAudio::ContentType(said).into());
        }
        let limit = self.config.max_recording_bytes;
        match response.content_length() {
            Some(0) => Err(NotAudio::Empty.into()),
            Some(length) if length > limit => Err(FetchError::TooLarge { limit }),
            Some(_) | None => Ok(()),
        }
    }

    /// Follows redirects by hand: the credentials go with the first request only.
    async fn get(&self, account: AccountSid, url: Url) -> Result<Response, FetchError> {
        let credential = self.credentials.of(account).ok_or(FetchError::RefusedAccount)?;
        let mut request = self
            .http
            .get(url.clone())
            .basic_auth(credential.user, Some(credential.secret.expose_secret()));
        let mut here = url;
        for _ in 0..=redirect::HOPS_MAX {
            let sent = request.header(ACCEPT_ENCODING, "identity").send();
            let response = tokio::time::timeout(self.config.header_timeout, sent)
                .await
                .map_err(|_| FetchError::TimedOut("answer"))?
                .map_err(|error| unreachable_because(&error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            here = self.redirects.follow(&here, location.unwrap_or_default())?;
            request = self.http.get(here.clone());
        }
        Err(FetchError::Unexpected("redirects without end".into()))
    }

    async fn document<T: serde::de::DeserializeOwned>(
        &self,
        mut response: Response,
    ) -> Result<T, FetchError> {
        let read = async {
            let mut bytes = Vec::new();
            while let Some(chunk) =
                response.chunk().await.map_err(|error| unreachable_because(&error))?
            {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > DOCUMENT_BYTES_MAX {
                    return Err(FetchError::Unexpected("a document that is too large".into()));
                }
            }
            serde_json::from_slice(&bytes).map_err(|_| {
                FetchError::Unexpected("a document that is not the JSON it should be".into())
            })
        };
        tokio::time::timeout(self.config.header_timeout, read)
            .await
            .map_err(|_| FetchError::TimedOut("finish a document"))?
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.config.base_url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }
}

#[async_trait]
impl RecordingSource for TwilioClient {
    async fn open(&self, request: &SourceRequest) -> Result<SourceBody, FetchError> {
        let channels = request.channels.unwrap_or(1);
        match self.open_audio(request, channels.min(2)).await {
            Err(Refused::Mono) => match self.open_audio(request, 1).await {
                Err(Refused::Mono) => Err(FetchError::Status(400)),
                Err(Refused::Otherwise(error)) => Err(error),
                Ok(body) => Ok(body),
            },
            Err(Refused::Otherwise(error)) => Err(error),
            Ok(body) => Ok(body),
        }
    }

    async fn call(&self, account: AccountSid, call: CallSid) -> Result<CallDetails, FetchError> {
        let path = format!("2010-04-01/Accounts/{account}/Calls/{call}.json");
        let response = self.get(account, self.url(&path)).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response.status(), &response));
        }
        let call: CallResource = self.document(response).await?;
        Ok(call.details())
    }
}

/// Why audio was not opened.
enum Refused {
    /// Two channels were asked for, and there is one.
    Mono,
    Otherwise(FetchError),
}

impl From<FetchError> for Refused {
    fn from(error: FetchError) -> Self {
        Self::Otherwise(error)
    }
}

fn refusal(status: StatusCode, response: &Response) -> FetchError {
    match status.as_u16() {
        401 => FetchError::RefusedAccount,
        403 => FetchError::RefusedRecording,
        404 => FetchError::NotFound,
        410 => FetchError::Deleted,
        429 => FetchError::Throttled { retry_after: retry_after(response) },
        206 => FetchError::Unexpected("a part, though the whole was asked for".into()),
        code => FetchError::Status(code),
    }
}

/// Seconds or a date (RFC 9110 §10.2.3), within reason.
#[expect(clippy::disallowed_methods, reason = "compared with a date that Twilio's clock made")]
fn retry_after(response: &Response) -> Duration {
    let text = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let span = text.and_then(|text| match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let at = httpdate::parse_http_date(text).ok()?;
            Some(at.duration_since(SystemTime::now()).unwrap_or_default())
        }
    });
    span.unwrap_or(RETRY_AFTER_DEFAULT).clamp(Duration::from_secs(1), RETRY_AFTER_MAX)
}

/// Without the URL, which would be logged.
fn unreachable_because(error: &reqwest::Error) -> FetchError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if error.is_timeout() {
        FetchError::TimedOut("connect")
    } else if std::ptr::eq(cause, error) {
        FetchError::Unreachable("the request could not be sent".into())
    } else {
        FetchError::Unreachable(cause.to_string())
    }
}
