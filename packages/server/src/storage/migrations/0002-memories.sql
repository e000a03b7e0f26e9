-- Facts about whom or what a container is about. One row for each version of a memory; root_no names the first one,
-- is_latest the one that counts. document_no: the document it was drawn from, NULL when somebody said it.
CREATE TABLE memory (
  no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tag_no INTEGER NOT NULL REFERENCES tag (no),
  document_no INTEGER, memory TEXT NOT NULL, bucket TEXT,
  version INTEGER NOT NULL CHECK (version > 0), parent_id TEXT, root_id TEXT NOT NULL,
  is_latest INTEGER NOT NULL, is_static INTEGER NOT NULL, is_inference INTEGER NOT NULL,
  is_forgotten INTEGER NOT NULL, forget_after INTEGER, forget_reason TEXT,
  metadata TEXT, temporal TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX memory_tag ON memory (tag_no, no) WHERE is_latest = 1;
CREATE INDEX memory_root ON memory (root_id, version);
CREATE INDEX memory_document ON memory (document_no) WHERE document_no IS NOT NULL;

ALTER TABLE counter ADD COLUMN memory INTEGER NOT NULL DEFAULT 0;

-- Moves of whole containers into another one, and what came of them.
CREATE TABLE merge (
  id TEXT PRIMARY KEY, source_tags TEXT NOT NULL, target_tag TEXT NOT NULL,
  status TEXT NOT NULL, error TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
