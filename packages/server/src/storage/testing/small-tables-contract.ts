/** Settings, replies, keys and containers: what every storage keeps of them. */
import { expect, test } from "vitest";
import type { Storage } from "../storage.ts";
import { draft, inline, nobody } from "./drafts.ts";

/** @param open the storage of the test that runs */
export function smallTablesContract(open: () => Storage): void {
  test("replies, settings and keys are kept", async () => {
    const reply = {
      requestDigest: "d",
      status: 200,
      headers: { etag: '"r1"' },
      body: "{}",
      at: 5,
    };
    await open().write(async (tx) => {
      await tx.putReply("scope", reply);
      await tx.putSetting("k", "v");
    });
    await open().write(async (tx) => expect(await tx.reply("scope")).toEqual(reply));
    expect(await open().setting("k")).toBe("v");
    const key = {
      id: "k1",
      digest: "abc",
      name: "ci",
      canWrite: false,
      isStrict: true,
      containerTags: ["work"],
      pathPrefix: "/a/",
      createdAt: 1,
      expiresAt: null,
    };
    await open().write((tx) => tx.putKey(key));
    expect(await open().keyByDigest("abc")).toEqual(key);
    expect(await open().write((tx) => tx.removeKey("k1"))).toBe(true);
    expect(await open().write((tx) => tx.removeKey("k1"))).toBe(false);
  });

  test("merges that are still to be carried out are found, oldest first", async () => {
    const merge = (id: string, status: "queued" | "done", createdAt: number) => ({
      id,
      sourceTags: ["a", "b"],
      targetTag: "c",
      status,
      error: null,
      createdAt,
      updatedAt: createdAt,
    });
    await open().write(async (tx) => {
      await tx.putMerge(merge("late", "queued", 3));
      await tx.putMerge(merge("over", "done", 2));
      await tx.putMerge(merge("early", "queued", 1));
    });
    expect(await open().mergesQueued(10)).toEqual([
      merge("early", "queued", 1),
      merge("late", "queued", 3),
    ]);
    expect(await open().mergesQueued(1)).toHaveLength(1);
    await open().write((tx) => tx.putMerge(merge("early", "done", 1)));
    expect((await open().mergesQueued(10)).map(({ id }) => id)).toEqual(["late"]);
    expect(await open().merge("early")).toMatchObject({ status: "done" });
  });

  test("the messages of a conversation go with the bytes that are their transcript", async () => {
    const messages = [{ role: "user", content: ["hi", null, 1.5] }];
    const { no } = await open().write(async (tx) => {
      const document = await tx.create(draft("user: hi"));
      await tx.putConversation(document.no, messages);
      expect(await tx.conversation(document.no)).toEqual(messages);
      return document;
    });
    expect(await open().conversation(no)).toEqual(messages);
    expect(await open().conversation(no + 1)).toBeUndefined();
    const [old] = await open().documentsByNo([no]);
    const renamed = await open().write((tx) =>
      tx.change(old!, { op: "rename", writer: nobody, filepath: "/a" }),
    );
    expect(await open().conversation(no)).toEqual(messages);
    await open().write((tx) =>
      tx.change(renamed, { op: "update", writer: nobody, content: inline("other") }),
    );
    expect(await open().conversation(no)).toBeUndefined();
  });

  test("a removed container begins anew, and its deletions stay in the log", async () => {
    const a = await open().write((tx) => tx.create(draft("a")));
    await open().write((tx) =>
      tx.putTag("work", { entityContext: "about", memoryFilesystemPaths: ["/m/"] }),
    );
    await open().write(async (tx) => {
      await tx.remove(a, nobody);
      await tx.removeTag("work");
    });
    expect(await open().tag("work")).toBeUndefined();
    expect(await open().changesAfter("work", 0, 10)).toHaveLength(1);
    await open().write((tx) => tx.create(draft("b")));
    expect(await open().tag("work")).toMatchObject({ entityContext: null });
    expect(await open().tags()).toMatchObject([{ tag: "work", documentCount: 1 }]);
  });
}
