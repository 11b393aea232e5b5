//! Twilio's webhooks: believed only when signed, stored before they are answered, applied afterwards.

use actors::domain::{RecordingSid, WebhookEvent};
use actors::ports::InboxEvent;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;

use super::Service;
use super::log::About;
use super::openapi::callbacks::RecordingCallback;
use super::openapi::parameters::Signed;
use super::openapi::refusals;
use super::problem::Problem;
use super::traffic::Received;
use crate::twilio::{signature, webhook};

const SIGNATURE: &str = "x-twilio-signature";

/// Twilio's callback, believed when its signature fits the public URL and stored before it is answered.
///
/// Which of the two it is, the parameters say. Duplicates and what comes late have no effect.
#[utoipa::path(
    post, path = "/webhooks/twilio/recording-status", tag = "webhooks", params(Signed),
    request_body(content = RecordingCallback, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204, description = "It is stored durably, or was before."), refusals::ToTwilio),
    security(()),
)]
pub(super) async fn receive(
    State(service): State<Service>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let taken = take(&service, &uri, &headers, &body).await;
    service.traffic.webhook(match &taken {
        Ok(Taken { is_news: true, .. }) => Received::Stored,
        Ok(Taken { is_news: false, .. }) => Received::Duplicate,
        Err(Problem::SignatureMismatch) => Received::Unsigned,
        Err(Problem::Malformed(_)) => Received::Malformed,
        Err(_) => Received::Unstored,
    });
    let Taken { recording, is_news } = taken?;
    if is_news {
        service.inbox.event_stored();
    }
    let about = recording.map(|recording| Extension(About(recording)));
    Ok((about, StatusCode::NO_CONTENT).into_response())
}

struct Taken {
    recording: Option<RecordingSid>,
    is_news: bool,
}

/// Stores what can be believed.
async fn take(
    service: &Service,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Taken, Problem> {
    let params = webhook::parse_form(body).map_err(|_| Problem::SignatureMismatch)?;
    // The account is not believed yet: it only says which tokens to try.
    let account = webhook::account_sid(&params).ok_or(Problem::SignatureMismatch)?;
    let tokens = service.tenants.tokens(account);
    let tokens: Vec<&str> = tokens.iter().map(ExposeSecret::expose_secret).collect();
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let url =
        format!("{}{}", service.public_url, uri.path_and_query().map_or("/", |path| path.as_str()));
    if !signature
        .is_some_and(|signature| signature::is_signed_by_any(&tokens, signature, &url, &params))
    {
        tracing::warn!(account.sid = %account, "webhook refused: its signature does not match");
        return Err(Problem::SignatureMismatch);
    }
    let event = webhook::event(&params).map_err(|error| {
        tracing::warn!(account.sid = %account, %error, "signed webhook not understood");
        Problem::Malformed("the parameters are not those of a recording or call status callback")
    })?;
    let recording = match &event {
        WebhookEvent::Recording(event) => Some(event.recording),
        WebhookEvent::Call(_) => None,
    };
    let event = InboxEvent {
        dedup_key: webhook::dedup_key(&event),
        event,
        raw_form: String::from_utf8_lossy(body).into_owned(),
        received_at: service.clock.now(),
    };
    let is_news = service.catalog.store_event(&event).await?;
    Ok(Taken { recording, is_news })
}
