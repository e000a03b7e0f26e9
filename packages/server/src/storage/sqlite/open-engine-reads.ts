/** What the search worker reads, on a connection of its own: it sees commits, and blocks no writer. */
import { join } from "node:path";
import type { DocumentReads, SearchReads } from "../storage.ts";
import type { Blobs } from "./blobs.ts";
import { contentReads } from "./content-reads.ts";
import { openReader } from "./database.ts";
import { documentReads } from "./document-reads.ts";
import { searchReads } from "./search-reads.ts";
import { databaseName } from "./sqlite-storage.ts";

/** Searching needs no bytes of documents; a call that wants some is a mistake of ours. */
const noBlobs: Blobs = {
  receive: refuse,
  read: refuse,
  stream: refuse,
  size: refuse,
  path: refuse,
  list: refuse,
  removeUnused: refuse,
};

/** Opens the database of a data directory for searching. It must exist. */
export function openEngineReads(dataDir: string): SearchReads & DocumentReads {
  const db = openReader(join(dataDir, databaseName));
  const documents = documentReads(db);
  return { ...documents, ...searchReads(db, documents, contentReads(db, noBlobs), noBlobs) };
}

function refuse(): never {
  throw new Error("the search worker reads no blobs");
}
