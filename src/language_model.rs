//! The port `LanguageModel` over OpenAI's interface: `POST /v1/chat/completions`, with a schema for the answer.
//!
//! Invariants: what the model is told to do is a constant, and everything that comes from a call or a business is
//! data in another message · an answer counts only if it fits its schema and can be true · errors, and what the
//! model is told about a broken answer, hold no words from the call.

mod answer;
mod prompts;
mod schema;

use actors::domain::{Facts, Summary};
use actors::ports::{Conversation, LanguageModel, ProviderError};
use async_trait::async_trait;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::openai::{Endpoint, EndpointConfig};
use answer::{Broken, Try};

pub struct OpenAiLanguageModel {
    endpoint: Endpoint,
    summary: Task,
    facts: Task,
}

/// What is asked about a conversation.
struct Task {
    name: &'static str,
    instructions: &'static str,
    schema: Value,
}

/// One more than once: a model that was told what is wrong often mends it.
const ATTEMPTS_MAX: usize = 2;

impl OpenAiLanguageModel {
    /// Fails only where TLS cannot be set up.
    pub fn new(config: EndpointConfig) -> reqwest::Result<Self> {
        let summary = Task {
            name: "summary",
            instructions: prompts::SUMMARY,
            schema: schema::of::<schema::SummaryAnswer>(),
        };
        let facts = Task {
            name: "facts",
            instructions: prompts::FACTS,
            schema: schema::of::<schema::FactsAnswer>(),
        };
        Ok(Self { endpoint: Endpoint::new(config)?, summary, facts })
    }

    /// Asks until the answer can be read, but not often.
    async fn ask<T>(
        &self,
        task: &Task,
        conversation: &Conversation,
        zone: &TimeZone,
        read: impl Fn(&str, Try) -> Result<T, Broken>,
    ) -> Result<T, ProviderError> {
        let mut messages = vec![
            json!({ "role": "system", "content": task.instructions }),
            json!({ "role": "user", "content": prompts::data(conversation, zone) }),
        ];
        let mut attempts = 0;
        loop {
            attempts += 1;
            let this_try = if attempts < ATTEMPTS_MAX { Try::First } else { Try::Last };
            let answer = self.complete(task, &messages).await?;
            match answer::content(&answer)?.and_then(|content| read(&content, this_try)) {
                Ok(found) => return Ok(found),
                Err(Broken(why)) if attempts >= ATTEMPTS_MAX => {
                    return Err(ProviderError::Nonsense(why.to_owned()));
                }
                Err(Broken(why)) => {
                    let told = prompts::correction(why);
                    messages.push(json!({ "role": "user", "content": told }));
                }
            }
        }
    }

    async fn complete(&self, task: &Task, messages: &[Value]) -> Result<Vec<u8>, ProviderError> {
        let schema = json!({ "name": task.name, "strict": true, "schema": task.schema });
        let question = json!({
            "model": self.endpoint.model(),
            "messages": messages,
            "response_format": { "type": "json_schema", "json_schema": schema },
        });
        let path = ["chat", "completions"];
        let answered = self.endpoint.post(&path, |request| request.json(&question)).await;
        answered.map_err(|failure| failure.error)
    }
}

#[async_trait]
impl LanguageModel for OpenAiLanguageModel {
    async fn summarise(&self, conversation: &Conversation) -> Result<Summary, ProviderError> {
        let zone = zone_of(conversation)?;
        let read = |content: &str, _| answer::summary(content);
        self.ask(&self.summary, conversation, &zone, read).await
    }

    async fn extract(&self, conversation: &Conversation) -> Result<Facts, ProviderError> {
        let zone = zone_of(conversation)?;
        let began_at = conversation.began_at;
        let read = |content: &str, this_try| answer::facts(content, began_at, &zone, this_try);
        self.ask(&self.facts, conversation, &zone, read).await
    }
}

/// Without its clocks, "Thursday at ten" is no moment.
fn zone_of(conversation: &Conversation) -> Result<TimeZone, ProviderError> {
    TimeZone::get(&conversation.time_zone).map_err(|_| {
        ProviderError::Refused("the business's time zone is none of IANA's".to_owned())
    })
}
