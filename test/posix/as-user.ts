// Runs every case as the user who starts it, on a mount of that user's own and on tmpfs, and prints what differs as
// JSON: [title, line on the mount, line on tmpfs]. Started by posix.test.ts as an ordinary user.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { MemoryMount } from "../mount/memory-mount.ts";
import { allowing, groups, observe } from "./groups.ts";
import { sys } from "./syscalls.ts";

sys.umask(0);
const oracle = mkdtempSync("/dev/shm/smfs-posix-user-");
const mount = await MemoryMount.start();
const differing: [string, string | undefined, string | undefined][] = [];
let count = 0;
try {
  for (const { cases } of groups) {
    for (const [title, run] of Object.entries(cases)) {
      count += 1;
      const expected = allowing(title, observe(oracle, run));
      const seen = observe(mount.dir, run);
      expected.forEach((line, index) => {
        if (seen[index] !== line) differing.push([title, seen[index], line]);
      });
    }
  }
} finally {
  await mount.stop();
  // Cases take rights away that an ordinary user needs for removing.
  spawnSync("chmod", ["-R", "u+rwx", oracle]);
  rmSync(oracle, { recursive: true, force: true });
}
console.log(JSON.stringify({ uid: process.getuid?.(), count, differing }));
