/** The invariants of docs/schema.md, each as a query that must find nothing. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Blobs } from "./blobs.ts";
import { type Database, openReader } from "./database.ts";

/** Problems that are told; more say nothing new. */
const problemsMax = 100;

/** What the check needs of the blobs. */
export type BlobFiles = Pick<Blobs, "size" | "path">;

const rules: readonly { readonly problem: string; readonly sql: string }[] = [
  {
    problem: "document is in no container, or its containers differ from its tags",
    // By sets, not document by document: the tables have no index from a document to its containers.
    sql: `WITH held AS MATERIALIZED (SELECT document_no AS no, count(*) AS n FROM document_tag GROUP BY document_no),
        named AS MATERIALIZED (SELECT d.no, count(*) AS n, count(t.document_no) AS found
          FROM document d JOIN json_each(d.tags) j
          LEFT JOIN tag g ON g.tag = j.value
          LEFT JOIN document_tag t ON t.tag_no = g.no AND t.document_no = d.no GROUP BY d.no)
      SELECT d.id FROM document d LEFT JOIN held USING (no) LEFT JOIN named USING (no)
      WHERE named.n IS NULL OR named.found <> named.n OR held.n IS NOT named.n`,
  },
  {
    problem: "container entry repeats another path, custom id or seq than the document's",
    sql: `SELECT d.id FROM document_tag t JOIN document d ON d.no = t.document_no
      WHERE t.filepath IS NOT d.filepath OR t.custom_id IS NOT d.custom_id OR t.seq <> d.seq`,
  },
  {
    problem: "tombstone of a document that is in the container",
    sql: `SELECT s.id FROM tombstone s JOIN document_tag t
      ON t.tag_no = s.tag_no AND t.document_no = s.document_no`,
  },
  {
    problem: "seq, time or number above the counter",
    sql: `SELECT d.id FROM document d, counter c
      WHERE d.seq > c.seq OR d.updated_at > c.at OR d.created_at > c.at OR d.no > c.document`,
  },
  {
    problem: "tombstone above the counter or below the horizon",
    sql: "SELECT s.id FROM tombstone s, counter c WHERE s.seq > c.seq OR s.seq <= c.horizon",
  },
  {
    problem: "version is not older than the document",
    sql: "SELECT d.id FROM version v JOIN document d ON d.no = v.document_no WHERE v.rev >= d.rev",
  },
  {
    problem: "content that no document and no version names",
    sql: `SELECT no FROM content WHERE no NOT IN
      (SELECT content_no FROM document UNION ALL SELECT content_no FROM version)`,
  },
  {
    problem: "content of another size than its bytes",
    sql: "SELECT no FROM content WHERE bytes IS NOT NULL AND length(bytes) <> size",
  },
  {
    problem: "chunk of bytes that the document no longer has",
    sql: `SELECT c.no FROM chunk c LEFT JOIN document d ON d.no = c.document_no
      WHERE d.no IS NULL OR c.content_rev <> d.content_rev`,
  },
  {
    problem: "chunk that is not in the lexical index, or the other way round",
    sql: `SELECT c.no FROM chunk c WHERE NOT EXISTS (SELECT 1 FROM chunk_text_docsize z WHERE z.id = c.no)
      UNION ALL SELECT z.id FROM chunk_text_docsize z WHERE NOT EXISTS (SELECT 1 FROM chunk c WHERE c.no = z.id)`,
  },
  {
    problem: "messages without their document",
    sql: "SELECT document_no FROM conversation WHERE document_no NOT IN (SELECT no FROM document)",
  },
  {
    problem: "vector without its chunk",
    sql: "SELECT v.no FROM vector v WHERE NOT EXISTS (SELECT 1 FROM chunk c WHERE c.no = v.chunk_no)",
  },
];

/**
 * Every invariant that does not hold, as a sentence. Reads every blob: takes as long as the disk does.
 *
 * On a connection of its own: integrity_check of an FTS5 table goes by the structure that the connection has in
 * memory, and on one that has not asked the table since another wrote to it, it reports damage that is not there.
 */
export async function checkStorage(file: string, blobs: BlobFiles): Promise<string[]> {
  const db = openReader(file);
  try {
    return await problemsOf(db, blobs);
  } finally {
    db.close();
  }
}

async function problemsOf(db: Database, blobs: BlobFiles): Promise<string[]> {
  const problems: string[] = [];
  const tell = (problem: string) => {
    if (problems.length < problemsMax) problems.push(problem);
  };
  for (const row of db.prepare<[], string>("PRAGMA integrity_check").pluck().all()) {
    if (row !== "ok") tell(`the database is damaged: ${row}`);
  }
  for (const { problem, sql } of rules) {
    for (const found of db.prepare<[], string | number>(sql).pluck().all()) {
      tell(`${problem}: ${found}`);
    }
  }
  await checkContents(db, blobs, tell);
  return problems;
}

async function checkContents(
  db: Database,
  blobs: BlobFiles,
  tell: (problem: string) => void,
): Promise<void> {
  const inline = db.prepare<[number], { no: number; digest: Buffer; bytes: Buffer }>(
    "SELECT no, digest, bytes FROM content WHERE bytes IS NOT NULL AND no > ? ORDER BY no LIMIT 1",
  );
  for (let row = inline.get(0); row !== undefined; row = inline.get(row.no)) {
    if (!createHash("sha256").update(row.bytes).digest().equals(row.digest)) {
      tell(`content ${row.no} is not what its digest says`);
    }
  }
  const named = db.prepare<[], { digest: Buffer; size: number }>(
    "SELECT DISTINCT digest, size FROM content WHERE bytes IS NULL",
  );
  const isNamed = db
    .prepare<[Buffer], number>("SELECT 1 FROM content WHERE digest = ? AND bytes IS NULL")
    .pluck();
  for (const { digest, size } of named.all()) {
    const problem = await blobProblem(blobs, { digest, size });
    // A server that runs meanwhile may have dropped the content, and then its blob.
    if (problem !== undefined && isNamed.get(digest) !== undefined) tell(problem);
  }
}

async function blobProblem(
  blobs: BlobFiles,
  { digest, size }: { readonly digest: Buffer; readonly size: number },
): Promise<string | undefined> {
  const name = digest.toString("hex");
  const found = await blobs.size(name);
  if (found === undefined) return `blob ${name} is missing`;
  if (found !== size) return `blob ${name} has ${found} bytes, not ${size}`;
  try {
    const isSame = (await digestOf(blobs.path(name))).equals(digest);
    return isSame ? undefined : `blob ${name} is damaged`;
  } catch (error) {
    // Collected between the two looks, or a disk that cannot read it.
    return `blob ${name} cannot be read: ${(error as { code?: unknown }).code}`;
  }
}

async function digestOf(path: string): Promise<Buffer> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer);
  return hash.digest();
}
