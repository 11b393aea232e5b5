//! The folder of a backup, laid out as `data.dir` is: what it holds is restored by being put there.
//!
//! ```text
//! {folder}/.hearback-backup              says that it is ours to write to, and to remove from
//! {folder}/hearback.db                   the snapshot: with it the backup is whole, without it there is none
//! {folder}/hearback.db.new               the one that is to follow, while its copies are gathered
//! {folder}/vault/…                       as a vault, owned by whoever makes the backup
//! {folder}/master.key, auth.secret       where they are wanted
//! ```
//!
//! Invariant: whatever ends a backup half-way, every copy that `hearback.db` names stays.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use secrecy::{ExposeSecret, SecretString};

use crate::catalog::SqliteCatalog;
use crate::config::{Config, make_private_folder};

const MARK: &str = ".hearback-backup";
const SNAPSHOT: &str = "hearback.db";
const SNAPSHOT_TO_FOLLOW: &str = "hearback.db.new";
/// What SQLite keeps beside a file.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

pub(super) struct BackupFolder {
    path: PathBuf,
}

/// A secret of the service, and the file in which it would look for it.
pub(super) struct Secret {
    pub(super) file: &'static str,
    pub(super) text: SecretString,
}

impl BackupFolder {
    /// Takes an empty folder, or makes one, or takes one that it took before.
    pub(super) fn take(path: &Path, config: &Config) -> anyhow::Result<Self> {
        let in_words = || format!("{} cannot be used", path.display());
        let is_new = !path.exists();
        make_private_folder(path).with_context(in_words)?;
        let path = fs::canonicalize(path).with_context(in_words)?;
        let folder = Self { path };
        folder.refuse_the_original(config)?;
        if !folder.path.join(MARK).exists() {
            let mut content = fs::read_dir(&folder.path).with_context(in_words)?;
            ensure!(
                content.next().is_none(),
                "{} is not empty, and no backup of Hearback's: name an empty folder, or one that does not exist",
                folder.path.display(),
            );
            folder.write(MARK, b"Made by hearback backup.\n").with_context(in_words)?;
        }
        if let (true, Some(parent)) = (is_new, folder.path.parent()) {
            sync(parent).with_context(in_words)?;
        }
        Ok(folder)
    }

    /// A backup that replaced what it is made of would be the end of both.
    fn refuse_the_original(&self, config: &Config) -> anyhow::Result<()> {
        let database = SqliteCatalog::file_of(&config.database_url())?;
        let originals = [database.parent(), Some(config.data.dir.as_path())];
        let vault = fs::canonicalize(config.vault_dir()).ok();
        let is_ours = |folder: &Path| fs::canonicalize(folder).is_ok_and(|it| it == self.path);
        let in_vault = vault
            .is_some_and(|vault| self.path.starts_with(&vault) || vault.starts_with(&self.path));
        ensure!(
            !in_vault && !originals.into_iter().flatten().any(is_ours),
            "{} holds the service's own data: name another folder, best on another disk",
            self.path.display(),
        );
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the service's settings would find the copies, were they restored here.
    pub(super) fn settings(&self, config: &Config) -> Config {
        let mut settings = config.clone();
        settings.vault.dir = self.path.join("vault");
        settings
    }

    pub(super) fn snapshot(&self) -> Option<PathBuf> {
        Some(self.path.join(SNAPSHOT)).filter(|file| file.exists())
    }

    pub(super) fn snapshot_to_follow(&self) -> PathBuf {
        self.path.join(SNAPSHOT_TO_FOLLOW)
    }

    /// Where the next snapshot is to be written; nothing is there.
    pub(super) fn empty_place(&self) -> io::Result<PathBuf> {
        self.remove(SNAPSHOT_TO_FOLLOW)?;
        self.clear_beside(SNAPSHOT_TO_FOLLOW)?;
        Ok(self.snapshot_to_follow())
    }

    /// Makes the snapshot that is to follow the backup's own: whole from then on. Secrets are those that open it.
    pub(super) fn publish(&self, secrets: &[Secret]) -> io::Result<PathBuf> {
        // The service takes a key that lies beside the other, if that is the one that fits.
        for Secret { file, text } in secrets {
            self.write(&format!("{file}.new"), text.expose_secret().as_bytes())?;
        }
        File::open(self.snapshot_to_follow())?.sync_all()?;
        // What would be left of them belongs to the snapshot that was, and would be read into this one.
        self.clear_beside(SNAPSHOT)?;
        fs::rename(self.snapshot_to_follow(), self.path.join(SNAPSHOT))?;
        sync(&self.path)?;
        for Secret { file, .. } in secrets {
            fs::rename(self.path.join(format!("{file}.new")), self.path.join(file))?;
        }
        sync(&self.path)?;
        Ok(self.path.join(SNAPSHOT))
    }

    /// Removes secrets that an earlier backup was told to keep, and says whether there were any.
    pub(super) fn forget_secrets(&self, files: &[&str]) -> io::Result<bool> {
        let mut forgotten = false;
        for file in files {
            forgotten |= self.remove(&format!("{file}.new"))? | self.remove(file)?;
        }
        sync(&self.path)?;
        Ok(forgotten)
    }

    fn clear_beside(&self, file: &str) -> io::Result<()> {
        BESIDE.iter().try_for_each(|end| self.remove(&format!("{file}{end}")).map(drop))
    }

    /// True if it was there.
    fn remove(&self, file: &str) -> io::Result<bool> {
        match fs::remove_file(self.path.join(file)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Durable when this returns.
    fn write(&self, file: &str, content: &[u8]) -> io::Result<()> {
        self.remove(file)?;
        let mut options = OpenOptions::new();
        let mut made =
            options.write(true).create_new(true).mode(0o600).open(self.path.join(file))?;
        made.write_all(content)?;
        made.sync_all()?;
        sync(&self.path)
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
