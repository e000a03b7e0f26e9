import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./workspace-files.ts";

/** The last line that a run of vitest with our reporter prints for one test file. */
function closingLine(source: string): string {
  // Under test/, so that the file finds vitest; no project of ours includes folders there.
  const dir = mkdtempSync(join(import.meta.dirname, "tmp-"));
  try {
    writeFileSync(join(dir, "a.test.ts"), source);
    const reporter = join(root, "tools/count-reporter.ts");
    writeFileSync(
      join(dir, "vitest.config.ts"),
      `export default { test: { reporters: [${JSON.stringify(reporter)}] } };`,
    );
    let out: string;
    try {
      out = execFileSync("npx", ["vitest", "run", "--root", dir], {
        encoding: "utf8",
        stdio: "pipe",
      });
    } catch (error) {
      out = (error as { stdout: string }).stdout;
    }
    return out.trim().split("\n").at(-1) ?? "";
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("[CI-1] the closing line counts passed and skipped tests", () => {
  const source = `import { test } from "vitest"; test("a", () => {}); test["skip"]("b", () => {});`;
  expect(closingLine(source)).toBe("1 passed, 0 failed, 1 skipped");
});

test("[CI-2] a file that cannot be loaded counts as a failure", () => {
  expect(closingLine(`throw new Error("broken");`)).toBe("0 passed, 1 failed, 0 skipped");
});

test("[CI-2] a failing test and an error outside of tests count as failures", () => {
  const source = `import { expect, test } from "vitest";
    test("a", () => { expect(1).toBe(2); });
    test("b", async () => { void Promise.reject(new Error("nobody waits")); await new Promise((r) => setTimeout(r, 50)); });`;
  expect(closingLine(source)).toBe("1 passed, 2 failed, 0 skipped");
});
