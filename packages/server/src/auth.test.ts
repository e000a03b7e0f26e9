import { createHash } from "node:crypto";
import { systemClock } from "@smfs/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { StoredKey } from "./storage/storage.ts";
import { openTestServer, type TestServer } from "./testing/test-server.ts";

let t: TestServer;
let nowMs = 1_790_000_000_000;
beforeEach(async () => {
  t = await openTestServer({ clock: { ...systemClock, now: () => nowMs } });
});
afterEach(async () => {
  expect(t.errors).toEqual([]);
  await t.close();
});

const addKey = async (key: string, scope: Partial<StoredKey> = {}) => {
  await t.server.storage.write((tx) =>
    tx.putKey({
      id: key.slice(0, 8),
      digest: createHash("sha256").update(key).digest("hex"),
      name: "test",
      canWrite: true,
      isStrict: false,
      containerTags: null,
      pathPrefix: null,
      createdAt: nowMs,
      expiresAt: null,
      ...scope,
    }),
  );
  return { authorization: `Bearer ${key}` };
};
const create = (body: Record<string, unknown>, headers?: Record<string, string>) =>
  t.call("POST", "/v3/documents", { content: "x", ...body }, headers);

describe("keys", () => {
  test.each([undefined, "", "Bearer", "Bearer wrong", "Basic eDp5", "bearer  "])(
    "[SERVER-87] without a good key nothing is answered but that one is needed: %j",
    async (authorization) => {
      for (const path of ["/v3/session", "/ext/v1", "/metrics", "/v3/openapi"]) {
        const response = await t.server.app.request(path, {
          ...(authorization === undefined ? {} : { headers: { authorization } }),
        });
        expect(response.status).toBe(401);
        expect(response.headers.get("www-authenticate")).toBe("Bearer");
        expect(await response.json()).toEqual({
          error: "Unauthorized",
          details: "Invalid or missing API key",
        });
      }
    },
  );

  test("[SERVER-88] the root and health need no key", async () => {
    for (const path of ["/", "/health"]) {
      const response = await t.server.app.request(path);
      expect([response.status, (await response.json()).ok]).toEqual([200, true]);
    }
  });

  test("[SERVER-89] a key works until it expires or is revoked", async () => {
    const key = await addKey("temporary-key-0001", { expiresAt: nowMs + 1000 });
    expect((await t.call("GET", "/v3/session", undefined, key)).status).toBe(200);
    nowMs += 1000;
    expect((await t.call("GET", "/v3/session", undefined, key)).status).toBe(401);
    const other = await addKey("revoked-key-0001");
    await t.server.storage.write((tx) => tx.removeKey("revoked-"));
    expect((await t.call("GET", "/v3/session", undefined, other)).status).toBe(401);
  });
});

describe("scope", () => {
  test("[SERVER-90] a key that may only read is refused every write", async () => {
    const { json } = await create({ containerTag: "work" });
    const reader = await addKey("reader-key-0001", { canWrite: false });
    const path = `/v3/documents/${json.id}`;
    expect((await t.call("GET", path, undefined, reader)).status).toBe(200);
    for (const [method, at, body] of [
      ["POST", "/v3/documents", { content: "x" }],
      ["PATCH", path, { content: "y" }],
      ["DELETE", path, undefined],
      ["PUT", `/ext/v1/documents/${json.id}/raw`, "z"],
      ["POST", "/ext/v1/move", { containerTag: "work", from: "/a", to: "/b" }],
      ["PATCH", "/v3/container-tags/work", {}],
      ["POST", "/v4/memories", { containerTag: "work", memories: [{ content: "x" }] }],
    ] as const) {
      expect([at, (await t.call(method, at, body, reader)).status]).toEqual([at, 403]);
    }
    expect((await t.call("GET", "/v3/session", undefined, reader)).json.scope.permission).toBe(
      "read",
    );
  });

  test("[SERVER-91] a key of one container sees nothing of another, by no route", async () => {
    const mine = await create({ containerTag: "mine", filepath: "/m", customId: "mine-1" });
    const other = await create({
      containerTag: "other",
      filepath: "/o",
      customId: "other-1",
      content: "secret words",
    });
    const key = await addKey("scoped-key-0001", { containerTags: ["mine"] });
    const ask = (method: string, path: string, body?: unknown) => t.call(method, path, body, key);
    expect((await ask("GET", `/v3/documents/${mine.json.id}`)).status).toBe(200);
    for (const path of [
      `/v3/documents/${other.json.id}`,
      "/v3/documents/other-1",
      `/ext/v1/documents/${other.json.id}/raw`,
      `/ext/v1/documents/${other.json.id}/versions`,
      `/v3/documents/${other.json.id}/chunks`,
    ]) {
      expect([path, (await ask("GET", path)).status]).toEqual([path, 404]);
    }
    expect((await ask("DELETE", `/v3/documents/${other.json.id}`)).status).toBe(404);
    expect((await ask("PATCH", "/v3/documents/other-1", { content: "y" })).status).toBe(404);
    for (const [method, path, body] of [
      ["POST", "/v3/documents", { content: "x", containerTag: "other" }],
      ["POST", "/v3/documents", { content: "x" }],
      ["POST", "/v3/documents/list", { containerTags: ["other"] }],
      ["GET", "/ext/v1/changes?containerTag=other", undefined],
      ["GET", "/ext/v1/snapshot?containerTag=other", undefined],
      ["POST", "/v4/search", { q: "secret", containerTag: "other" }],
      ["POST", "/v4/profile", { containerTag: "other" }],
      ["GET", "/ext/v1/fs/other/o", undefined],
      ["GET", "/v3/container-tags/other", undefined],
      ["DELETE", "/v3/documents/bulk", { containerTags: ["other"] }],
      ["PATCH", "/v3/documents/mine-1", { containerTag: "other" }],
      ["PATCH", "/v3/settings", { a: 1 }],
    ] as const) {
      expect([path, (await ask(method, path, body)).status]).toEqual([path, 403]);
    }
    const list = await ask("POST", "/v3/documents/list", {});
    expect(list.json.memories.map((row: { id: string }) => row.id)).toEqual([mine.json.id]);
    const feed = await ask("GET", "/ext/v1/changes");
    expect(feed.json.changes.map((change: { id: string }) => change.id)).toEqual([mine.json.id]);
    const found = await ask("POST", "/v4/search", { q: "secret words", searchMode: "hybrid" });
    expect(JSON.stringify(found.json)).not.toContain("secret");
    const containers = await ask("GET", "/v3/container-tags/list");
    expect(containers.json.map((row: { containerTag: string }) => row.containerTag)).toEqual([
      "mine",
    ]);
  });

  test("[SERVER-92] a key of one directory sees and writes only below it", async () => {
    const key = await addKey("pathed-key-0001", { containerTags: ["work"], pathPrefix: "/pub/" });
    await create({ containerTag: "work", filepath: "/pub/a" });
    await create({ containerTag: "work", filepath: "/priv/b", customId: "b" });
    const ask = (method: string, path: string, body?: unknown) => t.call(method, path, body, key);
    const list = await ask("POST", "/v3/documents/list", { containerTags: ["work"] });
    expect(list.json.memories.map((row: { filepath: string }) => row.filepath)).toEqual(["/pub/a"]);
    expect((await ask("POST", "/v3/documents/list", { filepath: "/priv/" })).status).toBe(403);
    expect((await ask("POST", "/v3/documents/list", { filepath: "/" })).json.memories).toHaveLength(
      1,
    );
    expect((await ask("GET", "/v3/documents/b")).status).toBe(404);
    const write = (filepath: string | undefined) =>
      ask("POST", "/v3/documents", { content: "x", containerTag: "work", filepath });
    expect((await write("/priv/c")).status).toBe(403);
    expect((await write("/pub/c")).status).toBe(200);
    expect((await write(undefined)).status).toBe(403);
    expect(
      (await ask("PATCH", `/v3/documents/${list.json.memories[0].id}`, { filepath: "/priv/a" }))
        .status,
    ).toBe(403);
    const before = (await ask("GET", "/ext/v1/changes?containerTag=work")).json;
    expect(before.changes.map((change: { filepath: string }) => change.filepath)).toEqual([
      "/pub/a",
      "/pub/c",
    ]);
    await t.call("PATCH", `/v3/documents/${list.json.memories[0].id}`, { filepath: "/priv/a" });
    const after = (await ask("GET", `/ext/v1/changes?containerTag=work&since=${before.cursor}`))
      .json;
    expect(after.changes).toMatchObject([{ type: "delete", filepath: null, reason: "moved" }]);
  });

  test("[SERVER-93] a document in two containers loses only the container of the key that deletes it", async () => {
    const { json } = await create({ containerTags: ["mine", "other"] });
    const key = await addKey("scoped-key-0002", { containerTags: ["mine"] });
    expect((await t.call("DELETE", `/v3/documents/${json.id}`, undefined, key)).status).toBe(204);
    expect((await t.call("GET", `/v3/documents/${json.id}`)).json.containerTags).toEqual(["other"]);
  });
});

describe("loopback", () => {
  test("[SERVER-94] without a key only programs on this machine are served, never web pages", async () => {
    await t.close();
    t = await openTestServer({ auth: "loopback" });
    const ask = async (headers: Record<string, string>) =>
      (await t.server.app.request("/v3/session", { headers })).status;
    expect(await ask({ host: "127.0.0.1:6767" })).toBe(200);
    expect(await ask({ host: "localhost" })).toBe(200);
    expect(await ask({ host: "[::1]:1", origin: "http://localhost:3000" })).toBe(200);
    expect(await ask({ host: "evil.example" })).toBe(401);
    expect(await ask({ host: "localhost.evil.example" })).toBe(401);
    expect(await ask({ host: "127.0.0.1", origin: "https://evil.example" })).toBe(403);
    expect(await ask({ host: "127.0.0.1", authorization: "Bearer wrong" })).toBe(401);
  });
});

describe("errors", () => {
  test("[SERVER-95] every answer has a request id, every failure one shape and exactly this content type", async () => {
    for (const [method, path, status] of [
      ["GET", "/nope", 404],
      ["PUT", "/v3/session", 405],
      ["GET", "/v3/auth/scoped-key", 501],
      ["POST", "/v3/connections/github", 501],
      ["GET", "/v3/connections/x", 404],
      ["POST", "/v3/settings/reset", 403],
      ["GET", "/v3/documents/unknown", 404],
    ] as const) {
      const answer = await t.call(method, path);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
      expect(typeof answer.json.error).toBe("string");
      if (status === 501) expect(answer.headers.get("x-should-retry")).toBe("false");
    }
    expect((await t.call("PUT", "/v3/session")).headers.get("allow")).toBe("GET, HEAD");
    const own = await t.call("GET", "/v3/session", undefined, { "x-request-id": "mine-1" });
    expect(own.headers.get("x-request-id")).toBe("mine-1");
  });
});
