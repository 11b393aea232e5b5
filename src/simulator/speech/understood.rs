//! What a listener would note down of a scripted call.

use jiff::civil::{Time, Weekday};
use serde::{Deserialize, Deserializer, Serialize};

#[derive(Debug, Deserialize)]
pub(in crate::simulator) struct Understood {
    pub summary: Summary,
    pub customer_name: Option<Fact>,
    pub city: Option<Fact>,
    pub service: Option<Fact>,
    pub appointment: Option<Appointment>,
}

/// In the call's language.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(in crate::simulator) struct Summary {
    pub topic: Option<String>,
    pub outcome: Option<String>,
    pub next_step: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(in crate::simulator) struct Fact {
    pub value: String,
    pub confidence: f64,
}

/// At the first such weekday after the call's own.
#[derive(Debug, Deserialize)]
pub(in crate::simulator) struct Appointment {
    #[serde(deserialize_with = "weekday")]
    pub weekday: Weekday,
    pub time: Time,
    pub subject: Option<String>,
    pub confidence: f64,
}

fn weekday<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Weekday, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "sunday" => Ok(Weekday::Sunday),
        "monday" => Ok(Weekday::Monday),
        "tuesday" => Ok(Weekday::Tuesday),
        "wednesday" => Ok(Weekday::Wednesday),
        "thursday" => Ok(Weekday::Thursday),
        "friday" => Ok(Weekday::Friday),
        "saturday" => Ok(Weekday::Saturday),
        other => Err(serde::de::Error::custom(format!("{other} is no weekday"))),
    }
}
