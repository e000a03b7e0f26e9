// Where the versions go that conflict with another device's: beside the file, when a mount wants that.
import { expect, test } from "vitest";
import { embeddedQuirks } from "../hosted-model/quirks.ts";
import type { Device } from "./rig.ts";
import { pair, quiet, servers } from "./scenes.ts";

const besideName = /^\/f \(conflict [a-z0-9]{6}-[0-9a-f]{8}\)$/;

/** Both devices change /f without having seen each other's change; a's is at the server first. */
async function differing(quirks: (typeof servers)[string], path = "/f") {
  const scene = await pair(quirks, { conflictPlace: "beside" });
  const { rig, a, b } = scene;
  if (path !== "/f") {
    a.mkdir("/d");
    a.rename("/f", path);
    await quiet(rig, a, b);
  }
  b.isOffline = true;
  await rig.run(1000);
  a.write(path, "a's\n");
  b.write(path, "b's\n");
  await rig.until(() => a.isClean(), "a's is sent");
  return scene;
}

const listed = (device: Device) => device.transitions.conflicts(100);

for (const [server, quirks] of Object.entries(servers)) {
  test(`[CLI-56, PUSH-8] the version of a device that wants it so lies beside the file, on all devices, with ${server}`, async () => {
    const { rig, a, b } = await differing(quirks);
    b.isOffline = false;
    await quiet(rig, a, b);
    const [path = "", version = ""] = b.paths();
    expect(path).toBe("/f");
    expect(version).toMatch(besideName);
    expect(a.paths()).toEqual([path, version]);
    for (const device of [a, b]) {
      expect(device.read("/f")).toBe("a's\n");
      expect(device.read(version)).toBe("b's\n");
      expect(listed(device)).toMatchObject([
        { path: "/f", versionPath: version, isOurs: device === b, size: 4 },
      ]);
    }
    expect(b.transitions.status().conflicts).toMatchObject([{ path: "/f", versionPath: version }]);

    // Renamed to anything else it is a file like others.
    a.rename(version, "/mine");
    await quiet(rig, a, b);
    for (const device of [a, b]) expect(listed(device)).toEqual([]);
  });
}

test("[CLI-56] it lies where the file is by now, and takes nobody's name", async () => {
  const { rig, a, b } = await differing(embeddedQuirks, "/d/letter.md");
  b.mkdir("/moved");
  b.rename("/d/letter.md", "/moved/letter.md");
  b.isOffline = false;
  await quiet(rig, a, b);
  expect(b.paths()).toEqual(a.paths());
  expect(b.paths()).toEqual([
    expect.stringMatching(/^\/moved\/letter \(conflict [a-z0-9]{6}-[0-9a-f]{8}\)\.md$/),
    "/moved/letter.md",
  ]);
  expect(listed(a)).toMatchObject([{ path: "/moved/letter.md" }]);
});

test("[CLI-56] a restart with the other setting lists what lies in either place", async () => {
  const { rig, a, b } = await differing(embeddedQuirks);
  b.isOffline = false;
  await quiet(rig, a, b);
  a.isOffline = true;
  await rig.run(1000);
  b.write("/f", "b's second\n");
  a.write("/f", "a's second\n");
  await rig.until(() => b.isClean(), "b's is sent");
  const again = a.restart({}, { conflictPlace: "directory" });
  again.isOffline = false;
  await quiet(rig, again, b);
  expect(again.paths()).toEqual([
    expect.stringMatching(/^\/\.conflicts\/f\.[a-z0-9]{6}-/),
    "/f",
    expect.stringMatching(besideName),
  ]);
  expect(listed(again)).toHaveLength(2);
  expect(listed(b)).toHaveLength(2);
});
