//! The name under which a downloaded recording is kept.

use actors::domain::{Call, Direction};
use axum::http::HeaderValue;

/// `attachment; filename="2026-11-20T1430Z-inbound-+15550100.mp3"`: when, which way, and with whom.
pub(super) fn attachment(call: &Call) -> HeaderValue {
    let details = &call.details;
    let at = details.started_at.unwrap_or(call.heard_at).as_millis();
    let when = jiff::Timestamp::from_millisecond(at)
        .map(|at| at.strftime("%Y-%m-%dT%H%MZ").to_string())
        .unwrap_or_default();
    let (way, number) = match details.direction {
        Some(Direction::Inbound) => ("inbound", &details.from),
        Some(Direction::Outbound) => ("outbound", &details.to),
        None => ("call", &None),
    };
    let who = number.as_ref().map_or_else(|| call.sid.to_string(), |number| safe(number.as_str()));
    HeaderValue::from_str(&format!("attachment; filename=\"{when}-{way}-{who}.mp3\""))
        .expect("only safe characters are left")
}

fn safe(number: &str) -> String {
    number.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')).collect()
}
