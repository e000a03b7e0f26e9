import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../testing/test-server.ts";

let t: TestServer;
beforeEach(async () => {
  t = await openTestServer();
});
afterEach(async () => {
  await t.server.idle();
  expect(t.errors).toEqual([]);
  await t.close();
});

const put = (id: string, body: string, container = "work", type = "text/plain") =>
  t.call("PUT", `/ext/v1/documents/${id}/raw`, body, {
    "smfs-container": container,
    "smfs-filepath": `/${id}`,
    "content-type": type,
  });
const states = (ids: readonly string[], more: object = {}) =>
  t.call("POST", "/ext/v1/documents/status", { ids, ...more });
// A page of changes with the steps of processing, after a cursor.
const feed = async (since: string, wait = 0) => {
  const query = `containerTag=work&events=status&since=${since}&wait=${wait}`;
  return (await t.call("GET", `/ext/v1/changes?${query}`)).json;
};
const longText = "A sentence of many words that is said again and again. ".repeat(2000);

test("[SERVER-167] the states of many documents come in one answer, in the order in which they were asked for", async () => {
  await put("n_1", "one");
  const { json } = await put("n_2", "two");
  const answer = await states([json.id, "nobody", "n_1"]);
  expect(answer.status).toBe(200);
  expect(answer.json).toMatchObject({
    documents: [
      { id: json.id, customId: "n_2", rev: 1, status: "done", dreamingStatus: "done" },
      { customId: "n_1" },
    ],
    missing: ["nobody"],
  });
  expect(answer.json.documents[0].index).toBeUndefined();
  expect((await states([])).status).toBe(400);
  expect((await states(Array.from({ length: 1001 }, () => "x"))).status).toBe(400);
});

test("[SERVER-168] a state in detail says what has been drawn from the document", async () => {
  await put("n_1", "# House\n\nThe boiler is serviced every October.");
  const { json } = await states(["n_1"], { detail: true });
  const [{ index }] = json.documents;
  expect(index.chunks).toBe(1);
  expect(index.owesFacts).toBe(false);
  expect(Object.values(index.vectors)).toEqual([1]);
});

test("[SERVER-169] those who ask for it are told of each document whose status moved, as it is now", async () => {
  const { cursor } = await feed("now");
  await put("n_1", longText);
  const { json: failed } = await put(
    "n_2",
    "%PDF-1.4 no more than this",
    "work",
    "application/pdf",
  );
  await put("n_3", longText, "other");
  await t.server.idle();
  const page = await feed(cursor);
  const told = page.changes.map((change: { type: string; customId: string }) => [
    change.type,
    change.customId,
  ]);
  // The end of a failed extraction is a visible change; the steps on the way are told beside it.
  expect(told).toEqual([
    ["upsert", "n_1"],
    ["upsert", "n_2"],
    ["status", "n_1"],
    ["status", "n_2"],
  ]);
  expect(page.changes[2]).toMatchObject({ status: "done", dreamingStatus: "done", rev: 1 });
  expect(page.changes[3]).toMatchObject({ id: failed.id, status: "failed", filepath: "/n_2" });
  expect((await feed(page.cursor)).changes).toEqual([]);
  // Nobody else sees them, and a plain reader may go on from that cursor.
  const plain = `/ext/v1/changes?containerTag=work&since=${cursor}`;
  const types = (await t.call("GET", plain)).json.changes.map((one: { type: string }) => one.type);
  expect(types).toEqual(["upsert", "upsert"]);
  const goesOn = await t.call("GET", `/ext/v1/changes?containerTag=work&since=${page.cursor}`);
  expect(goesOn.json.changes).toEqual([]);
});

test("[SERVER-170] a step wakes who waits for one, and steps of an earlier life of the server are not told", async () => {
  const { cursor } = await feed("now");
  await put("n_1", "short");
  const seen = await feed(cursor);
  const waiting = feed(seen.cursor, 50);
  await put("n_2", longText);
  const first = await waiting;
  expect(first.changes[0]).toMatchObject({ type: "upsert", customId: "n_2" });
  let at = first;
  while (!at.changes.some((change: { type: string }) => change.type === "status")) {
    at = await feed(at.cursor, 50);
  }
  await t.restart();
  expect((await feed(seen.cursor)).changes).toMatchObject([{ type: "upsert", customId: "n_2" }]);
});

test("[SERVER-72] how many are being processed is told whole, in any of the containers asked for", async () => {
  await put("n_1", "text");
  await t.server.storage.write(async (tx) => {
    for (const [id, tag] of [
      ["q_1", "work"],
      ["q_2", "other"],
      ["q_3", "third"],
    ] as const) {
      const [source] = await tx.documentsByNo(await tx.documentNos({}, order));
      const { digest } = source!.content;
      await tx.create({
        ...source!,
        id: id.padEnd(22, "x"),
        customId: id,
        filepath: null,
        containerTags: [tag],
        status: "queued",
        content: { kind: "inline", digest, bytes: Buffer.from("text") },
      });
    }
  });
  const asked = async (query: string) =>
    (await t.call("GET", `/v3/documents/processing${query}`)).json;
  expect(await asked("?containerTag=work")).toMatchObject({ totalCount: 1 });
  expect(await asked("?containerTags=work,other")).toMatchObject({ totalCount: 2 });
  const all = await asked("");
  expect(all.documents.map((one: { customId: string }) => one.customId)).toEqual([
    "q_1",
    "q_2",
    "q_3",
  ]);
});
const order = { by: "createdAt", descending: false } as const;
