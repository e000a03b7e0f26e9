import { systemClock } from "@smfs/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../testing/test-server.ts";

let t: TestServer;
let nowMs = 0;
beforeEach(async () => {
  nowMs = 0;
  t = await openTestServer({
    clock: { ...systemClock, monotonic: () => performance.now() + nowMs },
  });
});
afterEach(async () => {
  expect(t.errors).toEqual([]);
  await t.close();
});

const create = async (filepath: string, more: Record<string, unknown> = {}) =>
  (
    await t.call("POST", "/v3/documents", {
      content: filepath,
      filepath,
      containerTag: "work",
      ...more,
    })
  ).json.id;
const list = async (body: Record<string, unknown> = {}) =>
  (await t.call("POST", "/v3/documents/list", { containerTags: ["work"], ...body })).json;
const paths = async (body: Record<string, unknown> = {}) =>
  (await list(body)).memories.map((row: { filepath: string }) => row.filepath);

describe("list", () => {
  test("[SERVER-66] pages, totals and orders are as clients walk them", async () => {
    for (let i = 0; i < 5; i += 1) await create(`/${i}`);
    expect((await list({ limit: 2, page: "2" })).pagination).toEqual({
      currentPage: 2,
      limit: 2,
      totalItems: 5,
      totalPages: 3,
    });
    expect(await paths({ limit: "2" })).toEqual(["/4", "/3"]);
    expect(await paths({ limit: 2, page: 3 })).toEqual(["/0"]);
    expect(await paths({ limit: 2, page: 9 })).toEqual([]);
    expect(await paths({ order: "asc" })).toEqual(["/0", "/1", "/2", "/3", "/4"]);
    await t.call("PATCH", `/v3/documents/${(await list({ filepath: "/1" })).memories[0].id}`, {
      metadata: { a: 1 },
    });
    expect(await paths({ sort: "updatedAt", limit: 1 })).toEqual(["/1"]);
    expect((await list({ containerTags: ["none"] })).pagination).toMatchObject({
      totalItems: 0,
      totalPages: 0,
    });
  });

  test.each([
    { limit: 0 },
    { limit: 1.5 },
    { limit: "x" },
    { limit: 1101 },
    { page: 0 },
    { sort: "title" },
    { filters: { key: "a" } },
    { filters: "[" },
  ])("[SERVER-67] a listing that cannot be is refused: %j", async (body) => {
    expect((await t.call("POST", "/v3/documents/list", body)).status).toBe(400);
  });

  test("[SERVER-68] pages do not shift while documents come and go; a deleted one leaves a hole", async () => {
    for (let i = 0; i < 6; i += 1) await create(`/${i}`);
    expect(await paths({ limit: 2, order: "asc" })).toEqual(["/0", "/1"]);
    await t.call("DELETE", "/v3/documents/bulk", { containerTags: ["work"], filepath: "/0" });
    await t.call("DELETE", "/v3/documents/bulk", { containerTags: ["work"], filepath: "/3" });
    expect(await paths({ limit: 2, order: "asc", page: 2 })).toEqual(["/2"]);
    expect(await paths({ limit: 2, order: "asc", page: 3 })).toEqual(["/4", "/5"]);
    nowMs = 61_000;
    expect(await paths({ limit: 2, order: "asc", page: 2 })).toEqual(["/4", "/5"]);
  });

  test("[SERVER-178] a first page shows every change that was acknowledged before it was asked for", async () => {
    for (let i = 0; i < 4; i += 1) await create(`/${i}`);
    const newest = { limit: 2, sort: "updatedAt" };
    expect(await paths(newest)).toEqual(["/3", "/2"]);
    expect(await paths(newest)).toEqual(["/3", "/2"]);
    const id = await create("/1", { content: "changed" });
    expect(await paths(newest)).toEqual(["/1", "/3"]);
    // A step of processing is no change in the feed, but a listing by status follows it.
    const queued = { limit: 1, status: "queued" };
    const asked = async () => (await list(queued)).pagination.totalItems;
    const step = async (one: string, status: "queued" | "done") => {
      const document = await t.server.storage.documentById(one);
      await t.server.storage.write((tx) =>
        tx.setStatus(document!.no, document!.contentRev, status),
      );
    };
    const other = (await list(newest)).memories[1].id;
    await step(id, "queued");
    await step(other, "queued");
    expect(await asked()).toBe(2);
    await step(other, "done");
    expect(await asked()).toBe(1);
    await step(id, "done");
  });

  test("[SERVER-69] a path is exact, one that ends in / is a prefix", async () => {
    for (const path of ["/a/1", "/a/b/2", "/a0", "/b"]) await create(path);
    await t.call("POST", "/v3/documents", { content: "pathless", containerTag: "work" });
    expect(await paths({ filepath: "/a/", order: "asc" })).toEqual(["/a/1", "/a/b/2"]);
    expect(await paths({ filepath: "/a0" })).toEqual(["/a0"]);
    expect(await paths({ filepath: "/A0" })).toEqual([]);
    expect((await list({ filepath: "/" })).pagination.totalItems).toBe(4);
    expect((await list()).pagination.totalItems).toBe(5);
  });

  test("[SERVER-70] several containers are a union, filters narrow by metadata", async () => {
    await create("/a", { metadata: { lang: "de", n: 2024 } });
    await create("/b", { containerTag: "other", metadata: { lang: "en" } });
    expect(await paths({ containerTags: ["work", "other"], order: "asc" })).toEqual(["/a", "/b"]);
    const filters = { AND: [{ key: "n", value: "2024" }] };
    expect(await paths({ filters })).toEqual(["/a"]);
    expect(
      await paths({ filters: JSON.stringify({ OR: [{ key: "lang", value: "en" }] }) }),
    ).toEqual([]);
  });

  test("content only when asked for; without it the key is not there", async () => {
    await create("/a");
    expect((await list()).memories[0]).not.toHaveProperty("content");
    expect((await list({ includeContent: true })).memories[0].content).toBe("/a");
  });

  test("a listing with much content is whole JSON", async () => {
    for (let i = 0; i < 4; i += 1) await create(`/${i}`, { content: `${i}`.repeat(500_000) });
    const answer = await list({ includeContent: true, order: "asc" });
    expect(answer.memories.map((row: { content: string }) => row.content.length)).toEqual(
      Array(4).fill(500_000),
    );
    expect(answer.pagination.totalItems).toBe(4);
    await t.server.idle();
  });

  test("[SERVER-71] a walk by cursor meets every document once", async () => {
    for (let i = 0; i < 5; i += 1) await create(`/${i}`);
    const seen: string[] = [];
    for (let cursor: string | undefined = "*"; cursor !== undefined; ) {
      const page: { memories: { filepath: string }[]; pagination: { nextCursor?: string } } =
        await list({
          cursor,
          limit: 2,
        });
      seen.push(...page.memories.map((row) => row.filepath));
      cursor = page.pagination.nextCursor;
      await create(`/new${seen.length}`);
    }
    expect(seen).toEqual(["/4", "/3", "/2", "/1", "/0"]);
  });

  test("[SERVER-71] a walk by cursor meets every document that passes a filter, once", async () => {
    for (let i = 0; i < 7; i += 1) await create(`/${i}`, { metadata: { odd: i % 2 === 1 } });
    const filters = { AND: [{ key: "odd", value: "true" }] };
    for (const sort of ["createdAt", "updatedAt"]) {
      const first = await list({ cursor: "*", limit: 2, filters, sort });
      expect(first.pagination).toMatchObject({ totalItems: 3, totalPages: 2 });
      const second = await list({ cursor: first.pagination.nextCursor, limit: 2, filters, sort });
      const found = [...first.memories, ...second.memories].map((row) => row.filepath);
      expect(found).toEqual(["/5", "/3", "/1"]);
      expect(second.pagination.nextCursor).toBeUndefined();
    }
  });

  test("older clients call documents memories", async () => {
    await create("/a");
    const answer = await t.call("POST", "/v3/memories/list", {});
    expect(answer.json.memories).toHaveLength(1);
  });
});

test("[SERVER-72] what is being processed is listed until it is done, with every document that failed or waits", async () => {
  await t.server.storage.write(async (tx) => {
    const document = await tx.documentByPath("work", "/a");
    expect(document).toBeUndefined();
  });
  await create("/a");
  const none = await t.call("GET", "/v3/documents/processing?containerTag=work");
  expect(none.json).toEqual({ documents: [], totalCount: 0 });
  const pdf = Buffer.from("%PDF-1.4 not really");
  const queued = await t.call("PUT", "/ext/v1/documents/p/raw", pdf, {
    "smfs-container": "work",
    "smfs-filepath": "/p.pdf",
  });
  expect(queued.json.status).toBe("queued");
  expect((await list()).pagination.totalItems).toBe(2);
  await t.server.idle();
  const ended = (await t.call("GET", "/v3/documents/p")).json;
  expect(ended.status).toBe("failed");
  expect(ended.errorMessage).toMatch(/./);
  expect((await list()).pagination.totalItems).toBe(2);
});
