-- A strict key changes a document only under a condition that names the state it has seen.
ALTER TABLE api_key ADD COLUMN is_strict INTEGER NOT NULL DEFAULT 0;
