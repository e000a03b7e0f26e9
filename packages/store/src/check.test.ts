import { readFileSync } from "node:fs";
import { O_RDWR } from "@smfs/core";
import { expect, test } from "vitest";
import { check } from "./check.ts";
import { StoreFixture, user } from "./testing/store-fixture.ts";

/** A small tree with one of everything. */
function made(): StoreFixture {
  const f = new StoreFixture();
  f.mkdir("/d");
  f.mkdir("/d/e");
  f.write("/d/a", "one");
  f.write("/b", "two");
  f.store.symlink(1, "s", "b", user);
  f.store.link(f.ino("/b"), f.ino("/d"), "b2", user);
  f.settle();
  f.makeClean("/d/a");
  return f;
}

const digest = "0".repeat(64);

/** Each breaks one invariant behind the store's back. */
const breaks: Readonly<Record<string, (f: StoreFixture) => void>> = {
  "versions-grow": (f) => sql(f, "UPDATE entry SET local_ver = 1000000 WHERE name = 'a'"),
  "bytes-versions-grow": (f) => sql(f, "UPDATE inode SET synced_ver = bytes_ver + 1 WHERE ino = 4"),
  "bytes-move-every-name": (f) =>
    sql(f, "UPDATE entry SET base_ver = 0, local_ver = 1 WHERE name = 'a'"),
  "claim-is-above-base": (f) =>
    sql(
      f,
      `INSERT INTO op (fid, op_id, kind, claim_ver, with_bytes, chain, path, attrs, phase)
       SELECT fid, 'x', 'put', base_ver, 0, '[]', '/d/a', '{}', 'sent' FROM entry WHERE name = 'a'`,
    ),
  "writers-are-dirty": (f) => sql(f, `UPDATE inode SET writers = 1 WHERE ino = ${f.ino("/d/a")}`),
  "entry-has-directory": (f) => sql(f, "UPDATE entry SET parent = 99 WHERE name = 'a'"),
  "name-is-valid": (f) => sql(f, "UPDATE entry SET name = 'x/y' WHERE name = 'a'"),
  "links-are-counted": (f) => sql(f, `UPDATE inode SET nlink = 1 WHERE ino = ${f.ino("/b")}`),
  "directory-links-are-counted": (f) => sql(f, "UPDATE inode SET nlink = 7 WHERE ino = 1"),
  "directory-has-one-name": (f) =>
    sql(f, `UPDATE entry SET ino = ${f.ino("/d")} WHERE name = 'b2'`),
  "tree-has-no-cycle": (f) =>
    sql(f, `UPDATE entry SET parent = ${f.ino("/d/e")} WHERE ino = ${f.ino("/d")}`),
  "symlink-has-target": (f) => sql(f, "UPDATE inode SET target = NULL WHERE target = 'b'"),
  "stub-is-a-file-at-rest": (f) => sql(f, "UPDATE inode SET stub = 1 WHERE target = 'b'"),
  "fill-is-at-rest": (f) => sql(f, `UPDATE inode SET fill = '${digest}' WHERE target = 'b'`),
  "alias-has-a-path-to-go-to": (f) => sql(f, "UPDATE entry SET alias = 1 WHERE name = 'b'"),
  "moved-is-a-directory": (f) => sql(f, "INSERT INTO moved (dir_ino, seq) VALUES (99, 1)"),
  "base-blob-is-of-base": (f) =>
    sql(f, `UPDATE entry SET base_blob = '${digest}' WHERE name = 'a'`),
  "references-hold": (f) => {
    f.db.sql.pragma("foreign_keys = OFF");
    sql(f, "UPDATE entry SET ino = 99 WHERE name = 'b2'");
  },
  "orphan-is-used": (f) => {
    f.db.sql.pragma("foreign_keys = OFF");
    sql(f, "DELETE FROM entry WHERE name = 'a'");
  },
  "file-has-bytes": (f) => f.bytes.removeWork(f.ino("/b")),
  "row-knows-size": (f) => sql(f, `UPDATE inode SET size = 9 WHERE ino = ${f.ino("/b")}`),
  "working-file-has-row": (f) => f.bytes.close(f.bytes.openWork(99, "create")),
  "blob-is-there": (f) =>
    sql(
      f,
      `INSERT INTO trash (fid, path, blob, why, at_ms, size) VALUES ('f', '/x', '${digest}', 'w', 0, 1)`,
    ),
  "blob-is-whole": (f) => {
    f.bytes.moveWorkToBlob(f.ino("/b"), digest);
    sql(f, `UPDATE entry SET base_blob = '${digest}', base_hash = '${digest}' WHERE name = 'b'`);
  },
  "clean-is-base": (f) => {
    const fd = f.bytes.openWork(f.ino("/d/a"), "write");
    f.bytes.write(fd, new Uint8Array([33]), 0);
    f.bytes.close(fd);
  },
};

function sql(f: StoreFixture, statement: string): void {
  expect(f.db.sql.prepare(statement).run().changes).toBeGreaterThan(0);
}

test("[CHECK-1] a whole store has no breach", () => {
  const f = made();
  expect(f.check()).toEqual([]);
  f.store.open(f.ino("/b"), O_RDWR, user);
  f.unlink("/b");
  expect(f.check()).toEqual([]);
});

test.each(Object.entries(breaks))(
  "[CHECK-1] %s is found when it is broken",
  (invariant, damage) => {
    const f = made();
    damage(f);
    const found = check(f.store.context, { deep: true });
    expect(found.map((breach) => breach.invariant)).toContain(invariant);
  },
);

test("[CHECK-1] the document names each invariant, and no other", () => {
  const schema = readFileSync(new URL("../../../docs/schema.md", import.meta.url), "utf8");
  const named = [...schema.matchAll(/\(`([a-z]+(?:-[a-z]+)+)`/g)].map((match) => match[1]);
  expect([...new Set(named)].sort()).toEqual(Object.keys(breaks).sort());
});

test("[CHECK-1] digests are compared only when that is asked for", () => {
  const f = made();
  breaks["clean-is-base"]?.(f);
  expect(check(f.store.context)).toEqual([]);
});
