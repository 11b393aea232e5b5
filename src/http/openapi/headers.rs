//! Headers that answers carry.

use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Header, HeaderBuilder};

use super::words::{one_of, text};

fn header(schema: ObjectBuilder, description: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

pub(super) fn no_store() -> Header {
    header(one_of(["no-store"]), "Not to be kept by anybody.")
}

pub(super) fn retry_after() -> Header {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1_u32));
    header(seconds, "Seconds after which asking again may help.")
}

pub(super) fn unsatisfied() -> Header {
    header(text().pattern(Some(r"^bytes \*/\d+$")), "How long the recording is, in bytes.")
}

pub(super) fn cache_control() -> Header {
    header(text(), "`private, no-cache` unless configured otherwise.")
}

pub(super) fn entity_tag() -> Header {
    header(text().pattern(Some(r#"^"[^"]+"$"#)), "Strong: never names two contents.")
}

pub(super) fn preference_applied() -> Header {
    header(text(), "What of `Prefer` was done, if anything.")
}

/// Of an answer with audio, or about it.
pub(super) fn of_audio() -> [(&'static str, Header); 8] {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    [
        ("ETag", header(text(), "Recording, format and version; strong.")),
        ("Accept-Ranges", header(one_of(["bytes"]), "Parts may be asked for.")),
        (
            "Content-Length",
            header(number, "In bytes. A body that is shorter was cut: it is not complete."),
        ),
        ("Cache-Control", cache_control()),
        (
            "Cache-Status",
            header(
                text().examples([json!("hearback; hit")]),
                "RFC 9211: whether the bytes were here.",
            ),
        ),
        (
            "Repr-Digest",
            header(text(), "RFC 9530: SHA-256 of the whole, once a verified copy is here."),
        ),
        (
            "Content-Disposition",
            header(text(), "`inline`, or a file name that says which call it is."),
        ),
        ("Preference-Applied", preference_applied()),
    ]
}

pub(super) fn content_range() -> Header {
    header(text().pattern(Some(r"^bytes \d+-\d+/\d+$")), "Which bytes of how many.")
}
