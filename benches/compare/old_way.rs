//! What the service replaces: a proxy that downloads the recording inside the request, and then sends it.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// How this program is told to be it.
pub(crate) const COMMAND: &str = "old-way";
const BACKLOG: u32 = 4_096;

#[derive(Clone)]
struct Upstream {
    client: reqwest::Client,
    source: SocketAddr,
}

pub(crate) fn serve(listen: SocketAddr, source: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let router = Router::new().fallback(download).with_state(Upstream { client, source });
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(listen).context("listening")?;
        axum::serve(socket.listen(BACKLOG)?, router).await?;
        Ok(())
    })
}

async fn download(State(upstream): State<Upstream>, request: Request) -> Response {
    let url = format!("http://{}{}", upstream.source, request.uri().path());
    let Ok(answer) = upstream.client.get(url).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let status = answer.status();
    let etag = answer.headers().get(header::ETAG).cloned();
    let Ok(whole) = answer.bytes().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let mut headers = HeaderMap::new();
    if let Some(etag) = etag {
        headers.insert(header::ETAG, etag);
    }
    let range = request.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
    let bounds = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let bounds =
        bounds.and_then(|(first, last)| Some((first.parse().ok()?, last.parse::<usize>().ok()?)));
    let Some((first, last)) = bounds.filter(|(first, last)| first <= last && *last < whole.len())
    else {
        return (status, headers, whole).into_response();
    };
    let content_range = format!("bytes {first}-{last}/{}", whole.len());
    headers.insert(header::CONTENT_RANGE, content_range.parse().expect("digits"));
    (StatusCode::PARTIAL_CONTENT, headers, whole.slice(first..=last)).into_response()
}
