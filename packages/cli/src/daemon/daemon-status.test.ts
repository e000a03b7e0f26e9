import type { EngineStatus } from "@smfs/sync";
import { expect, test } from "vitest";
import type { DaemonSettings } from "./daemon-settings.ts";
import { type DaemonFacts, toDaemonStatus } from "./daemon-status.ts";

const engine = {
  connection: { state: "online", message: null },
  capabilities: {},
  store: {
    dirtyCount: 0,
    inFlightCount: 0,
    pendingRemoteCount: 0,
    entryCount: 3,
    stubCount: 1,
    refusedCount: 0,
    waiting: [],
    problems: [{ path: "/a", message: "refused", atMs: 1 }],
    conflicts: [],
    heldOpen: [],
    ignored: { count: 0, examples: [] },
  },
  userId: null,
  userName: null,
  orgName: null,
} as unknown as EngineStatus;

const settings = {
  container: "notes",
  account: { userId: "u", userName: "n", orgName: "o" },
  server: { keyFile: null, embedded: true },
  push: true,
  pull: true,
  readOnly: false,
  cacheBytes: 1024,
} as unknown as DaemonSettings;

const facts: DaemonFacts = {
  apiUrl: "http://127.0.0.1:1",
  uptimeS: 1.4,
  lastSafeMs: 0,
  requestsByReads: 0,
  cacheUsedBytes: 512,
  failure: undefined,
  search: null,
};

test("[CLI-28] a disk that has failed under the store is the first problem of a status", () => {
  const well = toDaemonStatus(settings, engine, facts);
  expect(well.problems).toEqual([{ path: "/a", message: "refused" }]);
  expect(well).toMatchObject({ cacheSize: 1024, cacheUsed: 512, readOnly: false, stubs: 1 });
  const { problems } = toDaemonStatus(settings, engine, { ...facts, failure: "SQLITE_IOERR" });
  expect(problems).toHaveLength(2);
  expect(problems[0]).toMatchObject({ path: null });
  expect(problems[0]?.message).toMatch(/SQLITE_IOERR.*nothing can be written.*doctor/);
});
