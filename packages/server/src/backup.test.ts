import { mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createApiKey, listApiKeys, revokeApiKey } from "./api-keys.ts";
import { backUpData, checkData, restoreData } from "./backup.ts";
import { blobPath } from "./storage/sqlite/blobs.ts";
import { openTestServer, type TestServer } from "./testing/test-server.ts";

let t: TestServer;
let dir: string;
beforeEach(async () => {
  t = await openTestServer();
  dir = await mkdtemp(join(tmpdir(), "smfs-backup-"));
});
afterEach(async () => {
  await t.close();
  await rm(dir, { recursive: true, force: true });
});

const tools = { clock: systemClock, random: systemRandom, logger: silentLogger };
const put = (path: string, body: string) => t.call("PUT", `/ext/v1/fs/work${path}`, body);

test("[SERVER-20] a backup made while writing is whole, and restored it is a new life of the same documents", async () => {
  await put("/big", "x".repeat(100_000));
  const before = (await t.call("GET", "/ext/v1/changes?containerTag=work")).json;
  const copy = join(dir, "copy");
  const writes = Array.from({ length: 200 }, (_, i) => put(`/w/${i}`, `${i}`));
  await Promise.all([backUpData(t.dataDir, copy), ...writes]);
  const dataDir = join(dir, "restored");
  expect(await restoreData({ dataDir, ...tools }, copy)).toEqual([]);
  const restored = await openTestServer({ dataDir });
  const big = await restored.call("GET", "/ext/v1/fs/work/big");
  expect(big.text.length).toBe(100_000);
  const session = (await restored.call("GET", "/v3/session")).json;
  expect(session.org).toEqual((await t.call("GET", "/v3/session")).json.org);
  const resume = await restored.call(
    "GET",
    `/ext/v1/changes?containerTag=work&since=${before.cursor}`,
  );
  expect([resume.status, resume.json.resync]).toEqual([410, true]);
  const list = await restored.call("POST", "/v3/documents/list", { containerTags: ["work"] });
  expect(list.json.pagination.totalItems).toBeGreaterThanOrEqual(1);
  await restored.close();
});

test("a backup into a directory with something in it is refused, and so is a restore over data", async () => {
  await writeFile(join(dir, "file"), "");
  await expect(backUpData(t.dataDir, dir)).rejects.toThrow("not empty");
  await expect(restoreData({ dataDir: dir, ...tools }, t.dataDir)).rejects.toThrow("not empty");
});

test("[SERVER-115] the check tells of bytes that are missing or damaged", async () => {
  await put("/a", "a".repeat(100_000));
  await put("/b", "b".repeat(100_000));
  const [a, b] = await Promise.all(
    ["/a", "/b"].map(
      async (path) => (await t.server.storage.documentByPath("work", path))!.content.digest,
    ),
  );
  await t.server.close();
  await unlink(blobPath(t.dataDir, a!));
  await writeFile(blobPath(t.dataDir, b!), "B".repeat(100_000));
  const problems = await checkData({ dataDir: t.dataDir, ...tools });
  expect(problems.sort()).toEqual([`blob ${a} is missing`, `blob ${b} is damaged`].sort());
});

test("[SERVER-116] keys are made, listed and revoked beside a running server, which heeds them at once", async () => {
  const options = { dataDir: t.dataDir, ...tools };
  const made = await createApiKey(options, {
    name: "reader",
    canWrite: false,
    containerTags: ["work"],
    pathPrefix: "/pub/",
    lifetimeMs: 60_000,
  });
  expect(made.key).toMatch(/^sm_\S{17,}$/);
  const headers = { authorization: `Bearer ${made.key}` };
  const session = await t.call("GET", "/v3/session", undefined, headers);
  expect(session.json.scope).toMatchObject({ type: "scoped", permission: "read", tags: ["work"] });
  const listed = await listApiKeys(options);
  expect(listed).toMatchObject([{ id: made.id, name: "reader", pathPrefix: "/pub/" }]);
  expect(JSON.stringify(listed)).not.toContain(made.key);
  expect(await revokeApiKey(options, made.id)).toBe(true);
  expect(await revokeApiKey(options, made.id)).toBe(false);
  expect((await t.call("GET", "/v3/session", undefined, headers)).status).toBe(401);
  await expect(createApiKey(options, { name: "x", pathPrefix: "/a" })).rejects.toThrow("directory");
  await expect(createApiKey(options, { name: "x", containerTags: ["a b"] })).rejects.toThrow(
    "container",
  );
});
