//! The rules of the house, as tests: what the compiler and clippy do not check.

use std::path::{Path, PathBuf};

/// Beyond this a file is two files. A test module at its end does not count.
const FILE_LINES_MAX: usize = 500;
/// Beyond this a function is two functions.
const FUNCTION_LINES_MAX: usize = 70;
const DRAWERS: [&str; 8] =
    ["mod", "utils", "util", "helpers", "common", "misc", "types", "services"];

/// What each room of the shell may import of the others (`crate::…`); `app` and `cli` may import anything.
const FLOORS: &[(&str, &[&str])] = &[
    ("src/config", &[]),
    ("src/world.rs", &[]),
    ("src/telemetry", &["config"]),
    ("src/auth.rs", &["config"]),
    ("src/tenants.rs", &[]),
    ("src/twilio/signature.rs", &[]),
    ("src/twilio/webhook.rs", &["twilio"]),
    ("src/twilio/resources.rs", &["twilio"]),
    ("src/twilio/client", &["twilio", "http_client"]),
    ("src/http_client.rs", &[]),
    ("src/openai", &["http_client"]),
    ("src/speech", &["openai"]),
    ("src/language_model", &["openai"]),
    ("src/catalog", &["catalog", "twilio"]),
    ("src/vault", &["vault"]),
    ("src/audio", &["audio"]),
    ("src/server", &["server"]),
    ("src/simulator", &["simulator", "twilio"]),
    ("src/http", &["http", "auth", "config", "telemetry", "tenants", "twilio"]),
    (
        "src/doctor",
        &[
            "app",
            "auth",
            "catalog",
            "config",
            "doctor",
            "http_client",
            "openai",
            "speech",
            "twilio",
            "vault",
        ],
    ),
];

/// Modules of `twilio` that only `app` and the simulator may use: an adapter is not for its neighbours.
const ADAPTER_OF_TWILIO: &str = "twilio::client";

struct Source {
    path: String,
    text: String,
}

#[test]
fn every_file_says_what_it_is() {
    let sources = sources();
    let silent = broken(&sources, |source| !source.text.starts_with("//!"));
    assert!(silent.is_empty(), "no //! at the top: {silent:#?}");
}

#[test]
fn every_floor_says_what_is_absent() {
    let roots = [
        "actors/src/lib.rs",
        "actors/src/domain.rs",
        "actors/src/ports.rs",
        "actors/src/recording.rs",
        "actors/src/recording/machine.rs",
        "actors/src/recordings.rs",
        "actors/src/fetcher.rs",
        "src/config.rs",
        "src/catalog.rs",
        "src/vault.rs",
        "src/audio.rs",
        "src/twilio/client.rs",
        "src/openai.rs",
        "src/speech.rs",
        "src/language_model.rs",
        "src/http.rs",
        "src/doctor.rs",
        "src/server.rs",
        "src/simulator.rs",
    ];
    let sources = sources();
    for root in roots {
        let source = sources.iter().find(|source| source.path == root);
        let header = |source: &Source| {
            source
                .text
                .lines()
                .take_while(|line| line.starts_with("//!"))
                .any(|line| line.contains("Invariant"))
        };
        assert!(source.is_some_and(header), "{root} names no invariant");
    }
}

#[test]
fn files_and_functions_stay_short() {
    let mut long = Vec::new();
    for source in sources() {
        let lines = without_trailing_tests(&source.text).lines().count();
        if lines > FILE_LINES_MAX {
            long.push(format!("{}: {lines} lines", source.path));
        }
        for (name, lines) in functions(&source.text) {
            if lines > FUNCTION_LINES_MAX {
                long.push(format!("{}: {name} has {lines} lines", source.path));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_room_is_a_drawer() {
    let sources = sources();
    let drawers = broken(&sources, |source| {
        Path::new(&source.path)
            .iter()
            .filter_map(|part| Path::new(part).file_stem()?.to_str())
            .any(|name| DRAWERS.contains(&name))
    });
    assert!(drawers.is_empty(), "name the thing instead: {drawers:#?}");
}

#[test]
fn each_floor_imports_only_lower_ones() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (room, allowed) in FLOORS {
            if in_room(&source.path, room) {
                wrong.extend(
                    foreign_imports(&source.text, allowed)
                        .map(|to| format!("{} → {to}", source.path)),
                );
            }
        }
        let may_know_the_client = ["src/app.rs", "src/twilio", "src/simulator", "tests"];
        if source.text.contains(ADAPTER_OF_TWILIO)
            && !may_know_the_client.iter().any(|room| in_room(&source.path, room))
            && source.path != "src/lib.rs"
        {
            wrong.push(format!("{} → {ADAPTER_OF_TWILIO}", source.path));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_core_touches_nothing_and_the_machine_only_words() {
    let manifest = read(&root().join("actors/Cargo.toml"));
    for banned in ["axum", "sqlx", "reqwest", "serde", "hyper"] {
        let named = manifest.lines().any(|line| line.starts_with(banned));
        assert!(!named, "actors/Cargo.toml names {banned}");
    }
    for source in sources() {
        let machine = source.path.starts_with("actors/src/recording/machine")
            && !source.path.contains("tests");
        let domain = source.path.starts_with("actors/src/domain/");
        if !machine && !domain {
            continue;
        }
        for line in source.text.lines().filter(|line| line.starts_with("use ")) {
            let allowed = ["use std::", "use super::", "use crate::domain::", "use turn::"];
            assert!(
                allowed.iter().any(|prefix| line.starts_with(prefix)),
                "{}: {line}",
                source.path
            );
        }
    }
}

#[test]
fn error_statuses_are_named_in_one_file_and_two_of_them_nowhere() {
    let errors = [
        "BAD_REQUEST",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "NOT_FOUND",
        "METHOD_NOT_ALLOWED",
        "CONFLICT",
        "REQUEST_TIMEOUT",
        "GONE",
        "PRECONDITION_FAILED",
        "PAYLOAD_TOO_LARGE",
        "RANGE_NOT_SATISFIABLE",
        "TOO_MANY_REQUESTS",
        "INTERNAL_SERVER_ERROR",
        "SERVICE_UNAVAILABLE",
    ];
    for source in sources() {
        if in_room(&source.path, "src/http") && source.path != "src/http/problem.rs" {
            for error in errors {
                let named = source.text.contains(&format!("StatusCode::{error}"));
                assert!(!named, "{} names {error}", source.path);
            }
        }
        if source.path.starts_with("src/http") {
            for never in ["BAD_GATEWAY", "GATEWAY_TIMEOUT"] {
                assert!(!source.text.contains(never), "{} names {never}", source.path);
            }
        }
    }
}

#[test]
fn nothing_is_postponed_silenced_or_skipped() {
    // Put together here, so that this file does not find itself.
    let banned = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X"],
        ["#[al", "low("],
        ["#[ig", "nore"],
        ["todo", "!("],
        ["unimple", "mented!("],
        ["should_", "panic"],
    ];
    let mut found = Vec::new();
    for source in sources() {
        for word in banned.map(|parts| parts.concat()) {
            if source.text.contains(&word) {
                found.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_bug_to_be_planted_still_fits() {
    #[derive(serde::Deserialize)]
    struct Bugs {
        bug: Vec<Bug>,
    }
    #[derive(serde::Deserialize)]
    struct Bug {
        breaks: String,
        caught_by: String,
        edits: Vec<Edit>,
    }
    #[derive(serde::Deserialize)]
    struct Edit {
        file: String,
        find: String,
        replace: String,
    }
    let listed = read(&root().join("tests/planted/bugs.toml"));
    let listed = config::File::from_str(&listed, config::FileFormat::Toml);
    let listed = config::Config::builder().add_source(listed).build().expect("a list");
    let bugs: Bugs = listed.try_deserialize().expect("a list of bugs");
    let tests: String = sources().into_iter().map(|source| source.text).collect();
    let mut unfit = Vec::new();
    for Bug { breaks, caught_by, edits } in bugs.bug {
        let test = caught_by.split(' ').next_back().expect("a test");
        if !tests.contains(&format!("fn {test}")) {
            unfit.push(format!("{breaks}: there is no test {test}"));
        }
        for Edit { file, find, replace } in edits {
            let places = read(&root().join(&file)).matches(&find).count();
            if places != 1 || find == replace {
                unfit.push(format!("{breaks}: {file} has {places} times {find}"));
            }
        }
    }
    assert!(unfit.is_empty(), "adapt tests/planted/bugs.toml: {unfit:#?}");
}

/// What the browser's side may import of its other rooms, by relative path; `console` may import any.
const WEB_FLOORS: &[(&str, &[&str])] = &[
    ("web/src/words", &["console", "player", "service"]),
    ("web/src/service", &["console", "player", "words"]),
    ("web/src/player", &["console"]),
];

#[test]
fn the_browsers_side_keeps_the_same_rules() {
    let mut wrong = Vec::new();
    for Source { path, text } in scripts() {
        if !text.starts_with("// ") {
            wrong.push(format!("{path} does not say what it is"));
        }
        if text.lines().count() > FILE_LINES_MAX {
            wrong.push(format!("{path} is two files"));
        }
        for unsafe_html in ["innerHTML", "unsafeHTML", "eval(", "createObjectURL"] {
            if text.contains(unsafe_html) {
                wrong.push(format!("{path}: {unsafe_html}"));
            }
        }
        for (room, absent) in WEB_FLOORS {
            let imports = |other: &&&str| text.contains(&format!("../{other}/"));
            if in_room(&path, room) {
                wrong
                    .extend(absent.iter().filter(imports).map(|other| format!("{path} → {other}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_checks_can_fail() {
    let long =
        format!("fn short() {{\n}}\n\npub async fn long() {{\n{}}}\n", "    x();\n".repeat(80));
    let lengths = functions(&long);
    assert_eq!(lengths, [("short".to_owned(), 2), ("long".to_owned(), 82)]);
    let imports = "use crate::catalog::SqliteCatalog;\nuse crate::http::Service;\nlet x = crate::vault::y();\n";
    let foreign: Vec<String> = foreign_imports(imports, &["http"]).collect();
    assert_eq!(foreign, ["catalog", "vault"]);
    assert!(in_room("src/http/play.rs", "src/http") && in_room("src/http.rs", "src/http"));
    assert!(!in_room("src/https.rs", "src/http"));
    assert_eq!(without_trailing_tests("a\n#[cfg(test)]\nmod tests {\n}\n"), "a\n");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of ours.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "actors/src", "actors/tests", "tests", "benches"] {
        collect(&root().join(folder), "rs", &mut found);
    }
    assert!(found.len() > 50, "the walk finds our files");
    found
}

/// Every TypeScript file of ours.
fn scripts() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join("web/src"), "ts", &mut found);
    assert!(found.len() > 10, "the walk finds our files");
    found
}

fn collect(folder: &Path, wanted: &str, found: &mut Vec<Source>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            collect(&entry, wanted, found);
        } else if entry.extension().is_some_and(|extension| extension == wanted) {
            let path = entry.strip_prefix(root()).expect("below the root");
            found.push(Source { path: path.display().to_string(), text: read(&entry) });
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn broken(sources: &[Source], is_broken: impl Fn(&Source) -> bool) -> Vec<&str> {
    sources.iter().filter(|source| is_broken(source)).map(|source| source.path.as_str()).collect()
}

fn in_room(path: &str, room: &str) -> bool {
    path == room || path.strip_prefix(room).is_some_and(|rest| rest.starts_with(['/', '.']))
}

/// The first names behind `crate::` that are not allowed.
fn foreign_imports(text: &str, allowed: &[&str]) -> impl Iterator<Item = String> {
    text.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .filter(move |name: &String| !name.is_empty() && !allowed.contains(&name.as_str()))
}

fn without_trailing_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").map_or(text, |start| &text[..start])
}

/// Each function with its lines, from its signature's first to its closing brace.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        let Some(name) = function_name(code) else { continue };
        let opens = lines[start..].iter().find(|line| line.ends_with(['{', ';', '}']));
        if opens.is_some_and(|line| line.ends_with(';')) {
            continue;
        }
        let closing = format!("{indent}}}");
        if let Some(length) = lines[start..].iter().position(|line| *line == closing) {
            found.push((name.to_owned(), length + 1));
        }
    }
    found
}

fn function_name(code: &str) -> Option<&str> {
    let mut rest = code;
    for qualifier in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async "] {
        rest = rest.strip_prefix(qualifier).unwrap_or(rest);
    }
    let rest = rest.strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}
