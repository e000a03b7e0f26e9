import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../testing/test-server.ts";

let t: TestServer;
beforeEach(async () => {
  t = await openTestServer();
});
afterEach(async () => {
  expect(await t.server.storage.check()).toEqual([]);
  expect(t.errors).toEqual([]);
  await t.close();
});

const create = async (containerTag: string, filepath: string) =>
  (await t.call("POST", "/v3/documents", { content: filepath, containerTag, filepath })).json.id;

describe("containers", () => {
  test("[SERVER-109] a container that is changed before it is written to is made", async () => {
    expect((await t.call("GET", "/v3/container-tags/work")).status).toBe(404);
    const made = await t.call("PATCH", "/v3/container-tags/work", {
      memoryFilesystemPaths: ["/notes/", "/journal.md"],
    });
    expect(made.json).toEqual({
      containerTag: "work",
      name: "work",
      entityContext: null,
      memoryFilesystemPaths: ["/notes/", "/journal.md"],
      profileBuckets: [],
      updatedAt: expect.stringMatching(/Z$/),
    });
    const named = await t.call("PATCH", "/v3/container-tags/work", {
      name: "Work",
      entityContext: "about work",
      profileBuckets: [{ key: "tools", description: "what is used" }],
    });
    expect(named.json).toMatchObject({
      name: "Work",
      memoryFilesystemPaths: ["/notes/", "/journal.md"],
    });
    const got = await t.call("GET", "/v3/container-tags/work");
    expect(got.json).toMatchObject({ entityContext: "about work", createdAt: expect.any(String) });
    const buckets = await t.call("POST", "/v4/profile/buckets", { containerTag: "work" });
    expect(buckets.json.buckets).toEqual([{ key: "tools", description: "what is used" }]);
  });

  test.each([
    { profileBuckets: [{ key: "static", description: "" }] },
    { profileBuckets: [{ key: "Bad Key", description: "" }] },
    { entityContext: "x".repeat(1501) },
    { memoryFilesystemPaths: ["relative"] },
    { name: "" },
  ])("settings that break the contract are refused: %j", async (body) => {
    expect((await t.call("PATCH", "/v3/container-tags/work", body)).status).toBe(400);
    expect((await t.call("PATCH", "/v3/container-tags/a%20b", {})).status).toBe(400);
  });

  test("[SERVER-110] the list counts documents and memories as integers", async () => {
    await create("work", "/a");
    await create("work", "/memory.md");
    await t.call("PATCH", "/v3/container-tags/empty", {});
    const { json } = await t.call("GET", "/v3/container-tags/list");
    expect(json).toMatchObject([
      { containerTag: "empty", documentCount: 0, memoryCount: 0, lastActivityAt: null },
      { containerTag: "work", documentCount: 2, memoryCount: 1, description: null },
    ]);
  });

  test("[SERVER-111] a deleted container takes its documents and memories along, and tells those who follow it", async () => {
    await create("work", "/a");
    const both = (
      await t.call("POST", "/v3/documents", {
        content: "both facts",
        containerTags: ["work", "other"],
      })
    ).json.id;
    await t.call("POST", "/v4/memories", {
      containerTag: "work",
      memories: [{ content: "a fact" }],
    });
    const { cursor } = (await t.call("GET", "/ext/v1/changes?containerTag=work")).json;
    const answer = await t.call("DELETE", "/v3/container-tags/work");
    expect(answer.json).toEqual({
      success: true,
      containerTag: "work",
      deletedDocumentsCount: 2,
      deletedMemoriesCount: 2,
    });
    expect((await t.call("GET", "/v3/container-tags/work")).status).toBe(404);
    expect((await t.call("GET", `/v3/documents/${both}`)).json.containerTags).toEqual(["other"]);
    const feed = await t.call("GET", `/ext/v1/changes?containerTag=work&since=${cursor}`);
    expect(feed.json.changes.map((change: { reason: string }) => change.reason)).toEqual([
      "deleted",
      "moved",
    ]);
    expect((await t.call("DELETE", "/v3/container-tags/work")).status).toBe(404);
  });

  test("[SERVER-112] a merge moves everything; what is in the way stays and is named", async () => {
    await create("a", "/1");
    await create("a", "/2");
    await create("b", "/2");
    const merge = await t.call("POST", "/v3/container-tags/merge", {
      containerTags: ["a", "b"],
      targetContainerTag: "b",
    });
    expect([merge.status, merge.json.sourceTags]).toEqual([202, ["a"]]);
    await t.server.idle();
    const state = await t.call("GET", `/v3/container-tags/merge/${merge.json.mergeId}`);
    expect(state.json).toMatchObject({ status: "failed", success: false });
    await t.call("DELETE", "/v3/documents/bulk", { containerTags: ["b"], filepath: "/2" });
    const again = await t.call("POST", "/v3/container-tags/merge", {
      containerTags: ["a", "b"],
      targetContainerTag: "b",
    });
    await t.server.idle();
    const done = await t.call("GET", `/v3/container-tags/merge/${again.json.mergeId}`);
    expect(done.json.status).toBe("done");
    const list = await t.call("POST", "/v3/documents/list", { containerTags: ["b"] });
    expect(list.json.pagination.totalItems).toBe(2);
    expect((await t.call("GET", "/v3/container-tags/a")).status).toBe(404);
    expect((await t.call("GET", "/v3/container-tags/merge/none")).status).toBe(404);
    expect((await t.call("GET", "/v3/container-tags/b/inferred")).json).toEqual({
      memories: [],
      total: 0,
    });
  });
});

test("[SERVER-209] a merge that was broken off goes on after the next start", async () => {
  for (let i = 0; i < 3; i += 1) await create("a", `/${i}`);
  const merge = {
    id: "m1",
    sourceTags: ["a"],
    targetTag: "b",
    status: "queued" as const,
    error: null,
    createdAt: 1,
    updatedAt: 1,
  };
  await t.server.storage.write((tx) => tx.putMerge(merge));
  await t.restart();
  await t.server.idle();
  expect((await t.call("GET", "/v3/container-tags/merge/m1")).json.status).toBe("done");
  const list = await t.call("POST", "/v3/documents/list", { containerTags: ["b"] });
  expect(list.json.pagination.totalItems).toBe(3);
});

test("[SERVER-209] containers of any size are merged and deleted, whatever is written meanwhile", async () => {
  const documents = Array.from({ length: 600 }, (_, i) => ({ content: "x", filepath: `/${i}` }));
  await t.call("POST", "/v3/documents/batch", { containerTag: "a", documents });
  const merge = { containerTags: ["a"], targetContainerTag: "b" };
  const [, late] = await Promise.all([
    t.call("POST", "/v3/container-tags/merge", merge),
    create("a", "/late"),
  ]);
  await t.server.idle();
  expect((await t.call("GET", `/v3/documents/${late}`)).json.containerTags).toEqual(["b"]);
  const gone = await t.call("DELETE", "/v3/container-tags/b");
  expect(gone.json).toMatchObject({ deletedDocumentsCount: 601, deletedMemoriesCount: 0 });
});

test("[SERVER-113] settings are stored and echoed, unknown ones too", async () => {
  expect((await t.call("GET", "/v3/settings")).json).toEqual({});
  const patched = await t.call("PATCH", "/v3/settings", { chunkSize: 5, mine: { a: [1] } });
  expect(patched.json).toMatchObject({ orgSlug: "local", updated: { chunkSize: 5 } });
  await t.call("PATCH", "/v3/settings", { filterPrompt: "x" });
  expect((await t.call("GET", "/v3/settings")).json).toEqual({
    chunkSize: 5,
    mine: { a: [1] },
    filterPrompt: "x",
  });
  expect((await t.call("PATCH", "/v3/settings", { big: "x".repeat(300_000) })).status).toBe(413);
});

test("[SERVER-211] of connections there are none, and none can be made", async () => {
  expect((await t.call("POST", "/v3/connections/list")).json).toEqual([]);
  expect((await t.call("GET", "/v3/connections/x")).status).toBe(404);
  expect((await t.call("POST", "/v3/connections/notion/connection", {})).status).toBe(404);
  for (const [method, path] of [
    ["POST", "/v3/connections/notion"],
    ["DELETE", "/v3/connections/notion"],
    ["POST", "/v3/connections/x/configure"],
    ["GET", "/v3/connections/x/resources"],
    ["POST", "/v3/auth/scoped-key"],
    ["GET", "/v3/analytics/usage"],
    ["GET", "/v3/projects"],
  ] as const) {
    const answer = await t.call(method, path);
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([501, "false"]);
  }
});

test("[SERVER-114] the graph shows documents with their memories", async () => {
  await create("work", "/memory.md");
  const { json } = await t.call("POST", "/v3/documents/documents", {
    containerTags: ["work"],
    page: 1,
    limit: 10,
  });
  expect(json.documents).toMatchObject([
    { title: "/memory.md", memoryEntries: [{ spaceId: "work" }] },
  ]);
  expect(json.pagination.totalItems).toBe(1);
});
