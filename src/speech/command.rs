//! Speech with a program of one's own: it gets a WAV file and prints what is said in it.
//!
//! It prints one of the documents of `wire`, or plain text; or text as whisper.cpp's command line prints it, with
//! times in brackets before each line.
//!
//! Invariant: no shell is involved · a piece's file can be read by this user only, and is gone when the answer is
//! there.

use std::fs::{DirBuilder, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actors::domain::Transcript;
use actors::ports::{Piece, PieceLimits, ProviderError, Speech};
use async_trait::async_trait;
use rustix::io::Errno;
use tempfile::TempPath;

use super::child::{ChildError, run};
use super::heard;
use super::languages::primary;
use super::wav::wav;

#[derive(Debug, Clone)]
pub struct CommandSpeechConfig {
    /// A program and its arguments, quoted as in a shell. `{wav}` stands for the file, and `{language}` for its
    /// language (`en`, or `auto` where nobody knows).
    pub command: String,
    /// Where pieces lie while they are heard. Made if it is not there; only for this.
    pub folder: PathBuf,
    /// What one piece may take.
    pub timeout: Duration,
    pub longest_piece: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("speech.command: the quotes do not match; close each that is opened")]
    Unbalanced,
    #[error("speech.command: there is no {{wav}} in it; say where the file's name goes")]
    NoFile,
    #[error("the folder for speech.command cannot be used: {0}")]
    Folder(#[from] io::Error),
}

pub struct CommandSpeech {
    config: CommandSpeechConfig,
    words: Vec<String>,
}

const FILE: &str = "{wav}";
const LANGUAGE: &str = "{language}";
const FILE_PREFIX: &str = "piece-";
const FILE_SUFFIX: &str = ".wav";

impl CommandSpeech {
    /// Checks the template, and clears away what a crash left in the folder.
    pub fn new(config: CommandSpeechConfig) -> Result<Self, CommandError> {
        let words = shell_words::split(&config.command).map_err(|_| CommandError::Unbalanced)?;
        if !words.iter().skip(1).any(|word| word.contains(FILE)) {
            return Err(CommandError::NoFile);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&config.folder)?;
        sweep(&config.folder, config.timeout)?;
        Ok(Self { config, words })
    }

    fn filled(&self, file: &Path, language: Option<&str>) -> Result<Vec<String>, ProviderError> {
        let file = file.to_str().ok_or_else(|| {
            ProviderError::Refused("the folder for speech.command is no text".to_owned())
        })?;
        let language = language.map_or("auto", primary);
        let fill = |word: &String| word.replace(LANGUAGE, language).replace(FILE, file);
        Ok(self.words.iter().map(fill).collect())
    }

    async fn stored(&self, samples: &[i16]) -> Result<TempPath, ProviderError> {
        let (wav, folder) = (wav(samples), self.config.folder.clone());
        let timeout = self.config.timeout;
        let stored = tokio::task::spawn_blocking(move || {
            // What a crash left becomes old enough some time after the start.
            sweep(&folder, timeout)?;
            store(&wav, &folder)
        });
        let stored = stored.await;
        stored.map_err(io::Error::other).flatten().map_err(|error| {
            ProviderError::Unavailable(format!("a piece could not be stored: {error}"))
        })
    }
}

#[async_trait]
impl Speech for CommandSpeech {
    fn piece_limits(&self) -> PieceLimits {
        PieceLimits { longest: self.config.longest_piece }
    }

    async fn transcribe(
        &self,
        piece: &Piece,
        language: Option<&str>,
    ) -> Result<Transcript, ProviderError> {
        let file = self.stored(&piece.samples).await?;
        let words = self.filled(&file, language)?;
        let printed = run(&words, self.config.timeout).await.map_err(because)?;
        let text = std::str::from_utf8(&printed)
            .map_err(|_| ProviderError::Nonsense("it is not in UTF-8".to_owned()))?;
        if text.trim_start().starts_with('{') {
            return heard::transcript(&printed, piece, language);
        }
        Ok(heard::printed(text, piece, language))
    }
}

/// Only this user may read it, which is what `tempfile` does.
fn store(wav: &[u8], folder: &Path) -> io::Result<TempPath> {
    let mut file =
        tempfile::Builder::new().prefix(FILE_PREFIX).suffix(FILE_SUFFIX).tempfile_in(folder)?;
    file.write_all(wav)?;
    Ok(file.into_temp_path())
}

/// Removes pieces that nobody can be listening to any more. Younger ones may be those of a predecessor that is
/// still finishing.
fn sweep(folder: &Path, timeout: Duration) -> io::Result<()> {
    let is_old = |metadata: Metadata| {
        metadata.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > timeout)
    };
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_piece = name
            .to_str()
            .is_some_and(|name| name.starts_with(FILE_PREFIX) && name.ends_with(FILE_SUFFIX));
        if is_piece && entry.metadata().is_ok_and(is_old) {
            match std::fs::remove_file(entry.path()) {
                // Another worker, or whoever heard it, was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

/// With nothing of what the program printed.
fn because(error: ChildError) -> ProviderError {
    match error {
        ChildError::NotStarted(error) => not_started(&error),
        ChildError::TimedOut => {
            ProviderError::Unavailable("speech.command did not finish in time".to_owned())
        }
        ChildError::Overflowed => ProviderError::Nonsense("it is much too long".to_owned()),
        ChildError::Failed(status) => {
            ProviderError::Unavailable(format!("speech.command ended with {status}"))
        }
        ChildError::Broken(error) => {
            ProviderError::Unavailable(format!("speech.command cannot be heard: {error}"))
        }
    }
}

/// A program that is missing stays missing; a machine that is full does not stay full.
fn not_started(error: &io::Error) -> ProviderError {
    if error.kind() == io::ErrorKind::NotFound {
        return refused("there is no such program");
    }
    if error.kind() == io::ErrorKind::PermissionDenied
        || error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error())
    {
        return refused("the program may not be run");
    }
    ProviderError::Unavailable(format!("speech.command cannot be started: {error}"))
}

fn refused(why: &str) -> ProviderError {
    ProviderError::Refused(format!("speech.command: {why}"))
}

#[cfg(test)]
mod tests;
