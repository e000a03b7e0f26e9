import { expect, test } from "vitest";
import { conflictName, deviceOf, parseConflictName } from "./conflict-names.ts";

test("[CLI-52] what a conflict version is a version of, and whose, is told by its name", () => {
  const device = deviceOf("u2v3sixyz");
  const name = conflictName("letter to.c1.md", device, "31303734");
  expect(name).toBe("letter to.c1.md.u2v3si-31303734");
  const read = { name: "letter to.c1.md", device: "u2v3si" };
  expect(parseConflictName(name)).toEqual(read);
  expect(parseConflictName(`${name} (31303734-2)`)).toEqual(read);
  for (const other of ["letter.md", ".u2v3si-31303734", "a.u2v3si-3130373", "a.U2v3si-31303734"])
    expect(parseConflictName(other)).toBeUndefined();
});
