//! `hearback demo`: a simulated Twilio, the service, a few calls, one URL.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use actors::domain::{AccountSid, BusinessId, Profile};
use actors::ports::{Catalog, Chance, Clock, Findings};
use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::serve::{Signals, until_stopped};
use super::simulate_twilio::callbacks;
use crate::app::{App, World};
use crate::auth::{Authority, Role};
use crate::config::{
    Config, LanguageModelProvider, SpeechProvider, auth_secret, make_private_folder,
};
use crate::simulator::{Behaviour, Simulator, SimulatorConfig, demo_calls};
use crate::telemetry;
use crate::world::{SystemChance, SystemClock};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print one line of JSON for programs, instead of text for people.
    #[arg(long)]
    json: bool,
    /// Address and port of the console; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The URL that browsers use, where a proxy is in front: `http://localhost:9000/hearback`.
    #[arg(long)]
    public_url: Option<String>,
    /// An origin whose pages may embed the player, such as `http://localhost:5173`; may be given several times.
    #[arg(long)]
    cors_origin: Vec<String>,
    /// What is logged, in tracing's filter syntax.
    #[arg(long, default_value = "warn")]
    log: String,
}

const ACCOUNT: AccountSid = AccountSid::from_bits(0xdede);
const TOKEN_TTL: Duration = Duration::from_hours(12);
/// Slow enough to watch: what Twilio needs to find a recording, and a modest line.
const FIRST_BYTE_MS: u64 = 300;
const BYTES_PER_SECOND: u64 = 400_000;
const KNOWN_PAUSE: Duration = Duration::from_millis(10);
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
const NOTICE: &str = "This is a demo: Twilio is simulated, and the voices are synthetic. Nothing is fetched for \
                      playing before you press play. Transcripts, summaries and facts come from a stand-in that knows \
                      these calls' scripts, over the interface that real speech services and language models have.";

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    // A folder that was made is removed, whenever the demo is stopped.
    let signals = Signals::listen()?;
    let folder = Folder::make()?;
    let mut config = Config::defaults_in(&folder.0);
    config.log.filter.clone_from(&options.log);
    telemetry::start(&config.log)?;
    let now_ms = SystemClock.now().as_millis();
    let token = format!("{:032x}", SystemChance.bits());
    let simulator = Simulator::start(SimulatorConfig::new(ACCOUNT, &token, now_ms)).await?;
    config.server.listen = options.listen;
    config.server.public_url = options.public_url.clone().unwrap_or_default();
    config.server.cors_origins = options.cors_origin.join(",");
    config.check()?;
    config.twilio.base_url = simulator.url().parse().context("the simulator's URL")?;
    config.play.prefetch = false;
    config.server.drain_ms = 0;
    ask_stand_in(&mut config, simulator.url());
    let app = App::start(&config, World::default(), Some(NOTICE)).await?;
    let business: BusinessId = "demo".parse().expect("a business id");
    app.foundation
        .add_business(business.clone(), "Demo".to_owned(), ACCOUNT, &token.into(), Vec::new())
        .await?;
    describe(&*app.foundation.catalog, &business).await?;
    app.reload_tenants().await?;
    simulator.set_callbacks(callbacks(&app.public_url));
    let calls = place_calls(&simulator, now_ms).await?;
    until_known(&*app.foundation.catalog).await?;
    let authority = Authority::new(&config, &auth_secret(&config)?)?;
    let mint = |role| authority.mint(&business, role, SystemClock.now(), TOKEN_TTL);
    let opening = Opening {
        url: app.public_url.clone(),
        agent_token: mint(Role::Agent)?,
        operator_token: mint(Role::Operator)?,
        business_id: business.to_string(),
        twilio_url: simulator.url().to_owned(),
        calls,
    };
    opening.print(options);
    until_stopped(app, signals).await?;
    simulator.shutdown().await;
    Ok(())
}

/// Has the simulator's stand-in hear and understand the calls, as any provider would.
fn ask_stand_in(config: &mut Config, url: &str) {
    config.speech.provider = SpeechProvider::OpenAi;
    url.clone_into(&mut config.speech.base_url);
    "stand-in".clone_into(&mut config.speech.model);
    config.language_model.provider = LanguageModelProvider::OpenAi;
    url.clone_into(&mut config.language_model.base_url);
    "stand-in".clone_into(&mut config.language_model.model);
}

/// What the demo's business wants to have understood.
async fn describe(findings: &dyn Findings, business: &BusinessId) -> anyhow::Result<()> {
    let services = ["Repair at home", "Eye examination"].map(str::to_owned);
    let profile = Profile { services: services.into(), ..Profile::default() };
    findings.set_profile(business, &profile).await?;
    findings.add_calendar(business, "Visits", true).await?;
    Ok(())
}

/// Tells the service of every demo call, as Twilio would.
async fn place_calls(simulator: &Simulator, now_ms: i64) -> anyhow::Result<Vec<String>> {
    let mut calls = Vec::new();
    for mut planned in demo_calls(now_ms) {
        for recording in &mut planned.recordings {
            recording.behaviours = vec![Behaviour {
                first_byte_ms: FIRST_BYTE_MS,
                ..Behaviour::paced(BYTES_PER_SECOND)
            }];
        }
        let (placed, delivered) = simulator.place_call(planned).await?;
        for webhook in &delivered {
            anyhow::ensure!(
                webhook.status == Some(204),
                "the service answered a webhook with {:?}",
                webhook.status
            );
        }
        calls.push(placed.call.to_string());
    }
    Ok(calls)
}

/// Waits until what Twilio told is known to whoever asks: a webhook is answered before that.
async fn until_known(catalog: &dyn Catalog) -> anyhow::Result<()> {
    let applied = async {
        while !catalog.pending_events(1).await?.is_empty() {
            tokio::time::sleep(KNOWN_PAUSE).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(KNOWN_WITHIN, applied).await.context("the calls do not become known")?
}

struct Opening {
    url: String,
    agent_token: String,
    operator_token: String,
    business_id: String,
    twilio_url: String,
    calls: Vec<String>,
}

impl Opening {
    #[expect(clippy::print_stdout, reason = "the command's answer")]
    fn print(&self, options: &Options) {
        let Self { url, agent_token, operator_token, business_id, twilio_url, calls } = self;
        if options.json {
            let line = json!({
                "url": url,
                "agent_token": agent_token,
                "operator_token": operator_token,
                "business_id": business_id,
                "twilio_url": twilio_url,
                "calls": calls,
            });
            println!("{line}");
        } else {
            println!("Hearback plays {} calls. Open this, and press play:\n", calls.len());
            println!("  {url}/#token={operator_token}\n");
            if let (Some(origin), Some(call)) = (options.cors_origin.first(), calls.last()) {
                println!("Or embed a call in a page of {origin}:\n");
                println!("  <script type=\"module\" src=\"{url}/web/player.js\"></script>");
                println!(
                    "  <hearback-player call-sid=\"{call}\" token=\"{agent_token}\"></hearback-player>\n"
                );
            }
            println!(
                "Simulated Twilio: {twilio_url}/simulator. Ctrl-C ends both; nothing is kept."
            );
        }
    }
}

/// A folder of its own, gone with the demo.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("hearback-demo-{}", std::process::id()));
        // Of one that was killed, and had the same number: in a container each is the first.
        let _ = std::fs::remove_dir_all(&folder);
        make_private_folder(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
