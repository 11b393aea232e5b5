//! What is asked, one after the other, at one entrance.

use reqwest::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, IF_NONE_MATCH,
    IF_RANGE, ORIGIN, RANGE,
};
use reqwest::{Method, RequestBuilder};

use super::asking::{Answer, Entrance, NoAnswer, ask};
use super::errand::{Errand, WEBHOOK_PATH};
use super::judge::{self, Probe, RANGE_ASKED};
use crate::doctor::Finding;

/// What was found at one entrance.
#[derive(Default)]
pub(super) struct Visit {
    pub(super) findings: Vec<Finding>,
    /// What the recording is tagged with.
    pub(super) tag: Option<String>,
    /// What was played, for those who look on.
    pub(super) played: Option<String>,
}

/// The codings that every browser offers.
const BROWSERS_CODINGS: &str = "gzip, deflate, br, zstd";
/// Where so many stay without an answer, the others would, too.
const UNANSWERED_MAX: u32 = 2;
/// No tag of ours.
const STALE_TAG: &str = "\"0\"";

/// `bearer`: whether a token comes through there. `tag`: as it is known from elsewhere.
pub(super) async fn visit(
    at: &Entrance,
    errand: &Errand,
    bearer: bool,
    tag: Option<&str>,
) -> Visit {
    let found = Visit::default();
    let mut visiting = Visiting { at, errand, bearer, found, unanswered: 0 };
    if errand.specimen.is_some() {
        visiting.whole().await;
        let own = visiting.found.tag.clone();
        visiting.parts().await;
        if let Some(tag) = tag.map(str::to_owned).or(own) {
            visiting.conditions(&tag).await;
        }
        visiting.manners().await;
    }
    visiting.preflight().await;
    visiting.webhook().await;
    judge::once_each(&mut visiting.found.findings);
    visiting.found
}

struct Visiting<'v> {
    at: &'v Entrance,
    errand: &'v Errand,
    bearer: bool,
    found: Visit,
    unanswered: u32,
}

impl Visiting<'_> {
    /// All of it, as a browser asks, and then the same URL as a stranger.
    async fn whole(&mut self) {
        let (Some(specimen), bearer) =
            (&self.errand.specimen, self.bearer && self.errand.token.is_some())
        else {
            return;
        };
        let Some(url) = self.errand.play_url(self.at, !bearer) else { return };
        let request = self.at.client.get(&url).header("accept-encoding", BROWSERS_CODINGS);
        let request = request.header("x-request-id", judge::REQUEST_ID);
        let request = if bearer { self.errand.authorised(request) } else { request };
        let Some(answer) = self.ask(request, "the whole recording").await else { return };
        self.found.tag =
            answer.header("etag").filter(|tag| tag.starts_with('"')).map(str::to_owned);
        let found = judge::whole(&answer, specimen, &self.errand.cache_control);
        if found.is_empty() {
            let bytes = answer.body.len();
            self.found.played = Some(format!("{bytes} bytes played, each as it is in the vault"));
        }
        self.found.findings.extend(found);
        if bearer && let Ok(answer) = ask(self.at.client.get(&url)).await {
            self.found.findings.extend(judge::stranger(&answer));
        }
    }

    async fn parts(&mut self) {
        let range = |request: RequestBuilder| request.header(RANGE, RANGE_ASKED);
        self.probe(Probe::Range, Method::GET, range).await;
        self.probe(Probe::Head, Method::HEAD, |request| request).await;
        if self.bearer {
            self.by_link().await;
        }
    }

    /// As an audio element asks, which sends no header of ours.
    async fn by_link(&mut self) {
        let Some(request) = self.errand.play(self.at, Method::GET, false) else { return };
        let Some(answer) = self.ask(request.header(RANGE, RANGE_ASKED), "a signed link").await
        else {
            return;
        };
        self.found.findings.extend(judge::link(&answer));
    }

    async fn conditions(&mut self, tag: &str) {
        let has_range =
            !self.found.findings.iter().any(|finding| finding.code == judge::DROPS_RANGE);
        if has_range {
            let fresh =
                |request: RequestBuilder| request.header(RANGE, RANGE_ASKED).header(IF_RANGE, tag);
            self.probe(Probe::FreshIfRange, Method::GET, fresh).await;
            let stale = |request: RequestBuilder| {
                request.header(RANGE, RANGE_ASKED).header(IF_RANGE, STALE_TAG)
            };
            self.probe(Probe::StaleIfRange, Method::GET, stale).await;
        }
        let known = |request: RequestBuilder| request.header(IF_NONE_MATCH, tag);
        self.probe(Probe::IfNoneMatch, Method::GET, known).await;
    }

    async fn manners(&mut self) {
        let prefer = |request: RequestBuilder| request.header("prefer", "wait=1, respond-async");
        self.probe(Probe::Prefer, Method::GET, prefer).await;
        if let Some(origin) = &self.errand.cors_origin {
            let from = |request: RequestBuilder| request.header(ORIGIN, origin);
            self.probe(Probe::Origin(origin.clone()), Method::GET, from).await;
        }
    }

    async fn preflight(&mut self) {
        let Some(origin) = &self.errand.cors_origin else { return };
        let request = self
            .at
            .client
            .request(Method::OPTIONS, self.at.to("/api/calls"))
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization,if-range,prefer,range");
        let Some(answer) = self.ask(request, "a CORS preflight").await else { return };
        self.found.findings.extend(judge::preflight(&answer, origin));
    }

    async fn webhook(&mut self) {
        let Some(form) = &self.errand.webhook else { return };
        let request = self
            .at
            .client
            .post(self.at.to(WEBHOOK_PATH))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("x-twilio-signature", &form.signature)
            .body(form.body.clone());
        let Some(answer) = self.ask(request, "a webhook of 60 KiB").await else { return };
        self.found.findings.extend(judge::webhook(&answer));
    }

    async fn probe(
        &mut self,
        probe: Probe,
        method: Method,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) {
        let Some(specimen) = &self.errand.specimen else { return };
        let Some(request) = self.errand.play(self.at, method, self.bearer) else { return };
        let Some(answer) = self.ask(with(request), probe.name()).await else { return };
        self.found.findings.extend(judge::part(&probe, &answer, specimen));
    }

    /// What stays without an answer is a finding, too.
    async fn ask(&mut self, request: RequestBuilder, what: &'static str) -> Option<Answer> {
        if self.unanswered >= UNANSWERED_MAX {
            return None;
        }
        match ask(request).await {
            Ok(answer) => Some(answer),
            Err(why) => {
                self.unanswered += 1;
                self.found.findings.push(unanswered(what, &why));
                None
            }
        }
    }
}

fn unanswered(what: &str, why: &NoAnswer) -> Finding {
    Finding::fault("no_answer", "Some requests stay without an answer")
        .seen(format!("{what}: {why}"))
        .mend("Look for what closes or holds connections: the proxy's error log, a firewall that inspects them")
}
