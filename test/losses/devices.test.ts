// Several devices, each with its own clock and its own work under way.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { RealByteStore, Store, StoreOpenError } from "@smfs/store";
import { expect, onTestFinished, test } from "vitest";
import { type ClockFault, trueClock } from "../sim/clock.ts";
import { caller, Rig } from "./rig.ts";
import { pair, quiet, servers } from "./scenes.ts";

const clocks: Readonly<Record<string, ClockFault>> = {
  "a day behind": { ...trueClock, skewMs: -86_400_000 },
  "a day ahead": { ...trueClock, skewMs: 86_400_000 },
};

for (const [server, quirks] of Object.entries(servers)) {
  test(`[W-12a] what waits to be sent goes to where its directory is by then, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.mkdir("/d");
    a.write("/d/old", "sent before\n");
    await quiet(rig, a, b);
    a.isOffline = true;
    a.write("/d/new", "not sent yet\n");
    a.write("/d/old", "changed\n");
    a.rename("/d", "/e");
    a.mkdir("/d");
    a.write("/d/other", "in the new directory\n");
    await rig.run(5000);
    a.isOffline = false;
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({
      "/f": "base\n",
      "/d/other": "in the new directory\n",
      "/e/new": "not sent yet\n",
      "/e/old": "changed\n",
    });
    expect(b.paths()).toEqual(a.paths());
  });

  test(`[W-55] lines that two devices append at the same time are all kept, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    const append = (device: typeof a, line: string) => {
      const { size } = device.store.getattr(device.ino("/f") ?? 0);
      const { fh } = device.store.open(device.ino("/f") ?? 0, 1, caller);
      device.store.write(fh, new TextEncoder().encode(`${line}\n`), size);
      device.store.release(fh);
    };
    for (let round = 0; round < 6; round += 1) {
      append(a, `a ${round}`);
      append(b, `b ${round}`);
      await rig.run(round % 2 === 0 ? 3000 : 200);
    }
    await quiet(rig, a, b);
    const lines = new Set(Object.values(rig.texts()).flatMap((text) => text.split("\n")));
    for (let round = 0; round < 6; round += 1) {
      expect(lines).toContain(`a ${round}`);
      expect(lines).toContain(`b ${round}`);
    }
    expect(a.paths()).toEqual(b.paths());
    for (const path of a.paths()) expect(a.read(path)).toBe(b.read(path));
  });

  for (const [what, clockFault] of Object.entries(clocks)) {
    test(`[W-33] a clock that is ${what} loses no edit, here or there, with ${server}`, async () => {
      const rig = new Rig(quirks);
      const a = rig.device("a", { clockFault }).start();
      const b = rig.device("b").start();
      await rig.run(1000);
      a.write("/f", "from a\n");
      await rig.until(() => b.ino("/f") !== undefined && a.isClean() && b.isClean(), "b has it");
      b.write("/f", "from b\n");
      await quiet(rig, a, b);
      expect(a.read("/f")).toBe("from b\n");
      a.write("/f", "from a again\n");
      await quiet(rig, a, b);
      expect(b.read("/f")).toBe("from a again\n");
      expect(rig.texts()).toEqual({ "/f": "from a again\n" });
      expect(a.paths()).toEqual(["/f"]);
    });
  }
}

test("[W-50] one store has one daemon: a second is refused, and the first goes on", () => {
  const dir = mkdtempSync(join(tmpdir(), "smfs-two-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const open = () =>
    Store.open({
      database: join(dir, "store.db"),
      bytes: new RealByteStore(dir),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      owner: { uid: 0, gid: 0 },
      emit: () => undefined,
    });
  const first = open();
  expect(open).toThrow(StoreOpenError);
  first.mkdir(1, "d", 0o755, caller);
  first.close();
  const second = open();
  expect(lookup(second, 1, "d").mode & 0o777).toBe(0o755);
  second.close();
});
