//! How a recording's audio is (mis)delivered, as a script: one behaviour per request, the last one repeats.
//!
//! In JSON: `[{"times": 2, "fault": {"status": {"code": 404}}}, {"bytes_per_second": 8000, "fault": {"cut_after_bytes": 50000}}, {}]`.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One request's delivery. The default is healthy, at once and at full speed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// For how many requests in a row.
    pub times: u32,
    /// Wait this long before the status line.
    pub first_byte_ms: u64,
    pub bytes_per_second: Option<u64>,
    /// The pace, if not said in bytes: 100 sends a minute of audio in a minute.
    pub bit_rate_percent: Option<u32>,
    pub framing: Framing,
    pub fault: Fault,
}

/// How the receiver can know where the body ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    #[default]
    ContentLength,
    Chunked,
    /// Neither a length nor chunks: it ends where the connection ends.
    UntilClose,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    #[default]
    Healthy,
    /// Twilio's error document under any status.
    Status {
        code: u16,
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// The request is read and never answered.
    Hang,
    /// The connection ends (FIN) before the status line.
    CloseBeforeHeaders,
    /// So many bytes of the body, then nothing, with the connection open.
    StallAfterBytes(usize),
    /// So many bytes of the body, then FIN: short of the length, without the last chunk.
    CutAfterBytes(usize),
    /// So many bytes of the body, then RST.
    ResetAfterBytes(usize),
    /// So many bytes follow that `Content-Length` does not count.
    TooLongByBytes(usize),
    /// So many bytes are missing that `Content-Length` counts; then FIN.
    TooShortByBytes(usize),
    /// A document with status 200; `disguised`: called audio.
    NotAudio {
        document: Document,
        #[serde(default)]
        disguised: bool,
    },
    /// 200 and nothing in it.
    Empty,
    /// 200 and a container's header without audio behind it.
    HeaderOnly,
    /// Compressed, although nobody asked.
    Gzip,
    /// 206 with the first half, although nobody asked.
    UnaskedPartial,
    /// A resume is answered 206 with a `Content-Range` one byte off.
    WrongContentRange,
    /// A resume is answered 200 from the beginning.
    IgnoreRange,
    /// Equally long and sound, but other audio, under another entity tag.
    Changed,
    /// Other audio under the same entity tag.
    ChangedSilently,
    /// 302 to this URL.
    Redirect(String),
    /// 302 to itself.
    RedirectLoop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    Html,
    Json,
    Xml,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            times: 1,
            first_byte_ms: 0,
            bytes_per_second: None,
            bit_rate_percent: None,
            framing: Framing::ContentLength,
            fault: Fault::Healthy,
        }
    }
}

impl Behaviour {
    pub fn healthy() -> Self {
        Self::default()
    }

    pub fn status(code: u16) -> Self {
        Fault::Status { code, retry_after: None }.into()
    }

    pub fn paced(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: Some(bytes_per_second), ..Self::default() }
    }

    /// Of so many bytes that play for so long.
    pub(super) fn pace(&self, bytes: usize, duration: Duration) -> Option<u64> {
        self.bytes_per_second.or_else(|| {
            let percent = u128::from(self.bit_rate_percent?);
            let pace = bytes as u128 * percent * 10 / duration.as_millis().max(1);
            Some(u64::try_from(pace).unwrap_or(u64::MAX))
        })
    }

    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }
}

impl From<Fault> for Behaviour {
    fn from(fault: Fault) -> Self {
        Self { fault, ..Self::default() }
    }
}

/// What is left of a script.
#[derive(Debug, Default)]
pub(super) struct FaultPlan(VecDeque<Behaviour>);

impl FaultPlan {
    pub(super) fn new(script: Vec<Behaviour>) -> Self {
        Self(script.into_iter().filter(|behaviour| behaviour.times > 0).collect())
    }

    pub(super) fn next(&mut self) -> Behaviour {
        if self.0.len() <= 1 {
            return self.0.front().cloned().unwrap_or_default();
        }
        match self.0.front_mut() {
            Some(behaviour) if behaviour.times > 1 => {
                behaviour.times -= 1;
                behaviour.clone()
            }
            Some(_) | None => self.0.pop_front().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_takes_its_behaviour_and_the_last_one_repeats() {
        let mut plan =
            FaultPlan::new(vec![Behaviour::status(404).times(2), Behaviour::status(503)]);
        let codes: Vec<Fault> = (0..4).map(|_| plan.next().fault).collect();
        let status = |code| Behaviour::status(code).fault;
        assert_eq!(codes, [status(404), status(404), status(503), status(503)]);
        assert_eq!(FaultPlan::default().next().fault, Fault::Healthy);
    }

    #[test]
    fn a_pace_may_be_said_in_bytes_or_as_a_share_of_the_bit_rate() {
        let pace = |behaviour: Behaviour| behaviour.pace(8_000, Duration::from_secs(2));
        let relative = Behaviour { bit_rate_percent: Some(120), ..Behaviour::default() };
        assert_eq!(pace(relative.clone()), Some(4_800));
        assert_eq!(pace(Behaviour { bytes_per_second: Some(7), ..relative }), Some(7));
        assert_eq!(pace(Behaviour::healthy()), None);
    }

    #[test]
    fn a_script_reads_as_the_module_says() {
        let json = r#"[{"times": 2, "fault": {"status": {"code": 404}}},
            {"bytes_per_second": 8000, "fault": {"cut_after_bytes": 50000}}, {"fault": "hang"}, {}]"#;
        let script: Vec<Behaviour> = serde_json::from_str(json).expect("valid");
        let paced = Behaviour { fault: Fault::CutAfterBytes(50_000), ..Behaviour::paced(8_000) };
        let expected =
            [Behaviour::status(404).times(2), paced, Fault::Hang.into(), Behaviour::healthy()];
        assert_eq!(script, expected);
        assert!(serde_json::from_str::<Behaviour>(r#"{"speed": 3}"#).is_err());
    }
}
