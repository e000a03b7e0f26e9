/** Settings, replies, keys and containers: what every storage keeps of them. */
import { expect, test } from "vitest";
import type { Storage } from "../storage.ts";
import { draft, nobody } from "./drafts.ts";

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
