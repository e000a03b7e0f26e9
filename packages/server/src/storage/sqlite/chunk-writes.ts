/** Chunks and their entries in both indexes, within a unit. */
import type { Clock } from "@smfs/core";
import type { Transaction } from "../storage.ts";
import type { IndexedChunk } from "../stored.ts";
import type { Counters } from "./counters.ts";
import type { Database } from "./database.ts";

export interface ChunkWrites
  extends Pick<
    Transaction,
    "putChunks" | "putVectors" | "dropVectors" | "putExtractedText" | "putConversation"
  > {
  /** Drops what belongs to the bytes of a document that change or go: chunks, extracted text, messages. */
  drop(documentNo: number): void;
}

export function chunkWrites(db: Database, clock: Clock, counters: Counters): ChunkWrites {
  const sql = statements(db);
  const dropChunks = (documentNo: number, from = 0): void => {
    for (const no of sql.chunksOf.all(documentNo, from)) {
      sql.deleteVectors.run(no);
      sql.deleteText.run(no);
    }
    sql.deleteChunks.run(documentNo, from);
  };
  const modelNo = (name: string): number => {
    const no = sql.modelNo.get(name);
    return no ?? Number(sql.insertModel.run(name).lastInsertRowid);
  };
  const putVector = (chunkNo: number, model: number, bytes: Uint8Array): void => {
    sql.insertVector.run(counters.next("vector"), chunkNo, model, bytes);
  };

  return {
    drop: (documentNo) => {
      dropChunks(documentNo);
      sql.deleteExtracted.run(documentNo);
      sql.deleteConversation.run(documentNo);
    },
    putExtractedText: async (documentNo, contentRev, text) => {
      sql.putExtracted.run(documentNo, contentRev, Buffer.from(text, "utf8"));
    },
    putConversation: async (documentNo, messages) => {
      sql.putConversation.run(documentNo, JSON.stringify(messages));
    },
    putChunks: async (document, text, chunks, from = 0) => {
      dropChunks(document.no, from);
      const createdAt = clock.now();
      for (const [index, chunk] of withByteOffsets(text, chunks).entries()) {
        const no = counters.next("chunk");
        sql.insertChunk.run({
          no,
          document_no: document.no,
          content_rev: document.contentRev,
          position: from + index,
          start: chunk.start,
          end: chunk.end,
          byte_start: chunk.byteStart,
          byte_end: chunk.byteEnd,
          line_start: chunk.lineStart,
          line_end: chunk.lineEnd,
          created_at: createdAt,
        });
        sql.insertText.run(no, chunk.lexicalText ?? chunk.text);
        for (const vector of chunk.vectors ?? []) {
          putVector(no, modelNo(vector.model), vector.bytes);
        }
      }
    },
    putVectors: async (model, vectors) => {
      const no = modelNo(model);
      for (const { chunkNo, bytes } of vectors) {
        if (sql.chunkExists.get(chunkNo) === undefined) continue;
        sql.deleteVector.run(chunkNo, no);
        putVector(chunkNo, no, bytes);
      }
    },
    dropVectors: async (model) => {
      sql.deleteModelVectors.run(model);
    },
  };
}

/** The chunks with the byte offsets of their spans in the UTF-8 form of `text`. */
export function withByteOffsets(
  text: string,
  chunks: readonly IndexedChunk[],
): (IndexedChunk & { readonly byteStart: number; readonly byteEnd: number })[] {
  let unit = 0;
  let byte = 0;
  return chunks.map((chunk) => {
    if (chunk.start < unit) throw new RangeError("chunks are in order of their start");
    byte += Buffer.byteLength(text.slice(unit, chunk.start), "utf8");
    unit = chunk.start;
    const length = Buffer.byteLength(text.slice(chunk.start, chunk.end), "utf8");
    return { ...chunk, byteStart: byte, byteEnd: byte + length };
  });
}

function statements(db: Database) {
  return {
    chunksOf: db
      .prepare<[number, number], number>(
        "SELECT no FROM chunk WHERE document_no = ? AND position >= ?",
      )
      .pluck(),
    chunkExists: db.prepare<[number], number>("SELECT 1 FROM chunk WHERE no = ?").pluck(),
    insertChunk: db.prepare(
      `INSERT INTO chunk VALUES (@no, @document_no, @content_rev, @position, @start, @end,
         @byte_start, @byte_end, @line_start, @line_end, @created_at)`,
    ),
    insertText: db.prepare<[number, string]>("INSERT INTO chunk_text (rowid, text) VALUES (?, ?)"),
    deleteText: db.prepare<[number]>("DELETE FROM chunk_text WHERE rowid = ?"),
    deleteChunks: db.prepare<[number, number]>(
      "DELETE FROM chunk WHERE document_no = ? AND position >= ?",
    ),
    deleteVectors: db.prepare<[number]>("DELETE FROM vector WHERE chunk_no = ?"),
    modelNo: db.prepare<[string], number>("SELECT no FROM model WHERE name = ?").pluck(),
    insertModel: db.prepare<[string]>("INSERT INTO model (name) VALUES (?)"),
    insertVector: db.prepare<[number, number, number, Uint8Array]>(
      "INSERT INTO vector VALUES (?, ?, ?, ?)",
    ),
    deleteVector: db.prepare<[number, number]>(
      "DELETE FROM vector WHERE chunk_no = ? AND model_no = ?",
    ),
    deleteModelVectors: db.prepare<[string]>(
      "DELETE FROM vector WHERE model_no = (SELECT no FROM model WHERE name = ?)",
    ),
    putExtracted: db.prepare<[number, number, Buffer]>(
      "INSERT OR REPLACE INTO extracted VALUES (?, ?, ?)",
    ),
    putConversation: db.prepare<[number, string]>(
      "INSERT OR REPLACE INTO conversation VALUES (?, ?)",
    ),
    deleteConversation: db.prepare<[number]>("DELETE FROM conversation WHERE document_no = ?"),
    deleteExtracted: db.prepare<[number]>("DELETE FROM extracted WHERE document_no = ?"),
  };
}
