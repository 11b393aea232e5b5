-- How long recordings are kept, which must not be let go, and what operators ordered by command.

-- NULL: the default of the settings. 0: for ever.
ALTER TABLE businesses ADD COLUMN retention_days BIGINT;

-- Legal hold, on the parent leg.
ALTER TABLE calls ADD COLUMN held BOOLEAN NOT NULL DEFAULT FALSE;
-- Only the name is left, so that nothing makes the call known again. Of its recordings the status says so.
ALTER TABLE calls ADD COLUMN erased_at_ms BIGINT;

CREATE INDEX recordings_kept
    ON recordings (business_id, COALESCE(started_at_ms + duration_ms, completed_at_ms))
    WHERE status NOT IN ('in-progress', 'expired', 'erased');

CREATE INDEX inbox_of_call ON inbox (call_sid);

CREATE TABLE orders (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    business_id TEXT NOT NULL REFERENCES businesses (id),
    call_sid TEXT,
    recording_sid TEXT,
    copy_id TEXT,
    ordered_at_ms BIGINT NOT NULL,
    -- NULL while pending; empty when done; else why it was refused.
    outcome TEXT
);
CREATE INDEX orders_pending ON orders (id) WHERE outcome IS NULL;
CREATE INDEX orders_settled ON orders (ordered_at_ms) WHERE outcome IS NOT NULL;
