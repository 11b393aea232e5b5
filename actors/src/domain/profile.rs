//! How a business wants its calls to be understood.

use std::collections::BTreeMap;

use super::Stage;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Spoken by default, as BCP 47 writes it; `None`: the speech service finds out.
    pub language: Option<String>,
    /// IANA's name of where its clocks are.
    pub time_zone: String,
    /// What it offers; extraction prefers one of these names.
    pub services: Vec<String>,
    /// What its people call a status (`proposed`) or a service.
    pub labels: BTreeMap<String, String>,
    /// Those that do not run.
    pub skips: Vec<Stage>,
    /// On which channel of two its agents are heard, counted from 0. Twilio puts the parent leg, usually the caller,
    /// on the first.
    pub agent_channel: u8,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            language: None,
            time_zone: "UTC".to_owned(),
            services: Vec::new(),
            labels: BTreeMap::new(),
            skips: Vec::new(),
            agent_channel: 1,
        }
    }
}

impl Profile {
    pub fn runs(&self, stage: Stage) -> bool {
        !self.skips.contains(&stage)
    }
}
