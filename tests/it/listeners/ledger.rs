//! What each entity tag was seen to name.
//!
//! Invariant: a tag keeps only those contents that agree with every byte sent under it; one that keeps none has named
//! two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use hearback::simulator::SYNTHETIC_FRAME_BYTES;

pub struct Ledger {
    /// What the source may have: the recording, and the other one that it can change to.
    contents: [Vec<u8>; 2],
    named: Mutex<BTreeMap<String, BTreeSet<usize>>>,
}

impl Ledger {
    /// Of synthetic audio.
    pub fn of(audio: &[u8]) -> Self {
        let mut changed = audio.to_vec();
        for frame in changed.chunks_exact_mut(SYNTHETIC_FRAME_BYTES) {
            frame[SYNTHETIC_FRAME_BYTES - 1] ^= 1;
        }
        Self { contents: [audio.to_vec(), changed], named: Mutex::default() }
    }

    pub fn length(&self) -> usize {
        self.contents[0].len()
    }

    /// These bytes were sent under this tag, from this offset on.
    pub fn note(&self, tag: &str, first: usize, bytes: &[u8]) -> Result<(), String> {
        let agrees =
            |content: usize| self.contents[content].get(first..first + bytes.len()) == Some(bytes);
        let mut named = self.named.lock().expect("nothing panics while it is held");
        let contents = named.entry(tag.to_owned()).or_insert_with(|| BTreeSet::from([0, 1]));
        let before = contents.clone();
        contents.retain(|content| agrees(*content));
        if contents.is_empty() {
            let now: Vec<usize> = [0, 1].into_iter().filter(|content| agrees(*content)).collect();
            let bytes = bytes.len();
            return Err(format!(
                "{tag} named one of {before:?}, and {bytes} bytes from {first} are of {now:?}"
            ));
        }
        Ok(())
    }

    /// One of the tags seen so far.
    pub fn known_tag(&self, draw: u64) -> Option<String> {
        let named = self.named.lock().expect("nothing panics while it is held");
        let count = named.len() as u64;
        (count > 0).then(|| named.keys().nth((draw % count) as usize).expect("within").clone())
    }
}
