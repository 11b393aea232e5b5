//! What the machine orders, and how it is done: tasks that report back by message.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::machine::{AskId, Decision, Effect, Event, Expected};
use super::report::Report;
use super::{Fetching, Message, RecordingActor, Shell, Track};
use crate::aside::too_late;
use crate::domain::{
    AudioKey, CopyId, FetchError, FetchHistory, FetchId, Format, Intent, Permit, Progress,
    RecordingSid, SourceStatus, StoredCopy, Timestamp,
};
use crate::fetcher::{FetchOrder, FetchReport};
use crate::ports::{SourceRequest, Vault};

/// Playing is written to the catalog at most this often.
const PLAYED_RESOLUTION: Duration = Duration::from_mins(1);
/// A commit that takes longer counts as failed; if it happens after all, the row names a file that is gone, which
/// the next reader finds out and has fetched again.
const COMMIT_MAX: Duration = Duration::from_secs(30);
/// Nothing is fetched before its attempt is written down; what takes longer counts as not written.
const REMEMBER_MAX: Duration = Duration::from_secs(10);
/// A catalog that is away is asked for so long to withdraw a copy; then the file stays, and so does its row.
const WITHDRAWALS_MAX: u32 = 60;
const WITHDRAWAL_PAUSE: Duration = Duration::from_secs(1);

impl RecordingActor {
    /// The one place that obeys the machine. Awaits nothing.
    pub(super) fn perform(
        &self,
        sid: RecordingSid,
        effect: Effect,
        now: Timestamp,
        myself: &ActorRef<Message>,
        shell: &mut Shell,
    ) {
        match effect {
            Effect::StartFetch { fetch, intent, expected, history } => {
                if let Some(track) = shell.lives.get_mut(&sid) {
                    let order = self.order(track, fetch, intent, expected, myself);
                    self.start_fetch(track, order, history);
                }
            }
            Effect::Remember(history) => {
                if let Some(track) = shell.lives.get_mut(&sid) {
                    self.remember(track, history);
                }
            }
            Effect::Prioritise { fetch, intent } => {
                if let Some(track) = shell.lives.get_mut(&sid) {
                    let (fetcher, audio) = (self.services.fetcher.clone(), self.audio(sid));
                    track.in_order(async move { fetcher.prioritise(audio, fetch, intent) });
                }
            }
            Effect::Commit { fetch, copy } => self.commit(sid, fetch, copy, now, myself),
            Effect::Discard(copy) => self.discard(sid, copy),
            Effect::Expire => self.expire(sid, now, myself),
            Effect::RecordStatus(status) => self.record_status(sid, status),
            Effect::SetTimer { next, at } => {
                let due = move || Message::Happened(sid, Event::Due(next));
                myself.send_after(at.since(now), due);
            }
            Effect::Answer(ask, decision) => self.answer(sid, ask, decision, now, shell),
        }
    }

    fn answer(
        &self,
        sid: RecordingSid,
        ask: AskId,
        decision: Decision,
        now: Timestamp,
        shell: &mut Shell,
    ) {
        let Some(track) = shell.lives.get_mut(&sid) else { return };
        let permit = match decision {
            Permit::Play(playable) => {
                let until = self.note_played(track, now);
                shell.place.lend(sid, until);
                Permit::Play(playable)
            }
            Permit::Follow((), meanwhile) => {
                Permit::Follow(track.arrival().expect("it was admitted"), meanwhile)
            }
            Permit::Wait(preparing) => Permit::Wait(preparing),
            Permit::Deny(denial) => Permit::Deny(denial),
        };
        if let Some(reply) = shell.callers.remove(&ask) {
            // Browsers hang up all the time; nobody is left to be told.
            let _ = reply.send(permit);
        }
    }

    fn order(
        &self,
        track: &mut Track,
        fetch: FetchId,
        intent: Intent,
        expected: Expected,
        myself: &ActorRef<Message>,
    ) -> FetchOrder {
        let cancelled = CancellationToken::new();
        let (progress, followed) = watch::channel(Progress::QUEUED);
        let cancel = cancelled.clone().drop_guard();
        track.fetching =
            Some(Fetching { fetch, progress: followed, arrival: None, _cancel: cancel });
        let unfinished = track.unfinished.clone();
        let recording = track.recording();
        let (sid, actor, myself) = (recording.sid, myself.clone(), myself.clone());
        let admission = Box::new(move |arrival| {
            let _ = actor.cast(Message::Admitted { sid, fetch, arrival });
        });
        let report = FetchReport::new(move |outcome| {
            let event = match outcome {
                Ok(copy) => Event::Fetched(fetch, copy),
                Err(error) => Event::FetchFailed(fetch, error),
            };
            let _ = myself.cast(Message::Happened(sid, event));
        });
        let request = SourceRequest {
            account: recording.account,
            recording: sid,
            format: Format::Mp3,
            channels: recording.channels,
        };
        let duration = recording.duration;
        let key = self.audio(sid);
        FetchOrder {
            fetch,
            key,
            request,
            intent,
            ordered_at: Instant::now(),
            expected,
            duration,
            unfinished,
            progress,
            admission,
            audience: self.services.audience.clone(),
            cancelled,
            report,
        }
    }

    /// Persist, then act: an attempt that no row knows could be made again and again by a process that dies of it, and
    /// a version that none knows could be given to other bytes.
    fn start_fetch(&self, track: &mut Track, order: FetchOrder, history: FetchHistory) {
        let (catalog, fetcher) =
            (Arc::clone(&self.services.catalog), self.services.fetcher.clone());
        track.in_order(async move {
            let remembering = catalog.remember_fetches(&order.key, &history);
            match timeout(REMEMBER_MAX, remembering).await.unwrap_or_else(too_late) {
                Ok(()) => fetcher.fetch(order),
                Err(error) => order.report.deliver(Err(FetchError::Unrecorded(error.to_string()))),
            }
        });
    }

    fn remember(&self, track: &mut Track, history: FetchHistory) {
        let sid = track.recording().sid;
        let (catalog, audio) = (Arc::clone(&self.services.catalog), self.audio(sid));
        track.in_order(async move {
            let remembering = catalog.remember_fetches(&audio, &history);
            if let Err(error) = timeout(REMEMBER_MAX, remembering).await.unwrap_or_else(too_late) {
                tracing::warn!(recording.sid = %sid, %error, "attempts not recorded; a restart forgets them");
            }
        });
    }

    fn commit(
        &self,
        sid: RecordingSid,
        fetch: FetchId,
        copy: StoredCopy,
        now: Timestamp,
        myself: &ActorRef<Message>,
    ) {
        let (catalog, audio) = (Arc::clone(&self.services.catalog), self.audio(sid));
        let keeper = self.services.vault_keeper.clone();
        let report = Report::new(myself.clone(), sid, fetch);
        self.services.vault_work.spawn(async move {
            let commit = catalog.commit_copy(&audio, &copy, now);
            report.deliver(timeout(COMMIT_MAX, commit).await.unwrap_or_else(too_late));
            keeper.copy_stored();
        });
    }

    /// The row stops naming the file before the file goes.
    fn discard(&self, sid: RecordingSid, copy: StoredCopy) {
        let (catalog, vault) =
            (Arc::clone(&self.services.catalog), Arc::clone(&self.services.vault));
        let audio = self.audio(sid);
        self.services.vault_work.spawn(async move {
            for _ in 0..WITHDRAWALS_MAX {
                match catalog.withdraw_copy(&audio, copy.id).await {
                    Ok(()) => return remove(&*vault, &audio, copy.id).await,
                    Err(error) => {
                        tracing::warn!(recording.sid = %sid, %error, "copy not withdrawn yet");
                        tokio::time::sleep(WITHDRAWAL_PAUSE).await;
                    }
                }
            }
        });
    }

    /// The rows decide: they may know of a legal hold that this actor has not heard of. Either way it looks again.
    pub(super) fn expire(&self, sid: RecordingSid, now: Timestamp, myself: &ActorRef<Message>) {
        let (catalog, vault) =
            (Arc::clone(&self.services.catalog), Arc::clone(&self.services.vault));
        let (audio, myself) = (self.audio(sid), myself.clone());
        let keeper = self.services.retention_keeper.clone();
        self.services.vault_work.spawn(async move {
            match catalog.expire(&audio, now).await {
                Ok(expunged) => {
                    if let Some(files) = expunged {
                        keeper.expired();
                        for (audio, id) in files {
                            remove(&*vault, &audio, id).await;
                        }
                    }
                    let _ = myself.cast(Message::Refresh(None));
                }
                Err(error) => {
                    tracing::warn!(recording.sid = %sid, %error, "not expunged yet; tried again within a minute");
                }
            }
        });
    }

    fn record_status(&self, sid: RecordingSid, status: SourceStatus) {
        let (catalog, audio) = (Arc::clone(&self.services.catalog), self.audio(sid));
        tokio::spawn(async move {
            if let Err(error) = catalog.record_status(&audio, status).await {
                tracing::warn!(recording.sid = %sid, %error, "status not recorded; asked again");
            }
        });
    }

    /// Returns until when it need not hear of whoever plays it: longer, and their playing would not be noted, or the
    /// actor fall asleep.
    fn note_played(&self, track: &mut Track, now: Timestamp) -> Timestamp {
        let noted = track.played_at.filter(|at| now.since(*at) < PLAYED_RESOLUTION);
        track.played_at = noted.or(Some(now));
        let unheard = now.plus(PLAYED_RESOLUTION.min(self.services.idle_after / 2));
        if let Some(noted) = noted {
            return noted.plus(PLAYED_RESOLUTION).min(unheard);
        }
        let sid = track.recording().sid;
        let (catalog, audio) = (Arc::clone(&self.services.catalog), self.audio(sid));
        tokio::spawn(async move {
            if let Err(error) = catalog.record_played(&audio, now).await {
                tracing::debug!(recording.sid = %sid, %error, "playing not recorded");
            }
        });
        unheard
    }

    fn audio(&self, sid: RecordingSid) -> AudioKey {
        AudioKey { business: self.key.business.clone(), recording: sid, format: Format::Mp3 }
    }
}

/// A file that no row names.
async fn remove(vault: &dyn Vault, audio: &AudioKey, id: CopyId) {
    if let Err(error) = vault.discard(audio, id).await {
        tracing::warn!(recording.sid = %audio.recording, %error, "file not removed; swept later");
    }
}
