import type { EntryView, Plan, RemoteVersion } from "@smfs/store";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { reconcile } from "./reconcile.ts";
import { baseView, entryView, hashOf, remoteVersion, remoteView } from "./testing/views.ts";

const options = { epoch: "me" };
const descendant = remoteVersion({
  rev: "you:3",
  chain: ["me:1"],
  stampRev: "you:3",
  hash: hashOf.b,
});
const concurrent = remoteVersion({ rev: "you:3", chain: [], stampRev: "you:3", hash: hashOf.b });

function plan(entry: EntryView | null, remote: RemoteVersion): Plan {
  return reconcile(remoteView({ entry }), { kind: "version", remote }, options);
}

test("[PULL-4] whatever is dirty or in flight is touched by no plan, whatever was observed", async () => {
  const dirty = fc.constantFrom<Partial<EntryView>>(
    { localVer: 11, bytesVer: 11 },
    { writers: true },
    { hasOp: true },
    { movedAbove: true },
    { state: "deleted", localVer: 11 },
    { localVer: 11, bytesVer: 11, writers: true, stub: false },
  );
  const remote = fc.record({
    rev: fc.constantFrom("me:1", "me:0", "you:3", `x:${hashOf.b}`),
    stampRev: fc.constantFrom("me:1", "me:0", "you:3", null),
    chain: fc.constantFrom<readonly string[]>([], ["me:1"], ["me:0"]),
    hash: fc.constantFrom(hashOf.a, hashOf.b),
    path: fc.constantFrom("/f", "/g"),
    status: fc.constantFrom("done", "queued", "failed"),
    srev: fc.constantFrom(null, 1, 9),
    updatedAt: fc.string(),
  });
  const known = fc.constantFrom(null, 5);
  await fc.assert(
    fc.property(dirty, remote, known, (changes, seen, srev) => {
      const entry = entryView({ ...changes, base: baseView({ srev }) });
      const made = plan(entry, remoteVersion(seen));
      // "arrive" moves base onto bytes and path that are already here.
      expect(["ignore", "defer", "arrive"]).toContain(made.do);
      if (made.do === "arrive") expect(entry.bytesVer).toBeLessThanOrEqual(entry.baseVer);
    }),
  );
});

test("[PULL-4] a clean entry: same is noted, descends is taken, regress is asserted again", () => {
  expect(plan(entryView(), remoteVersion()).do).toBe("observe");
  expect(plan(entryView(), descendant).do).toBe("fast-forward");
  const old = remoteVersion({ rev: "me:0", chain: [], stampRev: "me:0", hash: hashOf.c });
  expect(plan(entryView(), old).do).toBe("reassert");
  expect(plan(entryView({ stub: true }), old).do).toBe("fast-forward");
});

test("[PULL-7] concurrent: our own bytes are split off, another's go to the trash, equal ones are no conflict", () => {
  expect(plan(entryView(), concurrent).do).toBe("split");
  expect(plan(entryView({ base: baseView({ isMine: false }) }), concurrent).do).toBe("displace");
  expect(plan(entryView(), { ...concurrent, hash: hashOf.a }).do).toBe("fast-forward");
});

test("[PULL-2] what is not done is deferred, never applied", () => {
  for (const status of ["queued", "extracting", "failed", "unknown"]) {
    expect(plan(entryView(), { ...descendant, status }).do).toBe("defer");
    expect(plan(null, { ...descendant, status }).do).toBe("defer");
  }
});

test("[PULL-5] a tombstone takes a clean entry, and one that was only renamed; bytes of the user's stay", () => {
  const seen = { kind: "tombstone", docId: "doc", srev: null } as const;
  const on = (changes: Partial<EntryView>) =>
    reconcile(remoteView({ entry: entryView(changes) }), seen, options).do;
  expect(on({})).toBe("vanish");
  expect(on({ localVer: 11 })).toBe("vanish");
  expect(on({ localVer: 11, bytesVer: 11 })).toBe("defer");
  expect(on({ writers: true })).toBe("defer");
  expect(on({ hasOp: true })).toBe("defer");
  expect(on({ state: "deleted", localVer: 11 })).toBe("ignore");
  expect(reconcile(remoteView({ entry: null }), seen, options).do).toBe("ignore");
});

test("[PULL-5] absence alone removes nothing; what the server lost is sent again", () => {
  const absent = { kind: "absent", docId: "doc" } as const;
  expect(reconcile(remoteView(), absent, options).do).toBe("ignore");
  const lost = { kind: "lost", docId: "doc" } as const;
  expect(reconcile(remoteView(), lost, options).do).toBe("resend");
  expect(reconcile(remoteView({ entry: entryView({ stub: true }) }), lost, options).do).toBe(
    "vanish",
  );
});

test("[RELATION-1] a stale observation of a deleted document brings nothing back; a restored one does", () => {
  const tomb = { docId: "doc", srev: 5, rev: "me:1" };
  const on = (srev: number) =>
    reconcile(
      remoteView({ entry: null, tomb }),
      { kind: "version", remote: remoteVersion({ srev }) },
      options,
    ).do;
  expect(on(5)).toBe("ignore");
  expect(on(7)).toBe("materialise");
});

test("[PUSH-10] a deleted file that a late request of ours brought back is deleted again; a foreign one is shown", () => {
  const tomb = { docId: "doc", srev: null, rev: "me:1" };
  const on = (remote: RemoteVersion) =>
    reconcile(remoteView({ entry: null, tomb }), { kind: "version", remote }, options).do;
  expect(on(remoteVersion({ docId: "doc2" }))).toBe("delete-again");
  expect(on(remoteVersion({ docId: "doc2", rev: "you:1", stampRev: "you:1" }))).toBe("materialise");
});

test("[PULL-2] a new document waits for a path that a file of ours, not sent yet, holds; another document's gives an alias", () => {
  const at = (holder: Parameters<typeof remoteView>[0]) =>
    reconcile(
      remoteView({ entry: null, ...holder }),
      { kind: "version", remote: remoteVersion() },
      options,
    );
  const file = {
    kind: "entry",
    fid: "e",
    hasOp: false,
    isDirectory: false,
    isLocalOnly: false,
  } as const;
  expect(at({ holder: { ...file, docId: null } }).do).toBe("defer");
  expect(at({ holder: { ...file, docId: null, isLocalOnly: true } })).toMatchObject({
    do: "materialise",
    alias: true,
  });
  expect(at({ holder: { ...file, docId: "other" } })).toMatchObject({
    do: "materialise",
    alias: true,
  });
  expect(at({ holder: { kind: "blocked" } })).toMatchObject({ do: "materialise", alias: true });
  expect(at({ holder: { kind: "free" } })).toMatchObject({ do: "materialise", alias: false });
});

test("[PULL-10] a deletion that is told while an attempt is in progress is kept until that has ended", () => {
  const gone = { kind: "tombstone", docId: "doc", srev: 7 } as const;
  const decide = (changes: Partial<EntryView>): Plan =>
    reconcile(remoteView({ entry: entryView(changes) }), gone, options);
  expect(decide({ hasOp: true })).toMatchObject({ do: "defer", isDeletion: true });
  // Also our own deletion's: what it was told before may bring the entry back.
  expect(decide({ state: "deleted", hasOp: true })).toMatchObject({
    do: "defer",
    isDeletion: true,
  });
  expect(decide({ state: "deleted" }).do).toBe("ignore");
});

test("[AGREE-10] a late creation of another file of ours does not replace what stands at its path", () => {
  const entry = entryView({ base: baseView() });
  const late = {
    rev: "me:5",
    stampRev: "me:5",
    chain: [],
    hash: hashOf.c,
    fid: `other than ${entry.fid}`,
  };
  expect(plan(entry, remoteVersion(late)).do).toBe("reassert");
  expect(plan(entry, remoteVersion({ ...late, rev: "you:0", stampRev: "you:0" })).do).not.toBe(
    "reassert",
  );
  expect(plan(entry, remoteVersion({ ...late, rev: "me:7", fid: entry.fid })).do).not.toBe(
    "reassert",
  );
});
