/** The command line program. */
import { runCli } from "./run-cli.ts";

// Whoever reads our output may stop (`smfs logs | head`): that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2));
