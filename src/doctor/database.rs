//! The database: whether it is there, whole, up to date, and can be written.

use std::path::PathBuf;

use actors::ports::{Catalog, CatalogError};

use super::{Checked, Finding};
use crate::app::looking::Looking;
use crate::catalog::{Migrations, SqliteCatalog};
use crate::config::Config;
use crate::vault::owner::VaultOwner;

/// What was seen of it.
struct Seen {
    file: PathBuf,
    /// Whether the vault beside it was in use already.
    vault_was_used: bool,
    state: State,
}

enum State {
    NotThere,
    /// It cannot be read.
    Broken(CatalogError),
    Read {
        migrations: Migrations,
        writable: Result<(), CatalogError>,
    },
}

pub(super) async fn check(config: &Config) -> (Option<Looking>, Checked) {
    let url = config.database_url();
    let file = match SqliteCatalog::file(&url) {
        Ok(file) => file,
        Err(error) => {
            let state = State::Broken(error);
            let seen = Seen { file: PathBuf::from(url), vault_was_used: false, state };
            return (None, checked(&seen));
        }
    };
    let vault_was_used = VaultOwner::had(&config.vault_dir());
    if !file.exists() {
        return (None, checked(&Seen { file, vault_was_used, state: State::NotThere }));
    }
    let looking = look(config).await;
    let (looking, state) = match looking {
        Ok((looking, migrations)) => {
            let writable = SqliteCatalog::can_be_written(&url).await;
            // Where tables are missing nothing else can be asked.
            let whole = migrations.missing.is_empty();
            (whole.then_some(looking), State::Read { migrations, writable })
        }
        Err(error) => (None, State::Broken(error)),
    };
    (looking, checked(&Seen { file, vault_was_used, state }))
}

async fn look(config: &Config) -> Result<(Looking, Migrations), CatalogError> {
    let looking = Looking::at(config).await?;
    let migrations = looking.catalog.migrations().await?;
    if migrations.missing.is_empty() {
        looking.catalog.vault_use().await?;
    }
    Ok((looking, migrations))
}

fn checked(seen: &Seen) -> Checked {
    let detail = match &seen.state {
        State::NotThere => "there is none yet".to_owned(),
        State::Broken(_) => "it cannot be read".to_owned(),
        State::Read { migrations, writable } => {
            let turn = if writable.is_ok() { "can be written" } else { "cannot be written" };
            format!("{} migrations applied, {turn}", migrations.applied)
        }
    };
    Checked::made("database", detail, judge(seen))
}

fn judge(Seen { file, vault_was_used, state }: &Seen) -> Vec<Finding> {
    let place = file.display();
    match state {
        State::NotThere if *vault_was_used => vec![
            Finding::fault(
                "database_missing",
                "The vault has been in use, but the database is not there",
            )
            .seen(format!("{place} does not exist"))
            .mend("Mount its disk, set database.url to where it is, or restore it from its backup"),
        ],
        State::NotThere => vec![
            Finding::hint("database_new", "There is no database yet")
                .seen(format!("{place} does not exist"))
                .mend("Start hearback serve, which makes it, or set database.url to where it is"),
        ],
        State::Broken(error) => vec![broken(&place.to_string(), error)],
        State::Read { migrations, writable } => {
            let writable = writable.as_ref().err().map(|error| broken(&place.to_string(), error));
            outdated(migrations).into_iter().chain(writable).collect()
        }
    }
}

fn broken(place: &str, error: &CatalogError) -> Finding {
    let told = error.to_string();
    if matches!(error, CatalogError::Corrupt(_)) {
        return Finding::fault("database_corrupt", "The database is damaged")
            .seen(format!("{place}: {told}"))
            .mend("Stop the service and restore the file from its backup, or set database.url to a sound one");
    }
    if told.contains("locked") || told.contains("busy") {
        return Finding::fault("database_locked", "Somebody keeps the database locked")
            .seen(format!(
                "{place}: no turn to write within 5 s; webhooks are answered 503 meanwhile"
            ))
            .mend(format!(
                "End what holds it (fuser {place} names the processes), a backup or a shell perhaps"
            ));
    }
    if told.contains("no such table: _sqlx_migrations") {
        return Finding::fault("migrations_missing", "The database has none of our tables")
            .seen(place.to_owned())
            .mend("Run hearback migrate, or set database.url to the file that is meant");
    }
    Finding::fault("database_unreadable", "The database cannot be opened")
        .seen(format!("{place}: {told}"))
        .mend("Run hearback doctor as the service's user, and make the file of database.url readable and writable for it")
}

fn outdated(migrations: &Migrations) -> Vec<Finding> {
    let Migrations { applied, missing, unknown, changed } = migrations;
    let mut findings = Vec::new();
    if !changed.is_empty() {
        let finding = Finding::fault("migrations_changed", "Migrations were applied that this release has otherwise")
            .seen(format!("numbers {}", list(changed)))
            .mend("Install a released hearback, and restore the database from the backup before hearback migrate ran");
        findings.push(finding);
    }
    if !missing.is_empty() {
        let finding =
            Finding::fault("migrations_missing", "The database is older than this release")
                .seen(format!("{applied} migrations applied; missing are {}", list(missing)))
                .mend("Run hearback migrate, or restart hearback serve, which does it too");
        findings.push(finding);
    }
    if !unknown.is_empty() {
        let finding = Finding::warning("migrations_newer", "The database is newer than this release")
            .seen(format!("unknown are {}", list(unknown)))
            .mend("Install the release that made them; one release back works, two do not, and hearback migrate cannot undo it");
        findings.push(finding);
    }
    findings
}

fn list(numbers: &[i64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(vault_was_used: bool, state: State) -> Vec<&'static str> {
        let seen = Seen { file: "a.db".into(), vault_was_used, state };
        judge(&seen).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn each_state_has_its_finding() {
        let read = |migrations: Migrations, writable| State::Read { migrations, writable };
        let old = || Migrations { missing: vec![7], ..Migrations::default() };
        let locked = || CatalogError::Away("database is locked".to_owned());
        assert_eq!(codes(false, State::NotThere), ["database_new"]);
        assert_eq!(codes(true, State::NotThere), ["database_missing"]);
        assert_eq!(codes(false, State::Broken(locked())), ["database_locked"]);
        let corrupt = CatalogError::Corrupt("file is not a database".to_owned());
        assert_eq!(codes(false, State::Broken(corrupt)), ["database_corrupt"]);
        assert_eq!(codes(false, read(Migrations::default(), Ok(()))), [""; 0]);
        assert_eq!(
            codes(false, read(old(), Err(locked()))),
            ["migrations_missing", "database_locked"]
        );
        let other = Migrations { changed: vec![1], unknown: vec![9], ..Migrations::default() };
        assert_eq!(codes(false, read(other, Ok(()))), ["migrations_changed", "migrations_newer"]);
    }
}
