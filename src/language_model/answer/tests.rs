//! Answers of a model, and what becomes of them.

use actors::domain::{Fact, Facts, Timestamp};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Broken, Try, content, facts, summary};

/// Friday 2026-11-27, 10:15 in Jerusalem.
const BEGAN_AT: Timestamp = Timestamp::from_millis(1_795_767_300_000);

fn zone() -> TimeZone {
    TimeZone::get("Asia/Jerusalem").expect("a zone")
}

fn facts_of(answer: &Value) -> Result<Facts, Broken> {
    facts(&answer.to_string(), BEGAN_AT, &zone(), Try::First)
}

fn with_appointment(starts_at: &str, confidence: f64) -> Value {
    let appointment = json!({ "starts_at": starts_at, "subject": " ", "confidence": confidence });
    json!({ "customer_name": null, "city": null, "service": null, "appointment": appointment })
}

/// When it starts, by UTC.
fn starts_at(starts_at: &str) -> Result<String, Broken> {
    let found = facts_of(&with_appointment(starts_at, 1.0))?.appointment.expect("an appointment");
    assert_eq!(found.value.subject, None);
    let at = jiff::Timestamp::from_millisecond(found.value.starts_at.as_millis());
    Ok(at.expect("a time").to_string())
}

#[test]
fn a_summary_has_what_was_said_and_nothing_empty() {
    let answer = r#"{"topic":" A boiler. ","outcome":null,"next_step":""}"#;
    let fenced = [answer.to_owned(), format!("```json\n{answer}\n```"), format!(" ```{answer}```")];
    for answer in fenced {
        let found = summary(&answer).expect("a summary");
        let found = (found.topic.as_deref(), found.outcome, found.next_step);
        assert_eq!(found, (Some("A boiler."), None, None));
    }
}

#[test]
fn facts_come_with_how_sure_they_are() {
    let answer = json!({
        "customer_name": { "value": "Dana", "confidence": 0.75 }, "city": { "value": " ", "confidence": 1 },
        "service": null, "appointment": null,
    });
    let found = facts_of(&answer).expect("facts");
    assert!(found.customer_name == Some(Fact { value: "Dana".to_owned(), confidence: 0.75 }));
    assert!(found.city.is_none() && found.service.is_none() && found.appointment.is_none());
}

#[test]
fn answers_outside_the_schema_are_broken() {
    let schema = Broken("it does not fit the schema");
    let long = "x".repeat(501);
    for (answer, broken) in [
        ("", Broken("it is not JSON")),
        ("<html>ok</html>", Broken("it is not JSON")),
        (r#"{"topic":null,"outcome":null"#, Broken("it is not JSON")),
        (r#"{"topic":null,"outcome":null,"next_step":null} and more"#, Broken("it is not JSON")),
        (r#"{"topic":null,"outcome":null}"#, schema),
        (r#"{"topic":5,"outcome":null,"next_step":null}"#, Broken("it does not fit the schema")),
        (
            r#"{"topic":null,"outcome":null,"next_step":null,"transfer_to":"0900"}"#,
            Broken("it does not fit the schema"),
        ),
        ("[]", Broken("it does not fit the schema")),
        (
            &format!(r#"{{"topic":"{long}","outcome":null,"next_step":null}}"#),
            Broken("a value is longer than 500 characters"),
        ),
    ] {
        assert_eq!(summary(answer).err(), Some(broken), "{answer}");
    }
}

#[test]
fn an_appointment_is_told_by_the_clocks_of_the_business() {
    for (local, utc) in [
        ("2026-12-03T10:00", "2026-12-03T08:00:00Z"),
        ("2026-12-03T10:00:00", "2026-12-03T08:00:00Z"),
        ("2027-07-01T10:00", "2027-07-01T07:00:00Z"),
        // Clocks go from 2 to 3 that night.
        ("2027-03-26T02:30", "2027-03-26T00:30:00Z"),
        ("2026-11-27T10:15", "2026-11-27T08:15:00Z"),
    ] {
        assert_eq!(starts_at(local), Ok(utc.to_owned()), "{local}");
    }
}

#[test]
fn a_date_that_cannot_be_is_broken() {
    let unreadable = [
        "2026-12-03",
        "2026-12-03 10:00",
        "Thursday",
        "2026-13-03T10:00",
        "2026-12-03T10:00Z",
        "2026-12-03T10:00:00+02:00",
        "2026-12-03T25:00",
        "",
        "دددددددد",
    ];
    for local in unreadable {
        let broken = Broken("starts_at is no local time as YYYY-MM-DDTHH:MM");
        assert_eq!(starts_at(local), Err(broken), "{local}");
    }
    let before = Broken("starts_at lies before the beginning of the call");
    assert_eq!(starts_at("2026-11-27T10:14"), Err(before));
    let late = Broken("starts_at lies more than two years after the call");
    assert_eq!(starts_at("2028-11-27T10:16"), Err(late));
    assert!(starts_at("2028-11-27T10:15").is_ok());
}

#[test]
fn a_date_that_stays_impossible_leaves_the_other_facts() {
    let mut answer = with_appointment("2026-11-27T10:14", 0.5);
    answer["city"] = json!({ "value": "Haifa", "confidence": 0.5 });
    assert!(facts_of(&answer).is_err());
    let left = facts(&answer.to_string(), BEGAN_AT, &zone(), Try::Last).expect("the rest");
    assert!(left.appointment.is_none());
    assert_eq!(left.city.map(|city| city.value).as_deref(), Some("Haifa"));
}

#[test]
fn sureness_is_a_share() {
    for confidence in [-0.1, 1.1, 100.0] {
        let broken = facts_of(&with_appointment("2026-12-03T10:00", confidence)).err();
        assert_eq!(broken, Some(Broken("a confidence is not from 0 to 1")));
    }
}

#[test]
fn refusals_and_cut_answers_are_broken_and_other_documents_are_nonsense() {
    let completion = |choice: Value| content(json!({ "choices": [choice] }).to_string().as_bytes());
    for (choice, expected) in [
        (json!({ "message": { "content": "x" }, "finish_reason": "stop" }), Ok("x".to_owned())),
        (json!({ "message": { "content": "x", "refusal": null } }), Ok("x".to_owned())),
        (
            json!({ "message": { "content": null, "refusal": "No." } }),
            Err(Broken("the model refused")),
        ),
        (
            json!({ "message": { "content": "x" }, "finish_reason": "length" }),
            Err(Broken("it was cut off")),
        ),
        (json!({ "message": { "content": null } }), Err(Broken("it is empty"))),
    ] {
        assert_eq!(completion(choice), Ok(expected));
    }
    for document in ["", "<html>", "{}", r#"{"choices":[]}"#, r#"{"choices":[{}]}"#] {
        assert!(content(document.as_bytes()).is_err(), "{document}");
    }
}
