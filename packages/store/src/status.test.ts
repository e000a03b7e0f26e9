import { O_CREAT, O_RDWR, rootIno, toByteString } from "@smfs/core";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";
import { Transitions } from "./transitions.ts";

test("[STATUS-1] paths are told as text, bytes that are no UTF-8 as \\xNN, and what is refused is counted", () => {
  const f = new StoreFixture();
  f.mkdir(`/${toByteString("日記")}`);
  const text = f.write(`/${toByteString("日記/käse")}`, "x");
  f.write("/caf\xe9", "x");
  f.settle();
  f.store.open(text, O_RDWR, user);
  const transitions = new Transitions(f.store.context);
  const status = () => f.store.context.db.transaction(() => transitions.status());
  expect(status().heldOpen).toEqual(["/日記/käse"]);
  expect(status().waiting.map(({ path }) => path)).toEqual(
    expect.arrayContaining(["/caf\\xe9", "/日記/käse"]),
  );
  expect(status().refusedCount).toBe(0);
  const { fid } = f.entry("/caf\xe9");
  f.store.context.db.transaction(() => transitions.claim(fid, true));
  expect(status()).toMatchObject({
    refusedCount: 1,
    problems: [{ path: "/caf\\xe9", message: expect.stringContaining("not UTF-8") as string }],
  });
  f.store.create(rootIno, "other", 0o644, O_CREAT | O_RDWR, user);
  expect(status().refusedCount).toBe(1);
});

test("[STATUS-1] a problem of a file goes with it", () => {
  const f = new StoreFixture();
  f.write("/caf\xe9", "x");
  f.write("/kept\xe9", "x");
  f.settle();
  const { context } = f.store;
  const transitions = new Transitions(context);
  for (const path of ["/caf\xe9", "/kept\xe9"]) {
    const { fid } = f.entry(path);
    context.db.transaction(() => transitions.claim(fid, true));
  }
  const problems = () => context.db.transaction(() => transitions.status().problems);
  expect(problems()).toHaveLength(2);
  f.unlink("/caf\xe9");
  expect(problems().map(({ path }) => path)).toEqual(["/kept\\xe9"]);
  f.stop();
  const rows = f.store.context.db.sql.prepare("SELECT path FROM problem").pluck();
  expect(rows.all()).toEqual(["/kept\\xe9"]);
});
