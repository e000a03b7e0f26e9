import { systemClock } from "@smfs/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../testing/test-server.ts";

let t: TestServer;
let nowMs = 1_790_000_000_000;
beforeEach(async () => {
  t = await openTestServer({ clock: { ...systemClock, now: () => nowMs } });
});
afterEach(async () => {
  expect(t.errors).toEqual([]);
  await t.close();
});

const post = (path: string, body: unknown) => t.call("POST", path, body);
const say = async (...contents: string[]) =>
  (
    await post("/v4/memories", {
      containerTag: "me",
      memories: contents.map((content) => ({ content })),
    })
  ).json.memories;
const list = async () =>
  (await post("/v4/memories/list", { containerTags: ["me"], order: "asc" })).json.memoryEntries;

describe("memories", () => {
  test("[SERVER-96] what is said is there at once, in a container that is made for it", async () => {
    const answer = await post("/v4/memories", {
      containerTag: "me",
      memories: [{ content: "Ada uses Zed", isStatic: true, metadata: { a: 1 } }],
    });
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({
      documentId: null,
      memories: [{ memory: "Ada uses Zed", isStatic: true, forgetAfter: null, metadata: { a: 1 } }],
    });
    expect(await list()).toMatchObject([
      {
        version: 1,
        isLatest: true,
        isForgotten: false,
        isStatic: true,
        spaceId: "me",
        documentIds: [],
        history: [],
      },
    ]);
  });

  test("[SERVER-97] a change is a new version with its own id; the old one stays in its history", async () => {
    const [first] = await say("Ada uses Zed");
    const changed = await t.call("PATCH", "/v4/memories", {
      containerTag: "me",
      content: "Ada uses Zed",
      newContent: "Ada uses Helix",
    });
    expect(changed.json).toMatchObject({
      version: 2,
      parentMemoryId: first.id,
      rootMemoryId: first.id,
    });
    expect(await list()).toMatchObject([
      {
        memory: "Ada uses Helix",
        history: [{ id: first.id, memory: "Ada uses Zed", isLatest: false }],
      },
    ]);
    const stale = await t.call("PATCH", "/v4/memories", {
      containerTag: "me",
      id: first.id,
      newContent: "x",
    });
    expect(stale.status).toBe(409);
  });

  test("[SERVER-177] a memory that is found comes with what it said before, when asked", async () => {
    const said = { containerTag: "work", memories: [{ content: "Ada uses Vim" }] };
    await post("/v4/memories", said);
    for (const [content, newContent] of [
      ["Ada uses Vim", "Ada uses Emacs"],
      ["Ada uses Emacs", "Ada uses Zed"],
    ]) {
      await t.call("PATCH", "/v4/memories", { containerTag: "work", content, newContent });
    }
    const asked = { q: "Ada uses Zed", containerTag: "work" };
    const plain = await post("/v4/search", asked);
    expect(plain.json.results[0].context).toBeUndefined();
    const { json } = await post("/v4/search", { ...asked, include: { relatedMemories: true } });
    expect(json.results[0]).toMatchObject({
      memory: "Ada uses Zed",
      version: 3,
      context: {
        parents: [
          { memory: "Ada uses Emacs", relation: "updates", version: -1 },
          { memory: "Ada uses Vim", relation: "updates", version: -2 },
        ],
        children: [],
        related: [],
      },
    });
  });

  test("[SERVER-98] a memory is forgotten once, by id or by its exact text", async () => {
    const [one] = await say("one", "two");
    const forget = (body: unknown) =>
      t.call("DELETE", "/v4/memories", { containerTag: "me", ...(body as object) });
    expect((await forget({ id: one.id, reason: "old" })).json).toEqual({
      id: one.id,
      forgotten: true,
    });
    const again = await forget({ id: one.id });
    expect([again.status, again.headers.get("x-should-retry")]).toEqual([409, "false"]);
    expect((await forget({ content: "two" })).status).toBe(200);
    expect((await forget({ content: "two" })).status).toBe(404);
    expect((await forget({})).status).toBe(400);
    expect(await list()).toEqual([]);
  });

  test("[SERVER-99] a memory does not outlive its time", async () => {
    await post("/v4/memories", {
      containerTag: "me",
      memories: [
        { content: "the train leaves at nine", forgetAfter: new Date(nowMs + 1000).toISOString() },
      ],
    });
    const search = async () =>
      (await post("/v4/search", { q: "when does the train leave", containerTag: "me" })).json
        .results.length;
    expect(await search()).toBe(1);
    nowMs += 1000;
    expect(await search()).toBe(0);
    const bad = { containerTag: "me", memories: [{ content: "x", forgetAfter: "tomorrow" }] };
    expect((await post("/v4/memories", bad)).status).toBe(400);
  });

  test("[SERVER-100] what a question finds is forgotten together, or only shown", async () => {
    await say("Ada drinks green tea", "The bridge is made of steel");
    const dry = await post("/v4/memories/forget-matching", {
      containerTag: "me",
      query: "which tea does Ada drink",
      dryRun: true,
    });
    expect(dry.json).toMatchObject({
      dryRun: true,
      count: 1,
      forgetBatchId: null,
      candidates: [{ memory: "Ada drinks green tea" }],
    });
    expect(await list()).toHaveLength(2);
    const wet = await post("/v4/memories/forget-matching", {
      containerTag: "me",
      query: "which tea does Ada drink",
    });
    expect(wet.json).toMatchObject({
      dryRun: false,
      count: 1,
      forgotten: [{ memory: "Ada drinks green tea" }],
    });
    expect(await list()).toMatchObject([{ memory: "The bridge is made of steel" }]);
  });
});

describe("facts", () => {
  const write = async (content: string, filepath = "/user.md") =>
    (await post("/v3/documents", { content, filepath, containerTag: "me" })).json;

  test("[SERVER-101] a memory document's items and sentences are its memories, as they stand", async () => {
    await t.call("PATCH", "/v3/container-tags/me", {
      profileBuckets: [{ key: "tools", description: "" }],
    });
    const { id } = await write(
      "# Profile\n\n- Ada is a backend engineer\n- [x] She lives in Graz\n\n## Tools\n\nShe uses Zed. Builds run on Linux.\n\n```\ncode is no fact\n```\n",
    );
    expect((await list()).map((memory: { memory: string }) => memory.memory)).toEqual([
      "Ada is a backend engineer",
      "She lives in Graz",
      "She uses Zed.",
      "Builds run on Linux.",
    ]);
    const { profile } = (await post("/v4/profile", { containerTag: "me" })).json;
    expect(profile).toEqual({
      static: ["She lives in Graz", "Ada is a backend engineer"],
      dynamic: ["Builds run on Linux.", "She uses Zed."],
      buckets: { tools: ["Builds run on Linux.", "She uses Zed."] },
    });
    const document = (await t.call("GET", `/v3/documents/${id}`)).json;
    expect(document.taskType).toBe("memory");
    expect(document.memories).toHaveLength(4);
  });

  test("[SERVER-102] memories follow their document; what somebody changed or forgot stays as it is", async () => {
    const { id } = await write("- keep this\n- drop this\n- edit this\n- forget this\n");
    await t.call("PATCH", "/v4/memories", {
      containerTag: "me",
      content: "edit this",
      newContent: "edited by hand",
    });
    await t.call("DELETE", "/v4/memories", { containerTag: "me", content: "forget this" });
    await write("- keep this\n- edit this\n- forget this\n- new one\n");
    const now = async () => (await list()).map((memory: { memory: string }) => memory.memory);
    expect(await now()).toEqual(["keep this", "edited by hand", "new one"]);
    await write("- keep this\n- drop this\n");
    expect(await now()).toEqual(["keep this", "drop this", "edited by hand"]);
    await t.call("DELETE", `/v3/documents/${id}`);
    expect(await now()).toEqual([]);
  });

  test("[SERVER-103] which documents are memories is the container's to say", async () => {
    const taskType = async (filepath: string) => {
      const { id } = await write("- a fact here", filepath);
      return (await t.call("GET", `/v3/documents/${id}`)).json.taskType;
    };
    expect(await taskType("/x/memory.md")).toBe("memory");
    expect(await taskType("/notes/a.md")).toBe("superrag");
    await t.call("PATCH", "/v3/container-tags/me", {
      memoryFilesystemPaths: ["/notes/", "/journal.md"],
    });
    expect(await taskType("/notes/b.md")).toBe("memory");
    expect(await taskType("/journal.md")).toBe("memory");
    expect(await taskType("/memory.md")).toBe("superrag");
    const pathless = await post("/v3/documents", { content: "no path", containerTag: "me" });
    expect((await t.call("GET", `/v3/documents/${pathless.json.id}`)).json.taskType).toBe("memory");
  });

  test("the memories of a long document are drawn by the pipeline", async () => {
    await write(`- a first fact\n\n${"Filler words. ".repeat(5000)}`, "/memory.md");
    await t.server.idle();
    expect((await list())[0].memory).toBe("a first fact");
  });
});

describe("search", () => {
  const write = async (content: string, filepath: string, more = {}) =>
    (await post("/v3/documents", { content, filepath, containerTag: "work", ...more })).json;

  test("[SERVER-104] a chunk is a verbatim part with its lines; chunk results have no memory, memories no chunk", async () => {
    const { id } = await write(
      "# Auth\n\nOAuth implementation handles refresh tokens.\n",
      "/work/auth.md",
    );
    await post("/v4/memories", {
      containerTag: "work",
      memories: [{ content: "Refresh tokens last for a day" }],
    });
    const { json } = await post("/v4/search", {
      q: "oauth refresh tokens",
      containerTag: "work",
      searchMode: "hybrid",
      include: { documents: true },
    });
    const chunk = json.results.find((hit: { chunk?: string }) => hit.chunk !== undefined);
    const memory = json.results.find((hit: { memory?: string }) => hit.memory !== undefined);
    expect("# Auth\n\nOAuth implementation handles refresh tokens.\n").toContain(chunk.chunk);
    expect(chunk).toMatchObject({ filepath: "/work/auth.md", version: null, documents: [{ id }] });
    expect(chunk).not.toHaveProperty("memory");
    expect(chunk.similarity).toBeGreaterThanOrEqual(0.6);
    expect(chunk.lines.end).toBeGreaterThanOrEqual(chunk.lines.start);
    expect(memory).toMatchObject({
      memory: "Refresh tokens last for a day",
      filepath: null,
      version: 1,
    });
    expect(memory).not.toHaveProperty("chunk");
    expect(json.total).toBe(json.results.length);
  });

  test("[SERVER-105] path, filter, mode and threshold narrow what is found", async () => {
    await write("The retry policy doubles its delay.", "/a/one.md", { metadata: { lang: "en" } });
    await write("The retry policy doubles its delay.", "/b/two.md", { metadata: { lang: "de" } });
    const paths = async (body: object) =>
      (
        await post("/v4/search", {
          q: "retry policy",
          containerTag: "work",
          searchMode: "documents",
          ...body,
        })
      ).json.results
        .map((hit: { filepath: string }) => hit.filepath)
        .sort();
    expect(await paths({})).toEqual(["/a/one.md", "/b/two.md"]);
    expect(await paths({ filepath: "/b/" })).toEqual(["/b/two.md"]);
    expect(await paths({ filters: { AND: [{ key: "lang", value: "en" }] } })).toEqual([
      "/a/one.md",
    ]);
    expect(await paths({ searchMode: "memories" })).toEqual([]);
    expect(await paths({ q: "weather forecast", threshold: 0.6 })).toEqual([]);
    expect(await paths({ limit: 1 })).toHaveLength(1);
    for (const bad of [{ limit: 101 }, { threshold: 2 }, { q: "" }, { filters: {} }]) {
      expect((await post("/v4/search", { q: "x", ...bad })).status).toBe(400);
    }
  });

  test("[SERVER-106] a document search groups chunks by document; a star lists what is in scope", async () => {
    const { id } = await write("Retry policy: wait twice as long each time.", "/plan.md", {
      metadata: { a: 1 },
    });
    await write("Nothing else.", "/other.md");
    const { json } = await post("/v3/search", {
      q: "retry policy",
      containerTags: ["work"],
      chunkThreshold: 0.6,
      includeFullDocs: true,
    });
    expect(json.results).toMatchObject([
      {
        documentId: id,
        type: "text",
        metadata: { a: 1 },
        content: "Retry policy: wait twice as long each time.",
        chunks: [{ isRelevant: true }],
      },
    ]);
    expect(json.results[0].score).toBeGreaterThanOrEqual(0.6);
    const star = await post("/v3/search", { q: "*", containerTags: ["work"], limit: 100 });
    expect(star.json.total).toBe(2);
    const one = await post("/v3/search", { q: "policy", docId: id, containerTags: ["work"] });
    expect(one.json.total).toBe(1);
    expect((await post("/v3/search", { q: "policy", docId: "none" })).json.total).toBe(0);
  });

  test("[SERVER-217] a document search names documents by custom id where it is set so", async () => {
    const set = await openTestServer({ searchDocumentId: "customId" });
    const documents = [
      { content: "Retry policy: wait.", customId: "memories_plan_md", containerTag: "work" },
      { content: "Retry policy of another.", containerTag: "work" },
    ];
    const ids: string[] = [];
    for (const document of documents)
      ids.push((await set.call("POST", "/v3/documents", document)).json.id);
    const asked = { q: "retry policy", containerTags: ["work"] };
    const { json } = await set.call("POST", "/v3/search", asked);
    const named = json.results.map((one: { documentId: string }) => one.documentId);
    expect(named.sort()).toEqual(["memories_plan_md", ids[1]].sort());
    await set.close();
  });

  test("[SERVER-173] a document search for a custom id has that document first", async () => {
    await write("Notes on memories_plan_md, memories_plan_md and memories_plan_md.", "/notes.md");
    const { id } = await write("Nothing like it.", "/plan.md", { customId: "memories_plan_md" });
    const asked = { q: "memories_plan_md", containerTags: ["work"], limit: 1 };
    expect((await post("/v3/search", asked)).json.results).toMatchObject([{ documentId: id }]);
    const both = await post("/v3/search", { ...asked, limit: 5 });
    expect(both.json.results.map((one: { documentId: string }) => one.documentId)).toContain(id);
    expect(both.json.total).toBe(2);
    // Outside of what was asked it is not there.
    const elsewhere = { ...asked, containerTags: ["other"] };
    expect((await post("/v3/search", elsewhere)).json.total).toBe(0);
    const filters = { AND: [{ key: "kind", value: "x" }] };
    expect((await post("/v3/search", { ...asked, filters })).json.total).toBe(0);
  });

  test("[SERVER-107] a profile with a question has search results; an unknown container has none of anything", async () => {
    await post("/v4/memories", { containerTag: "work", memories: [{ content: "Ada uses Zed" }] });
    const { json } = await post("/v4/profile", {
      containerTag: "work",
      q: "which editor does Ada use",
      include: ["dynamic"],
    });
    expect(json.profile).toEqual({ dynamic: ["Ada uses Zed"] });
    expect(json.searchResults.results[0].memory).toBe("Ada uses Zed");
    expect((await post("/v4/profile", { containerTag: "none" })).json).toEqual({
      profile: { static: [], dynamic: [], buckets: {} },
    });
  });
});

test("[SERVER-210] memories are filtered by what their documents say of themselves, too", async () => {
  await post("/v3/documents", {
    content: "- Bea likes opera",
    filepath: "/user.md",
    containerTag: "me",
    metadata: { team: "red" },
  });
  await post("/v4/memories", {
    containerTag: "me",
    memories: [{ content: "Ada rides", metadata: { team: "blue" } }, { content: "Cleo swims" }],
  });
  const of = async (value: string) =>
    (
      await post("/v4/memories/list", {
        containerTags: ["me"],
        filters: { AND: [{ key: "team", value }] },
      })
    ).json.memoryEntries.map((entry: { memory: string }) => entry.memory);
  expect(await of("red")).toEqual(["Bea likes opera"]);
  expect(await of("blue")).toEqual(["Ada rides"]);
});
