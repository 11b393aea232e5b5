//! How businesses want their calls to be understood.

use std::collections::BTreeMap;

use actors::domain::{BusinessId, Profile, Stage};
use serde::{Deserialize, Serialize};
use sqlx::{SqliteConnection, query, query_scalar};

use super::failure::{Answer, Constrained, Failure};

const LOAD: &str = "SELECT profile FROM business_profiles WHERE business_id = $1";

const SET: &str = "
    INSERT INTO business_profiles (business_id, profile) VALUES ($1, $2)
    ON CONFLICT (business_id) DO UPDATE SET profile = excluded.profile";

/// As it is written in its column.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct Row {
    language: Option<String>,
    time_zone: String,
    services: Vec<String>,
    labels: BTreeMap<String, String>,
    skips: Vec<String>,
    agent_channel: u8,
}

impl Default for Row {
    fn default() -> Self {
        Self::of(&Profile::default())
    }
}

impl Row {
    fn of(profile: &Profile) -> Self {
        Self {
            language: profile.language.clone(),
            time_zone: profile.time_zone.clone(),
            services: profile.services.clone(),
            labels: profile.labels.clone(),
            skips: profile.skips.iter().map(|stage| stage.as_str().to_owned()).collect(),
            agent_channel: profile.agent_channel,
        }
    }

    fn into_profile(self) -> Profile {
        let Self { language, time_zone, services, labels, skips, agent_channel } = self;
        let skips = skips.iter().filter_map(|stage| Stage::parse(stage)).collect();
        Profile { language, time_zone, services, labels, skips, agent_channel }
    }
}

pub(super) async fn load(db: &mut SqliteConnection, business: &BusinessId) -> Answer<Profile> {
    let written: Option<String> =
        query_scalar(LOAD).bind(business.as_str()).fetch_optional(db).await?;
    let Some(written) = written else { return Ok(Profile::default()) };
    let row: Row = serde_json::from_str(&written).map_err(|_| Failure::corrupt("profile"))?;
    Ok(row.into_profile())
}

pub(super) async fn set(
    db: &mut SqliteConnection,
    business: BusinessId,
    profile: Profile,
) -> Answer<()> {
    let written = serde_json::json!(Row::of(&profile)).to_string();
    query(SET)
        .bind(business.as_str())
        .bind(written)
        .execute(db)
        .await
        .or_unknown(|| format!("business {business}"))?;
    Ok(())
}
