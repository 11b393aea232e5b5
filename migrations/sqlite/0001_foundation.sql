-- Businesses, calls, recordings, copies of them, and the inbox of webhooks.
--
-- Moments are milliseconds since the Unix epoch (`_at_ms`); ids are TEXT as Twilio and we write them.
-- A row that belongs to a business names it in its foreign keys too: a recording cannot hang under
-- another business's call, nor a copy under another business's recording.

CREATE TABLE settings (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    key_check BLOB
);

CREATE TABLE twilio_accounts (
    sid TEXT NOT NULL PRIMARY KEY,
    added_at_ms BIGINT NOT NULL
);

CREATE TABLE auth_tokens (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    account_sid TEXT NOT NULL REFERENCES twilio_accounts (sid),
    sealed_token BLOB NOT NULL,
    added_at_ms BIGINT NOT NULL
);
CREATE INDEX auth_tokens_newest ON auth_tokens (account_sid, added_at_ms DESC, id DESC);

CREATE TABLE businesses (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    account_sid TEXT NOT NULL REFERENCES twilio_accounts (sid),
    wrapped_key BLOB,
    added_at_ms BIGINT NOT NULL
);
CREATE INDEX businesses_of_account ON businesses (account_sid);

-- A number tells the business of a call, so within an account it can name one only.
CREATE TABLE business_numbers (
    account_sid TEXT NOT NULL REFERENCES twilio_accounts (sid),
    number TEXT NOT NULL,
    business_id TEXT NOT NULL REFERENCES businesses (id),
    PRIMARY KEY (account_sid, number)
);

-- All legs. A parent has no parent: legs hang directly under the call they belong to.
CREATE TABLE calls (
    sid TEXT NOT NULL PRIMARY KEY,
    business_id TEXT NOT NULL REFERENCES businesses (id),
    account_sid TEXT NOT NULL,
    parent_sid TEXT,
    direction TEXT,
    from_number TEXT,
    to_number TEXT,
    status TEXT,
    status_rank BIGINT,
    started_at_ms BIGINT,
    duration_ms BIGINT,
    heard_at_ms BIGINT NOT NULL,
    -- The REST API was asked: asking again would bring nothing new.
    looked_up BOOLEAN NOT NULL DEFAULT FALSE,
    UNIQUE (business_id, sid),
    FOREIGN KEY (business_id, parent_sid) REFERENCES calls (business_id, sid)
);
CREATE INDEX calls_newest
    ON calls (business_id, COALESCE(started_at_ms, heard_at_ms) DESC, sid DESC)
    WHERE parent_sid IS NULL;
CREATE INDEX calls_legs ON calls (business_id, parent_sid) WHERE parent_sid IS NOT NULL;
CREATE INDEX calls_without_details
    ON calls (heard_at_ms DESC, sid DESC)
    WHERE (direction IS NULL OR started_at_ms IS NULL) AND parent_sid IS NULL AND NOT looked_up;

CREATE TABLE recordings (
    sid TEXT NOT NULL PRIMARY KEY,
    business_id TEXT NOT NULL,
    call_sid TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    status TEXT NOT NULL,
    status_rank BIGINT NOT NULL,
    channels BIGINT,
    duration_ms BIGINT,
    started_at_ms BIGINT,
    -- When we first heard that it is complete.
    completed_at_ms BIGINT,
    wrapped_key BLOB,
    UNIQUE (business_id, sid),
    FOREIGN KEY (business_id, call_sid) REFERENCES calls (business_id, sid)
);
CREATE INDEX recordings_of_call ON recordings (business_id, call_sid);
CREATE INDEX recordings_completed
    ON recordings (COALESCE(started_at_ms, completed_at_ms) DESC, sid DESC)
    WHERE status = 'completed';

-- The last copy there was. It outlives the file, so that an evicted recording keeps its validators.
CREATE TABLE copies (
    recording_sid TEXT NOT NULL,
    format TEXT NOT NULL,
    business_id TEXT NOT NULL,
    copy_id TEXT NOT NULL,
    present BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    sha256 BLOB NOT NULL,
    length_bytes BIGINT NOT NULL,
    audio_type TEXT NOT NULL,
    duration_ms BIGINT NOT NULL,
    stored_at_ms BIGINT NOT NULL,
    last_played_at_ms BIGINT,
    PRIMARY KEY (recording_sid, format),
    FOREIGN KEY (business_id, recording_sid) REFERENCES recordings (business_id, sid)
);
CREATE INDEX copies_of_business ON copies (business_id, recording_sid);
CREATE INDEX copies_coldest ON copies (COALESCE(last_played_at_ms, stored_at_ms)) WHERE present;
CREATE INDEX copies_length ON copies (length_bytes) WHERE present;

-- Verified webhooks, stored before they are answered.
CREATE TABLE inbox (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    dedup_key TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    call_sid TEXT NOT NULL,
    parent_sid TEXT,
    raw_form TEXT NOT NULL,
    received_at_ms BIGINT NOT NULL,
    applied_at_ms BIGINT,
    -- NULL while pending; else applied, unassigned (fits no business), unreadable (set aside).
    outcome TEXT,
    -- Within an account: nobody can make another's event look like a duplicate.
    UNIQUE (account_sid, dedup_key)
);
CREATE INDEX inbox_pending ON inbox (id) WHERE outcome IS NULL;
CREATE INDEX inbox_unassigned ON inbox (account_sid, call_sid) WHERE outcome = 'unassigned';
CREATE INDEX inbox_unassigned_legs ON inbox (account_sid, parent_sid) WHERE outcome = 'unassigned';
