import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { root } from "./workspace-files.ts";

/** Runs the check with only these commands to be found. */
function preinstall(commands: readonly string[]) {
  const dir = mkdtempSync(join(tmpdir(), "smfs-preinstall-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  for (const command of commands) symlinkSync("/bin/true", join(dir, command));
  return spawnSync(process.execPath, [join(root, "tools/preinstall.mjs")], {
    env: { PATH: dir },
    encoding: "utf8",
  });
}

test("[INSTALL-1] what the build lacks is named before it begins, with the command that gets it", () => {
  const { status, stderr } = preinstall([]);
  expect(status).toBe(1);
  expect(stderr).toContain("python3: apt-get install python3");
  expect(stderr).toContain("a C++ compiler: apt-get install g++ make");
  expect(stderr).toContain("make: apt-get install make");
  expect(stderr).not.toMatch(/\n\s+at /);
});

test("[INSTALL-1] one thing that lacks is enough, and any C++ compiler will do", () => {
  expect(preinstall(["python3", "clang++"]).stderr).toMatch(
    /^smfs needs[^\n]*\n {2}- make:[^\n]*\n$/,
  );
  const { status, stderr } = preinstall(["python3", "clang++", "make"]);
  expect(status).toBe(0);
  expect(stderr).toContain("about a minute");
});
