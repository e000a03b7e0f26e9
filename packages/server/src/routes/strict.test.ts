import { systemClock, systemRandom } from "@smfs/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createApiKey } from "../api-keys.ts";
import { openTestServer, type TestServer, testKey } from "../testing/test-server.ts";

let t: TestServer;
let key: string;
beforeEach(async () => {
  t = await openTestServer();
  const store = { dataDir: t.dataDir, clock: systemClock, random: systemRandom };
  ({ key } = await createApiKey(store, { name: "careful", strict: true }));
  for (const [id, path] of [
    ["n_1", "/a"],
    ["n_2", "/d/b"],
  ] as const) {
    await t.call("PUT", `/ext/v1/documents/${id}/raw`, "text", {
      "smfs-container": "work",
      "smfs-filepath": path,
    });
  }
});
afterEach(async () => {
  await t.server.idle();
  expect(t.errors).toEqual([]);
  await t.close();
});

const strict = (
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) => t.call(method, path, body, { authorization: `Bearer ${key}`, ...headers });
const raw = "/ext/v1/documents/n_1/raw";
const create = { content: "new", containerTag: "work", filepath: "/new" };

test("[SERVER-171] with a strict key a write that names no state is 428, by every route, and writes nothing", async () => {
  const head = await t.server.storage.head();
  const form = () => {
    const data = new FormData();
    data.set("file", new Blob(["x"]), "x.bin");
    data.set("containerTag", "work");
    data.set("filepath", "/a");
    return data;
  };
  const moves = { containerTag: "work", from: "/a", to: "/z" };
  for (const [method, path, body] of [
    ["POST", "/v3/documents", create],
    ["POST", "/v3/documents", { ...create, filepath: "/a" }],
    ["POST", "/v3/documents/file", form()],
    ["PATCH", "/v3/documents/n_1", { content: "changed" }],
    ["DELETE", "/v3/documents/n_1", undefined],
    ["DELETE", "/v3/documents/bulk", { ids: ["n_1"] }],
    ["DELETE", "/v3/documents/bulk", { containerTags: ["work"] }],
    ["DELETE", "/v3/container-tags/work", undefined],
    ["POST", "/v3/container-tags/merge", { containerTags: ["work"], targetContainerTag: "other" }],
    ["PUT", raw, "bytes"],
    ["PUT", "/ext/v1/fs/work/a", "bytes"],
    ["DELETE", "/ext/v1/fs/work/a", undefined],
    ["POST", "/ext/v1/move", moves],
    ["POST", "/ext/v1/move", { ...moves, from: "/d/", to: "/e/" }],
    ["POST", "/ext/v1/fs/work", { op: "move", from: "/a", to: "/d/b", overwrite: true }],
    ["POST", "/ext/v1/documents/n_1/versions/1/restore", undefined],
    [
      "POST",
      "/v4/conversations",
      { conversationId: "c", messages: [{ role: "user", content: "x" }] },
    ],
  ] as const) {
    const answer = await strict(method, path, body);
    expect([method, path, answer.status]).toEqual([method, path, 428]);
    expect(answer.json.details).toContain("If-Match");
  }
  const batch = await strict("POST", "/ext/v1/batch", {
    operations: [{ op: "delete", id: "n_1" }],
  });
  expect(batch.json.results).toMatchObject([{ status: 428 }]);
  const several = await strict("POST", "/v3/documents/batch", { documents: [create] });
  expect(several.json).toMatchObject({ success: 0, failed: 1 });
  expect(await t.server.storage.head()).toBe(head);
});

test("[SERVER-172] with a strict key a write under a condition goes on, and another key needs none", async () => {
  const made = await strict("POST", "/v3/documents", create, { "if-none-match": "*" });
  expect(made.status).toBe(200);
  const changed = await strict(
    "PATCH",
    "/v3/documents/n_1",
    { content: "changed" },
    {
      "if-match": '"r1"',
    },
  );
  expect(changed.headers.get("etag")).toBe('"r2"');
  expect((await strict("PUT", raw, "again", { "if-match": '"r1"' })).status).toBe(412);
  expect((await strict("PUT", raw, "again", { "if-match": "*" })).status).toBe(200);
  const moved = { containerTag: "work", from: "/a", to: "/z", ifMatch: '"r3"' };
  expect((await strict("POST", "/ext/v1/move", moved)).status).toBe(200);
  const batch = await strict("POST", "/ext/v1/batch", {
    operations: [{ op: "delete", id: "n_1", ifMatch: '"r4"' }],
  });
  expect(batch.json.committed).toBe(true);
  // What is deleted is nobody's state, and reading needs no condition.
  const undelete = `/ext/v1/documents/${changed.json.id}/undelete`;
  expect((await strict("POST", undelete)).status).toBe(200);
  expect((await strict("GET", "/v3/session")).json.scope.strict).toBe(true);
  const free = { authorization: `Bearer ${testKey}` };
  expect((await t.call("PATCH", "/v3/documents/n_2", { content: "x" }, free)).status).toBe(200);
});
