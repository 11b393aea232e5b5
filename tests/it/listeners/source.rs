//! What the source does to one recording for a while, by chance.

use hearback::simulator::{Behaviour, Document, Fault, Framing};

use crate::campaign::Chance;

const REQUESTS_MAX: u64 = 5;
const FIRST_BYTE_MS_MAX: u64 = 200;
/// The whole takes so long at the most.
const DELIVERED_WITHIN_MS: u64 = 1_000;

#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Says so when it has other audio. One that does not can make a recording of two halves, and nobody can tell.
    pub honest: bool,
    pub gets_well: bool,
}

/// One behaviour for each request, and the last one again and again: a healthy one, if it gets well at all.
pub fn script(chance: &mut Chance, length: usize, source: Source) -> Vec<Behaviour> {
    let requests = 1 + chance.below(REQUESTS_MAX);
    let mut script: Vec<Behaviour> =
        (0..requests).map(|_| behaviour(chance, length, source)).collect();
    if source.gets_well {
        let (framing, fault) = (Framing::ContentLength, Fault::Healthy);
        script.push(Behaviour { framing, fault, ..behaviour(chance, length, source) });
    }
    script
}

fn behaviour(chance: &mut Chance, length: usize, source: Source) -> Behaviour {
    let takes_ms = 1 + chance.below(DELIVERED_WITHIN_MS);
    let pace = (length as u64 * 1_000 / takes_ms).max(1_000);
    Behaviour {
        first_byte_ms: chance.below(FIRST_BYTE_MS_MAX),
        bytes_per_second: (chance.below(4) > 0).then_some(pace),
        framing: framing(chance),
        fault: fault(chance, length, source.honest),
        ..Behaviour::default()
    }
}

fn framing(chance: &mut Chance) -> Framing {
    match chance.below(10) {
        0 => Framing::Chunked,
        1 => Framing::UntilClose,
        _ => Framing::ContentLength,
    }
}

fn fault(chance: &mut Chance, length: usize, honest: bool) -> Fault {
    let somewhere = chance.below(length as u64) as usize;
    let few = 1 + chance.below(500) as usize;
    let documents = [Document::Html, Document::Json, Document::Xml];
    match chance.below(26) {
        0..=4 => Fault::Healthy,
        5..=7 => Fault::StallAfterBytes(somewhere),
        8..=11 => Fault::CutAfterBytes(somewhere),
        12 | 13 => Fault::ResetAfterBytes(somewhere),
        14 => Fault::TooShortByBytes(few),
        15 => Fault::TooLongByBytes(few),
        16 | 17 => Fault::IgnoreRange,
        18 => Fault::Changed,
        19 | 20 if honest => Fault::Changed,
        19 | 20 => Fault::ChangedSilently,
        21 => Fault::WrongContentRange,
        22 => Fault::UnaskedPartial,
        23 => Fault::Status { code: 503, retry_after: None },
        24 => Fault::CloseBeforeHeaders,
        _ => Fault::NotAudio { document: documents[somewhere % 3], disguised: true },
    }
}
