//! What the play route answers when nothing goes wrong.

use std::collections::BTreeMap;

use actors::domain::AudioType;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::headers;
use super::words::binary;
use crate::http::play::PreparingJson;

/// The audio, a part of it, that the client has it, or that it is not there yet.
pub(in crate::http) enum Audio {}

impl IntoResponses for Audio {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let part = audio(
            "The range that was asked for, at once; bytes that are still arriving follow as they come.",
        );
        let all = [
            (200, audio("The whole recording; what is still arriving follows as it comes.")),
            (206, part.header("Content-Range", headers::content_range())),
            (202, preparing()),
            (304, not_modified()),
        ];
        all.into_iter().map(|(status, it)| (status.to_string(), it.build().into())).collect()
    }
}

fn audio(description: &str) -> ResponseBuilder {
    let mut response = ResponseBuilder::new().description(description);
    for audio_type in AudioType::ALL {
        let content = ContentBuilder::new().schema(Some(binary())).build();
        response = response.content(audio_type.media_type(), content);
    }
    for (name, header) in headers::of_audio() {
        response = response.header(name, header);
    }
    response
}

fn preparing() -> ResponseBuilder {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(PreparingJson::name())));
    ResponseBuilder::new()
        .description("Known, and nothing to send yet: it is being fetched. Ask again when told.")
        .content("application/json", body.build())
        .header("Cache-Control", headers::no_store())
        .header("Retry-After", headers::retry_after())
        .header("Preference-Applied", headers::preference_applied())
}

fn not_modified() -> ResponseBuilder {
    ResponseBuilder::new()
        .description("The client has this version; answered without a fetch.")
        .header("ETag", headers::entity_tag())
        .header("Cache-Control", headers::cache_control())
}
