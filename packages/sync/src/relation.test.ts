import { expect, test } from "vitest";
import { effective, relationOf } from "./relation.ts";
import { baseView, hashOf, opView, remoteVersion } from "./testing/views.ts";

test("[RELATION-1] on a server that counts the number decides", () => {
  const base = baseView({ srev: 5 });
  expect(relationOf(base, remoteVersion({ srev: 5 }))).toBe("same");
  expect(relationOf(base, remoteVersion({ srev: 6, rev: "x:1", chain: [] }))).toBe("same");
  const edited = remoteVersion({ srev: 6, rev: "x:2", chain: [], hash: hashOf.b });
  expect(relationOf(base, edited)).toBe("descends");
  expect(relationOf(base, remoteVersion({ srev: 4 }))).toBe("stale");
});

test("[RELATION-2] elsewhere the stamp's chain decides", () => {
  const base = baseView();
  const other = { rev: "you:9", hash: hashOf.b };
  expect(relationOf(base, remoteVersion())).toBe("same");
  expect(relationOf(base, remoteVersion({ path: "/g" }))).toBe("descends");
  expect(relationOf(base, remoteVersion({ ...other, chain: ["me:1", "me:0"] }))).toBe("descends");
  expect(relationOf(base, remoteVersion({ rev: "me:0", chain: [], hash: hashOf.c }))).toBe(
    "regress",
  );
  expect(relationOf(base, remoteVersion({ ...other, chain: ["me:0"] }))).toBe("concurrent");
  expect(relationOf(null, remoteVersion())).toBe("concurrent");
});

test("[RELATION-2] a foreign change that still shows base's stamp descends, one that shows another does not", () => {
  const foreign = { rev: `x:${hashOf.c}`, hash: hashOf.c, chain: [] };
  expect(relationOf(baseView(), remoteVersion({ ...foreign, stampRev: "me:1" }))).toBe("descends");
  expect(relationOf(baseView(), remoteVersion({ ...foreign, stampRev: "me:0" }))).toBe(
    "concurrent",
  );
  expect(relationOf(baseView(), remoteVersion({ ...foreign, stampRev: null }))).toBe("concurrent");
});

test("[STAMP-2] bytes with a stamp that is not theirs are base's or the attempt's when their digest says so", () => {
  const op = opView();
  const dropped = remoteVersion({ rev: `x:${hashOf.a}`, chain: [], stampRev: op.opId });
  expect(effective(dropped, baseView(), op).rev).toBe("me:1");
  const taken = remoteVersion({ rev: `x:${hashOf.b}`, hash: hashOf.b, stampRev: op.opId });
  expect(effective(taken, baseView(), op).rev).toBe(op.opId);
  const foreign = remoteVersion({ rev: `x:${hashOf.c}`, hash: hashOf.c, stampRev: op.opId });
  expect(effective(foreign, baseView(), op).rev).toBe(`x:${hashOf.c}`);
});
