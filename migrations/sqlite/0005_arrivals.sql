-- Under which version bytes may have been sent that no copy was made of. Forgotten when a copy is stored.
ALTER TABLE fetch_histories ADD COLUMN promised_version BIGINT;

-- The first 16 bytes of the SHA-256 of each 64 KiB of the audio, in order, so that the same bytes are recognised before
-- the last of them has been fetched again.
ALTER TABLE copies ADD COLUMN segment_digests BLOB;
