//! Findings as they are written in their columns: JSON, times in milliseconds.

use std::time::Duration;

use actors::domain::{
    Correction, Fact, Facts, ProposedAppointment, Summary, Timestamp, Utterance, Word,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::catalog::failure::{Answer, Failure};

#[derive(Serialize, Deserialize)]
struct WrittenUtterance {
    channel: u8,
    start_ms: u64,
    end_ms: u64,
    text: String,
    /// Text, start, end.
    words: Vec<(String, u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct WrittenCorrection {
    utterance: u32,
    text: String,
    by: String,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct WrittenSummary {
    topic: Option<String>,
    outcome: Option<String>,
    next_step: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenFact<T> {
    value: T,
    confidence: f64,
}

#[derive(Serialize, Deserialize)]
struct WrittenAppointment {
    starts_at_ms: i64,
    subject: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenFacts {
    customer_name: Option<WrittenFact<String>>,
    city: Option<WrittenFact<String>>,
    service: Option<WrittenFact<String>>,
    appointment: Option<WrittenFact<WrittenAppointment>>,
}

pub(super) fn utterances(utterances: &[Utterance]) -> String {
    let written: Vec<WrittenUtterance> = utterances
        .iter()
        .map(|said| WrittenUtterance {
            channel: said.channel,
            start_ms: millis(said.start),
            end_ms: millis(said.end),
            text: said.text.clone(),
            words: said
                .words
                .iter()
                .map(|word| (word.text.clone(), millis(word.start), millis(word.end)))
                .collect(),
        })
        .collect();
    json!(written).to_string()
}

pub(super) fn read_utterances(json: &str) -> Answer<Vec<Utterance>> {
    let written: Vec<WrittenUtterance> = read(json, "utterances")?;
    let utterance = |said: WrittenUtterance| Utterance {
        channel: said.channel,
        start: Duration::from_millis(said.start_ms),
        end: Duration::from_millis(said.end_ms),
        text: said.text,
        words: said
            .words
            .into_iter()
            .map(|(text, start, end)| Word {
                text,
                start: Duration::from_millis(start),
                end: Duration::from_millis(end),
            })
            .collect(),
    };
    Ok(written.into_iter().map(utterance).collect())
}

pub(super) fn corrections(corrections: &[Correction]) -> String {
    let written: Vec<WrittenCorrection> = corrections
        .iter()
        .map(|correction| WrittenCorrection {
            utterance: correction.utterance,
            text: correction.text.clone(),
            by: correction.by.clone(),
            at_ms: correction.at.as_millis(),
        })
        .collect();
    json!(written).to_string()
}

pub(super) fn read_corrections(json: &str) -> Answer<Vec<Correction>> {
    let written: Vec<WrittenCorrection> = read(json, "corrections")?;
    let correction = |it: WrittenCorrection| Correction {
        utterance: it.utterance,
        text: it.text,
        by: it.by,
        at: Timestamp::from_millis(it.at_ms),
    };
    Ok(written.into_iter().map(correction).collect())
}

pub(super) fn summary(summary: &Summary) -> String {
    let Summary { topic, outcome, next_step } = summary.clone();
    json!(WrittenSummary { topic, outcome, next_step }).to_string()
}

pub(super) fn read_summary(json: &str) -> Answer<Summary> {
    let WrittenSummary { topic, outcome, next_step } = read(json, "summary")?;
    Ok(Summary { topic, outcome, next_step })
}

pub(super) fn facts(facts: &Facts) -> String {
    let Facts { customer_name, city, service, appointment } = facts.clone();
    let plain = |fact: Fact<String>| WrittenFact { value: fact.value, confidence: fact.confidence };
    let written = WrittenFacts {
        customer_name: customer_name.map(plain),
        city: city.map(plain),
        service: service.map(plain),
        appointment: appointment.map(|fact| WrittenFact {
            value: WrittenAppointment {
                starts_at_ms: fact.value.starts_at.as_millis(),
                subject: fact.value.subject,
            },
            confidence: fact.confidence,
        }),
    };
    json!(written).to_string()
}

pub(super) fn read_facts(json: &str) -> Answer<Facts> {
    let written: WrittenFacts = read(json, "facts")?;
    let plain = |fact: WrittenFact<String>| Fact { value: fact.value, confidence: fact.confidence };
    Ok(Facts {
        customer_name: written.customer_name.map(plain),
        city: written.city.map(plain),
        service: written.service.map(plain),
        appointment: written.appointment.map(|fact| Fact {
            value: ProposedAppointment {
                starts_at: Timestamp::from_millis(fact.value.starts_at_ms),
                subject: fact.value.subject,
            },
            confidence: fact.confidence,
        }),
    })
}

fn read<T: serde::de::DeserializeOwned>(json: &str, column: &'static str) -> Answer<T> {
    serde_json::from_str(json).map_err(|_| Failure::corrupt(column))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
