/** What search and pipeline read: chunks, vectors and the lexical index. */
import { present } from "@smfs/core";
import type { ContentReads, DocumentReads, PipelineReads, SearchReads } from "../storage.ts";
import type { StoredChunk, StoredVector } from "../stored.ts";
import type { Blobs } from "./blobs.ts";
import type { Database } from "./database.ts";
import { lexicalIndex } from "./lexical-index.ts";
import {
  type ChunkRow,
  type DocumentRow,
  documentColumns,
  documentJoin,
  toChunk,
  toDocument,
} from "./rows.ts";
import { textDebtReads } from "./text-debts.ts";

interface ChunkTextRow extends ChunkRow {
  readonly text: Buffer | null;
  readonly digest: Buffer;
}

interface VectorRow {
  readonly no: number;
  readonly chunk_no: number;
  readonly document_no: number;
  readonly model: string;
  readonly bytes: Buffer;
}

// The chunk's bytes are cut out of what the database holds; they are null when the content is a blob.
const chunkSelect = `SELECT c.*, k.digest,
    substr(CASE WHEN d.is_text THEN k.bytes ELSE x.bytes END, c.byte_start + 1, c.byte_end - c.byte_start) AS text
  FROM chunk c JOIN document d ON d.no = c.document_no JOIN content k ON k.no = d.content_no
  LEFT JOIN extracted x ON x.document_no = d.no`;
const vectorSelect = `SELECT v.no, v.chunk_no, c.document_no, m.name AS model, v.bytes FROM vector v JOIN chunk c ON c.no = v.chunk_no JOIN model m ON m.no = v.model_no`;

export function searchReads(
  db: Database,
  documents: DocumentReads,
  contents: ContentReads,
  blobs: Blobs,
): SearchReads & PipelineReads {
  const lexical = lexicalIndex(db);
  const texts = textDebtReads(db);
  const sql = statements(db);
  const modelName = modelNames(db);
  const toStoredChunk = async (row: ChunkTextRow): Promise<StoredChunk> => {
    const bytes =
      row.text ??
      (await blobs.read(row.digest.toString("hex"), { start: row.byte_start, end: row.byte_end }));
    return toChunk(row, Buffer.from(bytes).toString("utf8"));
  };
  const toStoredChunks = async (rows: readonly ChunkTextRow[]): Promise<StoredChunk[]> => {
    const chunks: StoredChunk[] = [];
    for (const row of rows) chunks.push(await toStoredChunk(row));
    return chunks;
  };

  return {
    ...texts,
    lexical: async (query) => lexical(query),
    vectorsAfter: async (model, afterNo, limit) =>
      sql.vectorsAfter.all(model, afterNo, limit).map(toVector),
    vectorsOf: async (chunkNos) =>
      sql.vectorsOfChunks
        .all(JSON.stringify(chunkNos))
        .map(([chunkNo, model, bytes]) => ({ chunkNo, model: modelName(model), bytes })),
    chunksByNo: async (nos) => toStoredChunks(nos.flatMap((no) => sql.chunkByNo.all(no))),
    chunksOfDocument: async (documentNo) => toStoredChunks(sql.chunksOfDocument.all(documentNo)),
    documentsByNo: documents.documentsByNo,
    documentNos: documents.documentNos,
    documentText: contents.documentText,
    generation: async () => Number(db.pragma("data_version", { simple: true })),
    unfinishedAfter: async (afterNo, limit) => sql.unfinished.all(afterNo, limit).map(toDocument),
    chunksWithoutVector: async (model, afterNo, limit) =>
      toStoredChunks(sql.withoutVector.all(afterNo, model, limit)),
    documentIndex: async (documentNo) => ({
      chunks: present(sql.chunksOf.get(documentNo), "a count"),
      vectors: Object.fromEntries(
        sql.vectorsOf.all(documentNo).map((row) => [row.name, row.count]),
      ),
      owesFacts: sql.factDebtOf.get(documentNo) !== undefined,
      owesText: await texts.owesText(documentNo),
    }),
    indexCounts: async () => ({
      chunks: present(sql.chunkCount.get(), "a count"),
      vectors: Object.fromEntries(sql.vectorCounts.all().map((row) => [row.name, row.count])),
    }),
  };
}

function toVector(row: VectorRow): StoredVector {
  return {
    no: row.no,
    chunkNo: row.chunk_no,
    documentNo: row.document_no,
    model: row.model,
    bytes: row.bytes,
  };
}

/** Names of models by their numbers, which are given once. */
function modelNames(db: Database): (no: number) => string {
  const names = new Map<number, string>();
  const find = db.prepare<[number], string>("SELECT name FROM model WHERE no = ?").pluck();
  return (no) => {
    const known = names.get(no) ?? present(find.get(no), "the model of a vector");
    names.set(no, known);
    return known;
  };
}

function statements(db: Database) {
  return {
    vectorsAfter: db.prepare<[string, number, number], VectorRow>(
      `${vectorSelect} WHERE m.name = ? AND v.no > ? ORDER BY v.no LIMIT ? + 0`,
    ),
    // Several hundred rows for each search: one statement for all of them, no joins, and arrays instead of objects.
    vectorsOfChunks: db
      .prepare<[string], [chunkNo: number, modelNo: number, bytes: Buffer]>(
        `SELECT v.chunk_no, v.model_no, v.bytes FROM json_each(?) j CROSS JOIN vector v ON v.chunk_no = j.value`,
      )
      .raw(),
    chunkByNo: db.prepare<[number], ChunkTextRow>(`${chunkSelect} WHERE c.no = ?`),
    chunksOfDocument: db.prepare<[number], ChunkTextRow>(
      `${chunkSelect} WHERE c.document_no = ? ORDER BY c.position`,
    ),
    unfinished: db.prepare<[number, number], DocumentRow>(
      `SELECT ${documentColumns} FROM document d ${documentJoin}
         WHERE d.no > ? AND (d.status NOT IN ('done', 'failed') OR d.dreaming <> 'done') ORDER BY d.no LIMIT ? + 0`,
    ),
    withoutVector: db.prepare<[number, string, number], ChunkTextRow>(
      `${chunkSelect} WHERE c.no > ? AND NOT EXISTS (SELECT 1 FROM vector v JOIN model m ON m.no = v.model_no
         WHERE v.chunk_no = c.no AND m.name = ?) ORDER BY c.no LIMIT ? + 0`,
    ),
    chunksOf: db
      .prepare<[number], number>("SELECT count(*) FROM chunk WHERE document_no = ?")
      .pluck(),
    vectorsOf: db.prepare<[number], { name: string; count: number }>(
      `SELECT m.name, count(*) AS count FROM chunk c JOIN vector v ON v.chunk_no = c.no
         JOIN model m ON m.no = v.model_no WHERE c.document_no = ? GROUP BY m.no`,
    ),
    factDebtOf: db
      .prepare<[number], number>("SELECT 1 FROM fact_debt WHERE document_no = ?")
      .pluck(),
    chunkCount: db.prepare<[], number>("SELECT count(*) FROM chunk").pluck(),
    vectorCounts: db.prepare<[], { name: string; count: number }>(
      "SELECT m.name, count(*) AS count FROM vector v JOIN model m ON m.no = v.model_no GROUP BY m.no",
    ),
  };
}
