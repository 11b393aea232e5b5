//! The recording source over Twilio's REST API.
//!
//! Invariants: URLs are made of the configured base and of SIDs, and a redirect leads only where `redirect`
//! lets it · credentials go with the first request to the configured origin and nowhere else · every wait ends
//! by a deadline · neither errors nor logs carry credentials, numbers or signed URLs.

mod body;
mod deadline;
mod redirect;
mod refusal;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::{AccountSid, CallDetails, CallSid, FetchError, RecordingSid, SourceStatus};
use actors::ports::{
    Listing, PageToken, RecordingSource, RecordingsPage, Resume, SourceBody, SourceRequest,
};
use async_trait::async_trait;
use reqwest::header::{ACCEPT_ENCODING, IF_RANGE, LOCATION, RANGE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::resources::{CallResource, ErrorResource, RecordingResource, RecordingsResource, day};
use crate::http_client::http_client;
use deadline::Deadline;
use redirect::RedirectRules;

#[derive(Debug, Clone)]
pub struct TwilioClientConfig {
    /// An origin, and the path before `/2010-04-01` where a proxy has one.
    pub base_url: Url,
    /// Where a recording may be redirected to; `*.` in front stands for one or more labels.
    pub redirect_hosts: Vec<String>,
    pub connect_timeout: Duration,
    /// From asking to the answer's headers, connecting included.
    pub header_timeout: Duration,
    /// The longest silence within a recording, and the longest that a small document may take.
    pub idle_timeout: Duration,
    /// Of everything that one question takes, redirects and body included.
    pub total_timeout: Duration,
    pub max_recording_bytes: u64,
}

/// How accounts authenticate.
pub trait Credentials: Send + Sync {
    fn of(&self, account: AccountSid) -> Option<Credential>;
}

pub struct Credential {
    /// The account's SID with its auth token, or an API key's with its secret.
    pub user: String,
    pub secret: SecretString,
}

pub struct TwilioClient {
    config: TwilioClientConfig,
    redirects: RedirectRules,
    http: Client,
    credentials: Arc<dyn Credentials>,
}

/// The last answer to a question.
struct Answer {
    response: Response,
    /// Given by a host that we were redirected to, and that never saw our credentials.
    redirected: bool,
}

/// Of what is no audio: a call, or an error.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;
const LIST_PAGE_SIZE: &str = "500";

#[async_trait]
impl RecordingSource for TwilioClient {
    async fn open(&self, request: &SourceRequest) -> Result<SourceBody, FetchError> {
        let deadline = Deadline::after(self.config.total_timeout);
        let answer = self.recording(request, None, deadline).await?;
        if answer.response.status() != StatusCode::OK {
            return Err(self.refused(request.account, answer, deadline).await);
        }
        body::admit(&answer.response, self.config.max_recording_bytes)?;
        Ok(body::arriving(answer.response, &self.config, deadline))
    }

    async fn resume(
        &self,
        request: &SourceRequest,
        from: &Resume,
    ) -> Result<SourceBody, FetchError> {
        let deadline = Deadline::after(self.config.total_timeout);
        let answer = self.recording(request, Some(from), deadline).await?;
        match answer.response.status() {
            StatusCode::OK => {
                body::admit(&answer.response, self.config.max_recording_bytes)?;
                Ok(body::arriving(answer.response, &self.config, deadline))
            }
            StatusCode::PARTIAL_CONTENT => {
                body::admit_rest(&answer.response, from)?;
                Ok(body::going_on(answer.response, &self.config, deadline, from))
            }
            _ => Err(self.refused(request.account, answer, deadline).await),
        }
    }

    async fn call(&self, account: AccountSid, call: CallSid) -> Result<CallDetails, FetchError> {
        let url = self.url(account, ["Calls", &format!("{call}.json")]);
        let document = self.ask_for(account, url, DOCUMENT_BYTES_MAX).await?;
        let found: CallResource =
            serde_json::from_slice(&document).map_err(|_| unexpected("a call that is not JSON"))?;
        if found.sid.as_ref().is_some_and(|sid| *sid != call.to_string()) {
            return Err(unexpected("another call than the one asked for"));
        }
        Ok(found.details())
    }

    async fn recording(
        &self,
        account: AccountSid,
        recording: RecordingSid,
    ) -> Result<SourceStatus, FetchError> {
        let url = self.url(account, ["Recordings", &format!("{recording}.json")]);
        let document = self.ask_for(account, url, DOCUMENT_BYTES_MAX).await?;
        let found: RecordingResource = serde_json::from_slice(&document)
            .map_err(|_| unexpected("a recording that is not JSON"))?;
        if found.sid.as_ref().is_none_or(|sid| *sid != recording.to_string()) {
            return Err(unexpected("another recording than the one asked for"));
        }
        found.status().ok_or_else(|| unexpected("a status of a recording that is new to us"))
    }

    async fn recordings(
        &self,
        account: AccountSid,
        listing: &Listing,
        page: Option<&PageToken>,
    ) -> Result<RecordingsPage, FetchError> {
        let url = self.list_url(account, listing, page);
        let document = self.ask_for(account, url, LIST_BYTES_MAX).await?;
        let found: RecordingsResource =
            serde_json::from_slice(&document).map_err(|_| unexpected("a list that is not JSON"))?;
        let next = found.next_page().map(PageToken);
        Ok(RecordingsPage { recordings: found.events(account), next })
    }
}

impl TwilioClient {
    pub fn new(
        config: TwilioClientConfig,
        credentials: Arc<dyn Credentials>,
    ) -> reqwest::Result<Self> {
        let http = http_client(config.connect_timeout)?;
        let redirects = RedirectRules::new(&config.base_url, &config.redirect_hosts);
        Ok(Self { config, redirects, http, credentials })
    }

    fn url<const PARTS: usize>(&self, account: AccountSid, path: [&str; PARTS]) -> Url {
        let mut url = self.config.base_url.clone();
        url.path_segments_mut()
            .expect("the configuration takes http and https only")
            .pop_if_empty()
            .extend(["2010-04-01", "Accounts", &account.to_string()])
            .extend(path);
        url
    }

    fn list_url(&self, account: AccountSid, listing: &Listing, page: Option<&PageToken>) -> Url {
        let mut url = match listing {
            Listing::Since(_) => self.url(account, ["Recordings.json"]),
            Listing::OfCall(call) => {
                self.url(account, ["Calls", &call.to_string(), "Recordings.json"])
            }
        };
        let mut query = url.query_pairs_mut();
        query.append_pair("PageSize", LIST_PAGE_SIZE);
        if let Listing::Since(since) = listing {
            query.append_pair("DateCreated>", &day(*since));
        }
        for (name, value) in page.into_iter().flat_map(|page| &page.0) {
            query.append_pair(name, value);
        }
        drop(query);
        url
    }

    /// A recording's audio, in two channels if it has two; or the rest of it.
    async fn recording(
        &self,
        request: &SourceRequest,
        rest: Option<&Resume>,
        deadline: Deadline,
    ) -> Result<Answer, FetchError> {
        let file = format!("{}.{}", request.recording, request.format.as_str());
        let url = self.url(request.account, ["Recordings", &file]);
        if request.channels == Some(2) {
            let answer =
                self.get_rest(request.account, in_two_channels(&url), rest, deadline).await?;
            // Error 16113: it is mono after all. The number comes as JSON, as XML or not at all.
            if answer.response.status() != StatusCode::BAD_REQUEST {
                return Ok(answer);
            }
        }
        self.get_rest(request.account, url, rest, deadline).await
    }

    /// The document that an answer consists of.
    async fn ask_for(
        &self,
        account: AccountSid,
        url: Url,
        bytes_max: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let deadline = Deadline::after(self.config.total_timeout);
        let answer = self.get_rest(account, url, None, deadline).await?;
        if answer.response.status() != StatusCode::OK {
            return Err(self.refused(account, answer, deadline).await);
        }
        self.document(answer.response, bytes_max, deadline).await
    }

    /// Asks, and follows redirects by hand: only the first request carries the credentials.
    async fn get_rest(
        &self,
        account: AccountSid,
        url: Url,
        rest: Option<&Resume>,
        deadline: Deadline,
    ) -> Result<Answer, FetchError> {
        let credential = self.credentials.of(account).ok_or(FetchError::RefusedAccount)?;
        let secret = credential.secret.expose_secret();
        let mut request = self.http.get(url.clone()).basic_auth(credential.user, Some(secret));
        let mut here = url;
        for hop in 0..=redirect::HOPS_MAX {
            let response = self.send(ranged(request, rest), deadline).await?;
            if !redirect::is_redirect(response.status()) {
                return Ok(Answer { response, redirected: hop > 0 });
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            here = self.redirects.follow(&here, location.unwrap_or_default())?;
            request = self.http.get(here.clone());
        }
        Err(unexpected("more redirects than anybody needs"))
    }

    async fn send(
        &self,
        request: RequestBuilder,
        deadline: Deadline,
    ) -> Result<Response, FetchError> {
        let sent = request.header(ACCEPT_ENCODING, "identity").send();
        deadline
            .within(self.config.header_timeout, "answer", sent)
            .await?
            .map_err(|error| unreachable_because(&error))
    }

    /// Says what a refusal means, and logs what Twilio's support asks for.
    async fn refused(&self, account: AccountSid, answer: Answer, deadline: Deadline) -> FetchError {
        let status = answer.response.status();
        let headers = answer.response.headers();
        let error = refusal::of(status, headers, answer.redirected);
        let request_id = refusal::request_id(headers).map(str::to_owned);
        // The reason is good to know, but what it comes with counts without it.
        let document = self.document(answer.response, DOCUMENT_BYTES_MAX, deadline).await;
        let document = document.unwrap_or_default();
        let code = serde_json::from_slice::<ErrorResource>(&document).ok().and_then(|it| it.code);
        tracing::info!(
            account.sid = %account,
            http.status = status.as_u16(),
            twilio.code = code,
            twilio.request_id = request_id,
            "Twilio refused a request"
        );
        error
    }

    async fn document(
        &self,
        mut response: Response,
        bytes_max: usize,
        deadline: Deadline,
    ) -> Result<Vec<u8>, FetchError> {
        let mut document = Vec::new();
        let read = async {
            while let Some(chunk) =
                response.chunk().await.map_err(|error| unreachable_because(&error))?
            {
                document.extend_from_slice(&chunk);
                if document.len() > bytes_max {
                    return Err(unexpected("a document that is much too long"));
                }
            }
            Ok(())
        };
        deadline.within(self.config.idle_timeout, "finish a document", read).await??;
        Ok(document)
    }
}

fn ranged(request: RequestBuilder, rest: Option<&Resume>) -> RequestBuilder {
    match rest {
        Some(Resume { offset, validator, .. }) => {
            request.header(RANGE, format!("bytes={offset}-")).header(IF_RANGE, validator)
        }
        None => request,
    }
}

fn in_two_channels(url: &Url) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("RequestedChannels", "2");
    url
}

fn unexpected(what: &str) -> FetchError {
    FetchError::Unexpected(what.to_owned())
}

/// By the innermost cause: the outer ones name the URL.
fn unreachable_because(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::TimedOut("accept the connection");
    }
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let innermost = causes.last().map(ToString::to_string);
    FetchError::Unreachable(innermost.unwrap_or_else(|| "the request could not be sent".to_owned()))
}
