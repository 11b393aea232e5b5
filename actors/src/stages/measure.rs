//! The playback copy's peaks, and how long it really lasts.

use futures_util::StreamExt;

use super::{StageError, Stages};
use crate::domain::{ByteRange, ClaimedJob};
use crate::ports::{EarError, EncodedAudio, Finding, RecordingRecord, VaultError};

impl Stages {
    pub(super) async fn measure(&self, job: &ClaimedJob) -> Result<Finding, StageError> {
        let found = self.recording(job).await?;
        let audio = self.copy(&found).await?;
        Ok(Finding::Waveform(self.ear.measure(audio).await?))
    }

    /// The copy in the vault, from its beginning to its end.
    pub(super) async fn copy(&self, found: &RecordingRecord) -> Result<EncodedAudio, StageError> {
        let held = found.copy.as_ref().filter(|held| held.present);
        let none = || StageError::passing("there is no copy in the vault".to_owned());
        let playable = found.recording.playable(&held.ok_or_else(none)?.copy);
        let whole = ByteRange::whole(playable.copy.length).ok_or_else(none)?;
        let broken = |error: VaultError| EarError::Cut(error.to_string());
        let bytes = self.vault.read(&playable, whole).await.map_err(broken)?;
        Ok(bytes.map(move |bytes| bytes.map_err(broken)).boxed())
    }
}
