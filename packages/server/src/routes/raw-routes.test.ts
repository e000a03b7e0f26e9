import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { zipOf } from "../extract/testing/zip.ts";
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

const put = (id: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  t.call("PUT", `/ext/v1/documents/${id}/raw`, body, { "smfs-container": "work", ...headers });
const create = (id: string, path: string, body: string | Uint8Array, more = {}) =>
  put(id, body, { "if-none-match": "*", "smfs-filepath": encodeURIComponent(path), ...more });
const png = Buffer.from(
  "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489",
  "hex",
);

describe("put", () => {
  test("[SERVER-44] bytes, path and metadata are one change, and its answer says what is stored", async () => {
    const made = await create("n_1", "/ä b/c.txt", "one", {
      "smfs-metadata": encodeURIComponent(JSON.stringify({ sfs_kind: "file", note: "ä" })),
    });
    expect(made.status).toBe(201);
    expect(made.headers.get("etag")).toBe('"r1"');
    expect(made.json).toEqual({
      id: expect.stringMatching(/^.{22}$/),
      status: "done",
      rev: 1,
      contentHash: `sha256-${createHash("sha256").update("one").digest("base64url")}`,
      filepath: "/ä b/c.txt",
    });
    const changed = await put("n_1", "two", {
      "if-match": '"r1"',
      "smfs-filepath": encodeURIComponent("/d.txt"),
      "smfs-metadata": '{"note":null}',
    });
    expect([changed.status, changed.json.rev, changed.json.filepath]).toEqual([200, 2, "/d.txt"]);
    const document = (await t.call("GET", "/v3/documents/n_1")).json;
    expect(document).toMatchObject({ content: "two", metadata: { sfs_kind: "file" } });
    const versions = await t.server.storage.versions(
      (await t.server.storage.documentByCustomId("n_1"))!.no,
      undefined,
      9,
    );
    expect(versions.map((version) => version.filepath)).toEqual(["/d.txt", "/ä b/c.txt"]);
  });

  test("[SERVER-45] a create that finds its custom id or its path taken says by whom, and writes nothing", async () => {
    const first = await create("n_1", "/a", "one");
    const again = await create("n_1", "/b", "two");
    expect([again.status, again.json.current.id]).toEqual([412, first.json.id]);
    const path = await create("n_2", "/a", "two");
    expect([path.status, path.json.current.customId]).toEqual([409, "n_1"]);
    expect((await t.call("GET", "/v3/documents/n_2")).status).toBe(404);
  });

  test("[SERVER-46] without a container there is nothing to create in", async () => {
    const path = "/ext/v1/documents/nobody/raw";
    expect((await t.call("PUT", path, "x")).status).toBe(404);
    expect((await t.call("PUT", path, "x", { "if-match": '"r1"' })).status).toBe(412);
  });

  test("[SERVER-47] bytes that are not what Content-Digest says are refused", async () => {
    const digest = (text: string) =>
      `sha-256=:${createHash("sha256").update(text).digest("base64")}:`;
    expect((await create("n_1", "/a", "one", { "content-digest": digest("two") })).status).toBe(
      400,
    );
    expect((await create("n_1", "/a", "one", { "content-digest": digest("one") })).status).toBe(
      201,
    );
  });

  test("[SERVER-48] text is text, known kinds are theirs, other bytes are never text", async () => {
    const type = async (id: string, path: string, body: string | Uint8Array) => {
      await create(id, path, body);
      const { type, content, url } = (await t.call("GET", `/v3/documents/${id}`)).json;
      return [type, content !== null, url !== null];
    };
    expect(await type("a", "/a.ts", "const x = 1;")).toEqual(["text", true, false]);
    expect(await type("b", "/b.png", png)).toEqual(["image", false, true]);
    expect(await type("c", "/c.txt", Buffer.from([0xc3, 0x28, 0x00]))).toEqual([
      "webpage",
      false,
      true,
    ]);
    expect(await type("d", "/d", Buffer.from("a\0b"))).toEqual(["webpage", false, true]);
    const list = await t.call("POST", "/v3/documents/list", { includeContent: true });
    const webpage = list.json.memories.find((row: { customId: string }) => row.customId === "c");
    expect(webpage).not.toHaveProperty("content");
  });

  test("[SERVER-48] an office file is known by its name where its bytes say only that it is an archive", async () => {
    const body = "<w:p><w:t>Walrus tusks</w:t></w:p>";
    const bytes = zipOf([{ name: "word/document.xml", content: `<w:body>${body}</w:body>` }]);
    await create("a", "/walrus.docx", bytes);
    await create("b", "/walrus.zip", bytes);
    await t.server.idle();
    const chunks = async (id: string) =>
      (await t.call("GET", `/v3/documents/${id}/chunks`)).json.chunks;
    expect(await chunks("a")).toMatchObject([{ content: "Walrus tusks" }]);
    expect(await chunks("b")).toEqual([]);
    const raw = await t.call("GET", "/ext/v1/documents/b/raw");
    expect(raw.headers.get("content-type")).toBe("application/zip");
  });

  test.each([
    [{ "smfs-filepath": "%zz" }, "smfs-filepath: not percent-encoded"],
    [{ "smfs-filepath": "relative" }, "smfs-filepath: bad format"],
    [{ "smfs-metadata": "{" }, "smfs-metadata: not JSON"],
    [{ "smfs-metadata": '{"a":{}}' }, "smfs-metadata"],
    [{ "smfs-container": "a b" }, "smfs-container: bad format"],
  ])("[SERVER-49] a header that breaks the contract is refused: %j", async (headers, details) => {
    const answer = await put("n_1", "x", headers as unknown as Record<string, string>);
    expect(answer.status).toBe(400);
    expect(answer.json.details).toContain(details);
  });

  test("[SERVER-50] an upload beyond the limit is 413 and leaves nothing", async () => {
    await t.close();
    t = await openTestServer({ limits: { uploadBytesMax: 100_000 } });
    expect((await create("n_1", "/a", Buffer.alloc(100_001))).status).toBe(413);
    expect((await t.call("GET", "/v3/documents/n_1")).status).toBe(404);
    expect((await create("n_1", "/a", Buffer.alloc(100_000))).status).toBe(201);
  });
});

describe("get", () => {
  const big = Buffer.alloc(300_000, "0123456789");

  test("[SERVER-51] the exact bytes with digest, ETag and length; HEAD the same without them", async () => {
    await create("n_1", "/a/ü.bin", Buffer.concat([big, Buffer.from([0xff])]));
    const path = "/ext/v1/documents/n_1/raw";
    const answer = await t.call("GET", path);
    const { contentHash, size } = (await t.call("GET", "/v3/documents/n_1")).json;
    expect(answer.headers.get("content-length")).toBe(String(size));
    expect(answer.headers.get("etag")).toBe(`"${contentHash}"`);
    expect(answer.headers.get("content-digest")).toMatch(/^sha-256=:.{44}:$/);
    expect(answer.headers.get("content-disposition")).toBe(
      "attachment; filename*=UTF-8''%C3%BC.bin",
    );
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    const head = await t.call("HEAD", path);
    expect([head.status, head.text, head.headers.get("content-length")]).toEqual([
      200,
      "",
      String(size),
    ]);
  });

  test("[SERVER-52] ranges are parts of the same bytes", async () => {
    await create("n_1", "/a", big);
    const path = "/ext/v1/documents/n_1/raw";
    const range = async (value: string, more = {}) => {
      const answer = await t.call("GET", path, undefined, { range: value, ...more });
      return [
        answer.status,
        answer.headers.get("content-range"),
        answer.text.slice(0, 12),
        answer.text.length,
      ];
    };
    expect(await range("bytes=3-5")).toEqual([206, "bytes 3-5/300000", "345", 3]);
    expect(await range("bytes=-2")).toEqual([206, "bytes 299998-299999/300000", "89", 2]);
    expect(await range("bytes=299999-400000")).toEqual([206, "bytes 299999-299999/300000", "9", 1]);
    expect((await range("bytes=300000-"))[0]).toBe(416);
    expect((await range("bytes=1-2,4-5"))[0]).toBe(200);
    expect((await range("lines=1-2"))[0]).toBe(200);
    expect((await range("bytes=3-5", { "if-range": '"sha256-other"' }))[0]).toBe(200);
    expect((await range("bytes=3-5", { "if-range": '"r1"' }))[0]).toBe(206);
  });

  test("a read of unchanged bytes is 304, of an unknown document or version 404", async () => {
    await create("n_1", "/a", "x");
    const path = "/ext/v1/documents/n_1/raw";
    const etag = (await t.call("GET", path)).headers.get("etag")!;
    expect((await t.call("GET", path, undefined, { "if-none-match": etag })).status).toBe(304);
    expect((await t.call("GET", `${path}?rev=9`)).status).toBe(404);
    expect((await t.call("GET", `${path}?rev=x`)).status).toBe(400);
    expect((await t.call("GET", "/ext/v1/documents/n_9/raw")).status).toBe(404);
  });
});

describe("files", () => {
  test("[SERVER-53] a signed address serves the bytes without a key, a changed one does not", async () => {
    await create("n_1", "/a.png", png);
    const { url } = (await t.call("GET", "/v3/documents/n_1/file-url")).json;
    const { pathname, search } = new URL(url);
    const open = async (path: string) => (await t.server.app.request(path)).status;
    expect(await open(pathname + search)).toBe(200);
    expect(await open(pathname + search.replace("sig=", "sig=x"))).toBe(403);
    expect(await open(pathname.replace(/1$/, "2") + search)).toBe(403);
    expect(await open(pathname + search.replace(/exp=\d/, "exp=9"))).toBe(403);
    expect(await open(pathname)).toBe(400);
    await t.restart();
    expect(await open(pathname + search)).toBe(200);
    await t.call("DELETE", "/v3/documents/n_1");
    expect(await open(pathname + search)).toBe(404);
  });

  test("a text has no file", async () => {
    await create("n_1", "/a.txt", "x");
    expect((await t.call("GET", "/v3/documents/n_1/file-url")).status).toBe(404);
  });
});

describe("multipart", () => {
  const form = (fields: Record<string, string>, bytes: Uint8Array, name = "cat.png") => {
    const body = new FormData();
    for (const [key, value] of Object.entries(fields)) body.set(key, value);
    body.set("file", new Blob([new Uint8Array(bytes)], { type: "image/png" }), name);
    return t.call("POST", "/v3/documents/file", body);
  };

  test("[SERVER-54] an upload with a path is a change of the document there", async () => {
    const fields = { containerTag: "work", filepath: "/cat.png", metadata: '{"source":"x"}' };
    const first = await form(fields, png);
    expect([first.status, first.json.status]).toEqual([200, "done"]);
    const second = await form(fields, Buffer.concat([png, png]));
    expect(second.json).toMatchObject({ id: first.json.id, rev: 2 });
    const list = await t.call("POST", "/v3/documents/list", { containerTags: ["work"] });
    expect(list.json.memories).toMatchObject([
      { type: "image", title: "cat.png", metadata: { source: "x" }, size: 66 },
    ]);
  });

  test("containers are a JSON list or one bare name; the file may come before the fields, and be large", async () => {
    const body = new FormData();
    body.set("file", new Blob([Buffer.alloc(500_000, "text ")]), "big.txt");
    body.set("containerTags", '["work","more"]');
    const answer = await t.call("POST", "/v3/documents/file", body);
    const document = (await t.call("GET", `/v3/documents/${answer.json.id}`)).json;
    expect(document).toMatchObject({
      containerTags: ["work", "more"],
      type: "text",
      size: 500_000,
    });
    await t.server.idle();
    expect((await form({ containerTags: "[1]" }, png)).status).toBe(400);
  });

  test.each([
    ["x", "multipart/form-data", "without a boundary"],
    ["x", "multipart/form-data; boundary=b", "ended within a part"],
    [
      "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
      "multipart/form-data; boundary=b",
      "no name",
    ],
    [
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--',
      "multipart/form-data; boundary=b",
      "file: required",
    ],
    [
      '--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx',
      "multipart/form-data; boundary=b",
      "ended within a part",
    ],
  ])("[SERVER-55] a form that is none is refused (%#)", async (body, type, details) => {
    const answer = await t.call("POST", "/v3/documents/file", body, { "content-type": type });
    expect([answer.status, answer.json.details]).toEqual([400, expect.stringContaining(details)]);
  });

  test("[SERVER-55] a body that says it is something else than a form is of the wrong type", async () => {
    for (const type of ["text/plain", "application/json", "multipart/mixed; boundary=b"]) {
      const answer = await t.call("POST", "/v3/documents/file", "x", { "content-type": type });
      expect([answer.status, answer.json.error]).toEqual([415, "Unsupported Media Type"]);
    }
  });
});

describe("idempotency keys", () => {
  test("[SERVER-56] a repeated request gets the first answer and writes nothing, after a restart too", async () => {
    const key = { "idempotency-key": "op-1" };
    const first = await create("n_1", "/a", "one", key);
    await t.call("PATCH", "/v3/documents/n_1", { content: "two" });
    const again = await create("n_1", "/a", "one", key);
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers.get("etag")).toBe('"r1"');
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect((await t.call("GET", "/v3/documents/n_1")).json.content).toBe("two");
    await t.restart();
    expect((await create("n_1", "/a", "one", key)).text).toBe(first.text);
    expect((await create("n_1", "/a", "other", key)).status).toBe(422);
  });

  test("[SERVER-57] only successes are kept; a key that runs is told to come back", async () => {
    const key = { "idempotency-key": "op-2" };
    const patch = () => t.call("PATCH", "/v3/documents/n_1", { content: "x" }, key);
    expect((await patch()).status).toBe(404);
    await create("n_1", "/a", "one");
    const answers = await Promise.all([patch(), patch()]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409]);
    const running = answers.find((answer) => answer.status === 409)!;
    expect(running.headers.get("retry-after")).toBe("1");
    expect(running.json.current).toBeUndefined();
  });

  test("[SERVER-208] what takes several units is carried out once too, and answered as the first time", async () => {
    const list = async () =>
      (await t.call("POST", "/v3/documents/list", { containerTags: ["work"] })).json.pagination
        .totalItems;
    const twice = async (method: string, path: string, body: unknown, between = async () => {}) => {
      const key = { "idempotency-key": path };
      const first = await t.call(method, path, body, key);
      await between();
      const again = await t.call(method, path, body, key);
      expect([again.status, again.text]).toEqual([200, first.text]);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      return first.json;
    };
    const batch = { containerTag: "work", documents: ["one", "two"] };
    expect((await twice("POST", "/v3/documents/batch", batch)).success).toBe(2);
    expect(await list()).toBe(2);
    const anew = async () => void (await t.call("PUT", "/ext/v1/fs/work/a/b", "x"));
    await anew();
    const bulk = { containerTags: ["work"], filepath: "/a/" };
    const removed = await twice("DELETE", "/v3/documents/bulk", bulk, anew);
    expect([removed.deletedCount, await list()]).toEqual([1, 3]);
    const gone = await twice("DELETE", "/v3/container-tags/work", undefined, anew);
    expect([gone.deletedDocumentsCount, await list()]).toEqual([3, 1]);
    const other = { "idempotency-key": "/v3/documents/batch" };
    expect((await t.call("POST", "/v3/documents/batch", { documents: ["z"] }, other)).status).toBe(
      422,
    );
  });
});
