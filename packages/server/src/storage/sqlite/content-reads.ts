/** Bytes of documents: from the database when they are small, else from their blob. */
import { Readable } from "node:stream";
import { present } from "@smfs/core";
import type { ByteRange, ContentReads } from "../storage.ts";
import type { Content, StoredDocument } from "../stored.ts";
import type { Blobs } from "./blobs.ts";
import type { Database } from "./database.ts";

export function contentReads(db: Database, blobs: Blobs): ContentReads {
  const inline = db.prepare<[number], { bytes: Buffer | null }>(
    "SELECT bytes FROM content WHERE no = ?",
  );
  const extracted = db.prepare<[number, number], { bytes: Buffer }>(
    "SELECT bytes FROM extracted WHERE document_no = ? AND content_rev = ?",
  );
  const inlineBytes = (content: Content, range: ByteRange): Uint8Array | undefined => {
    const { bytes } = present(inline.get(content.no), `content ${content.no}`);
    return bytes?.subarray(range.start, range.end);
  };
  const readContent = async (
    content: Content,
    range: ByteRange = { start: 0, end: content.size },
  ): Promise<Uint8Array> => inlineBytes(content, range) ?? blobs.read(content.digest, range);

  return {
    readContent,
    streamContent: (content, range = { start: 0, end: content.size }) => {
      const bytes = inlineBytes(content, range);
      return bytes === undefined ? blobs.stream(content.digest, range) : streamOf(bytes);
    },
    documentText: async (document: StoredDocument) => {
      if (document.isText) return toText(await readContent(document.content));
      const row = extracted.get(document.no, document.contentRev);
      return row === undefined ? undefined : toText(row.bytes);
    },
  };
}

/** The text that UTF-8 bytes spell; a byte order mark is part of it. */
function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  // Node's own stream class and the global one are the same at run time; their declarations differ.
  return Readable.toWeb(Readable.from([bytes])) as ReadableStream<Uint8Array>;
}
