//! One question and its answer, whole or not.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Response};
use tokio::time::timeout;

use crate::doctor::specimen::BYTES_MAX;
use crate::http_client::http_client;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Until the head is there.
const HEAD_TIMEOUT: Duration = Duration::from_secs(6);
/// Until the body is.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Where somebody comes in.
pub(super) struct Entrance {
    /// Without a slash at its end.
    pub(super) url: String,
    pub(super) client: Client,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// At most `BYTES_MAX` of it, and a little more.
    pub(super) body: Bytes,
    /// It ended before its end.
    pub(super) cut: bool,
}

/// Why there is no answer, never with a URL in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) enum NoAnswer {
    Unresolved,
    /// Nobody listens there.
    NotListening,
    TimedOut,
    Certificate(String),
    /// Something listens and does not speak TLS.
    NoTls,
    Other(String),
}

impl Entrance {
    pub(super) fn at(url: String) -> reqwest::Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { url, client: http_client(CONNECT_TIMEOUT)? })
    }

    pub(super) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The code of one of our problems.
    pub(super) fn problem(&self) -> Option<String> {
        let is_problem = self.header("content-type")?.starts_with("application/problem+json");
        let document: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        is_problem.then(|| document["code"].as_str().map(str::to_owned))?
    }
}

/// Asks, and reads the answer as far as it is looked at.
pub(super) async fn ask(request: RequestBuilder) -> Result<Answer, NoAnswer> {
    let response = match timeout(HEAD_TIMEOUT, request.send()).await {
        Ok(answered) => answered.map_err(|error| NoAnswer::because(&error))?,
        Err(_) => return Err(NoAnswer::TimedOut),
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = BytesMut::new();
    let whole = timeout(BODY_TIMEOUT, read(response, &mut body)).await;
    let cut = !matches!(whole, Ok(true));
    Ok(Answer { status, headers, body: body.freeze(), cut })
}

/// Whether it came to its end, or as far as was wanted.
async fn read(mut response: Response, body: &mut BytesMut) -> bool {
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => return true,
            Err(_) => return false,
        }
        if body.len() as u64 > BYTES_MAX {
            return true;
        }
    }
}

impl NoAnswer {
    /// By the innermost cause: the outer ones name the URL.
    pub(in crate::doctor) fn because(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        let causes: Vec<&(dyn Error + 'static)> =
            std::iter::successors(error.source(), |&cause| cause.source()).collect();
        let io = causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>());
        if io.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return Self::NotListening;
        }
        let told: Vec<String> = causes.iter().map(ToString::to_string).collect();
        let speaks_of =
            |words: &[&str]| told.iter().any(|cause| words.iter().any(|word| cause.contains(word)));
        if speaks_of(&["dns error", "failed to lookup", "Name or service not known"]) {
            return Self::Unresolved;
        }
        if speaks_of(&["InvalidContentType", "corrupt message", "InvalidMessage"]) {
            return Self::NoTls;
        }
        let innermost = told.last().cloned().unwrap_or_else(|| "it could not be asked".to_owned());
        if speaks_of(&["certificate", "UnknownIssuer"]) {
            return Self::Certificate(innermost);
        }
        Self::Other(innermost)
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved => out.write_str("its name does not resolve"),
            Self::NotListening => out.write_str("connection refused"),
            Self::TimedOut => out.write_str("no answer in time"),
            Self::Certificate(why) => write!(out, "its certificate is not good: {why}"),
            Self::NoTls => out.write_str("no TLS is spoken there"),
            Self::Other(why) => out.write_str(why),
        }
    }
}
