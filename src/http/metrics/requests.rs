//! Who asks, and what is answered.

use std::fmt;

use super::number;
use super::page::Page;
use crate::http::Service;

pub(super) fn write(page: &mut Page<'_>, service: &Service) -> fmt::Result {
    answers(page, service)?;
    connections(page, service)
}

fn answers(page: &mut Page<'_>, service: &Service) -> fmt::Result {
    let traffic = &service.traffic;
    page.counter(
        "hearback_http_requests_total",
        "Requests by route and how they ended: the status, cut (the answer could not be completed), or hung_up (the client left). Without /livez, /readyz and /metrics.",
        traffic.requests().map(|([route, method], outcome, count)| {
            ([("route", route), ("method", method), ("outcome", outcome.as_str())], count)
        }),
    )?;
    page.counter(
        "hearback_http_problems_total",
        "Answers that were a problem, by its code.",
        traffic.problems().map(|(code, count)| ([("code", code)], count)),
    )?;
    page.histogram(
        "hearback_play_first_byte_seconds",
        "From a request for audio to the first byte of it: hot out of memory, from a copy in the vault, or cold, while it is downloaded.",
        traffic.first_bytes().map(|(whence, spans)| ([("from", whence.as_str())], spans)),
    )?;
    page.counter(
        "hearback_play_preparing_total",
        "Requests for audio that were answered 202: not yet.",
        [([], traffic.preparing_total())],
    )?;
    page.counter(
        "hearback_webhooks_total",
        "Webhooks by what became of them at the door.",
        traffic.webhooks().map(|(received, count)| ([("outcome", received.as_str())], count)),
    )
}

fn connections(page: &mut Page<'_>, service: &Service) -> fmt::Result {
    let connections = service.traffic.connections();
    page.gauge(
        "hearback_connections",
        "Clients that are connected.",
        [([], number(connections.present as u64))],
    )?;
    page.gauge(
        "hearback_connections_max",
        "How many clients may be connected.",
        [([], number(connections.max as u64))],
    )?;
    page.counter(
        "hearback_connections_accepted_total",
        "Connections that were accepted.",
        [([], connections.accepted_total)],
    )?;
    page.counter(
        "hearback_connections_refused_total",
        "Connections for which there was no room.",
        [([], connections.refused_total)],
    )?;
    let (open, max) = service.streams.count();
    page.gauge(
        "hearback_event_streams",
        "Streams of server-sent events that are open.",
        [([], number(open as u64))],
    )?;
    page.gauge(
        "hearback_event_streams_max",
        "How many streams of server-sent events may be open.",
        [([], number(max as u64))],
    )
}
