//! `hearback doctor`

mod paper;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::config::Config;
use crate::config::origins::Settings;
use crate::doctor::{self, Checked, Pace, webhook};
use crate::twilio::webhook::CallbackUrls;
use crate::world::SystemClock;
use paper::{Paper, Style};

/// Longer than a webhook with all its headers.
const DUMP_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct Options {
    /// Print what every key is set to, and by what; check nothing else.
    #[arg(long)]
    config_only: bool,
    /// Watch streams for two seconds only: does not see a proxy that cuts them later.
    #[arg(long)]
    quick: bool,
    /// Print one JSON document instead, when all is done.
    #[arg(long)]
    json: bool,
    /// Say why this webhook was refused. `-`: read it from standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config_only", "quick"])]
    webhook: Option<PathBuf>,
}

const HELP: &str = r#"Run it with the configuration, working folder and user of the service. It changes nothing: it writes and removes one
file in the vault, and sends itself a webhook that is verified and refused.

Exit status: 0 nothing is wrong (warnings and hints at most), 1 there are faults, 2 it could not run.

JSON (--json), one document; fields are added between releases, never changed:
  {"version": 1, "healthy": false,
   "findings": [{"check", "code", "severity": "fault|warning|hint", "what", "evidence", "remedy"}],
   "checks": [{"name", "outcome": "ok|found|skipped", "detail", "took_ms"}],
   "settings": [{"key", "value", "source": "default|file …|variable …"}],
   "callbacks": {"recording_status", "call_status"}}

A refused webhook (--webhook), either as it was captured:
  POST /webhooks/twilio/recording-status HTTP/1.1
  Host: rec.example.com
  X-Twilio-Signature: 0a1b2c…=

  AccountSid=AC…&CallSid=CA…&…
or as three lines, as Twilio's console shows it:
  url: https://rec.example.com/webhooks/twilio/recording-status
  X-Twilio-Signature: 0a1b2c…=
  body: AccountSid=AC…&CallSid=CA…&…"#;

pub(super) async fn run(file: Option<&Path>, options: &Options) -> ExitCode {
    match examine(file, options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            paper::complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Whether there is no fault.
async fn examine(file: Option<&Path>, options: &Options) -> anyhow::Result<bool> {
    let style = if options.json {
        Style::Json
    } else {
        Style::Text { terminal: std::io::stdout().is_terminal() }
    };
    let mut paper = Paper::begin(style);
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(error) => {
            if let Ok(settings) = Settings::read(file) {
                paper.settings = settings.known;
            }
            paper.note(&doctor::unreadable(&error, file));
            return paper.finish(options.config_only);
        }
    };
    let settings = Settings::read(file).context("the configuration")?;
    let explained = doctor::explained(&config, &settings);
    let callbacks = CallbackUrls::at(&config.public_url(config.server.listen));
    (paper.settings, paper.callbacks) = (settings.known, Some(callbacks));
    if let Some(dump) = &options.webhook {
        let checked = refused_webhook(&config, dump).await?;
        paper.note(&checked);
        return paper.finish(false);
    }
    if !options.config_only {
        let pace = if options.quick { Pace::Quick } else { Pace::Thorough };
        paper.announce(match pace {
            Pace::Quick => "Looking everything over, which takes a few seconds.",
            Pace::Thorough => "Looking everything over, which takes 20 seconds (--quick: a few).",
        });
        paper.note(&explained);
        doctor::examine(&config, pace, &SystemClock, |checked| paper.note(checked)).await;
    }
    paper.finish(options.config_only)
}

async fn refused_webhook(config: &Config, dump: &Path) -> anyhow::Result<Checked> {
    let mut text = Vec::new();
    if dump == Path::new("-") {
        std::io::stdin().take(DUMP_BYTES_MAX).read_to_end(&mut text)?;
    } else {
        let file = std::fs::File::open(dump);
        let file = file.with_context(|| format!("{} cannot be read", dump.display()))?;
        file.take(DUMP_BYTES_MAX).read_to_end(&mut text)?;
    }
    webhook::examine(config, &text).await
}
