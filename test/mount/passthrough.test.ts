// What the kernel does with working files itself: on every disk that may be under them, and with every other way
// to the same bytes.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { MemoryMount, python } from "./memory-mount.ts";

const isRoot = process.geteuid?.() === 0;
let mount: MemoryMount | undefined;
const undo: (() => void)[] = [];

afterEach(async () => {
  await mount?.stop();
  mount = undefined;
  for (const action of undo.splice(0).reverse()) action();
});

function scratch(below: string): string {
  const dir = mkdtempSync(join(below, "smfs-pass-"));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A directory of an overlayfs. */
function onOverlay(): string {
  // An upper directory must not lie on an overlayfs, as that of a container does.
  const dir = scratch("/dev/shm");
  const parts = ["lower", "upper", "work", "merged"].map((name) => join(dir, name));
  for (const part of parts) mkdirSync(part);
  const [lower, upper, work, merged = ""] = parts;
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  const mounted = spawnSync("mount", ["-t", "overlay", "overlay", "-o", options, merged]);
  expect(mounted.stderr.toString()).toBe("");
  undo.push(() => spawnSync("umount", ["-l", merged]));
  return merged;
}

const disks = [
  { name: "the disk", make: () => scratch(tmpdir()) },
  { name: "tmpfs", make: () => scratch("/dev/shm") },
  { name: "overlayfs", make: onOverlay },
];

/** RELEASE comes after close(2) has returned: the counters once every handle is released. */
async function settled(of: MemoryMount): Promise<Record<string, unknown>> {
  for (;;) {
    const counters = await of.tell({ kind: "counters" });
    if (counters.handles === 0) return counters;
  }
}

describe.runIf(isRoot).each(disks)("working files on $name", ({ make }) => {
  test("[PASS-1] [PASS-5] reads and writes cause no request, and everybody sees the same bytes", async () => {
    mount = await MemoryMount.start(["--passthrough", `--bytes=${make()}`]);
    const before = Number((await mount.tell({ kind: "counters" })).requests);
    await python(
      mount.dir,
      `
import mmap, os
a = os.open("a", os.O_RDWR | os.O_CREAT)
for i in range(1000): os.pwrite(a, b"%04d" % i, i * 4)
for i in range(1000): assert os.pread(a, 4, i * 4) == b"%04d" % i
b = os.open("a", os.O_RDONLY)
assert os.pread(b, 8, 3992) == b"09980999"
m = mmap.mmap(a, 4000); m[0:4] = b"MMAP"
assert os.pread(b, 4, 0) == b"MMAP"
os.pwrite(a, b"WRIT", 4); assert m[4:8] == b"WRIT"
c = os.open("a", os.O_WRONLY | os.O_APPEND); os.write(c, b"END")
assert os.fstat(b).st_size == 4003 and os.stat("a").st_size == 4003
os.ftruncate(a, 10); assert os.pread(b, 99, 0) == b"MMAPWRIT00"
for f in (a, b, c): os.close(f)
m.close()`,
    );
    const after = await settled(mount);
    expect(Number(after.requests) - before).toBeLessThan(60);
    expect(after.backings).toBe(0);
  });
});

describe.runIf(isRoot)("passthrough", () => {
  test("[PASS-1] the first open decides: one without passthrough keeps the next ones without", async () => {
    mount = await MemoryMount.start(["--passthrough"]);
    await python(
      mount.dir,
      `
import os
a = os.open("a", os.O_RDWR | os.O_CREAT, 0o4755)
b = os.open("a", os.O_RDONLY); os.write(a, b"x"); assert os.read(b, 9) == b"x"
os.chmod("a", 0o755)
c = os.open("a", os.O_RDWR); os.pwrite(c, b"yz", 0); assert os.pread(b, 9, 0) == b"yz"
for f in (a, b, c): os.close(f)
d = os.open("a", os.O_RDWR); os.pwrite(d, b"w", 0); assert open("a").read() == "wz"`,
    );
  });

  test("[PASS-5] a mapping that outlives its descriptors still writes the file", async () => {
    mount = await MemoryMount.start(["--passthrough"]);
    await python(
      mount.dir,
      `
import mmap, os, time
a = os.open("a", os.O_RDWR | os.O_CREAT); os.write(a, b"0" * 4096)
m = mmap.mmap(a, 4096); os.close(a)
time.sleep(0.3)
m[10:15] = b"later"; assert open("a").read()[9:16] == "0later0"
os.unlink("a"); m[0:3] = b"xyz"; m.close()`,
    );
    expect((await settled(mount)).backings).toBe(0);
  });

  test("[PASS-5] several processes write one file, each its own part", async () => {
    mount = await MemoryMount.start(["--passthrough"]);
    await python(
      mount.dir,
      `
import os
open("a", "w").close()
for child in range(4):
    if os.fork() == 0:
        fd = os.open("a", os.O_RDWR)
        for i in range(500): os.pwrite(fd, bytes([65 + child]) * 100, (i * 4 + child) * 100)
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for i in range(500): os.write(log, b"%d:%03d\\n" % (child, i))
        os._exit(0)
for child in range(4): assert os.wait()[1] == 0
data = open("a","rb").read(); assert len(data) == 200000
assert all(data[n * 100:(n + 1) * 100] == bytes([65 + n % 4]) * 100 for n in range(2000))
lines = open("log").read().split(); assert len(lines) == 2000 and len(set(lines)) == 2000`,
    );
  });

  test("[PASS-3] a thousand files open at once, and the descriptors are not ours", async () => {
    mount = await MemoryMount.start(["--passthrough"]);
    await python(
      mount.dir,
      `
import os
files = [os.open("f%d" % i, os.O_RDWR | os.O_CREAT) for i in range(1000)]
for i, f in enumerate(files): os.write(f, b"%d" % i)
for i, f in enumerate(files): assert os.pread(f, 9, 0) == b"%d" % i`,
    );
    expect((await settled(mount)).backings).toBe(0);
  });
});
