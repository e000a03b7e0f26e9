/** GETATTR, SETATTR, READLINK, STATFS and extended attributes. */
import {
  errnos,
  FsError,
  S_ISGID,
  type SetAttr,
  type SetTime,
  xattrNameBytesMax,
  xattrValueBytesMax,
} from "@smfs/core";
import type { Exchange } from "../exchange.ts";
import {
  FATTR_ATIME,
  FATTR_ATIME_NOW,
  FATTR_FH,
  FATTR_GID,
  FATTR_KILL_SUIDGID,
  FATTR_MODE,
  FATTR_MTIME,
  FATTR_MTIME_NOW,
  FATTR_SIZE,
  FATTR_UID,
  FUSE_SETXATTR_ACL_KILL_SGID,
} from "../flags.ts";

type Changes = { -readonly [K in keyof SetAttr]: SetAttr[K] };

const permissionBits = 0o7777;
const nsPerS = 1_000_000_000;

export function getattr(exchange: Exchange): void {
  const { fs, request, reply, times } = exchange;
  reply.attrOut(fs.getattr(request.nodeid), times);
}

/** Asked instead of GETATTR the first time that somebody wants an inode's birth time (Linux 6.6). */
export function statx({ fs, request, reply, times }: Exchange): void {
  reply.statxOut(fs.getattr(request.nodeid), times);
}

export function setattr(exchange: Exchange): void {
  const { fs, request, reply, handles, times } = exchange;
  const valid = request.u32();
  request.skip(4);
  const fh = request.u64();
  const changes = readChanges(exchange, valid);
  const through = (valid & FATTR_FH) === 0 ? undefined : handles.file(fh);
  reply.attrOut(fs.setattr(request.nodeid, changes, request.caller(), through), times);
}

/** struct fuse_setattr_in from `size` on. What is not valid is not looked at: it may be anything. */
function readChanges({ request }: Exchange, valid: number): Changes {
  const has = (flag: number): boolean => (valid & flag) !== 0;
  const changes: Changes = {};
  if (has(FATTR_SIZE)) changes.size = request.offset();
  else request.skip(8);
  request.skip(8);
  const readTime = (flag: number, now: number): number | undefined => {
    if (has(flag) && !has(now)) return request.seconds();
    request.skip(8);
    return undefined;
  };
  const atimeS = readTime(FATTR_ATIME, FATTR_ATIME_NOW);
  const mtimeS = readTime(FATTR_MTIME, FATTR_MTIME_NOW);
  request.skip(8);
  const atimeNs = request.u32();
  const mtimeNs = request.u32();
  request.skip(4);
  const mode = request.u32();
  request.skip(4);
  const uid = request.u32();
  const gid = request.u32();
  if (has(FATTR_MODE)) changes.mode = mode & permissionBits;
  if (has(FATTR_UID)) changes.uid = uid;
  if (has(FATTR_GID)) changes.gid = gid;
  if (has(FATTR_ATIME)) changes.atime = toSetTime(atimeS, atimeNs);
  if (has(FATTR_MTIME)) changes.mtime = toSetTime(mtimeS, mtimeNs);
  if (has(FATTR_KILL_SUIDGID)) changes.killSuidGid = true;
  return changes;
}

function toSetTime(s: number | undefined, ns: number): SetTime {
  if (s === undefined) return "now";
  if (ns >= nsPerS) throw new FsError("EINVAL", `${ns} nanoseconds`);
  return { s, ns };
}

export function readlink({ fs, request, reply }: Exchange): void {
  reply.text(fs.readlink(request.nodeid));
}

export function statfs({ fs, reply }: Exchange): void {
  reply.statfs(fs.statfs());
}

export function getxattr(exchange: Exchange): void {
  const { fs, request, reply } = exchange;
  const room = request.u32();
  request.skip(4);
  const value = fs.getxattr(request.nodeid, attributeName(request.name()));
  if (value === undefined) {
    exchange.errno = errnos.ENODATA;
    return;
  }
  if (room === 0) {
    reply.u32(value.byteLength);
    reply.u32(0);
    return;
  }
  if (value.byteLength > room) throw new FsError("ERANGE", `${value.byteLength} bytes`);
  reply.raw(value);
}

export function listxattr({ fs, request, reply }: Exchange): void {
  const room = request.u32();
  request.skip(4);
  const names = fs.listxattr(request.nodeid);
  let size = 0;
  for (const name of names) size += name.length + 1;
  if (room === 0) {
    reply.u32(size);
    reply.u32(0);
    return;
  }
  if (size > room) throw new FsError("ERANGE", `${size} bytes of names`);
  for (const name of names) {
    reply.text(name);
    reply.zeroes(1);
  }
}

export function setxattr(exchange: Exchange): void {
  const { fs, request, terms } = exchange;
  const size = request.u32();
  const flags = request.u32();
  const setxattrFlags = terms?.longSetxattr === true ? request.u32() : 0;
  if (terms?.longSetxattr === true) request.skip(4);
  const name = attributeName(request.name());
  if (size > xattrValueBytesMax) throw new FsError("E2BIG", `${size} bytes`);
  // The file system may keep the value: the request's own bytes are gone with the next request.
  fs.setxattr(request.nodeid, name, Uint8Array.from(request.bytes(size)), flags);
  if ((setxattrFlags & FUSE_SETXATTR_ACL_KILL_SGID) !== 0) killSgid(exchange);
}

/** An ACL set by somebody who is not in the file's group takes the set-group-id bit, as chmod(2) would. */
function killSgid({ fs, request }: Exchange): void {
  const { mode } = fs.getattr(request.nodeid);
  const bits = mode & permissionBits & ~S_ISGID;
  fs.setattr(request.nodeid, { mode: bits }, request.caller());
}

export function removexattr({ fs, request }: Exchange): void {
  const name = attributeName(request.name());
  try {
    fs.removexattr(request.nodeid, name);
  } catch (error) {
    // Whoever takes an access list away wants that there is none.
    const isAcl = name.startsWith("system.posix_acl_");
    if (!isAcl || !(error instanceof FsError) || error.code !== "ENODATA") throw error;
  }
}

/** As the kernel's own file systems: an attribute lies in a namespace, and has a name there (xattr(7)). */
const attributeNames = /^(?:(?:user|trusted|security)\..|system\.posix_acl_(?:access|default)$)/s;

function attributeName(name: string): string {
  if (name === "" || name.length > xattrNameBytesMax) throw new FsError("ERANGE", "attribute name");
  if (!attributeNames.test(name)) throw new FsError("EOPNOTSUPP", "no such attribute namespace");
  return name;
}
