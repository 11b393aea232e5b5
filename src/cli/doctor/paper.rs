//! How findings are written down: a line for each check as it is made, and what is to be done below; or as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::config::origins::Setting;
use crate::doctor::{Checked, Finding, Outcome, Severity};
use crate::twilio::webhook::CallbackUrls;

#[derive(Clone, Copy)]
pub(super) enum Style {
    Text { terminal: bool },
    Json,
}

pub(super) struct Paper {
    style: Style,
    checks: Vec<Checked>,
    pub(super) settings: Vec<Setting>,
    pub(super) callbacks: Option<CallbackUrls>,
}

const WIDTH: usize = 16;

impl Paper {
    pub(super) fn begin(style: Style) -> Self {
        Self { style, checks: Vec::new(), settings: Vec::new(), callbacks: None }
    }

    /// So that whoever waits knows for how long.
    pub(super) fn announce(&self, sentence: &str) {
        if let Style::Text { .. } = self.style {
            let _ = writeln!(io::stdout(), "{sentence}\n");
        }
    }

    /// Whoever reads may be gone: then nobody needs the rest.
    pub(super) fn note(&mut self, checked: &Checked) {
        if let Style::Text { terminal } = self.style {
            let (sign, colour) = match checked.outcome {
                Outcome::Ok => ("ok", GREEN),
                Outcome::Found => ("!!", RED),
                Outcome::Skipped => ("--", DIM),
            };
            let sign = painted(sign, colour, terminal);
            let Checked { name, detail, .. } = checked;
            let _ = writeln!(io::stdout(), "{sign} {name:<WIDTH$} {detail}");
        }
        self.checks.push(checked.clone());
    }

    /// Whether there is no fault.
    pub(super) fn finish(self, settings: bool) -> anyhow::Result<bool> {
        let healthy = self.findings().all(|(_, finding)| finding.severity != Severity::Fault);
        let mut text = match self.style {
            Style::Json => self.document(healthy).to_string(),
            Style::Text { terminal } => self.text(settings, terminal),
        };
        text.push('\n');
        io::stdout().write_all(text.as_bytes())?;
        Ok(healthy)
    }

    fn findings(&self) -> impl Iterator<Item = (&Checked, &Finding)> {
        self.checks.iter().flat_map(|checked| checked.findings.iter().map(move |it| (checked, it)))
    }

    fn document(&self, healthy: bool) -> Value {
        let finding = |(checked, finding): (&Checked, &Finding)| {
            let mut told = json!(finding);
            told["check"] = checked.name.into();
            told
        };
        let check = |Checked { name, outcome, detail, took_ms, .. }: &Checked| json!({ "name": name, "outcome": outcome, "detail": detail, "took_ms": took_ms });
        let setting = |Setting { key, shown, origin }: &Setting| json!({ "key": key, "value": shown, "source": origin.to_string() });
        let callbacks = self.callbacks.as_ref().map(|urls| {
            json!({ "recording_status": urls.recording_status, "call_status": urls.call_status })
        });
        json!({
            "version": 1,
            "healthy": healthy,
            "findings": self.findings().map(finding).collect::<Vec<_>>(),
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "settings": self.settings.iter().map(setting).collect::<Vec<_>>(),
            "callbacks": callbacks,
        })
    }

    fn text(&self, settings: bool, terminal: bool) -> String {
        let mut lines = Vec::new();
        if settings {
            lines.extend(self.settings.iter().map(|Setting { key, shown, origin }| {
                let shown = if shown.is_empty() { "\"\"" } else { shown };
                format!("{key:<36} {shown:<32} {}", painted(&origin.to_string(), DIM, terminal))
            }));
        }
        let mut findings: Vec<&Finding> = self.findings().map(|(_, finding)| finding).collect();
        findings.sort_by_key(|finding| finding.severity);
        for finding in &findings {
            lines.push(String::new());
            lines.extend(written(finding, terminal));
        }
        if let Some(CallbackUrls { recording_status, call_status }) =
            self.callbacks.as_ref().filter(|_| !settings)
        {
            lines.push(String::new());
            lines.push("Give Twilio these callback URLs:".to_owned());
            lines.push(format!("  recording status  {recording_status}"));
            lines.push(format!("  call status       {call_status}"));
        }
        if !self.checks.is_empty() {
            lines.push(String::new());
            lines.push(summary(&findings));
        }
        lines.join("\n")
    }
}

fn written(finding: &Finding, terminal: bool) -> Vec<String> {
    let Finding { code, severity, what, evidence, remedy } = finding;
    let (name, colour) = match severity {
        Severity::Fault => ("fault", RED),
        Severity::Warning => ("warning", YELLOW),
        Severity::Hint => ("hint", DIM),
    };
    let code = painted(&format!("({code})"), DIM, terminal);
    let mut lines =
        vec![format!("{} {what} {code}", painted(&format!("{name}:"), colour, terminal))];
    if !evidence.is_empty() {
        lines.push(format!("  seen    {evidence}"));
    }
    lines.push(format!("  remedy  {remedy}"));
    lines
}

fn summary(findings: &[&Finding]) -> String {
    let count =
        |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    match (count(Severity::Fault), count(Severity::Warning)) {
        (0, 0) => "Nothing is wrong.".to_owned(),
        (faults, warnings) => {
            let plural = |count: usize, word: &str| match count {
                1 => format!("1 {word}"),
                _ => format!("{count} {word}s"),
            };
            format!("{}, {}.", plural(faults, "fault"), plural(warnings, "warning"))
        }
    }
}

/// Why it could not run.
pub(super) fn complain(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "Error: {error:#}");
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const DIM: &str = "2";

fn painted(text: &str, colour: &str, terminal: bool) -> String {
    if terminal { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}
