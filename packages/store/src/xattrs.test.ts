import { rootIno } from "@smfs/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  accessAclName,
  aclBytes,
  aclMode,
  chmodAcl,
  defaultAclName,
  inheritAcl,
  parseAcl,
} from "./posix-acl.ts";
import { StoreFixture, user } from "./testing/store-fixture.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const CREATE = 1;
const REPLACE = 2;

test("[XATTR-1] values are any bytes; flags say whether they must be new or there", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const value = new Uint8Array([0, 255, 1]);
  expect(() => f.store.setxattr(ino, "user.k", value, REPLACE)).toThrow("ENODATA");
  f.store.setxattr(ino, "user.k", value, CREATE);
  expect(() => f.store.setxattr(ino, "user.k", value, CREATE)).toThrow("EEXIST");
  expect(f.store.getxattr(ino, "user.k")).toEqual(Buffer.of(0, 255, 1));
  f.store.setxattr(ino, "user.k", new Uint8Array(0), REPLACE);
  expect(f.store.getxattr(ino, "user.k")).toHaveLength(0);
  f.store.setxattr(ino, "user.b\xff", value, 0);
  expect(f.store.listxattr(ino)).toEqual(["user.b\xff", "user.k"]);
  f.store.removexattr(ino, "user.k");
  expect(() => f.store.removexattr(ino, "user.k")).toThrow("ENODATA");
  expect(f.store.getxattr(ino, "user.k")).toBeUndefined();
  expect(() => f.store.getxattr(999, "user.k")).toThrow("ESTALE");
});

test("[XATTR-1] names and sizes have the limits of Linux", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const set = (name: string, size = 1) => f.store.setxattr(ino, name, new Uint8Array(size), 0);
  expect(() => set("")).toThrow("ERANGE");
  expect(() => set(`user.${"x".repeat(251)}`)).toThrow("ERANGE");
  set(`user.${"x".repeat(250)}`);
  expect(() => set("user.big", 65_537)).toThrow("E2BIG");
  set("user.big", 65_536);
  expect(() => set("user.")).toThrow("EOPNOTSUPP");
  expect(() => set("system.other")).toThrow("EOPNOTSUPP");
  set("trusted.t");
  set("security.capability");
  for (let index = 0; index < 254; index += 1) {
    set(`user.${String(index).padStart(3, "0")}${"y".repeat(247)}`);
  }
  expect(() => set(`user.one more${"z".repeat(240)}`)).toThrow("ENOSPC");
  const { ino: link } = f.store.symlink(rootIno, "s", "a", user);
  expect(() => f.store.setxattr(link, "user.k", new Uint8Array(1), 0)).toThrow("EPERM");
});

test("[XATTR-1] they go with their inode", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.store.setxattr(ino, "user.k", bytes("v"), 0);
  f.unlink("/a");
  f.settle();
  expect(f.db.sql.prepare("SELECT count(*) FROM xattr").pluck().get()).toBe(0);
});

/** Lists as the kernel would let them be made: sorted, with a mask where users or groups are named. */
const permissions = fc.integer({ min: 0, max: 7 });
const named = fc.array(permissions, { maxLength: 3 });
const anyAcl = fc
  .record({
    owner: permissions,
    users: named,
    group: permissions,
    groups: named,
    mask: permissions,
    other: permissions,
    withMask: fc.boolean(),
  })
  .map(({ owner, users, group, groups, mask, other, withMask }) => [
    { tag: 1, permissions: owner, id: 0xffffffff },
    ...users.map((bits, id) => ({ tag: 2, permissions: bits, id })),
    { tag: 4, permissions: group, id: 0xffffffff },
    ...groups.map((bits, id) => ({ tag: 8, permissions: bits, id })),
    ...(withMask || users.length + groups.length > 0
      ? [{ tag: 16, permissions: mask, id: 0xffffffff }]
      : []),
    { tag: 32, permissions: other, id: 0xffffffff },
  ]);

describe("access lists", () => {
  test("[ACL-1] are read as they are written", () => {
    fc.assert(
      fc.property(anyAcl, (acl) => {
        expect(parseAcl(aclBytes(acl))).toEqual(acl);
      }),
    );
  });

  test("[ACL-1] after chmod stand for the new mode, and named entries stay", () => {
    fc.assert(
      fc.property(anyAcl, fc.integer({ min: 0, max: 0o777 }), (acl, mode) => {
        const changed = chmodAcl(acl, mode);
        expect(aclMode(changed).mode).toBe(mode);
        const namedOnly = (list: typeof acl) => list.filter(({ tag }) => tag === 2 || tag === 8);
        expect(namedOnly([...changed])).toEqual(namedOnly(acl));
      }),
    );
  });

  test("[ACL-1] give a new file no more than was asked for and no more than they allow", () => {
    fc.assert(
      fc.property(anyAcl, fc.integer({ min: 0, max: 0o7777 }), (acl, mode) => {
        const inherited = inheritAcl(acl, mode);
        expect(inherited.mode & ~mode).toBe(0);
        expect(inherited.mode & 0o777 & ~aclMode(acl).mode).toBe(0);
        expect(inherited.mode & ~0o777).toBe(mode & ~0o777);
        if (inherited.access !== undefined) {
          expect(aclMode(inherited.access).mode).toBe(inherited.mode & 0o777);
        }
      }),
    );
  });

  test("[ACL-1] that are none are refused", () => {
    const valid = aclBytes([
      { tag: 1, permissions: 7, id: 0xffffffff },
      { tag: 4, permissions: 5, id: 0xffffffff },
      { tag: 32, permissions: 0, id: 0xffffffff },
    ]);
    expect(() => parseAcl(valid)).not.toThrow();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (junk) => {
        const list = Uint8Array.from([2, 0, 0, 0, ...junk]);
        try {
          expect(aclBytes(parseAcl(list))).toEqual(list);
        } catch (error) {
          expect(String(error)).toContain("EINVAL");
        }
      }),
    );
    for (const damage of [
      (b: Uint8Array) => b.subarray(0, 20),
      (b: Uint8Array) => Uint8Array.from([1, ...b.subarray(1)]),
      (b: Uint8Array) => Uint8Array.from([...b, 16, 0, 7, 0, 255, 255, 255, 255]),
      (b: Uint8Array) => Uint8Array.from([...b, ...b.subarray(20)]),
    ]) {
      expect(() => parseAcl(damage(valid))).toThrow("EINVAL");
    }
  });
});

test("[ACL-1] setting a list moves the mode, chmod moves the list, a minimal list is the mode", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const clean = f.makeClean("/a");
  const mode = () => f.store.getattr(ino).mode & 0o777;
  const acl = [
    { tag: 1, permissions: 6, id: 0xffffffff },
    { tag: 2, permissions: 7, id: 42 },
    { tag: 4, permissions: 4, id: 0xffffffff },
    { tag: 16, permissions: 7, id: 0xffffffff },
    { tag: 32, permissions: 0, id: 0xffffffff },
  ];
  f.store.setxattr(ino, accessAclName, aclBytes(acl), 0);
  expect(mode()).toBe(0o670);
  expect(f.entry("/a").local_ver).toBeGreaterThan(clean.local_ver);
  f.store.setattr(ino, { mode: 0o640 }, user);
  expect(aclMode(parseAcl(f.store.getxattr(ino, accessAclName) ?? new Uint8Array())).mode).toBe(
    0o640,
  );
  f.store.setxattr(
    ino,
    accessAclName,
    aclBytes(acl.filter(({ tag }) => tag !== 2 && tag !== 16)),
    0,
  );
  expect(mode()).toBe(0o640);
  expect(f.store.getxattr(ino, accessAclName)).toBeUndefined();
  expect(() => f.store.setxattr(ino, accessAclName, bytes("junk"), 0)).toThrow("EINVAL");
  expect(() => f.store.setxattr(ino, defaultAclName, aclBytes(acl), 0)).toThrow("EACCES");
});
