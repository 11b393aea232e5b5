//! `POST /v1/chat/completions`: what one would note down of a call, as the asker's schema has it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Provider, Refused, conversation};
use crate::simulator::speech::{Appointment, Understood};
use crate::simulator::switchboard::{Switchboard, scattered};

/// Schemas refer to themselves; answers end.
const DEPTH_MAX: usize = 8;
/// What text takes in tokens, roughly.
const TOKEN_BYTES: usize = 4;

#[derive(Deserialize)]
pub(super) struct Asked {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    response_format: Option<Value>,
    #[serde(default)]
    stream: bool,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Value,
}

pub(super) async fn create(
    State(provider): State<Arc<Provider>>,
    State(board): State<Arc<Switchboard>>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Value>, Refused> {
    let Json(asked) = asked.map_err(|rejection| Refused::invalid(rejection.body_text(), None))?;
    if asked.stream {
        return Err(Refused::invalid("this model does not stream", Some("stream")));
    }
    if asked.messages.is_empty() {
        return Err(Refused::invalid("there are no messages", Some("messages")));
    }
    let text: Vec<String> = asked.messages.iter().map(Message::text).collect();
    let text = text.join("\n");
    let content = asked.content(&text);
    let number = provider.chats.fetch_add(1, Ordering::Relaxed);
    let (asks, answers) = (text.len().div_ceil(TOKEN_BYTES), content.len().div_ceil(TOKEN_BYTES));
    Ok(Json(json!({
        "id": format!("chatcmpl-{:032x}", scattered(0, number)),
        "object": "chat.completion",
        "created": board.now_ms() / 1_000,
        "model": asked.model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": content, "refusal": null, "annotations": [] },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": asks,
            "completion_tokens": answers,
            "total_tokens": asks + answers,
        },
        "service_tier": "default",
        "system_fingerprint": null,
    })))
}

impl Message {
    /// Content is text, or parts of which some are.
    fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts: Vec<&str> = parts.iter().filter_map(|it| it["text"].as_str()).collect();
                texts.join("\n")
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
        }
    }
}

impl Asked {
    fn content(&self, text: &str) -> String {
        let understood = conversation::find(text).map(|script| &script.understood);
        let known = noted(understood, first_date(text));
        match &self.response_format {
            Some(format) if format["type"] == "json_schema" => {
                let schema = &format["json_schema"]["schema"];
                fitted(&known, schema, schema, 0).to_string()
            }
            Some(format) if format["type"] == "json_object" => known.to_string(),
            Some(_) | None => prose(understood),
        }
    }
}

/// Everything that may be asked for, by the name it is asked by.
fn noted(understood: Option<&Understood>, called: Option<Date>) -> Value {
    let Some(understood) = understood else { return Value::Null };
    let Understood { summary, customer_name, city, service, appointment } = understood;
    let appointment =
        appointment.as_ref().zip(called).and_then(|(it, called)| arranged(it, called));
    json!({
        "topic": summary.topic,
        "outcome": summary.outcome,
        "next_step": summary.next_step,
        "customer_name": customer_name,
        "city": city,
        "service": service,
        "appointment": appointment,
    })
}

fn arranged(appointment: &Appointment, called: Date) -> Option<Value> {
    let date = called.nth_weekday(1, appointment.weekday).ok()?;
    let starts_at = date.to_datetime(appointment.time).strftime("%Y-%m-%dT%H:%M").to_string();
    let Appointment { subject, confidence, .. } = appointment;
    Some(json!({ "starts_at": starts_at, "subject": subject, "confidence": confidence }))
}

fn prose(understood: Option<&Understood>) -> String {
    let Some(Understood { summary, .. }) = understood else { return String::new() };
    let parts = [&summary.topic, &summary.outcome, &summary.next_step];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    parts.join(" ")
}

/// The first that is written as 2026-11-27.
fn first_date(text: &str) -> Option<Date> {
    let dates = text.as_bytes().windows(10).filter(|ten| ten[4] == b'-' && ten[7] == b'-');
    dates.filter_map(|ten| std::str::from_utf8(ten).ok()?.parse().ok()).next()
}

/// What is known, with just the properties that the schema declares; null where nothing is.
fn fitted(known: &Value, schema: &Value, root: &Value, depth: usize) -> Value {
    let Some(properties) = properties(schema, root, depth).filter(|_| depth < DEPTH_MAX) else {
        return known.clone();
    };
    if known.is_null() && depth > 0 {
        return Value::Null;
    }
    let fit = |(name, schema): (&String, &Value)| {
        (name.clone(), fitted(&known[name], schema, root, depth + 1))
    };
    Value::Object(properties.iter().map(fit).collect())
}

/// Of the schema itself, of what it refers to, or of the first of its alternatives that has some.
fn properties<'a>(
    schema: &'a Value,
    root: &'a Value,
    depth: usize,
) -> Option<&'a Map<String, Value>> {
    if depth > DEPTH_MAX {
        return None;
    }
    if let Some(properties) = schema["properties"].as_object() {
        return Some(properties);
    }
    if let Some(pointer) = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#')) {
        return properties(root.pointer(pointer)?, root, depth + 1);
    }
    let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|name| schema[name].as_array());
    alternatives.flatten().find_map(|it| properties(it, root, depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::speech;

    fn asked(script: &str, began: &str, schema: &Value) -> Value {
        let script = speech::script(script).expect("a script");
        let turns: Vec<&str> = script.texts().collect();
        let data = json!({ "began": began, "turns": turns }).to_string();
        let asked: Asked = serde_json::from_value(json!({
            "model": "any",
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": data }] }],
            "response_format": {
                "type": "json_schema",
                "json_schema": { "name": "facts", "schema": schema },
            },
        }))
        .expect("a request");
        let text: Vec<String> = asked.messages.iter().map(Message::text).collect();
        serde_json::from_str(&asked.content(&text.join("\n"))).expect("JSON")
    }

    fn object(names: &[&str]) -> Value {
        let properties: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        json!({ "type": "object", "properties": properties })
    }

    #[test]
    fn an_appointment_is_on_the_next_such_day_after_the_call() {
        for (script, began, starts_at) in [
            ("washing-machine", "2026-11-27T10:15", "2026-12-03T10:00"),
            ("washing-machine", "2026-12-02T23:59:59Z", "2026-12-03T10:00"),
            ("washing-machine", "2026-12-03T08:00:00+02:00", "2026-12-10T10:00"),
            ("clinic-appointment", "2026-12-29", "2026-12-30T16:00"),
        ] {
            let noted = asked(script, began, &object(&["appointment"]));
            assert_eq!(noted["appointment"]["starts_at"], starts_at, "{script} {began}");
        }
        let undated = asked("washing-machine", "yesterday", &object(&["appointment"]));
        assert_eq!(undated, json!({ "appointment": null }));
    }

    #[test]
    fn only_what_the_schema_declares_is_answered() {
        let fact = json!({ "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/fact" }] });
        let schema = json!({
            "type": "object",
            "properties": { "city": fact, "customer_name": fact, "shoe_size": fact },
            "$defs": { "fact": { "type": "object", "properties": { "value": {}, "quote": {} } } },
        });
        let noted = asked("washing-machine", "2026-11-27", &schema);
        assert_eq!(
            noted,
            json!({
                "city": { "value": "Springfield", "quote": null },
                "customer_name": { "value": "Tom Becker", "quote": null },
                "shoe_size": null,
            })
        );
        let nothing = asked("missed-call", "2026-11-27", &schema);
        assert_eq!(nothing, json!({ "city": null, "customer_name": null, "shoe_size": null }));
    }

    #[test]
    fn every_call_has_something_to_say_about_it() {
        for script in speech::scripts() {
            let summary = asked(&script.name, "2026-11-27", &object(&["topic", "outcome"]));
            assert!(summary["topic"].is_string(), "{}", script.name);
        }
    }

    #[test]
    fn what_was_not_said_here_is_unknown() {
        let known = noted(None, None);
        let schema = object(&["topic", "customer_name"]);
        let answer = fitted(&known, &schema, &schema, 0);
        assert_eq!(answer, json!({ "topic": null, "customer_name": null }));
    }
}
