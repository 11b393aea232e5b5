//! The file that holds the master key where none is configured.
//!
//! Invariant: under its own name the file is complete, and durable before its key is first used. It is replaced
//! only whole, by a key that was durable beside it before anything was sealed with that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use actors::ports::VaultError;
use secrecy::zeroize::Zeroizing;

use super::cipher::random;
use super::disk::{FILE_MODE, blocking, create_folder, parent_of, sync_folder, unless};
use super::keys::MasterKey;

/// Reads the file's text. A missing file is made if it `may_make` one, and an error otherwise.
pub(super) async fn read_or_make(
    file: &Path,
    may_make: bool,
) -> Result<Zeroizing<String>, VaultError> {
    let file = file.to_owned();
    blocking(move || {
        let text = match read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !may_make => {
                return Err(lost(&file));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&file).and_then(|()| read(&file))
            }
            other => other,
        };
        let durable = text.and_then(|text| {
            if may_make {
                sync(&file)?;
            }
            Ok(text)
        });
        durable.map_err(|error| {
            let file = file.display();
            VaultError::Keys(format!("the master key in {file} cannot be had: {error}"))
        })
    })
    .await
}

/// Writes the key that is to follow beside the one in use. An older one there was never used.
pub(super) async fn stage(file: &Path, key: Zeroizing<String>) -> Result<(), VaultError> {
    let staged = staged(file);
    blocking(move || {
        write_staged(&staged, &key).map_err(|error| {
            VaultError::Keys(format!("{} cannot be written: {error}", staged.display()))
        })
    })
    .await
}

/// Gives the key that was staged the name of the one it follows.
pub(super) async fn adopt(file: &Path) -> Result<(), VaultError> {
    let file = file.to_owned();
    blocking(move || take_over(&file).map_err(|error| unadopted(&file, &error))).await
}

/// Where an exchange broke off after everything was sealed anew, the staged key is the one that opens it.
pub(super) async fn finish_exchange(
    file: &Path,
    opens: impl Fn(&str) -> bool + Send + 'static,
) -> Result<(), VaultError> {
    let file = file.to_owned();
    blocking(move || {
        let fits = |file: &Path| read(file).is_ok_and(|text| opens(&text));
        if fits(&file) || !fits(&staged(&file)) {
            return Ok(());
        }
        tracing::info!(file = %file.display(), "an exchange of the master key is completed");
        take_over(&file).map_err(|error| unadopted(&file, &error))
    })
    .await
}

/// Reads the file, or the key staged beside it where that is the one that opens what is sealed; writes nothing.
pub(super) async fn find(
    file: &Path,
    opens: impl Fn(&str) -> bool,
) -> Result<Zeroizing<String>, VaultError> {
    let staged = staged(file);
    let beside = blocking(move || Ok(read(&staged).ok())).await?;
    match beside.filter(|text| opens(text)) {
        Some(text) => Ok(text),
        None => read_or_make(file, false).await,
    }
}

fn staged(file: &Path) -> PathBuf {
    file.with_added_extension("new")
}

fn write_staged(staged: &Path, key: &str) -> io::Result<()> {
    unless(io::ErrorKind::NotFound, fs::remove_file(staged))?;
    let mut written = create_private(staged)?;
    written.write_all(key.as_bytes())?;
    written.write_all(b"\n")?;
    written.sync_all()?;
    sync_folder(parent_of(staged))
}

/// Somebody else may have completed the exchange meanwhile.
fn take_over(file: &Path) -> io::Result<()> {
    unless(io::ErrorKind::NotFound, fs::rename(staged(file), file))?;
    sync_folder(parent_of(file))
}

fn unadopted(file: &Path, error: &io::Error) -> VaultError {
    let (staged, file) = (staged(file), file.display());
    let staged = staged.display();
    VaultError::Keys(format!(
        "the new master key stays in {staged}, it cannot become {file}: {error}"
    ))
}

fn read(file: &Path) -> io::Result<Zeroizing<String>> {
    fs::read_to_string(file).map(Zeroizing::new)
}

fn lost(file: &Path) -> VaultError {
    VaultError::Keys(format!(
        "the master key is lost: there is sealed data, but no {}. Restore the file from its backup, or \
         set vault.master_key. A new key is not made, since it could open nothing",
        file.display()
    ))
}

/// Writes a new key beside the file, then links it into place. A key that another process put there
/// meanwhile stays and is the one to use.
fn make(file: &Path) -> io::Result<()> {
    create_folder(parent_of(file))?;
    let draft = Draft(file.with_added_extension(format!("{:016x}", u64::from_ne_bytes(random()))));
    let mut written = create_private(&draft.0)?;
    written.write_all(MasterKey::random().to_hex().as_bytes())?;
    written.write_all(b"\n")?;
    written.sync_all()?;
    unless(io::ErrorKind::AlreadyExists, fs::hard_link(&draft.0, file))?;
    Ok(())
}

/// Also for a file that was found before its first use: who made it may have died before this.
fn sync(file: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    sync_folder(parent_of(file))
}

fn create_private(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(file)
}

/// A file that is gone when this is.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, "a draft of the master key file stays behind");
        }
    }
}
