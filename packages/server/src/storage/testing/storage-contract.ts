import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CollectLimits, Storage, Transaction } from "../storage.ts";
import type { DocumentChange, NewContent, NewDocument, StoredDocument } from "../stored.ts";
import { draft, inline, nobody } from "./drafts.ts";
import { memoryContract } from "./memory-contract.ts";
import { smallTablesContract } from "./small-tables-contract.ts";

/** Nothing is old enough to go. */
const never: CollectLimits = {
  versionsKept: 99,
  versionAgeMs: 1e9,
  thinWindowMs: 1,
  thinAgeMs: 1e9,
  tombstoneAgeMs: 1e9,
  replyAgeMs: 1e9,
  blobAgeMs: 1e9,
};

const update = (text: string): DocumentChange => ({
  op: "update",
  writer: nobody,
  content: inline(text),
});

/**
 * @param open opens the storage of this test; called again after a close it opens the same one
 */
export function storageContract(open: () => Promise<Storage>): void {
  let storage: Storage;
  const write = <T>(unit: (tx: Transaction) => Promise<T>) => storage.write(unit);
  const text = async (id: string) => {
    const document = await storage.documentById(id);
    return document && Buffer.from(await storage.readContent(document.content)).toString();
  };
  const order = { by: "updatedAt", descending: false } as const;
  beforeEach(async () => {
    storage = await open();
  });
  afterEach(async () => {
    expect(await storage.check()).toEqual([]);
    await storage.close();
  });

  describe("units", () => {
    test("[SERVER-1] what a unit wrote is there after the storage was closed and opened", async () => {
      const { id } = await write((tx) => tx.create(draft("hello", { filepath: "/a" })));
      await storage.close();
      storage = await open();
      expect(await text(id)).toBe("hello");
      expect((await storage.documentByPath("work", "/a"))?.id).toBe(id);
    });

    test("[SERVER-2] a unit that throws has written nothing, and takes nothing of its neighbours with it", async () => {
      const one = write((tx) => tx.create(draft("one", { filepath: "/1" })));
      const two = write(async (tx) => {
        await tx.create(draft("two", { filepath: "/2" }));
        throw new Error("no");
      });
      const three = write((tx) => tx.create(draft("three", { filepath: "/3" })));
      await expect(two).rejects.toThrow("no");
      await Promise.all([one, three]);
      const nos = await storage.documentNos({ containerTags: ["work"] }, order);
      const paths = (await storage.documentsByNo(nos)).map((d) => d.filepath);
      expect(paths).toEqual(["/1", "/3"]);
    });

    test("[SERVER-3] a unit that breaks a rule of the storage has written nothing", async () => {
      await write((tx) => tx.create(draft("one", { filepath: "/1" })));
      await expect(
        write(async (tx) => {
          await tx.create(draft("x", { filepath: "/x" }));
          await tx.create(draft("two", { filepath: "/1" }));
        }),
      ).rejects.toThrow();
      expect(await storage.documentByPath("work", "/x")).toBeUndefined();
    });

    test("[SERVER-4] a unit sees what it wrote itself, others only what is committed", async () => {
      let outside: unknown = "not asked";
      await write(async (tx) => {
        const { id } = await tx.create(draft("one"));
        expect((await tx.documentById(id))?.id).toBe(id);
        outside = await storage.documentById(id);
      });
      expect(outside).toBeUndefined();
    });

    test("a unit that waits for something else than its transaction fails", async () => {
      await expect(write(() => new Promise((resolve) => setTimeout(resolve, 5)))).rejects.toThrow(
        "awaits only its transaction",
      );
    });
  });

  describe("documents", () => {
    test("[SERVER-5] rev counts visible changes, contentRev those of the bytes", async () => {
      const first = await write((tx) => tx.create(draft("one", { filepath: "/a" })));
      const second = await write((tx) =>
        tx.change(first, { op: "rename", writer: nobody, filepath: "/b" }),
      );
      const third = await write((tx) => tx.change(second, update("two")));
      expect([first, second, third].map((d) => [d.rev, d.contentRev])).toEqual([
        [1, 1],
        [2, 1],
        [3, 3],
      ]);
      expect(third.previousFilepath).toBe("/a");
      expect(await storage.documentById(first.id)).toEqual(third);
    });

    test("[SERVER-6] seq, updatedAt and createdAt are strictly increasing whatever the clock does", async () => {
      const made: StoredDocument[] = [];
      for (let i = 0; i < 5; i += 1) made.push(await write((tx) => tx.create(draft(`${i}`))));
      for (let i = 1; i < 5; i += 1) {
        expect(made[i]!.seq).toBeGreaterThan(made[i - 1]!.seq);
        expect(made[i]!.createdAt).toBeGreaterThan(made[i - 1]!.createdAt);
      }
      const changed = await write((tx) => tx.change(made[0]!, update("x")));
      expect(changed.updatedAt).toBeGreaterThan(made[4]!.updatedAt);
    });

    test("[SERVER-7] versions hold every state that was replaced, with its bytes", async () => {
      let document = await write((tx) => tx.create(draft("one", { filepath: "/a" })));
      document = await write((tx) => tx.change(document, update("two")));
      await write((tx) => tx.remove(document, nobody));
      const tombstone = (await storage.tombstoneById(document.id))!;
      const versions = await storage.versions(tombstone.documentNo, undefined, 10);
      const bytes = await Promise.all(versions.map((v) => storage.readContent(v.content)));
      expect(versions.map((v) => v.rev)).toEqual([2, 1]);
      expect(bytes.map((b) => Buffer.from(b).toString())).toEqual(["two", "one"]);
    });

    test("[SERVER-8] an undeleted document is back with its number, bytes and path, at the next rev", async () => {
      const document = await write((tx) =>
        tx.create(draft("one", { filepath: "/a", customId: "c" })),
      );
      await write((tx) => tx.remove(document, nobody));
      expect(await storage.documentById(document.id)).toBeUndefined();
      const tombstone = (await storage.tombstoneById(document.id))!;
      const back = await write((tx) =>
        tx.undelete(tombstone, { status: "done", dreamingStatus: "done", writer: nobody }),
      );
      expect(back).toMatchObject({ no: document.no, rev: 3, filepath: "/a", op: "restore" });
      expect(await text(document.id)).toBe("one");
      expect(await storage.tombstoneById(document.id)).toBeUndefined();
    });

    test("[SERVER-9] a path and a custom id name at most one live document of a container", async () => {
      await write((tx) => tx.create(draft("1", { filepath: "/a", customId: "c" })));
      await expect(write((tx) => tx.create(draft("2", { filepath: "/a" })))).rejects.toThrow();
      await expect(write((tx) => tx.create(draft("2", { customId: "c" })))).rejects.toThrow();
      await write((tx) =>
        tx.create(draft("3", { filepath: "/a", customId: "c", containerTags: ["other"] })),
      );
      expect(await storage.documentByCustomId("c", ["other"])).toMatchObject({
        containerTags: ["other"],
      });
    });

    test("scopes narrow by container, path, prefix and status", async () => {
      const make = (path: string | null, more: Partial<NewDocument> = {}) =>
        write((tx) => tx.create(draft("x", { filepath: path, ...more })));
      await make("/a/1");
      await make("/a/2", { status: "queued" });
      await make("/a0");
      await make("/b", { containerTags: ["other"] });
      await make("/c", { containerTags: ["other", "work"] });
      await make(null);
      const paths = async (scope: Parameters<Storage["documentNos"]>[0]) =>
        (await storage.documentsByNo(await storage.documentNos(scope, order))).map(
          (d) => d.filepath,
        );
      expect(await paths({ containerTags: ["work"], filepath: "/a/" })).toEqual(["/a/1", "/a/2"]);
      expect(await paths({ containerTags: ["work"], filepath: "/a0" })).toEqual(["/a0"]);
      expect(await paths({ containerTags: ["work"], filepath: "/" })).toHaveLength(4);
      expect(await paths({ containerTags: ["work"] })).toHaveLength(5);
      expect(await paths({ containerTags: ["work", "other"] })).toHaveLength(6);
      expect(await paths({ containerTags: ["work", "other"], filepath: "/c" })).toEqual(["/c"]);
      expect(await paths({ containerTags: [] })).toEqual([]);
      expect(await paths({ filepath: "/a/" })).toEqual(["/a/1", "/a/2"]);
      expect(await paths({ unfinished: true })).toEqual(["/a/2"]);
      expect(await paths({ containerTags: ["work"], status: "queued" })).toEqual(["/a/2"]);
    });

    test("pages by position meet every document once, in both orders and directions", async () => {
      for (let i = 0; i < 7; i += 1) await write((tx) => tx.create(draft(`${i}`)));
      for (const by of ["createdAt", "updatedAt"] as const) {
        for (const descending of [false, true]) {
          const seen: number[] = [];
          let after: number | undefined;
          for (;;) {
            const page = await storage.documentsAfter(
              { containerTags: ["work"] },
              { by, descending },
              after,
              3,
            );
            seen.push(...page.map((d) => d.no));
            const last = page.at(-1);
            if (last === undefined) break;
            after = by === "createdAt" ? last.no : last.seq;
          }
          expect(seen).toEqual(
            await storage.documentNos({ containerTags: ["work"] }, { by, descending }),
          );
          expect(new Set(seen).size).toBe(7);
        }
      }
    });

    test("a path clashes with documents below it and with its parent directories", async () => {
      await write((tx) => tx.create(draft("x", { filepath: "/a/b" })));
      expect((await storage.pathClash("work", "/a"))?.filepath).toBe("/a/b");
      expect((await storage.pathClash("work", "/a/b/c/d"))?.filepath).toBe("/a/b");
      expect(await storage.pathClash("work", "/a/b")).toBeUndefined();
      expect(await storage.pathClash("work", "/a/bc")).toBeUndefined();
      expect(await storage.pathClash("other", "/a")).toBeUndefined();
    });
  });

  describe("change log", () => {
    test("[SERVER-10] a document is in the log once, at its last change; a deletion takes its place", async () => {
      let a = await write((tx) => tx.create(draft("a", { filepath: "/a" })));
      const b = await write((tx) => tx.create(draft("b", { filepath: "/b" })));
      a = await write((tx) => tx.change(a, update("a2")));
      await write((tx) => tx.remove(b, nobody));
      const changes = await storage.changesAfter("work", 0, 10);
      expect(changes.map((c) => [c.kind, c.seq])).toEqual([
        ["upsert", a.seq],
        ["delete", await storage.head()],
      ]);
      expect(await storage.changesAfter("work", a.seq, 10)).toHaveLength(1);
      expect((await storage.changesAfter(undefined, 0, 10)).map((c) => c.kind)).toEqual([
        "upsert",
        "delete",
      ]);
    });

    test("[SERVER-11] leaving a container is a deletion there, returning ends it", async () => {
      const a = await write((tx) => tx.create(draft("a", { containerTags: ["one", "two"] })));
      const moved = await write((tx) =>
        tx.change(a, { op: "metadata", writer: nobody, containerTags: ["two"] }),
      );
      const [change] = await storage.changesAfter("one", 0, 10);
      expect(change).toMatchObject({ kind: "delete", tombstone: { reason: "moved", id: a.id } });
      expect(await storage.tombstoneById(a.id)).toBeUndefined();
      await write((tx) =>
        tx.change(moved, { op: "metadata", writer: nobody, containerTags: ["two", "one"] }),
      );
      expect((await storage.changesAfter("one", 0, 10)).map((c) => c.kind)).toEqual(["upsert"]);
    });

    test("[SERVER-12] a commit is told once it is durable, with its last seq", async () => {
      const told: number[] = [];
      const stop = storage.onCommit((seq) => told.push(seq));
      const a = await write((tx) => tx.create(draft("a")));
      stop();
      await write((tx) => tx.create(draft("b")));
      expect(told).toEqual([a.seq]);
    });

    test("[SERVER-13] collecting tombstones moves the horizon; a seq is never given twice", async () => {
      const a = await write((tx) => tx.create(draft("a")));
      await write((tx) => tx.remove(a, nobody));
      const head = await storage.head();
      const none = {
        ...never,
        versionsKept: 1,
        versionAgeMs: -1,
        tombstoneAgeMs: -1e6,
        replyAgeMs: -1,
        blobAgeMs: -1,
      };
      expect(await storage.collect(none)).toMatchObject({ tombstones: 1, versions: 1 });
      expect(await storage.horizon()).toBe(head);
      await storage.close();
      storage = await open();
      const b = await write((tx) => tx.create(draft("b")));
      expect(b.seq).toBeGreaterThan(head);
      expect(b.no).toBeGreaterThan(a.no);
    });

    test("old versions go, the newest and the current one stay", async () => {
      let a = await write((tx) => tx.create(draft("0")));
      for (let i = 1; i < 6; i += 1) a = await write((tx) => tx.change(a, update(`${i}`)));
      await storage.collect({
        ...never,
        versionsKept: 3,
        versionAgeMs: -1e6,
        tombstoneAgeMs: 0,
        replyAgeMs: 0,
        blobAgeMs: 0,
      });
      expect((await storage.versions(a.no, undefined, 10)).map((v) => v.rev)).toEqual([6, 5, 4]);
    });

    test("[SERVER-166] of what one writer saved within a moment the last is kept, once it is old", async () => {
      const by = (origin: string | null) => ({ writer: { ...nobody, origin } });
      let a = await write((tx) => tx.create(draft("0", by("one"))));
      const save = async (text: string, origin: string | null) => {
        a = await write((tx) => tx.change(a, { ...update(text), ...by(origin) }));
      };
      for (const text of ["1", "2", "3"]) await save(text, "one");
      await save("4", "two");
      for (const text of ["5", "6"]) await save(text, "one");
      for (const text of ["7", "8"]) await save(text, null);
      const revs = async () =>
        (await storage.versions(a.no, undefined, 20)).map((version) => version.rev);
      const all = [9, 8, 7, 6, 5, 4, 3, 2, 1];
      // Nothing is old enough.
      await storage.collect({ ...never, thinAgeMs: 1e9 });
      expect(await revs()).toEqual(all);
      // All of it is one moment, and old.
      const limits = { ...never, thinWindowMs: Number.MAX_SAFE_INTEGER, thinAgeMs: -1e6 };
      expect(await storage.collect(limits)).toMatchObject({ versions: 3, hasMore: false });
      // The creation, the last save of each run of one writer, and everything of nobody in particular.
      expect(await revs()).toEqual([9, 8, 7, 5, 4, 1]);
      const texts = (await storage.versions(a.no, undefined, 20)).map(async ({ content }) =>
        Buffer.from(await storage.readContent(content)).toString(),
      );
      expect(await Promise.all(texts)).toEqual(["8", "7", "6", "4", "3", "0"]);
      expect(await storage.check()).toEqual([]);
      // Each is looked at once.
      expect(await storage.collect(limits)).toMatchObject({ versions: 0 });
    });
  });

  describe("bytes", () => {
    const receive = async (bytes: Uint8Array): Promise<NewContent> => {
      const blob = await storage.receiveBlob();
      for (let at = 0; at < bytes.length; at += 50_000) {
        await blob.write(bytes.subarray(at, at + 50_000));
      }
      return blob.finish();
    };
    const big = Buffer.alloc(200_000, "0123456789");

    test("[SERVER-14] a blob comes back byte for byte, whole, in ranges and as a stream", async () => {
      const content = await receive(big);
      const document = await write((tx) => tx.create(draft("", { content })));
      expect(Buffer.from(await storage.readContent(document.content)).equals(big)).toBe(true);
      const range = await storage.readContent(document.content, { start: 12, end: 15 });
      expect(Buffer.from(range).toString()).toBe("234");
      const streamed = [];
      for await (const part of storage.streamContent(document.content, {
        start: 3,
        end: 100_003,
      })) {
        streamed.push(part);
      }
      expect(Buffer.concat(streamed).equals(big.subarray(3, 100_003))).toBe(true);
    });

    test("[SERVER-15] a blob that nothing names is collected, one that a version names is not", async () => {
      const content = await receive(big);
      const unnamed = await receive(Buffer.from("unnamed"));
      const document = await write((tx) => tx.create(draft("", { content })));
      await write((tx) => tx.change(document, update("small")));
      const limits = never;
      expect((await storage.collect({ ...limits, blobAgeMs: 1e9 })).blobs).toBe(0);
      expect((await storage.collect({ ...limits, blobAgeMs: -1 })).blobs).toBe(1);
      const [, old] = await storage.versions(document.no, undefined, 2);
      expect((await storage.readContent(old!.content)).length).toBe(big.length);
      expect(unnamed.kind).toBe("blob");
    });

    test("an aborted blob leaves nothing, empty bytes are bytes", async () => {
      const blob = await storage.receiveBlob();
      await blob.write(Buffer.from("x"));
      await blob.abort();
      const document = await write((tx) => tx.create(draft("")));
      expect((await storage.readContent(document.content)).length).toBe(0);
    });
  });

  describe("chunks", () => {
    const put = async (body: string, more: Partial<NewDocument> = {}) =>
      write(async (tx) => {
        const document = await tx.create(draft(body, more));
        const lines = [...body.matchAll(/[^\n]+/g)];
        await tx.putChunks(
          document,
          body,
          lines.map((match, i) => ({
            start: match.index,
            end: match.index + match[0].length,
            lineStart: i + 1,
            lineEnd: i + 1,
            text: match[0],
            vectors: [{ model: "m", bytes: Buffer.from([i]) }],
          })),
        );
        return document;
      });

    test("[SERVER-16] a chunk's text is cut from the document at the right bytes, whatever the script", async () => {
      const document = await put("erste Zeile – ä\nпривет 😀 мир\n最後");
      const chunks = await storage.chunksOfDocument(document.no);
      expect(chunks.map((c) => c.text)).toEqual(["erste Zeile – ä", "привет 😀 мир", "最後"]);
      expect(chunks.map((c) => c.position)).toEqual([0, 1, 2]);
    });

    test("[SERVER-17] the lexical index finds words after stemming, within the scope, best first", async () => {
      const a = await put("retries and retrying of requests", { filepath: "/n/a" });
      await put("nothing about it", { filepath: "/n/b" });
      await put("one retry in a much longer text about other things", { containerTags: ["other"] });
      const find = async (words: string[], scope: Parameters<Storage["documentNos"]>[0]) =>
        (await storage.lexical({ words, scope, limit: 10 })).hits.map((hit) => hit.documentNo);
      expect(await find(["retry"], { containerTags: ["work"] })).toEqual([a.no]);
      expect(await find(["retry"], {})).toHaveLength(2);
      expect(await find(["retry"], { containerTags: ["work"], filepath: "/x/" })).toEqual([]);
      expect(await find(['"quo*te'], {})).toEqual([]);
      expect(await find(["unheard"], {})).toEqual([]);
      const result = await storage.lexical({ words: ["retry", "request"], scope: {}, limit: 10 });
      expect(result.hits[0]?.documentNo).toBe(a.no);
      expect(result.hits[0]!.score).toBeLessThanOrEqual(result.scoreMax);
    });

    test("[SERVER-18] new bytes and a deletion take the old chunks out of both indexes", async () => {
      const a = await put("alpha");
      await write((tx) => tx.change(a, update("beta")));
      const b = await put("alpha");
      await write((tx) => tx.remove(b, nobody));
      expect((await storage.lexical({ words: ["alpha"], scope: {}, limit: 10 })).hits).toEqual([]);
      expect(await storage.vectorsAfter("m", 0, 10)).toEqual([]);
      expect(await storage.chunksOfDocument(a.no)).toEqual([]);
    });

    test("vectors are paged, replaced, and found missing by model", async () => {
      const a = await put("one\ntwo\nthree");
      const chunks = await storage.chunksOfDocument(a.no);
      const pages = await storage.vectorsAfter("m", 0, 2);
      expect(pages).toHaveLength(2);
      expect(await storage.vectorsAfter("m", pages[1]!.no, 2)).toHaveLength(1);
      expect(await storage.chunksWithoutVector("n", 0, 10)).toHaveLength(3);
      const chunkNo = chunks[1]!.no;
      await write((tx) =>
        tx.putVectors("n", [
          { chunkNo, bytes: Buffer.from([7]) },
          { chunkNo: 999_999, bytes: Buffer.from([8]) },
        ]),
      );
      await write((tx) => tx.putVectors("n", [{ chunkNo, bytes: Buffer.from([9]) }]));
      expect(await storage.chunksWithoutVector("n", 0, 10)).toHaveLength(2);
      const found = await storage.vectorsOf([chunkNo]);
      expect(found.map((v) => [v.model, v.bytes[0]]).sort()).toEqual([
        ["m", 1],
        ["n", 9],
      ]);
      expect(await storage.indexCounts()).toEqual({ chunks: 3, vectors: { m: 3, n: 1 } });
      await write((tx) => tx.dropVectors("m"));
      expect(await storage.indexCounts()).toEqual({ chunks: 3, vectors: { n: 1 } });
    });

    test("extracted text is a document's text until its bytes change", async () => {
      const pdf = await write((tx) =>
        tx.create(draft("%PDF", { isText: false, status: "queued" })),
      );
      expect(await storage.unfinishedAfter(0, 10)).toHaveLength(1);
      await write((tx) => tx.putExtractedText(pdf.no, pdf.contentRev, "drawn ä"));
      expect(await storage.documentText(pdf)).toBe("drawn ä");
      const changed = await write((tx) => tx.change(pdf, update("%PDF2")));
      expect(await storage.documentText(changed)).toBeUndefined();
    });
  });

  describe("memories", () => memoryContract(() => storage));

  describe("small tables", () => smallTablesContract(() => storage));
}
