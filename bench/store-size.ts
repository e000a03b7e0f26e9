/**
 * npm run bench store [inodes]: a store of very many names (a million unless told), as a first listing of a large
 * container makes it. In a directory of its own under the system's temporary one; nothing is mounted.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootIno, silentLogger, systemClock, systemRandom } from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { RealByteStore, Store, Transitions } from "@smfs/store";
import { filesPerDirectory, growStore } from "../packages/store/src/testing/large-store.ts";

const lookups = 20_000;

export async function benchStoreSize(args: readonly string[]): Promise<void> {
  const inodes = Number(args[0] ?? 1_000_000);
  const dir = mkdtempSync(join(tmpdir(), "smfs-store-size-"));
  try {
    measure(dir, inodes);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function open(dir: string): Store {
  return Store.open({
    database: join(dir, "store.db"),
    bytes: new RealByteStore(dir),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    owner: { uid: 0, gid: 0 },
    emit: () => undefined,
  });
}

function measure(dir: string, inodes: number): void {
  const [store] = timed("open an empty store", () => open(dir));
  const [, growMs] = timed(`add ${inodes.toLocaleString("en")} names`, () =>
    growStore(store, inodes),
  );
  say("  each", `${((growMs / inodes) * 1000).toFixed(1)} µs`);
  // The daemon does that when nobody waits.
  timed("fold the logs back", () => store.context.db.checkpoint());
  timed("close", () => store.close());
  say(
    "database",
    `${megabytes(statSync(join(dir, "store.db")).size)} (${Math.round(statSync(join(dir, "store.db")).size / inodes)} bytes a name)`,
  );
  const before = process.memoryUsage.rss();
  const [again] = timed("open it again", () => open(dir));
  const directories = Math.ceil(inodes / (filesPerDirectory + 1));
  const at = (n: number): readonly [string, string] => [
    `d${(n * 7919) % directories}`,
    `f${(n * 104_729) % filesPerDirectory}`,
  ];
  const [, findMs] = timed(`find ${lookups.toLocaleString("en")} paths all over it`, () => {
    for (let n = 0; n < lookups; n += 1) {
      const [d, f] = at(n);
      lookup(again, lookup(again, rootIno, d).ino, f);
    }
  });
  say("  each", `${((findMs / lookups) * 1000).toFixed(1)} µs`);
  timed("list a directory of 1,000, with attributes", () => {
    const fh = again.opendir(lookup(again, rootIno, "d0").ino);
    again.readdir(fh, 0, (entry) => again.getattr(entry.ino).ino > 0);
    again.releasedir(fh);
  });
  timed("status", () =>
    again.context.db.transaction(() => new Transitions(again.context).status()),
  );
  timed("close", () => again.close());
  say("memory taken by it all", megabytes(process.memoryUsage.rss() - before));
}

function timed<T>(what: string, work: () => T): readonly [T, number] {
  const from = performance.now();
  const result = work();
  const ms = performance.now() - from;
  say(what, ms < 100 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`);
  return [result, ms];
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function say(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(44)} ${value}\n`);
}
