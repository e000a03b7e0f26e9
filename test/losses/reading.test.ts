// Reading is reading: nothing leaves the machine because somebody looked.
import { expect, test } from "vitest";
import { hasBytes, pair, quiet, servers, writesOf } from "./scenes.ts";

for (const [server, quirks] of Object.entries(servers)) {
  test(`[W-1a] reading every file of a tree sends nothing, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.mkdir("/d");
    for (let count = 0; count < 40; count += 1) a.write(`/d/${count}`, `text ${count}`);
    await quiet(rig, a, b);
    await rig.until(() => b.paths().every((path) => hasBytes(b, path)), "b has all bytes");
    const from = rig.requests.length;
    for (const path of b.paths()) expect(b.read(path)).toBeDefined();
    await quiet(rig, a, b);
    expect(b.paths()).toHaveLength(41);
    expect(writesOf(rig, "b", from)).toEqual([]);
  });

  test(`[W-1b] reading a stale copy does not bring a deleted document back, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    b.isOffline = true;
    // What b asked before it went offline is answered first.
    await rig.run(70_000);
    a.unlink("/f");
    await quiet(rig, a);
    const from = rig.requests.length;
    expect(b.read("/f")).toBe("base\n");
    b.isOffline = false;
    await quiet(rig, a, b);
    expect(b.paths()).toEqual([]);
    expect(rig.texts()).toEqual({});
    expect(writesOf(rig, "b", from)).toEqual([]);
  });
}
