//! The console's page and what it loads, compiled in.

use std::borrow::Cow;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

use super::Service;
use super::problem::Problem;

/// Nothing from elsewhere, and nothing inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

#[derive(Embed)]
#[folder = "web/"]
struct Web;

pub(super) async fn page(State(service): State<Service>) -> Response {
    let page = Web::get("index.html").expect("the page is compiled in").data;
    let page = match service.notice {
        Some(notice) => {
            let meta = format!("<meta name=\"hearback-demo\" content=\"{notice}\">\n</head>");
            String::from_utf8_lossy(&page).replacen("</head>", &meta, 1).into_bytes().into()
        }
        None => page,
    };
    serve("text/html; charset=utf-8", page)
}

pub(super) async fn asset(name: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| Problem::NoSuchPage)?;
    let media_type = match name.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        Some(_) | None => return Err(Problem::NoSuchPage),
    };
    let asset = Web::get(&name).ok_or(Problem::NoSuchPage)?;
    Ok(serve(media_type, asset.data))
}

fn serve(media_type: &'static str, content: Cow<'static, [u8]>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, content.into_owned()).into_response()
}
