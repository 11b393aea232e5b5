//! The description of the interface: that it is true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearback::auth::Role;
use hearback::simulator::PlannedRecording;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::campaign;
use crate::pipeline::{place, start_with};
use crate::support::{ACME, GLOBEX, Placed, TestApp, header};

async fn document(app: &TestApp) -> Value {
    let response = app.client.get(app.url("/openapi.json")).send().await.expect("an answer");
    assert_eq!(header(&response, "content-type"), "application/json");
    response.json().await.expect("JSON")
}

#[tokio::test]
async fn every_path_allows_the_methods_that_are_described() {
    let app = TestApp::start().await;
    for (path, item) in document(&app).await["paths"].as_object().expect("paths") {
        let url = path
            .replace("{call_sid}", "CA00000000000000000000000000000001")
            .replace("{id}", "1")
            .replace("{asset}", "player.js");
        let asked = app.client.request(Method::OPTIONS, app.url(&url)).send().await;
        let asked = asked.expect("an answer");
        assert_eq!(asked.status(), 204, "{path}");
        let allowed = header(&asked, "allow");
        let allowed: BTreeSet<String> = allowed.split(',').map(str::to_owned).collect();
        let described = item.as_object().expect("operations").keys();
        let mut described: BTreeSet<String> = described.map(|it| it.to_uppercase()).collect();
        described.insert("OPTIONS".to_owned());
        if described.contains("GET") {
            described.insert("HEAD".to_owned());
        }
        assert_eq!(allowed, described, "{path}");
    }
}

#[tokio::test]
async fn the_description_is_sent_once_and_names_no_host() {
    let app = TestApp::start().await;
    let url = app.url("/openapi.json");
    let first = app.client.get(&url).send().await.expect("an answer");
    let tag = header(&first, "etag");
    let again = app.client.get(&url).header("if-none-match", tag).send().await.expect("an answer");
    assert_eq!(again.status(), 304);
    // Beside the document, wherever a proxy puts it.
    assert_eq!(document(&app).await["servers"], json!([{ "url": "." }]));
}

/// Everything that is described, asked for in every way that schemathesis knows: nothing is answered that is not
/// described, and nothing breaks.
#[tokio::test(flavor = "multi_thread")]
async fn campaign_api() {
    let app = start_with(|config| {
        config.play.requests_per_second = 1_000_000.try_into().expect("not zero");
        config.play.requests_burst = 1_000_000.try_into().expect("not zero");
        config.play.first_byte_wait_ms = 100;
    })
    .await;
    let world = populate(&app).await;
    let seed = campaign::seed() % u64::from(u32::MAX);
    // A third for operators, who have fewer routes.
    let seconds = campaign::size(36, 300);
    for (user, seconds, routes) in [
        ("acme", seconds * 2 / 3, ["--exclude-path-regex", "^/debug/"]),
        ("operator", seconds / 3, ["--include-path-regex", "^/debug/"]),
    ] {
        let run = Run { app: &app, world: &world, user, seed, seconds };
        run.finds_nothing(&routes).await;
    }
}

/// What there is to be asked for.
struct World {
    understood: Placed,
    played: Placed,
    absent: Placed,
    cursor: String,
    users: PathBuf,
    _folder: tempfile::TempDir,
}

async fn populate(app: &TestApp) -> World {
    let understood = place(app, "washing-machine").await;
    let played = app.place(hearback::simulator::synthetic_mpeg(200_000, 1)).await;
    app.until_ready(&played).await;
    let absent = PlannedRecording { status: "absent".to_owned(), ..PlannedRecording::default() };
    let absent = app.place_planned(absent, ACME, Vec::new()).await;
    let (theirs, audio) = TestApp::synthetic(50_000, 2);
    app.place_planned(theirs, GLOBEX, audio).await;
    app.until("the call is understood", async || {
        let appointments = app.get("/api/appointments").await.json::<Value>().await.ok()?;
        appointments["appointments"].get(0).map(|_| ())
    })
    .await;
    let page = app.get("/api/calls?limit=1").await.json::<Value>().await.expect("JSON");
    let cursor = page["next_cursor"].as_str().expect("there are more").to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("users.json");
    let user = |name: &str, business: &str, role: Role| {
        let bearer = format!("Bearer {}", app.token(business, role));
        json!({ "name": name, "fixedHeaders": [{ "name": "Authorization", "value": bearer }] })
    };
    let all = json!({ "auth": [
        user("acme", "acme", Role::Agent),
        user("globex", "globex", Role::Agent),
        user("operator", "acme", Role::Operator),
    ]});
    std::fs::write(&users, all.to_string()).expect("written");
    World { understood, played, absent, cursor, users, _folder: folder }
}

struct Run<'a> {
    app: &'a TestApp,
    world: &'a World,
    user: &'static str,
    seed: u64,
    seconds: u64,
}

impl Run<'_> {
    async fn finds_nothing(self, routes: &[&str]) {
        let Self { app, world, user, seed, seconds } = self;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = root.join("target/python/bin/st");
        assert!(program.exists(), "run tests/setup first");
        let mut run = Command::new(program);
        run.arg("--config-file")
            .arg(root.join("tests/api/schemathesis.toml"))
            .args([
                "run",
                &app.url("/openapi.json"),
                "--url",
                &app.url(""),
                "--phases",
                "examples,coverage,fuzzing,stateful",
            ])
            .args([
                "--checks",
                "all",
                "--no-color",
                "--warnings",
                "off",
                "--generation-database",
                "none",
            ])
            .args(["--seed", &seed.to_string(), "--max-time", &seconds.to_string()])
            .args(routes)
            .env("USERS", &world.users)
            .env("AS_USER", user)
            .env("CALL_PLAYED", world.played.call.to_string())
            .env("CALL_UNDERSTOOD", world.understood.call.to_string())
            .env("CALL_ABSENT", world.absent.call.to_string())
            .env("RECORDING_PLAYED", world.played.recording.to_string())
            .env("RECORDING_UNDERSTOOD", world.understood.recording.to_string())
            .env("CURSOR", &world.cursor)
            .kill_on_drop(true)
            .current_dir(world.users.parent().expect("a folder"));
        let run = tokio::time::timeout(Duration::from_secs(seconds + 240), run.output()).await;
        let run = run.expect("it ends by itself").expect("it runs");
        let said = String::from_utf8_lossy(&run.stdout);
        eprintln!("{said}");
        assert!(run.status.success(), "as {user}, with TEST_SEED={seed}: {said}");
    }
}
