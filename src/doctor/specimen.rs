//! The recording that is played on trial: the newest of which there is a copy, as the vault has it.

use actors::domain::{AudioKey, BusinessId, ByteRange, CallSid, Format, Playable, StoredCopy};
use actors::ports::{CallFilter, Catalog, CatalogError, Vault, VaultError};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;

use super::{Checked, Finding, vault};
use crate::app::looking::{Keys, Looking};
use crate::config::Config;

/// A longer one is played in part only.
pub(super) const BYTES_MAX: u64 = 1024 * 1024;
const BUSINESSES_MAX: usize = 16;
const CALLS_MAX: u32 = 32;

#[derive(Debug, Clone)]
pub(super) struct Specimen {
    pub(super) business: BusinessId,
    pub(super) call: CallSid,
    pub(super) audio: AudioKey,
    pub(super) copy: StoredCopy,
    /// From its beginning, at most `BYTES_MAX`.
    pub(super) bytes: Bytes,
}

pub(super) async fn check(
    config: &Config,
    looking: &Looking,
    keys: &Keys,
) -> (Option<Specimen>, Checked) {
    if !vault::is_the_one(config, looking).await {
        return (None, Checked::skipped("copy", "the vault is needed for that"));
    }
    match newest(looking).await {
        Ok(Some((business, call, playable))) => match read(config, keys, &playable).await {
            Ok(bytes) => {
                let detail =
                    format!("{} is read and opened, {} bytes", playable.key.recording, bytes.len());
                let Playable { key: audio, copy } = playable;
                let specimen = Specimen { business, call, audio, copy, bytes };
                (Some(specimen), Checked::made("copy", detail, Vec::new()))
            }
            Err(error) => {
                let finding = bad(&playable, &error);
                (None, Checked::made("copy", "it cannot be read", vec![finding]))
            }
        },
        Ok(None) => {
            let finding = Finding::hint(
                "nothing_to_play",
                "There is no recording yet that could be played on trial",
            )
            .seen("no copy in the vault")
            .mend("Run hearback doctor again after the first recorded call");
            (None, Checked::made("copy", "there is none yet", vec![finding]))
        }
        Err(error) => (None, Checked::skipped("copy", error.to_string())),
    }
}

type Found = (BusinessId, CallSid, Playable);

/// A short one rather than a long one that is newer.
async fn newest(looking: &Looking) -> Result<Option<Found>, CatalogError> {
    let filter =
        CallFilter { limit: CALLS_MAX, has_recording: Some(true), ..CallFilter::default() };
    let mut long = None;
    for business in looking.catalog.businesses().await?.into_iter().take(BUSINESSES_MAX) {
        for record in looking.catalog.list_calls(&business.id, &filter).await?.calls {
            for recording in record.recordings {
                let sid = recording.recording.sid;
                let Some(held) = recording.copy.filter(|held| held.present) else { continue };
                let key =
                    AudioKey { business: business.id.clone(), recording: sid, format: Format::Mp3 };
                let is_short = held.copy.length <= BYTES_MAX;
                let found =
                    (business.id.clone(), record.call.sid, Playable { key, copy: held.copy });
                if is_short {
                    return Ok(Some(found));
                }
                long.get_or_insert(found);
            }
        }
    }
    Ok(long)
}

async fn read(config: &Config, keys: &Keys, playable: &Playable) -> Result<Bytes, VaultError> {
    let last = playable.copy.length.min(BYTES_MAX).saturating_sub(1);
    let mut pieces = keys.vault(config).read(playable, ByteRange { first: 0, last }).await?;
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

fn bad(playable: &Playable, error: &VaultError) -> Finding {
    let recording = playable.key.recording;
    if error.is_damage() {
        return Finding::fault("copy_damaged", "The newest recording's copy is missing or damaged")
            .seen(format!("{recording}: {error}"))
            .mend("Run hearback vault check --repair, which looks at all of them and has bad ones fetched again");
    }
    Finding::fault("copy_unreadable", "The newest recording's copy cannot be read")
        .seen(format!("{recording}: {error}"))
        .mend("Make vault.dir readable for this user, and see what hearback vault check says")
}
