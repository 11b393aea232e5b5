//! From an asynchronous stream of bytes to a thread that reads them, and back with what it makes of them.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;

use actors::ports::{EarError, EncodedAudio};
use bytes::{Buf, Bytes};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, future};
use tokio::sync::mpsc;

/// Chunks that were read and not yet decoded.
const CHUNKS_AHEAD: usize = 2;
/// Results that were not taken yet; one more waits in the thread.
const RESULTS_AHEAD: usize = 1;
/// Whoever plays something goes first where there are too few processors for both.
const NICENESS: i32 = 10;

/// The bytes as the thread sees them.
pub(super) struct Intake {
    chunks: mpsc::Receiver<Chunk>,
    current: Bytes,
    ended: bool,
    cut: Arc<OnceLock<EarError>>,
}

enum Chunk {
    Bytes(Bytes),
    Cut(EarError),
    End,
}

/// Runs `work` in a thread of its own; an error of it is the last result.
///
/// The bytes are read only while results are asked for. When the results are dropped, so are the bytes; the thread
/// then finds that nothing follows, and ends.
pub(super) fn in_own_thread<T: Send + 'static>(
    audio: EncodedAudio,
    work: impl FnOnce(Intake, &mpsc::Sender<Result<T, EarError>>) -> Result<(), EarError>
    + Send
    + 'static,
) -> BoxStream<'static, Result<T, EarError>> {
    let (feed, chunks) = mpsc::channel(CHUNKS_AHEAD);
    let (sender, mut results) = mpsc::channel(RESULTS_AHEAD);
    let intake = Intake { chunks, current: Bytes::new(), ended: false, cut: Arc::default() };
    let run = move || {
        // Of this thread alone, as Linux has it (`man 2 setpriority`). Without it decoding is only less modest.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        let outcome = catch_unwind(AssertUnwindSafe(|| work(intake, &sender)));
        let gave_up = |_| Err(EarError::Undecodable("the decoder gave up".to_owned()));
        if let Err(error) = outcome.unwrap_or_else(gave_up) {
            // It fails if nobody waits any more.
            let _ = sender.blocking_send(Err(error));
        }
    };
    if let Err(error) = thread::Builder::new().name("ear".to_owned()).spawn(run) {
        let error = EarError::Cut(format!("no thread to decode in: {error}"));
        return stream::once(future::ready(Err(error))).boxed();
    }
    let fed = stream::once(pour(audio, feed)).filter_map(|()| future::ready(None));
    let results = stream::poll_fn(move |context| results.poll_recv(context));
    stream::select(results, fed).boxed()
}

/// Ends early when the thread wants no more.
async fn pour(mut audio: EncodedAudio, feed: mpsc::Sender<Chunk>) {
    loop {
        let chunk = tokio::select! {
            next = audio.next() => match next {
                Some(Ok(bytes)) => Chunk::Bytes(bytes),
                Some(Err(error)) => Chunk::Cut(error),
                None => Chunk::End,
            },
            () = feed.closed() => return,
        };
        let more = matches!(chunk, Chunk::Bytes(_));
        if feed.send(chunk).await.is_err() || !more {
            return;
        }
    }
}

impl Intake {
    /// Says why the bytes broke off, once they did: the decoder takes any error for an end in places.
    pub(super) fn cut(&self) -> Arc<OnceLock<EarError>> {
        Arc::clone(&self.cut)
    }
}

impl Read for Intake {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended && self.cut.get().is_none() {
            let nobody = || EarError::Cut("nobody listens any more".to_owned());
            match self.chunks.blocking_recv() {
                Some(Chunk::Bytes(bytes)) => self.current = bytes,
                Some(Chunk::Cut(error)) => self.cut.set(error).expect("it is read by one thread"),
                Some(Chunk::End) => self.ended = true,
                None => self.cut.set(nobody()).expect("it is read by one thread"),
            }
        }
        if let Some(error) = self.cut.get() {
            return Err(io::Error::other(error.clone()));
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
