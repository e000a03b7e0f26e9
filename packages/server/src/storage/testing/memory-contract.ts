/** Memories: what every storage keeps of them. */
import { expect, test } from "vitest";
import type { NewMemory } from "../memory.ts";
import type { Storage } from "../storage.ts";
import { draft } from "./drafts.ts";

let ids = 0;
function memory(text: string, more: Partial<NewMemory> = {}): NewMemory {
  ids += 1;
  const id = `m${ids}`;
  return {
    id,
    containerTag: "me",
    documentNo: null,
    memory: text,
    bucket: null,
    version: 1,
    parentId: null,
    rootId: id,
    isStatic: false,
    isInference: false,
    isForgotten: false,
    forgetAfter: null,
    forgetReason: null,
    metadata: null,
    temporalContext: null,
    ...more,
  };
}

/** @param open the storage of the test that runs */
export function memoryContract(open: () => Storage): void {
  const put = (one: NewMemory) => open().write((tx) => tx.putMemory(one));
  const all = async (withForgotten = false) =>
    (await open().memoriesAfter({ containerTags: ["me"], withForgotten }, 0, 100)).map(
      (one) => one.memory,
    );

  test("[SERVER-137] a memory comes back as it was put; its next version takes its place", async () => {
    const first = await put(
      memory("one", {
        metadata: { a: 1 },
        temporalContext: { eventDate: ["2026"] },
        isStatic: true,
      }),
    );
    expect(first).toMatchObject({ isLatest: true, metadata: { a: 1 }, isStatic: true });
    expect(await open().memoryById(first.id)).toEqual(first);
    await put(memory("two", { version: 2, parentId: first.id, rootId: first.rootId }));
    expect(await all()).toEqual(["two"]);
    const versions = await open().memoryVersions(first.rootId);
    expect(versions.map((one) => [one.memory, one.isLatest])).toEqual([
      ["one", false],
      ["two", true],
    ]);
  });

  test("[SERVER-138] forgotten memories are there only for those who ask for them", async () => {
    const one = await put(memory("one"));
    await put(memory("two"));
    await open().write((tx) => tx.setForgotten(one.id, true, "why"));
    expect(await all()).toEqual(["two"]);
    expect(await all(true)).toEqual(["one", "two"]);
    expect(await open().memoriesByText("me", "one")).toEqual([]);
    expect((await open().memoryById(one.id))?.forgetReason).toBe("why");
    expect(await open().memoryCounts()).toEqual(new Map([["me", 1]]));
  });

  test("memories are found by container, text and document, and paged by number", async () => {
    const document = await open().write((tx) => tx.create(draft("x", { containerTags: ["me"] })));
    for (let i = 0; i < 5; i += 1) await put(memory(`m ${i}`, { documentNo: document.no }));
    await put(memory("m 1", { containerTag: "other" }));
    expect(await open().memoriesByText("me", "m 1")).toHaveLength(1);
    expect(await open().memoriesOfDocument(document.no)).toHaveLength(5);
    const page = await open().memoriesAfter({}, 0, 4);
    const rest = await open().memoriesAfter({}, page.at(-1)!.no, 4);
    expect([...page, ...rest].map((one) => one.memory)).toEqual([
      "m 0",
      "m 1",
      "m 2",
      "m 3",
      "m 4",
      "m 1",
    ]);
    expect(await open().memoriesAfter({ containerTags: [] }, 0, 9)).toEqual([]);
    await open().write((tx) => tx.moveMemories("other", "me"));
    expect(await open().memoriesByText("me", "m 1")).toHaveLength(2);
  });

  test("what is owed is told until it is paid for the same bytes", async () => {
    await open().write((tx) => tx.oweFacts(7, 1));
    await open().write((tx) => tx.oweFacts(7, 3));
    await open().write((tx) => tx.payFacts({ documentNo: 7, contentRev: 1 }));
    expect(await open().factsOwedAfter(0, 9)).toEqual([{ documentNo: 7, contentRev: 3 }]);
    await open().write((tx) => tx.payFacts({ documentNo: 7, contentRev: 3 }));
    expect(await open().factsOwedAfter(0, 9)).toEqual([]);
  });

  test("a merge is kept as it was put last", async () => {
    const merge = {
      id: "g1",
      sourceTags: ["a"],
      targetTag: "b",
      status: "queued" as const,
      error: null,
      createdAt: 1,
      updatedAt: 1,
    };
    await open().write((tx) => tx.putMerge(merge));
    await open().write((tx) => tx.putMerge({ ...merge, status: "done", updatedAt: 2 }));
    expect(await open().merge("g1")).toEqual({ ...merge, status: "done", updatedAt: 2 });
    expect(await open().merge("g2")).toBeUndefined();
  });
}
