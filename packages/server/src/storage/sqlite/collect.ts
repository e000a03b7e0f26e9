/** Drops what is past its time, in slices, and blobs that nothing names any more. */
import type { CollectLimits, CollectResult } from "../storage.ts";
import type { Blobs } from "./blobs.ts";
import type { Counters } from "./counters.ts";
import type { Database } from "./database.ts";
import { thinVersions } from "./thin-versions.ts";

/** Rows of one kind that one call drops at most: a call is one unit, and others wait behind it. */
const rowsMax = 500;
/** Blobs that one call looks at. */
const blobsMax = 100_000;

/** The rows' part: one unit. */
export function collectRows(
  db: Database,
  counters: Counters,
): (limits: CollectLimits, now: number) => Omit<CollectResult, "blobs"> {
  const thin = thinVersions(db);
  // Old enough, and enough newer ones are kept.
  const oldVersions = db.prepare<
    [number, number, number],
    { document_no: number; rev: number; content_no: number }
  >(
    `SELECT v.document_no, v.rev, v.content_no FROM version v INDEXED BY version_at
       WHERE v.at < ? AND (SELECT count(*) FROM version n WHERE n.document_no = v.document_no AND n.rev > v.rev) >= ?
       AND EXISTS (SELECT 1 FROM document d WHERE d.no = v.document_no) LIMIT ? + 0`,
  );
  const versionsOfGone = db.prepare<
    [number],
    { document_no: number; rev: number; content_no: number }
  >(
    `SELECT v.document_no, v.rev, v.content_no FROM version v
       WHERE NOT EXISTS (SELECT 1 FROM document d WHERE d.no = v.document_no)
       AND NOT EXISTS (SELECT 1 FROM tombstone s WHERE s.id = v.id) LIMIT ? + 0`,
  );
  const deleteVersion = db.prepare<[number, number]>(
    "DELETE FROM version WHERE document_no = ? AND rev = ?",
  );
  const deleteContent = db.prepare<{ content: number; document: number }>(
    `DELETE FROM content WHERE no = @content
       AND NOT EXISTS (SELECT 1 FROM version WHERE document_no = @document AND content_no = @content)
       AND NOT EXISTS (SELECT 1 FROM document WHERE no = @document AND content_no = @content)`,
  );
  const oldTombstones = db.prepare<[number, number], { seq: number; tag_no: number }>(
    "SELECT seq, tag_no FROM tombstone WHERE deleted_at < ? ORDER BY seq LIMIT ? + 0",
  );
  const deleteTombstone = db.prepare<[number, number]>(
    "DELETE FROM tombstone WHERE seq = ? AND tag_no = ?",
  );
  const deleteReplies = db.prepare<[number, number]>(
    "DELETE FROM reply WHERE scope IN (SELECT scope FROM reply WHERE at < ? LIMIT ? + 0)",
  );

  return (limits, now) => {
    const tombstones = oldTombstones.all(now - limits.tombstoneAgeMs, rowsMax);
    for (const { seq, tag_no } of tombstones) {
      deleteTombstone.run(seq, tag_no);
      counters.raiseHorizon(seq);
    }
    const thinned = thin(limits, now);
    const versions = [
      ...thinned.versions,
      ...oldVersions.all(now - limits.versionAgeMs, limits.versionsKept - 1, rowsMax),
      ...versionsOfGone.all(rowsMax),
    ];
    for (const { document_no, rev, content_no } of versions) {
      deleteVersion.run(document_no, rev);
      deleteContent.run({ content: content_no, document: document_no });
    }
    const replies = deleteReplies.run(now - limits.replyAgeMs, rowsMax).changes;
    return {
      versions: versions.length,
      tombstones: tombstones.length,
      replies,
      hasMore: thinned.hasMore,
    };
  };
}

/** The blobs' part. */
export async function collectBlobs(
  db: Database,
  blobs: Blobs,
  limits: CollectLimits,
): Promise<number> {
  const named = db
    .prepare<[Buffer], number>("SELECT 1 FROM content WHERE digest = ? AND bytes IS NULL LIMIT 1")
    .pluck();
  const isNamed = (digest: string) => named.get(Buffer.from(digest, "hex")) !== undefined;
  let looked = 0;
  let removed = 0;
  for await (const digest of blobs.list()) {
    looked += 1;
    if (looked > blobsMax) break;
    if (isNamed(digest)) continue;
    if (await blobs.removeUnused(digest, limits.blobAgeMs, isNamed)) removed += 1;
  }
  return removed;
}
