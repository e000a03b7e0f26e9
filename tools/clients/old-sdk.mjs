// The TypeScript library before its third version was released: documents are called memories.
import Supermemory from "supermemory";
import { apiKey, assert, baseURL, call } from "./calls.mjs";

const client = new Supermemory({ apiKey, baseURL });
const containerTags = ["old_sdk"];
const made = await call("memories.add", () =>
  client.memories.add({
    content: "The bridge was painted green.",
    containerTags,
    metadata: { a: 1 },
  }),
);
await call("memories.get", async () => {
  const { status, content } = await client.memories.get(made.id);
  assert.deepEqual([status, content], ["done", "The bridge was painted green."]);
});
await call("memories.update", () =>
  client.memories.update(made.id, { content: "The bridge was painted blue.", containerTags }),
);
await call("memories.list", async () => {
  const { memories, pagination } = await client.memories.list({ containerTags });
  assert.deepEqual([memories.length, pagination.totalItems], [1, 1]);
});
await call("search.execute", async () => {
  const { results } = await client.search.execute({
    q: "which colour has the bridge",
    containerTags,
  });
  assert.equal(results[0].documentId, made.id);
});
await call("memories.uploadFile", async () => {
  const file = new File(["words in a file"], "a.txt", { type: "text/plain" });
  const { id } = await client.memories.uploadFile({
    file,
    containerTags: JSON.stringify(containerTags),
  });
  assert.equal((await client.memories.get(id)).content, "words in a file");
});
await call("settings.get", () => client.settings.get());
await call("memories.delete", () => client.memories.delete(made.id));
