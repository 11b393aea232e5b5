//! A recording's peaks, as audiowaveform writes them (JSON, data format version 2), and its measured duration.
//!
//! <https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md>

use actors::domain::{Stage, Waveform};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Service;
use super::problem::Problem;
use super::representation::none_match_holds;
use super::target::{Readable, Target};

#[derive(Serialize)]
struct WaveformJson {
    version: u8,
    channels: u8,
    sample_rate: u32,
    samples_per_pixel: u32,
    bits: u8,
    /// In pixels; each has a least and a greatest value for each channel.
    length: usize,
    data: Vec<i8>,
    /// Beside what audiowaveform says: counted in samples, not announced.
    duration_seconds: f64,
}

pub(super) async fn waveform(
    State(service): State<Service>,
    Readable { target: Target { key, recording }, .. }: Readable,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let heard = service.heard(&key, recording).await?;
    let Some(waveform) = service.findings.waveform(&heard.audio).await? else {
        return service.missing(&heard, Stage::Measure, Problem::StageFailed).await;
    };
    let version = heard.found.copy.as_ref().map_or(0, |held| held.copy.version.0);
    let tag = format!("\"{}-peaks-{version}\"", heard.audio.recording);
    let has_it = none_match_holds(&headers, &tag);
    let tag = HeaderValue::from_str(&tag).expect("letters and digits");
    let cached = [(header::ETAG, tag), (header::CACHE_CONTROL, service.cache_control.clone())];
    if has_it {
        return Ok((StatusCode::NOT_MODIFIED, cached).into_response());
    }
    Ok((cached, Json(WaveformJson::of(waveform))).into_response())
}

impl WaveformJson {
    fn of(waveform: Waveform) -> Self {
        Self {
            version: 2,
            channels: waveform.channels,
            sample_rate: waveform.sample_rate,
            samples_per_pixel: waveform.samples_per_pixel,
            bits: 8,
            length: waveform.length(),
            duration_seconds: waveform.duration.as_secs_f64(),
            data: waveform.peaks,
        }
    }
}
