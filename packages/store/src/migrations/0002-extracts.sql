-- Text that the server has drawn from a document that is none: shown beside the file, never sent.
CREATE TABLE extract (
  fid TEXT PRIMARY KEY REFERENCES entry(fid) ON DELETE CASCADE,
  of_hash TEXT NOT NULL,                  -- digest of the bytes it was drawn from
  kind TEXT NOT NULL CHECK (kind IN ('image', 'pdf', 'video', 'audio', 'webpage')),
  text TEXT,                              -- NULL: the server has drawn none
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Files whose last version was refused; what the server said is shown beside them.
CREATE INDEX entry_rejected ON entry (parent) WHERE rejected_ver IS NOT NULL;
