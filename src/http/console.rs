//! The console's page and what it loads, compiled in.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Service;
use super::problem::Problem;

/// Nothing from elsewhere, and nothing inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const PAGE: &str = include_str!("../../web/index.html");
const ASSETS: &[Asset] = &[
    Asset {
        name: "console.css",
        media_type: "text/css; charset=utf-8",
        content: include_str!("../../web/console.css"),
    },
    Asset {
        name: "console.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("../../web/console.js"),
    },
];

pub async fn page(State(service): State<Service>) -> Response {
    let page = match &service.notice {
        Some(notice) => {
            let meta = format!("<meta name=\"hearback-demo\" content=\"{notice}\">\n</head>");
            PAGE.replacen("</head>", &meta, 1)
        }
        None => PAGE.to_owned(),
    };
    serve("text/html; charset=utf-8", page)
}

pub async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or(Problem::NoSuchPage)?;
    Ok(serve(asset.media_type, asset.content.to_owned()))
}

fn serve(media_type: &'static str, content: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, content).into_response()
}
