import { expect, test } from "vitest";
import { openTestServer } from "../testing/test-server.ts";

test("[SHARPEN-7] how far the index and each model is shows among the capabilities", async () => {
  const failing = {
    label: "some model",
    questionMs: 100,
    load: () => Promise.reject(new Error("not to be had")),
  };
  const { server, call, close } = await openTestServer({ model: failing });
  await call("PUT", "/ext/v1/fs/work/birds.md", "# Birds\n\nPenguins walk on ice.");
  const search = {
    q: "antarctic birds",
    containerTag: "work",
    searchMode: "documents",
    threshold: 0,
  };
  const { json } = await call("POST", "/v4/search", search);
  expect(json.results[0]).toMatchObject({
    chunk: "# Birds\n\nPenguins walk on ice.",
    filepath: "/birds.md",
    lines: { start: 1, end: 3 },
  });
  await server.idle();
  await expect
    .poll(async () => (await call("GET", "/ext/v1")).json.search)
    .toEqual({
      chunks: 1,
      models: [
        { name: "static-256", chunks: 1, state: "answering" },
        { name: "some model", chunks: 0, state: "failed", problem: "not to be had" },
      ],
    });
  await close();
});

test("[SHARPEN-7] what a model has read counts before it is loaded again", async () => {
  const model = {
    label: "some model",
    name: "some/1",
    questionMs: 100,
    load: () => Promise.reject(new Error("not to be had")),
  };
  const { server, call, close } = await openTestServer({ model });
  await call("PUT", "/ext/v1/fs/work/birds.md", "# Birds\n\nPenguins walk on ice.");
  const [chunk] = await server.storage.chunksWithoutVector("some/1", 0, 1);
  const rows = [{ chunkNo: chunk?.no ?? 0, bytes: new Uint8Array(4) }];
  await server.storage.write((tx) => tx.putVectors("some/1", rows));
  const { search } = (await call("GET", "/ext/v1")).json;
  expect(search.models[1]).toMatchObject({ name: "some/1", chunks: 1 });
  await close();
});
