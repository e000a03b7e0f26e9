import { expect, test } from "vitest";
import { readLayerTable, wrongImports } from "./layers.ts";

const table = readLayerTable(`
| package | responsibility | may import | runtime |
| --- | --- | --- | --- |
| \`core\` | words | – | any |
| \`store\` | truth | core, native | Node |
| \`sync\` | push | core, store (types) | Node |
| \`cli\` | wires | all | Node |
`);

const from = (target: string) => `import { x } from "${target}";\n`;

test("[TIDY-1] the table's cells are read: nothing, names, a name with a remark, all", () => {
  expect([...(table.mayImport.get("core") ?? [])]).toEqual([]);
  expect([...(table.mayImport.get("store") ?? [])]).toEqual(["core", "native"]);
  expect(table.mayImport.get("sync")?.has("store")).toBe(true);
  expect(table.mayImport.get("cli")?.has("sync")).toBe(true);
});

test.each([
  ["packages/store/src/a.ts", from("@smfs/core"), 0],
  ["packages/store/src/a.ts", from("@smfs/sync"), 1],
  ["packages/store/src/a.ts", `const x = await import("@smfs/sync");`, 1],
  ["packages/store/src/a.ts", from("@smfs/sync/testing"), 1],
  ["packages/store/src/a.ts", from("@smfs/store/testing"), 0],
  ["packages/store/src/a.ts", from("../../core/src/index.ts"), 1],
  ["packages/store/src/deep/a.ts", from("../b.ts"), 0],
  ["packages/cli/src/a.ts", from("@smfs/sync"), 0],
  ["packages/unlisted/src/a.ts", "", 1],
])("[TIDY-1] %s with %j has %i wrong imports", (path, text, count) => {
  expect(wrongImports(path, text, table)).toHaveLength(count);
});
