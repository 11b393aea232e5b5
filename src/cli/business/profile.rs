//! `hearback business profile`: how a business wants its calls to be understood.

use actors::domain::{BusinessId, Profile, Stage};
use actors::ports::Findings;
use clap::Args;

use crate::app::Foundation;

/// What is left out stays as it is.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long)]
    id: BusinessId,
    /// What its people speak (en, he, …); auto: the speech service finds out.
    #[arg(long, value_name = "LANGUAGE", value_parser = language)]
    language: Option<String>,
    /// Where its clocks are, by IANA's name: what "Thursday at ten" means.
    #[arg(long, value_name = "ZONE", value_parser = time_zone)]
    time_zone: Option<String>,
    /// Something that it offers; several take the place of those before.
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// What its people call a status (proposed, confirmed, dismissed), a speaker (agent, caller) or a service. An empty
    /// label takes it back.
    #[arg(long = "label", value_name = "WORD=LABEL", value_parser = label)]
    labels: Vec<(String, String)>,
    /// A stage that does not run for its calls from now on: measure, transcribe, summarise, extract.
    #[arg(long = "skip", value_name = "STAGE", value_parser = stage)]
    skips: Vec<Stage>,
    /// A stage that runs again.
    #[arg(long = "run", value_name = "STAGE", value_parser = stage)]
    runs: Vec<Stage>,
    /// On which channel of two its agents are heard. Twilio puts the leg that began, usually the caller, on the first.
    #[arg(long, value_name = "1|2", value_parser = clap::value_parser!(u8).range(1..=2))]
    agent_channel: Option<u8>,
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn run(foundation: &Foundation, options: Options) -> anyhow::Result<()> {
    let id = options.id.clone();
    let known = foundation.catalog.business_profile(&id).await?;
    let wanted = options.applied_to(known.clone());
    if wanted != known {
        foundation.catalog.set_profile(&id, &wanted).await?;
    }
    println!("business       {id}");
    println!("language       {}", wanted.language.as_deref().unwrap_or("auto"));
    println!("time zone      {}", wanted.time_zone);
    println!("services       {}", wanted.services.join(", "));
    let labels: Vec<String> =
        wanted.labels.iter().map(|(word, label)| format!("{word}={label}")).collect();
    println!("labels         {}", labels.join(", "));
    let runs = Stage::ALL.into_iter().filter(|stage| wanted.runs(*stage)).map(Stage::as_str);
    println!("stages         {}", runs.collect::<Vec<_>>().join(", "));
    println!("agent channel  {}", wanted.agent_channel + 1);
    Ok(())
}

impl Options {
    fn applied_to(self, mut profile: Profile) -> Profile {
        if let Some(language) = self.language {
            profile.language = (language != "auto").then_some(language);
        }
        profile.time_zone = self.time_zone.unwrap_or(profile.time_zone);
        if !self.services.is_empty() {
            profile.services = self.services;
        }
        for (word, label) in self.labels {
            if label.is_empty() {
                profile.labels.remove(&word);
            } else {
                profile.labels.insert(word, label);
            }
        }
        profile.skips.extend(self.skips);
        profile.skips.retain(|stage| !self.runs.contains(stage));
        profile.skips.sort_unstable();
        profile.skips.dedup();
        profile.agent_channel = self.agent_channel.map_or(profile.agent_channel, |n| n - 1);
        profile
    }
}

const LANGUAGE_LENGTH_MAX: usize = 35;

fn language(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.is_empty() || text.len() > LANGUAGE_LENGTH_MAX || !text.chars().all(allowed) {
        return Err("give a language as BCP 47 writes it (en, he, pt-BR), or auto".to_owned());
    }
    Ok(text.to_owned())
}

fn time_zone(name: &str) -> Result<String, String> {
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err("give a name of IANA's, such as Europe/Berlin".to_owned()),
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let (word, label) = text.split_once('=').ok_or("write it as word=label")?;
    Ok((word.trim().to_owned(), label.trim().to_owned()))
}

fn stage(name: &str) -> Result<Stage, String> {
    Stage::parse(name)
        .ok_or_else(|| "a stage is measure, transcribe, summarise or extract".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            id: "acme".parse().expect("an id"),
            language: None,
            time_zone: None,
            services: Vec::new(),
            labels: Vec::new(),
            skips: Vec::new(),
            runs: Vec::new(),
            agent_channel: None,
        }
    }

    #[test]
    fn what_is_left_out_stays() {
        let said = Options {
            language: Some("he".to_owned()),
            services: vec!["repair".to_owned()],
            labels: vec![("agent".to_owned(), "נציג".to_owned())],
            skips: vec![Stage::Extract, Stage::Extract],
            agent_channel: Some(1),
            ..options()
        };
        let profile = said.applied_to(Profile::default());
        assert_eq!(options().applied_to(profile.clone()), profile);
        assert_eq!((profile.skips.as_slice(), profile.agent_channel), (&[Stage::Extract][..], 0));
        let back = Options {
            language: Some("auto".to_owned()),
            labels: vec![("agent".to_owned(), String::new())],
            runs: vec![Stage::Extract],
            ..options()
        };
        let back = back.applied_to(profile);
        assert!(back.language.is_none() && back.labels.is_empty() && back.skips.is_empty());
        assert_eq!(back.services, ["repair"]);
    }

    #[test]
    fn mistakes_are_refused_with_what_to_write() {
        assert!(time_zone("Mars/Olympus").is_err() && time_zone("Asia/Jerusalem").is_ok());
        assert!(language("עברית").is_err() && language("pt-BR").is_ok());
        assert!(stage("sing").is_err() && label("agent").is_err());
    }
}
