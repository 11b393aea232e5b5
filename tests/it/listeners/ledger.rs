//! What each entity tag was seen to name.
//!
//! The source has two contents, which differ in every frame. A frame is of the one or of the other, under one tag
//! always of the same; of an honest source, so are all frames.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hearback::simulator::SYNTHETIC_FRAME_BYTES;

/// Of a frame, where they differ.
const MARK_AT: usize = SYNTHETIC_FRAME_BYTES - 1;

pub struct Ledger {
    audio: Vec<u8>,
    /// Never says of a rest that it belongs to another content than it does.
    honest: bool,
    named: Mutex<BTreeMap<String, Marks>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Recorded,
    Changed,
}

/// What was seen of each frame.
type Marks = Vec<Option<Content>>;

impl Ledger {
    /// Of synthetic audio.
    pub fn of(audio: &[u8], honest: bool) -> Self {
        Self { audio: audio.to_vec(), honest, named: Mutex::default() }
    }

    pub const fn length(&self) -> usize {
        self.audio.len()
    }

    /// These bytes were sent under this tag, from this offset on.
    pub fn note(&self, tag: &str, first: usize, bytes: &[u8]) -> Result<(), String> {
        let frames = self.audio.len() / SYNTHETIC_FRAME_BYTES;
        let mut named = self.named.lock().expect("nothing panics while it is held");
        let marks = named.entry(tag.to_owned()).or_insert_with(|| vec![None; frames]);
        for (offset, byte) in (first..).zip(bytes) {
            let content =
                self.content_of(offset, *byte).ok_or(format!("byte {offset} is of nothing"))?;
            if offset % SYNTHETIC_FRAME_BYTES != MARK_AT {
                continue;
            }
            let mark = &mut marks[offset / SYNTHETIC_FRAME_BYTES];
            if mark.is_some_and(|known| known != content) {
                return Err(format!(
                    "{tag} named another content before: byte {offset} is {content:?}"
                ));
            }
            *mark = Some(content);
        }
        let has = |content| marks.contains(&Some(content));
        if self.honest && has(Content::Recorded) && has(Content::Changed) {
            return Err(format!("{tag} names something of both contents"));
        }
        Ok(())
    }

    fn content_of(&self, offset: usize, byte: u8) -> Option<Content> {
        let recorded = *self.audio.get(offset)?;
        if byte == recorded {
            return Some(Content::Recorded);
        }
        let marked = offset % SYNTHETIC_FRAME_BYTES == MARK_AT;
        (marked && byte == recorded ^ 1).then_some(Content::Changed)
    }

    /// One of the tags seen so far.
    pub fn known_tag(&self, draw: u64) -> Option<String> {
        let named = self.named.lock().expect("nothing panics while it is held");
        let count = named.len() as u64;
        (count > 0).then(|| named.keys().nth((draw % count) as usize).expect("within").clone())
    }
}
