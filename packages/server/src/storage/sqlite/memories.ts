/** Memories in SQLite. */
import { type Clock, present } from "@smfs/core";
import type {
  FactDebt,
  MemoryReads,
  MemoryScope,
  MemoryWrites,
  StoredMemory,
  TemporalContext,
} from "../memory.ts";
import type { Metadata } from "../stored.ts";
import type { Counters } from "./counters.ts";
import { type Database, statementsByText } from "./database.ts";
import type { TagWrites } from "./tag-writes.ts";

interface MemoryRow {
  readonly no: number;
  readonly id: string;
  readonly tag: string;
  readonly document_no: number | null;
  readonly memory: string;
  readonly bucket: string | null;
  readonly version: number;
  readonly parent_id: string | null;
  readonly root_id: string;
  readonly is_latest: number;
  readonly is_static: number;
  readonly is_inference: number;
  readonly is_forgotten: number;
  readonly forget_after: number | null;
  readonly forget_reason: string | null;
  readonly metadata: string | null;
  readonly temporal: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

const select = "SELECT m.*, g.tag FROM memory m JOIN tag g ON g.no = m.tag_no";

export function memoryReads(db: Database): MemoryReads {
  const byId = db.prepare<[string], MemoryRow>(`${select} WHERE m.id = ?`);
  const byText = db.prepare<[string, string], MemoryRow>(
    `${select} WHERE g.tag = ? AND m.is_latest = 1 AND m.is_forgotten = 0 AND m.memory = ? ORDER BY m.no`,
  );
  const versions = db.prepare<[string], MemoryRow>(
    `${select} WHERE m.root_id = ? ORDER BY m.version`,
  );
  const ofDocument = db.prepare<[number], MemoryRow>(
    `${select} WHERE m.document_no = ? AND m.is_latest = 1 ORDER BY m.no`,
  );
  const counts = db.prepare<[], { tag: string; count: number }>(
    `SELECT g.tag, count(*) AS count FROM memory m JOIN tag g ON g.no = m.tag_no
       WHERE m.is_latest = 1 AND m.is_forgotten = 0 GROUP BY g.no`,
  );
  const owed = db.prepare<[number, number], FactDebt>(
    `SELECT document_no AS documentNo, content_rev AS contentRev FROM fact_debt
       WHERE document_no > ? ORDER BY document_no LIMIT ? + 0`,
  );
  const scoped = statementsByText<(string | number)[], MemoryRow>(db);
  const after = (scope: MemoryScope, afterNo: number, limit: number): MemoryRow[] => {
    const tags = scope.containerTags;
    const inTags = tags === undefined ? "" : ` AND g.tag IN (${tags.map(() => "?").join(", ")})`;
    const forgotten = scope.withForgotten === true ? "" : " AND m.is_forgotten = 0";
    return scoped(
      `${select} WHERE m.is_latest = 1 AND m.no > ?${inTags}${forgotten} ORDER BY m.no LIMIT ? + 0`,
    ).all(afterNo, ...(tags ?? []), limit);
  };
  return {
    memoryById: async (id) => {
      const row = byId.get(id);
      return row === undefined ? undefined : toMemory(row);
    },
    memoriesAfter: async (scope, afterNo, limit) => after(scope, afterNo, limit).map(toMemory),
    memoriesByText: async (containerTag, memory) => byText.all(containerTag, memory).map(toMemory),
    memoryVersions: async (rootId) => versions.all(rootId).map(toMemory),
    memoriesOfDocument: async (documentNo) => ofDocument.all(documentNo).map(toMemory),
    factsOwedAfter: async (afterNo, limit) => owed.all(afterNo, limit),
    memoryCounts: async () => new Map(counts.all().map((row) => [row.tag, row.count])),
  };
}

export function memoryWrites(
  db: Database,
  tools: { readonly clock: Clock; readonly counters: Counters; readonly tags: TagWrites },
): MemoryWrites {
  const byId = db.prepare<[string], MemoryRow>(`${select} WHERE m.id = ?`);
  const insert = db.prepare(
    `INSERT INTO memory VALUES (@no, @id, @tag_no, @document_no, @memory, @bucket, @version, @parent_id, @root_id,
       1, @is_static, @is_inference, @is_forgotten, @forget_after, @forget_reason, @metadata, @temporal, @now, @now)`,
  );
  const supersede = db.prepare<[string]>("UPDATE memory SET is_latest = 0 WHERE id = ?");
  const forget = db.prepare<[number, string | null, number, string]>(
    "UPDATE memory SET is_forgotten = ?, forget_reason = ?, updated_at = ? WHERE id = ?",
  );
  const owe = db.prepare<[number, number]>("INSERT OR REPLACE INTO fact_debt VALUES (?, ?)");
  const pay = db.prepare<[number, number]>(
    "DELETE FROM fact_debt WHERE document_no = ? AND content_rev = ?",
  );
  const move = db.prepare<[number, number]>("UPDATE memory SET tag_no = ? WHERE tag_no = ?");
  return {
    oweFacts: async (documentNo, contentRev) => {
      owe.run(documentNo, contentRev);
    },
    payFacts: async ({ documentNo, contentRev }) => {
      pay.run(documentNo, contentRev);
    },
    moveMemories: async (fromTag, toTag) => {
      const now = tools.clock.now();
      move.run(tools.tags.need(toTag, now), tools.tags.need(fromTag, now));
    },
    putMemory: async (memory) => {
      const now = tools.clock.now();
      if (memory.parentId !== null) supersede.run(memory.parentId);
      insert.run({
        no: tools.counters.next("memory"),
        id: memory.id,
        tag_no: tools.tags.need(memory.containerTag, now),
        document_no: memory.documentNo,
        memory: memory.memory,
        bucket: memory.bucket,
        version: memory.version,
        parent_id: memory.parentId,
        root_id: memory.rootId,
        is_static: memory.isStatic ? 1 : 0,
        is_inference: memory.isInference ? 1 : 0,
        is_forgotten: memory.isForgotten ? 1 : 0,
        forget_after: memory.forgetAfter,
        forget_reason: memory.forgetReason,
        metadata: memory.metadata === null ? null : JSON.stringify(memory.metadata),
        temporal: memory.temporalContext === null ? null : JSON.stringify(memory.temporalContext),
        now,
      });
      return toMemory(present(byId.get(memory.id), "a memory just written"));
    },
    setForgotten: async (id, isForgotten, reason) => {
      forget.run(isForgotten ? 1 : 0, reason, tools.clock.now(), id);
    },
  };
}

function toMemory(row: MemoryRow): StoredMemory {
  return {
    no: row.no,
    id: row.id,
    containerTag: row.tag,
    documentNo: row.document_no,
    memory: row.memory,
    bucket: row.bucket,
    version: row.version,
    parentId: row.parent_id,
    rootId: row.root_id,
    isLatest: row.is_latest === 1,
    isStatic: row.is_static === 1,
    isInference: row.is_inference === 1,
    isForgotten: row.is_forgotten === 1,
    forgetAfter: row.forget_after,
    forgetReason: row.forget_reason,
    // Written by putMemory alone.
    metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as Metadata),
    temporalContext: row.temporal === null ? null : (JSON.parse(row.temporal) as TemporalContext),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
