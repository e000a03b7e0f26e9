import { describe, expect, test } from "vitest";
import { Bench, type Json } from "./model-bench.ts";
import { embeddedQuirks, hostedQuirks, type Quirks } from "./quirks.ts";

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
