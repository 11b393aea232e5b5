//! The console's page, the player's module, and what they load: built by `web/`, compiled in.

use std::borrow::Cow;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

use super::Service;
use super::openapi::parameters::{Asset, Validator};
use super::openapi::{refusals, words};
use super::problem::Problem;
use super::representation::{none_match_holds, tag_of, weak};

/// Nothing from elsewhere, and nothing inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

#[derive(Embed)]
#[folder = "web/dist/"]
struct Web;

/// The console.
#[utoipa::path(
    get, path = "/", tag = "pages", params(Validator),
    responses(
        (status = 200, description = "Its page.", body = String, content_type = "text/html"),
        (status = 304, description = "The client has this version."),
        refusals::ToPage,
    ),
    security(()),
)]
pub(super) async fn page(
    State(service): State<Service>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(notice) = service.notice else { return serve("index.html", &headers) };
    let page = Web::get("index.html").ok_or(Problem::NoSuchPage)?.data;
    let meta = format!("<meta name=\"hearback-demo\" content=\"{notice}\">\n</head>");
    let page = String::from_utf8_lossy(&page).replacen("</head>", &meta, 1);
    Ok(respond(HTML, page.into_bytes().into()))
}

/// What pages load: `player.js` is the player's module, `hearback-player.tgz` the same as an npm package.
#[utoipa::path(
    get, path = "/web/{asset}", tag = "pages", params(Asset, Validator),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/html"), (String = "text/css"), (String = "text/javascript"), (String = "text/plain"),
            (String = "image/svg+xml"), (words::Bytes = "application/gzip"),
        )),
        (status = 304, description = "The client has this version."),
        refusals::ToPage,
    ),
    security(()),
)]
pub(super) async fn asset(
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| Problem::NoSuchPage)?;
    serve(&format!("web/{name}"), &headers)
}

const HTML: &str = "text/html; charset=utf-8";

pub(super) fn serve(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let media_type = match path.rsplit_once('.') {
        Some((_, "html")) => HTML,
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        // TypeScript's declarations are text to everything else.
        Some((_, "ts")) => "text/plain; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "tgz")) => "application/gzip",
        Some(_) | None => return Err(Problem::NoSuchPage),
    };
    let file = Web::get(path).ok_or(Problem::NoSuchPage)?;
    let tag = tag_of(file.metadata.sha256_hash());
    let mut response = if none_match_holds(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        respond(media_type, file.data)
    };
    response.headers_mut().insert(header::ETAG, weak(&tag));
    Ok(response)
}

fn respond(media_type: &'static str, content: Cow<'static, [u8]>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, content.into_owned()).into_response()
}
