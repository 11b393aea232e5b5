//! What a first start makes for itself: the private folder, and the signing secret in it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::Config;

const SECRET_BYTES: usize = 48;

#[derive(Debug, thiserror::Error)]
#[error("{}: {source}; make its folder writable, or set auth.secret", file.display())]
pub struct SecretsError {
    file: PathBuf,
    source: std::io::Error,
}

/// The configured secret, or the one in `auth.secret`, which is made if it is not there.
pub fn auth_secret(config: &Config) -> Result<SecretString, SecretsError> {
    if !config.auth.secret.expose_secret().is_empty() {
        return Ok(config.auth.secret.clone());
    }
    let file = config.data.dir.join("auth.secret");
    read_or_make(&file).map_err(|source| SecretsError { file, source })
}

/// Makes a folder that only this user can enter, where there is none yet.
pub fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn read_or_make(file: &Path) -> std::io::Result<SecretString> {
    match std::fs::read_to_string(file) {
        Ok(text) => return Ok(text.trim_end().into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if let Some(folder) = file.parent() {
        make_private_folder(folder)?;
    }
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| std::io::Error::other("the system has no randomness"))?;
    let text = STANDARD_NO_PAD.encode(bytes);
    let mut made = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(made) => made,
        // Another process was faster: its secret counts.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return read_or_make(file),
        Err(error) => return Err(error),
    };
    made.write_all(text.as_bytes())?;
    made.sync_all()?;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(text.into())
}
