-- Which vault holds the copies: what its mark says since a service took it last, and what it is about to say.

ALTER TABLE settings ADD COLUMN vault_mark TEXT;
ALTER TABLE settings ADD COLUMN next_vault_mark TEXT;
