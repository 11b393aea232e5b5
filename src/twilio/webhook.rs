//! Reading Twilio's callbacks. Pure; whether they are genuine is `signature`'s business.
//!
//! Facts: <https://www.twilio.com/docs/voice/twiml/recording> (recordingStatusCallback) and
//! <https://www.twilio.com/docs/voice/api/call-resource#statuscallback>. Twilio adds parameters without notice:
//! those that we do not know are passed over here, and were signed and stored all the same.

use actors::domain::{
    AccountSid, CallDetails, CallEvent, CallStatus, Direction, MalformedId, PhoneNumber,
    RecordingEvent, SourceStatus, WebhookEvent,
};

use super::resources::{seconds, time};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedWebhook {
    #[error("the body is not a form in UTF-8")]
    Form,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{name}: {source}")]
    Id { name: &'static str, source: MalformedId },
    #[error("{name} has a value that Twilio does not document")]
    Value { name: &'static str },
}

type Params = [(String, String)];

/// The decoded pairs, in order, duplicates kept: what the signature was made over.
pub fn parse_form(raw: &[u8]) -> Result<Vec<(String, String)>, MalformedWebhook> {
    let text = std::str::from_utf8(raw).map_err(|_| MalformedWebhook::Form)?;
    Ok(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
}

/// Whose tokens to try; not to be believed before one of them fits.
pub fn account_sid(params: &Params) -> Option<AccountSid> {
    value(params, "AccountSid")?.parse().ok()
}

/// A callback that names a recording is about the recording, any other about the call.
pub fn event(params: &Params) -> Result<WebhookEvent, MalformedWebhook> {
    if value(params, "RecordingSid").is_some() {
        recording_event(params).map(WebhookEvent::Recording)
    } else {
        call_event(params).map(WebhookEvent::Call)
    }
}

/// Equal for duplicates and replays. Twilio's idempotency header is not signed, so it does not count.
pub fn dedup_key(event: &WebhookEvent) -> String {
    match event {
        WebhookEvent::Recording(event) => {
            format!("recording/{}/{}", event.recording, event.status.as_str())
        }
        WebhookEvent::Call(event) => {
            format!("call/{}/{}", event.call, event.details.status.map_or("", CallStatus::as_str))
        }
    }
}

fn recording_event(params: &Params) -> Result<RecordingEvent, MalformedWebhook> {
    let status = required(params, "RecordingStatus")?;
    let malformed = || MalformedWebhook::Value { name: "RecordingStatus" };
    // `missing` is a word of ours, not of Twilio's.
    let status = SourceStatus::parse(status)
        .filter(|status| *status != SourceStatus::Missing)
        .ok_or_else(malformed)?;
    Ok(RecordingEvent {
        account: sid(params, "AccountSid")?,
        call: sid(params, "CallSid")?,
        recording: sid(params, "RecordingSid")?,
        status,
        channels: value(params, "RecordingChannels").and_then(|text| text.parse().ok()),
        duration: value(params, "RecordingDuration").and_then(seconds),
        started_at: value(params, "RecordingStartTime").and_then(time),
    })
}

fn call_event(params: &Params) -> Result<CallEvent, MalformedWebhook> {
    let status = required(params, "CallStatus")?;
    let status = CallStatus::parse(status).ok_or(MalformedWebhook::Value { name: "CallStatus" })?;
    let parent =
        value(params, "ParentCallSid").map(|_| sid(params, "ParentCallSid")).transpose()?;
    Ok(CallEvent {
        account: sid(params, "AccountSid")?,
        call: sid(params, "CallSid")?,
        details: CallDetails {
            parent,
            direction: value(params, "Direction").and_then(Direction::parse),
            from: value(params, "From").map(PhoneNumber::new),
            to: value(params, "To").map(PhoneNumber::new),
            status: Some(status),
            started_at: value(params, "StartTime").and_then(time),
            duration: value(params, "CallDuration").and_then(seconds),
        },
    })
}

/// An empty value is none. Of several the first counts.
fn value<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    let found = params.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

fn required<'a>(params: &'a Params, name: &'static str) -> Result<&'a str, MalformedWebhook> {
    value(params, name).ok_or(MalformedWebhook::Missing(name))
}

fn sid<T>(params: &Params, name: &'static str) -> Result<T, MalformedWebhook>
where
    T: std::str::FromStr<Err = MalformedId>,
{
    required(params, name)?.parse().map_err(|source| MalformedWebhook::Id { name, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "AccountSid=AC00000000000000000000000000000001";
    const CALL: &str = "CallSid=CA00000000000000000000000000000002";
    const RECORDING: &str = "RecordingSid=RE00000000000000000000000000000003";

    fn read(parts: &[&str]) -> Result<WebhookEvent, MalformedWebhook> {
        event(&parse_form(parts.join("&").as_bytes())?)
    }

    #[test]
    fn a_recording_event_is_read_and_named() {
        let event = read(&[
            ACCOUNT,
            CALL,
            RECORDING,
            "RecordingStatus=completed&RecordingDuration=42&RecordingChannels=2",
            "RecordingStartTime=Fri%2C+14+Oct+2016+21%3A56%3A34+%2B0000&SomethingNew=1",
            "RecordingUrl=http%3A%2F%2F169.254.169.254%2Flatest",
        ])
        .expect("an event");
        let WebhookEvent::Recording(recording) = &event else { panic!("{event:?}") };
        assert_eq!(recording.status, SourceStatus::Completed);
        assert_eq!(recording.channels, Some(2));
        assert_eq!(recording.duration.map(|span| span.as_secs()), Some(42));
        assert_eq!(recording.started_at.map(|at| at.as_millis()), Some(1_476_482_194_000));
        assert_eq!(dedup_key(&event), "recording/RE00000000000000000000000000000003/completed");
    }

    #[test]
    fn a_child_legs_event_names_its_parent() {
        let parent = "ParentCallSid=CA00000000000000000000000000000009";
        let event =
            read(&[ACCOUNT, CALL, parent, "CallStatus=ringing&Direction=outbound-dial&From="])
                .expect("an event");
        let WebhookEvent::Call(call) = &event else { panic!("{event:?}") };
        assert_eq!(call.details.parent.map(|sid| sid.to_string()).as_deref(), Some(&parent[14..]));
        assert_eq!(call.details.direction, Some(Direction::Outbound));
        assert_eq!(call.details.from, None);
        assert_eq!(dedup_key(&event), "call/CA00000000000000000000000000000002/ringing");
    }

    #[test]
    fn what_twilio_would_not_send_is_refused() {
        let completed = "RecordingStatus=completed";
        for (parts, problem) in [
            (vec![ACCOUNT, RECORDING, completed], "CallSid is missing"),
            (vec![ACCOUNT, CALL, RECORDING], "RecordingStatus is missing"),
            (
                vec![ACCOUNT, CALL, RECORDING, "RecordingStatus=missing"],
                "RecordingStatus has a value",
            ),
            (vec![ACCOUNT, CALL, "CallStatus=dreaming"], "CallStatus has a value"),
            (vec![ACCOUNT, CALL], "CallStatus is missing"),
            (
                vec![ACCOUNT, CALL, "RecordingSid=RE1", completed],
                "RecordingSid: not a recording SID",
            ),
            (vec!["AccountSid=..", CALL, RECORDING, completed], "AccountSid: not a"),
        ] {
            let error = read(&parts).expect_err("refused").to_string();
            assert!(error.starts_with(problem), "{error}");
        }
        assert_eq!(parse_form(b"a=\xff"), Err(MalformedWebhook::Form));
    }
}
