//! What a model answered: read, and checked for whether it can be true. Pure.

use actors::domain::{Fact, Facts, ProposedAppointment, Summary, Timestamp};
use actors::ports::ProviderError;
use jiff::ToSpan;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::schema::{AppointmentAnswer, FactsAnswer, SummaryAnswer, ValueAnswer};

/// Why an answer cannot be used, in words that both the model and a log may have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// Whether the model can still be asked to mend its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    First,
    Last,
}

const VALUE_CHARS_MAX: usize = 500;
const YEARS_AHEAD_MAX: i64 = 2;

const TOO_LONG: Broken = Broken("a value is longer than 500 characters");
const UNREADABLE_DATE: Broken = Broken("starts_at is no local time as YYYY-MM-DDTHH:MM");

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

/// What the model says. The outer error is the server's doing, the inner one the model's.
pub(super) fn content(completion: &[u8]) -> Result<Result<String, Broken>, ProviderError> {
    let nonsense = || ProviderError::Nonsense("it is no chat completion in JSON".to_owned());
    let completion: Completion = serde_json::from_slice(completion).map_err(|_| nonsense())?;
    let Choice { message, finish_reason } =
        completion.choices.into_iter().next().ok_or_else(nonsense)?;
    Ok(match (message.content, message.refusal) {
        (_, Some(refusal)) if !refusal.is_empty() => Err(Broken("the model refused")),
        _ if finish_reason.as_deref() == Some("length") => Err(Broken("it was cut off")),
        (Some(content), _) => Ok(content),
        (None, _) => Err(Broken("it is empty")),
    })
}

pub(super) fn summary(content: &str) -> Result<Summary, Broken> {
    let SummaryAnswer { topic, outcome, next_step } = parse(content)?;
    Ok(Summary { topic: text(topic)?, outcome: text(outcome)?, next_step: text(next_step)? })
}

/// Appointments are told by the clocks of `zone`. One that stays impossible does not make the rest wrong.
pub(super) fn facts(
    content: &str,
    began_at: Timestamp,
    zone: &TimeZone,
    this_try: Try,
) -> Result<Facts, Broken> {
    let FactsAnswer { customer_name, city, service, appointment } = parse(content)?;
    let appointment = match appointment.map(|it| proposed(it, began_at, zone)).transpose() {
        Err(_) if this_try == Try::Last => None,
        appointment => appointment?,
    };
    Ok(Facts {
        customer_name: fact(customer_name)?,
        city: fact(city)?,
        service: fact(service)?,
        appointment,
    })
}

fn parse<T: for<'de> Deserialize<'de>>(content: &str) -> Result<T, Broken> {
    serde_json::from_str(unfenced(content)).map_err(|error| {
        Broken(if error.is_data() { "it does not fit the schema" } else { "it is not JSON" })
    })
}

/// Models like to put JSON between fences, as in Markdown.
fn unfenced(content: &str) -> &str {
    let content = content.trim();
    let inner = content.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inner.map_or(content, |inner| inner.strip_prefix("json").unwrap_or(inner))
}

/// Trimmed; an empty one is none.
fn text(value: Option<String>) -> Result<Option<String>, Broken> {
    let Some(value) = value else { return Ok(None) };
    let value = value.trim();
    if value.chars().count() > VALUE_CHARS_MAX {
        return Err(TOO_LONG);
    }
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

fn fact(answer: Option<ValueAnswer>) -> Result<Option<Fact<String>>, Broken> {
    let Some(ValueAnswer { value, confidence }) = answer else { return Ok(None) };
    let confidence = sureness(confidence)?;
    Ok(text(Some(value))?.map(|value| Fact { value, confidence }))
}

fn sureness(confidence: f64) -> Result<f64, Broken> {
    let possible = (0.0..=1.0).contains(&confidence);
    possible.then_some(confidence).ok_or(Broken("a confidence is not from 0 to 1"))
}

fn proposed(
    answer: AppointmentAnswer,
    began_at: Timestamp,
    zone: &TimeZone,
) -> Result<Fact<ProposedAppointment>, Broken> {
    let AppointmentAnswer { starts_at, subject, confidence } = answer;
    let starts_at = moment(&starts_at, zone)?;
    let began_at = jiff::Timestamp::from_millisecond(began_at.as_millis()).unwrap_or_default();
    if starts_at < began_at {
        return Err(Broken("starts_at lies before the beginning of the call"));
    }
    let latest = began_at.to_zoned(zone.clone()).checked_add(YEARS_AHEAD_MAX.years());
    if latest.is_ok_and(|latest| starts_at > latest.timestamp()) {
        return Err(Broken("starts_at lies more than two years after the call"));
    }
    let starts_at = Timestamp::from_millis(starts_at.as_millisecond());
    let value = ProposedAppointment { starts_at, subject: text(subject)? };
    Ok(Fact { value, confidence: sureness(confidence)? })
}

/// Where clocks are put forward or back, an hour that is missing is the next one, and of two the first is meant.
fn moment(local: &str, zone: &TimeZone) -> Result<jiff::Timestamp, Broken> {
    // With seconds or without; but a date alone is no time, and an offset would be somebody else's clock.
    let whole = matches!(local.len(), 16 | 19) && local.as_bytes()[10] == b'T';
    let time: Option<DateTime> = whole.then(|| local.parse().ok()).flatten();
    let zoned = time.and_then(|time| zone.to_ambiguous_zoned(time).compatible().ok());
    zoned.map(|zoned| zoned.timestamp()).ok_or(UNREADABLE_DATE)
}

#[cfg(test)]
mod tests;
