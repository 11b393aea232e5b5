//! `hearback business …`

mod profile;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::domain::{AccountSid, BusinessId, PhoneNumber, Retention};
use actors::ports::{Catalog, Custody};
use anyhow::Context;
use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};

use crate::app::Foundation;
use crate::config::Config;
use crate::telemetry;
use crate::twilio::webhook::CallbackUrls;
use crate::world::SystemClock;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a business with its Twilio account. A running service notices within 5 seconds.
    Add {
        /// Short name for tokens and folders: a-z 0-9 - _
        #[arg(long)]
        id: BusinessId,
        /// Name for people.
        #[arg(long)]
        name: String,
        /// The account whose calls are the business's.
        #[arg(long, value_name = "AC…")]
        twilio_account_sid: AccountSid,
        /// File with the account's auth token.
        #[arg(long, value_name = "FILE")]
        twilio_auth_token_file: PathBuf,
        /// One of the business's numbers; needed where several businesses share an account.
        #[arg(long = "number", value_name = "+…")]
        numbers: Vec<String>,
    },
    /// Add another auth token of an account, for rotation: webhooks signed with any of them are accepted.
    AddToken {
        #[arg(long, value_name = "AC…")]
        twilio_account_sid: AccountSid,
        #[arg(long, value_name = "FILE")]
        twilio_auth_token_file: PathBuf,
    },
    /// Take an auth token of an account away, which ends a rotation: webhooks signed with it are refused.
    RemoveToken {
        #[arg(long, value_name = "AC…")]
        twilio_account_sid: AccountSid,
        #[arg(long, value_name = "FILE")]
        twilio_auth_token_file: PathBuf,
    },
    /// Add a number of a business. Where several share an account, numbers tell whose a call is.
    AddNumber {
        #[arg(long)]
        id: BusinessId,
        #[arg(long, value_name = "+…")]
        number: String,
    },
    /// Take a number from a business. Calls that it brought stay.
    RemoveNumber {
        #[arg(long)]
        id: BusinessId,
        #[arg(long, value_name = "+…")]
        number: String,
    },
    /// Say how long a business's recordings are kept after their end. A running service notices within 5 seconds.
    ///
    /// What is older by then is deleted within a minute and cannot be had back. A call under legal hold is kept all
    /// the same: hearback call hold.
    Retention {
        #[arg(long)]
        id: BusinessId,
        /// 0 keeps them for ever. Left out: show what is.
        #[arg(long)]
        days: Option<u32>,
    },
    /// Say how a business's calls are to be understood: language, clocks, services, labels, stages; or show it.
    Profile(profile::Options),
    /// List the businesses.
    List,
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let foundation = Foundation::lay(config, Arc::new(SystemClock)).await?;
    match command {
        Command::Add { id, name, twilio_account_sid, twilio_auth_token_file, numbers } => {
            let token = read_token(&twilio_auth_token_file)?;
            let numbers = numbers.into_iter().map(PhoneNumber::new).collect();
            foundation.add_business(id.clone(), name, twilio_account_sid, &token, numbers).await?;
            println!("business {id} added. Give Twilio these callback URLs:");
            let urls = CallbackUrls::at(&config.public_url(config.server.listen));
            println!("  recording status: {}", urls.recording_status);
            println!("  call status:      {}", urls.call_status);
        }
        Command::AddToken { twilio_account_sid, twilio_auth_token_file } => {
            let token = read_token(&twilio_auth_token_file)?;
            foundation.add_token(twilio_account_sid, &token).await?;
            println!("token added to {twilio_account_sid}");
        }
        Command::RemoveToken { twilio_account_sid, twilio_auth_token_file } => {
            let token = read_token(&twilio_auth_token_file)?;
            refuse_token_of_settings(config, twilio_account_sid, &token)?;
            foundation.remove_token(twilio_account_sid, &token).await?;
            println!("token removed from {twilio_account_sid}");
        }
        Command::AddNumber { id, number } => {
            foundation.catalog.add_number(&id, &PhoneNumber::new(number)).await?;
            println!("number added to {id}");
        }
        Command::RemoveNumber { id, number } => {
            foundation.catalog.remove_number(&id, &PhoneNumber::new(number)).await?;
            println!("number removed from {id}");
        }
        Command::Retention { id, days } => {
            if let Some(days) = days {
                let (retention, now) = (Retention::of_days(days), foundation.clock.now());
                foundation.catalog.set_retention(&id, retention, now).await?;
            }
            match foundation.catalog.retention(&id).await? {
                Retention::ForEver => println!("recordings of {id} are kept for ever"),
                Retention::Days(days) => println!("recordings of {id} are kept for {days} days"),
            }
        }
        Command::Profile(options) => profile::run(&foundation, options).await?,
        Command::List => {
            for business in foundation.catalog.businesses().await? {
                let numbers: Vec<&str> = business.numbers.iter().map(PhoneNumber::as_str).collect();
                println!(
                    "{}\t{}\t{}\t{}",
                    business.id,
                    business.account,
                    business.name,
                    numbers.join(" ")
                );
            }
        }
    }
    foundation.catalog.close().await;
    Ok(())
}

/// The next start would take it for a new one, and use it again.
fn refuse_token_of_settings(
    config: &Config,
    account: AccountSid,
    token: &SecretString,
) -> anyhow::Result<()> {
    let twilio = &config.twilio;
    let is_it = twilio.account_sid == account.to_string()
        && twilio.auth_token.expose_secret() == token.expose_secret();
    anyhow::ensure!(
        !is_it,
        "twilio.auth_token is this token, and the next start would add it again: put the one that is good now into \
         twilio.auth_token_file (or TWILIO_AUTH_TOKEN) first"
    );
    Ok(())
}

fn read_token(file: &Path) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let token = text.trim();
    anyhow::ensure!(!token.is_empty(), "{} is empty; put the auth token into it", file.display());
    Ok(token.into())
}
