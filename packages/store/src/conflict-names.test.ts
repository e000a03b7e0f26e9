import { expect, test } from "vitest";
import { conflictName, deviceOf, parseBesideName, parseConflictName } from "./conflict-names.ts";

const device = deviceOf("u2v3sixyz");
const tag = "31303734";

test("[CLI-52] what a conflict version is a version of, and whose, is told by its name", () => {
  const name = conflictName("letter to.c1.md", device, tag, "directory");
  expect(name).toBe("letter to.c1.md.u2v3si-31303734");
  const read = { name: "letter to.c1.md", device: "u2v3si" };
  expect(parseConflictName(name)).toEqual(read);
  expect(parseConflictName(`${name} (31303734-2)`)).toEqual(read);
  for (const other of ["letter.md", ".u2v3si-31303734", "a.u2v3si-3130373", "a.U2v3si-31303734"])
    expect(parseConflictName(other)).toBeUndefined();
});

test("[CLI-56] so it is beside the file, where its extension stays the last", () => {
  for (const [name, shown] of [
    ["letter to.c1.md", "letter to.c1 (conflict u2v3si-31303734).md"],
    ["Makefile", "Makefile (conflict u2v3si-31303734)"],
    [".profile", ".profile (conflict u2v3si-31303734)"],
    [
      "a (conflict abcdef-00000000).md",
      "a (conflict abcdef-00000000) (conflict u2v3si-31303734).md",
    ],
  ] as const) {
    expect(conflictName(name, device, tag, "beside")).toBe(shown);
    expect(parseBesideName(shown)).toEqual({ name, device });
  }
  expect(parseBesideName("a (conflict u2v3si-31303734) (31303734-2).md")?.name).toBe("a.md");
  for (const other of [
    "letter.md",
    " (conflict u2v3si-31303734).md",
    "a (conflict u2v3si).md",
    "a (conflict u2v3si-31303734) copy.md",
    "a (u2v3si).md",
  ])
    expect(parseBesideName(other)).toBeUndefined();
});

test("[CLI-56] however long a file's name, that of its conflict version can be a name, and whole characters stay", () => {
  // A byte string: é is two bytes.
  const long = `${"\xc3\xa9".repeat(125)}.md`;
  for (const place of ["directory", "beside"] as const) {
    const name = conflictName(long, device, tag, place);
    expect(name.length).toBeLessThanOrEqual(255);
    expect(() =>
      new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(name, "latin1")),
    ).not.toThrow();
  }
  expect(conflictName(long, device, tag, "beside").endsWith(".md")).toBe(true);
});
