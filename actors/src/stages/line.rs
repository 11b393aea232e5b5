//! A recording as the telephone line carried it: WAV from the source, fetched for the ear and not kept.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::Stages;
use crate::domain::{FetchError, Format, Recording};
use crate::fetcher::Pacer;
use crate::ports::{
    Clock, EarError, EncodedAudio, RecordingSource, Resume, SourceBody, SourceRequest,
};

/// An account that is closed for longer is asked in another attempt.
const CLOSED_MAX: Duration = Duration::from_secs(30);
/// Requests that one transfer may take, as it is cut while the speech service takes its time.
const RESUMES_MAX: u32 = 20;
/// After one that failed.
const RESUME_PAUSE: Duration = Duration::from_secs(2);
/// Whoever gets so far has earned as many again.
const RESUMES_PER_BYTES: u64 = 16 * 1024 * 1024;
/// What has two channels is wanted in two, so that voices can be told apart. What has one is given in one.
const CHANNELS: u8 = 2;

/// One transfer, which goes on where it was cut.
struct Transfer {
    source: Arc<dyn RecordingSource>,
    pacer: Arc<Pacer>,
    clock: Arc<dyn Clock>,
    request: SourceRequest,
    body: SourceBody,
    received: u64,
    resumes_left: u32,
}

impl Stages {
    /// Opens the audio at the account's pace. What is returned has begun to arrive.
    pub(super) async fn line(&self, recording: &Recording) -> Result<EncodedAudio, FetchError> {
        let request = SourceRequest {
            account: recording.account,
            recording: recording.sid,
            format: Format::Wav,
            channels: Some(CHANNELS),
        };
        admitted(&self.pacer, &request).await?;
        let opened = self.source.open(&request).await;
        let heard = opened.as_ref().map(drop);
        self.pacer.heard(request.account, heard, self.clock.now());
        let transfer = Transfer {
            source: Arc::clone(&self.source),
            pacer: Arc::clone(&self.pacer),
            clock: Arc::clone(&self.clock),
            body: opened?,
            request,
            received: 0,
            resumes_left: RESUMES_MAX,
        };
        Ok(stream::unfold(Some(transfer), |transfer| async move {
            let mut transfer = transfer?;
            match transfer.next().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(transfer))),
                Ok(None) => None,
                Err(error) => Some((Err(EarError::Cut(error.to_string())), None)),
            }
        })
        .boxed())
    }
}

impl Transfer {
    async fn next(&mut self) -> Result<Option<bytes::Bytes>, FetchError> {
        loop {
            match self.body.chunks.next().await {
                Some(Ok(bytes)) => {
                    let before = self.received / RESUMES_PER_BYTES;
                    self.received += bytes.len() as u64;
                    if self.received / RESUMES_PER_BYTES > before {
                        self.resumes_left = RESUMES_MAX;
                    }
                    return Ok(Some(bytes));
                }
                None => return Ok(None),
                Some(Err(error)) => self.go_on(error).await?,
            }
        }
    }

    /// Asks for the rest; gives up with the cut's own error where that cannot be.
    async fn go_on(&mut self, cut: FetchError) -> Result<(), FetchError> {
        let rest = self.body.total.zip(self.body.validator.clone());
        let Some((total, validator)) = rest.filter(|_| cut.is_interruption()) else {
            return Err(cut);
        };
        let from = Resume { offset: self.received, total, validator };
        let body = loop {
            self.resumes_left = self.resumes_left.checked_sub(1).ok_or_else(|| cut.clone())?;
            admitted(&self.pacer, &self.request).await?;
            let resumed = self.source.resume(&self.request, &from).await;
            self.pacer.heard(self.request.account, resumed.as_ref().map(drop), self.clock.now());
            match resumed {
                Ok(body) => break body,
                Err(error) if error.leaves_what_arrived() => sleep(RESUME_PAUSE).await,
                Err(error) => return Err(error),
            }
        };
        if body.start != self.received {
            // It is other audio by now, and what was heard of it counts for nothing.
            return Err(FetchError::ContentChanged);
        }
        self.body = body;
        Ok(())
    }
}

async fn admitted(pacer: &Pacer, request: &SourceRequest) -> Result<(), FetchError> {
    loop {
        match pacer.admit(request.account) {
            Ok(()) => return Ok(()),
            Err(closed_for) if closed_for > CLOSED_MAX => {
                return Err(if pacer.is_refused(request.account) {
                    FetchError::RefusedAccount
                } else {
                    FetchError::Throttled { retry_after: closed_for }
                });
            }
            Err(closed_for) => sleep(closed_for.max(Duration::from_millis(1))).await,
        }
    }
}
