-- The pipeline: durable jobs, and what they found out about a recording.

-- How a business wants its calls to be understood, as JSON. Without a row: the defaults.
CREATE TABLE IF NOT EXISTS business_profiles (
    business_id TEXT NOT NULL PRIMARY KEY REFERENCES businesses (id),
    profile TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    stage TEXT NOT NULL,
    business_id TEXT NOT NULL,
    recording_sid TEXT NOT NULL,
    -- The same work is not begun twice.
    dedup_key TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    -- The lowest first.
    priority BIGINT NOT NULL,
    run_at_ms BIGINT NOT NULL,
    -- Those that failed, and the one that is running.
    attempt BIGINT NOT NULL DEFAULT 0,
    -- How often its lease ran out: somebody who runs it dies of it, or of something else.
    interruptions BIGINT NOT NULL DEFAULT 0,
    -- Grows with each claim; whoever has an older one changes nothing any more.
    lease_epoch BIGINT NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_until_ms BIGINT,
    last_error TEXT,
    result TEXT,
    created_at_ms BIGINT NOT NULL,
    finished_at_ms BIGINT,
    FOREIGN KEY (business_id, recording_sid) REFERENCES recordings (business_id, sid)
);
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (stage, priority, run_at_ms, id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS jobs_running ON jobs (lease_until_ms) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS jobs_unfinished ON jobs (stage, state) WHERE state <> 'done';
CREATE INDEX IF NOT EXISTS jobs_of_recording ON jobs (business_id, recording_sid);

CREATE TABLE IF NOT EXISTS waveforms (
    recording_sid TEXT NOT NULL PRIMARY KEY,
    business_id TEXT NOT NULL,
    channels BIGINT NOT NULL,
    sample_rate BIGINT NOT NULL,
    samples_per_pixel BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    peaks BLOB NOT NULL,
    FOREIGN KEY (business_id, recording_sid) REFERENCES recordings (business_id, sid)
);

CREATE TABLE IF NOT EXISTS transcripts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    business_id TEXT NOT NULL,
    recording_sid TEXT NOT NULL UNIQUE,
    channels BIGINT NOT NULL,
    language TEXT,
    -- As it was heard; never changed.
    utterances TEXT NOT NULL,
    -- What people made of it, kept beside.
    corrections TEXT NOT NULL DEFAULT '[]',
    revision BIGINT NOT NULL DEFAULT 0,
    made_at_ms BIGINT NOT NULL,
    summary TEXT,
    facts TEXT,
    FOREIGN KEY (business_id, recording_sid) REFERENCES recordings (business_id, sid)
);

-- One row for each transcript, under its id. (PostgreSQL: a tsvector column with an index.)
CREATE VIRTUAL TABLE IF NOT EXISTS said USING fts5 (
    business, words, summary, tokenize = 'unicode61 remove_diacritics 2'
);
-- What was erased is not left in the index.
INSERT INTO said (said, rank) VALUES ('secure-delete', 1);

CREATE TABLE IF NOT EXISTS business_calendars (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    business_id TEXT NOT NULL REFERENCES businesses (id),
    name TEXT NOT NULL,
    is_default BOOLEAN NOT NULL,
    UNIQUE (business_id, name)
);
CREATE UNIQUE INDEX IF NOT EXISTS business_calendars_default
    ON business_calendars (business_id) WHERE is_default;

CREATE TABLE IF NOT EXISTS appointments (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    business_id TEXT NOT NULL,
    recording_sid TEXT NOT NULL UNIQUE,
    calendar_id BIGINT REFERENCES business_calendars (id) ON DELETE SET NULL,
    status TEXT NOT NULL,
    starts_at_ms BIGINT NOT NULL,
    subject TEXT,
    customer_name TEXT,
    confidence DOUBLE PRECISION NOT NULL,
    proposed_at_ms BIGINT NOT NULL,
    changed_at_ms BIGINT,
    FOREIGN KEY (business_id, recording_sid) REFERENCES recordings (business_id, sid)
);
CREATE INDEX IF NOT EXISTS appointments_of_calendar ON appointments (calendar_id);
CREATE INDEX IF NOT EXISTS appointments_in_order ON appointments (business_id, starts_at_ms, id);

-- What was recorded before there was a pipeline, also what only we have by now.
INSERT INTO jobs (stage, business_id, recording_sid, dedup_key, state, priority, run_at_ms, created_at_ms)
SELECT 'transcribe', business_id, sid, 'transcribe:' || sid, 'waiting', 2, 0, unixepoch() * 1000
FROM recordings
WHERE status = 'completed'
   OR (status NOT IN ('in-progress', 'expired', 'erased') AND EXISTS (
       SELECT 1 FROM copies
       WHERE copies.business_id = recordings.business_id
         AND copies.recording_sid = recordings.sid AND copies.present
   ))
ON CONFLICT (dedup_key) DO NOTHING;
INSERT INTO jobs (stage, business_id, recording_sid, dedup_key, state, priority, run_at_ms, created_at_ms)
SELECT 'measure', business_id, recording_sid, 'measure:' || recording_sid, 'waiting', 2, 0, unixepoch() * 1000
FROM copies WHERE present
ON CONFLICT (dedup_key) DO NOTHING;

-- A recording that is complete is to be transcribed, unless its business does without; what was recorded on an earlier
-- day can wait for what is recorded now. Here, because an older release that runs beside this one hears of recordings
-- too, and lets go of them, and knows nothing of a pipeline.
CREATE TRIGGER IF NOT EXISTS jobs_of_new_recordings AFTER INSERT ON recordings
WHEN new.status = 'completed'
BEGIN
    INSERT INTO jobs (stage, business_id, recording_sid, dedup_key, state, priority, run_at_ms, created_at_ms)
    SELECT 'transcribe', new.business_id, new.sid, 'transcribe:' || new.sid, 'waiting',
           CASE WHEN new.started_at_ms < new.completed_at_ms - 86400000 THEN 2 ELSE 1 END,
           COALESCE(new.completed_at_ms, 0), COALESCE(new.completed_at_ms, 0)
    WHERE NOT EXISTS (
        SELECT 1 FROM business_profiles, json_each(profile, '$.skips')
        WHERE business_id = new.business_id AND value = 'transcribe'
    )
    ON CONFLICT (dedup_key) DO NOTHING;
END;
CREATE TRIGGER IF NOT EXISTS jobs_of_completed_recordings AFTER UPDATE OF status ON recordings
WHEN new.status = 'completed' AND old.status <> 'completed'
BEGIN
    INSERT INTO jobs (stage, business_id, recording_sid, dedup_key, state, priority, run_at_ms, created_at_ms)
    SELECT 'transcribe', new.business_id, new.sid, 'transcribe:' || new.sid, 'waiting',
           CASE WHEN new.started_at_ms < new.completed_at_ms - 86400000 THEN 2 ELSE 1 END,
           COALESCE(new.completed_at_ms, 0), COALESCE(new.completed_at_ms, 0)
    WHERE NOT EXISTS (
        SELECT 1 FROM business_profiles, json_each(profile, '$.skips')
        WHERE business_id = new.business_id AND value = 'transcribe'
    )
    ON CONFLICT (dedup_key) DO NOTHING;
END;
CREATE TRIGGER IF NOT EXISTS findings_of_expunged_recordings AFTER UPDATE OF status ON recordings
WHEN new.status IN ('expired', 'erased')
BEGIN
    DELETE FROM said WHERE rowid IN (SELECT id FROM transcripts WHERE recording_sid = new.sid);
    DELETE FROM transcripts WHERE recording_sid = new.sid;
    DELETE FROM waveforms WHERE recording_sid = new.sid;
    DELETE FROM jobs WHERE recording_sid = new.sid;
    DELETE FROM appointments WHERE recording_sid = new.sid AND new.status = 'erased';
END;
