-- Events that an operator gives to a business, and how far each account was reconciled with the source.

ALTER TABLE inbox ADD COLUMN assigned_business_id TEXT REFERENCES businesses (id);

-- Whoever asks for a call that is not known must learn at once whether it is about to be.
CREATE INDEX inbox_pending_calls ON inbox (account_sid, call_sid) WHERE outcome IS NULL;
CREATE INDEX inbox_pending_legs ON inbox (account_sid, parent_sid) WHERE outcome IS NULL;
-- What was dealt with is forgotten after a while.
CREATE INDEX inbox_settled ON inbox (received_at_ms) WHERE outcome IS NOT NULL;

CREATE TABLE reconciled (
    account_sid TEXT NOT NULL PRIMARY KEY REFERENCES twilio_accounts (sid),
    -- Every recording that began before then has been seen in the source's list.
    through_at_ms BIGINT NOT NULL
);
