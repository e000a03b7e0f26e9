/** Entries: LOOKUP, CREATE's siblings, UNLINK, RENAME and what else takes a name. */
import { checkName, type FileSystem, FsError, rootIno } from "@smfs/core";
import { type Exchange, tellEntry } from "../exchange.ts";

export function lookup(exchange: Exchange): void {
  const { fs, request, reply, times } = exchange;
  const name = request.name();
  if (name === "." || name === "..") {
    tellEntry(exchange, fs.getattr(name === "." ? request.nodeid : parentOf(fs, request.nodeid)));
    return;
  }
  checkName(name);
  const attr = fs.find(request.nodeid, name);
  // Node id 0 is ENOENT that the kernel may keep: it is told when the name comes to be.
  if (attr === undefined) reply.negativeEntry(times);
  else tellEntry(exchange, attr);
}

/** The kernel asks for "." and ".." of an inode it has only a handle of (open_by_handle_at, NFS export). */
function parentOf(fs: FileSystem, ino: number): number {
  let parent: number | undefined;
  const stream = fs.opendir(ino);
  try {
    fs.readdir(stream, 0, (entry) => {
      if (entry.name === "..") parent = entry.ino;
      return entry.name === ".";
    });
  } finally {
    fs.releasedir(stream);
  }
  if (parent === undefined) throw new FsError("ESTALE", `directory ${ino} has no parent`);
  return parent === 0 ? rootIno : parent;
}

export function mknod(exchange: Exchange): void {
  const { fs, request } = exchange;
  const mode = request.u32();
  const rdev = request.u32();
  const umask = request.u32();
  request.skip(4);
  const name = entryName(exchange);
  tellEntry(exchange, fs.mknod(request.nodeid, name, mode, rdev, request.caller(umask)));
}

export function mkdir(exchange: Exchange): void {
  const { fs, request } = exchange;
  const mode = request.u32();
  const umask = request.u32();
  const name = entryName(exchange);
  tellEntry(exchange, fs.mkdir(request.nodeid, name, mode, request.caller(umask)));
}

export function symlink(exchange: Exchange): void {
  const { fs, request } = exchange;
  const name = entryName(exchange);
  const target = request.name();
  tellEntry(exchange, fs.symlink(request.nodeid, name, target, request.caller()));
}

export function link(exchange: Exchange): void {
  const { fs, request } = exchange;
  const ino = request.u64();
  const name = entryName(exchange);
  tellEntry(exchange, fs.link(ino, request.nodeid, name, request.caller()));
}

export function unlink(exchange: Exchange): void {
  const { fs, request } = exchange;
  fs.unlink(request.nodeid, entryName(exchange), request.caller());
}

export function rmdir(exchange: Exchange): void {
  const { fs, request } = exchange;
  fs.rmdir(request.nodeid, entryName(exchange), request.caller());
}

export function rename(exchange: Exchange): void {
  renameTo(exchange, exchange.request.u64(), 0);
}

export function rename2(exchange: Exchange): void {
  const { request } = exchange;
  const toParent = request.u64();
  const flags = request.u32();
  request.skip(4);
  renameTo(exchange, toParent, flags);
}

function renameTo(exchange: Exchange, toParent: number, flags: number): void {
  const { fs, request } = exchange;
  const fromName = entryName(exchange);
  const toName = entryName(exchange);
  const args = { fromParent: request.nodeid, fromName, toParent, toName, flags };
  fs.rename(args, request.caller());
}

function entryName(exchange: Exchange): string {
  const name = exchange.request.name();
  checkName(name);
  return name;
}
