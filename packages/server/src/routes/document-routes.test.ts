import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { StorageFullError } from "../storage/storage-error.ts";
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

const create = async (body: Record<string, unknown>, headers?: Record<string, string>) =>
  t.call("POST", "/v3/documents", { containerTag: "work", ...body }, headers);
const get = async (id: string) => (await t.call("GET", `/v3/documents/${id}`)).json;

describe("create", () => {
  test("[SERVER-21] a created document has an id of 22 characters, is done, and is there at once", async () => {
    const answer = await create({ content: "# plan\n", filepath: "/notes/plan.md" });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("etag")).toBe('"r1"');
    expect(answer.json.id).toMatch(/^[1-9A-HJ-NP-Za-km-z]{22}$/);
    expect(answer.json).toMatchObject({ status: "done", rev: 1, filepath: "/notes/plan.md" });
    expect(await get(answer.json.id)).toMatchObject({
      content: "# plan\n",
      title: "plan",
      type: "text",
      taskType: "superrag",
      dreamingStatus: "done",
      containerTags: ["work"],
      url: null,
      size: 7,
    });
  });

  test("[SERVER-22] a write that names no container goes to sm_project_default", async () => {
    const { json } = await t.call("POST", "/v3/documents", { content: "x" });
    expect((await get(json.id)).containerTags).toEqual(["sm_project_default"]);
    const list = await t.call("POST", "/v3/documents/list", {});
    expect(list.json.memories[0].containerTags).toEqual([]);
  });

  test.each(["", "\u0000", "\ufeffbom\r\n", "  spaces  ", "e\u0301 😀", "x".repeat(200_000)])(
    "[SERVER-23] content comes back byte for byte (%#)",
    async (content) => {
      const { json } = await create({ content });
      expect((await get(json.id)).content).toBe(content);
      const raw = await t.call("GET", `/ext/v1/documents/${json.id}/raw`);
      // Response.text() drops a byte order mark.
      expect(raw.headers.get("content-length")).toBe(String(Buffer.byteLength(content)));
      await t.server.idle();
    },
  );

  test("[SERVER-24] a create with an existing path is a change of that document, its old bytes are a version", async () => {
    const first = await create({ content: "one", filepath: "/a", metadata: { a: 1, b: "x" } });
    const second = await create({ content: "two", filepath: "/a", metadata: { b: null, c: true } });
    expect(second.json).toMatchObject({ id: first.json.id, rev: 2 });
    const document = await get(first.json.id);
    expect(document).toMatchObject({ content: "two", metadata: { a: 1, c: true } });
    expect(document.metadata).not.toHaveProperty("b");
    const old = await t.call("GET", `/ext/v1/documents/${first.json.id}/raw?rev=1`);
    expect(old.text).toBe("one");
  });

  test("[SERVER-25] a create with an existing custom id is a change; by default the content is replaced", async () => {
    const first = await create({ content: "one", customId: "c" });
    const second = await create({ content: "two", customId: "c" });
    expect(second.json).toMatchObject({ id: first.json.id, rev: 2 });
    const third = await create({ content: " more", customId: "c", updateMode: "append" });
    expect(third.json.rev).toBe(3);
    expect((await get("c")).content).toBe("two more");
  });

  test("[SERVER-26] the same again changes nothing", async () => {
    const body = { content: "one", filepath: "/a", metadata: { a: 1 } };
    const first = await create(body);
    const before = await get(first.json.id);
    const second = await create(body);
    expect(second.json).toEqual(first.json);
    expect(await get(first.json.id)).toEqual(before);
  });

  test("[SERVER-27] an unknown custom id with a path that another document has is a conflict that names it", async () => {
    const first = await create({ content: "one", filepath: "/a" });
    const answer = await create({ content: "two", filepath: "/a", customId: "other" });
    expect(answer.status).toBe(409);
    expect(answer.headers.get("x-should-retry")).toBe("false");
    expect(answer.json.current).toMatchObject({ id: first.json.id, rev: 1, filepath: "/a" });
    expect((await get(first.json.id)).content).toBe("one");
  });

  test("[SERVER-28] a file and a directory of one name cannot both exist", async () => {
    await create({ content: "x", filepath: "/a/b" });
    for (const filepath of ["/a", "/a/b/c"]) {
      const answer = await create({ content: "y", filepath });
      expect(answer.status).toBe(400);
      expect(answer.json.details).toContain("cannot both exist");
    }
  });

  test("[SERVER-29] equal content without a key is two documents, unless a client library says that it repeats", async () => {
    const body = { content: "same" };
    const first = await create(body);
    const second = await create(body);
    expect(second.json.id).not.toBe(first.json.id);
    const repeated = await create(body, { "x-stainless-retry-count": "1" });
    expect([first.json.id, second.json.id]).toContain(repeated.json.id);
  });

  test.each([
    [{}, "content: required"],
    [{ content: 5 }, "content: expected string"],
    [{ content: "x", filepath: "a" }, "filepath: bad format"],
    [{ content: "x", filepath: "/a//b" }, "filepath: "],
    [{ content: "x", filepath: "/a/../b" }, "filepath: "],
    [{ content: "x", containerTag: "a b" }, "containerTag: bad format"],
    [{ content: "x", metadata: { a: { b: 1 } } }, "metadata.a: bad value"],
    [{ content: "x", metadata: { a: "y".repeat(70_000) } }, "metadata: more than"],
    [{ content: "\ud800" }, "content: is not well-formed Unicode"],
    [{ content: "x", customId: "a\nb" }, "customId: bad format"],
    [{ content: "x", entityContext: "y".repeat(1501) }, "entityContext: more than 1500"],
  ])(
    "[SERVER-30] what breaks the contract is refused with the field and the rule: %j",
    async (body, details) => {
      const answer = await create(body);
      expect(answer.status).toBe(400);
      expect(answer.json.error).toBe("Invalid request parameters");
      expect(answer.json.details).toContain(details);
    },
  );

  test("[SERVER-215] a full disk is 507 by every write, and the next one goes on", async () => {
    const { storage } = t.server;
    const full = [new StorageFullError(), Object.assign(new Error(), { code: "ENOSPC" })];
    for (const error of full) {
      const write = vi.spyOn(storage, "write").mockRejectedValueOnce(error);
      const answer = await create({ content: "x", customId: "n_1" });
      expect([answer.status, answer.json.details]).toEqual([507, "the disk is full"]);
      write.mockRestore();
    }
    expect((await create({ content: "x", customId: "n_1" })).status).toBe(200);
    // Whoever runs the server is told, too.
    expect(t.errors.splice(0)).toHaveLength(2);
  });

  test("more text than the limit is 413", async () => {
    await t.close();
    t = await openTestServer({ limits: { textBytesMax: 10 } });
    expect((await create({ content: "12345678901" })).status).toBe(413);
    expect((await create({ content: "1234567890" })).status).toBe(200);
  });
});

describe("patch", () => {
  test("[SERVER-31] a rename keeps the id, moves updatedAt, and does not index again", async () => {
    const { json } = await create({ content: "words here", filepath: "/a" });
    const before = await get(json.id);
    const answer = await t.call("PATCH", `/v3/documents/${json.id}`, {
      filepath: "/b",
      metadata: { source: "x" },
    });
    expect(answer.json).toMatchObject({ id: json.id, rev: 2, filepath: "/b", status: "done" });
    const after = await get(json.id);
    expect(after.updatedAt > before.updatedAt).toBe(true);
    expect(after.createdAt).toBe(before.createdAt);
  });

  test("[SERVER-32] beside content a path counts only with If-Match, or when there is none yet", async () => {
    const { json } = await create({ content: "one", filepath: "/a" });
    const patch = (body: unknown, headers?: Record<string, string>) =>
      t.call("PATCH", `/v3/documents/${json.id}`, body, headers);
    expect((await patch({ content: "two", filepath: "/b" })).json.filepath).toBe("/a");
    const matched = await patch({ content: "three", filepath: "/b" }, { "if-match": '"r2"' });
    expect(matched.json.filepath).toBe("/b");
    const pathless = await create({ content: "p" });
    const given = await t.call("PATCH", `/v3/documents/${pathless.json.id}`, {
      content: "q",
      filepath: "/q",
    });
    expect(given.json.filepath).toBe("/q");
  });

  test("[SERVER-33] a rename onto the path of another document is a conflict and overwrites nothing", async () => {
    const a = await create({ content: "a", filepath: "/a" });
    const b = await create({ content: "b", filepath: "/b" });
    const answer = await t.call("PATCH", `/v3/documents/${a.json.id}`, { filepath: "/b" });
    expect(answer.status).toBe(409);
    expect(answer.json.current.id).toBe(b.json.id);
    expect((await get(b.json.id)).content).toBe("b");
  });

  test("[SERVER-34] a container the document is in changes nothing, another one moves it there", async () => {
    const { json } = await create({ content: "a" });
    const same = await t.call("PATCH", `/v3/documents/${json.id}`, { containerTag: "work" });
    expect(same.json.rev).toBe(1);
    await t.call("PATCH", `/v3/documents/${json.id}`, { containerTag: "other" });
    expect((await get(json.id)).containerTags).toEqual(["other"]);
  });

  test("an unknown id is 404, and 412 under a condition", async () => {
    expect((await t.call("PATCH", "/v3/documents/nobody", { content: "x" })).status).toBe(404);
    const conditional = await t.call(
      "PATCH",
      "/v3/documents/nobody",
      { content: "x" },
      { "if-match": '"r1"' },
    );
    expect(conditional.status).toBe(412);
  });
});

describe("conditions", () => {
  test("[SERVER-35] If-Match holds for the rev and for the bytes; a miss is 412 with the current state", async () => {
    const { json } = await create({ content: "one", filepath: "/a" });
    const patch = (content: string, match: string) =>
      t.call("PATCH", `/v3/documents/${json.id}`, { content }, { "if-match": match });
    const two = await patch("two", `"r0", "r1"`);
    expect(two.status).toBe(200);
    const miss = await patch("three", '"r1"');
    expect(miss.status).toBe(412);
    expect(miss.headers.get("etag")).toBe('"r2"');
    expect(miss.json.current).toMatchObject({
      id: json.id,
      rev: 2,
      contentHash: two.json.contentHash,
    });
    expect((await patch("three", `W/"r2"`)).status).toBe(412);
    expect((await patch("three", `"${two.json.contentHash}"`)).status).toBe(200);
    expect((await patch("four", "*")).status).toBe(200);
    expect((await patch("five", "r4")).status).toBe(400);
  });

  test("[SERVER-36] If-None-Match: * creates only", async () => {
    const none = { "if-none-match": "*" };
    const first = await create({ content: "one", filepath: "/a" }, none);
    expect(first.status).toBe(200);
    const second = await create({ content: "two", filepath: "/a" }, none);
    expect(second.status).toBe(412);
    expect(second.json.current.id).toBe(first.json.id);
    expect((await get(first.json.id)).content).toBe("one");
  });

  test("[SERVER-37] a read with the current ETag is 304", async () => {
    const { json } = await create({ content: "one" });
    const path = `/v3/documents/${json.id}`;
    const same = await t.call("GET", path, undefined, { "if-none-match": '"r1"' });
    expect([same.status, same.text]).toEqual([304, ""]);
    expect((await t.call("GET", path, undefined, { "if-none-match": '"r9"' })).status).toBe(200);
  });

  test("[SERVER-38] of two writes that build on one state exactly one is carried out", async () => {
    const { json } = await create({ content: "0" });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        t.call("PATCH", `/v3/documents/${json.id}`, { content: `w${i}` }, { "if-match": '"r1"' }),
      ),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 412)).toHaveLength(19);
  });
});

describe("delete", () => {
  test("[SERVER-39] a deleted document is gone from every view in the same moment; 204 has no body", async () => {
    const { json } = await create({ content: "one", filepath: "/a", customId: "c" });
    const answer = await t.call("DELETE", "/v3/documents/c");
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect((await t.call("GET", `/v3/documents/${json.id}`)).status).toBe(404);
    expect((await t.call("DELETE", `/v3/documents/${json.id}`)).status).toBe(404);
    const list = await t.call("POST", "/v3/documents/list", { containerTags: ["work"] });
    expect(list.json.pagination.totalItems).toBe(0);
    const again = await create({ content: "two", filepath: "/a", customId: "c" });
    expect(again.json.id).not.toBe(json.id);
  });

  test("[SERVER-40] a delete honours If-Match", async () => {
    const { json } = await create({ content: "one" });
    await t.call("PATCH", `/v3/documents/${json.id}`, { content: "two" });
    const path = `/v3/documents/${json.id}`;
    expect((await t.call("DELETE", path, undefined, { "if-match": '"r1"' })).status).toBe(412);
    expect((await t.call("DELETE", path, undefined, { "if-match": '"r2"' })).status).toBe(204);
    expect((await t.call("DELETE", path, undefined, { "if-match": '"r2"' })).status).toBe(412);
  });

  test("[SERVER-41] a bulk delete with ids lets containers only narrow it", async () => {
    const a = await create({ content: "a" });
    await create({ content: "b" });
    const answer = await t.call("DELETE", "/v3/documents/bulk", {
      ids: [a.json.id, "unknown"],
      containerTags: ["work"],
    });
    expect(answer.json).toEqual({
      success: true,
      deletedCount: 1,
      errors: [{ id: "unknown", error: "Document not found" }],
      containerTags: ["work"],
    });
    const list = await t.call("POST", "/v3/documents/list", { containerTags: ["work"] });
    expect(list.json.pagination.totalItems).toBe(1);
    const narrowed = await t.call("DELETE", "/v3/documents/bulk", {
      ids: [list.json.memories[0].id],
      containerTags: ["other"],
    });
    expect(narrowed.json.deletedCount).toBe(0);
  });

  test("[SERVER-42] a bulk delete by path needs a container and takes what is below", async () => {
    for (const filepath of ["/old/a", "/old/b", "/older"]) await create({ content: "x", filepath });
    expect((await t.call("DELETE", "/v3/documents/bulk", { filepath: "/old/" })).status).toBe(400);
    expect((await t.call("DELETE", "/v3/documents/bulk", {})).status).toBe(400);
    const answer = await t.call("DELETE", "/v3/documents/bulk", {
      containerTags: ["work"],
      filepath: "/old/",
    });
    expect(answer.json).toEqual({ success: true, deletedCount: 2, containerTags: ["work"] });
  });
});

describe("batch", () => {
  test("[SERVER-43] one bad document of a batch does not fail the others", async () => {
    const answer = await t.call("POST", "/v3/documents/batch", {
      containerTag: "work",
      metadata: { batch: "1" },
      documents: [{ content: "a", customId: "a" }, "plain", { customId: "bad" }, { content: 7 }],
    });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ success: 2, failed: 2 });
    expect(answer.json.results[2]).toEqual({
      id: "",
      status: "error",
      error: "Invalid request parameters",
      details: "content: required",
    });
    expect((await get("a")).metadata).toEqual({ batch: "1" });
  });
});
