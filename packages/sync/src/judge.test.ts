import type { RemoteVersion } from "@smfs/store";
import { expect, test } from "vitest";
import { judge } from "./judge.ts";
import type { Look } from "./look.ts";
import { baseView, hashOf, opView, remoteVersion } from "./testing/views.ts";

function look(remote: RemoteVersion | undefined, status = "done"): Look {
  const document = {
    id: "doc",
    customId: null,
    filepath: "/f",
    status,
    type: null,
    metadata: null,
    updatedAt: "1",
    url: null,
    content: null,
    rev: null,
    contentHash: null,
    size: null,
    dreamingStatus: null,
  };
  return { status, remote, bytes: undefined, document };
}

const ours = remoteVersion({ rev: "me:12", stampRev: "me:12", hash: hashOf.b, chain: ["me:1"] });

test("[PUSH-3] our bytes, path and revision there: the attempt landed", () => {
  expect(judge(opView(), look(ours), false).kind).toBe("landed");
});

test("[PUSH-3] our bytes under the old path are moved, not sent again", () => {
  expect(judge(opView({ path: "/g" }), look(ours), false).kind).toBe("move");
});

test("[PUSH-8] our bytes under another path, on a server that takes both at once, were moved by somebody", () => {
  const moved = { ...ours, srev: 5, path: "/g" };
  expect(judge(opView({ base: baseView({ srev: 4 }) }), look(moved), true).kind).toBe("resolve");
});

test("[PUSH-3] base there: nothing was carried out, and it is sent", () => {
  expect(judge(opView(), look(remoteVersion()), false).kind).toBe("send");
});

test("[PUSH-3] the same bytes, path and attributes from somebody else are no conflict", () => {
  const theirs = remoteVersion({ rev: "you:3", chain: [], hash: hashOf.b });
  expect(judge(opView(), look(theirs), false).kind).toBe("landed");
});

test("[PUSH-3] an unstamped document with our bytes has not landed: our attributes are not there", () => {
  const theirs = remoteVersion({
    rev: "x:1",
    chain: [],
    stampRev: null,
    hash: hashOf.b,
    attrs: { kind: "file" },
  });
  expect(judge(opView({ base: null }), look(theirs), false).kind).toBe("resolve");
});

test("[PUSH-3] a version that names ours in its chain was built on it", () => {
  const theirs = remoteVersion({ rev: "you:3", chain: ["me:12", "me:1"], hash: hashOf.c });
  expect(judge(opView(), look(theirs), false).kind).toBe("built-on");
});

test("[PUSH-3] an ancestor of base is a late request: ours is asserted again", () => {
  const old = remoteVersion({ rev: "me:0", chain: [], stampRev: "me:0", hash: hashOf.c });
  expect(judge(opView(), look(old), false).kind).toBe("send");
  expect(
    judge(opView({ withBytes: false, hash: hashOf.a, path: "/g" }), look(old), false).kind,
  ).toBe("reassert");
});

test("[PUSH-6] a document in processing is waited for and never written to", () => {
  expect(judge(opView(), look(ours, "extracting"), false).kind).toBe("wait");
  expect(judge(opView(), look(undefined, "queued"), false).kind).toBe("wait");
  expect(judge(opView(), look(undefined, "failed"), false).kind).toBe("failed");
});

test("[PUSH-15] what failed in processing is sent again, unless it is somebody else's", () => {
  const theirs = remoteVersion({
    rev: `x:${hashOf.c}`,
    chain: [],
    stampRev: "me:1",
    hash: hashOf.c,
  });
  const deletion = opView({ kind: "delete", withBytes: false, hash: hashOf.a });
  for (const op of [opView(), deletion]) {
    expect(judge(op, look(theirs, "failed"), false).kind).toBe("resolve");
    expect(judge(op, look(remoteVersion(), "failed"), false).kind).toBe("failed");
  }
  expect(judge(opView(), look(ours, "failed"), false).kind).toBe("failed");
});

test("[PUSH-7] done is not enough: other bytes under our stamp settle nothing", () => {
  const changed = remoteVersion({
    rev: `x:${hashOf.c}`,
    chain: [],
    stampRev: "me:12",
    hash: hashOf.c,
  });
  expect(judge(opView(), look(changed), false).kind).toBe("changed");
});

test("[PUSH-8] other bytes under the stamp of an attempt that sent none are somebody's", () => {
  const under = { rev: `x:${hashOf.c}`, chain: [], stampRev: "me:12", hash: hashOf.c };
  const renamed = opView({ withBytes: false, hash: hashOf.a, path: "/g" });
  expect(judge(renamed, look(remoteVersion(under)), false).kind).toBe("resolve");
});

test("[PUSH-8] another version than base is resolved", () => {
  const theirs = remoteVersion({
    rev: "you:3",
    chain: ["me:1"],
    stampRev: "you:3",
    hash: hashOf.c,
  });
  expect(judge(opView(), look(theirs), false).kind).toBe("resolve");
  const counted = opView({ base: baseView({ srev: 4 }) });
  expect(judge(counted, look({ ...theirs, srev: 5 }), true).kind).toBe("resolve");
});

test("[PUSH-10] a deletion is sent only at base; an edit there is resolved", () => {
  const deletion = opView({ kind: "delete", withBytes: false, hash: hashOf.a });
  expect(judge(deletion, look(remoteVersion()), false).kind).toBe("send");
  const edited = remoteVersion({
    rev: "you:3",
    chain: ["me:1"],
    stampRev: "you:3",
    hash: hashOf.c,
  });
  expect(judge(deletion, look(edited), false).kind).toBe("resolve");
});
