/** Settings, stored replies, merges and keys: small tables with one statement for each verb. */
import type { StoredMerge } from "../memory.ts";
import type { Storage, StoredKey, StoredReply, Transaction } from "../storage.ts";
import type { Database } from "./database.ts";

interface ReplyRow {
  readonly request_digest: string;
  readonly status: number;
  readonly headers: string;
  readonly body: string;
  readonly at: number;
}

interface KeyRow {
  readonly id: string;
  readonly digest: string;
  readonly name: string;
  readonly can_write: number;
  readonly tags: string | null;
  readonly path_prefix: string | null;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly is_strict: number;
}

interface MergeRow {
  readonly id: string;
  readonly source_tags: string;
  readonly target_tag: string;
  readonly status: StoredMerge["status"];
  readonly error: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

type SmallWrites = Pick<
  Transaction,
  "putSetting" | "reply" | "putReply" | "putMerge" | "putKey" | "removeKey"
>;

export function smallWrites(db: Database): SmallWrites {
  const putSetting = db.prepare<[string, string]>("INSERT OR REPLACE INTO setting VALUES (?, ?)");
  const reply = db.prepare<[string], ReplyRow>("SELECT * FROM reply WHERE scope = ?");
  const putReply = db.prepare<[string, string, number, string, string, number]>(
    "INSERT OR REPLACE INTO reply VALUES (?, ?, ?, ?, ?, ?)",
  );
  const putKey = db.prepare(
    `INSERT INTO api_key VALUES (@id, @digest, @name, @can_write, @tags, @path_prefix, @created_at, @expires_at,
       @is_strict)`,
  );
  const putMerge = db.prepare(
    `INSERT OR REPLACE INTO merge VALUES (@id, @source_tags, @target_tag, @status, @error, @created_at, @updated_at)`,
  );
  const removeKey = db.prepare<[string]>("DELETE FROM api_key WHERE id = ?");
  return {
    putSetting: async (key, value) => {
      putSetting.run(key, value);
    },
    reply: async (scope) => {
      const row = reply.get(scope);
      return row === undefined ? undefined : toReply(row);
    },
    putReply: async (scope, { requestDigest, status, headers, body, at }) => {
      putReply.run(scope, requestDigest, status, JSON.stringify(headers), body, at);
    },
    putMerge: async (merge) => {
      putMerge.run({
        id: merge.id,
        source_tags: JSON.stringify(merge.sourceTags),
        target_tag: merge.targetTag,
        status: merge.status,
        error: merge.error,
        created_at: merge.createdAt,
        updated_at: merge.updatedAt,
      });
    },
    putKey: async (key) => {
      putKey.run({
        id: key.id,
        digest: key.digest,
        name: key.name,
        can_write: key.canWrite ? 1 : 0,
        tags: key.containerTags === null ? null : JSON.stringify(key.containerTags),
        path_prefix: key.pathPrefix,
        created_at: key.createdAt,
        expires_at: key.expiresAt,
        is_strict: key.isStrict ? 1 : 0,
      });
    },
    removeKey: async (id) => removeKey.run(id).changes > 0,
  };
}

export function smallReads(
  db: Database,
): Pick<Storage, "keyByDigest" | "keys" | "merge" | "mergesQueued"> {
  const byDigest = db.prepare<[string], KeyRow>("SELECT * FROM api_key WHERE digest = ?");
  const all = db.prepare<[], KeyRow>("SELECT * FROM api_key ORDER BY created_at, id");
  const merge = db.prepare<[string], MergeRow>("SELECT * FROM merge WHERE id = ?");
  const queued = db.prepare<[number], MergeRow>(
    "SELECT * FROM merge WHERE status = 'queued' ORDER BY created_at, id LIMIT ? + 0",
  );
  return {
    mergesQueued: async (limit) => queued.all(limit).map(toMerge),
    merge: async (id) => {
      const row = merge.get(id);
      return row === undefined ? undefined : toMerge(row);
    },
    keyByDigest: async (digest) => {
      const row = byDigest.get(digest);
      return row === undefined ? undefined : toKey(row);
    },
    keys: async () => all.all().map(toKey),
  };
}

function toMerge(row: MergeRow): StoredMerge {
  return {
    id: row.id,
    // Written by putMerge alone.
    sourceTags: JSON.parse(row.source_tags) as string[],
    targetTag: row.target_tag,
    status: row.status,
    error: row.error,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function toReply(row: ReplyRow): StoredReply {
  return {
    requestDigest: row.request_digest,
    status: row.status,
    // Written by putReply alone.
    headers: JSON.parse(row.headers) as Record<string, string>,
    body: row.body,
    at: row.at,
  };
}

function toKey(row: KeyRow): StoredKey {
  return {
    id: row.id,
    digest: row.digest,
    name: row.name,
    canWrite: row.can_write === 1,
    isStrict: row.is_strict === 1,
    // Written by putKey alone.
    containerTags: row.tags === null ? null : (JSON.parse(row.tags) as string[]),
    pathPrefix: row.path_prefix,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
