//! Reading Twilio's callbacks. Pure; whether they are genuine is `signature`'s business.
//!
//! Facts: <https://www.twilio.com/docs/voice/twiml/recording> (`recordingStatusCallback`) and
//! <https://www.twilio.com/docs/voice/api/call-resource#statuscallback>. Twilio adds parameters without notice:
//! those that we do not know are passed over here, and were signed and stored all the same.

use std::str::FromStr;
use std::time::Duration;

use actors::domain::{
    AccountSid, CallDetails, CallEvent, CallStatus, Direction, MalformedId, PhoneNumber,
    RecordingEvent, Timestamp, WebhookEvent,
};

use super::resources::{rfc2822, seconds, source_status, time};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedWebhook {
    #[error("the body is not a form in UTF-8")]
    Form,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is there twice, with different values")]
    Contradictory(&'static str),
    #[error("{name}: {source}")]
    Id { name: &'static str, source: MalformedId },
    #[error("{0} has a value that Twilio does not document")]
    Value(&'static str),
}

/// The URLs to give to Twilio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackUrls {
    pub recording_status: String,
    pub call_status: String,
}

impl CallbackUrls {
    /// Twilio repeats a webhook after a 5xx or a time-out only where the URL's fragment asks for it
    /// (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>).
    pub fn at(public_url: &str) -> Self {
        let url = |name| format!("{public_url}/webhooks/twilio/{name}#rc=5&rp=ct,rt,5xx");
        Self { recording_status: url("recording-status"), call_status: url("call-status") }
    }
}

type Params = [(String, String)];

/// The decoded pairs, in order, duplicates kept: what the signature was made over.
pub fn parse_form(raw: &[u8]) -> Result<Vec<(String, String)>, MalformedWebhook> {
    raw.split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let mut next = || decoded(halves.next().unwrap_or_default());
            Ok((next()?, next()?))
        })
        .collect()
}

/// Whose tokens to try; not to be believed before one of them fits.
pub fn account_sid(params: &Params) -> Option<AccountSid> {
    sid(params, "AccountSid").ok()
}

/// A callback that names a recording is about the recording, any other about the call. One exception: a
/// call's status mentions in passing that the call was recorded (`Record=true`), without the recording's status.
pub fn event(params: &Params) -> Result<WebhookEvent, MalformedWebhook> {
    let given = |name| value(params, name).map(|value| value.is_some());
    let in_passing = given("CallStatus")? && !given("RecordingStatus")?;
    if given("RecordingSid")? && !in_passing {
        recording_event(params).map(WebhookEvent::Recording)
    } else {
        call_event(params).map(WebhookEvent::Call)
    }
}

/// Equal for duplicates and replays. The account is part of it: whoever has a token can sign news of any SID, and
/// must not silence another account's. Twilio's idempotency header is not signed, so it does not count.
pub fn dedup_key(event: &WebhookEvent) -> String {
    match event {
        WebhookEvent::Recording(event) => {
            format!("{}/{}/{}", event.account, event.recording, event.status.as_str())
        }
        WebhookEvent::Call(event) => {
            let status = event.details.status.map_or("", CallStatus::as_str);
            format!("{}/{}/{status}", event.account, event.call)
        }
    }
}

/// The form by which Twilio would have told this: what `event` reads from it is the same again, as far as a
/// callback can say it.
pub fn form_of(event: &WebhookEvent) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            form.append_pair(name, &value);
        }
    };
    add("AccountSid", Some(event.account().to_string()));
    add("CallSid", Some(event.call().to_string()));
    let seconds = |span: Duration| span.as_secs().to_string();
    match event {
        WebhookEvent::Recording(event) => {
            add("RecordingSid", Some(event.recording.to_string()));
            add("RecordingStatus", Some(event.status.as_str().to_owned()));
            add("RecordingChannels", event.channels.map(|count| count.to_string()));
            add("RecordingDuration", event.duration.map(seconds));
            add("RecordingStartTime", event.started_at.map(rfc2822));
        }
        WebhookEvent::Call(CallEvent { details, .. }) => {
            let text = |text: &PhoneNumber| text.as_str().to_owned();
            let status = details.status.unwrap_or(CallStatus::Queued);
            let fired_at = fired_at(status, details.started_at, details.duration);
            add("ParentCallSid", details.parent.map(|sid| sid.to_string()));
            add("CallStatus", Some(status.as_str().to_owned()));
            add("Direction", details.direction.map(|direction| direction.as_str().to_owned()));
            add("From", details.from.as_ref().map(text));
            add("To", details.to.as_ref().map(text));
            add("CallDuration", details.duration.map(seconds));
            add("Timestamp", fired_at.map(rfc2822));
        }
    }
    form.finish()
}

fn recording_event(params: &Params) -> Result<RecordingEvent, MalformedWebhook> {
    let status = required(params, "RecordingStatus")?;
    Ok(RecordingEvent {
        account: sid(params, "AccountSid")?,
        call: sid(params, "CallSid")?,
        recording: sid(params, "RecordingSid")?,
        status: source_status(status).ok_or(MalformedWebhook::Value("RecordingStatus"))?,
        channels: value(params, "RecordingChannels")?.and_then(|text| text.parse().ok()),
        duration: value(params, "RecordingDuration")?.and_then(seconds),
        started_at: value(params, "RecordingStartTime")?.and_then(time),
    })
}

fn call_event(params: &Params) -> Result<CallEvent, MalformedWebhook> {
    let status = required(params, "CallStatus")?;
    let status = CallStatus::parse(status).ok_or(MalformedWebhook::Value("CallStatus"))?;
    let duration = value(params, "CallDuration")?.and_then(seconds);
    let fired_at = value(params, "Timestamp")?.and_then(time);
    let parent = match value(params, "ParentCallSid")? {
        Some(_) => Some(sid(params, "ParentCallSid")?),
        None => None,
    };
    Ok(CallEvent {
        account: sid(params, "AccountSid")?,
        call: sid(params, "CallSid")?,
        details: CallDetails {
            parent,
            direction: value(params, "Direction")?.and_then(Direction::parse),
            from: value(params, "From")?.map(PhoneNumber::new),
            to: value(params, "To")?.map(PhoneNumber::new),
            status: Some(status),
            started_at: started_at(status, fired_at, duration),
            duration,
        },
    })
}

/// The reverse of `started_at`.
fn fired_at(
    status: CallStatus,
    started_at: Option<Timestamp>,
    duration: Option<Duration>,
) -> Option<Timestamp> {
    match status {
        CallStatus::Completed => Some(started_at?.plus(duration?)),
        CallStatus::InProgress
        | CallStatus::Queued
        | CallStatus::Ringing
        | CallStatus::Busy
        | CallStatus::Failed
        | CallStatus::NoAnswer
        | CallStatus::Canceled => started_at,
    }
}

/// A callback says when it was fired, not when the call began.
fn started_at(
    status: CallStatus,
    fired_at: Option<Timestamp>,
    duration: Option<Duration>,
) -> Option<Timestamp> {
    match status {
        CallStatus::InProgress => fired_at,
        CallStatus::Completed => Some(fired_at?.minus(duration?)),
        CallStatus::Queued
        | CallStatus::Ringing
        | CallStatus::Busy
        | CallStatus::Failed
        | CallStatus::NoAnswer
        | CallStatus::Canceled => None,
    }
}

/// An empty value is none.
fn value<'a>(params: &'a Params, name: &'static str) -> Result<Option<&'a str>, MalformedWebhook> {
    let mut values = params.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
    let first = values.next();
    // The signature does not cover the order of values of one name, so none of them is the first.
    if values.any(|value| Some(value) != first) {
        return Err(MalformedWebhook::Contradictory(name));
    }
    Ok(first.map(String::as_str).filter(|value| !value.is_empty()))
}

fn required<'a>(params: &'a Params, name: &'static str) -> Result<&'a str, MalformedWebhook> {
    value(params, name)?.ok_or(MalformedWebhook::Missing(name))
}

fn sid<T: FromStr<Err = MalformedId>>(
    params: &Params,
    name: &'static str,
) -> Result<T, MalformedWebhook> {
    required(params, name)?.parse().map_err(|source| MalformedWebhook::Id { name, source })
}

/// As `application/x-www-form-urlencoded` has it, except that bytes which are not UTF-8 are an error: replaced by
/// question marks they would be signed as something that Twilio never sent.
fn decoded(encoded: &[u8]) -> Result<String, MalformedWebhook> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (other, _) => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| MalformedWebhook::Form)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| value.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "AccountSid=AC00000000000000000000000000000001";
    const CALL: &str = "CallSid=CA00000000000000000000000000000002";
    const RECORDING: &str = "RecordingSid=RE00000000000000000000000000000003";
    const COMPLETED: &str = "RecordingStatus=completed";

    fn read(parts: &[&str]) -> Result<WebhookEvent, MalformedWebhook> {
        event(&parse_form(parts.join("&").as_bytes())?)
    }

    fn call_details(parts: &[&str]) -> CallDetails {
        match read(parts) {
            Ok(WebhookEvent::Call(event)) => event.details,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_form_is_its_decoded_pairs_in_order() {
        type Pairs = &'static [(&'static str, &'static str)];
        #[rustfmt::skip]
        let forms: &[(&[u8], Pairs)] = &[
            (b"", &[]),
            (b"a=1&b=2&a=1", &[("a", "1"), ("b", "2"), ("a", "1")]),
            (b"&&a=&=b&c", &[("a", ""), ("", "b"), ("c", "")]),
            (b"To=%2B1+555&q=a%3Db=c", &[("To", "+1 555"), ("q", "a=b=c")]),
            (b"n=%D7%A9%d7%9c&m=\xd7\xa9", &[("n", "\u{5e9}\u{5dc}"), ("m", "\u{5e9}")]),
            (b"p=100%&q=%zz%4&r=%+1", &[("p", "100%"), ("q", "%zz%4"), ("r", "% 1")]),
        ];
        for (raw, pairs) in forms {
            let read = parse_form(raw).expect("a form");
            let read: Vec<_> = read.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(&read, pairs, "{}", raw.escape_ascii());
        }
        for raw in [b"a=\xff".as_slice(), b"a=%ff", b"%C3=1", b"a=%D7%2Bx"] {
            assert_eq!(parse_form(raw), Err(MalformedWebhook::Form), "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn a_recording_event_is_read() {
        let event = read(&[
            ACCOUNT,
            CALL,
            RECORDING,
            COMPLETED,
            "RecordingDuration=42&RecordingChannels=2&SomethingNew=1",
            "RecordingStartTime=Fri%2C+14+Oct+2016+21%3A56%3A34+%2B0000",
            "RecordingUrl=http%3A%2F%2F169.254.169.254%2Flatest",
        ]);
        let expected = RecordingEvent {
            account: "AC00000000000000000000000000000001".parse().expect("an account"),
            call: "CA00000000000000000000000000000002".parse().expect("a call"),
            recording: "RE00000000000000000000000000000003".parse().expect("a recording"),
            status: actors::domain::SourceStatus::Completed,
            channels: Some(2),
            duration: Some(Duration::from_secs(42)),
            started_at: Some(Timestamp::from_millis(1_476_482_194_000)),
        };
        assert_eq!(event, Ok(WebhookEvent::Recording(expected)));
    }

    #[test]
    fn a_child_legs_event_names_its_parent() {
        let parent = "ParentCallSid=CA00000000000000000000000000000009";
        let details = call_details(&[
            ACCOUNT,
            CALL,
            parent,
            "CallStatus=ringing&Direction=outbound-dial&From=&To=%2B15550100",
        ]);
        assert_eq!(details.parent, "CA00000000000000000000000000000009".parse().ok());
        assert_eq!(details.direction, Some(Direction::Outbound));
        assert_eq!(details.from, None);
        assert_eq!(details.to, Some(PhoneNumber::new("+15550100")));
    }

    #[test]
    fn a_calls_beginning_follows_from_when_the_callback_was_fired() {
        let fired = "Timestamp=Fri%2C+14+Oct+2016+21%3A56%3A34+%2B0000";
        for (rest, started_at) in [
            ("CallStatus=completed&CallDuration=34", Some(1_476_482_160_000)),
            ("CallStatus=completed", None),
            ("CallStatus=in-progress", Some(1_476_482_194_000)),
            ("CallStatus=initiated", None),
            ("CallStatus=busy&CallDuration=0", None),
        ] {
            let details = call_details(&[ACCOUNT, CALL, fired, rest]);
            assert_eq!(details.started_at.map(Timestamp::as_millis), started_at, "{rest}");
        }
    }

    #[test]
    fn a_calls_status_that_mentions_its_recording_is_about_the_call() {
        let details = call_details(&[ACCOUNT, CALL, RECORDING, "CallStatus=completed"]);
        assert_eq!(details.status, Some(CallStatus::Completed));
        let of_the_recording = read(&[ACCOUNT, CALL, RECORDING, COMPLETED, "CallStatus=completed"]);
        assert!(matches!(of_the_recording, Ok(WebhookEvent::Recording(_))));
    }

    #[test]
    fn what_was_found_by_asking_is_read_as_if_it_had_been_announced() {
        let announced = [
            vec![ACCOUNT, CALL, RECORDING, COMPLETED],
            vec![
                ACCOUNT,
                CALL,
                RECORDING,
                "RecordingStatus=in-progress&RecordingDuration=42&RecordingChannels=2",
                "RecordingStartTime=Fri%2C+14+Oct+2016+21%3A56%3A34+%2B0000",
            ],
            vec![ACCOUNT, CALL, "CallStatus=busy&Direction=outbound"],
            vec![
                ACCOUNT,
                CALL,
                "ParentCallSid=CA00000000000000000000000000000009&CallStatus=completed",
                "Direction=inbound&From=%2B15550100&To=sip%3Aa%26b%40example.com",
                "Timestamp=Fri%2C+14+Oct+2016+21%3A56%3A34+%2B0000&CallDuration=34",
            ],
        ];
        for parts in announced {
            let event = read(&parts).expect("an event");
            assert_eq!(read(&[&form_of(&event)]), Ok(event), "{parts:?}");
        }
    }

    #[test]
    fn what_is_news_once_has_one_key() {
        let other_account = "AccountSid=AC0000000000000000000000000000000a";
        let key = |parts: &[&str]| dedup_key(&read(parts).expect("an event"));
        let once = key(&[ACCOUNT, CALL, RECORDING, COMPLETED]);
        assert_eq!(once, key(&["Later=1", COMPLETED, RECORDING, CALL, ACCOUNT]));
        let keys = [
            once,
            key(&[ACCOUNT, CALL, RECORDING, "RecordingStatus=in-progress"]),
            key(&[other_account, CALL, RECORDING, COMPLETED]),
            key(&[ACCOUNT, CALL, "CallStatus=ringing"]),
            key(&[ACCOUNT, CALL, "CallStatus=completed"]),
            key(&[other_account, CALL, "CallStatus=completed"]),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{keys:?}");
    }

    #[test]
    fn what_twilio_would_not_send_is_refused() {
        for (parts, problem) in [
            (vec![ACCOUNT, RECORDING, COMPLETED], "CallSid is missing"),
            (vec![CALL, RECORDING, COMPLETED], "AccountSid is missing"),
            (vec![ACCOUNT, CALL, RECORDING], "RecordingStatus is missing"),
            (vec![ACCOUNT, CALL], "CallStatus is missing"),
            (
                vec![ACCOUNT, CALL, RECORDING, "RecordingStatus=missing"],
                "RecordingStatus has a value that Twilio does not document",
            ),
            (
                vec![ACCOUNT, CALL, "CallStatus=dreaming"],
                "CallStatus has a value that Twilio does not document",
            ),
            (
                vec![ACCOUNT, CALL, "RecordingSid=RE1", COMPLETED],
                "RecordingSid: malformed recording SID",
            ),
            (
                vec![ACCOUNT, CALL, "RecordingSid=RE0000000000000000000000000000000A", COMPLETED],
                "RecordingSid: malformed recording SID",
            ),
            (vec!["AccountSid=..", CALL, RECORDING, COMPLETED], "AccountSid: malformed"),
            (
                vec![ACCOUNT, CALL, "CallStatus=ringing&ParentCallSid=CA1"],
                "ParentCallSid: malformed call SID",
            ),
            (
                vec![ACCOUNT, CALL, RECORDING, COMPLETED, "RecordingStatus=absent"],
                "RecordingStatus is there twice, with different values",
            ),
        ] {
            let told = read(&parts).expect_err("refused").to_string();
            assert!(told.starts_with(problem), "{told}");
        }
    }

    #[test]
    fn the_account_is_named_once_or_not_at_all() {
        let account = |form: &str| account_sid(&parse_form(form.as_bytes()).expect("a form"));
        let named = "AC00000000000000000000000000000001".parse().ok();
        assert_eq!(account(ACCOUNT), named);
        assert_eq!(account(&format!("{ACCOUNT}&{ACCOUNT}")), named);
        for form in [
            "",
            "AccountSid=",
            "AccountSid=AC1",
            "AccountSid=CA00000000000000000000000000000001",
            &format!("{ACCOUNT}&AccountSid=AC00000000000000000000000000000002"),
        ] {
            assert_eq!(account(form), None, "{form}");
        }
    }
}
