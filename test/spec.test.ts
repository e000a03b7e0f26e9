import { expect, test } from "vitest";
import { carriedIds, statedIds } from "./spec-ids.ts";
import { workspaceFiles } from "./workspace-files.ts";

const stated = workspaceFiles(/^docs\/spec\/[^/]+\.md$/).flatMap(({ path, text }) =>
  statedIds(text).map((id) => ({ id, path })),
);
const carried = workspaceFiles(
  /^(test\/.*|packages\/[^/]+\/src\/.*(\.test|\/testing\/.*))\.ts$/,
).flatMap(({ path, text }) => carriedIds(text).map((id) => ({ id, path })));

test("[SPEC-1] every rule of docs/spec is carried by a test", () => {
  const ids = new Set(carried.map(({ id }) => id));
  expect(stated.filter(({ id }) => !ids.has(id)).map(({ id, path }) => `${id} of ${path}`)).toEqual(
    [],
  );
});

test("[SPEC-2] every rule id in a test's name is stated in docs/spec", () => {
  const ids = new Set(stated.map(({ id }) => id));
  const unknown = carried
    .filter(({ id }) => !ids.has(id))
    .map(({ id, path }) => `${id} in ${path}`);
  expect([...new Set(unknown)]).toEqual([]);
});

test("[SPEC-3] a rule is stated once", () => {
  const ids = stated.map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
});

test("[SPEC-2] ids are read from names: one, several, with a letter; not from other brackets", () => {
  const open = "[";
  expect(carriedIds(`test("${open}A-1] x")`)).toEqual(["A-1"]);
  expect(carriedIds(`test('${open}A-1, B-2a] x')`)).toEqual(["A-1", "B-2a"]);
  expect(carriedIds(`test("${open}A-1] ${open}B-2] x")`)).toEqual(["A-1", "B-2"]);
  expect(carriedIds(`test("list ${open}0] x"); const a = ["A"];`)).toEqual([]);
  expect(statedIds("- **A-1** Rule.\n- **b-2** no\ntext **A-3** no")).toEqual(["A-1"]);
});
