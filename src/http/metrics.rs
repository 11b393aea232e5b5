//! `/metrics`: what is counted, for whoever watches over the service.
//!
//! Read from what actors and adapters publish: it asks no mailbox and no database, so that it answers while everything
//! is busy, or away.
//!
//! Invariant: a label's values are a fixed set. No business, account, call, number or secret stands here: whoever can
//! reach the port can read this.

mod core;
mod page;
mod process;
mod requests;

use std::fmt;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use super::Service;
use super::openapi::refusals;
use super::problem::Problem;
use page::Page;

const OPEN_METRICS: &str = "application/openmetrics-text";
const OPEN_METRICS_1: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const OLDER: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What is counted, in OpenMetrics' text format, or the older one of Prometheus. No business, number or secret stands here.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses(
        (status = 200, description = "What was counted so far.", content(
            (String = "application/openmetrics-text"), (String = "text/plain"),
        )),
        refusals::ToAnybody,
    ),
    security(()),
)]
pub(super) async fn scrape(
    State(service): State<Service>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(service)));
    let mut page = String::new();
    text::encode(&mut page, &registry).map_err(|_| Problem::Internal)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let (content_type, page) = match accept {
        Some(accept) if accept.contains(OPEN_METRICS) => (OPEN_METRICS_1, page),
        Some(_) | None => (OLDER, page::in_the_older_format(&page)),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, page).into_response())
}

struct Families(Service);

impl fmt::Debug for Families {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Families")
    }
}

impl Collector for Families {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (page, service) = (&mut Page(encoder), &self.0);
        requests::write(page, service)?;
        core::write(page, service)?;
        process::write(page, service)
    }
}

/// A count as gauges are written.
const fn number(count: u64) -> f64 {
    count as f64
}

const fn flag(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}
