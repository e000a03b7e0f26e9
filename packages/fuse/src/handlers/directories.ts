/** Directory streams: OPENDIR, READDIR, READDIRPLUS, RELEASEDIR, FSYNCDIR. */
import { type DirEntry, FsError } from "@smfs/core";
import { entryOutBytes } from "../abi.ts";
import { type Exchange, tellEntry } from "../exchange.ts";
import { FOPEN_CACHE_DIR, FOPEN_KEEP_CACHE, FUSE_FSYNC_FDATASYNC } from "../flags.ts";
import { transferBytesMax } from "../limits.ts";
import { direntSize } from "../reply-writer.ts";

/** ENOSYS once, and the kernel reads directories without opening them: one round trip less for each. */
export function opendir({ fs, request, reply, handles, terms }: Exchange): void {
  if (terms?.zeroMessageOpendir === true) throw new FsError("ENOSYS", "directories need no open");
  const fh = fs.opendir(request.nodeid);
  handles.addDirectory(fh);
  // The kernel keeps the listing until it is told of a change, or makes one.
  reply.openOut(fh, FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR, 0);
}

export function releasedir({ request, handles }: Exchange): void {
  handles.releaseDirectory(request.u64());
}

export function readdir(exchange: Exchange): void {
  const { reply } = exchange;
  const { stream, cookie, room } = readArguments(exchange);
  exchange.fs.readdir(stream, cookie, (entry) => {
    if (reply.bodyBytes + direntSize(entry.name) > room) return false;
    reply.dirent(entry);
    return true;
  });
}

/** As READDIR, and each entry as LOOKUP would answer it: the kernel knows every inode listed from then on. */
export function readdirplus(exchange: Exchange): void {
  const { fs, reply } = exchange;
  const { stream, cookie, room } = readArguments(exchange);
  const entries: DirEntry[] = [];
  let size = 0;
  fs.readdir(stream, cookie, (entry) => {
    size += entryOutBytes + direntSize(entry.name);
    if (size > room) return false;
    entries.push(entry);
    return true;
  });
  for (const entry of entries) {
    // Of "." and ".." the kernel takes no count, so it must not be told of them.
    if (entry.name === "." || entry.name === "..") reply.zeroes(entryOutBytes);
    else tellEntry(exchange, fs.getattr(entry.ino));
    reply.dirent(entry);
  }
}

function readArguments(exchange: Exchange): { stream: number; cookie: number; room: number } {
  const { request, streams, terms } = exchange;
  const fh = request.u64();
  const cookie = request.u64();
  const room = Math.min(request.u32(), transferBytesMax);
  const stream =
    terms?.zeroMessageOpendir === true
      ? streams.at(request.nodeid, cookie)
      : exchange.handles.directory(fh);
  return { stream, cookie, room };
}

export function fsyncdir(exchange: Exchange): void {
  const { fs, request, streams, terms } = exchange;
  const fh = request.u64();
  const dataOnly = (request.u32() & FUSE_FSYNC_FDATASYNC) !== 0;
  if (terms?.zeroMessageOpendir === true) {
    fs.fsyncdir(streams.at(request.nodeid, 0), dataOnly, request.caller());
  } else {
    fs.fsyncdir(exchange.handles.directory(fh), dataOnly, request.caller());
  }
}
