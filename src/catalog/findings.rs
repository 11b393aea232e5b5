//! What the pipeline found out: waveforms, transcripts with their corrections, summaries, facts.

mod written;

use actors::domain::{
    AudioKey, BusinessId, Correction, Facts, KeptTranscript, Lease, RecordingSid, Stage, Summary,
    Timestamp, Transcript, Waveform,
};
use actors::ports::{CatalogError, Finding};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, query, query_scalar};

use super::failure::{Answer, Failure};
use super::jobs::{self, Priority};
use super::{appointments, rows, said};

const SET_WAVEFORM: &str = "
    INSERT INTO waveforms (recording_sid, business_id, channels, sample_rate, samples_per_pixel,
                           duration_us, peaks)
    VALUES ($2, $1, $3, $4, $5, $6, $7)
    ON CONFLICT (recording_sid) DO UPDATE
    SET channels = excluded.channels,
        sample_rate = excluded.sample_rate,
        samples_per_pixel = excluded.samples_per_pixel,
        duration_us = excluded.duration_us,
        peaks = excluded.peaks
    WHERE waveforms.business_id = excluded.business_id";

const WAVEFORM: &str = "
    SELECT * FROM waveforms WHERE business_id = $1 AND recording_sid = $2";

const SET_TRANSCRIPT: &str = "
    INSERT INTO transcripts (business_id, recording_sid, channels, language, utterances, made_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (recording_sid) DO UPDATE
    SET channels = excluded.channels,
        language = excluded.language,
        utterances = excluded.utterances,
        corrections = '[]',
        revision = transcripts.revision + 1,
        made_at_ms = excluded.made_at_ms
    WHERE transcripts.business_id = excluded.business_id";

const TRANSCRIPT: &str = "
    SELECT * FROM transcripts WHERE business_id = $1 AND recording_sid = $2";

const SET_CORRECTIONS: &str = "
    UPDATE transcripts SET corrections = $3, revision = revision + 1
    WHERE business_id = $1 AND recording_sid = $2";

const SET_SUMMARY: &str = "
    UPDATE transcripts SET summary = $3 WHERE business_id = $1 AND recording_sid = $2";

const SET_FACTS: &str = "
    UPDATE transcripts SET facts = $3 WHERE business_id = $1 AND recording_sid = $2";

const SUMMARY: &str = "
    SELECT summary FROM transcripts WHERE business_id = $1 AND recording_sid = $2";

const FACTS: &str = "SELECT facts FROM transcripts WHERE business_id = $1 AND recording_sid = $2";

const MICROS_MAX: u64 = i64::MAX as u64;

/// Ends a job, writes down what came of it, and begins what stems from that: all or nothing.
pub(super) async fn finish(
    db: &mut SqliteConnection,
    lease: Lease,
    finding: Finding,
    now: Timestamp,
) -> Answer<()> {
    let (business, recording) = jobs::finish(db, lease, &result(&finding), now).await?;
    match finding {
        Finding::Waveform(waveform) => set_waveform(db, &business, recording, &waveform).await,
        Finding::NoSpeech => Ok(()),
        Finding::Transcript { transcript, channels } => {
            set_transcript(db, &business, recording, &transcript, channels, now).await?;
            for stage in [Stage::Summarise, Stage::Extract] {
                jobs::begin(db, &business, recording, stage, Priority::Fresh, now).await?;
            }
            Ok(())
        }
        Finding::Summary(summary) => set_summary(db, &business, recording, &summary).await,
        Finding::Facts(facts) => {
            set(db, SET_FACTS, &business, recording, written::facts(&facts)).await?;
            appointments::propose(db, &business, recording, &facts, now).await
        }
    }
}

/// In a few words, and none from the call.
fn result(finding: &Finding) -> String {
    match finding {
        Finding::Waveform(waveform) => format!("{:.3} s", waveform.duration.as_secs_f64()),
        Finding::NoSpeech => "nobody speaks".to_owned(),
        Finding::Transcript { transcript, .. } => {
            format!("{} utterances", transcript.utterances.len())
        }
        Finding::Summary(_) => "summary".to_owned(),
        Finding::Facts(facts) => {
            let known = [&facts.customer_name, &facts.city, &facts.service];
            let known = known.into_iter().flatten().count();
            let dates = usize::from(facts.appointment.is_some());
            format!("{known} facts, {dates} appointments")
        }
    }
}

async fn set_waveform(
    db: &mut SqliteConnection,
    business: &BusinessId,
    recording: RecordingSid,
    waveform: &Waveform,
) -> Answer<()> {
    let micros = u64::try_from(waveform.duration.as_micros()).unwrap_or(MICROS_MAX);
    query(SET_WAVEFORM)
        .bind(business.as_str())
        .bind(recording.to_string())
        .bind(i64::from(waveform.channels))
        .bind(i64::from(waveform.sample_rate))
        .bind(i64::from(waveform.samples_per_pixel))
        .bind(rows::as_column(micros))
        .bind(waveform.peaks.iter().map(|peak| peak.cast_unsigned()).collect::<Vec<u8>>())
        .execute(db)
        .await?;
    Ok(())
}

async fn set_transcript(
    db: &mut SqliteConnection,
    business: &BusinessId,
    recording: RecordingSid,
    transcript: &Transcript,
    channels: u8,
    now: Timestamp,
) -> Answer<()> {
    query(SET_TRANSCRIPT)
        .bind(business.as_str())
        .bind(recording.to_string())
        .bind(i64::from(channels))
        .bind(&transcript.language)
        .bind(written::utterances(&transcript.utterances))
        .bind(now.as_millis())
        .execute(&mut *db)
        .await?;
    index(db, business, recording).await
}

async fn set_summary(
    db: &mut SqliteConnection,
    business: &BusinessId,
    recording: RecordingSid,
    summary: &Summary,
) -> Answer<()> {
    set(db, SET_SUMMARY, business, recording, written::summary(summary)).await?;
    index(db, business, recording).await
}

async fn set(
    db: &mut SqliteConnection,
    statement: &'static str,
    business: &BusinessId,
    recording: RecordingSid,
    value: String,
) -> Answer<()> {
    let recording = recording.to_string();
    let done = query(statement).bind(business.as_str()).bind(&recording).bind(value);
    match done.execute(db).await?.rows_affected() {
        0 => Err(Failure::unknown(format!("transcript of {recording}"))),
        1.. => Ok(()),
    }
}

/// Lets the transcript be found by what it says now.
async fn index(
    db: &mut SqliteConnection,
    business: &BusinessId,
    recording: RecordingSid,
) -> Answer<()> {
    let Some(row) = row_of(db, TRANSCRIPT, business, recording).await? else { return Ok(()) };
    let kept = kept(&row)?;
    // What was heard stays findable beside what was made of it.
    let mut words = kept.heard.text();
    for correction in &kept.corrections {
        words.push('\n');
        words.push_str(&correction.text);
    }
    let summary = row.try_get::<Option<String>, _>("summary")?;
    let summary = summary.map(|json| written::read_summary(&json)).transpose()?;
    let summary = summary.map(|summary| summary.text()).unwrap_or_default();
    said::index(db, row.try_get("id")?, business, (&words, &summary)).await
}

pub(super) async fn waveform(
    db: &mut SqliteConnection,
    audio: AudioKey,
) -> Answer<Option<Waveform>> {
    let row = row_of(db, WAVEFORM, &audio.business, audio.recording).await?;
    let read = |row: SqliteRow| {
        let peaks: Vec<u8> = row.try_get("peaks")?;
        let micros = rows::fit(row.try_get("duration_us")?, "duration_us")?;
        Ok(Waveform {
            channels: rows::fit(row.try_get("channels")?, "channels")?,
            sample_rate: rows::fit(row.try_get("sample_rate")?, "sample_rate")?,
            samples_per_pixel: rows::fit(row.try_get("samples_per_pixel")?, "samples_per_pixel")?,
            duration: std::time::Duration::from_micros(micros),
            peaks: peaks.into_iter().map(u8::cast_signed).collect(),
        })
    };
    row.map(read).transpose()
}

pub(super) async fn transcript(
    db: &mut SqliteConnection,
    audio: AudioKey,
) -> Answer<Option<KeptTranscript>> {
    let row = row_of(db, TRANSCRIPT, &audio.business, audio.recording).await?;
    row.as_ref().map(kept).transpose()
}

pub(super) async fn correct(
    db: &mut SqliteConnection,
    audio: AudioKey,
    corrections: Vec<Correction>,
    revision: Option<u32>,
) -> Answer<Option<KeptTranscript>> {
    let Some(mut kept) = transcript(db, audio.clone()).await? else { return Ok(None) };
    if revision.is_some_and(|seen| seen != kept.revision) {
        return Err(CatalogError::Conflict("the transcript".to_owned()).into());
    }
    if corrections.is_empty() {
        return Ok(Some(kept));
    }
    for correction in corrections {
        kept.corrections.retain(|earlier| earlier.utterance != correction.utterance);
        // Whoever writes what was heard takes a correction back.
        let heard = kept.heard.utterances.get(correction.utterance as usize);
        if heard.is_none_or(|heard| heard.text != correction.text) {
            kept.corrections.push(correction);
        }
    }
    let value = written::corrections(&kept.corrections);
    set(db, SET_CORRECTIONS, &audio.business, audio.recording, value).await?;
    index(db, &audio.business, audio.recording).await?;
    transcript(db, audio).await
}

pub(super) async fn summary(db: &mut SqliteConnection, audio: AudioKey) -> Answer<Option<Summary>> {
    let json = column(db, SUMMARY, &audio).await?;
    json.map(|json| written::read_summary(&json)).transpose()
}

pub(super) async fn facts(db: &mut SqliteConnection, audio: AudioKey) -> Answer<Option<Facts>> {
    let json = column(db, FACTS, &audio).await?;
    json.map(|json| written::read_facts(&json)).transpose()
}

async fn row_of(
    db: &mut SqliteConnection,
    statement: &'static str,
    business: &BusinessId,
    recording: RecordingSid,
) -> Answer<Option<SqliteRow>> {
    let found = query(statement).bind(business.as_str()).bind(recording.to_string());
    Ok(found.fetch_optional(db).await?)
}

async fn column(
    db: &mut SqliteConnection,
    statement: &'static str,
    audio: &AudioKey,
) -> Answer<Option<String>> {
    let found: Option<Option<String>> = query_scalar(statement)
        .bind(audio.business.as_str())
        .bind(audio.recording.to_string())
        .fetch_optional(db)
        .await?;
    Ok(found.flatten())
}

fn kept(row: &SqliteRow) -> Answer<KeptTranscript> {
    Ok(KeptTranscript {
        heard: Transcript {
            language: row.try_get("language")?,
            utterances: written::read_utterances(row.try_get("utterances")?)?,
        },
        channels: rows::fit(row.try_get("channels")?, "channels")?,
        corrections: written::read_corrections(row.try_get("corrections")?)?,
        made_at: Timestamp::from_millis(row.try_get("made_at_ms")?),
        revision: rows::fit(row.try_get("revision")?, "revision")?,
    })
}
