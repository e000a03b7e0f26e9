/** Open files: OPEN, CREATE, TMPFILE, READ, WRITE, RELEASE, FSYNC, LSEEK, FALLOCATE, COPY_FILE_RANGE. */
import { type Attr, checkName, FsError, O_APPEND, type OpenFile } from "@smfs/core";
import { type Exchange, tellEntry } from "../exchange.ts";
import {
  FOPEN_KEEP_CACHE,
  FOPEN_NOFLUSH,
  FOPEN_PASSTHROUGH,
  FUSE_FSYNC_FDATASYNC,
  FUSE_OPEN_KILL_SUIDGID,
  FUSE_WRITE_KILL_SUIDGID,
} from "../flags.ts";
import { createdAttrNs, transferBytesMax } from "../limits.ts";

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

export function open(exchange: Exchange): void {
  const { fs, request } = exchange;
  const flags = request.u32();
  const openFlags = request.u32();
  const caller = request.caller();
  const file = fs.open(request.nodeid, withoutAppend(flags), caller);
  const backingId = track(exchange, request.nodeid, file, flags);
  if ((openFlags & FUSE_OPEN_KILL_SUIDGID) !== 0) {
    fs.setattr(request.nodeid, { killSuidGid: true }, caller, file.fh);
  }
  tellOpen(exchange, file, backingId);
}

export function create(exchange: Exchange): void {
  const args = readCreate(exchange);
  const { fs, request } = exchange;
  checkName(args.name);
  const { name, mode, flags, umask } = args;
  tellCreated(exchange, flags, fs.create(request.nodeid, name, mode, flags, request.caller(umask)));
}

/** The name that comes with the request is the kernel's own, and means nothing. */
export function tmpfile(exchange: Exchange): void {
  const args = readCreate(exchange);
  const { fs, request } = exchange;
  const { mode, flags, umask } = args;
  tellCreated(exchange, flags, fs.tmpfile(request.nodeid, mode, flags, request.caller(umask)));
}

function readCreate({ request }: Exchange): {
  flags: number;
  mode: number;
  umask: number;
  name: string;
} {
  const flags = withoutAppend(request.u32());
  const mode = request.u32();
  const umask = request.u32();
  request.skip(4);
  return { flags, mode, umask, name: request.name() };
}

/**
 * The kernel computes where an append goes, under its own lock. A page written back from a mapping comes through
 * any writing handle with its place: a handle that appended would put it at the end.
 */
function withoutAppend(flags: number): number {
  return flags & ~O_APPEND;
}

function tellCreated(
  exchange: Exchange,
  flags: number,
  made: { attr: Attr; file: OpenFile },
): void {
  const backingId = track(exchange, made.attr.ino, made.file, flags, made.attr);
  tellEntry(exchange, made.attr, createdAttrNs);
  tellOpen(exchange, made.file, backingId);
}

/** From here on the handle is released if its reply does not arrive. Returns its backing id, or 0. */
function track(
  exchange: Exchange,
  ino: number,
  file: OpenFile,
  flags: number,
  attr?: Attr,
): number {
  exchange.handles.addFile(file.fh, ino);
  exchange.openedFile = file.fh;
  return exchange.passthrough.opened(ino, flags, attr);
}

function tellOpen(exchange: Exchange, file: OpenFile, backingId: number): void {
  // Passthrough and cached pages exclude each other, so KEEP_CACHE with it is an error to the kernel.
  let flags = backingId === 0 ? 0 : FOPEN_PASSTHROUGH;
  if (backingId === 0 && file.keepCache) flags |= FOPEN_KEEP_CACHE;
  if (exchange.terms?.noFlush === true && !exchange.wantFlush) flags |= FOPEN_NOFLUSH;
  exchange.reply.openOut(file.fh, flags, backingId);
}

export function read({ fs, request, reply, handles }: Exchange): void {
  const fh = handles.file(request.u64());
  const offset = request.offset();
  const size = request.u32();
  if (size > transferBytesMax) throw new FsError("EINVAL", `read of ${size} bytes`);
  reply.commit(fs.read(fh, reply.room(size), offset));
}

export function write({ fs, request, reply, handles }: Exchange): void {
  const fh = handles.file(request.u64());
  const offset = request.offset();
  const size = request.u32();
  const writeFlags = request.u32();
  request.skip(16);
  const bytes = request.bytes(size);
  const killSuidGid = (writeFlags & FUSE_WRITE_KILL_SUIDGID) !== 0;
  reply.u32(
    killSuidGid ? fs.write(fh, bytes, offset, { killSuidGid }) : fs.write(fh, bytes, offset),
  );
  reply.u32(0);
}

export function flush({ fs, request, handles }: Exchange): void {
  fs.flush(handles.file(request.u64()));
}

export function release({ request, handles, passthrough }: Exchange): void {
  passthrough.released(handles.releaseFile(request.u64()));
}

export function fsync({ fs, request, handles }: Exchange): void {
  const fh = handles.file(request.u64());
  const dataOnly = (request.u32() & FUSE_FSYNC_FDATASYNC) !== 0;
  fs.fsync(fh, dataOnly, request.caller());
}

export function lseek({ fs, request, reply, handles }: Exchange): void {
  const fh = handles.file(request.u64());
  const offset = request.offset();
  const whence = request.u32();
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw new FsError("EINVAL", `whence ${whence}`);
  reply.u64(fs.lseek(fh, offset, whence));
}

export function fallocate(exchange: Exchange): void {
  const { fs, request, handles } = exchange;
  const fh = handles.file(request.u64());
  const offset = request.offset();
  const length = request.offset();
  fs.fallocate(fh, request.u32(), offset, length);
  killSuidGid(exchange, request.nodeid, fh);
}

const S_ISUID_OR_S_ISGID = 0o6000;

/**
 * WRITE, OPEN and SETATTR say when they must clear these bits; FALLOCATE and COPY_FILE_RANGE leave it to us. We
 * cannot see CAP_FSETID, which keeps them, but root has it and others hardly ever.
 */
function killSuidGid({ fs, request }: Exchange, ino: number, fh: number): void {
  const caller = request.caller();
  if (caller.uid === 0 || (fs.getattr(ino).mode & S_ISUID_OR_S_ISGID) === 0) return;
  fs.setattr(ino, { killSuidGid: true }, caller, fh);
}

export function copyFileRange(exchange: Exchange): void {
  const copied = copy(exchange);
  exchange.reply.u32(copied);
  exchange.reply.u32(0);
}

export function copyFileRange64(exchange: Exchange): void {
  exchange.reply.u64(copy(exchange));
}

/** At most what the older reply can say: a copy may always be shorter than asked. */
const copyBytesMax = 2 ** 30;

function copy(exchange: Exchange): number {
  const { fs, request, handles } = exchange;
  const fromFh = handles.file(request.u64());
  const fromOffset = request.offset();
  const toIno = request.u64();
  const toFh = handles.file(request.u64());
  const toOffset = request.offset();
  const length = Math.min(request.offset(), copyBytesMax);
  const copied = fs.copyFileRange({ fromFh, fromOffset, toFh, toOffset, length });
  killSuidGid(exchange, toIno, toFh);
  return copied;
}
