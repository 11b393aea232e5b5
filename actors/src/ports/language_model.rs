//! Who understands what was said.
//!
//! Invariant: what a caller said is data. It is never part of what the model is told to do.

use async_trait::async_trait;

use super::ProviderError;
use crate::domain::{Direction, Facts, Speaker, Summary, Timestamp};

/// Invariant: every call has a deadline of the adapter's own; what it answers has been checked against its schema.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    async fn summarise(&self, conversation: &Conversation) -> Result<Summary, ProviderError>;

    async fn extract(&self, conversation: &Conversation) -> Result<Facts, ProviderError>;
}

/// A call's words, and what one must know to make sense of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub business: String,
    /// "Thursday" is the one after this moment, by the clocks of `time_zone`.
    pub began_at: Timestamp,
    /// IANA's name.
    pub time_zone: String,
    pub direction: Option<Direction>,
    /// What answers are written in, as BCP 47 writes it; `None`: the conversation's own.
    pub language: Option<String>,
    /// What the business offers.
    pub services: Vec<String>,
    pub turns: Vec<Turn>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// `None` where nobody knows who speaks.
    pub speaker: Option<Speaker>,
    pub text: String,
}

/// Words from a call are never logged.
impl std::fmt::Debug for Turn {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Turn({:?}, …)", self.speaker)
    }
}
