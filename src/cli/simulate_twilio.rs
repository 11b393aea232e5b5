//! `hearback simulate-twilio`

use std::net::SocketAddr;

use actors::domain::AccountSid;
use actors::ports::Clock;
use clap::Args;

use crate::simulator::{Callbacks, Simulator, SimulatorConfig, demo_calls};
use crate::twilio::webhook::CallbackUrls;
use crate::world::SystemClock;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Address and port of the simulated Twilio.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The simulated account.
    #[arg(long, default_value = "AC00000000000000000000000000000001")]
    account_sid: AccountSid,
    /// Its auth token.
    #[arg(
        long,
        default_value = "simulated-auth-token",
        env = "TWILIO_AUTH_TOKEN",
        hide_env_values = true
    )]
    auth_token: String,
    /// The service that gets the webhooks, such as http://127.0.0.1:8080. Without it none are sent.
    #[arg(long, value_name = "URL")]
    webhooks_to: Option<String>,
    /// Decides every SID.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    let now_ms = SystemClock.now().as_millis();
    let mut config = SimulatorConfig::new(options.account_sid, options.auth_token, now_ms);
    config.listen = options.listen;
    config.seed = options.seed;
    if let Some(service) = &options.webhooks_to {
        config.callbacks = callbacks(service);
    }
    let simulator = Simulator::start(config).await?;
    println!("simulated Twilio at {} (GET /simulator shows it)", simulator.url());
    println!("its provider of transcripts at {}/v1 (any key will do)", simulator.url());
    for planned in demo_calls(now_ms) {
        let (placed, _) = simulator.place_call(planned).await?;
        println!("call {}", placed.call);
    }
    tokio::signal::ctrl_c().await?;
    simulator.shutdown().await;
    Ok(())
}

/// As one would configure them at Twilio.
pub(super) fn callbacks(service: &str) -> Callbacks {
    let urls = CallbackUrls::at(service.trim_end_matches('/'));
    Callbacks {
        recording_status: Some(urls.recording_status),
        call_status: Some(urls.call_status),
        connect_to: None,
    }
}
