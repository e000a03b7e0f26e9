import type { FileWorker, StorePort } from "@smfs/store";
import { expect, test } from "vitest";
import { noCapabilities } from "./capabilities.ts";
import type { Contents } from "./content.ts";
import type { Look } from "./look.ts";
import { Resolver, resolutionOf } from "./resolver.ts";
import { baseView, entryView, hashOf, opView, remoteVersion } from "./testing/views.ts";

const dirty = entryView({ localVer: 12, bytesVer: 12, hasOp: true });

test("[PUSH-8] bytes changed on one side take that side's; on both they are kept both unless they are equal", () => {
  const view = { entry: dirty, op: opView(), localHash: hashOf.b };
  expect(resolutionOf(view, remoteVersion({ path: "/g" }))).toBe("local");
  expect(resolutionOf(view, remoteVersion({ hash: hashOf.b }))).toBe("local");
  expect(resolutionOf(view, remoteVersion({ hash: hashOf.c }))).toBe("split");
  const renamed = { ...view, entry: entryView({ localVer: 12, bytesVer: 10, hasOp: true }) };
  const built = remoteVersion({ hash: hashOf.c, rev: "you:2", chain: ["me:1"] });
  expect(resolutionOf(renamed, built)).toBe("remote");
});

test("[PUSH-8] without a base, different bytes are a conflict", () => {
  const view = { entry: dirty, op: opView({ base: null }), localHash: hashOf.b };
  expect(resolutionOf(view, remoteVersion({ hash: hashOf.c }))).toBe("split");
  expect(resolutionOf(view, remoteVersion({ hash: hashOf.b }))).toBe("local");
});

test("[PUSH-10] a deletion against an edit: the edit comes back", () => {
  const entry = entryView({ state: "deleted", localVer: 12, hasOp: true });
  const view = { entry, op: opView({ kind: "delete" }), localHash: null };
  expect(resolutionOf(view, remoteVersion({ hash: hashOf.c }))).toBe("remote");
});

test("[PULL-7, PUSH-8] a version made from something else than base does not replace bytes unseen", () => {
  const entry = entryView({ localVer: 12, bytesVer: 10, hasOp: true });
  const view = { entry, op: opView({ withBytes: false }), localHash: hashOf.a };
  const stranger = { rev: "you:1", stampRev: "you:1", chain: [], hash: hashOf.c };
  expect(resolutionOf(view, remoteVersion(stranger))).toBe("split");
  expect(resolutionOf(view, remoteVersion({ ...stranger, chain: ["me:1"] }))).toBe("remote");
  const stub = { ...view, entry: { ...entry, stub: true } };
  expect(resolutionOf(stub, remoteVersion(stranger))).toBe("remote");
});

test("[PUSH-13] an attempt whose file was written while it was resolved is not given again before it is over", async () => {
  const view = { entry: dirty, op: opView(), localHash: hashOf.b };
  const asked: string[] = [];
  const port = new Proxy({} as StorePort, {
    get: (_, name: string) => {
      const answers: Record<string, unknown> = { resolveView: view, resolve: "stale" };
      return () => {
        asked.push(name);
        return Promise.resolve(answers[name]);
      };
    },
  });
  const parts = { port, contents: {} as Contents, worker: {} as FileWorker };
  const resolver = new Resolver({ ...parts, capabilities: () => noCapabilities });
  const remote = remoteVersion({ path: "/g" });
  expect(await resolver.resolve(opView(), remote, {} as Look)).toBe("stale");
  expect(asked).toEqual(["resolveView", "resolve"]);
});

test("[PUSH-8] a working file that goes while both sides are read is no merge, and no fault", async () => {
  const op = opView({ base: baseView({ blob: hashOf.a }) });
  const view = { entry: dirty, op, localHash: hashOf.b };
  const hows: unknown[] = [];
  const port = {
    resolveView: () => Promise.resolve(view),
    resolve: (...[, , , , how]: unknown[]) => {
      hows.push(how);
      return Promise.resolve("stale");
    },
  } as unknown as StorePort;
  const gone = Object.assign(new Error("ENOENT: work/2"), { code: "ENOENT" });
  const worker = {
    snapshot: () => Promise.reject(gone),
    readBlob: () => Promise.resolve(new Uint8Array(1)),
  } as unknown as FileWorker;
  const contents = { keep: () => Promise.resolve({ blob: hashOf.c, size: 1 }) };
  const resolver = new Resolver({
    port,
    contents: contents as unknown as Contents,
    worker,
    capabilities: () => noCapabilities,
  });
  const remote = remoteVersion({ rev: "you:3", chain: ["me:1"], hash: hashOf.c, size: 1 });
  const look = { bytes: new Uint8Array(1) } as Look;
  expect(await resolver.resolve(op, remote, look)).toBe("stale");
  expect(hows).toEqual([{ kind: "split" }]);
});
