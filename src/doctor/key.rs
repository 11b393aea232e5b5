//! The master key: whether it is there, opens what was sealed, and is nobody else's to read.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use actors::ports::{Catalog, TwilioAccount, VaultError};

use super::{Checked, Finding};
use crate::app::looking::{Keys, Looking};
use crate::config::Config;

/// What others may do with a file.
const OF_OTHERS: u32 = 0o077;

pub(super) async fn check(config: &Config, looking: &Looking) -> (Option<Keys>, Checked) {
    let file = config.makes_master_key().then(|| config.master_key_file());
    let mut findings = Vec::new();
    let keys = match looking.keys(config).await {
        Ok(keys) => keys,
        Err(error) => {
            findings.push(refused(file.as_deref(), &error));
            None
        }
    };
    findings.extend(file.as_deref().and_then(readable));
    let detail = match &keys {
        Some(keys) => {
            let accounts = looking.catalog.accounts().await.unwrap_or_default();
            let unopened = accounts.iter().filter(|account| !opens_all(keys, account));
            findings.extend(unopened.map(|account| unopened_token(&account.sid.to_string())));
            format!(
                "the master key opens what was sealed, tokens of {} accounts among it",
                accounts.len()
            )
        }
        None if findings.is_empty() => "nothing was ever sealed".to_owned(),
        None => "what was sealed cannot be opened".to_owned(),
    };
    (keys, Checked::made("keys", detail, findings))
}

fn opens_all(keys: &Keys, account: &TwilioAccount) -> bool {
    keys.tokens(account).iter().all(Option::is_some)
}

fn refused(file: Option<&Path>, error: &VaultError) -> Finding {
    let told = error.to_string();
    let (code, what) = match file {
        Some(file) if !file.exists() => ("master_key_lost", "The master key is lost"),
        _ if told.contains("does not open") => {
            ("master_key_wrong", "The master key is not the one that sealed what is here")
        }
        _ => ("master_key_unusable", "The master key cannot be used"),
    };
    let remedy = match file {
        Some(file) => format!(
            "Restore {} from its backup, or set vault.master_key_file to where the key is; a new key opens nothing",
            file.display()
        ),
        None => "Set vault.master_key or vault.master_key_file to the key that was in use before"
            .to_owned(),
    };
    Finding::fault(code, what).seen(told).mend(remedy)
}

fn readable(file: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode();
    (mode & OF_OTHERS != 0).then(|| {
        Finding::warning("master_key_readable", "Others than its owner may read the master key")
            .seen(format!("{} has mode {:03o}", file.display(), mode & 0o777))
            .mend(format!("Run chmod 600 {}", file.display()))
    })
}

fn unopened_token(account: &str) -> Finding {
    Finding::fault("token_sealed_otherwise", "An auth token does not open with this master key")
        .seen(format!("account {account}"))
        .mend(format!(
            "Add it again: hearback business add-token --twilio-account-sid {account} --twilio-auth-token-file FILE"
        ))
}
