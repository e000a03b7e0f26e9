import type { RemoteDocument } from "@smfs/api";
import { toContentHash } from "@smfs/core";
import { expect, test } from "vitest";
import { fromChange, fromDocument, toStamp } from "./stamp.ts";
import { hashOf, opView } from "./testing/views.ts";

function documentWith(metadata: RemoteDocument["metadata"]): RemoteDocument {
  return {
    id: "doc",
    customId: "n_cid",
    filepath: "/f",
    status: "done",
    type: "text",
    metadata,
    updatedAt: "2026-01-01T00:00:00.000Z",
    url: null,
    content: "abc",
    rev: 7,
    contentHash: toContentHash(hashOf.a),
    size: 3,
    dreamingStatus: null,
  };
}

const seen = {
  etag: '"r7"',
  date: "Thu, 01 Jan 2026 00:00:10 GMT",
  counts: false,
  hash: hashOf.b,
  size: 3,
};

test("[STAMP-1] what is stamped is read back", () => {
  const op = opView({ attrs: { kind: "symlink", target: "ä/b" } });
  const read = fromDocument(documentWith(toStamp(op, "me") as RemoteDocument["metadata"]), seen);
  expect(read).toMatchObject({
    rev: op.opId,
    chain: op.chain,
    fid: op.fid,
    by: "me",
    attrs: { kind: "symlink", target: "ä/b" },
  });
});

test("[STAMP-2] a stamp is not believed for bytes whose digest it does not name", () => {
  const stamp = toStamp(opView(), "me") as RemoteDocument["metadata"];
  const read = fromDocument(documentWith(stamp), { ...seen, hash: hashOf.c });
  expect(read).toMatchObject({ rev: `x:${hashOf.c}`, chain: [], stampRev: "me:12" });
});

test("[STAMP-2] metadata of strangers is read as far as it has our form", () => {
  const read = fromDocument(
    documentWith({
      sfs_mode: "999",
      sfs_mtime: "soon",
      sfs_kind: "fifo",
      sfs_target: "/etc/passwd",
    }),
    seen,
  );
  expect(read?.attrs).toEqual({ kind: "file" });
});

test("[PULL-3] an observation is settled when the server's clock is well past the document's time", () => {
  const young = { ...seen, date: "Thu, 01 Jan 2026 00:00:02 GMT" };
  expect(fromDocument(documentWith(null), seen)?.settled).toBe(true);
  expect(fromDocument(documentWith(null), young)?.settled).toBe(false);
  expect(fromDocument(documentWith(null), { ...seen, date: null })?.settled).toBe(false);
});

test("[RELATION-1] a feed entry says number, digest and size; one without a digest says nothing", () => {
  const change = {
    seq: 1,
    type: "upsert",
    id: "doc",
    customId: null,
    rev: 7,
    filepath: "/f",
    contentHash: toContentHash(hashOf.a),
    size: 3,
    status: "queued",
    updatedAt: null,
    metadata: null,
    origin: null,
  };
  expect(fromChange(change)).toMatchObject({
    srev: 7,
    etag: '"r7"',
    hash: hashOf.a,
    status: "done",
  });
  expect(fromChange({ ...change, contentHash: null })).toBeUndefined();
});
