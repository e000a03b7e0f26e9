import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestServer, type TestServer, testKey } from "../testing/test-server.ts";

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

describe("files by path", () => {
  test("[SERVER-78] PUT, GET, DELETE and move work as of files, with conditions", async () => {
    const at = "/ext/v1/fs/work/a%20b/%C3%A4.txt";
    const made = await t.call("PUT", at, "one", { "if-none-match": "*" });
    expect([made.status, made.json.filepath]).toEqual([201, "/a b/ä.txt"]);
    expect((await t.call("PUT", at, "x", { "if-none-match": "*" })).status).toBe(412);
    expect((await t.call("PUT", at, "two", { "if-match": '"r1"' })).status).toBe(200);
    expect((await t.call("GET", at)).text).toBe("two");
    expect((await t.call("HEAD", at)).headers.get("content-length")).toBe("3");
    await t.call("PUT", "/ext/v1/fs/work/target", "t");
    const move = (body: unknown) =>
      t.call("POST", "/ext/v1/fs/work", { op: "move", ...(body as object) });
    expect((await move({ from: "/a b/ä.txt", to: "/target" })).status).toBe(409);
    const moved = await move({
      from: "/a b/ä.txt",
      to: "/target",
      overwrite: true,
      ifMatch: '"r2"',
    });
    expect(moved.json.moved).toMatchObject([{ filepath: "/target", rev: 3 }]);
    expect((await t.call("GET", "/ext/v1/fs/work/target")).text).toBe("two");
    expect((await t.call("DELETE", "/ext/v1/fs/work/target")).status).toBe(204);
    expect((await t.call("DELETE", "/ext/v1/fs/work/target")).status).toBe(404);
    expect((await t.call("GET", "/ext/v1/fs/a%20b/x")).status).toBe(400);
  });
});

describe("batch", () => {
  const batch = (operations: unknown[]) => t.call("POST", "/ext/v1/batch", { operations });

  test("[SERVER-79] all operations of a batch are carried out, or none", async () => {
    const made = await batch([
      {
        op: "put",
        containerTag: "work",
        customId: "a",
        filepath: "/a",
        content: "A",
        ifNoneMatch: "*",
      },
      { op: "put", containerTag: "work", customId: "b", filepath: "/b", content: "B" },
    ]);
    expect([made.status, made.json.committed]).toEqual([200, true]);
    expect(made.json.results.map((result: { status: number }) => result.status)).toEqual([
      201, 201,
    ]);
    const failed = await batch([
      { op: "put", containerTag: "work", id: "a", content: "A2", ifMatch: '"r1"' },
      { op: "delete", id: "b", ifMatch: '"r9"' },
      { op: "delete", id: "a" },
    ]);
    expect([failed.status, failed.json.committed]).toEqual([207, false]);
    expect(failed.json.results.map((result: { status: number }) => result.status)).toEqual([
      424, 412, 424,
    ]);
    expect((await t.call("GET", "/v3/documents/a")).json.content).toBe("A");
    const swapped = await batch([
      { op: "put", containerTag: "work", id: "a", filepath: "/tmp" },
      { op: "put", containerTag: "work", id: "b", filepath: "/a" },
      { op: "put", containerTag: "work", id: "a", filepath: "/b" },
    ]);
    expect(swapped.json.committed).toBe(true);
    expect((await t.call("GET", "/v3/documents/a")).json.filepath).toBe("/b");
    expect((await batch([])).status).toBe(400);
  });
});

describe("stream", () => {
  const read = async (query: string, headers: Record<string, string> = {}) => {
    const response = await t.server.app.request(
      `/ext/v1/changes/stream?containerTag=work${query}`,
      {
        headers: { authorization: `Bearer ${testKey}`, ...headers },
      },
    );
    const reader = response.body!.getReader();
    let text = "";
    const until = async (part: string) => {
      while (!text.includes(part)) {
        const { done, value } = await reader.read();
        if (done) break;
        text += Buffer.from(value).toString();
      }
      return text;
    };
    return { response, until, cancel: () => reader.cancel() };
  };

  test("[SERVER-80] changes arrive as events; a reader goes on from the last id it saw", async () => {
    await t.call("PUT", "/ext/v1/fs/work/a", "1");
    const first = await read("&since=0");
    expect(first.response.headers.get("content-type")).toBe("text/event-stream");
    expect(first.response.headers.get("cache-control")).toBe("no-store");
    const text = await first.until("\n\nid:");
    expect(text.startsWith("retry: 2000\n\n")).toBe(true);
    const more = first.until('"filepath":"/b"');
    await t.call("PUT", "/ext/v1/fs/work/b", "2");
    const both = await more;
    await first.cancel();
    const ids = [...both.matchAll(/^id: (.*)$/gm)].map((match) => match[1]!);
    const second = await read("", { "last-event-id": ids[0]! });
    const rest = await second.until('"filepath":"/b"');
    expect(rest).not.toContain('"filepath":"/a"');
    await second.cancel();
  });

  test("[SERVER-81] an expired cursor is 410 at the start", async () => {
    const answer = await t.call("GET", "/ext/v1/changes/stream?since=YWJjZDox");
    expect([answer.status, answer.json.resync]).toEqual([410, true]);
  });

  test("[SERVER-82] a ticket stands in for the key, once", async () => {
    const { ticket } = (await t.call("POST", "/ext/v1/tickets")).json;
    const open = async () => {
      const response = await t.server.app.request(`/ext/v1/changes/stream?ticket=${ticket}`);
      await response.body?.cancel();
      return response.status;
    };
    expect([await open(), await open()]).toEqual([200, 401]);
    expect((await t.server.app.request(`/v3/session?ticket=${ticket}`)).status).toBe(401);
  });

  test("a stream ends when the server stops", async () => {
    const { until } = await read("&since=now");
    await until("retry");
    await t.restart();
    expect(await until("never")).not.toContain("never");
  });
});

describe("preferences", () => {
  test("[SERVER-83] a write can wait until it is processed, and answer with the whole document", async () => {
    const answer = await t.call(
      "POST",
      "/v3/documents",
      { content: "x", containerTag: "work" },
      { prefer: "return=representation, wait=5" },
    );
    expect(answer.headers.get("preference-applied")).toBe("wait=5, return=representation");
    expect(answer.json).toMatchObject({ content: "x", status: "done" });
    const form = new FormData();
    form.set("file", new Blob(["%PDF-1.4 broken"]), "x.pdf");
    const upload = await t.call("POST", "/v3/documents/file", form, { prefer: "wait=10" });
    expect(upload.json.status).toBe("failed");
  });

  test("[SERVER-83] so can every other write of one document", async () => {
    const prefer = { prefer: "return=representation" };
    const wholly = async (method: string, path: string, body?: string, headers = {}) => {
      const answer = await t.call(method, path, body, { ...headers, ...prefer });
      expect(answer.headers.get("preference-applied")).toBe("return=representation");
      expect(answer.json).toMatchObject({ content: "x", containerTags: ["work"] });
    };
    const raw = "/ext/v1/documents/n_1/raw";
    await wholly("PUT", raw, "x", { "smfs-container": "work" });
    await wholly("PUT", "/ext/v1/fs/work/a.txt", "x");
    await t.call("PUT", raw, "y");
    await wholly("POST", "/ext/v1/documents/n_1/versions/1/restore");
    const { id } = (await t.call("GET", "/v3/documents/n_1")).json;
    await t.call("DELETE", `/v3/documents/${id}`);
    await wholly("POST", `/ext/v1/documents/${id}/undelete`);
    const conversation = await t.call(
      "POST",
      "/v4/conversations",
      { conversationId: "c", messages: [{ role: "user", content: "hi" }] },
      { prefer: "wait=5" },
    );
    expect(conversation.headers.get("preference-applied")).toBe("wait=5");
    expect(conversation.json).toMatchObject({ conversationId: "c", status: "done" });
  });
});

describe("operations", () => {
  test("[SERVER-84] metrics count requests by route and status, and say nothing of content", async () => {
    await t.call("POST", "/v3/documents", {
      content: "secret words",
      filepath: "/secret",
      containerTag: "work",
    });
    await t.call("GET", "/v3/documents/unknown");
    const { text, headers } = await t.call("GET", "/metrics");
    expect(headers.get("content-type")).toContain("text/plain");
    expect(text).toContain('smfs_requests_total{route="createDocument",status="200"} 1');
    expect(text).toContain('smfs_requests_total{route="getDocument",status="404"} 1');
    expect(text).toContain("smfs_documents 1");
    expect(text).not.toContain("secret");
  });

  test("[SERVER-85] the OpenAPI document names every route with its schemas", async () => {
    const { json } = await t.call("GET", "/v3/openapi");
    expect(json.openapi).toBe("3.1.0");
    expect(
      json.paths["/v3/documents"].post.requestBody.content["application/json"].schema.required,
    ).toEqual(["content"]);
    expect(
      json.paths["/v3/documents/{id}"].get.responses["200"].content["application/json"].schema
        .properties.rev.type,
    ).toBe("integer");
    expect(json.paths["/health"].get.security).toEqual([]);
    expect((await t.call("GET", "/v4/openapi")).json).toEqual(json);
  });

  test("[SERVER-86] the session names the organisation for the life of the data, and the extensions", async () => {
    const { json } = await t.call("GET", "/v3/session");
    expect(json).toMatchObject({
      user: { id: "user_local" },
      org: { id: expect.stringMatching(/^.{22}$/) },
      scope: { type: "full", permission: "write" },
      extensions: {
        root: "/ext/v1",
        features: ["etag", "changes", "raw", "versions", "idempotency", "status"],
      },
    });
    await t.restart();
    expect((await t.call("GET", "/v3/session")).json.org).toEqual(json.org);
  });
});
