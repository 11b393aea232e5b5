//! What the pipeline found, in SQLite.

use actors::domain::{
    Appointment, AppointmentChange, AudioKey, BusinessId, Calendar, Correction, Facts,
    KeptTranscript, Profile, Summary, Timestamp, Waveform,
};
use actors::ports::{AppointmentFilter, CatalogError, Findings};
use async_trait::async_trait;
use futures_util::FutureExt;

use super::SqliteCatalog;
use crate::catalog::{appointments, findings, profiles};

#[async_trait]
impl Findings for SqliteCatalog {
    async fn waveform(&self, audio: &AudioKey) -> Result<Option<Waveform>, CatalogError> {
        let audio = audio.clone();
        self.database.read(move |db| findings::waveform(db, audio).boxed()).await
    }

    async fn transcript(&self, audio: &AudioKey) -> Result<Option<KeptTranscript>, CatalogError> {
        let audio = audio.clone();
        self.database.read(move |db| findings::transcript(db, audio).boxed()).await
    }

    async fn correct(
        &self,
        audio: &AudioKey,
        corrections: &[Correction],
        revision: Option<u32>,
    ) -> Result<Option<KeptTranscript>, CatalogError> {
        let (audio, corrections) = (audio.clone(), corrections.to_vec());
        self.database
            .write(move |db| findings::correct(db, audio, corrections, revision).boxed())
            .await
    }

    async fn summary(&self, audio: &AudioKey) -> Result<Option<Summary>, CatalogError> {
        let audio = audio.clone();
        self.database.read(move |db| findings::summary(db, audio).boxed()).await
    }

    async fn facts(&self, audio: &AudioKey) -> Result<Option<Facts>, CatalogError> {
        let audio = audio.clone();
        self.database.read(move |db| findings::facts(db, audio).boxed()).await
    }

    async fn appointments(
        &self,
        business: &BusinessId,
        filter: &AppointmentFilter,
    ) -> Result<Vec<Appointment>, CatalogError> {
        let (business, filter) = (business.clone(), filter.clone());
        self.database.read(move |db| appointments::list(db, business, filter).boxed()).await
    }

    async fn appointment_of(&self, audio: &AudioKey) -> Result<Option<Appointment>, CatalogError> {
        let audio = audio.clone();
        self.database.read(move |db| appointments::of_recording(db, audio).boxed()).await
    }

    async fn change_appointment(
        &self,
        business: &BusinessId,
        id: i64,
        change: &AppointmentChange,
        now: Timestamp,
    ) -> Result<Option<Appointment>, CatalogError> {
        let (business, change) = (business.clone(), *change);
        self.database
            .write(move |db| appointments::change(db, business, id, change, now).boxed())
            .await
    }

    async fn calendars(&self, business: &BusinessId) -> Result<Vec<Calendar>, CatalogError> {
        let business = business.clone();
        self.database.read(move |db| appointments::calendars(db, business).boxed()).await
    }

    async fn add_calendar(
        &self,
        business: &BusinessId,
        name: &str,
        is_default: bool,
    ) -> Result<Calendar, CatalogError> {
        let (business, name) = (business.clone(), name.to_owned());
        self.database
            .write(move |db| appointments::add_calendar(db, business, name, is_default).boxed())
            .await
    }

    async fn remove_calendar(&self, business: &BusinessId, id: i64) -> Result<bool, CatalogError> {
        let business = business.clone();
        self.database.write(move |db| appointments::remove_calendar(db, business, id).boxed()).await
    }

    async fn business_profile(&self, business: &BusinessId) -> Result<Profile, CatalogError> {
        let business = business.clone();
        self.database
            .read(move |db| async move { profiles::load(db, &business).await }.boxed())
            .await
    }

    async fn set_profile(
        &self,
        business: &BusinessId,
        profile: &Profile,
    ) -> Result<(), CatalogError> {
        let (business, profile) = (business.clone(), profile.clone());
        self.database.write(move |db| profiles::set(db, business, profile).boxed()).await
    }
}
