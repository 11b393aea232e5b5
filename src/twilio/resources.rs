//! Wire types of Twilio's REST API, and how its texts become our words.
//!
//! Every field may be null (<https://github.com/twilio/twilio-oai>, `twilio_api_v2010.json`); numbers come as
//! strings, times as RFC 2822.

use std::time::Duration;

use actors::domain::{CallDetails, CallStatus, Direction, PhoneNumber, Timestamp};
use serde::Deserialize;

/// `/2010-04-01/Accounts/{AC}/Calls/{CA}.json`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CallResource {
    pub parent_call_sid: Option<String>,
    pub direction: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub status: Option<String>,
    pub start_time: Option<String>,
    pub duration: Option<String>,
}

/// What comes with a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ErrorResource {
    pub code: Option<u32>,
}

/// Two channels of a mono recording were asked for (<https://www.twilio.com/docs/api/errors/16113>).
pub const ERROR_MONO_RECORDING: u32 = 16_113;

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

fn said(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|text| !text.is_empty())
}

/// `Fri, 14 Oct 2016 21:56:34 +0000`
pub fn time(text: &str) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_millis(at.timestamp().as_millisecond()))
}

/// Whole seconds; Twilio says `-1` where it does not know.
pub fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_says_what_it_says_and_nothing_else() {
        let json = r#"{"sid": "CA0", "parent_call_sid": null, "direction": "outbound-api", "from": "+15550100",
            "to": "", "status": "completed", "start_time": "Fri, 14 Oct 2016 21:56:34 +0000",
            "duration": "42", "price": null}"#;
        let details = serde_json::from_str::<CallResource>(json).expect("a call").details();
        assert_eq!(
            details,
            CallDetails {
                parent: None,
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
    fn nulls_and_novelties_are_unknown() {
        let json = r#"{"direction": "sideways", "status": "daydreaming", "start_time": "soon", "duration": "-1"}"#;
        let details = serde_json::from_str::<CallResource>(json).expect("a call").details();
        assert_eq!(details, CallDetails::default());
    }
}
