/**
 * A program that mounts a file system in memory: what the mount tests and the benchmark run, and an example of
 * how the parts fit together.
 *
 *     node dist/testing/memory-mount.js MOUNTPOINT [--passthrough] [--no-spin] [--trace] [--stats] [--helper]
 *         [--read-only] [--allow-other] [--bytes=DIR] [--cache=SECONDS]
 *         [--minor=N] [--without-flags=N] [--without-flags2=N]
 *
 * Prints `ready` when it is mounted. Each line it reads is JSON: a list of invalidations, which it sends, or an
 * order for the file system (memory-worker.ts); it prints one line of JSON when that is done. Unmounts and ends
 * when its standard input ends, or on SIGTERM.
 */
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { MessageChannel, Worker } from "node:worker_threads";
import { type Invalidation, silentLogger } from "@smfs/core";
import { openWakeFd, signalWake } from "@smfs/native";
import { FUSE_KERNEL_MINOR_VERSION } from "../abi.ts";
import { mountFuse, mountType, unmountFuse } from "../mount.ts";
import { MountError } from "../mount-error.ts";
import { listMounts } from "../mount-table.ts";
import { Notifier } from "../notifier.ts";
import type { MemoryWorkerData, WorkerOrder } from "./memory-worker.ts";
import type { RemoteEffect } from "./remote-hand.ts";

const args = process.argv.slice(2);
const has = (name: string): boolean => args.includes(name);
const option = (name: string): string | undefined =>
  args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
const print = (value: unknown): void => {
  writeSync(1, `${JSON.stringify(value)}\n`);
};

function main(): void {
  const mountPoint = args[0] ?? "";
  const mounted = mountFuse({
    mountPoint,
    viaHelper: has("--helper"),
    readOnly: has("--read-only"),
    allowOther: has("--allow-other"),
  });
  const bytesDir = mkdtempSync(join(option("--bytes") ?? tmpdir(), "smfs-memory-"));
  const { port1: port, port2: workerPort } = new MessageChannel();
  const wakeFd = openWakeFd();
  const cache = option("--cache");
  const workerData: MemoryWorkerData = {
    deviceFd: mounted.deviceFd,
    wakeFd,
    port: workerPort,
    bytesDir,
    passthrough: has("--passthrough"),
    trace: has("--trace"),
    stats: has("--stats"),
    spin: !has("--no-spin"),
    cacheS: cache === undefined ? undefined : Number(cache),
    owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    without: {
      flags: Number(option("--without-flags") ?? 0),
      flags2: Number(option("--without-flags2") ?? 0),
      minor: Number(option("--minor") ?? FUSE_KERNEL_MINOR_VERSION),
    },
  };
  const url = new URL("./memory-worker.js", import.meta.url);
  const worker = new Worker(url, { workerData, transferList: [workerPort] });
  const notifier = new Notifier({ deviceFd: mounted.deviceFd, logger: silentLogger });
  worker.once("exit", (code) => {
    rmSync(bytesDir, { recursive: true, force: true });
    process.exit(code);
  });
  const tell = async (invalidations: readonly Invalidation[], done: unknown): Promise<void> => {
    await notifier.send(invalidations);
    print(done);
  };
  port.on("message", (message: RemoteEffect) => {
    void tell(message.invalidations ?? [], message);
  });
  const end = (): void => unmount(mounted.mountPoint);
  process.on("SIGTERM", end);
  const input = createInterface({ input: process.stdin });
  input.on("close", end);
  input.on("line", (line) => {
    const order = JSON.parse(line) as Invalidation[] | WorkerOrder;
    if (Array.isArray(order)) {
      void tell(order, "told");
    } else {
      port.postMessage(order);
      signalWake(wakeFd);
    }
  });
  writeSync(1, "ready\n");
}

/**
 * A busy mount is taken out of the tree, and ends when whoever uses it is done. One that somebody has unmounted already
 * is none: this process then ends as soon as its worker has.
 */
function unmount(mountPoint: string): void {
  for (const lazy of [false, true]) {
    try {
      if (isMounted(mountPoint)) unmountFuse(mountPoint, { lazy });
      return;
    } catch (error) {
      const isOver = error instanceof MountError && (!lazy || !isMounted(mountPoint));
      if (!isOver) throw error;
    }
  }
}

function isMounted(mountPoint: string): boolean {
  return listMounts().some((mount) => mount.mountPoint === mountPoint && mount.type === mountType);
}

main();
