//! Twilio's error answers: JSON where the path ends in `.json`, else XML.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(super) struct Refusal {
    status: StatusCode,
    code: u16,
    message: String,
    as_json: bool,
}

const CODE_NO_DUAL: u16 = 16_113;

impl Refusal {
    pub(super) fn new(status: StatusCode, path: &str) -> Self {
        let (code, message) = code_and_message(status, path);
        Self { status, code, message, as_json: path.ends_with(".json") }
    }

    pub(super) fn dual_of_mono(path: &str) -> Self {
        let message = "Cannot download a dual-channel presentation of a mono recording".into();
        let refusal = Self::new(StatusCode::BAD_REQUEST, path);
        Self { code: CODE_NO_DUAL, message, as_json: true, ..refusal }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, code, message, as_json } = self;
        let media_type = if as_json { "application/json" } else { "application/xml" };
        let body = document(status, code, &message, as_json);
        let challenge = (status == StatusCode::UNAUTHORIZED)
            .then_some([(header::WWW_AUTHENTICATE, "Basic realm=\"Twilio API\"")]);
        let mut response = (status, [(header::CONTENT_TYPE, media_type)], body).into_response();
        for (name, value) in challenge.into_iter().flatten() {
            response.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
        }
        response
    }
}

pub(super) fn error_document(status: StatusCode, path: &str, as_json: bool) -> String {
    let (code, message) = code_and_message(status, path);
    document(status, code, &message, as_json)
}

fn document(status: StatusCode, code: u16, message: &str, as_json: bool) -> String {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    let status = status.as_u16();
    if as_json {
        return json!({ "code": code, "message": message, "more_info": more, "status": status })
            .to_string();
    }
    // Paths are percent-encoded, so nothing in a message needs escaping but these two.
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><RestException><Code>{code}</Code>\
         <Message>{message}</Message><MoreInfo>{more}</MoreInfo><Status>{status}</Status>\
         </RestException></TwilioResponse>"
    )
}

fn code_and_message(status: StatusCode, path: &str) -> (u16, String) {
    match status {
        StatusCode::UNAUTHORIZED => (20_003, "Authenticate".into()),
        StatusCode::NOT_FOUND => (20_404, format!("The requested resource {path} was not found")),
        StatusCode::TOO_MANY_REQUESTS => (20_429, "Too Many Requests".into()),
        other => {
            let reason = other.canonical_reason().unwrap_or("Unknown");
            (20_000 + other.as_u16(), reason.to_owned())
        }
    }
}
