//! Under what something is kept: all that the seal of a copy names, so that no mistaken description finds it.

use std::hash::{Hash, Hasher};

use actors::domain::{AudioKey, CopyId, Playable, Version};
use quick_cache::Equivalent;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    copy: CopyId,
    index: u32,
    key: AudioKey,
    version: Version,
    length: u64,
}

/// The same, borrowed.
pub(super) struct PlaceOf<'a> {
    pub(super) playable: &'a Playable,
    pub(super) index: u32,
}

/// Where a copy's part is kept, whoever asks.
pub(super) struct AnyonesPlace {
    pub(super) copy: CopyId,
    pub(super) index: u32,
}

impl Place {
    pub(super) fn of(playable: &Playable, index: u32) -> Self {
        let Playable { key, copy } = playable;
        let (version, length) = (copy.version, copy.length);
        Self { copy: copy.id, index, key: key.clone(), version, length }
    }

    pub(super) const fn of_whole(
        key: AudioKey,
        version: Version,
        copy: CopyId,
        length: u64,
    ) -> Self {
        Self { copy, index: 0, key, version, length }
    }

    pub(super) const fn copy(&self) -> CopyId {
        self.copy
    }

    pub(super) const fn index(&self) -> u32 {
        self.index
    }
}

/// Copies have names that are never used again; the others only guard against mistakes.
impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.copy, self.index).hash(state);
    }
}

impl Hash for PlaceOf<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.playable.copy.id, self.index).hash(state);
    }
}

impl Hash for AnyonesPlace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.copy, self.index).hash(state);
    }
}

impl Equivalent<Place> for PlaceOf<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        let Playable { key, copy } = self.playable;
        (copy.id, self.index) == (place.copy, place.index)
            && (copy.version, copy.length) == (place.version, place.length)
            && *key == place.key
    }
}

impl Equivalent<Place> for AnyonesPlace {
    fn equivalent(&self, place: &Place) -> bool {
        (self.copy, self.index) == (place.copy, place.index)
    }
}
