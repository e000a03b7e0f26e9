/**
 * Open files: reading, writing, and what a handle's opening and closing mean for who may write.
 *
 * A single write makes no transaction: the intent was committed before the open was answered (STORE-3).
 */
import {
  type Backing,
  type Caller,
  type CopyRange,
  canWrite,
  FsError,
  isDirectory,
  isRegular,
  O_APPEND,
  O_DSYNC,
  O_TRUNC,
} from "@smfs/core";
import type { Attributes } from "./attributes.ts";
import type { Durability } from "./database.ts";
import type { FileContext } from "./file-context.ts";
import type { InodeRow } from "./inodes.ts";
import { keepBase, noteBase } from "./keep-base.ts";
import type { OpenFile } from "./open-files.ts";
import type { SyncedBytes, Syncs } from "./syncs.ts";
import { bytesOf } from "./waits.ts";
import { columnsOf } from "./writers.ts";

/** Bytes that one copy_file_range copies at most: the kernel waits for nobody that long. */
const copyBytesMax = 8 << 20;

/** When acknowledged bytes are made to survive a power loss: mount option `--durability`. */
export type FileDurability = "fsync" | "close" | "write";

export class Files {
  readonly #context: FileContext;
  readonly #attributes: Attributes;
  readonly #durability: FileDurability;

  constructor(context: FileContext, attributes: Attributes, durability: FileDurability) {
    this.#context = context;
    this.#attributes = attributes;
    this.#durability = durability;
  }

  /** @throws FsError EISDIR, ESTALE, EOPNOTSUPP (not a file), Parked (its bytes are not here) */
  open(ino: number, flags: number, caller: Caller): OpenFile {
    const { waits, inodes, fills, openFiles, verification } = this.#context;
    waits.take(caller.resumed);
    verification.verify(ino);
    const row = inodes.get(ino);
    const isForWriting = canWrite(flags) || (flags & O_TRUNC) !== 0;
    if (isForWriting || row.stub === 1) this.#attributes.checkStands(row);
    if (isDirectory(row.mode)) throw new FsError("EISDIR", `open ${ino}`);
    if (!isRegular(row.mode)) throw new FsError("EOPNOTSUPP", `open ${ino}`);
    if ((flags & O_TRUNC) !== 0) this.#empty(row, flags);
    else {
      if (row.stub === 1) this.#attributes.wantBytes(ino);
      if (canWrite(flags)) {
        fills.finish(row);
        this.#beginWriting(row, flags);
      } else fills.place(row);
    }
    return openFiles.open(ino, flags, canWrite(flags), undefined);
  }

  /** The handle of a file that was just made, with its bit set. */
  opened(ino: number, flags: number): OpenFile {
    const { openFiles, working, writers } = this.#context;
    if (isDurableOpen(flags)) this.#commitPower();
    if (!canWrite(flags)) {
      working.closeWritable(ino);
      writers.released(ino);
    }
    return openFiles.open(ino, flags, canWrite(flags), undefined);
  }

  #beginWriting(row: InodeRow, flags: number): void {
    const { db, writers } = this.#context;
    const durability: Durability = isDurableOpen(flags) ? "power" : "process";
    if (row.writers === 1) {
      if (durability === "power") this.#commitPower();
      return;
    }
    this.#alignTimes(row);
    const kept = keepBase(this.#context, row);
    db.transaction(() => {
      noteBase(this.#context, kept);
      writers.intend(row);
    }, durability);
    this.#context.emit({ kind: "dirty" });
  }

  /** O_TRUNC: what was there is not needed, also when it is not here. */
  #empty(row: InodeRow, flags: number): void {
    const { db, writers, working, bytes, waits, inodes } = this.#context;
    const isReplaced = row.stub === 1 || row.fill !== null;
    const kept = isReplaced ? undefined : keepBase(this.#context, row);
    db.transaction(
      () => {
        noteBase(this.#context, kept);
        const replaced = isReplaced ? { stub: 0, fill: null } : {};
        writers.intend(row, { ...replaced, ...inodes.touched(true) });
      },
      isDurableOpen(flags) ? "power" : "process",
    );
    writers.touched(row.ino);
    if (isReplaced) working.create(row.ino);
    bytes.truncate(working.descriptor(row.ino, true), 0);
    if (isReplaced) waits.settle(bytesOf(row.ino), "ready");
    this.#context.emit({ kind: "dirty" });
  }

  /** From now on the working file says what its modification time is: it must say what the row says. */
  #alignTimes(row: InodeRow): void {
    const { working, bytes } = this.#context;
    const fd = working.descriptor(row.ino, true);
    const { mtimeS, mtimeNs } = bytes.stat(fd);
    if (mtimeS !== row.mtime_s || mtimeNs !== row.mtime_ns) {
      bytes.setTimes(fd, row.mtime_s, row.mtime_ns);
    }
  }

  read(fh: number, into: Uint8Array, offset: number): number {
    const { openFiles, working, bytes } = this.#context;
    return bytes.read(working.descriptor(openFiles.get(fh).ino, false), into, offset);
  }

  write(
    fh: number,
    data: Uint8Array,
    offset: number,
    options: { readonly killSuidGid?: boolean; readonly isExact?: boolean } = {},
  ): number {
    const { working, bytes, writers } = this.#context;
    const file = this.#writable(fh);
    if (options.killSuidGid === true) this.#attributes.killSuidGid(file.ino);
    const fd = working.descriptor(file.ino, true);
    const isAppend = (file.flags & O_APPEND) !== 0 && options.isExact !== true;
    writers.touched(file.ino);
    file.hasWritten = true;
    const at = isAppend ? bytes.stat(fd).size : offset;
    this.#withRoom(() => bytes.write(fd, data, at));
    if (this.#durability === "write" || isDurableOpen(file.flags)) bytes.sync(fd);
    return data.length;
  }

  flush(fh: number): void {
    const file = this.#context.openFiles.get(fh);
    if (file.isWriter && this.#durability !== "fsync") this.#sync(file.ino);
  }

  release(fh: number): void {
    const { openFiles, working, writers, orphans } = this.#context;
    const { ino, isWriter } = openFiles.close(fh);
    const isLastWriter = isWriter && openFiles.writers(ino) === 0;
    if (isLastWriter) writers.released(ino);
    if (!openFiles.isOpen(ino)) {
      working.close(ino);
      orphans.noteUnused(ino);
    } else if (isLastWriter) working.closeWritable(ino);
  }

  /** @throws Parked while another thread waits for the disk */
  fsync(fh: number, caller: Caller): void {
    const { ino } = this.#context.openFiles.get(fh);
    const { syncs } = this.#context;
    if (syncs === undefined) this.#sync(ino);
    else this.#syncElsewhere(ino, syncs, caller);
  }

  #syncElsewhere(ino: number, syncs: Syncs, { resumed }: Caller): void {
    const { db, bytes, inodes } = this.#context;
    const stage = syncs.resume(resumed);
    if (stage === "done") return;
    if (stage === undefined) {
      const before = this.#beforeSync(ino);
      const isNoted = this.#isNoted(before);
      syncs.park(
        {
          file: bytes.openWork(ino, "read"),
          names: inodes.get(ino).synced_ver === 0,
          log: isNoted && !db.isDurable,
        },
        isNoted ? "done" : { note: before },
      );
    }
    this.#note(stage.note, "process");
    syncs.park({ file: undefined, names: false, log: true }, "done");
  }

  /**
   * The bytes, then the row that says how far they are durable, then every commit before it. When the row says so
   * already and every commit is durable, the bytes are all.
   */
  #sync(ino: number): void {
    const { db, inodes, working, bytes } = this.#context;
    const before = this.#beforeSync(ino);
    bytes.sync(working.descriptor(ino, false));
    if (inodes.get(ino).synced_ver === 0) bytes.syncNames("work");
    if (!this.#isNoted(before) || !db.isDurable) this.#note(before, "power");
  }

  /** What a sync that begins now makes durable at least. */
  #beforeSync(ino: number): SyncedBytes {
    const { inodes, working } = this.#context;
    return { ino, bytesVer: inodes.get(ino).bytes_ver, size: working.stat(ino).size };
  }

  #isNoted({ ino, bytesVer, size }: SyncedBytes): boolean {
    const row = this.#context.inodes.get(ino);
    return bytesVer > 0 && row.synced_ver === bytesVer && row.synced_size === size;
  }

  /** What was synced, in the row; others may have written, cut or synced the file meanwhile. */
  #note({ ino, bytesVer, size }: SyncedBytes, durability: Durability): void {
    const { db, inodes, working } = this.#context;
    const row = inodes.get(ino);
    const stat = working.stat(ino);
    const columns = row.writers === 1 ? columnsOf(row, stat) : {};
    const synced = { synced_ver: bytesVer, synced_size: Math.min(size, stat.size) };
    db.transaction(() => {
      inodes.update(ino, row.synced_ver > bytesVer ? columns : { ...columns, ...synced });
      this.#noteSync();
    }, durability);
  }

  /** Makes every commit so far survive a power loss. */
  #commitPower(): void {
    this.#context.db.transaction(() => this.#noteSync(), "power");
  }

  /**
   * Within a transaction: a value that was never there. SQLite leaves a page alone that would stay as it is, and a
   * commit that writes no page syncs nothing of those before it.
   */
  #noteSync(): void {
    const { db, facts, versions } = this.#context;
    facts.set("synced", `${versions.current}.${db.commitCount}`);
  }

  /** Names in a directory. */
  fsyncDirectory(caller: Caller | undefined): void {
    const { syncs, bytes } = this.#context;
    if (syncs === undefined || caller === undefined) {
      bytes.syncNames("work");
      this.#commitPower();
      return;
    }
    // Every commit has its record: there is nothing to note.
    if (syncs.resume(caller.resumed) === undefined) {
      syncs.park({ file: undefined, names: true, log: true }, "done");
    }
  }

  lseek(fh: number, offset: number, whence: number): number {
    if (whence !== 3 && whence !== 4) throw new FsError("EINVAL", `whence ${whence}`);
    if (offset < 0) throw new FsError("ENXIO", `offset ${offset}`);
    const { openFiles, working, bytes } = this.#context;
    return bytes.seek(working.descriptor(openFiles.get(fh).ino, false), offset, whence);
  }

  fallocate(fh: number, mode: number, offset: number, length: number): void {
    if (offset < 0 || length <= 0) throw new FsError("EINVAL", `${offset}+${length}`);
    if (!Number.isSafeInteger(offset + length)) throw new FsError("EFBIG", `${offset}+${length}`);
    const { working, bytes, writers } = this.#context;
    const { ino } = this.#writable(fh);
    writers.touched(ino);
    const fd = working.descriptor(ino, true);
    this.#withRoom(() => bytes.allocate(fd, mode, offset, length));
  }

  copyFileRange(range: CopyRange): number {
    const { openFiles, working, bytes, writers } = this.#context;
    const from = openFiles.get(range.fromFh);
    const to = this.#writable(range.toFh);
    const length = Math.min(range.length, copyBytesMax);
    const isOverlap = from.ino === to.ino && Math.abs(range.fromOffset - range.toOffset) < length;
    if (isOverlap) throw new FsError("EINVAL", "a range copied onto itself");
    writers.touched(to.ino);
    const toFd = working.descriptor(to.ino, true);
    const fromFd = from.ino === to.ino ? toFd : working.descriptor(from.ino, false);
    return this.#withRoom(() =>
      bytes.copyRange(fromFd, range.fromOffset, toFd, range.toOffset, length),
    );
  }

  /** What was deleted keeps its room until that is durable: when the disk is full it is made durable at once. */
  #withRoom<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOSPC") throw error;
      if (!this.#context.orphans.garbage.removeAll()) throw error;
      return action();
    }
  }

  backing(ino: number): Backing | undefined {
    const { inodes, bytes, writers } = this.#context;
    const row = inodes.get(ino);
    if (!isRegular(row.mode) || row.stub === 1) return undefined;
    // Not yet the file that the name will mean.
    if (row.fill !== null && bytes.hasBlob(row.fill)) return undefined;
    if (!bytes.tellsWriters()) return undefined;
    const path = bytes.workPath(ino);
    if (path === undefined) return undefined;
    // From here on bytes may change with no message.
    writers.touched(ino);
    return { path };
  }

  #writable(fh: number): OpenFile {
    const file = this.#context.openFiles.get(fh);
    if (!file.isWriter) throw new FsError("EBADF", `file ${fh} is not open for writing`);
    return file;
  }
}

/** O_SYNC contains O_DSYNC: what is written through such a handle survives a power loss, and so must its intent. */
function isDurableOpen(flags: number): boolean {
  return canWrite(flags) && (flags & O_DSYNC) !== 0;
}
