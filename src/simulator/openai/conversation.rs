//! Which scripted call a text speaks of, found by the words that stand next to each other.

use std::collections::HashSet;

use crate::simulator::speech::{self, Script};

/// Words in a row that make a call recognisable.
const ROW: usize = 3;
/// Parts may be missing, or misheard.
const SHARE_MIN: f64 = 0.3;

/// The one of which most is found in the text.
pub(super) fn find(text: &str) -> Option<&'static Script> {
    let said: HashSet<String> = rows(text).into_iter().collect();
    let scored = speech::scripts().iter().map(|script| (share(script, &said), script));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(share, _)| *share >= SHARE_MIN).map(|(_, script)| script)
}

/// How much of a call is found: who speaks does not matter, and rows do not reach beyond a turn.
fn share(script: &Script, said: &HashSet<String>) -> f64 {
    let turns: HashSet<String> = script.texts().flat_map(rows).collect();
    let found = turns.iter().filter(|row| said.contains(*row)).count();
    found as f64 / turns.len().max(1) as f64
}

fn rows(text: &str) -> Vec<String> {
    words(text).windows(ROW).map(|row| row.join(" ")).collect()
}

/// In lower case, without punctuation. What JSON escapes is no part of a word.
fn words(text: &str) -> Vec<String> {
    let bare = text.replace("\\n", " ").replace("\\t", " ").replace("\\r", " ").replace('\'', "");
    let words = bare.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(script: &Script, turns: impl Fn(usize) -> bool) -> String {
        let kept = script.texts().enumerate().filter(|(at, _)| turns(*at));
        kept.map(|(at, text)| format!("[{at}:0{at}] caller: {text}\n")).collect()
    }

    #[test]
    fn every_call_is_found_by_its_text() {
        for script in speech::scripts() {
            let text = transcript(script, |_| true);
            for text in [serde_json::to_string(&text).expect("text"), text] {
                let found = find(&format!("Summarise this call:\n{text}\nAnswer in JSON."));
                assert_eq!(found.map(|it| &it.name), Some(&script.name));
            }
        }
    }

    #[test]
    fn half_of_the_turns_are_enough_and_other_calls_are_unknown() {
        for script in speech::scripts().iter().filter(|script| script.texts().count() > 3) {
            for odd in [0, 1] {
                let found = find(&transcript(script, |at| at % 2 == odd));
                assert_eq!(found.map(|it| &it.name), Some(&script.name));
            }
        }
        for text in
            ["", "Hello, this is Tom Becker.", "Which call is this? I am sorry to hear that."]
        {
            assert!(find(text).is_none(), "{text}");
        }
    }
}
