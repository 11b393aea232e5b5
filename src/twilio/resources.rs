//! Wire types of Twilio's REST API, and how its texts become our words.
//!
//! Facts: `twilio_api_v2010.json` of <https://github.com/twilio/twilio-oai>. Every field may be null; numbers
//! mostly come as strings, times in the form of RFC 2822.
//! Invariant: what names a person has no `Debug` here, so that it cannot end up in a log.

use std::time::Duration;

use actors::domain::{
    AccountSid, CallDetails, CallStatus, Direction, PhoneNumber, RecordingEvent, SourceStatus,
    Timestamp,
};
use serde::Deserialize;

/// `/2010-04-01/Accounts/{AC}/Calls/{CA}.json`
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CallResource {
    pub sid: Option<String>,
    pub account_sid: Option<String>,
    pub parent_call_sid: Option<String>,
    pub direction: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub status: Option<String>,
    pub start_time: Option<String>,
    /// In seconds.
    pub duration: Option<String>,
}

/// A page of `/2010-04-01/Accounts/{AC}/Recordings.json`, or of one call's.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RecordingsResource {
    pub recordings: Vec<RecordingResource>,
    /// The path of the next page.
    pub next_page_uri: Option<String>,
}

/// `/2010-04-01/Accounts/{AC}/Recordings/{RE}.json`, and what such a page consists of.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RecordingResource {
    pub sid: Option<String>,
    pub account_sid: Option<String>,
    pub call_sid: Option<String>,
    pub status: Option<String>,
    pub channels: Option<u8>,
    /// In seconds.
    pub duration: Option<String>,
    pub start_time: Option<String>,
}

/// What comes with a refusal. Twilio's words are left out: they can quote a number.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ErrorResource {
    /// As listed at <https://www.twilio.com/docs/api/errors>.
    pub code: Option<u32>,
}

impl CallResource {
    /// A text that we cannot read is as good as none: Twilio adds values without notice.
    pub fn details(&self) -> CallDetails {
        CallDetails {
            parent: said(&self.parent_call_sid).and_then(|sid| sid.parse().ok()),
            direction: said(&self.direction).and_then(Direction::parse),
            from: said(&self.from).map(PhoneNumber::new),
            to: said(&self.to).map(PhoneNumber::new),
            status: said(&self.status).and_then(CallStatus::parse),
            started_at: said(&self.start_time).and_then(time),
            duration: said(&self.duration).and_then(seconds),
        }
    }
}

impl RecordingsResource {
    /// What is no recording of a call of this account is left out.
    pub fn events(&self, account: AccountSid) -> Vec<RecordingEvent> {
        self.recordings.iter().filter_map(|recording| recording.event(account)).collect()
    }

    /// What names the next page. The rest of its URL is ours to make: it is not followed.
    pub fn next_page(&self) -> Option<Vec<(String, String)>> {
        let (_, query) = said(&self.next_page_uri)?.split_once('?')?;
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let named = pairs.filter(|(name, _)| matches!(&**name, "Page" | "PageToken"));
        let named: Vec<_> =
            named.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        (!named.is_empty()).then_some(named)
    }
}

impl RecordingResource {
    /// A status that we cannot read is as good as none.
    pub fn status(&self) -> Option<SourceStatus> {
        source_status(said(&self.status)?)
    }

    fn event(&self, account: AccountSid) -> Option<RecordingEvent> {
        if said(&self.account_sid).is_some_and(|sid| sid != account.to_string()) {
            return None;
        }
        Some(RecordingEvent {
            account,
            call: said(&self.call_sid)?.parse().ok()?,
            recording: said(&self.sid)?.parse().ok()?,
            status: self.status()?,
            channels: self.channels,
            duration: said(&self.duration).and_then(seconds),
            started_at: said(&self.start_time).and_then(time),
        })
    }
}

/// What Twilio says of a recording, by webhook or in the API. Not all words are Twilio's: some are ours alone.
pub(super) fn source_status(text: &str) -> Option<SourceStatus> {
    match text {
        "paused" | "stopped" | "processing" => Some(SourceStatus::InProgress),
        other => SourceStatus::parse(other)
            .filter(|status| *status != SourceStatus::Missing && !status.is_expunged()),
    }
}

/// `Fri, 14 Oct 2016 21:56:34 +0000`; HTTP's own dates have this form too.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

/// The day in UTC, by which lists are narrowed: `2016-10-14`.
pub(super) fn day(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    at.strftime("%Y-%m-%d").to_string()
}

/// The reverse, to the second.
pub(super) fn rfc2822(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// Whole seconds. `-1`, where Twilio does not know, is none.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

fn said(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(json: &str) -> CallDetails {
        serde_json::from_str::<CallResource>(json).expect("a call").details()
    }

    #[test]
    fn a_call_says_what_it_says_and_nothing_else() {
        let details = call(
            r#"{"sid": "CA0", "parent_call_sid": "CA00000000000000000000000000000009",
            "direction": "outbound-api", "from": "+15550100", "to": "", "status": "completed",
            "start_time": "Fri, 14 Oct 2016 21:56:34 +0000", "duration": "42", "price": null}"#,
        );
        assert_eq!(
            details,
            CallDetails {
                parent: "CA00000000000000000000000000000009".parse().ok(),
                direction: Some(Direction::Outbound),
                from: Some(PhoneNumber::new("+15550100")),
                to: None,
                status: Some(CallStatus::Completed),
                started_at: Some(Timestamp::from_millis(1_476_482_194_000)),
                duration: Some(Duration::from_secs(42)),
            }
        );
    }

    #[test]
    fn a_page_is_its_recordings_and_what_names_the_next() {
        let account: AccountSid = "AC00000000000000000000000000000001".parse().expect("an account");
        let page: RecordingsResource = serde_json::from_str(
            r#"{"recordings": [
                {"sid": "RE00000000000000000000000000000003", "call_sid": "CA00000000000000000000000000000002",
                 "account_sid": "AC00000000000000000000000000000001", "status": "completed", "channels": 2,
                 "duration": "42", "start_time": "Fri, 14 Oct 2016 21:56:34 +0000"},
                {"sid": "RE00000000000000000000000000000004", "call_sid": "CA00000000000000000000000000000002",
                 "account_sid": "AC00000000000000000000000000000009", "status": "completed"},
                {"sid": "RE00000000000000000000000000000005", "call_sid": null, "status": "completed"},
                {"sid": "RE../x", "call_sid": "CA00000000000000000000000000000002", "status": "completed"}],
               "next_page_uri": "https://elsewhere.example/x?PageSize=9&Page=1&PageToken=PA%2B1"}"#,
        )
        .expect("a page");
        let expected = RecordingEvent {
            account,
            call: "CA00000000000000000000000000000002".parse().expect("a call"),
            recording: "RE00000000000000000000000000000003".parse().expect("a recording"),
            status: SourceStatus::Completed,
            channels: Some(2),
            duration: Some(Duration::from_secs(42)),
            started_at: Some(Timestamp::from_millis(1_476_482_194_000)),
        };
        assert_eq!(page.events(account), [expected]);
        let named = [("Page", "1"), ("PageToken", "PA+1")];
        let named = named.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(page.next_page().as_deref(), Some(&named[..]));
        assert_eq!(RecordingsResource::default().next_page(), None);
    }

    #[test]
    fn nulls_and_novelties_are_unknown() {
        for json in [
            "{}",
            r#"{"direction": null, "from": null, "status": null, "start_time": null, "duration": null}"#,
            r#"{"direction": "sideways", "status": "daydreaming", "start_time": "soon", "duration": "-1",
                "parent_call_sid": "CA1"}"#,
        ] {
            assert_eq!(call(json), CallDetails::default(), "{json}");
        }
    }

    #[test]
    fn statuses_are_in_our_words() {
        for (text, status) in [
            ("in-progress", Some(SourceStatus::InProgress)),
            ("paused", Some(SourceStatus::InProgress)),
            ("stopped", Some(SourceStatus::InProgress)),
            ("processing", Some(SourceStatus::InProgress)),
            ("completed", Some(SourceStatus::Completed)),
            ("absent", Some(SourceStatus::Absent)),
            ("failed", Some(SourceStatus::Failed)),
            ("deleted", Some(SourceStatus::Deleted)),
            ("missing", None),
            ("Completed", None),
        ] {
            assert_eq!(source_status(text), status, "{text}");
        }
    }

    #[test]
    fn times_are_rfc_2822() {
        for (text, millis) in [
            ("Fri, 14 Oct 2016 21:56:34 +0000", Some(1_476_482_194_000)),
            ("Fri, 14 Oct 2016 21:56:34 GMT", Some(1_476_482_194_000)),
            ("Fri, 14 Oct 2016 23:56:34 +0200", Some(1_476_482_194_000)),
            ("2016-10-14T21:56:34Z", None),
            ("", None),
        ] {
            assert_eq!(time(text).map(Timestamp::as_millis), millis, "{text}");
        }
    }
}
