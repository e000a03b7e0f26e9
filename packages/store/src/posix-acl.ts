/**
 * POSIX access lists: how they and the mode bits say the same thing (acl(5)). Pure.
 *
 * The bytes are those of the extended attributes `system.posix_acl_access` and `system.posix_acl_default`:
 * include/uapi/linux/posix_acl_xattr.h, little-endian.
 */
import { FsError } from "@smfs/core";

export const accessAclName = "system.posix_acl_access";
export const defaultAclName = "system.posix_acl_default";

const version = 2;
const headerBytes = 4;
const entryBytes = 8;

const userObj = 0x01;
const user = 0x02;
const groupObj = 0x04;
const group = 0x08;
const mask = 0x10;
const other = 0x20;
/** Tags in the order a list must have them; `user` and `group` may repeat, `mask` may be absent. */
const order = [userObj, user, groupObj, group, mask, other];

interface AclEntry {
  readonly tag: number;
  readonly permissions: number;
  /** Whom: of `user` and `group` only. */
  readonly id: number;
}

export type Acl = readonly AclEntry[];

/** Reads a list. @throws FsError EINVAL for anything that is not a valid one */
export function parseAcl(bytes: Uint8Array): Acl {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headerBytes || (bytes.length - headerBytes) % entryBytes !== 0) invalid();
  if (view.getUint32(0, true) !== version) invalid();
  const entries: AclEntry[] = [];
  for (let at = headerBytes; at < bytes.length; at += entryBytes) {
    entries.push({
      tag: view.getUint16(at, true),
      permissions: view.getUint16(at + 2, true),
      id: view.getUint32(at + 4, true),
    });
  }
  check(entries);
  return entries;
}

/** As the kernel's posix_acl_valid. */
function check(entries: Acl): void {
  let place = 0;
  for (const { tag, permissions } of entries) {
    const next = order.indexOf(tag);
    const mayRepeat = tag === user || tag === group;
    if (next < place || permissions > 7 || (next === place - 1 && !mayRepeat)) invalid();
    place = mayRepeat ? next : next + 1;
  }
  const has = (tag: number) => entries.some((entry) => entry.tag === tag);
  if (!has(userObj) || !has(groupObj) || !has(other)) invalid();
  if ((has(user) || has(group)) && !has(mask)) invalid();
}

function invalid(): never {
  throw new FsError("EINVAL", "not a valid access list");
}

export function aclBytes(acl: Acl): Uint8Array {
  const bytes = new Uint8Array(headerBytes + acl.length * entryBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, version, true);
  acl.forEach(({ tag, permissions, id }, index) => {
    const at = headerBytes + index * entryBytes;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, permissions, true);
    view.setUint32(at + 4, id, true);
  });
  return bytes;
}

/** The permission bits (0777) that a list stands for; `isMinimal` when the bits say all of it. */
export function aclMode(acl: Acl): { readonly mode: number; readonly isMinimal: boolean } {
  const of = (tag: number) => acl.find((entry) => entry.tag === tag)?.permissions;
  const groupBits = of(mask) ?? of(groupObj) ?? 0;
  return {
    mode: ((of(userObj) ?? 0) << 6) | (groupBits << 3) | (of(other) ?? 0),
    isMinimal: acl.length === 3,
  };
}

/** A list after chmod: owner, others, and the mask (the group, where there is no mask) follow the mode. */
export function chmodAcl(acl: Acl, mode: number): Acl {
  const classTag = acl.some(({ tag }) => tag === mask) ? mask : groupObj;
  return acl.map((entry) => {
    if (entry.tag === userObj) return { ...entry, permissions: (mode >> 6) & 7 };
    if (entry.tag === other) return { ...entry, permissions: mode & 7 };
    if (entry.tag === classTag) return { ...entry, permissions: (mode >> 3) & 7 };
    return entry;
  });
}

/** What a new file or directory gets from its directory's default list: the list takes the place of the umask. */
export function inheritAcl(
  defaults: Acl,
  mode: number,
): { readonly mode: number; readonly access: Acl | undefined } {
  const classTag = defaults.some(({ tag }) => tag === mask) ? mask : groupObj;
  const access = defaults.map((entry) => {
    if (entry.tag === userObj)
      return { ...entry, permissions: entry.permissions & ((mode >> 6) & 7) };
    if (entry.tag === other) return { ...entry, permissions: entry.permissions & mode & 7 };
    if (entry.tag === classTag)
      return { ...entry, permissions: entry.permissions & ((mode >> 3) & 7) };
    return entry;
  });
  const { mode: bits, isMinimal } = aclMode(access);
  return { mode: (mode & ~0o777) | bits, access: isMinimal ? undefined : access };
}
