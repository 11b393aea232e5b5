//! A recording's peaks, as audiowaveform writes them (JSON, data format version 2), and its measured duration.
//!
//! <https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md>

use actors::domain::{Stage, Waveform};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Service;
use super::heard::MakingJson;
use super::openapi::parameters::{OfReadable, Validator};
use super::openapi::refusals;
use super::problem::Problem;
use super::representation::{none_match_holds, tag_of};
use super::target::{Readable, Target};

/// Peaks as audiowaveform writes them.
#[derive(Serialize, ToSchema)]
#[schema(as = Waveform)]
pub(super) struct WaveformJson {
    /// Of the format: 2.
    version: u8,
    channels: u8,
    /// In hertz.
    sample_rate: u32,
    samples_per_pixel: u32,
    /// Of each value.
    bits: u8,
    /// In pixels; each has a least and a greatest value for each channel.
    length: usize,
    /// Pixel by pixel: the least and the greatest sample of the first channel, then of the second.
    data: Vec<i8>,
    /// Beside what audiowaveform says: counted in samples, not announced.
    duration_seconds: f64,
}

/// Peaks to draw, per channel, and how long the recording lasts, measured.
#[utoipa::path(
    get, path = "/api/recordings/{call_sid}/waveform", tag = "recordings", params(OfReadable, Validator),
    responses(
        (status = 200, description = "The peaks.", body = WaveformJson,
            headers(("ETag" = String, description = "Of these peaks."))),
        (status = 202, description = "They are being measured, or there is no copy yet.", body = MakingJson,
            headers(("Retry-After" = u64, description = "Seconds after which asking again may help."))),
        (status = 304, description = "The client has them."),
        refusals::ToWaveform,
    ),
    security(("bearer" = []), ("session" = []), ("link" = [])),
)]
pub(super) async fn waveform(
    State(service): State<Service>,
    Readable { target: Target { key, recording }, .. }: Readable,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let heard = service.heard(&key, recording).await?;
    let job = service.job_of(&heard, Stage::Measure).await?;
    let Some(waveform) = service.findings.waveform(&heard.audio).await? else {
        return service.missing(&heard, Stage::Measure, job, Problem::StageFailed).await;
    };
    let written = serde_json::json!(WaveformJson::of(waveform)).to_string();
    let tag = tag_of(&written);
    let has_it = none_match_holds(&headers, &tag);
    let tag = HeaderValue::from_str(&tag).expect("letters and digits");
    let cached = [(header::ETAG, tag), (header::CACHE_CONTROL, service.cache_control.clone())];
    if has_it {
        return Ok((StatusCode::NOT_MODIFIED, cached).into_response());
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((cached, json, written).into_response())
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
