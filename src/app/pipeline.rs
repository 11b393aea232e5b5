//! Who hears and understands calls, as the settings say.

use std::sync::Arc;
use std::time::Duration;

use actors::Pipeline;
use actors::ports::{LanguageModel, Speech};
use anyhow::Context;
use secrecy::SecretString;

use super::Foundation;
use crate::audio::SymphoniaEar;
use crate::config::{Config, LanguageModelProvider, SpeechProvider, millis};
use crate::language_model::OpenAiLanguageModel;
use crate::openai::EndpointConfig;
use crate::speech::command::{CommandSpeech, CommandSpeechConfig};
use crate::speech::openai::{OpenAiSpeech, OpenAiSpeechConfig};

const OPENAI: &str = "https://api.openai.com";
/// A provider is near, or not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn pipeline(config: &Config, foundation: &Foundation) -> anyhow::Result<Pipeline> {
    Ok(Pipeline {
        jobs: foundation.catalog.clone(),
        findings: foundation.catalog.clone(),
        ear: Arc::new(SymphoniaEar),
        speech: speech(config)?,
        language_model: language_model(config)?,
    })
}

fn speech(config: &Config) -> anyhow::Result<Option<Arc<dyn Speech>>> {
    let speech = &config.speech;
    let longest_piece = Duration::from_secs(speech.piece_seconds);
    let timeout = millis(speech.timeout_ms);
    Ok(match speech.provider {
        SpeechProvider::Off => None,
        SpeechProvider::OpenAi => {
            let endpoint = endpoint(&speech.base_url, &speech.api_key, &speech.model, timeout)
                .context("speech.base_url")?;
            let config = OpenAiSpeechConfig { endpoint, longest_piece };
            Some(Arc::new(OpenAiSpeech::new(config).context("speech")?))
        }
        SpeechProvider::Command => {
            let command = speech.command.clone();
            let folder = config.data.dir.join("pieces");
            let config = CommandSpeechConfig { command, folder, timeout, longest_piece };
            Some(Arc::new(CommandSpeech::new(config)?))
        }
    })
}

fn language_model(config: &Config) -> anyhow::Result<Option<Arc<dyn LanguageModel>>> {
    let model = &config.language_model;
    Ok(match model.provider {
        LanguageModelProvider::Off => None,
        LanguageModelProvider::OpenAi => {
            let timeout = millis(model.timeout_ms);
            let endpoint = endpoint(&model.base_url, &model.api_key, &model.model, timeout)
                .context("language_model.base_url")?;
            Some(Arc::new(OpenAiLanguageModel::new(endpoint).context("language_model")?))
        }
    })
}

/// Also for whoever asks only whether it is there.
pub(crate) fn endpoint(
    base_url: &str,
    api_key: &SecretString,
    model: &str,
    timeout: Duration,
) -> anyhow::Result<EndpointConfig> {
    let base_url = if base_url.is_empty() { OPENAI } else { base_url };
    Ok(EndpointConfig {
        base_url: base_url.parse()?,
        api_key: api_key.clone(),
        model: model.to_owned(),
        connect_timeout: CONNECT_TIMEOUT,
        header_timeout: timeout,
        total_timeout: timeout,
    })
}
