//! Requests' bodies, read whole before a handler sees them: none here is larger than a form.
//!
//! Invariant: a body has a size and a time; handlers never wait for a client.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::Service;
use super::problem::Problem;

const BODY_BYTES_MAX: usize = 64 * 1024;

/// Around the routes. A method that takes no body has it thrown away by the protocol.
pub(super) async fn gather(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    match whole(body, service.body_timeout).await {
        Ok(body) => next.run(Request::from_parts(head, Body::from(body))).await,
        Err(problem) => {
            // What is left of it cannot be told from a next request.
            let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
            (close, problem).into_response()
        }
    }
}

async fn whole(body: Body, patience: Duration) -> Result<Bytes, Problem> {
    let announced = body.size_hint().lower();
    if announced > BODY_BYTES_MAX as u64 {
        return Err(Problem::TooLarge);
    }
    let reading = async {
        let mut pieces = body.into_data_stream();
        let mut whole = BytesMut::new();
        while let Some(piece) = pieces.next().await {
            let piece =
                piece.map_err(|_| Problem::Malformed("the body is cut or not well framed"))?;
            if whole.len() + piece.len() > BODY_BYTES_MAX {
                return Err(Problem::TooLarge);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(patience, reading).await.unwrap_or(Err(Problem::RequestTimeout))
}
