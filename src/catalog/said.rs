//! Finding calls by what was said in them.
//!
//! Words are looked for as they are written, without accents and vowel points, and each may be the beginning of a
//! longer one. Hebrew writes "and", "the", "in", "to" and suchlike in front of a word, so each word is also indexed
//! without those.

use actors::domain::BusinessId;
use sqlx::{SqliteConnection, query};

use super::failure::Answer;

/// Shorter words are looked for as they are: they begin too many.
const BEGINNING_MIN: usize = 3;
/// So many words of a question count.
const WORDS_MAX: usize = 16;
/// Without them at least so many letters are left of a word.
const HEBREW_STEM_MIN: usize = 3;
const HEBREW_PREFIXES_MAX: usize = 2;

const INDEX: &str = "INSERT INTO said (rowid, business, words, summary) VALUES ($1, $2, $3, $4)";

const FORGET: &str = "DELETE FROM said WHERE rowid = $1";

/// Indexes a transcript anew.
pub(super) async fn index(
    db: &mut SqliteConnection,
    transcript: i64,
    business: &BusinessId,
    (words, summary): (&str, &str),
) -> Answer<()> {
    forget(db, transcript).await?;
    query(INDEX)
        .bind(transcript)
        .bind(token(business))
        .bind(searchable(words))
        .bind(searchable(summary))
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn forget(db: &mut SqliteConnection, transcript: i64) -> Answer<()> {
    query(FORGET).bind(transcript).execute(db).await?;
    Ok(())
}

/// The question in FTS5's words: all of these, the longer ones perhaps the beginning of still longer ones. `None` if
/// nothing can be looked for.
pub(super) fn question(business: &BusinessId, asked: &str) -> Option<String> {
    let word = |word: String| {
        let may_go_on = word.chars().count() >= BEGINNING_MIN;
        format!("\"{word}\"{}", if may_go_on { "*" } else { "" })
    };
    let words: Vec<String> = words(asked).take(WORDS_MAX).map(word).collect();
    let ours = token(business);
    (!words.is_empty())
        .then(|| format!("business : \"{ours}\" AND {{words summary}} : ({})", words.join(" ")))
}

/// One word to the index, whatever the business is called.
fn token(business: &BusinessId) -> String {
    business.as_str().bytes().fold("b".to_owned(), |token, byte| token + &format!("{byte:02x}"))
}

fn searchable(text: &str) -> String {
    let mut found = Vec::new();
    for word in words(text) {
        found.extend(without_prefixes(&word));
        found.push(word);
    }
    found.join(" ")
}

/// Letters and digits that stand together. Hebrew's points belong to none; its quotation marks within a word
/// (abbreviations) fall away.
fn words(text: &str) -> impl Iterator<Item = String> {
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{591}'..='\u{5c7}' | '\u{5f3}' | '\u{5f4}' | '\'' | '\u{2019}'))
        .flat_map(char::to_lowercase)
        .collect();
    plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
}

/// A Hebrew word without one prefix, and without two.
fn without_prefixes(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let is_hebrew = letters.iter().all(|c| matches!(c, 'א'..='ת'));
    let is_prefix = |c: &char| matches!(c, 'ו' | 'ה' | 'ב' | 'ל' | 'מ' | 'ש' | 'כ');
    (1..=HEBREW_PREFIXES_MAX)
        .take_while(|n| is_hebrew && letters.len() >= n + HEBREW_STEM_MIN)
        .take_while(|n| letters[..*n].iter().all(is_prefix))
        .map(|n| letters[n..].iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_words_whatever_else_is_in_it() {
        let asked = |text: &str| {
            let question = question(&"a-b".parse().expect("an id"), text)?;
            let ours = "business : \"b612d62\" AND {words summary} : ";
            Some(question.strip_prefix(ours).expect("of the business").to_owned())
        };
        assert_eq!(asked("Door seal").as_deref(), Some("(\"door\"* \"seal\"*)"));
        assert_eq!(asked("NEAR(\"a b\" OR c*)").as_deref(), {
            Some("(\"near\"* \"a\" \"b\" \"or\" \"c\")")
        });
        assert_eq!(asked(" \"*() "), None);
        assert_eq!(asked("dishwasher's").as_deref(), Some("(\"dishwashers\"*)"));
    }

    #[test]
    fn hebrew_is_found_without_points_and_without_what_is_written_in_front() {
        assert_eq!(searchable("שָׁלוֹם"), "לום שלום");
        assert_eq!(searchable("לרופא"), "רופא לרופא");
        assert_eq!(searchable("מהמרפאה"), "המרפאה מרפאה מהמרפאה");
        assert_eq!(searchable("תור"), "תור");
        assert_eq!(searchable("blue"), "blue");
    }
}
