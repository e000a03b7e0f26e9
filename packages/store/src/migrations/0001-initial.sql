-- The store's metadata. docs/schema.md says for each table what it means, its invariants and who writes it.
-- Names are byte strings (one char per byte), paths are text, digests lower-case hexadecimal SHA-256.

-- Facts about the store itself: epoch (random, made anew after a restore), seq_reserved (versions below it may have
-- been given), owner (fencing token of the running daemon), boot_id, container, server identity and capabilities.
CREATE TABLE store (
  k TEXT PRIMARY KEY,
  v TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE inode (
  ino INTEGER PRIMARY KEY,                -- never reused: reserved in blocks (fact ino_reserved)
  mode INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  gid INTEGER NOT NULL,
  rdev INTEGER NOT NULL DEFAULT 0,
  nlink INTEGER NOT NULL,
  size INTEGER NOT NULL DEFAULT 0,
  blocks INTEGER NOT NULL DEFAULT 0,      -- of 512 bytes
  atime_s INTEGER NOT NULL, atime_ns INTEGER NOT NULL,
  mtime_s INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  ctime_s INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
  target TEXT,                            -- of a symlink, byte string
  writers INTEGER NOT NULL DEFAULT 0,     -- 1 from before the first writing open is answered until it is proved that nobody can write
  bytes_ver INTEGER NOT NULL DEFAULT 0,   -- the version of the last moment its bytes may have changed
  synced_ver INTEGER NOT NULL DEFAULT 0,  -- the bytes_ver last made durable, and the size then
  synced_size INTEGER NOT NULL DEFAULT 0,
  stub INTEGER NOT NULL DEFAULT 0,        -- 1: the bytes are not here; size is the server's
  fill TEXT,                              -- digest of bytes that have arrived and are not yet in the working file
  work_ctime TEXT                         -- ctime of the working file when it was last known to hold base's bytes
);

-- Rare states have an index of their own, which costs nothing while it is empty.
CREATE INDEX inode_fill ON inode (fill) WHERE fill IS NOT NULL;
CREATE INDEX inode_orphan ON inode (ino) WHERE nlink = 0;

-- One row per name, with its sync identity. Directories' entries too; the root has none.
CREATE TABLE entry (
  id INTEGER PRIMARY KEY,                 -- the cookie of directory streams
  fid TEXT NOT NULL UNIQUE,               -- 128 random bits, hexadecimal, never reused
  cid TEXT NOT NULL,                      -- customId in use: n_<base32 of fid>, with _2, _3 after a re-creation
  ino INTEGER NOT NULL REFERENCES inode(ino),
  parent INTEGER NOT NULL,                -- ino of the directory
  name TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'deleted')),
  alias INTEGER NOT NULL DEFAULT 0,       -- 1: shown under another name because the path was taken
  local_only INTEGER NOT NULL DEFAULT 0,  -- 1: never leaves this machine (ignore rules, what the server cannot name)
  local_ver INTEGER NOT NULL,
  -- BASE: what both sides last agreed on
  base_ver INTEGER NOT NULL DEFAULT 0,
  base_rev TEXT,                          -- revision id (stamp) of the agreed version
  base_srev INTEGER,                      -- the server's own revision number of it, where the server counts
  base_etag TEXT,
  base_hash TEXT,
  base_path TEXT,
  base_attrs TEXT,                        -- JSON of SyncAttrs
  base_chain TEXT NOT NULL DEFAULT '[]',  -- JSON array of revision ids, newest first
  base_blob TEXT,                         -- digest of kept base bytes, NULL when they are not kept
  -- REMOTE: last observation
  doc_id TEXT,
  sent INTEGER NOT NULL DEFAULT 0,        -- 1: a create may have reached the server under this cid
  r_rev TEXT, r_srev INTEGER, r_hash TEXT, r_path TEXT, r_status TEXT, r_updated TEXT, r_settled INTEGER NOT NULL DEFAULT 0, r_etag TEXT,
  misses INTEGER NOT NULL DEFAULT 0,
  diverged INTEGER NOT NULL DEFAULT 0,    -- 1: the server shows other bytes than those it was sent
  rejected_ver INTEGER, rejected_hash TEXT, rejected_why TEXT,
  CHECK (base_ver <= local_ver)
);
CREATE UNIQUE INDEX entry_doc ON entry (doc_id) WHERE doc_id IS NOT NULL;
CREATE UNIQUE INDEX entry_name ON entry (parent, name) WHERE state = 'live';
CREATE INDEX entry_stream ON entry (parent, id) WHERE state = 'live';
CREATE INDEX entry_ino ON entry (ino);
CREATE INDEX entry_dirty ON entry (local_ver) WHERE local_ver <> base_ver;
CREATE INDEX entry_cid ON entry (cid) WHERE sent = 1;
CREATE INDEX entry_base_path ON entry (base_path) WHERE base_path IS NOT NULL;
CREATE INDEX entry_r_path ON entry (r_path) WHERE base_path IS NULL AND r_path IS NOT NULL;
CREATE INDEX entry_base_blob ON entry (base_blob) WHERE base_blob IS NOT NULL;
CREATE INDEX entry_alias ON entry (base_path) WHERE alias = 1;

CREATE TABLE xattr (
  ino INTEGER NOT NULL REFERENCES inode(ino) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (ino, name)
) WITHOUT ROWID;

-- A directory rename whose descendants have not been marked yet.
CREATE TABLE moved (
  dir_ino INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  after_id INTEGER NOT NULL DEFAULT 0
);

-- The one attempt in progress of an entry.
CREATE TABLE op (
  fid TEXT PRIMARY KEY REFERENCES entry(fid),
  op_id TEXT NOT NULL UNIQUE,             -- the new revision: epoch ':' seq
  kind TEXT NOT NULL CHECK (kind IN ('put', 'delete', 'cycle')),
  claim_ver INTEGER NOT NULL,
  with_bytes INTEGER NOT NULL,            -- 0: path and attributes only
  snap_hash TEXT, snap_size INTEGER,
  snap_bytes BLOB,                        -- the snapshot itself when it is small,
  snap_blob TEXT,                         -- else the digest of its blob
  parent_rev TEXT, chain TEXT NOT NULL,
  path TEXT NOT NULL, attrs TEXT NOT NULL,
  if_match TEXT,
  phase TEXT NOT NULL CHECK (phase IN ('claimed', 'sent', 'accepted')),
  attempts INTEGER NOT NULL DEFAULT 0,    -- sends with a definitive answer; part of the idempotency key
  failures INTEGER NOT NULL DEFAULT 0     -- processing that ended in failed
) WITHOUT ROWID;

-- Revisions this store made: which bytes they were, and what they came from.
CREATE TABLE rev (
  rev TEXT PRIMARY KEY,
  fid TEXT NOT NULL,
  parent TEXT,
  hash TEXT
) WITHOUT ROWID;
CREATE INDEX rev_fid ON rev (fid);

-- Local deletions that the server has confirmed, kept against late writes of ours that would undo them.
CREATE TABLE tomb (
  fid TEXT PRIMARY KEY,
  doc_id TEXT,
  srev INTEGER,
  rev TEXT,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tomb_doc ON tomb (doc_id);

-- Documents whose remote state has been seen but not finally decided.
CREATE TABLE pend (
  doc_id TEXT PRIMARY KEY,
  why TEXT NOT NULL,
  srev INTEGER                            -- the newest revision number that was seen and not decided, where the server counts
) WITHOUT ROWID;

CREATE TABLE cursor (
  k TEXT PRIMARY KEY,
  v TEXT NOT NULL
) WITHOUT ROWID;

-- Displaced bytes, kept where the user can find them.
CREATE TABLE trash (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  fid TEXT NOT NULL,
  path TEXT NOT NULL,
  blob TEXT,                              -- NULL: the bytes were not here; doc_id and rev say where they are
  doc_id TEXT,
  rev TEXT,
  why TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  size INTEGER NOT NULL
);
CREATE INDEX trash_blob ON trash (blob) WHERE blob IS NOT NULL;

-- What made a conflict version: the structured list behind `smfs conflicts`.
CREATE TABLE conflict (
  fid TEXT PRIMARY KEY,                   -- of the conflict version's entry
  path TEXT NOT NULL,                     -- of the entry that was edited on both sides
  base_rev TEXT, base_hash TEXT,
  local_rev TEXT, remote_rev TEXT, remote_by TEXT,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Problems that concern one path, for status.
CREATE TABLE problem (
  k TEXT PRIMARY KEY,
  path TEXT,
  message TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO inode (ino, mode, uid, gid, nlink, atime_s, atime_ns, mtime_s, mtime_ns, ctime_s, ctime_ns)
  VALUES (1, 16877, 0, 0, 2, 0, 0, 0, 0, 0, 0);
