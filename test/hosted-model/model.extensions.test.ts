import { describe, expect, test } from "vitest";
import type { ModelRequest } from "./message.ts";
import { Bench, type Json } from "./model-bench.ts";
import { embeddedQuirks, hostedQuirks, type Quirks } from "./quirks.ts";

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
