//! The beginning of a long copy that is still being written, for those who listen far behind: read back from its file.
//!
//! Invariant: only what is sealed and written is asked for, and each byte is verified like any that comes from disk.

use std::fs::File;
use std::sync::{Arc, OnceLock};

use actors::domain::{AudioKey, ByteRange, Version};
use actors::ports::VaultError;
use bytes::Bytes;

use super::reader::Reader;
use super::sending::Sources;
use crate::vault::segments::HEADER_BYTES;

pub(super) struct Behind {
    pub(super) sources: Sources,
    pub(super) key: AudioKey,
    pub(super) version: Version,
    pub(super) file: Arc<File>,
    pub(super) header: [u8; HEADER_BYTES],
    pub(super) reader: OnceLock<Arc<Reader>>,
}

impl Behind {
    /// Bytes from the beginning of the range on, as many as one visit to the disk reads.
    pub(super) async fn read(&self, range: ByteRange) -> Result<Bytes, VaultError> {
        let reader = match self.reader.get() {
            Some(reader) => Arc::clone(reader),
            None => {
                let cipher = self.sources.keys.reading_key(&self.key).await?;
                let file = Arc::clone(&self.file);
                let reader =
                    Reader::of_unfinished(file, cipher, &self.key, self.version, &self.header)?;
                Arc::clone(self.reader.get_or_init(|| Arc::new(reader)))
            }
        };
        let (bytes_max, taken) = self.sources.room_for(range);
        let work = move |sealed: &mut Vec<u8>| reader.read(range, bytes_max, taken, sealed);
        let (bytes, _) = self.sources.reads.run(work).await?;
        Ok(bytes)
    }
}
