import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createApiKey, listApiKeys, revokeApiKey } from "./api-keys.ts";
import { backUpData, checkData, NoDataError, restoreData } from "./backup.ts";
import { blobPath } from "./storage/sqlite/blobs.ts";
import { DataLockedError } from "./storage/sqlite/data-lock.ts";
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
  const [size] = await Promise.all([backUpData(t.dataDir, copy), ...writes]);
  expect(size.documents).toBeGreaterThanOrEqual(1);
  expect(size.bytes).toBeGreaterThan(100_000);
  const dataDir = join(dir, "restored");
  expect(await restoreData({ dataDir, ...tools }, copy)).toEqual({
    documents: size.documents,
    bytes: expect.any(Number),
    problems: [],
    isInPlace: true,
    previous: undefined,
  });
  expect((await readdir(dataDir)).filter((name) => name.includes("unfinished"))).toEqual([]);
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

test("[SERVER-200] a restore over data moves it aside, whole, and not while a server runs on it", async () => {
  await put("/old", "of the copy");
  const copy = join(dir, "copy");
  await backUpData(t.dataDir, copy);
  await put("/new", "written after the copy");
  await writeFile(join(t.dataDir, "key"), "the key\n");
  const options = { dataDir: t.dataDir, ...tools, replace: true, keep: ["key", "absent"] };
  await expect(restoreData(options, copy)).rejects.toThrow(DataLockedError);
  await t.server.close();
  await mkdir(`${t.dataDir}.restoring`);
  const { previous, isInPlace } = await restoreData(options, copy);
  expect(isInPlace).toBe(true);
  expect(previous).toBe(`${t.dataDir}.before-restore-1`);
  expect(await readFile(join(t.dataDir, "key"), "utf8")).toBe("the key\n");
  expect(existsSync(`${t.dataDir}.restoring`)).toBe(false);
  const paths = async (dataDir: string) => {
    const opened = await openTestServer({ dataDir });
    const { json } = await opened.call("POST", "/v3/documents/list", { containerTags: ["work"] });
    await opened.server.close();
    return json.memories.map((row: { filepath: string }) => row.filepath).sort();
  };
  expect(await paths(t.dataDir)).toEqual(["/old"]);
  expect(await paths(previous ?? "")).toEqual(["/new", "/old"]);
  await rm(previous ?? "", { recursive: true });
  // What is empty needs nothing moved.
  const dataDir = join(dir, "empty");
  await mkdir(dataDir);
  const fresh = await restoreData({ ...options, dataDir }, copy);
  expect(fresh).toMatchObject({ isInPlace: true, previous: undefined });
});

test("[SERVER-201] a copy with damage takes nobody's place, unless it is all there is", async () => {
  await put("/a", "a".repeat(100_000));
  const copy = join(dir, "copy");
  await backUpData(t.dataDir, copy);
  const { digest } = (await t.server.storage.documentByPath("work", "/a"))!.content;
  await writeFile(blobPath(copy, digest), "b".repeat(100_000));
  const dataDir = join(dir, "restored");
  const refused = await restoreData({ dataDir, ...tools }, copy);
  expect(refused).toMatchObject({ isInPlace: false, problems: [`blob ${digest} is damaged`] });
  expect(await readdir(dataDir)).toEqual([]);
  const forced = await restoreData({ dataDir, ...tools, force: true }, copy);
  expect(forced).toMatchObject({ isInPlace: true, problems: [`blob ${digest} is damaged`] });
  await t.server.close();
  const replaced = await restoreData({ dataDir: t.dataDir, ...tools, replace: true }, copy);
  expect(replaced.isInPlace).toBe(false);
  expect(await checkData({ dataDir: t.dataDir, ...tools })).toEqual([]);
  await rm(`${t.dataDir}.restoring`, { recursive: true });
});

test("[SERVER-202] a copy that was broken off is no data directory", async () => {
  await put("/a", "a".repeat(100_000));
  const { digest } = (await t.server.storage.documentByPath("work", "/a"))!.content;
  await unlink(blobPath(t.dataDir, digest));
  const copy = join(dir, "copy");
  await expect(backUpData(t.dataDir, copy)).rejects.toThrow("integrity check");
  expect(existsSync(join(copy, "server.sqlite"))).toBe(false);
  const restore = restoreData({ dataDir: join(dir, "restored"), ...tools }, copy);
  await expect(restore).rejects.toThrow(NoDataError);
  expect(existsSync(join(dir, "restored"))).toBe(false);
});

test("[SERVER-115] the check works beside a server, and on a database that cannot be opened", async () => {
  await put("/a", "a".repeat(100_000));
  const options = { dataDir: t.dataDir, ...tools };
  const writes = Array.from({ length: 100 }, (_, i) => put(`/w/${i}`, `${i}`.repeat(70_000)));
  expect(await checkData(options)).toEqual([]);
  await Promise.all(writes);
  const { digest } = (await t.server.storage.documentByPath("work", "/a"))!.content;
  await writeFile(blobPath(t.dataDir, digest), "B".repeat(100_000));
  expect(await checkData(options)).toEqual([`blob ${digest} is damaged`]);
  const broken = join(dir, "broken");
  await mkdir(broken);
  await writeFile(join(broken, "server.sqlite"), "this is no database".repeat(1000));
  expect(await checkData({ ...options, dataDir: broken })).toEqual([
    expect.stringMatching(/^the database cannot be opened: /),
  ]);
  await expect(checkData({ ...options, dataDir: dir })).rejects.toThrow(NoDataError);
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
  await expect(createApiKey(options, { name: "a\nb" })).rejects.toThrow("in one line");
  await expect(createApiKey(options, { name: "x", lifetimeMs: 0 })).rejects.toThrow("no time");
});

test("[SERVER-116] a key may come before the first start; where there is no data there are no keys", async () => {
  const options = { dataDir: join(dir, "early"), ...tools };
  expect(await listApiKeys(options)).toEqual([]);
  expect(await revokeApiKey(options, "x")).toBe(false);
  expect(existsSync(options.dataDir)).toBe(false);
  const { key } = await createApiKey(options, { name: "early" });
  const early = await openTestServer({ dataDir: options.dataDir });
  const headers = { authorization: `Bearer ${key}` };
  expect((await early.call("GET", "/v3/session", undefined, headers)).status).toBe(200);
  await early.close();
});
