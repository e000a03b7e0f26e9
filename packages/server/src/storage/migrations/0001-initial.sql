-- Settings of the database itself: epoch, organisation, the key that signs file addresses.
CREATE TABLE setting (k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- The last number given of each kind, and the last time: one row, written with every commit. Never goes back.
CREATE TABLE counter (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  seq INTEGER NOT NULL, at INTEGER NOT NULL, horizon INTEGER NOT NULL,
  document INTEGER NOT NULL, content INTEGER NOT NULL, chunk INTEGER NOT NULL, vector INTEGER NOT NULL
) STRICT;
INSERT INTO counter VALUES (1, 0, 0, 0, 0, 0, 0, 0);

-- Immutable bytes. bytes IS NULL: they are the file blobs/<digest>, which was durable before this row.
CREATE TABLE content (
  no INTEGER PRIMARY KEY, digest BLOB NOT NULL CHECK (length(digest) = 32), size INTEGER NOT NULL, bytes BLOB
) STRICT;
CREATE INDEX content_blob ON content (digest) WHERE bytes IS NULL;

-- Containers. A removed one keeps its row for its tombstones' sake, and begins anew with its next write.
CREATE TABLE tag (
  no INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE, name TEXT NOT NULL, entity_context TEXT,
  memory_paths TEXT, buckets TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  removed INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Live documents, each in its latest state. tags: JSON array in the order given.
CREATE TABLE document (
  no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, custom_id TEXT, tags TEXT NOT NULL,
  filepath TEXT, previous_filepath TEXT, title TEXT, summary TEXT,
  type TEXT NOT NULL, media_type TEXT NOT NULL, is_text INTEGER NOT NULL,
  content_no INTEGER NOT NULL REFERENCES content (no), metadata TEXT,
  task_type TEXT NOT NULL, status TEXT NOT NULL, dreaming TEXT NOT NULL, error TEXT,
  rev INTEGER NOT NULL CHECK (rev > 0), content_rev INTEGER NOT NULL CHECK (content_rev BETWEEN 1 AND rev),
  seq INTEGER NOT NULL UNIQUE, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  op TEXT NOT NULL, origin TEXT, actor TEXT, session TEXT
) STRICT;
CREATE INDEX document_custom ON document (custom_id) WHERE custom_id IS NOT NULL;
CREATE INDEX document_path ON document (filepath) WHERE filepath IS NOT NULL;
CREATE INDEX document_unfinished ON document (no) WHERE status NOT IN ('done', 'failed') OR dreaming <> 'done';

-- Which containers a live document is in. filepath, custom_id and seq repeat the document's, for the indexes:
-- a path and a custom id are unique in a container; a container's changes are read by seq.
CREATE TABLE document_tag (
  tag_no INTEGER NOT NULL REFERENCES tag (no), document_no INTEGER NOT NULL REFERENCES document (no),
  filepath TEXT, custom_id TEXT, seq INTEGER NOT NULL,
  PRIMARY KEY (tag_no, document_no)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX document_tag_path ON document_tag (tag_no, filepath) WHERE filepath IS NOT NULL;
CREATE UNIQUE INDEX document_tag_custom ON document_tag (tag_no, custom_id) WHERE custom_id IS NOT NULL;
CREATE UNIQUE INDEX document_tag_seq ON document_tag (tag_no, seq);

-- States that documents had before their latest one, and all states of deleted documents.
CREATE TABLE version (
  document_no INTEGER NOT NULL, rev INTEGER NOT NULL, id TEXT NOT NULL, custom_id TEXT, tags TEXT NOT NULL,
  filepath TEXT, title TEXT, type TEXT NOT NULL, media_type TEXT NOT NULL, is_text INTEGER NOT NULL,
  content_no INTEGER NOT NULL REFERENCES content (no), metadata TEXT, task_type TEXT NOT NULL,
  at INTEGER NOT NULL, created_at INTEGER NOT NULL,
  op TEXT NOT NULL, origin TEXT, actor TEXT, session TEXT,
  PRIMARY KEY (document_no, rev)
) STRICT, WITHOUT ROWID;
CREATE INDEX version_at ON version (at);

-- Deletions, one row for each container the document left. No row while the document is in the container.
CREATE TABLE tombstone (
  seq INTEGER NOT NULL, tag_no INTEGER NOT NULL REFERENCES tag (no), document_no INTEGER NOT NULL,
  id TEXT NOT NULL, custom_id TEXT, filepath TEXT, rev INTEGER NOT NULL, deleted_at INTEGER NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('deleted', 'moved')),
  origin TEXT, actor TEXT, session TEXT,
  PRIMARY KEY (seq, tag_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_tag ON tombstone (tag_no, seq);
CREATE INDEX tombstone_id ON tombstone (id);

-- Text drawn from a document whose bytes are not text.
CREATE TABLE extracted (
  document_no INTEGER PRIMARY KEY REFERENCES document (no), content_rev INTEGER NOT NULL, bytes BLOB NOT NULL
) STRICT;

-- Spans of a document's text. The text itself is cut out of the content (or of `extracted`) by the byte offsets.
CREATE TABLE chunk (
  no INTEGER PRIMARY KEY, document_no INTEGER NOT NULL REFERENCES document (no), content_rev INTEGER NOT NULL,
  position INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  byte_start INTEGER NOT NULL, byte_end INTEGER NOT NULL,
  line_start INTEGER NOT NULL, line_end INTEGER NOT NULL, created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX chunk_document ON chunk (document_no, position);

-- Lexical index over the chunks; rowid = chunk.no. It holds no text of its own.
CREATE VIRTUAL TABLE chunk_text USING fts5 (
  text, content = '', contentless_delete = 1, tokenize = 'porter unicode61'
);

CREATE TABLE model (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- Vectors, quantised by their model.
CREATE TABLE vector (
  no INTEGER PRIMARY KEY, chunk_no INTEGER NOT NULL REFERENCES chunk (no),
  model_no INTEGER NOT NULL REFERENCES model (no), bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX vector_chunk ON vector (chunk_no, model_no);

-- Answers to requests that carried an idempotency key.
CREATE TABLE reply (
  scope TEXT PRIMARY KEY, request_digest TEXT NOT NULL, status INTEGER NOT NULL,
  headers TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reply_at ON reply (at);

-- Bearer keys by their digest; the key itself is kept nowhere.
CREATE TABLE api_key (
  id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL, can_write INTEGER NOT NULL,
  tags TEXT, path_prefix TEXT, created_at INTEGER NOT NULL, expires_at INTEGER
) STRICT, WITHOUT ROWID;
