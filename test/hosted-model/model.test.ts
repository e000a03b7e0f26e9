import { seededRandom } from "@smfs/core";
import { describe, expect, test } from "vitest";
import { isHold, type ModelRequest, type ModelResponse } from "./message.ts";
import { HostedModel } from "./model.ts";
import { embeddedQuirks, hostedQuirks, type Quirks } from "./quirks.ts";

interface Json {
  readonly [key: string]: unknown;
}

/** A model with a clock that the test moves. */
class Bench {
  now = 1_000_000;
  readonly model: HostedModel;

  constructor(quirks: Partial<Quirks> = {}, base: Quirks = hostedQuirks, seed = 1) {
    this.model = new HostedModel({
      clock: { now: () => 1_700_000_000_000 + this.now, monotonic: () => this.now },
      random: seededRandom(seed),
      quirks: { ...base, ...quirks },
    });
  }

  ask(method: string, path: string, json?: unknown, headers?: Record<string, string>) {
    const request: ModelRequest = {
      method,
      path,
      ...(headers === undefined ? {} : { headers }),
      ...(json === undefined ? {} : { body: { kind: "json", value: json } }),
    };
    return this.send(request);
  }

  send(request: ModelRequest): ModelResponse & { json: Json } {
    const answer = this.model.handle(request);
    if (isHold(answer)) throw new Error("held");
    return answer as ModelResponse & { json: Json };
  }

  post(filepath: string, content: string, more: Json = {}) {
    return this.ask("POST", "/v3/documents", { containerTag: "t", filepath, content, ...more });
  }

  get(id: unknown) {
    return this.ask("GET", `/v3/documents/${String(id)}`);
  }

  patch(id: unknown, json: Json, headers?: Record<string, string>) {
    return this.ask("PATCH", `/v3/documents/${String(id)}`, json, headers);
  }

  list(more: Json = {}) {
    return this.ask("POST", "/v3/documents/list", { containerTags: ["t"], ...more });
  }

  pass(ms: number): void {
    this.now += ms;
    this.model.advance();
  }

  /** A document that is done. */
  settled(filepath = "/a", content = "one", more: Json = {}): unknown {
    const { id } = this.post(filepath, content, more).json;
    this.pass(60_000);
    return id;
  }
}

describe("documents", () => {
  test("[MODEL-1] a new document is processed in stages and then done", () => {
    const bench = new Bench({ processingMs: [1000, 1000] });
    const { id, status } = bench.post("/a", "one").json;
    expect(status).toBe("queued");
    const seen: unknown[] = [];
    for (let i = 0; i < 6; i += 1) {
      seen.push(bench.get(id).json.status);
      bench.pass(200);
    }
    expect(seen).toEqual(["queued", "extracting", "chunking", "embedding", "indexing", "done"]);
  });

  test("[MODEL-2] an answer has the content byte for byte", () => {
    const bench = new Bench();
    const content = "\uFEFF a\r\n\u0000b ";
    expect(bench.get(bench.settled("/a", content)).json.content).toBe(content);
    expect(bench.get(bench.settled("/empty", "")).json.content).toBe("");
  });

  test.each([
    ["drop", "one", "/a", undefined],
    ["drop-content", "one", "/b", 1],
    ["path-only", "one", "/b", undefined],
    ["queue", "two", "/b", 1],
    ["accept", "two", "/b", 1],
  ] as const)("[MODEL-3] PATCH while processing: %s", (rule, content, filepath, stamp) => {
    const bench = new Bench({ patchWhileProcessing: rule, contentPatchIgnoresPath: false });
    const { id } = bench.post("/a", "one").json;
    const answer = bench.patch(id, { content: "two", filepath: "/b", metadata: { stamp: 1 } });
    expect(answer.status).toBe(200);
    bench.pass(60_000);
    const doc = bench.get(id).json as { content: string; filepath: string; metadata: Json | null };
    expect(doc.content).toBe(content);
    expect(doc.filepath).toBe(filepath);
    expect(doc.metadata?.stamp).toBe(stamp);
  });

  test("[MODEL-3] PATCH while processing can be refused", () => {
    const bench = new Bench({ patchWhileProcessing: "conflict" });
    const { id } = bench.post("/a", "one").json;
    expect(bench.patch(id, { content: "two" }).status).toBe(409);
    expect(bench.patch(id, { metadata: { a: 1 } }).status).toBe(200);
  });

  test.each([
    [{ receipt: true, stages: false, done: true }, [true, false, true]],
    [{ receipt: false, stages: false, done: true }, [false, false, true]],
    [{ receipt: true, stages: false, done: false }, [true, false, false]],
    [{ receipt: true, stages: true, done: true }, [true, true, true]],
  ] as const)("[MODEL-4] updatedAt moves when %o says so", (bumps, moved) => {
    const bench = new Bench({ bumps, processingMs: [1000, 1000] });
    const id = bench.settled();
    const stamp = (): unknown => bench.get(id).json.updatedAt;
    const seen: boolean[] = [];
    let last = stamp();
    const note = (): void => {
      const now = stamp();
      seen.push(now !== last);
      last = now;
    };
    bench.pass(10);
    bench.patch(id, { content: "two" });
    note();
    bench.pass(500);
    note();
    bench.pass(600);
    note();
    expect(seen).toEqual(moved);
  });

  test("[MODEL-5] timestamps have the grain of the tick, and commits may be stamped early", () => {
    const bench = new Bench({ tickMs: 1000 });
    bench.pass(123);
    expect(bench.get(bench.post("/a", "one").json.id).json.updatedAt).toMatch(/\.000Z$/);
    const late = new Bench({ lateCommitMs: 1500 });
    const ages = [...Array(20).keys()].map((i) => {
      const doc = late.get(late.post(`/f${i}`, "x").json.id).json;
      return 1_700_000_000_000 + late.now - Date.parse(String(doc.updatedAt));
    });
    expect(Math.max(...ages)).toBeGreaterThan(500);
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(0);
  });

  test("[MODEL-6] a failed document is deleted after two minutes", () => {
    const bench = new Bench({ failShare: 1, processingMs: [1000, 1000] });
    const { id } = bench.post("/a", "one").json;
    bench.pass(1000);
    expect(bench.get(id).json.status).toBe("failed");
    bench.pass(119_000);
    expect(bench.get(id).status).toBe(200);
    bench.pass(2000);
    expect(bench.get(id).status).toBe(404);
  });

  test("[MODEL-6] a stuck document goes on after a restart", () => {
    const bench = new Bench({ stuckShare: 1, processingMs: [1000, 1000] });
    const { id } = bench.post("/a", "one").json;
    bench.pass(86_400_000);
    expect(bench.get(id).json.status).toBe("queued");
    bench.model.restart();
    bench.pass(1000);
    expect(bench.get(id).json.status).toBe("done");
  });

  test.each([
    ["new", "four"],
    ["partial", "fo"],
    ["old", "one"],
    ["null", null],
  ] as const)("[MODEL-7] content while processing: %s", (contentWhileProcessing, shown) => {
    const bench = new Bench({ contentWhileProcessing });
    const id = bench.settled();
    bench.patch(id, { content: "four" });
    expect(bench.get(id).json.content).toBe(shown);
    bench.pass(60_000);
    expect(bench.get(id).json.content).toBe("four");
  });

  test.each([
    ["no-op", "one"],
    ["append", "one\ntwo"],
    ["replace", "two"],
  ] as const)("[MODEL-8] POST under a known customId: %s", (repost, content) => {
    const bench = new Bench({ repost });
    const id = bench.settled("/a", "one", { customId: "n_1" });
    expect(bench.post("/a", "two", { customId: "n_1" }).json.id).toBe(id);
    bench.pass(60_000);
    expect(bench.get(id).json.content).toBe(content);
  });

  test("[MODEL-8] POST under a known customId can be refused", () => {
    const bench = new Bench({ repost: "conflict" });
    bench.settled("/a", "one", { customId: "n_1" });
    expect(bench.post("/a", "two", { customId: "n_1" }).status).toBe(409);
  });

  test("[MODEL-9] a second document at one path: duplicate, upsert or conflict", () => {
    const bench = new Bench();
    const id = bench.settled();
    expect(bench.post("/a", "two").json.id).not.toBe(id);
    const upsert = new Bench({ pathTaken: "upsert" });
    const first = upsert.settled();
    expect(upsert.post("/a", "two").json.id).toBe(first);
    const conflict = new Bench({ pathTaken: "conflict" });
    conflict.settled();
    expect(conflict.post("/a", "two").status).toBe(409);
  });

  test("[MODEL-10] GET by customId works or not; DELETE by customId works", () => {
    const bench = new Bench({ getByCustomId: false });
    bench.settled("/a", "one", { customId: "n_1" });
    expect(bench.get("n_1").status).toBe(404);
    expect(bench.ask("DELETE", "/v3/documents/n_1").status).toBe(204);
    const other = new Bench();
    other.settled("/a", "one", { customId: "n_1" });
    expect(other.get("n_1").status).toBe(200);
  });

  test("[MODEL-11] content and filepath in one PATCH: the path is ignored", () => {
    const bench = new Bench();
    const id = bench.settled();
    bench.patch(id, { content: "two", filepath: "/b" });
    bench.pass(60_000);
    expect(bench.get(id).json).toMatchObject({ content: "two", filepath: "/a" });
    bench.patch(id, { filepath: "/b" });
    expect(bench.get(id).json).toMatchObject({ status: "done", filepath: "/b" });
  });

  test("[MODEL-12] metadata keys merge, null removes, nesting is refused", () => {
    const bench = new Bench();
    const id = bench.settled("/a", "one", { metadata: { a: 1, b: "x" } });
    bench.patch(id, { metadata: { b: null, c: ["y"] } });
    expect(bench.get(id).json.metadata).toEqual({ a: 1, c: ["y"] });
    expect(bench.patch(id, { metadata: { d: {} } }).status).toBe(400);
  });

  test("[MODEL-13] text is normalised as the quirks say", () => {
    const bench = new Bench({ normalise: { trim: true, crlf: true, urls: true } });
    expect(bench.get(bench.settled("/a", " a\r\nb \n")).json.content).toBe("a\nb");
    expect(bench.get(bench.settled("/b", "https://x.example")).json.content).not.toBe(
      "https://x.example",
    );
  });

  test("[MODEL-14] an uploaded binary has no content and a URL that gives the bytes", () => {
    const bench = new Bench();
    const bytes = new Uint8Array([0xff, 0, 1]);
    const { id } = bench.send({
      method: "POST",
      path: "/v3/documents/file",
      body: {
        kind: "form",
        fields: [
          { name: "file", value: bytes, fileName: "a.bin" },
          { name: "containerTag", value: "t" },
          { name: "filepath", value: "/a.bin" },
          { name: "metadata", value: '{"sfs_h":"x"}' },
        ],
      },
    }).json;
    const doc = bench.get(id).json;
    expect(doc.content).toBeNull();
    const file = bench.ask("GET", new URL(String(doc.url)).pathname);
    expect(file.bytes).toEqual(bytes);
  });

  test("[MODEL-15] bulk delete narrows ids by tag and tells what was unknown", () => {
    const bench = new Bench();
    const id = bench.settled();
    const other = bench.settled("/b", "two", { containerTag: "u" });
    const answer = bench.ask("DELETE", "/v3/documents/bulk", {
      ids: [id, other, "nope"],
      containerTags: ["t"],
    }).json;
    expect(answer).toMatchObject({ success: true, deletedCount: 1 });
    expect(bench.get(other).status).toBe(200);
  });
});

describe("lists", () => {
  test("[MODEL-16] a deletion between two pages shifts the rest up by one", () => {
    const bench = new Bench();
    const ids = ["a", "b", "c", "d"].map((name) => bench.settled(`/${name}`));
    const page = (n: number) =>
      (bench.list({ limit: 2, page: n }).json.memories as Json[]).map((doc) => doc.id);
    expect(page(1)).toEqual([ids[3], ids[2]]);
    bench.ask("DELETE", `/v3/documents/${String(ids[3])}`);
    expect(page(2)).toEqual([ids[0]]);
  });

  test("[MODEL-16] pinned pages do not shift", () => {
    const bench = new Bench({}, embeddedQuirks);
    const ids = ["a", "b", "c", "d"].map((name) => bench.settled(`/${name}`));
    const page = (n: number) =>
      (bench.list({ limit: 2, page: n }).json.memories as Json[]).map((doc) => doc.id);
    page(1);
    bench.ask("DELETE", `/v3/documents/${String(ids[3])}`);
    expect(page(2)).toEqual([ids[1], ids[0]]);
  });

  test("[MODEL-17] stale, empty, short and failing lists", () => {
    const always = { ...hostedQuirks.list };
    const counted = (list: Partial<Quirks["list"]>): number => {
      const bench = new Bench({ list: { ...always, ...list } });
      bench.settled("/a");
      bench.settled("/b");
      bench.post("/c", "new");
      const answer = bench.list({});
      return answer.status === 200 ? (answer.json.memories as Json[]).length : -answer.status;
    };
    expect(counted({})).toBe(3);
    expect(counted({ staleShare: 1, staleMs: 30_000 })).toBe(2);
    expect(counted({ emptyShare: 1 })).toBe(0);
    expect(counted({ shortShare: 1 })).toBeLessThan(3);
    expect(counted({ errorShare: 1 })).toBe(-503);
  });

  test("[MODEL-18] filters: exact path, prefix, metadata, status; content only when asked", () => {
    const bench = new Bench();
    bench.settled("/d/a", "one", { metadata: { sfs_fid: "f1" } });
    bench.settled("/d/b", "two");
    bench.settled("/e", "three");
    const paths = (more: Json) =>
      (bench.list({ order: "asc", ...more }).json.memories as Json[]).map((d) => d.filepath);
    expect(paths({ filepath: "/d/" })).toEqual(["/d/a", "/d/b"]);
    expect(paths({ filepath: "/e" })).toEqual(["/e"]);
    expect(paths({ filters: { AND: [{ key: "sfs_fid", value: "f1" }] } })).toEqual(["/d/a"]);
    expect(paths({ filters: { AND: [{ key: "sfs_fid", value: "f1", negate: true }] } })).toEqual([
      "/d/b",
      "/e",
    ]);
    const [first] = bench.list({}).json.memories as Json[];
    expect(first).not.toHaveProperty("content");
    expect(bench.list({ limit: 0 }).status).toBe(400);
  });

  test("[MODEL-19] processing lists what is not done", () => {
    const bench = new Bench();
    bench.settled("/a");
    bench.post("/b", "two");
    const answer = bench.ask("GET", "/v3/documents/processing?containerTag=t").json;
    expect(answer.totalCount).toBe(1);
  });
});

describe("extensions", () => {
  const embedded = (more: Partial<Quirks> = {}): Bench => new Bench(more, embeddedQuirks);

  test("[MODEL-20] If-Match is checked on PATCH and DELETE and answers 412 with what is current", () => {
    const bench = embedded();
    const { id } = bench.post("/a", "one").json;
    expect(bench.patch(id, { content: "two" }, { "if-match": '"r1"' }).status).toBe(200);
    const refused = bench.patch(id, { content: "three" }, { "if-match": '"r1"' });
    expect(refused.status).toBe(412);
    expect(refused.json.current).toMatchObject({ id, rev: 2, filepath: "/a" });
    const gone = bench.ask("DELETE", `/v3/documents/${String(id)}`, undefined, {
      "if-match": '"r1"',
    });
    expect(gone.status).toBe(412);
    expect(bench.patch("nope", { content: "x" }, { "if-match": "*" }).status).toBe(412);
  });

  test("[MODEL-21] the feed tells each document once, with tombstones, and a cursor goes on", () => {
    const bench = embedded();
    const a = bench.post("/a", "one").json.id;
    const b = bench.post("/b", "two").json.id;
    const first = bench.ask("GET", "/ext/v1/changes?containerTag=t&since=0").json;
    expect((first.changes as Json[]).map((one) => one.id)).toEqual([a, b]);
    bench.patch(a, { content: "three" });
    bench.patch(a, { filepath: "/c" });
    bench.ask("DELETE", `/v3/documents/${String(b)}`);
    const since = String(first.cursor);
    const next = bench.ask("GET", `/ext/v1/changes?containerTag=t&since=${since}`).json;
    expect(next.changes).toMatchObject([
      { type: "upsert", id: a, rev: 3, filepath: "/c" },
      { type: "delete", id: b, filepath: "/b" },
    ]);
  });

  test("[MODEL-22] a long poll is held until something changes, and a foreign cursor is 410", () => {
    const bench = embedded();
    const cursor = String(bench.ask("GET", "/ext/v1/changes?since=now").json.cursor);
    const poll: ModelRequest = {
      method: "GET",
      path: `/ext/v1/changes?containerTag=t&since=${cursor}&wait=25`,
    };
    expect(bench.model.handle(poll)).toEqual({ hold: true, waitMs: 25_000 });
    expect(bench.model.handle(poll, { expired: true })).toMatchObject({ json: { changes: [] } });
    let woken = 0;
    bench.model.onChange(() => {
      woken += 1;
    });
    bench.post("/a", "one");
    expect(woken).toBe(1);
    expect(bench.model.handle(poll)).toMatchObject({ json: { changes: [{ filepath: "/a" }] } });
    bench.model.epoch = "other";
    expect(bench.send(poll).status).toBe(410);
  });

  test("[MODEL-22] a cursor behind the kept tombstones is 410", () => {
    const bench = embedded({ tombstoneMs: 1000 });
    const a = bench.post("/a", "one").json.id;
    const cursor = String(bench.ask("GET", "/ext/v1/changes?since=now").json.cursor);
    bench.ask("DELETE", `/v3/documents/${String(a)}`);
    bench.pass(5000);
    expect(bench.ask("GET", `/ext/v1/changes?containerTag=t&since=${cursor}`).status).toBe(410);
  });

  test("[MODEL-23] raw bytes: create under a customId, replace with If-Match, former versions", () => {
    const bench = embedded();
    const put = (bytes: string, headers: Record<string, string>) =>
      bench.send({
        method: "PUT",
        path: "/ext/v1/documents/n_1/raw",
        headers,
        body: { kind: "bytes", bytes: new TextEncoder().encode(bytes) },
      });
    const create = {
      "if-none-match": "*",
      "smfs-container": "t",
      "smfs-filepath": encodeURIComponent("/ä"),
      "smfs-metadata": '{"sfs_rev":"e:1"}',
    };
    const made = put("one", create);
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({ rev: 1, filepath: "/ä", status: "done" });
    expect(put("two", create).status).toBe(412);
    expect(put("two", { "if-match": '"r1"' }).status).toBe(200);
    const id = String(made.json.id);
    const old = bench.ask("GET", `/ext/v1/documents/${id}/raw?rev=1`);
    expect(new TextDecoder().decode(old.bytes)).toBe("one");
    expect(bench.get(id).json.content).toBe("two");
  });

  test("[MODEL-24] a repeated request with its idempotency key is answered, not carried out", () => {
    const bench = embedded();
    const headers = { "idempotency-key": "k1" };
    const body = { containerTag: "t", filepath: "/a", content: "one" };
    const first = bench.ask("POST", "/v3/documents", body, headers);
    bench.patch(first.json.id, { content: "two" });
    const again = bench.ask("POST", "/v3/documents", body, headers);
    expect(again.headers["idempotent-replayed"]).toBe("true");
    expect(again.json).toEqual(first.json);
    expect(bench.get(first.json.id).json.content).toBe("two");
    const other = bench.ask("POST", "/v3/documents", { ...body, content: "x" }, headers);
    expect(other.status).toBe(422);
  });

  test("[MODEL-25] a prefix moves as a whole or not at all", () => {
    const bench = embedded();
    bench.post("/d/a", "one");
    bench.post("/d/b", "two");
    const move = (from: string, to: string) =>
      bench.ask("POST", "/ext/v1/move", { containerTag: "t", from, to });
    expect(move("/d", "/e").json).toMatchObject({ moved: 2 });
    bench.post("/d/a", "three");
    expect(move("/e", "/d").status).toBe(409);
    expect(bench.list({ filepath: "/e/" }).json.pagination).toMatchObject({ totalItems: 2 });
  });

  test("[MODEL-26] a path that another document holds is 409 and names the holder", () => {
    const bench = embedded();
    const a = bench.post("/a", "one").json.id;
    const b = bench.post("/b", "two").json.id;
    expect(bench.patch(b, { filepath: "/a" }).json.current).toMatchObject({ id: a });
    expect(bench.post("/a", "x", { customId: "n_2" }).json.current).toMatchObject({ id: a });
    expect(bench.post("/a/below", "x").status).toBe(400);
  });

  test("[MODEL-27] without extensions their routes are unknown and nothing shows them", () => {
    const bench = new Bench();
    const id = bench.settled();
    expect(bench.ask("GET", "/ext/v1/changes?since=0").status).toBe(404);
    expect(bench.ask("GET", `/ext/v1/documents/${String(id)}/raw`).status).toBe(404);
    expect(bench.get(id).json).not.toHaveProperty("rev");
    expect(bench.get(id).headers).not.toHaveProperty("etag");
    expect(bench.patch(id, { content: "x" }, { "if-match": '"r9"' }).status).toBe(200);
    expect(bench.ask("GET", "/v3/session").json).not.toHaveProperty("extensions");
  });

  test("[MODEL-28] the same seed and the same requests give the same answers", () => {
    const run = (): string => {
      const bench = new Bench({ failShare: 0.3, lateCommitMs: 1500 }, hostedQuirks, 7);
      for (let i = 0; i < 20; i += 1) {
        bench.post(`/f${i % 5}`, `text ${i}`);
        bench.pass(700);
      }
      return JSON.stringify(bench.list({ limit: 100 }).json);
    };
    expect(run()).toBe(run());
  });
});
