#!/usr/bin/env node
// The committed launcher: npm links workspace commands before the build has made dist, so the link needs a file
// that is always there. All it does is load the built program, or say how to build it.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  process.stderr.write("smfs: not built yet. Run: npm run build\n");
  process.exitCode = 1;
}
