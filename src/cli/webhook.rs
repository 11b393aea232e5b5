//! `hearback webhook …`: verified events that fit no business.

use std::sync::Arc;

use actors::domain::{BusinessId, CallSid, CallStatus, WebhookEvent};
use actors::ports::{Assignment, EventStore, UnassignedEvent};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::app::Foundation;
use crate::config::Config;
use crate::telemetry;
use crate::world::SystemClock;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List verified events that fit no business, the oldest first. They are kept for 30 days.
    Unassigned {
        /// One JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Give unassigned events of a business's account to the business. A running service notices within 5 seconds.
    ///
    /// Never another account's events, and a call that has a business already stays there. For calls to come,
    /// tell the business's numbers: hearback business add-number.
    Assign {
        #[arg(long, value_name = "ID")]
        business: BusinessId,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Which {
    /// All events of this call.
    #[arg(long = "call", value_name = "CA…")]
    calls: Vec<CallSid>,
    /// One event, as `unassigned` lists it.
    #[arg(long = "id", value_name = "N")]
    ids: Vec<i64>,
    /// All events of the business's account.
    #[arg(long, conflicts_with_all = ["calls", "ids"])]
    account_wide: bool,
}

/// So many are listed; assigning some makes place for the rest.
const LISTED_MAX: u32 = 1_000;

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let foundation = Foundation::at(config, Arc::new(SystemClock)).await?;
    match command {
        Command::Unassigned { json } => {
            for event in foundation.catalog.unassigned_events(LISTED_MAX).await? {
                println!("{}", if json { as_json(&event).to_string() } else { as_line(&event) });
            }
        }
        Command::Assign { business, which } => {
            let mut count = 0;
            for assignment in which.assignments() {
                count += foundation.catalog.assign_events(&business, &assignment).await?;
            }
            anyhow::ensure!(
                count > 0,
                "no unassigned event of {business}'s account fits; hearback webhook unassigned lists them"
            );
            println!("{count} events given to {business}");
        }
    }
    foundation.catalog.close().await;
    Ok(())
}

impl Which {
    fn assignments(self) -> Vec<Assignment> {
        if self.account_wide {
            return vec![Assignment::Account];
        }
        let calls = self.calls.into_iter().map(Assignment::Call);
        calls.chain(self.ids.into_iter().map(Assignment::Event)).collect()
    }
}

fn as_json(unassigned: &UnassignedEvent) -> Value {
    json!({
        "id": unassigned.id,
        "received_at": received_at(unassigned),
        "account_sid": unassigned.event.account().to_string(),
        "call_sid": unassigned.event.call().to_string(),
        "kind": kind(&unassigned.event),
    })
}

fn as_line(unassigned: &UnassignedEvent) -> String {
    let UnassignedEvent { id, event, .. } = unassigned;
    let (account, call) = (event.account(), event.call());
    format!("{id}\t{}\t{account}\t{call}\t{}", received_at(unassigned), kind(event))
}

fn received_at(unassigned: &UnassignedEvent) -> String {
    let at = jiff::Timestamp::from_millisecond(unassigned.received_at.as_millis());
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// Never a number: this may end up in a ticket.
fn kind(event: &WebhookEvent) -> String {
    match event {
        WebhookEvent::Recording(event) => format!("recording {}", event.status.as_str()),
        WebhookEvent::Call(event) => {
            format!("call {}", event.details.status.map_or("unknown", CallStatus::as_str))
        }
    }
}
