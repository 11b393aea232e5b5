-- Which attempts were made to fetch a recording, so that a restart does not give it three more.
-- Forgotten when a copy is stored.
CREATE TABLE fetch_histories (
    recording_sid TEXT NOT NULL,
    format TEXT NOT NULL,
    business_id TEXT NOT NULL,
    -- JSON: when each attempt that may still count was made, the oldest first.
    attempts_at_ms TEXT NOT NULL,
    -- How the last one failed, if it did.
    failure_kind TEXT,
    failure_words TEXT,
    PRIMARY KEY (recording_sid, format),
    FOREIGN KEY (business_id, recording_sid) REFERENCES recordings (business_id, sid)
);
CREATE INDEX fetch_histories_of_business ON fetch_histories (business_id, recording_sid);
