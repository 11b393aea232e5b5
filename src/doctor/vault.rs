//! The vault: whether it is the right folder, whose it is, and whether it can be written, durably and for long.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use actors::ports::{Catalog, VaultUse};
use rustix::fs::statvfs;

use super::{Checked, Finding};
use crate::app::looking::Looking;
use crate::app::possession::belongs;
use crate::config::Config;
use crate::vault::owner::VaultOwner;

/// As much as two recordings of an hour and the database's log take.
const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;
const FREE_BYTES_LOW: u64 = 512 * 1024 * 1024;
const FREE_FILES_MIN: u64 = 1_000;
const PROBE_BYTES: usize = 64 * 1024;
/// Begins like no business's name.
const PROBE_PREFIX: &str = ".doctor-";

/// What was seen of one folder.
struct Seen {
    folder: PathBuf,
    key: &'static str,
    written: io::Result<()>,
    space: Option<Space>,
    owner: Option<u32>,
    ours: u32,
}

#[derive(Clone, Copy)]
struct Space {
    device: u64,
    free_bytes: u64,
    /// `None` where the file system does not count them.
    free_files: Option<u64>,
}

/// Whether a service owns the vault just now; `None` where nobody can tell.
pub(super) type Owned = Option<bool>;

pub(super) async fn check(config: &Config, looking: Option<&Looking>) -> (Owned, Checked) {
    let used = match looking {
        Some(looking) => looking.catalog.vault_use().await.ok(),
        None => None,
    };
    let (vault, data) = (config.vault_dir(), config.data.dir.clone());
    let copies = used.map_or(0, |used| used.copies);
    if !VaultOwner::had(&vault) {
        return (None, unfamiliar(&vault, copies));
    }
    if let Some(looking) = looking
        && !is_the_one(config, looking).await
    {
        return (None, of_another(&vault));
    }
    let owned = VaultOwner::is_taken(&vault).ok();
    let look_at = vault.clone();
    let looked =
        tokio::task::spawn_blocking(move || (look("vault.dir", look_at), look("data.dir", data)));
    let Ok((vault, data)) = looked.await else {
        return (owned, Checked::skipped("vault", "looking at it was broken off"));
    };
    let mut findings = judge(&vault);
    if data.space.map(|space| space.device) != vault.space.map(|space| space.device) {
        findings.extend(judge(&data));
    }
    if findings.is_empty() {
        findings.extend(outgrows(config.vault.max_bytes, used, vault.space));
    }
    (owned, Checked::made("vault", detail(&vault, owned, copies), findings))
}

fn unfamiliar(vault: &Path, copies: u64) -> Checked {
    let place = vault.display();
    if copies == 0 {
        return Checked::skipped("vault", format!("{place} is made at the first start"));
    }
    let finding = Finding::fault(
        "vault_not_mounted",
        "The vault's folder is no vault, but the database names copies in one",
    )
    .seen(format!("{place} holds no {}; {copies} copies are named", VaultOwner::MARK))
    .mend("Mount its disk there, or set vault.dir to where the vault is");
    Checked::made("vault", "another folder than the one meant", vec![finding])
}

/// Whether the vault was last used with this database. One that cannot be compared is looked at as it is.
pub(super) async fn is_the_one(config: &Config, looking: &Looking) -> bool {
    match VaultOwner::mark(&config.vault_dir()) {
        Ok(Some(mark)) => belongs(&looking.catalog, &mark).await.unwrap_or(true),
        Ok(None) => false,
        Err(_) => true,
    }
}

fn of_another(vault: &Path) -> Checked {
    let finding = Finding::fault(
        "vault_of_another_database",
        "Vault and database were not used together last: one of them is another, or an older one",
    )
    .seen(format!("what {}/{} says, the database does not", vault.display(), VaultOwner::MARK))
    .mend(
        "Mount the disk that is meant, set vault.dir, data.dir or database.url, or restore both from one backup. To use \
         these two all the same, write adopt into that file: copies that only one of them knows of are then lost",
    );
    Checked::made("vault", "another vault than the one meant", vec![finding])
}

fn detail(vault: &Seen, owned: Owned, copies: u64) -> String {
    let owned = match owned {
        Some(true) => "a running service owns it",
        Some(false) => "no service owns it",
        None => "whose it is cannot be told",
    };
    let free = vault.space.map_or(0, |space| space.free_bytes);
    format!("{copies} copies, {} free, {owned}", bytes(free))
}

fn look(key: &'static str, folder: PathBuf) -> Seen {
    let stat = statvfs(&folder).ok();
    let space = stat.map(|stat| Space {
        device: fs::metadata(&folder).map(|it| it.dev()).unwrap_or_default(),
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        free_files: (stat.f_files > 0).then_some(stat.f_favail),
    });
    Seen {
        written: write_durably(&folder),
        owner: fs::metadata(&folder).ok().map(|it| it.uid()),
        ours: rustix::process::geteuid().as_raw(),
        space,
        key,
        folder,
    }
}

/// What sealing a copy does, with a file that nobody takes for one.
fn write_durably(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!("{PROBE_PREFIX}{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&probe)
        .and_then(|mut file| {
            file.write_all(&[0x5a; PROBE_BYTES])?;
            file.sync_all()
        })
        .and_then(|()| File::open(folder)?.sync_all());
    match (written, fs::remove_file(&probe)) {
        (Ok(()), removed) => removed,
        (Err(error), _) => Err(error),
    }
}

fn judge(seen: &Seen) -> Vec<Finding> {
    let Seen { folder, key, written, space, owner, ours } = seen;
    let place = folder.display();
    let mut findings = Vec::new();
    let short = space.filter(|space| space.free_bytes < FREE_BYTES_MIN);
    let few = space.and_then(|space| space.free_files).filter(|files| *files < FREE_FILES_MIN);
    match written {
        Err(error) if is_full(error) => findings.push(full(key, folder, *space)),
        Err(error) => findings.push(unwritable(key, folder, error)),
        Ok(()) if short.is_some() => findings.push(full(key, folder, *space)),
        Ok(()) => {}
    }
    if let (Some(files), true) = (few, findings.is_empty()) {
        let finding = Finding::fault(
            "disk_out_of_inodes",
            format!("The disk of {key} can hold hardly any more files"),
        )
        .seen(format!("{place}: {files} inodes left"))
        .mend(format!(
            "Remove small files from it, or move {key} to a file system with more inodes"
        ));
        findings.push(finding);
    }
    if let (Some(Space { free_bytes, .. }), true) = (space, findings.is_empty())
        && *free_bytes < FREE_BYTES_LOW
    {
        let finding = Finding::warning("disk_low", format!("The disk of {key} is nearly full"))
            .seen(format!("{place}: {} free", bytes(*free_bytes)))
            .mend("Set vault.max_bytes below what the disk has, or give it more room");
        findings.push(finding);
    }
    if let Some(owner) = owner.filter(|owner| owner != ours) {
        let finding = Finding::hint("another_user", "This was not looked at as the service's user")
            .seen(format!("{place} belongs to user {owner}, and this is user {ours}"))
            .mend(format!("Run hearback doctor as user {owner}: what it may do is what counts"));
        findings.push(finding);
    }
    findings
}

fn unwritable(key: &str, folder: &Path, error: &io::Error) -> Finding {
    let evidence = format!("{}: {error}", folder.display());
    if error.kind() == ErrorKind::ReadOnlyFilesystem {
        return Finding::fault("vault_read_only", format!("The file system of {key} is read-only"))
            .seen(evidence)
            .mend(format!(
                "Mount it writable (mount -o remount,rw {}), or set {key} to a folder that is",
                folder.display()
            ));
    }
    Finding::fault("vault_unwritable", format!("Nothing can be stored in {key}"))
        .seen(evidence)
        .mend(format!(
            "Give the folder to the service's user: chown -R hearback {}",
            folder.display()
        ))
}

fn full(key: &str, folder: &Path, space: Option<Space>) -> Finding {
    let free = space.map_or(0, |space| space.free_bytes);
    Finding::fault("disk_full", format!("The disk of {key} is full"))
        .seen(format!("{}: {} free", folder.display(), bytes(free)))
        .mend("Make room on it, and set vault.max_bytes below what the disk has, so that recordings leave before it is full")
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Recordings leave when the vault is full, not when the disk is.
fn outgrows(max_bytes: u64, used: Option<VaultUse>, space: Option<Space>) -> Option<Finding> {
    let (used, Space { free_bytes, .. }) = (used?.bytes, space?);
    (max_bytes.saturating_sub(used) > free_bytes).then(|| {
        Finding::warning("vault_outgrows_disk", "The disk will be full before the vault is")
            .seen(format!(
                "vault.max_bytes is {}, {} are used and {} free",
                bytes(max_bytes),
                bytes(used),
                bytes(free_bytes)
            ))
            .mend(format!(
                "Set vault.max_bytes to at most {}",
                used.saturating_add(free_bytes / 10 * 9)
            ))
    })
}

fn bytes(count: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    match count {
        0..MIB => format!("{} KiB", count / 1024),
        _ if count < 10 * 1024 * MIB => format!("{} MiB", count / MIB),
        _ => format!("{} GiB", count / (1024 * MIB)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Space = Space { device: 1, free_bytes: 1 << 40, free_files: Some(1 << 20) };

    fn seen(written: io::Result<()>, space: Space) -> Seen {
        let folder = PathBuf::from("vault");
        Seen { folder, key: "vault.dir", written, space: Some(space), owner: Some(7), ours: 7 }
    }

    fn codes(seen: &Seen) -> Vec<&'static str> {
        judge(seen).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn one_cause_is_one_finding() {
        let failing = |kind: ErrorKind| Err(io::Error::from(kind));
        assert_eq!(codes(&seen(Ok(()), PLENTY)), [""; 0]);
        assert_eq!(
            codes(&seen(failing(ErrorKind::ReadOnlyFilesystem), PLENTY)),
            ["vault_read_only"]
        );
        assert_eq!(
            codes(&seen(failing(ErrorKind::PermissionDenied), PLENTY)),
            ["vault_unwritable"]
        );
        let none = Space { free_bytes: 0, ..PLENTY };
        assert_eq!(codes(&seen(failing(ErrorKind::StorageFull), none)), ["disk_full"]);
        assert_eq!(codes(&seen(Ok(()), none)), ["disk_full"]);
        let low = Space { free_bytes: FREE_BYTES_LOW - 1, ..PLENTY };
        assert_eq!(codes(&seen(Ok(()), low)), ["disk_low"]);
        let crowded = Space { free_files: Some(3), ..PLENTY };
        assert_eq!(codes(&seen(Ok(()), crowded)), ["disk_out_of_inodes"]);
        assert_eq!(codes(&Seen { owner: Some(8), ..seen(Ok(()), PLENTY) }), ["another_user"]);
    }

    #[test]
    fn a_vault_that_may_outgrow_its_disk_is_told_how_large_it_may_be() {
        let used = Some(VaultUse { copies: 1, bytes: 1_000 });
        let space = Some(Space { free_bytes: 10_000, ..PLENTY });
        assert!(outgrows(11_000, used, space).is_none());
        let found = outgrows(11_001, used, space).expect("a finding");
        assert_eq!(found.remedy, "Set vault.max_bytes to at most 10000");
    }
}
