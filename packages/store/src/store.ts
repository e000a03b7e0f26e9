/**
 * The store as a file system: each operation is one synchronous function and at most one transaction, run to
 * completion (docs/spec/store.md). This file wires; the work is in the files it names.
 */
import {
  type Attr,
  type Backing,
  type Caller,
  type Clock,
  type CopyRange,
  checkName,
  type DirEntry,
  type FileSystem,
  FsError,
  type Invalidation,
  isDirectory,
  isSymlink,
  type Logger,
  nameBytesMax,
  O_EXCL,
  type OpenFile,
  type Random,
  type RenameArgs,
  rootIno,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type SetAttr,
  type StatFs,
  type Ticket,
} from "@smfs/core";
import { Aliases } from "./aliases.ts";
import { Attributes } from "./attributes.ts";
import { BlobCollection } from "./blob-collection.ts";
import type { ByteStore } from "./byte-store.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { StoreContext } from "./context.ts";
import { Creation } from "./creation.ts";
import { Database, programFact } from "./database.ts";
import { Directories } from "./directories.ts";
import { Entries } from "./entries.ts";
import { Eviction } from "./eviction.ts";
import { Facts } from "./facts.ts";
import type { FileContext } from "./file-context.ts";
import { type FileDurability, Files } from "./files.ts";
import { FillBatches } from "./fill-batches.ts";
import { Fills } from "./fills.ts";
import { FreeNames } from "./free-names.ts";
import { Inodes } from "./inodes.ts";
import { MovedDirectories } from "./moved-directories.ts";
import { OpenFiles } from "./open-files.ts";
import { Orphans } from "./orphans.ts";
import { Pend } from "./pend.ts";
import type { StoreEvent } from "./port.ts";
import { Recovery } from "./recovery.ts";
import { Removal } from "./removal.ts";
import { Renaming } from "./renaming.ts";
import { Reserve } from "./reserve.ts";
import { type Syncer, type SyncResult, Syncs } from "./syncs.ts";
import { Tombs } from "./tombs.ts";
import { Verification } from "./verification.ts";
import { Versions } from "./versions.ts";
import { Waits } from "./waits.ts";
import { WorkingFiles } from "./working-files.ts";
import { Writers } from "./writers.ts";
import { Xattrs } from "./xattrs.ts";

/** Milliseconds that one tick marks entries below a renamed directory, and goes on with recovery. */
const markSliceMs = 2;
const recoverSliceMs = 2;
const evictSliceMs = 2;
/** Milliseconds that clearing a bit waits for a transaction to ride with, after it is due. */
const rideMs = 4;

export interface StoreOptions {
  /** The database, or the path of its file; `":memory:"` for one that is gone with the process. */
  readonly database: Database | string;
  readonly bytes: ByteStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Owner of what has no owner of its own: the mounting user. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Tells the sync thread. Must not throw. */
  readonly emit: (event: StoreEvent) => void;
  /** When acknowledged bytes survive a power loss; `fsync` when they were asked to. */
  readonly durability?: FileDurability;
  /** Version of this program, noted in the store: one that is too old for it then says which is needed. */
  readonly program?: string;
  /** Has the disk waited for elsewhere when a program asks for a sync; the store's own thread waits unless told. */
  readonly syncer?: Syncer;
  /** Bytes of working files to keep about, where the server has them too; no bound unless told. */
  readonly cacheBytes?: number;
  /** Patterns of what stays here, in the syntax of gitignore, beside those of `.smfsignore` at the root. */
  readonly ignorePatterns?: string;
}

export class Store implements FileSystem {
  readonly context: StoreContext;
  readonly #context: FileContext;
  readonly #invalidations: Invalidation[] = [];
  readonly #attributes: Attributes;
  readonly #xattrs: Xattrs;
  readonly #creation: Creation;
  readonly #removal: Removal;
  readonly #renaming: Renaming;
  readonly #files: Files;
  readonly #directories: Directories;
  readonly #moved: MovedDirectories;
  readonly #checkpoints: Checkpoints;
  readonly #recovery: Recovery;
  readonly #blobs: BlobCollection;
  readonly #fillBatches: FillBatches;
  readonly #eviction: Eviction | undefined;
  readonly #reserve: Reserve;

  /** @throws StoreOpenError when the store is in use, damaged, or newer than this program */
  static open(options: StoreOptions): Store {
    const { database } = options;
    if (database instanceof Database) return new Store(options);
    const db = new Database(database);
    try {
      return new Store({ ...options, database: db });
    } catch (error) {
      // Whoever looks what is wrong must find it unlocked.
      db.abandon();
      throw error;
    }
  }

  private constructor(options: StoreOptions) {
    const context = fileContext(options, (invalidation) => this.#invalidations.push(invalidation));
    this.context = context;
    this.#context = context;
    this.#xattrs = new Xattrs(context);
    this.#attributes = new Attributes(context, this.#xattrs);
    this.#creation = new Creation(context, this.#attributes, this.#xattrs);
    this.#moved = new MovedDirectories(context);
    const aliases = new Aliases(context);
    this.#removal = new Removal(context, aliases);
    this.#renaming = new Renaming(context, this.#removal, this.#moved, aliases);
    this.#files = new Files(context, this.#attributes, options.durability ?? "fsync");
    this.#directories = new Directories(context);
    this.#checkpoints = new Checkpoints(context.db, context.syncs);
    this.#blobs = new BlobCollection(context);
    this.#fillBatches = new FillBatches(context);
    this.#eviction =
      options.cacheBytes === undefined ? undefined : new Eviction(context, options.cacheBytes);
    this.#recovery = new Recovery(context);
    this.#recovery.start();
    this.#ownRoot();
    if (options.program !== undefined) this.#noteProgram(options.program);
    this.#reserve = new Reserve(context.bytes, context.orphans.garbage, context.log);
  }

  /** In a new store the root belongs to nobody yet: it is the mounting user's, made now. */
  #ownRoot(): void {
    const { db, inodes, owner } = this.#context;
    if (inodes.get(rootIno).ctime_s !== 0) return;
    db.transaction(() => inodes.update(rootIno, { ...owner, ...inodes.touched() }));
  }

  #noteProgram(version: string): void {
    const { db, facts } = this.#context;
    if (facts.get(programFact) === version) return;
    db.transaction(() => facts.set(programFact, version));
  }

  /** What the kernel must forget because of transitions that have committed. Told once. */
  takeInvalidations(): Invalidation[] {
    return this.#invalidations.splice(0);
  }

  /** Parked operations that may go on: the frontend dispatches them again. Told once. */
  takeResumed(): Ticket[] {
    return this.#context.waits.announced();
  }

  /** A job that the syncer was given has ended: whoever waits for it goes on. */
  synced(result: SyncResult): void {
    this.#context.syncs?.ended(result);
  }

  /** A parked operation was given up: nobody waits for its ticket any more. */
  abandon(ticket: Ticket): void {
    this.#context.waits.abandon(ticket);
    this.#context.syncs?.abandon(ticket);
  }

  /** Does what is due, at most a few milliseconds of it. `nowMs` is of the monotonic clock. */
  tick(nowMs: number = this.#context.clock.monotonic()): void {
    const { writers, orphans } = this.#context;
    writers.tick(nowMs);
    this.#reserve.run(() => orphans.tick());
    this.#reserve.tick(nowMs);
    orphans.garbage.tick();
    this.bumpMoved(markSliceMs);
    this.#recovery.tick(recoverSliceMs);
    this.#fillBatches.tick(nowMs);
    this.#blobs.tick(nowMs);
    this.#eviction?.tick(nowMs, evictSliceMs);
    this.#checkpoints.tick(nowMs);
  }

  /** Milliseconds until `tick` has something to do; -1 when nothing waits for time. */
  nextTickMs(): number {
    const { writers, orphans, clock } = this.#context;
    if (this.#moved.isPending || this.#recovery.isPending) return 0;
    const nowMs = clock.monotonic();
    const dueMs = Math.min(
      writers.nextDueMs + rideMs,
      orphans.dueMs,
      nowMs + orphans.garbage.nextTickMs,
      this.#checkpoints.dueMs(nowMs),
      this.#fillBatches.dueMs(nowMs),
      this.#blobs.dueMs,
      this.#eviction?.dueMs ?? Number.POSITIVE_INFINITY,
      this.#reserve.dueMs(),
    );
    return dueMs === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil(dueMs - nowMs));
  }

  /** Marks entries below renamed directories for `sliceMs` milliseconds. Returns whether more is left. */
  bumpMoved(sliceMs: number): boolean {
    return this.#moved.mark(sliceMs);
  }

  /** Ends the store. What nobody can write any more is noted as such, so that the next start need not look. */
  close(): void {
    const { db, working, writers } = this.#context;
    working.closeAll();
    writers.settleAll();
    working.closeAll();
    this.#context.orphans.ready.clear();
    this.#recovery.stop();
    db.close();
  }

  find(parent: number, name: string): Attr | undefined {
    if (name === ".") return this.getattr(parent);
    if (name === "..") return this.getattr(this.#directories.parentOf(parent));
    const { entries, inodes } = this.#context;
    const ino = entries.inoOf(parent, name);
    if (ino !== undefined) return this.#attributes.get(ino);
    checkName(name);
    if (!isDirectory(inodes.get(parent).mode)) throw new FsError("ENOTDIR", `inode ${parent}`);
    return undefined;
  }

  getattr(ino: number): Attr {
    return this.#attributes.get(ino);
  }

  setattr(ino: number, changes: SetAttr, caller: Caller, fh?: number): Attr {
    const set = () => this.#attributes.set(ino, changes, caller, fh);
    return changes.size === undefined ? set() : this.#reserve.run(set);
  }

  readlink(ino: number): string {
    const { mode, target } = this.#context.inodes.get(ino);
    if (!isSymlink(mode)) throw new FsError("EINVAL", `inode ${ino} is no symlink`);
    return target ?? "";
  }

  symlink(parent: number, name: string, target: string, caller: Caller): Attr {
    return this.#creation.symlink(parent, name, target, caller);
  }

  mknod(parent: number, name: string, mode: number, rdev: number, caller: Caller): Attr {
    const type = mode & S_IFMT;
    if (type === S_IFDIR || type === S_IFLNK) throw new FsError("EINVAL", `mode ${mode}`);
    if (type !== S_IFREG && type !== 0) {
      return this.#creation.special(parent, name, mode, rdev, caller);
    }
    const { ino } = this.#creation.file(parent, name, mode, caller);
    this.#context.working.close(ino);
    this.#context.writers.released(ino);
    return this.getattr(ino);
  }

  mkdir(parent: number, name: string, mode: number, caller: Caller): Attr {
    return this.#creation.directory(parent, name, mode, caller);
  }

  unlink(parent: number, name: string, caller: Caller): void {
    this.#reserve.run(() => this.#removal.unlink(parent, name, caller));
  }

  rmdir(parent: number, name: string, caller: Caller): void {
    this.#reserve.run(() => this.#removal.rmdir(parent, name, caller));
  }

  rename(args: RenameArgs, caller: Caller): void {
    this.#reserve.run(() => this.#renaming.rename(args, caller));
  }

  link(ino: number, parent: number, name: string, caller: Caller): Attr {
    return this.#creation.link(ino, parent, name, caller);
  }

  /** Bytes of working files when they were last summed; undefined without a budget. */
  get cacheUsedBytes(): number | undefined {
    return this.#eviction?.usedBytes;
  }

  open(ino: number, flags: number, caller: Caller): OpenFile {
    this.#eviction?.used(ino);
    const { fh } = this.#files.open(ino, flags, caller);
    // Whatever sync changes is invalidated explicitly, so what the kernel has cached is true; but for what a program
    // writes whose mount has died.
    return { fh, keepCache: !this.#context.writers.isForeign(ino) };
  }

  create(
    parent: number,
    name: string,
    mode: number,
    flags: number,
    caller: Caller,
  ): { readonly attr: Attr; readonly file: OpenFile } {
    const there = this.#context.entries.inoOf(parent, name);
    if (there !== undefined && (flags & O_EXCL) === 0) {
      const file = this.open(there, flags, caller);
      return { attr: this.getattr(there), file };
    }
    const attr = this.#creation.file(parent, name, mode, caller);
    return { attr, file: { fh: this.#files.opened(attr.ino, flags).fh, keepCache: true } };
  }

  tmpfile(
    parent: number,
    mode: number,
    flags: number,
    caller: Caller,
  ): { readonly attr: Attr; readonly file: OpenFile } {
    const attr = this.#creation.tmpfile(parent, mode, caller);
    return { attr, file: { fh: this.#files.opened(attr.ino, flags).fh, keepCache: true } };
  }

  read(fh: number, into: Uint8Array, offset: number): number {
    return this.#files.read(fh, into, offset);
  }

  write(
    fh: number,
    bytes: Uint8Array,
    offset: number,
    options?: { killSuidGid?: boolean; isExact?: boolean },
  ): number {
    return this.#files.write(fh, bytes, offset, options);
  }

  flush(fh: number): void {
    this.#files.flush(fh);
  }

  release(fh: number): void {
    this.#files.release(fh);
  }

  fsync(fh: number, _dataOnly: boolean, caller: Caller): void {
    this.#files.fsync(fh, caller);
  }

  lseek(fh: number, offset: number, whence: number): number {
    return this.#files.lseek(fh, offset, whence);
  }

  fallocate(fh: number, mode: number, offset: number, length: number): void {
    this.#files.fallocate(fh, mode, offset, length);
  }

  copyFileRange(range: CopyRange): number {
    return this.#files.copyFileRange(range);
  }

  backing(ino: number): Backing | undefined {
    return this.#files.backing(ino);
  }

  opendir(ino: number): number {
    return this.#directories.open(ino);
  }

  readdir(fh: number, cookie: number, visit: (entry: DirEntry) => boolean): void {
    this.#directories.read(fh, cookie, visit);
  }

  releasedir(fh: number): void {
    this.#directories.close(fh);
  }

  fsyncdir(fh: number, _dataOnly: boolean, caller?: Caller): void {
    this.#directories.inoOf(fh);
    this.#files.fsyncDirectory(caller);
  }

  statfs(): StatFs {
    return { ...this.#context.bytes.disk(), nameBytesMax };
  }

  getxattr(ino: number, name: string): Uint8Array | undefined {
    return this.#xattrs.get(ino, name);
  }

  setxattr(ino: number, name: string, value: Uint8Array, flags: number): void {
    this.#xattrs.set(ino, name, value, flags);
  }

  listxattr(ino: number): string[] {
    return this.#xattrs.list(ino);
  }

  removexattr(ino: number, name: string): void {
    this.#xattrs.remove(ino, name);
  }

  hold(ino: number): void {
    this.#context.orphans.hold(ino);
  }

  forget(ino: number): void {
    this.#context.orphans.forget(ino);
  }
}

function fileContext(
  options: StoreOptions,
  invalidate: (invalidation: Invalidation) => void,
): FileContext {
  const { bytes, clock, random, logger: log, owner, emit, syncer } = options;
  const db =
    options.database instanceof Database ? options.database : new Database(options.database);
  const facts = new Facts(db);
  const versions = new Versions(db, facts, random, clock);
  const inodes = new Inodes(db, clock);
  const entries = new Entries(db, random);
  const openFiles = new OpenFiles();
  const orphans = new Orphans({ db, inodes, entries, bytes, openFiles, clock, log });
  const context: StoreContext = {
    db,
    facts,
    versions,
    inodes,
    entries,
    bytes,
    openFiles,
    orphans,
    waits: new Waits(),
    names: new FreeNames(entries),
    pend: new Pend(db),
    tombs: new Tombs(db, clock),
    clock,
    random,
    log,
    owner,
    ignorePatterns: options.ignorePatterns ?? "",
    emit,
    invalidate,
  };
  const working = new WorkingFiles(bytes);
  const fills = new Fills(context);
  const syncs = syncer === undefined ? undefined : new Syncs(db, context.waits, syncer);
  const parts = { ...context, working, fills, syncs, writers: new Writers(context, working) };
  return { ...parts, verification: new Verification(parts) };
}
