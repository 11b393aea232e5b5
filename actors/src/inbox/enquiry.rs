//! Asking the source for what no webhook said of a call.
//!
//! Runs beside the passes through the inbox: where the source hangs, it takes minutes, and news must not wait
//! for them.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::Desk;
use crate::domain::{CallDetails, CallKey, FetchError};
use crate::ports::CatalogError;

/// Asked for in one enquiry.
const DETAILS_BATCH: usize = 20;
/// Looked through for them: where one account is closed, those of others are behind its own.
const LACKING_MAX: u32 = 1_000;
const DETAILS_ASKED_MAX: u32 = 5;
const UNKNOWN_MAX: usize = 10_000;

/// What one enquiry brought, and what it leaves to the next.
#[derive(Default)]
pub(crate) struct Enquiry {
    pub(super) details: u64,
    /// There are calls that it was not the time to ask for.
    pub(super) more: bool,
    /// Calls that the source does not know, and how often it was asked.
    pub(super) unknown: HashMap<CallKey, u32>,
    pub(super) error: Option<CatalogError>,
}

impl Desk {
    pub(super) async fn enquire(&self, unknown: HashMap<CallKey, u32>) -> Enquiry {
        let mut enquiry = Enquiry { unknown, ..Enquiry::default() };
        enquiry.error = self.ask_for_details(&mut enquiry).await.err();
        enquiry
    }

    /// What the source does not know or does not tell, asked again and again, counts as said: it must not stand in
    /// the way of others. An outage counts as nothing.
    async fn ask_for_details(&self, enquiry: &mut Enquiry) -> Result<(), CatalogError> {
        let mut left = DETAILS_BATCH;
        for (key, account) in self.catalog.calls_without_details(LACKING_MAX).await? {
            if left == 0 {
                break;
            }
            if self.pacer.admit(account).is_err() {
                enquiry.more = true;
                continue;
            }
            left -= 1;
            let asking = AssertUnwindSafe(self.source.call(account, key.call)).catch_unwind();
            // What breaks whoever asks is as good as unknown.
            let answer = asking.await.unwrap_or(Err(FetchError::NotFound));
            self.pacer.heard(account, answer.as_ref().map(drop), self.clock.now());
            match answer {
                Ok(details) => {
                    self.catalog.record_details(&key, &details).await?;
                    enquiry.unknown.remove(&key);
                    enquiry.details += 1;
                    if details.parent.is_some() {
                        self.recordings.refresh(key, None);
                    }
                }
                Err(FetchError::Throttled { .. }) => enquiry.more = true,
                Err(error) if error.kind().is_about_what_was_asked_for() => {
                    let asked = enquiry.unknown.get(&key).map_or(1, |asked| asked + 1);
                    if asked >= DETAILS_ASKED_MAX || enquiry.unknown.len() >= UNKNOWN_MAX {
                        self.catalog.record_details(&key, &CallDetails::default()).await?;
                        enquiry.unknown.remove(&key);
                    } else {
                        enquiry.unknown.insert(key, asked);
                    }
                }
                Err(error) => {
                    tracing::debug!(call.sid = %key.call, %error, "no details of the call yet");
                }
            }
        }
        Ok(())
    }
}
