// Mounts, daemons and workers run from dist: these tests would prove nothing about a source that is newer.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../workspace-files.ts";

const packages = join(root, "packages");

/** Whether dist holds what the build makes of this source file. Files that are not built are always fine. */
function isBuilt(dir: string, file: string): boolean {
  const source = join(dir, "src", file);
  if (file.endsWith(".sql")) {
    const copy = join(dir, "dist", file);
    return existsSync(copy) && readFileSync(copy).equals(readFileSync(source));
  }
  if (!file.endsWith(".ts") || /\.(test|bench)\.ts$/.test(file)) return true;
  const output = join(dir, "dist", file.replace(/\.ts$/, ".js"));
  if (!existsSync(output)) return false;
  // Output that stays the same is not written again: an incremental build notes its time in this file.
  const info = join(dir, "tsconfig.tsbuildinfo");
  const builtMs = Math.max(statSync(output).mtimeMs, existsSync(info) ? statSync(info).mtimeMs : 0);
  return statSync(source).mtimeMs <= builtMs;
}

test("[CI-3] dist has every file of src, none of them older", () => {
  const dirs = readdirSync(packages).filter((name) =>
    existsSync(join(packages, name, "tsconfig.json")),
  );
  const stale = dirs.flatMap((name) =>
    readdirSync(join(packages, name, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => !isBuilt(join(packages, name), file))
      .map((file) => `packages/${name}/src/${file}`),
  );
  expect(stale, "run: npm run build").toEqual([]);
});
