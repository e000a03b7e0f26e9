import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";
import { Views } from "./view.ts";

/** Whether an entry is dirty: by its versions, or because a directory above it was renamed. */
function isDirty(f: StoreFixture, path: string): boolean {
  const entry = f.entry(path);
  return entry.local_ver !== entry.base_ver || new Views(f.store.context).isMovedAbove(entry);
}

function tree(): StoreFixture {
  const f = new StoreFixture();
  for (const path of ["/d", "/d/e", "/d/e/g"]) f.mkdir(path);
  const files = ["/d/a", "/d/e/b", "/d/e/g/c"];
  for (const path of files) f.write(path, path);
  for (const path of ["/d", "/d/e", "/d/e/g", ...files]) f.makeClean(path);
  return f;
}

const below = ["/x/a", "/x/e", "/x/e/b", "/x/e/g", "/x/e/g/c"];

test("[MOVED-1] everything below a renamed directory is dirty at once, and marked slice by slice", () => {
  const f = tree();
  const versions = f.inode("/d/e/g/c").bytes_ver;
  const before = f.db.commitCount;
  f.rename("/d", "/x");
  expect(f.db.commitCount).toBe(before + 1);
  for (const path of below) expect(isDirty(f, path)).toBe(true);
  while (f.store.bumpMoved(0)) {
    for (const path of below) expect(isDirty(f, path)).toBe(true);
    expect(f.check()).toEqual([]);
  }
  for (const path of below) expect(f.entry(path).local_ver).not.toBe(f.entry(path).base_ver);
  expect(f.inode("/x/e/g/c").bytes_ver).toBe(versions);
  expect(f.store.bumpMoved(10)).toBe(false);
});

test("[MOVED-1] a change of a directory below, before it is marked, hides nothing", () => {
  const f = tree();
  f.rename("/d", "/x");
  f.store.setattr(f.ino("/x/e"), { mode: 0o700 }, user);
  f.settle();
  expect(isDirty(f, "/x/e/g/c")).toBe(true);
  expect(f.entry("/x/e/b").local_ver).not.toBe(f.entry("/x/e/b").base_ver);
});

test("[MOVED-1] a directory that is moved out before it is marked is marked for itself", () => {
  const f = tree();
  f.rename("/d", "/x");
  f.rename("/x/e", "/out");
  f.settle();
  for (const path of ["/out/b", "/out/g/c", "/x/a"]) {
    expect(f.entry(path).local_ver).not.toBe(f.entry(path).base_ver);
  }
  expect(f.check()).toEqual([]);
});

test("[MOVED-1] what comes into the directory after the rename is not marked again", () => {
  const f = tree();
  f.rename("/d", "/x");
  f.write("/x/new", "new");
  const { local_ver } = f.entry("/x/new");
  f.store.bumpMoved(1000);
  expect(f.entry("/x/new").local_ver).toBe(local_ver);
});

test("[MOVED-1] marking goes on after a crash, and ends with a directory that is removed", () => {
  const f = tree();
  f.rename("/d", "/x");
  f.kill();
  expect(isDirty(f, "/x/e/g/c")).toBe(true);
  f.settle();
  expect(f.entry("/x/e/g/c").local_ver).not.toBe(f.entry("/x/e/g/c").base_ver);
  f.rename("/x", "/y");
  for (const path of ["/y/a", "/y/e/b", "/y/e/g/c"]) f.unlink(path);
  for (const path of ["/y/e/g", "/y/e", "/y"]) f.store.rmdir(...f.at(path), user);
  expect(f.check()).toEqual([]);
  expect(f.store.bumpMoved(10)).toBe(false);
});

test("[MOVED-1] a directory with many names is marked in several transactions", () => {
  const f = new StoreFixture();
  f.mkdir("/d");
  for (let index = 0; index < 300; index += 1) f.mkdir(`/d/${index}`);
  f.db.sql.prepare("UPDATE entry SET base_ver = local_ver").run();
  f.rename("/d", "/x");
  const before = f.db.commitCount;
  expect(f.store.bumpMoved(1000)).toBe(false);
  expect(f.db.commitCount).toBe(before + 3);
  expect(
    f.db.sql.prepare("SELECT count(*) FROM entry WHERE local_ver = base_ver").pluck().get(),
  ).toBe(0);
});
