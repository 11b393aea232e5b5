-- Under which version bytes may have been sent that no copy was made of. Forgotten when a copy is stored.
ALTER TABLE fetch_histories ADD COLUMN promised_version BIGINT;

-- The first 16 bytes of the SHA-256 of each 64 KiB of the audio, in order, so that the same bytes are recognised before
-- the last of them has been fetched again.
ALTER TABLE copies ADD COLUMN segment_digests BLOB;

-- An older release stores other bytes without saying what their segments hash to.
CREATE TRIGGER copies_of_other_bytes AFTER UPDATE OF sha256 ON copies
WHEN new.sha256 <> old.sha256 AND new.segment_digests IS old.segment_digests
BEGIN
    UPDATE copies SET segment_digests = NULL
    WHERE recording_sid = new.recording_sid AND format = new.format;
END;
