//! The clock: tokens, links, retention and jobs go by it.

use std::time::Duration;

use actors::domain::Timestamp;

use super::{Checked, Finding, Told};

/// Beyond this tokens of others are refused.
const FAULT_FROM: Duration = Duration::from_secs(60);
/// A `Date` counts whole seconds, and answers take some.
const WARNING_FROM: Duration = Duration::from_secs(10);

pub(super) fn check(told: &[Told]) -> Checked {
    if told.is_empty() {
        return Checked::skipped(
            "clock",
            "nobody was reached whose clock could be compared with ours",
        );
    }
    let off = |told: &Told| format!("{}: {}", told.by, spelled(told));
    let detail = told.iter().map(off).collect::<Vec<_>>().join(", ");
    Checked::made("clock", detail, judge(told))
}

/// One finding, by Twilio's clock if that is known, which is right.
fn judge(told: &[Told]) -> Vec<Finding> {
    let worst = told.iter().filter(|told| skew(told) >= WARNING_FROM);
    let Some(worst) = worst.min_by_key(|told| told.by != super::twilio::NAME) else {
        return Vec::new();
    };
    let what = format!("The clock of this machine and that of {} differ", worst.by);
    let evidence = format!("{} is {}", worst.by, spelled(worst));
    let finding = if skew(worst) >= FAULT_FROM {
        Finding::fault("clock_off", what)
    } else {
        Finding::warning("clock_off", what)
    };
    let remedy = "Synchronise the clock with timedatectl set-ntp true (or chrony); tokens and links end by it";
    vec![finding.seen(evidence).mend(remedy)]
}

fn skew(Told { theirs, ours, .. }: &Told) -> Duration {
    theirs.since(*ours).max(ours.since(*theirs))
}

fn spelled(told: &Told) -> String {
    let skew = skew(told);
    let which = if told.theirs < told.ours { "behind" } else { "ahead of" };
    match skew < WARNING_FROM {
        true => "as ours".to_owned(),
        false => format!("{} s {which} ours", skew.as_secs()),
    }
}

/// What a `Date` header says.
pub(super) fn date(headers: &reqwest::header::HeaderMap) -> Option<Timestamp> {
    let text = headers.get(reqwest::header::DATE)?.to_str().ok()?;
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn told(by: &'static str, seconds: i64) -> Told {
        let ours = Timestamp::from_millis(1_700_000_000_000);
        Told { by, theirs: Timestamp::from_millis(ours.as_millis() + seconds * 1_000), ours }
    }

    #[test]
    fn twilios_clock_counts_and_a_few_seconds_do_not() {
        assert!(judge(&[told("Twilio", 9), told("the public URL", -9)]).is_empty());
        let [found] = &judge(&[told("the public URL", -30), told("Twilio", 600)])[..] else {
            panic!("one finding")
        };
        assert_eq!((found.code, found.severity), ("clock_off", Severity::Fault));
        assert_eq!(found.evidence, "Twilio is 600 s ahead of ours");
        let [found] = &judge(&[told("the public URL", -30)])[..] else { panic!("one finding") };
        assert_eq!(found.severity, Severity::Warning);
        assert_eq!(found.evidence, "the public URL is 30 s behind ours");
    }
}
