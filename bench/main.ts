/**
 * npm run bench [name [options]]: prints tables, never a pass or fail. Without a name: sync and file system operations.
 * Machines are shared and noisy: compare within one run, quote ratios and medians.
 */
const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  fs: async (args) => (await import("./fs-ops.ts")).printFsOps(args),
  retrieval: async (args) => (await import("./retrieval.ts")).benchRetrieval(args),
  search: async (args) => (await import("./search.ts")).benchSearch(args),
  server: async (args) => (await import("./server.ts")).benchServer(args),
  steady: async (args) => (await import("./steady.ts")).benchSteady(args),
  store: async (args) => (await import("./store-size.ts")).benchStoreSize(args),
  sync: async (args) => (await import("./sync.ts")).benchSync(args),
};

const [name, ...args] = process.argv.slice(2);
/** Those of the server take minutes: only when asked. */
const chosen = name === undefined ? ["fs", "sync"] : [name];
for (const each of chosen) {
  const bench = benches[each];
  if (bench === undefined) {
    process.stderr.write(
      `bench: no benchmark ${each}; there are: ${Object.keys(benches).join(", ")}\n`,
    );
    process.exitCode = 2;
  } else await bench(args);
}
