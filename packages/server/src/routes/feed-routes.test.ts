import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../testing/test-server.ts";

let t: TestServer;
beforeEach(async () => {
  t = await openTestServer();
});
afterEach(async () => {
  expect(t.errors).toEqual([]);
  await t.close();
});

const put = (id: string, path: string, text: string, headers = {}) =>
  t.call("PUT", `/ext/v1/documents/${id}/raw`, text, {
    "smfs-container": "work",
    "smfs-filepath": path,
    ...headers,
  });
const feed = async (query: Record<string, string> = {}) =>
  (
    await t.call(
      "GET",
      `/ext/v1/changes?${new URLSearchParams({ containerTag: "work", ...query })}`,
    )
  ).json;

describe("changes", () => {
  test("[SERVER-58] an entry carries what a stub needs: path, size, hash, metadata, custom id, who wrote", async () => {
    const made = await put("n_1", "/a.txt", "hello", {
      "smfs-metadata": '{"sfs_kind":"file","sfs_mode":"0644"}',
      "x-client-id": "laptop",
      "x-actor": "ada",
    });
    const { changes } = await feed();
    expect(changes).toEqual([
      {
        seq: 1,
        type: "upsert",
        id: made.json.id,
        customId: "n_1",
        rev: 1,
        filepath: "/a.txt",
        previousFilepath: null,
        contentHash: made.json.contentHash,
        size: 5,
        docType: "text",
        status: "done",
        metadata: { sfs_kind: "file", sfs_mode: "0644" },
        createdAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
        updatedAt: expect.stringMatching(/Z$/),
        origin: "laptop",
        actor: "ada",
        session: null,
      },
    ]);
  });

  test("[SERVER-59] after a cursor come the changes since, each document once, deletions included", async () => {
    await put("n_1", "/a", "1");
    await put("n_2", "/b", "2");
    const first = await feed();
    expect(first.hasMore).toBe(false);
    await put("n_1", "/a", "1b");
    await put("n_1", "/c", "1c");
    await t.call("DELETE", "/v3/documents/n_2", undefined, { "x-client-id": "desk" });
    const second = await feed({ since: first.cursor });
    expect(second.changes).toMatchObject([
      { type: "upsert", customId: "n_1", rev: 3, filepath: "/c", previousFilepath: "/a" },
      { type: "delete", customId: "n_2", filepath: "/b", reason: "deleted", origin: "desk" },
    ]);
    expect((await feed({ since: second.cursor })).changes).toEqual([]);
    expect((await feed({ since: "now" })).changes).toEqual([]);
  });

  test("pages follow one another without gap or repetition", async () => {
    for (let i = 0; i < 7; i += 1) await put(`n_${i}`, `/${i}`, "x");
    const seen: string[] = [];
    let since = "0";
    for (;;) {
      const page = await feed({ since, limit: "3" });
      seen.push(...page.changes.map((change: { customId: string }) => change.customId));
      since = page.cursor;
      if (!page.hasMore) break;
    }
    expect(seen).toEqual(["n_0", "n_1", "n_2", "n_3", "n_4", "n_5", "n_6"]);
  });

  test("[SERVER-60] a waiting reader is answered within milliseconds of the commit", async () => {
    const { cursor } = await feed({ since: "now" });
    const answered = feed({ since: cursor, wait: "20" }).then((page) => ({
      page,
      at: performance.now(),
    }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await put("n_1", "/a", "x");
    const written = performance.now();
    const { page, at } = await answered;
    expect(page.changes).toHaveLength(1);
    expect(at - written).toBeLessThan(50);
  });

  test("a wait that ends without a change is 200 with none, and so is a server that stops", async () => {
    const { cursor } = await feed({ since: "now" });
    const empty = await feed({ since: cursor, wait: "0.05" });
    expect([empty.changes, empty.hasMore]).toEqual([[], false]);
    const waiting = feed({ since: cursor, wait: "20" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const closing = t.server.close();
    expect((await waiting).changes).toEqual([]);
    await closing;
    await t.restart();
  });

  test("a reader that leaves out its own changes still moves past them", async () => {
    const { cursor } = await feed({ since: "now" });
    const waiting = feed({ since: cursor, wait: "20", excludeOrigin: "me" });
    await new Promise((resolve) => setTimeout(resolve, 10));
    await put("n_1", "/a", "x", { "x-client-id": "me" });
    await put("n_2", "/b", "x", { "x-client-id": "other" });
    expect((await waiting).changes).toMatchObject([{ customId: "n_2" }]);
  });

  test("[SERVER-61] a cursor of another database, of the future, or before the horizon is 410 with resync", async () => {
    await put("n_1", "/a", "x");
    const { cursor } = await feed();
    const foreign = Buffer.from("abcd:1").toString("base64url");
    const [epoch] = Buffer.from(cursor, "base64url").toString().split(":");
    const future = Buffer.from(`${epoch}:99`).toString("base64url");
    for (const since of [foreign, future]) {
      const answer = await t.call("GET", `/ext/v1/changes?containerTag=work&since=${since}`);
      expect([answer.status, answer.json.resync]).toEqual([410, true]);
    }
    expect((await t.call("GET", "/ext/v1/changes?since=garbage")).status).toBe(400);
    await t.call("DELETE", "/v3/documents/n_1");
    await t.server.storage.collect({
      versionsKept: 1,
      versionAgeMs: -1e6,
      thinWindowMs: 1,
      thinAgeMs: 1e9,
      tombstoneAgeMs: -1e6,
      replyAgeMs: -1,
      blobAgeMs: -1,
    });
    const expired = await t.call("GET", `/ext/v1/changes?containerTag=work&since=${cursor}`);
    expect(expired.status).toBe(410);
  });

  test("[SERVER-62] a document that leaves a container is deleted there, with the reason moved", async () => {
    await put("n_1", "/a", "x");
    const { cursor } = await feed();
    await t.call("PATCH", "/v3/documents/n_1", { containerTag: "other" });
    expect((await feed({ since: cursor })).changes).toMatchObject([
      { type: "delete", customId: "n_1", reason: "moved" },
    ]);
    expect((await feed({ containerTag: "other" })).changes).toMatchObject([{ type: "upsert" }]);
  });

  test("content comes along when asked for", async () => {
    await put("n_1", "/a", "hello");
    expect((await feed({ includeContent: "true" })).changes[0].content).toBe("hello");
  });
});

describe("snapshot", () => {
  test("[SERVER-63] pages of all live documents, and a feed cursor from before the first", async () => {
    for (let i = 0; i < 5; i += 1) await put(`n_${i}`, `/${i}`, "x");
    const page = async (query: string) =>
      (await t.call("GET", `/ext/v1/snapshot?containerTag=work&limit=2${query}`)).json;
    const first = await page("");
    // What happens while the pages are read is in the feed.
    await put("n_9", "/9", "x");
    await t.call("DELETE", "/v3/documents/n_3");
    const ids = [...first.documents];
    for (let next = first.next; next !== null; ) {
      const following = await page(`&after=${next}`);
      expect(following).not.toHaveProperty("feedCursor");
      ids.push(...following.documents);
      next = following.next;
    }
    expect(ids.map((document) => document.customId)).toEqual(["n_0", "n_1", "n_2", "n_4", "n_9"]);
    const rest = await feed({ since: first.feedCursor });
    expect(
      rest.changes.map((change: { type: string; customId: string }) => [
        change.type,
        change.customId,
      ]),
    ).toEqual([
      ["upsert", "n_9"],
      ["delete", "n_3"],
    ]);
  });
});

describe("move", () => {
  const move = (body: unknown) =>
    t.call("POST", "/ext/v1/move", { containerTag: "work", ...(body as object) });

  test("[SERVER-64] a directory moves with everything below it, all or nothing, each document with its next rev", async () => {
    await put("n_1", "/a/x", "1");
    await put("n_2", "/a/b/y", "2");
    await put("n_3", "/ab", "3");
    const answer = await move({ from: "/a/", to: "/z/q/" });
    expect(answer.json.moved).toMatchObject([
      { rev: 2, filepath: "/z/q/x", previousFilepath: "/a/x" },
      { rev: 2, filepath: "/z/q/b/y", previousFilepath: "/a/b/y" },
    ]);
    await put("n_4", "/t/b/y", "4");
    const conflict = await move({ from: "/z/q/", to: "/t/" });
    expect([conflict.status, conflict.json.current.customId]).toEqual([409, "n_4"]);
    expect((await t.call("GET", "/v3/documents/n_1")).json.filepath).toBe("/z/q/x");
    expect((await move({ from: "/z/", to: "/z/q/r/" })).status).toBe(400);
    expect((await move({ from: "/z/", to: "/y" })).status).toBe(400);
    expect((await move({ from: "/none/", to: "/y/" })).json).toEqual({ moved: [] });
  });

  test("[SERVER-65] one document moves under a condition; up a directory too", async () => {
    await put("n_1", "/a/b/x", "1");
    await put("n_2", "/a/b/b/x", "2");
    expect((await move({ from: "/a/b/x", to: "/q", ifMatch: '"r9"' })).status).toBe(412);
    expect((await move({ from: "/a/none", to: "/q" })).status).toBe(404);
    const up = await move({ from: "/a/b/", to: "/a/" });
    expect(up.json.moved.map((one: { filepath: string }) => one.filepath)).toEqual([
      "/a/x",
      "/a/b/x",
    ]);
    expect((await move({ from: "/a/x", to: "/q", ifMatch: '"r2"' })).status).toBe(200);
  });
});

test("[SERVER-141] a page with much content ends early, and the next one goes on there", async () => {
  for (let i = 0; i < 5; i += 1) await put(`n_${i}`, `/${i}`, "x".repeat(6 << 20));
  const sizes: number[] = [];
  for (let since = "0", more = true; more; ) {
    const page = await feed({ since, includeContent: "true" });
    sizes.push(page.changes.length);
    since = page.cursor;
    more = page.hasMore;
  }
  expect(sizes).toEqual([2, 2, 1]);
  await t.server.idle();
});
