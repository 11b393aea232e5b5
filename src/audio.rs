//! The ear port in this process: recordings decoded, measured, and cut into pieces that hold voices.
//!
//! Invariant: a thread of its own for each recording that is heard, none of the runtime's: decoding and waiting for
//! whoever takes the pieces keep nobody waiting. It ends when nobody waits for its results.
//! Invariant: what is held in memory depends on the longest piece, never on the length of the recording.

use actors::domain::Waveform;
use actors::ports::{Ear, EarError, EncodedAudio, Piece, PieceLimits, PieceStream};
use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::sync::mpsc;

mod cutter;
mod decoder;
mod intake;
mod peaks;
mod resampler;
mod voice;

use cutter::Cutter;
use decoder::Decoder;
use intake::{Intake, in_own_thread};
use peaks::Peaks;
use resampler::Resampler;

/// Decodes with symphonia; finds voices with earshot, a small neural network.
#[derive(Debug, Default, Clone, Copy)]
pub struct SymphoniaEar;

#[async_trait]
impl Ear for SymphoniaEar {
    async fn measure(&self, audio: EncodedAudio) -> Result<Waveform, EarError> {
        let mut measured = in_own_thread(audio, |intake, results| {
            let waveform = measure(intake)?;
            // It fails if nobody waits any more.
            let _ = results.blocking_send(Ok(waveform));
            Ok(())
        });
        measured.next().await.expect("a thread without an error has sent its waveform")
    }

    fn listen(&self, audio: EncodedAudio, limits: PieceLimits) -> PieceStream {
        in_own_thread(audio, move |intake, results| listen(intake, limits, results))
    }
}

fn measure(intake: Intake) -> Result<Waveform, EarError> {
    let mut decoder = Decoder::open(intake)?;
    let mut peaks = Peaks::new(decoder.format());
    while let Some(planes) = decoder.decode()? {
        peaks.add(planes);
    }
    Ok(peaks.finish())
}

fn listen(
    intake: Intake,
    limits: PieceLimits,
    results: &mpsc::Sender<Result<Piece, EarError>>,
) -> Result<(), EarError> {
    let mut decoder = Decoder::open(intake)?;
    let format = decoder.format();
    let mut channels: Vec<Channel> = (0..format.channels)
        .map(|channel| Channel {
            resampler: Resampler::new(format.sample_rate),
            cutter: Cutter::new(channel, format.channels, limits),
        })
        .collect();
    let mut pieces = Vec::new();
    while let Some(planes) = decoder.decode()? {
        for (channel, samples) in channels.iter_mut().zip(planes) {
            let cutter = &mut channel.cutter;
            channel.resampler.push(samples, |resampled| cutter.push(resampled, &mut pieces));
        }
        for piece in pieces.drain(..) {
            if results.blocking_send(Ok(piece)).is_err() {
                return Ok(());
            }
        }
    }
    for Channel { resampler, mut cutter } in channels {
        resampler.finish(|resampled| cutter.push(resampled, &mut pieces));
        cutter.finish(&mut pieces);
    }
    pieces.sort_by_key(|piece| piece.start);
    for piece in pieces {
        if results.blocking_send(Ok(piece)).is_err() {
            break;
        }
    }
    Ok(())
}

struct Channel {
    resampler: Resampler,
    cutter: Cutter,
}

#[cfg(test)]
mod tests;
