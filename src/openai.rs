//! What the adapters of OpenAI-compatible services share: where the service is, how it is asked, and what its
//! refusals mean.
//!
//! Invariants: the key goes to the configured origin and nowhere else, as a redirect is not followed · every wait
//! ends by a deadline · what is read is bounded · errors hold statuses and codes, never a key and never free text of
//! the service's, which may repeat what was said in a call.

mod refusal;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use actors::ports::ProviderError;
use reqwest::{Client, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::http_client::http_client;

#[derive(Clone)]
pub struct EndpointConfig {
    /// With `/v1` at its end or without.
    pub base_url: Url,
    /// Empty where the service wants none, as one on the same machine.
    pub api_key: SecretString,
    pub model: String,
    pub connect_timeout: Duration,
    /// From asking to the answer's headers, connecting and uploading included. Most services think first and then
    /// send headers, so that this is what thinking may take.
    pub header_timeout: Duration,
    /// Of everything that one question takes.
    pub total_timeout: Duration,
}

/// Where questions go.
pub struct Endpoint {
    base: Url,
    config: EndpointConfig,
    http: Client,
}

/// What came instead of an answer.
pub struct Failure {
    pub error: ProviderError,
    /// `None` where it was no refusal.
    pub status: Option<u16>,
    /// The service's own words. They may repeat ours, so they stay here.
    document: Vec<u8>,
}

const REFUSAL_BYTES_MAX: usize = 64 * 1024;
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

impl Endpoint {
    /// Fails only where TLS cannot be set up.
    pub fn new(config: EndpointConfig) -> reqwest::Result<Self> {
        let http = http_client(config.connect_timeout)?;
        let mut base = config.base_url.clone();
        if !config.api_key.expose_secret().is_empty() {
            // `reqwest` would make a second `Authorization` of them. Only a URL without a host refuses this.
            let _ = base.set_username("").and_then(|()| base.set_password(None));
        }
        Ok(Self { base, config, http })
    }

    pub fn model(&self) -> &str {
        &self.config.model
    }

    /// Posts what `fill` puts into the request; answers with the body of a success.
    pub async fn post(
        &self,
        path: &[&str],
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Vec<u8>, Failure> {
        let mut request = self.http.post(self.url(path));
        let key = self.config.api_key.expose_secret();
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        let start = Instant::now();
        let end = start + self.config.total_timeout;
        let header_end = end.min(start + self.config.header_timeout);
        let response = timeout_at(header_end, fill(request).send())
            .await
            .map_err(|_| unavailable("it did not answer in time"))?
            .map_err(|error| unreachable_because(&error))?;
        if response.status().is_success() {
            return timeout_at(end, body(response, ANSWER_BYTES_MAX))
                .await
                .map_err(|_| unavailable("it did not finish its answer in time"))?;
        }
        let status = response.status();
        let headers = response.headers().clone();
        // The reason is good to know, but the status counts without it.
        let document = timeout_at(end, body(response, REFUSAL_BYTES_MAX)).await;
        let document = document.ok().and_then(Result::ok).unwrap_or_default();
        let error = refusal::of(status, &headers, &document, key);
        Err(Failure { error, status: Some(status.as_u16()), document })
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        let versioned = url.path().trim_end_matches('/').ends_with("/v1");
        url.path_segments_mut()
            .expect("the configuration takes http and https only")
            .pop_if_empty()
            .extend((!versioned).then_some("v1"))
            .extend(path);
        url
    }
}

impl Failure {
    fn new(error: ProviderError) -> Self {
        Self { error, status: None, document: Vec::new() }
    }

    /// Whether the service's reasons speak of this.
    pub fn speaks_of(&self, word: &str) -> bool {
        String::from_utf8_lossy(&self.document).contains(word)
    }
}

async fn body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable_because(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > bytes_max {
            let error = ProviderError::Nonsense("it is much too long".to_owned());
            return Err(Failure::new(error));
        }
    }
    Ok(body)
}

fn unavailable(why: &str) -> Failure {
    Failure::new(ProviderError::Unavailable(why.to_owned()))
}

fn unreachable(why: &str) -> Failure {
    Failure::new(ProviderError::Unreachable(why.to_owned()))
}

/// By the innermost cause: the outer ones name the URL.
fn unreachable_because(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return unreachable("it did not accept the connection in time");
    }
    if error.is_builder() {
        let error = ProviderError::Refused("the key or the URL cannot be sent".to_owned());
        return Failure::new(error);
    }
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let innermost = causes.last().map(ToString::to_string);
    let why = innermost.unwrap_or_else(|| "the request could not be sent".to_owned());
    if error.is_connect() { unreachable(&why) } else { unavailable(&why) }
}

/// Neither the key nor a password in the URL is shown.
impl fmt::Debug for EndpointConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.base_url.host_str().unwrap_or_default();
        write!(out, "EndpointConfig({} at {host})", self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_leads_to_version_1_once() {
        for (base, expected) in [
            ("https://api.openai.com", "https://api.openai.com/v1/a/b"),
            ("https://api.openai.com/", "https://api.openai.com/v1/a/b"),
            ("http://host:1234/v1", "http://host:1234/v1/a/b"),
            ("http://host:1234/v1/", "http://host:1234/v1/a/b"),
            ("http://host/openai/v1", "http://host/openai/v1/a/b"),
            ("http://host/openai", "http://host/openai/v1/a/b"),
            ("http://user:pass@host", "http://host/v1/a/b"),
        ] {
            let endpoint = Endpoint::new(config(base)).expect("an endpoint");
            assert_eq!(endpoint.url(&["a", "b"]).as_str(), expected);
        }
    }

    #[test]
    fn neither_key_nor_password_is_shown() {
        let shown = format!("{:?}", config("http://user:pass@host/v1"));
        assert_eq!(shown, "EndpointConfig(a-model at host)");
    }

    fn config(base: &str) -> EndpointConfig {
        EndpointConfig {
            base_url: base.parse().expect("a URL"),
            api_key: "a-key".into(),
            model: "a-model".to_owned(),
            connect_timeout: Duration::from_secs(1),
            header_timeout: Duration::from_secs(1),
            total_timeout: Duration::from_secs(1),
        }
    }
}
