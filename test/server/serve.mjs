// A built server as a process of its own, for tests that kill it: node serve.mjs <data directory> <key>
import { systemClock, systemRandom } from "@smfs/core";
import { createServer } from "@smfs/server";

const [dataDir, key] = process.argv.slice(2);
const server = await createServer({
  dataDir,
  keys: [key],
  port: 0,
  clock: systemClock,
  random: systemRandom,
  logger: {
    log: (level, message, fields) => {
      if (level === "error") process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
    },
  },
});
const { url } = await server.listen();
process.stdout.write(`${url}\n`);
process.on("SIGTERM", () => {
  server.close().then(() => process.exit(0));
});
