//! The shapes that answers have, and their JSON schemas as OpenAI's strict mode takes them.
//!
//! The comments on the fields of these types are part of the schemas: the model reads them.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SummaryAnswer {
    /// What the call is about, in one short sentence; null if that is not clear.
    #[serde(deserialize_with = "present")]
    pub(super) topic: Option<String>,
    /// What the parties agreed on or found out, in one short sentence; null if nothing.
    #[serde(deserialize_with = "present")]
    pub(super) outcome: Option<String>,
    /// Who does what next, and when, in one short sentence; null if nobody said.
    #[serde(deserialize_with = "present")]
    pub(super) next_step: Option<String>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FactsAnswer {
    /// The customer's name as it was said; null if it was not.
    #[serde(deserialize_with = "present")]
    pub(super) customer_name: Option<ValueAnswer>,
    /// The city or town that the service is wanted in; null if none was named.
    #[serde(deserialize_with = "present")]
    pub(super) city: Option<ValueAnswer>,
    /// The service that the customer wants; null if none was named.
    #[serde(deserialize_with = "present")]
    pub(super) service: Option<ValueAnswer>,
    /// The appointment that was agreed on; null if none was.
    #[serde(deserialize_with = "present")]
    pub(super) appointment: Option<AppointmentAnswer>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueAnswer {
    pub(super) value: String,
    /// How sure this is, from 0 to 1.
    pub(super) confidence: f64,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AppointmentAnswer {
    /// Local date and time as YYYY-MM-DDTHH:MM.
    pub(super) starts_at: String,
    /// What it is for; null if that was not said.
    #[serde(deserialize_with = "present")]
    pub(super) subject: Option<String>,
    /// How sure this is, from 0 to 1.
    pub(super) confidence: f64,
}

/// As an answer is written, every field is there; strict mode wants them all to be required. It knows neither
/// titles nor formats of numbers.
pub(super) fn of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    let mut strip = RecursiveTransform(|schema: &mut schemars::Schema| {
        schema.remove("title");
        schema.remove("format");
    });
    strip.transform(&mut schema);
    schema.to_value()
}

/// What nobody said is `null`, which is an answer; a field that is missing is none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_are_these() {
        let shown = |schema: Value| serde_json::to_string_pretty(&schema).expect("JSON");
        insta::assert_snapshot!("summary", shown(of::<SummaryAnswer>()));
        insta::assert_snapshot!("facts", shown(of::<FactsAnswer>()));
    }

    #[test]
    fn strict_mode_takes_them() {
        for schema in [of::<SummaryAnswer>(), of::<FactsAnswer>()] {
            check(&schema);
        }
    }

    /// Every object has all its properties required and takes no others; nothing is said in words that strict
    /// mode does not know.
    fn check(schema: &Value) {
        let object = schema.as_object().expect("a schema");
        for keyword in object.keys() {
            let known =
                ["type", "properties", "required", "additionalProperties", "anyOf", "description"];
            assert!(known.contains(&keyword.as_str()), "{keyword}");
        }
        if let Some(properties) = object.get("properties").and_then(Value::as_object) {
            let mut required: Vec<&str> = object["required"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            required.sort_unstable();
            let mut names: Vec<&str> = properties.keys().map(String::as_str).collect();
            names.sort_unstable();
            assert_eq!(required, names);
            assert_eq!(object["additionalProperties"], false);
            properties.values().for_each(check);
        }
        object.get("anyOf").and_then(Value::as_array).into_iter().flatten().for_each(check);
    }
}
