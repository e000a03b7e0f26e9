import * as fc from "fast-check";
import { expect, test } from "vitest";
import { merge } from "./merge.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (merged: Uint8Array | undefined) =>
  merged === undefined ? undefined : new TextDecoder().decode(merged);

function merged(local: string, base: string, remote: string, path = "/n.md"): string | undefined {
  return text(merge(path, { local: bytes(local), base: bytes(base), remote: bytes(remote) }));
}

test("[MERGE-1] lines appended on both sides are all kept, the server's first", () => {
  expect(merged("a\nL\n", "a\n", "a\nR\n")).toBe("a\nR\nL\n");
  expect(merged("L\n", "", "R")).toBe("R\nL\n");
  expect(merged("a\nL\n", "a\n", "a\nR\n", "/any.json")).toBe("a\nR\nL\n");
});

test("[MERGE-1] a last line without an end that both continued is a conflict", () => {
  expect(merged("a b", "a", "a c")).toBeUndefined();
});

test("[MERGE-2] changes to different lines of prose are merged, to the same line are not", () => {
  expect(merged("A\nb\nc\n", "a\nb\nc\n", "a\nb\nC\n")).toBe("A\nb\nC\n");
  expect(merged("A\nb\n", "a\nb\n", "Z\nb\n")).toBeUndefined();
  expect(merged("A\nb\nc\n", "a\nb\nc\n", "a\nb\nC\n", "/x.json")).toBeUndefined();
});

test("[MERGE-3] what is not text is never merged", () => {
  const binary = new Uint8Array([0xff, 0xfe, 1]);
  expect(merge("/n.md", { local: binary, base: bytes(""), remote: bytes("a\n") })).toBeUndefined();
  expect(merged("a\0\n", "", "b\n")).toBeUndefined();
  const long = "x".repeat(2 ** 20 + 1);
  expect(merged(long, "", "b\n")).toBeUndefined();
});

test("[MERGE-2] a merge has every line that either side added or changed", async () => {
  const line = fc.constantFrom("a", "b", "c", "d", "e").map((name) => `${name}\n`);
  const lines = fc.array(line, { maxLength: 12 });
  await fc.assert(
    fc.property(lines, lines, lines, (base, local, remote) => {
      const result = merged(local.join(""), base.join(""), remote.join(""));
      if (result === undefined) return;
      const count = (of: readonly string[], name: string) => of.filter((l) => l === name).length;
      const out = result.match(/[^\n]*\n/g) ?? [];
      for (const name of new Set([...local, ...remote])) {
        const added = Math.max(count(local, name), count(remote, name)) > count(base, name);
        if (added) expect(count(out, name)).toBeGreaterThan(0);
      }
    }),
  );
});
