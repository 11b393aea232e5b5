-- Whether there ever was a copy: what is still wanted is then found without looking at all that is not.
ALTER TABLE recordings ADD COLUMN copied BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE recordings SET copied = TRUE
WHERE EXISTS (
    SELECT 1 FROM copies
    WHERE copies.business_id = recordings.business_id AND copies.recording_sid = recordings.sid
);
CREATE INDEX recordings_wanted
    ON recordings (COALESCE(started_at_ms, completed_at_ms) DESC, sid DESC)
    WHERE status = 'completed' AND NOT copied;
