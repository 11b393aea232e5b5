//! Starting and stopping, as an operator does it: what two variables give, what stops a start, what a stop finishes.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actors::domain::AccountSid;
use actors::ports::Clock;
use futures_util::StreamExt;
use futures_util::future::join_all;
use hearback::simulator::{
    Announcement, Behaviour, PlannedCall, PlannedRecording, Simulator, SimulatorConfig,
    synthetic_mpeg,
};
use hearback::world::SystemClock;
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::Instant;

use crate::home::{ACCOUNT, Home, PATIENCE, assert_private, place, until};

mod refusals;

const DEFAULT_ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

#[tokio::test]
async fn two_variables_are_enough() {
    let address = SocketAddr::from(DEFAULT_ADDRESS);
    let mut home = Home::unlisted(address);
    if TcpListener::bind(address).is_err() {
        home = Home::new();
        eprintln!("{address} is occupied; the default address is not tested");
    }
    let (process, _) = home.serve().await;
    assert_private(&home.folder().join("data"));
    for name in ["hearback.db", "master.key", "auth.secret", "vault"] {
        assert!(home.data(name).exists(), "{name} is not in ./data");
    }
    let listed = home.answer(&["business", "list"]).await;
    assert_eq!(listed, format!("default\t{ACCOUNT}\tDefault\t\n"));

    let mint = ["token", "mint", "--business", "default", "--role", "agent", "--ttl", "1h"];
    let printed = home.answer(&mint).await;
    let token = printed.strip_suffix('\n').expect("a line");
    let is_jwt_character = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    assert!(token.chars().all(is_jwt_character) && token.split('.').count() == 3, "{printed:?}");
    assert_eq!(home.get("/api/calls", token).await.status(), StatusCode::OK);
    assert_eq!(home.get("/debug/actors", token).await.status(), StatusCode::FORBIDDEN);

    let secrets = || ["master.key", "auth.secret"].map(|name| std::fs::read(home.data(name)).ok());
    let before = secrets();
    process.kill().await;
    let (_process, _) = home.serve().await;
    assert_eq!(secrets(), before);
    assert_eq!(home.answer(&["business", "list"]).await, listed);
    assert_eq!(home.get("/api/calls", token).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_business_that_is_added_is_noticed_within_5_seconds() {
    const GLOBEX: AccountSid = AccountSid::from_bits(0x61);
    let now_ms = SystemClock.now().as_millis();
    let config = SimulatorConfig::new(GLOBEX, "globex-auth-token", now_ms);
    let simulator = Simulator::start(config).await.expect("the simulator starts");
    let home = Home::new().with("HEARBACK_TWILIO__BASE_URL", simulator.url());
    simulator.set_callbacks(home.callbacks());
    let (_process, _) = home.serve().await;
    let plan = PlannedCall { recordings: Vec::new(), ..PlannedCall::default() };
    let (placed, delivered) = simulator.place_call(plan).await.expect("placed");
    assert_eq!(delivered[0].status, Some(403));

    let file = home.folder().join("token");
    std::fs::write(&file, "globex-auth-token\n").expect("written");
    let account = GLOBEX.to_string();
    let mut add = vec!["business", "add", "--id", "globex", "--name", "Globex"];
    add.extend(["--twilio-account-sid", &account, "--twilio-auth-token-file", "token"]);
    let printed = home.answer(&add).await;
    assert!(printed.contains("#rc=5&rp=ct,rt,5xx"), "{printed}");
    let completed = [Announcement::Call("completed".to_owned())];
    let ((), noticed_after) = until("the webhook is accepted", async || {
        let delivered = simulator.announce(placed.call, &completed).await;
        (delivered[0].status == Some(204)).then_some(())
    })
    .await;
    assert!(noticed_after < Duration::from_secs(15), "{noticed_after:?}");
}

#[tokio::test]
async fn every_command_explains_itself() {
    let home = Home::new();
    let mut commands = vec![Vec::<String>::new()];
    let mut explained = Vec::new();
    while let Some(command) = commands.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = home.answer(&arguments).await;
        assert!(help.contains("Usage: hearback"), "{command:?}: {help}");
        for name in subcommands(&help) {
            commands.push([command.as_slice(), &[name]].concat());
        }
        explained.push(command.join(" "));
    }
    for name in ["serve", "demo", "simulate-twilio", "migrate", "business add", "token mint"] {
        assert!(explained.iter().any(|known| known == name), "{name} is not in {explained:?}");
    }
    assert!(!home.data("").exists(), "help needs no data");
}

#[tokio::test]
async fn a_stop_finishes_running_responses_and_waiting_requests() {
    let (home, simulator) = Home::with_simulator().await;
    let home = home
        .with("HEARBACK_SERVER__DRAIN_MS", "5000")
        .with("HEARBACK_PLAY__FIRST_BYTE_WAIT_MS", "20000");
    let (process, _) = home.serve().await;
    let token = home.token("agent").await;
    // More than the sockets between us can hold.
    let long = synthetic_mpeg(15_000_000, 1);
    let playing = place(&home, &simulator, &token, PlannedRecording::of_mp3(long.clone())).await;
    let path = format!("/api/recordings/file/{playing}");
    until("it plays", async || {
        home.get(&path, &token).await.content_length().filter(|n| *n > 1000)
    })
    .await;
    let mut running = home.get(&path, &token).await.bytes_stream();
    let mut received = running.next().await.expect("a piece").expect("a piece").to_vec();

    let awaited = synthetic_mpeg(200_000, 2);
    let slow = PlannedRecording {
        behaviours: vec![Behaviour::paced(200_000)],
        ..PlannedRecording::of_mp3(awaited.clone())
    };
    let waiting = place(&home, &simulator, &token, slow).await;
    let request = home.request(Method::GET, &format!("/api/recordings/file/{waiting}"), &token);
    let waiting = tokio::spawn(request.send());
    until("it is being fetched", async || (simulator.totals().gets == 2).then_some(())).await;

    process.terminate().await;
    until("it is not ready", async || (!home.is_ready().await).then_some(())).await;
    let response = waiting.await.expect("no panic").expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.bytes().await.expect("a body"), awaited);
    while let Some(piece) = running.next().await {
        received.extend(piece.expect("it is not cut"));
    }
    assert!(received == long, "{} of {} bytes", received.len(), long.len());
    assert!(process.ended().await.success());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_idle_connections() {
    let home = Home::new().with("HEARBACK_SERVER__DRAIN_MS", "0");
    let (process, _) = home.serve().await;
    until("it is ready, and the client keeps the connection", async || {
        home.is_ready().await.then_some(())
    })
    .await;
    let asked = Instant::now();
    process.terminate().await;
    assert!(process.ended().await.success());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn the_demo_tells_programs_how_to_play_its_calls() {
    let home = Home::new();
    let temporary = home.folder().join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    // In the place of one that was killed, as in a container that is started again.
    let leave = "d=$TMPDIR/hearback-demo-$$; mkdir $d; echo no database > $d/hearback.db; exec \"$0\" demo --json";
    let plain = home.command(&[]);
    let variables = plain.as_std().get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut command = tokio::process::Command::new("sh");
    command
        .args(["-c", leave, env!("CARGO_BIN_EXE_hearback")])
        .current_dir(home.folder())
        .env_clear()
        .envs(variables)
        .env("PATH", "/usr/bin:/bin")
        .env("TMPDIR", &temporary)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true);
    let mut demo = command.spawn().expect("it starts");
    let mut lines = BufReader::new(demo.stdout.take().expect("a pipe")).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("in time");
    let line = line.expect("readable").expect("a line");
    let opening: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let keys: Vec<&str> =
        opening.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected =
        ["url", "agent_token", "operator_token", "business_id", "twilio_url", "calls"];
    expected.sort_unstable();
    assert_eq!(keys, expected);

    let text = |key: &str| opening[key].as_str().expect("text").to_owned();
    let (url, agent) = (text("url"), text("agent_token"));
    let calls = opening["calls"].as_array().expect("a list");
    assert_eq!(calls.len(), 8);
    hurry(&home, &text("twilio_url")).await;
    let play = async |call: &serde_json::Value| {
        let url = format!("{url}/api/recordings/file/{}", call.as_str().expect("a SID"));
        until("the call plays", async || {
            let response = home.client.get(&url).bearer_auth(&agent).send().await;
            let response = response.expect("an answer");
            assert!(response.status().is_success(), "{response:?}");
            (response.status() == StatusCode::OK).then_some(())?;
            response.bytes().await.expect("a whole body").starts_with(&[0xff]).then_some(())
        })
        .await
    };
    join_all(calls.iter().map(play)).await;
    let debug = home.client.get(format!("{url}/debug/actors")).bearer_auth(text("operator_token"));
    assert_eq!(debug.send().await.expect("an answer").status(), StatusCode::OK);

    let pid = demo.id().expect("it runs").to_string();
    let kill = tokio::process::Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status();
    assert!(kill.await.expect("sh runs").success());
    assert!(demo.wait().await.expect("a status").success());
    let left = std::fs::read_dir(&temporary).expect("a folder").count();
    assert_eq!(left, 0, "nothing is kept");
}

/// Makes the demo's Twilio deliver at full speed.
async fn hurry(home: &Home, twilio_url: &str) {
    let overview = home.client.get(format!("{twilio_url}/simulator")).send().await;
    let overview: serde_json::Value =
        overview.expect("an answer").json().await.expect("an overview");
    for recording in overview["recordings"].as_array().expect("a list") {
        let sid = recording["sid"].as_str().expect("a SID");
        let put = home.client.put(format!("{twilio_url}/simulator/recordings/{sid}/behaviour"));
        let answer = put.json(&serde_json::json!([{}])).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

/// Those that the help lists; `help` itself is not one of ours.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = lines.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}
