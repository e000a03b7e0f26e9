import { type OtherAnswer, type Route, routes, type Schema } from "@smfs/api";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openapiDocument } from "./openapi.ts";
import { arbitraryOf, fieldText } from "./testing/schema-arbitrary.ts";
import { openTestServer, type TestAnswer, type TestServer } from "./testing/test-server.ts";

// biome-ignore lint/suspicious/noExplicitAny: the document is looked into as any client would
const document = openapiDocument() as any;
const runs = 40;
let t: TestServer;
let ids: string[] = [];

beforeAll(async () => {
  t = await openTestServer({ limits: { uploadBytesMax: 100_000, textBytesMax: 50_000 } });
});
// What one route has deleted, the next one finds again.
beforeEach(async () => {
  ids = ["n_1", "n_2", "unknown", "%00", "a%2Fb", "__proto__"];
  for (const [id, path, body] of [
    ["n_1", "/a", "hello"],
    ["n_2", "/notes/plan.md", "# plan\n\n- a fact about it"],
    ["n_3", "/d/b.png", "\u0089PNG"],
  ] as const) {
    const { json } = await t.call("PUT", `/ext/v1/documents/${id}/raw`, body, {
      "smfs-container": "work",
      "smfs-filepath": path,
    });
    ids.push(json.id ?? id);
  }
});
afterAll(async () => {
  await t.server.idle();
  expect(await t.server.storage.check()).toEqual([]);
  expect(t.errors).toEqual([]);
  await t.close();
});

/** Whether an answer is one that the contract has for this route. */
function expectContract(route: Route, answer: TestAnswer): void {
  if (answer.status >= 400) {
    expect(answer.status === 501 || answer.status < 500).toBe(true);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(typeof answer.json.error).toBe("string");
    return;
  }
  if (answer.status === 304) return;
  const declared = route.answers[answer.status] as Schema<unknown> | OtherAnswer | undefined;
  expect([answer.status, declared === undefined]).toEqual([answer.status, false]);
  if (declared === undefined || typeof declared === "string") return;
  expect(answer.headers.get("content-type")).toBe("application/json");
  const parsed = declared.safeParse(answer.json);
  expect(parsed.error?.issues ?? []).toEqual([]);
}

const headers = fc.record(
  {
    "if-match": fc.constantFrom('"r1"', "*", '"r9", "r2"', 'W/"r1"', "garbage", '"sha256-x"'),
    "if-none-match": fc.constantFrom("*", '"r1"', "garbage"),
    "if-modified-since": fc.constantFrom("Thu, 01 Jan 2032 00:00:00 GMT", "yesterday"),
    "idempotency-key": fc.constantFrom("k1", "k2", " ", "x".repeat(300)),
    "smfs-container": fc.constantFrom("work", "other", "a b"),
    "smfs-filepath": fc.constantFrom("/a", "/a/b", "%2Fn%2Fx", "%zz", "relative"),
    "smfs-metadata": fc.constantFrom('{"a":1}', "%7B%7D", "{", "[]", '{"a":{}}'),
    "content-digest": fc.constantFrom("sha-256=:AAAA:", "md5=:x:"),
    prefer: fc.constantFrom("return=representation", "wait=0", "wait=x"),
    range: fc.constantFrom("bytes=0-1", "bytes=-3", "bytes=9-1", "bytes=99999-", "x"),
    "x-stainless-retry-count": fc.constantFrom("1", "x"),
    "last-event-id": fc.constantFrom("x", "YWJjZDox"),
  },
  { requiredKeys: [] },
);

function pathOf(path: string, pick: (name: string) => string): string {
  return path.replace(/\{(\w+)…?\}/g, (_, name: string) => pick(name));
}

function formOf(fields: unknown, bytes: Uint8Array): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields ?? {})) form.set(name, fieldText(value));
  form.set("file", new Blob([Uint8Array.from(bytes)]), "name.bin");
  return form;
}

const operations = Object.entries(routes) as [string, Route][];
test.each(operations.filter(([name]) => name !== "changeStream"))(
  "[SERVER-127] generated requests get answers of the contract and never a server error: %s",
  async (_, route) => {
    const operation = document.paths[route.path.replace("…", "")][route.method.toLowerCase()];
    const query = (operation.parameters ?? []).filter((one: { in: string }) => one.in === "query");
    const body = operation.requestBody?.content["application/json"]?.schema;
    const form = operation.requestBody?.content["multipart/form-data"]?.schema;
    const request = fc.record({
      picks: fc.infiniteStream(fc.constantFrom(...ids, "work", "other", "1", "2", "x")),
      query: fc.record(
        Object.fromEntries(
          query.map((one: { name: string; schema: Record<string, unknown> }) => [
            one.name,
            arbitraryOf(one.schema, 15).map(fieldText),
          ]),
        ),
        { requiredKeys: [] },
      ),
      body:
        body === undefined
          ? fc.constant(undefined)
          : fc.oneof(arbitraryOf(body, 0), arbitraryOf(body, 0), arbitraryOf(body, 15)),
      bytes: fc.uint8Array({ maxLength: 200 }),
      form: form === undefined ? fc.constant({}) : arbitraryOf(form, 15),
      headers: fc.oneof(
        { arbitrary: fc.constant({}), weight: 2 },
        { arbitrary: headers, weight: 1 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(request, async (one) => {
        const parameters = new URLSearchParams(one.query as Record<string, string>);
        // A wait would only be waited for.
        if (parameters.has("wait")) parameters.set("wait", "0");
        const path = pathOf(route.path, () => one.picks.next().value);
        const sent =
          route.upload === "form"
            ? formOf(one.form, one.bytes)
            : route.upload === undefined
              ? one.body
              : one.bytes;
        const answer = await t.call(route.method, `${path}?${parameters}`, sent, one.headers);
        expectContract(route, answer);
      }),
      { numRuns: runs },
    );
  },
  60_000,
);

const garbage = fc.oneof(
  fc.string({ maxLength: 100 }),
  fc.constantFrom(
    "{",
    "[]",
    "null",
    "[".repeat(5000),
    '{"a":'.repeat(200),
    "\ufeff{}",
    '"\\ud800"',
    "1e999",
    '{"__proto__":{"x":1}}',
  ),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
);

test("[SERVER-128] bodies that are no JSON, and paths that are none, are told so", async () => {
  const bodied = operations.filter(([, route]) => route.body !== undefined);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...bodied), garbage, async ([, route], text) => {
      const path = pathOf(route.path, () => "work");
      const answer = await t.call(route.method, path, text, { "content-type": "application/json" });
      expect(answer.status).toBeGreaterThanOrEqual(200);
      expectContract(route, answer);
    }),
    { numRuns: 300 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"),
      fc.string({ maxLength: 40 }).filter((path) => !/\p{Surrogate}/u.test(path)),
      async (method, path) => {
        const answer = await t.call(method, `/${encodeURI(path).replace(/[?#].*/, "")}`);
        expect(answer.status).toBeLessThan(502);
        expect(answer.status === 500).toBe(false);
      },
    ),
    { numRuns: 300 },
  );
});

test("[SERVER-129] every path and method of the document is served, and nothing else is in it", () => {
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const table = operations.map(([, route]) => `${route.method} ${route.path.replace("…", "")}`);
  expect(documented.sort()).toEqual(table.sort());
  const operationIds = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods as Record<string, { operationId: string }>).map((one) => one.operationId),
  );
  expect(new Set(operationIds).size).toBe(operationIds.length);
});

test("[SERVER-129] another method is refused with those that the path has, each once", async () => {
  for (const [, route] of operations) {
    // What else is asked of connections is no part of this server (SERVER-211).
    if (route.path.startsWith("/v3/connections/")) continue;
    const path = route.path.replace(/\{(\w+)…?\}/g, "x");
    const answer = await t.call("PROPFIND", path);
    const allowed = answer.headers.get("allow")?.split(", ") ?? [];
    expect([answer.status, new Set(allowed).size], path).toEqual([405, allowed.length]);
    expect(allowed).toContain(route.method);
    expect(allowed.includes("GET")).toBe(allowed.includes("HEAD"));
  }
});

test("raw bytes are of any type, and none of them are an empty document", () => {
  const { requestBody } = (document.paths["/ext/v1/documents/{id}/raw"] as { put: Operation }).put;
  expect(requestBody).toEqual({ required: false, content: { "*/*": {} } });
});

interface Operation {
  readonly requestBody: unknown;
}
