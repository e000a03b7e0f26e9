// The published `supermemory` library, unchanged, against the built server: every method it has.
import Supermemory, { toFile } from "supermemory";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServer } from "./server-process.ts";

const containerTag = "sdk";
let server: ServerProcess;
let client: Supermemory;
beforeAll(async () => {
  server = await startServer();
  client = new Supermemory({ apiKey: server.key, baseURL: server.url, maxRetries: 0 });
});
afterAll(async () => {
  await server.stop();
});

test("[SERVER-160] the TypeScript library writes, reads, changes and deletes documents", async () => {
  const { documents } = client;
  const added = await client.add({ content: "Ada plays the violin.", containerTag });
  expect(added).toMatchObject({ status: "done", id: expect.stringMatching(/^\w{22}$/) });
  const house = await documents.add({
    content: "# House\n\nThe boiler is serviced every October.",
    containerTags: [containerTag],
    customId: "house",
    metadata: { topic: "house", year: 2026, tags: ["a", "b"], done: true },
  });
  const batch = await documents.batchAdd({
    documents: [{ content: "first" }, { content: "second" }],
    containerTag,
  });
  expect(batch).toMatchObject({ success: 2, failed: 0 });
  const file = await documents.uploadFile({
    file: await toFile(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1]), "cat.png"),
    containerTags: JSON.stringify([containerTag]),
    metadata: JSON.stringify({ kind: "picture" }),
  });
  const shown = await documents.get("house");
  expect(shown).toMatchObject({
    id: house.id,
    customId: "house",
    status: "done",
    metadata: { topic: "house", year: 2026, tags: ["a", "b"], done: true },
    containerTags: [containerTag],
    content: "# House\n\nThe boiler is serviced every October.",
    latestRevision: 1,
  });
  await documents.update("house", { content: "The boiler is serviced every May." });
  expect(await documents.get(house.id)).toMatchObject({
    content: "The boiler is serviced every May.",
    latestRevision: 2,
  });
  const page = await documents.list({
    containerTags: [containerTag],
    filters: { AND: [{ key: "kind", value: "picture" }] },
  });
  expect(page.memories.map(({ id, type }) => [id, type])).toEqual([[file.id, "image"]]);
  expect(page.pagination).toMatchObject({ currentPage: 1, totalItems: 1, totalPages: 1 });
  expect((await documents.listProcessing()).totalCount).toBe(0);
  await documents.delete(file.id);
  const bulk = await documents.deleteBulk({ ids: [added.id, "unknown"] });
  expect(bulk).toMatchObject({ success: true, deletedCount: 1, errors: [{ id: "unknown" }] });
  const rest = await documents.deleteBulk({ containerTags: [containerTag] });
  expect(rest).toMatchObject({ success: true, deletedCount: 3 });
});

test("[SERVER-161] the TypeScript library searches, asks for profiles, changes and forgets memories", async () => {
  const tag = "sdk_search";
  await client.add({ content: "Ada plays the violin on Sundays.", containerTag: tag });
  const { id } = await client.add({
    content: "The boiler is serviced every October.",
    containerTag: tag,
  });
  const documents = await client.search.documents({ q: "boiler service", containerTags: [tag] });
  expect(documents.results[0]).toMatchObject({
    documentId: id,
    chunks: [{ content: "The boiler is serviced every October.", isRelevant: true, position: 0 }],
  });
  const executed = await client.search.execute({ q: "boiler", containerTag: tag });
  expect(executed.total).toBeGreaterThan(0);
  const memories = await client.search.memories({
    q: "which instrument does Ada play",
    containerTag: tag,
    threshold: 0.6,
  });
  expect(memories.results[0]).toMatchObject({ memory: "Ada plays the violin on Sundays." });
  const hybrid = await client.search.memories({
    q: "boiler",
    containerTag: tag,
    searchMode: "hybrid",
    include: { documents: true },
  });
  expect(hybrid.results[0]?.documents?.[0]?.id).toBe(id);
  const profile = await client.profile({ containerTag: tag, q: "violin" });
  expect(profile.profile.dynamic).toContain("Ada plays the violin on Sundays.");
  expect(profile.searchResults?.results.length).toBeGreaterThan(0);
  const changed = await client.memories.updateMemory({
    containerTag: tag,
    content: "Ada plays the violin on Sundays.",
    newContent: "Ada plays the cello on Sundays.",
  });
  expect(changed).toMatchObject({ version: 2, memory: "Ada plays the cello on Sundays." });
  const forgotten = await client.memories.forget({ containerTag: tag, id: changed.id });
  expect(forgotten).toEqual({ id: changed.id, forgotten: true });
});

test("[SERVER-162] failures are the TypeScript library's own errors, and none of ours is repeated by it", async () => {
  const tried: string[] = [];
  const counting = new Supermemory({
    apiKey: server.key,
    baseURL: server.url,
    maxRetries: 3,
    fetch: (input, init) => {
      tried.push(`${init?.method} ${input}`);
      return fetch(input, init);
    },
  });
  await expect(counting.documents.get("x".repeat(22))).rejects.toThrow(Supermemory.NotFoundError);
  await expect(counting.documents.deleteBulk({})).rejects.toThrow(Supermemory.BadRequestError);
  // Both of these the library would repeat: conflicts, and whatever is 500 or more.
  await counting.add({ content: "Ben prefers tea.", containerTag });
  const { id } = await counting.memories.forget({ containerTag, content: "Ben prefers tea." });
  tried.length = 0;
  await expect(counting.memories.forget({ containerTag, id })).rejects.toThrow(
    Supermemory.ConflictError,
  );
  await expect(
    counting.connections.create("notion", { redirectUrl: "http://x" }),
  ).rejects.toMatchObject({ status: 501 });
  expect(tried).toHaveLength(2);
  const wrong = new Supermemory({ apiKey: "sm_wrong", baseURL: server.url });
  await expect(wrong.documents.get("a")).rejects.toThrow(Supermemory.AuthenticationError);
  expect(await counting.connections.list({})).toEqual([]);
});

test("[SERVER-163] settings come back as the TypeScript library sent them", async () => {
  const { updated } = await client.settings.update({
    shouldLLMFilter: true,
    filterPrompt: "notes",
  });
  expect(updated).toMatchObject({ shouldLLMFilter: true, filterPrompt: "notes" });
  expect(await client.settings.get()).toMatchObject({
    shouldLLMFilter: true,
    filterPrompt: "notes",
  });
});
