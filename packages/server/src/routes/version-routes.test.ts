import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../testing/test-server.ts";

let t: TestServer;
beforeEach(async () => {
  t = await openTestServer();
});
afterEach(async () => {
  await t.server.idle();
  expect(await t.server.storage.check()).toEqual([]);
  expect(t.errors).toEqual([]);
  await t.close();
});

const put = async (text: string, path = "/a", headers = {}) =>
  (
    await t.call("PUT", "/ext/v1/documents/n/raw", text, {
      "smfs-container": "work",
      "smfs-filepath": path,
      ...headers,
    })
  ).json;
const versions = async (query = "") =>
  (await t.call("GET", `/ext/v1/documents/n/versions${query}`)).json;
const post = (path: string, headers?: Record<string, string>) =>
  t.call("POST", `/ext/v1/documents/${path}`, undefined, headers);

describe("versions", () => {
  test("[SERVER-73] history lists every state, newest first, with who made it and how", async () => {
    await put("one", "/a", { "x-client-id": "laptop" });
    await put("two", "/a", { "x-actor": "ada" });
    await t.call("PATCH", "/v3/documents/n", { filepath: "/b" });
    await t.call("PATCH", "/v3/documents/n", { metadata: { a: 1 } });
    const { versions: all, nextBefore } = await versions();
    expect(nextBefore).toBeNull();
    expect(all.map((v: { rev: number; op: string }) => [v.rev, v.op])).toEqual([
      [4, "metadata"],
      [3, "rename"],
      [2, "update"],
      [1, "create"],
    ]);
    expect(all[2]).toMatchObject({ size: 3, filepath: "/a", actor: "ada", origin: null });
    expect(all[3]).toMatchObject({ origin: "laptop" });
    const page = await versions("?limit=2");
    expect(page.nextBefore).toBe(3);
    const next = await versions("?limit=2&before=3");
    expect(next.versions.map((v: { rev: number }) => v.rev)).toEqual([2, 1]);
  });

  test("[SERVER-74] a version is the document and its bytes as they were; it cannot be written", async () => {
    await put("one", "/a", { "smfs-metadata": '{"k":"old"}' });
    await put("two", "/b", { "smfs-metadata": '{"k":"new"}' });
    const one = await t.call("GET", "/ext/v1/documents/n/versions/1");
    expect(one.json).toMatchObject({
      content: "one",
      filepath: "/a",
      metadata: { k: "old" },
      rev: 1,
    });
    expect((await t.call("GET", "/ext/v1/documents/n/versions/1/raw")).text).toBe("one");
    for (const method of ["PUT", "DELETE"]) {
      expect((await t.call(method, "/ext/v1/documents/n/versions/1")).status).toBe(405);
    }
    expect((await t.call("GET", "/ext/v1/documents/n/versions/9")).status).toBe(404);
    expect((await t.call("GET", "/ext/v1/documents/n/versions/x")).status).toBe(400);
  });

  test("[SERVER-75] a restore is a new rev with the old state, and honours If-Match", async () => {
    await put("one");
    await put("two");
    const path = "n/versions/1/restore";
    expect((await post(path, { "if-match": '"r1"' })).status).toBe(412);
    const answer = await post(path, { "if-match": '"r2"' });
    expect(answer.json.rev).toBe(3);
    expect((await t.call("GET", "/v3/documents/n")).json.content).toBe("one");
    await t.server.idle();
    const found = await t.call("POST", "/v4/search", {
      q: "one",
      searchMode: "documents",
      containerTag: "work",
    });
    expect(found.json.results[0].chunk).toBe("one");
    expect((await versions()).versions[0].op).toBe("restore");
  });

  test("a restore onto a path that is taken by now is a conflict", async () => {
    await put("one", "/a");
    await put("two", "/b");
    await t.call("POST", "/v3/documents", { content: "x", filepath: "/a", containerTag: "work" });
    expect((await post("n/versions/1/restore")).status).toBe(409);
  });
});

describe("undelete", () => {
  test("[SERVER-76] a deleted document comes back with id, bytes, path and history", async () => {
    const { id } = await put("one");
    await put("two words");
    await t.call("DELETE", `/v3/documents/${id}`, undefined, { "x-client-id": "desk" });
    const history = await t.call("GET", `/ext/v1/documents/${id}/versions`);
    expect(history.json.versions.map((v: { rev: number; op: string }) => [v.rev, v.op])).toEqual([
      [3, "delete"],
      [2, "update"],
      [1, "create"],
    ]);
    expect(history.json.versions[0].origin).toBe("desk");
    const answer = await post(`${id}/undelete`);
    expect(answer.json).toMatchObject({ id, rev: 4, filepath: "/a" });
    expect((await t.call("GET", "/v3/documents/n")).json.content).toBe("two words");
    const again = await post(`${id}/undelete`);
    expect([again.status, again.json.rev]).toEqual([200, 4]);
    await t.server.idle();
    const feed = await t.call("GET", "/ext/v1/changes?containerTag=work");
    expect(feed.json.changes).toMatchObject([{ type: "upsert", id, rev: 4 }]);
    const found = await t.call("POST", "/v4/search", {
      q: "words",
      searchMode: "documents",
      containerTag: "work",
    });
    expect(found.json.results).toHaveLength(1);
  });

  test("[SERVER-77] it stays deleted while its path or custom id is taken", async () => {
    const { id } = await put("one");
    await t.call("DELETE", `/v3/documents/${id}`);
    const other = await put("other", "/a");
    const answer = await post(`${id}/undelete`);
    expect([answer.status, answer.json.current.id]).toEqual([409, other.id]);
    expect((await post("nobody/undelete")).status).toBe(404);
  });
});
