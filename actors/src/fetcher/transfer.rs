//! One transfer: source → check → vault. Nothing of it can be read before all of it was found good.

use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::FetchOrder;
use crate::domain::{AudioCheck, CopyId, FetchError, Phase, Progress, StoredCopy};
use crate::ports::{RecordingSource, Vault, VaultError};

pub(super) async fn transfer(
    order: &FetchOrder,
    id: CopyId,
    source: &dyn RecordingSource,
    vault: &dyn Vault,
) -> Result<StoredCopy, FetchError> {
    let mut progress = Progress { phase: Phase::Connecting, ..Progress::QUEUED };
    order.progress.send_replace(progress);
    let mut body = source.open(&order.request).await?;
    let version = order.expected.version;
    let mut writer = vault.begin(&order.key, version, id).await.map_err(in_vault)?;

    progress = Progress { phase: Phase::Receiving, received: 0, total: body.total };
    let mut check = AudioCheck::default();
    let mut hash = Sha256::new();
    while let Some(chunk) = body.chunks.next().await {
        let chunk = chunk?;
        check.push(&chunk)?;
        hash.update(&chunk);
        progress.received += chunk.len() as u64;
        writer.write(chunk).await.map_err(in_vault)?;
        order.progress.send_replace(progress);
    }
    if body.total.is_some_and(|total| total != progress.received) {
        return Err(FetchError::Cut { received: progress.received });
    }
    let facts = check.finish(order.duration)?;
    let sha256: [u8; 32] = hash.finalize().into();
    if order.expected.sha256.is_some_and(|known| known != sha256) {
        return Err(FetchError::ContentChanged);
    }

    order.progress.send_replace(Progress { phase: Phase::Sealing, ..progress });
    writer.seal().await.map_err(in_vault)?;
    Ok(StoredCopy {
        id,
        version,
        sha256,
        length: progress.received,
        audio_type: facts.audio_type,
        duration: facts.duration,
    })
}

fn in_vault(error: VaultError) -> FetchError {
    FetchError::Vault(error.to_string())
}
