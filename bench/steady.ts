/**
 * Whether the daemon's memory stays what it was over many operations: `npm run bench steady [-- --operations=1000000]`.
 * A thousand names come, are written, read, renamed and go, again and again; the table shows the daemon after each part.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DaemonMount } from "../test/mount/daemon-mount.ts";
import { cpuUs, scratchDirectory } from "./fs/sides.ts";

const phases = ["create", "stat", "open-read", "rename", "unlink", "mkdir", "rmdir"] as const;
const names = 1000;
const partsMax = 10;
const cellWidth = 20;

export async function benchSteady(args: readonly string[]): Promise<void> {
  const given = args.find((arg) => arg.startsWith("--operations="))?.split("=")[1];
  const operations = Number(given ?? 1_000_000);
  const build = scratchDirectory(tmpdir());
  const client = join(build.dir, "client");
  const source = join(import.meta.dirname, "fs/client.c");
  const built = spawnSync("cc", ["-O2", source, "-o", client], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the client needs a C compiler: ${built.stderr}`);
  const mount = await DaemonMount.start();
  try {
    const part = Math.ceil(operations / partsMax);
    printRow(["operations", "resident MiB", "of it no file's", "highest", "processor µs for one"]);
    printRow(["0", ...memoryOf(mount.pid), "–"]);
    let done = 0;
    while (done < operations) {
      const [from, until, before] = [done, done + part, cpuUs(mount.pid)];
      while (done < until) {
        for (const phase of phases) {
          const ran = spawnSync(client, [phase, mount.dir, String(names)], { encoding: "utf8" });
          if (ran.status !== 0) throw new Error(`${phase}: ${ran.stderr}`);
        }
        done += phases.length * names;
      }
      const perOperation = (cpuUs(mount.pid) - before) / (done - from);
      printRow([String(done), ...memoryOf(mount.pid), perOperation.toFixed(1)]);
    }
  } finally {
    await mount.stop();
    build.remove();
  }
}

/** One by one: a million operations take minutes. */
function printRow(cells: readonly string[]): void {
  console.log(cells.map((cell) => cell.padStart(cellWidth)).join("  "));
}

/** Resident memory, what of it is no file's, and the highest it ever was, in MiB. */
function memoryOf(pid: number): string[] {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (field: string): string => {
    const kib = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
    return (Number(kib) / 1024).toFixed(1);
  };
  return [mib("VmRSS"), mib("RssAnon"), mib("VmHWM")];
}
