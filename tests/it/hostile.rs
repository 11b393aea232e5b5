//! URLs that somebody wants us to follow: in signed webhooks, and in redirects of a Twilio that has been subverted.
//!
//! A canary listens where they lead. It must hear nothing, and credentials must go to the configured origin only.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use actors::ports::Catalog;
use futures_util::{StreamExt, stream};
use hearback::app::World;
use hearback::simulator::{Announcement, Behaviour, Fault, PlannedCall};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::campaign::{Chance, seed, size};
use crate::support::{ACME, ACME_TOKEN, GLOBEX, TestApp};

/// In every hostile URL: it may be a capability, so that it must not be told to anybody.
const SECRET: &str = "s3cr3t";
const AT_ONCE: usize = 8;
const AUDIO_BYTES: usize = 4_000;

/// Hears whoever connects to a port of this machine, by either protocol.
struct Canary {
    listeners: Vec<TcpListener>,
    port: u16,
}

impl Canary {
    fn perch() -> Self {
        let open = |address: SocketAddr| {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(listener)
        };
        let first = open((Ipv4Addr::UNSPECIFIED, 0).into()).expect("a free port");
        let port = first.local_addr().expect("an address").port();
        // Machines without IPv6 have nobody to hear there.
        let second = open((Ipv6Addr::LOCALHOST, port).into()).ok();
        Self { listeners: [Some(first), second].into_iter().flatten().collect(), port }
    }

    fn visits(&self) -> usize {
        self.listeners.iter().filter(|listener| listener.accept().is_ok()).count()
    }
}

/// Names of the canary, and of places that must never be asked.
fn hostile_hosts(canary: u16, simulator: u16) -> Vec<String> {
    let metadata = "169.254.169.254".to_owned();
    vec![
        format!("127.0.0.1:{canary}"),
        format!("localhost:{canary}"),
        format!("127.1:{canary}"),
        format!("2130706433:{canary}"),
        format!("0x7f000001:{canary}"),
        format!("0177.0.0.1:{canary}"),
        format!("0.0.0.0:{canary}"),
        format!("[::1]:{canary}"),
        format!("[::ffff:127.0.0.1]:{canary}"),
        format!("[::ffff:7f00:1]:{canary}"),
        format!("127.0.0.1.nip.io:{canary}"),
        format!("api.twilio.com.127.0.0.1.nip.io:{canary}"),
        format!("api.twilio.com@127.0.0.1:{canary}"),
        format!("user:{SECRET}@127.0.0.1:{canary}"),
        format!("user:{SECRET}@127.0.0.1:{simulator}"),
        format!("127.0.0.1:{canary}#@api.twilio.com"),
        format!("127.0.0.1:{canary}\\@api.twilio.com"),
        format!("\u{2460}27.0.0.1:{canary}"),
        format!("127\u{3002}0\u{3002}0\u{3002}1:{canary}"),
        "xn--127-0-0-1.invalid".to_owned(),
        metadata.clone(),
        format!("[::ffff:{metadata}]"),
        "metadata.google.internal".to_owned(),
        "10.0.0.1".to_owned(),
        "192.168.0.1:22".to_owned(),
        format!("127.0.0.1:{}", simulator ^ 1),
        "127.0.0.1:0".to_owned(),
    ]
}

/// A URL that leads to the canary, or to where nobody may go.
fn hostile_url(chance: &mut Chance, canary: u16, simulator: u16) -> String {
    let hosts = hostile_hosts(canary, simulator);
    let schemes = [
        "http://",
        "https://",
        "HTTP://",
        "//",
        "http:\\\\",
        "http:/",
        "/\\",
        "\\\\",
        "ftp://",
        "gopher://",
        "file://",
        "ws://",
        "jar:http://",
        "\thttp://",
        "http:\n//",
    ];
    let paths = [
        format!("/{SECRET}"),
        format!("/latest/meta-data/?token={SECRET}"),
        format!("/2010-04-01/Accounts/{GLOBEX}/Recordings/RE{:032x}.mp3?x={SECRET}", chance.next()),
        format!("/../../{SECRET}"),
        format!("/%2e%2e/%0d%0aAuthorization:%20{SECRET}"),
    ];
    let single = [
        format!("file:///etc/passwd?{SECRET}"),
        format!("data:audio/mpeg;base64,{SECRET}"),
        format!("javascript:{SECRET}"),
        format!("unix:///var/run/docker.sock/{SECRET}"),
        String::new(),
        "http://".to_owned(),
        "://".to_owned(),
        "\u{0}".to_owned(),
    ];
    let pick = |list: &[String], chance: &mut Chance| {
        list[chance.below(list.len() as u64) as usize].clone()
    };
    if chance.below(10) == 0 {
        return pick(&single, chance);
    }
    let scheme = schemes[chance.below(schemes.len() as u64) as usize];
    format!("{scheme}{}{}", pick(&hosts, chance), pick(&paths, chance))
}

/// Twilio sends the signed webhook of a call of its own, with a URL that somebody has put into it.
async fn webhook_with(app: &TestApp, url: &str, tag: u64) {
    let (plan, audio) = TestApp::synthetic(AUDIO_BYTES, tag);
    let planned = PlannedCall { recordings: vec![plan], ..PlannedCall::default() };
    let (placed, _) = app.simulator.place_call(planned.unannounced()).await.expect("placed");
    let (acme, call, recording) =
        (ACME.to_string(), placed.call.to_string(), placed.recordings[0].to_string());
    let form = [
        ("AccountSid", acme.as_str()),
        ("CallSid", &call),
        ("RecordingSid", &recording),
        ("RecordingStatus", "completed"),
        ("RecordingUrl", url),
    ];
    let request = app.webhook("/webhooks/twilio/recording-status", ACME_TOKEN, &form);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::NO_CONTENT, "{url:?}");
    let path = format!("/api/recordings/file/{call}");
    let played = app
        .until("it plays", async || {
            let played = app.get(&path).await;
            (played.status() == StatusCode::OK).then_some(played)
        })
        .await;
    assert!(played.bytes().await.expect("a body") == audio, "other audio: {url:?}");
    for seen in app.simulator.requests(placed.recordings[0]) {
        assert!(seen.target.starts_with("/2010-04-01/Accounts/"), "{seen:?}");
        assert!(seen.with_authorization, "{seen:?}");
    }
}

/// Twilio itself sends us elsewhere, at once or by way of its own media host.
async fn redirect_to(app: &TestApp, url: &str, tag: u64) {
    let (plan, _) = TestApp::synthetic(AUDIO_BYTES, tag);
    let planned = PlannedCall { recordings: vec![plan], ..PlannedCall::default() };
    let (placed, _) = app.simulator.place_call(planned.unannounced()).await.expect("placed");
    let recording = placed.recordings[0];
    let to = |url: String| Behaviour::from(Fault::Redirect(url));
    let hop = to(format!("{}/media/{recording}.mp3", app.simulator.url()));
    let script = match tag % 4 {
        0 => vec![Fault::RedirectLoop.into()],
        1 => vec![hop.clone(), to(url.to_owned()), to(url.to_owned())],
        2 => vec![hop.clone(), hop.clone(), hop.clone(), hop],
        _ => vec![to(url.to_owned())],
    };
    assert!(app.simulator.set_behaviour(recording, script), "it is there");
    let completed = Announcement::Recordings("completed".into());
    let delivered = app.simulator.announce(placed.call, &[completed]).await;
    assert_eq!(delivered[0].status, Some(204));
    let path = format!("/api/recordings/{}/status", placed.call);
    let status = app
        .until("the prefetch has come to an end", async || {
            let status: Value = app.get(&path).await.json().await.ok()?;
            (status["state"] != "downloading" && !status["reason"].is_null()).then_some(status)
        })
        .await;
    // Where the URL is a path of Twilio's own, Twilio says that there is nothing.
    let state = status["state"].as_str().expect("a state");
    assert!(["failed", "absent"].contains(&state), "{url:?}: {status}");
    assert!(status["attempt"].as_u64() <= Some(1), "{url:?}: {status}");
    assert_eq!(status["received_bytes"], 0, "{url:?}");
    assert!(!status.to_string().contains(SECRET), "it is told: {status}");
    let listener = app.request(Method::GET, &format!("/api/recordings/file/{}", placed.call));
    let listener = listener.header("prefer", "respond-async").send().await.expect("an answer");
    assert_eq!(listener.status(), StatusCode::ACCEPTED, "{url:?}");
    for seen in app.simulator.requests(recording) {
        let to_the_api = seen.target.starts_with("/2010-04-01/Accounts/");
        assert!(to_the_api || !seen.with_authorization, "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_hostile_urls_lead_nowhere() {
    let canary = Canary::perch();
    let app = TestApp::start_with(World::default(), |_| {}).await;
    let simulator: reqwest::Url = app.simulator.url().parse().expect("a URL");
    let simulator = simulator.port().expect("a port");
    let rounds = size(60, 1_000);
    let mut chance = Chance(seed());
    let urls: Vec<String> =
        (0..rounds).map(|_| hostile_url(&mut chance, canary.port, simulator)).collect();
    let begun = tokio::time::Instant::now();
    let app_ref = &app;
    stream::iter(urls.iter().zip(1..))
        .for_each_concurrent(AT_ONCE, async |(url, tag)| {
            webhook_with(app_ref, url, tag).await;
            redirect_to(app_ref, url, tag + rounds).await;
        })
        .await;
    assert_eq!(canary.visits(), 0, "somebody followed a URL");
    let copies =
        async || app.app.foundation.catalog.vault_use().await.expect("the catalog is there").copies;
    // The last byte is heard before the copy is kept.
    app.until("all is kept", async || (copies().await >= rounds).then_some(())).await;
    assert_eq!(copies().await, rounds, "what was redirected away is not stored");
    let totals = app.simulator.totals();
    eprintln!(
        "{rounds} hostile webhook URLs and {rounds} hostile redirects in {:?}: canary heard 0, \
         {} requests to Twilio, {} with credentials, all at the configured origin",
        begun.elapsed(),
        totals.gets,
        totals.with_authorization
    );
}
