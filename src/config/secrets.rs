//! What a first start makes for itself: the private folder, and the signing secret in it.
//!
//! Invariant: under its own name the file is complete and never replaced. One that is damaged is refused: whoever
//! knew what is left of the secret could sign tokens.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::{AUTH_SECRET_BYTES_MIN, Config};

const SECRET_BYTES: usize = 48;

#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error("{}: {source}; make its folder writable, or set auth.secret", file.display())]
    Unavailable { file: PathBuf, source: io::Error },
    #[error(
        "{}: it is shorter than 32 bytes; restore it, or remove it, and a new one is made \
         (tokens signed with the old one end)", file.display()
    )]
    Damaged { file: PathBuf },
}

/// The configured secret, or the one in `auth.secret`, which is made if it is not there.
pub fn auth_secret(config: &Config) -> Result<SecretString, SecretsError> {
    if !config.auth.secret.expose_secret().is_empty() {
        return Ok(config.auth.secret.clone());
    }
    let file = config.data.dir.join("auth.secret");
    judged(read_or_make(&file), file)
}

/// The same for somebody who only looks: `None` where it has not been made yet.
pub fn find_auth_secret(config: &Config) -> Result<Option<SecretString>, SecretsError> {
    if !config.auth.secret.expose_secret().is_empty() {
        return Ok(Some(config.auth.secret.clone()));
    }
    let file = config.data.dir.join("auth.secret");
    match read(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => judged(other, file).map(Some),
    }
}

fn judged(read: io::Result<SecretString>, file: PathBuf) -> Result<SecretString, SecretsError> {
    match read {
        Ok(secret) if secret.expose_secret().len() < AUTH_SECRET_BYTES_MIN => {
            Err(SecretsError::Damaged { file })
        }
        Ok(secret) => Ok(secret),
        Err(source) => Err(SecretsError::Unavailable { file, source }),
    }
}

/// Makes a folder that only this user can enter, where there is none yet.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn read_or_make(file: &Path) -> io::Result<SecretString> {
    match read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(file)?;
            read(file)
        }
        other => other,
    }
}

fn read(file: &Path) -> io::Result<SecretString> {
    Ok(fs::read_to_string(file)?.trim_end().into())
}

/// Writes a new secret beside the file, then links it into place. One that another process put there meanwhile
/// stays, and counts.
fn make(file: &Path) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    make_private_folder(folder)?;
    let draft = file.with_added_extension(format!("{:016x}", u64::from_ne_bytes(random()?)));
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = made
        .write_all(STANDARD_NO_PAD.encode(random::<SECRET_BYTES>()?).as_bytes())
        .and_then(|()| made.sync_all())
        .and_then(|()| fs::hard_link(&draft, file));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => File::open(folder)?.sync_all(),
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system has no randomness"))?;
    Ok(bytes)
}
