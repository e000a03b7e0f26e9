/**
 * A program that mounts a file system in memory: what the mount tests and the benchmark run, and an example of
 * how the parts fit together.
 *
 *     node dist/testing/memory-mount.js MOUNTPOINT [--passthrough] [--no-spin] [--trace] [--stats] [--helper]
 *         [--bytes=DIR] [--minor=N] [--without-flags=N] [--without-flags2=N]
 *
 * Prints `ready` when it is mounted. Unmounts and ends when its standard input ends, or on SIGTERM. Each line it
 * reads is a list of invalidations as JSON; it tells the kernel of them and prints `told`.
 */
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { type Invalidation, silentLogger } from "@smfs/core";
import { openWakeFd } from "@smfs/native";
import { FUSE_KERNEL_MINOR_VERSION } from "../abi.ts";
import { mountFuse, unmountFuse } from "../mount.ts";
import { MountError } from "../mount-error.ts";
import { Notifier } from "../notifier.ts";
import type { MemoryWorkerData } from "./memory-worker.ts";

function main(args: readonly string[]): void {
  const [mountPoint] = args;
  if (mountPoint === undefined) throw new Error("usage: memory-mount MOUNTPOINT [options]");
  const has = (name: string): boolean => args.includes(name);
  const option = (name: string): string | undefined =>
    args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
  const mounted = mountFuse({ mountPoint, viaHelper: has("--helper"), allowNonEmpty: true });
  const bytesDir = mkdtempSync(join(option("--bytes") ?? tmpdir(), "smfs-memory-"));
  const data: MemoryWorkerData = {
    deviceFd: mounted.deviceFd,
    wakeFd: openWakeFd(),
    bytesDir,
    passthrough: has("--passthrough"),
    trace: has("--trace"),
    stats: has("--stats"),
    spin: !has("--no-spin"),
    owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    without: {
      flags: Number(option("--without-flags") ?? 0),
      flags2: Number(option("--without-flags2") ?? 0),
      minor: Number(option("--minor") ?? FUSE_KERNEL_MINOR_VERSION),
    },
  };
  const worker = new Worker(new URL("./memory-worker.js", import.meta.url), { workerData: data });
  const notifier = new Notifier({ deviceFd: mounted.deviceFd, logger: silentLogger });
  worker.once("exit", (code) => {
    rmSync(bytesDir, { recursive: true, force: true });
    process.exit(code);
  });
  const end = (): void => unmount(mounted.mountPoint);
  process.on("SIGTERM", end);
  const input = createInterface({ input: process.stdin });
  input.on("close", end);
  input.on("line", (line) => {
    notifier.send(JSON.parse(line) as Invalidation[]).then(
      () => writeSync(1, "told\n"),
      (error: unknown) => writeSync(2, `${String(error)}\n`),
    );
  });
  writeSync(1, "ready\n");
}

/** A busy mount is taken out of the tree, and ends when whoever uses it is done. */
function unmount(mountPoint: string): void {
  try {
    unmountFuse(mountPoint);
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    unmountFuse(mountPoint, { lazy: true });
  }
}

main(process.argv.slice(2));
