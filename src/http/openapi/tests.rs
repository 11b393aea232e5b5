//! That the description is of this router, and what a reviewer reads of it.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use super::WRITTEN;
use crate::http::table;

fn document() -> Value {
    serde_json::from_slice(&WRITTEN.json).expect("JSON")
}

/// As the router itself shows them, for want of a way to ask it.
fn routes() -> BTreeSet<String> {
    let shown = format!("{:?}", table());
    let paths =
        shown.split('"').filter(|piece| piece.starts_with('/') && !piece.contains("__private"));
    paths.map(str::to_owned).collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let described: BTreeSet<String> =
        document["paths"].as_object().expect("paths").keys().cloned().collect();
    let routes = routes();
    assert!(routes.len() > 30, "the router shows its routes: {routes:?}");
    assert_eq!(described, routes);
}

#[test]
fn the_description_reads_so() {
    let document = document();
    let mut shown = String::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            show(&mut shown, &method.to_uppercase(), path, operation);
        }
    }
    insta::assert_snapshot!(shown);
}

/// A line for what is asked, and one for each status with what comes of it.
fn show(shown: &mut String, method: &str, path: &str, operation: &Value) {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<String> = parameters
        .filter(|it| it["in"] != "path")
        .map(|it| {
            format!(
                "{} {}",
                it["in"].as_str().expect("a place"),
                it["name"].as_str().expect("a name")
            )
        })
        .collect();
    let _ = writeln!(shown, "{method} {path}  [{}]", parameters.join(", "));
    for (media_type, content) in
        operation["requestBody"]["content"].as_object().into_iter().flatten()
    {
        let _ = writeln!(shown, "  takes {media_type} {}", schema(&content["schema"]));
    }
    for (status, response) in operation["responses"].as_object().expect("responses") {
        let contents = response["content"].as_object().into_iter().flatten();
        let contents: Vec<String> = contents
            .map(|(media_type, content)| format!("{media_type} {}", schema(&content["schema"])))
            .collect();
        let headers = response["headers"].as_object().into_iter().flatten();
        let headers: Vec<&str> = headers.map(|(name, _)| name.as_str()).collect();
        let headers =
            if headers.is_empty() { String::new() } else { format!("  + {}", headers.join(", ")) };
        let _ = writeln!(shown, "  {status} {}{headers}", contents.join(" | "));
    }
}

fn schema(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().expect("a name").to_owned();
    }
    let codes = &schema["allOf"][1]["properties"]["code"]["enum"];
    if let Some(codes) = codes.as_array() {
        let codes: Vec<&str> = codes.iter().filter_map(Value::as_str).collect();
        return codes.join(", ");
    }
    schema["type"].as_str().unwrap_or("any").to_owned()
}
