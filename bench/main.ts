/**
 * npm run bench [name [options]]: prints tables, never a pass or fail. Without a name: sync and file system operations.
 * Machines are shared and noisy: compare within one run, quote ratios and medians.
 */
const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  server: async (args) => (await import("./server.ts")).benchServer(args),
  sync: async (args) => (await import("./sync.ts")).benchSync(args),
};

const [name, ...args] = process.argv.slice(2);
const chosen = name === undefined ? Object.keys(benches) : [name];
for (const each of chosen) {
  const bench = benches[each];
  if (bench === undefined) {
    process.stderr.write(
      `bench: no benchmark ${each}; there are: ${Object.keys(benches).join(", ")}\n`,
    );
    process.exitCode = 2;
  } else await bench(args);
}
