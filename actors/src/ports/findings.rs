//! What the pipeline found out, for those who read it; and what they say about that.
//!
//! Invariant: whoever asks names the business, and learns of no other's.

use async_trait::async_trait;

use super::CatalogError;
use crate::domain::{
    Appointment, AppointmentChange, AppointmentStatus, AudioKey, BusinessId, Calendar, Correction,
    Facts, KeptTranscript, Profile, Summary, Timestamp, Waveform,
};

#[async_trait]
pub trait Findings: Send + Sync {
    async fn waveform(&self, audio: &AudioKey) -> Result<Option<Waveform>, CatalogError>;
    async fn transcript(&self, audio: &AudioKey) -> Result<Option<KeptTranscript>, CatalogError>;
    /// Keeps corrections beside the original, in place of earlier ones of the same utterances; an empty list changes
    /// nothing. `None`: there is no transcript. `Err(Conflict)` where `revision` is another than the present one.
    async fn correct(
        &self,
        audio: &AudioKey,
        corrections: &[Correction],
        revision: Option<u32>,
    ) -> Result<Option<KeptTranscript>, CatalogError>;
    async fn summary(&self, audio: &AudioKey) -> Result<Option<Summary>, CatalogError>;
    async fn facts(&self, audio: &AudioKey) -> Result<Option<Facts>, CatalogError>;

    // Appointments.

    /// In the order of their times; those after `after`, which is an id and a time that a page ended with.
    async fn appointments(
        &self,
        business: &BusinessId,
        filter: &AppointmentFilter,
    ) -> Result<Vec<Appointment>, CatalogError>;
    async fn appointment_of(&self, audio: &AudioKey) -> Result<Option<Appointment>, CatalogError>;
    /// `None`: the business has no such appointment. A calendar must be the business's own: else `Unknown`.
    async fn change_appointment(
        &self,
        business: &BusinessId,
        id: i64,
        change: &AppointmentChange,
        now: Timestamp,
    ) -> Result<Option<Appointment>, CatalogError>;
    async fn calendars(&self, business: &BusinessId) -> Result<Vec<Calendar>, CatalogError>;
    /// The first one of a business is its default, whatever is said.
    async fn add_calendar(
        &self,
        business: &BusinessId,
        name: &str,
        is_default: bool,
    ) -> Result<Calendar, CatalogError>;
    /// Its appointments stay, in no calendar. False: the business has no such calendar.
    async fn remove_calendar(&self, business: &BusinessId, id: i64) -> Result<bool, CatalogError>;

    // How a business wants its calls to be understood.

    async fn business_profile(&self, business: &BusinessId) -> Result<Profile, CatalogError>;
    async fn set_profile(
        &self,
        business: &BusinessId,
        profile: &Profile,
    ) -> Result<(), CatalogError>;
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppointmentFilter {
    pub limit: u32,
    pub status: Option<AppointmentStatus>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Time and id of the last one of the page before.
    pub after: Option<(Timestamp, i64)>,
}
