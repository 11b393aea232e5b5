//! What the documents say: their commands are run, in order, and their links followed.
//!
//! A block of `sh` is run; one of `console` too, line by line behind `$`, and what it prints is compared with what
//! stands there, `…` standing for anything. One that begins with `# Not run by the tests` is not run, and counted.

mod old_route;
mod sandbox;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sandbox::Sandbox;

/// What is not run, by the first words of each block.
const NOT_RUN: [(&str, &str); 1] = [("docs/benchmarks.md", "make bench")];
const SKIPPED: &str = "# Not run by the tests";
/// What is shown, and no command.
const DATA: [&str; 7] = ["ini", "html", "http", "nginx", "json", "text", "yaml"];

/// A fenced block.
struct Block {
    language: String,
    lines: Vec<String>,
}

#[tokio::test]
async fn the_commands_for_operating_do_what_they_say() {
    Sandbox::before_import().await.run("docs/operating.md").await;
}

#[tokio::test]
async fn the_commands_for_moving_over_do_what_they_say() {
    Sandbox::before_import().await.run("docs/moving-over.md").await;
}

#[tokio::test]
async fn the_commands_for_embedding_do_what_they_say() {
    Sandbox::with_calls().await.run("docs/embedding.md").await;
}

#[tokio::test]
async fn the_commands_about_security_and_the_api_do_what_they_say() {
    Sandbox::with_calls().await.run("docs/api.md").await;
    Sandbox::with_calls().await.run("docs/security.md").await;
}

#[test]
fn every_block_is_run_or_says_why_not() {
    let run = ["operating", "moving-over", "embedding", "api", "security"];
    let mut skipped = Vec::new();
    for document in documents().into_iter().filter(|document| document.starts_with("docs/")) {
        for block in blocks(&document) {
            let is_command = ["sh", "console"].contains(&block.language.as_str());
            let is_data = DATA.contains(&block.language.as_str());
            assert!(is_command || is_data, "{document}: a block of {:?}", block.language);
            if is_command && block.is_skipped() {
                skipped.push((document.clone(), block.lines[1].clone()));
            } else if is_command {
                let name = document.trim_start_matches("docs/").trim_end_matches(".md");
                assert!(run.contains(&name), "{document} has commands that no test runs");
            }
        }
    }
    assert_eq!(skipped.len(), NOT_RUN.len(), "{skipped:?}");
    for (document, words) in NOT_RUN {
        assert!(skipped.iter().any(|(of, line)| of == document && line.starts_with(words)));
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for document in documents() {
        let folder = Path::new(&document).parent().expect("a folder");
        for target in links(&prose(&document)) {
            if target.starts_with("http") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if path.is_empty() { PathBuf::from(&document) } else { folder.join(path) };
            let exists = root().join(&path).exists();
            let has_anchor = || anchors(&plain(&path)).contains(anchor);
            if !exists || !(anchor.is_empty() || has_anchor()) {
                dead.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let mut lost = Vec::new();
    for document in documents() {
        let text = prose(&document);
        let quoted = text.split('`').skip(1).step_by(2);
        let rooms = ["src/", "tests/", "actors/src/", "benches/", "migrations/"];
        let of_ours = quoted.filter(|name| rooms.iter().any(|room| name.starts_with(room)));
        for name in of_ours.filter(|name| !name.contains(['{', '*', ' '])) {
            // The core and the player's package have roots of their own.
            let roots = ["", "actors/", "web/"];
            if !roots.iter().any(|above| root().join(above).join(name).exists()) {
                lost.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// As `config/alerts.yml` names them.
#[test]
fn every_alert_has_a_section() {
    let Ok(rules) = std::fs::read_to_string(root().join("config/alerts.yml")) else { return };
    let sections = anchors("docs/operating.md");
    let alerts = rules.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: "));
    let missing: Vec<&str> = alerts.filter(|alert| !sections.contains(&slug(alert))).collect();
    assert!(missing.is_empty(), "docs/operating.md says nothing of {missing:?}");
}

#[test]
fn anchors_are_made_as_they_are_shown() {
    assert_eq!(slug("1. Beside the old one"), "1-beside-the-old-one");
    assert_eq!(slug("`hearback-player`, and *more*"), "hearback-player-and-more");
    let text = "see [one](a.md#b) and ![two](c.png), `[no](x)`";
    assert_eq!(links(text), ["a.md#b", "c.png"]);
}

impl Block {
    fn is_skipped(&self) -> bool {
        self.lines.first().is_some_and(|line| line.starts_with(SKIPPED))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text of ours that people read, from the root.
fn documents() -> Vec<String> {
    let mut found: Vec<String> =
        ["README.md", "CHANGELOG.md", "web/README.md", "actors/README.md", "migrations/README.md"]
            .map(str::to_owned)
            .into();
    for entry in std::fs::read_dir(root().join("docs")).expect("documents") {
        let name = entry.expect("an entry").file_name();
        found.push(format!("docs/{}", name.to_str().expect("text")));
    }
    found.sort();
    found
}

fn read(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap_or_else(|_| panic!("{document}"))
}

fn blocks(document: &str) -> Vec<Block> {
    let (mut found, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for line in read(document).lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), lines: Vec::new() });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(block)) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{document}: a block does not end");
    found
}

/// Without its blocks.
fn prose(document: &str) -> String {
    let text = read(document);
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// `docs/../README.md` is `README.md`.
fn plain(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.to_str().expect("text").split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn links(text: &str) -> Vec<String> {
    let outside: String = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let targets = outside.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(str::to_owned).collect()
}

/// Headings that are alike are numbered.
fn anchors(document: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let text = prose(document);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let named = headings.map(|line| slug(line.trim_start_matches('#').trim()));
    named
        .map(|name| {
            let before = seen.entry(name.clone()).or_default();
            *before += 1;
            if *before == 1 { name } else { format!("{name}-{}", *before - 1) }
        })
        .collect()
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
