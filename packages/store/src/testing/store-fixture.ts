/** A store in memory for tests: with a clock to move, and the calls of a shell. */
import {
  type Caller,
  type DirEntry,
  emptyDigest,
  FsError,
  isDirectory,
  isRegular,
  O_CREAT,
  O_RDWR,
  O_TRUNC,
  rootIno,
  seededRandom,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import SqliteDatabase from "better-sqlite3";
import { type Breach, check } from "../check.ts";
import { Database } from "../database.ts";
import type { EntryRow } from "../entries.ts";
import type { InodeRow } from "../inodes.ts";
import {
  type Fate,
  MemoryByteStore,
  type MemoryImage,
  type UnsyncedEffect,
} from "../memory-byte-store.ts";
import type { StoreEvent } from "../port.ts";
import { Store, type StoreOptions } from "../store.ts";
import { ManualClock } from "./manual-clock.ts";

export const user: Caller = { uid: 1000, gid: 1000, pid: 1, umask: 0o022 };

const utf8 = new TextEncoder();
const text = new TextDecoder();

export class StoreFixture {
  readonly clock: ManualClock = new ManualClock();
  readonly bytes: MemoryByteStore;
  db: Database;
  readonly events: StoreEvent[] = [];
  readonly logged: string[] = [];
  store: Store;

  constructor(options: Partial<StoreOptions> & { readonly capacityBytes?: number } = {}) {
    const { capacityBytes, ...rest } = options;
    this.bytes = new MemoryByteStore(
      this.clock,
      capacityBytes === undefined ? {} : { capacityBytes },
    );
    this.db = options.database instanceof Database ? options.database : new Database(":memory:");
    this.store = this.open({ ...rest, database: this.db });
  }

  /** The process is killed, and started again. */
  kill(): void {
    this.#restart(this.bytes.snapshot());
  }

  /** The machine loses power; rows survive as they are, of bytes what `decide` says. */
  losePower(decide: (effect: UnsyncedEffect) => Fate): void {
    this.#restart(this.bytes.powerLoss(decide));
  }

  /** The store is stopped in peace, and started again. */
  stop(): void {
    const { db } = this;
    let rows = db.sql.serialize();
    db.close = () => {
      rows = db.sql.serialize();
      db.sql.close();
    };
    this.store.close();
    this.db = new Database(new SqliteDatabase(rows));
    this.store = this.open({ database: this.db });
  }

  #restart(image: MemoryImage): void {
    const rows = this.db.sql.serialize();
    this.db = new Database(new SqliteDatabase(rows));
    this.bytes.restore(image);
    this.store = this.open({ database: this.db });
  }

  /** Breaches of the store's invariants, deeply. */
  check(): readonly Breach[] {
    return check(this.store.context, { deep: true });
  }

  open(options: Partial<StoreOptions> & Pick<StoreOptions, "database">): Store {
    return Store.open({
      bytes: this.bytes,
      clock: this.clock,
      random: seededRandom(1),
      logger: { log: (level, message) => this.logged.push(`${level}: ${message}`) },
      owner: { uid: 1000, gid: 1000 },
      emit: (event) => this.events.push(event),
      ...options,
    });
  }

  /** Inode of a path. */
  ino(path: string): number {
    let ino = rootIno;
    for (const name of path.split("/")) if (name !== "") ino = lookup(this.store, ino, name).ino;
    return ino;
  }

  /** The directory and the name of a path. */
  at(path: string): [number, string] {
    const slash = path.lastIndexOf("/");
    const parent = this.ino(path.slice(0, slash));
    if (!isDirectory(this.store.getattr(parent).mode)) throw new FsError("ENOTDIR", path);
    return [parent, path.slice(slash + 1)];
  }

  mkdir(path: string): number {
    return this.store.mkdir(...this.at(path), 0o755, user).ino;
  }

  /** Creates or opens a file, writes at `offset`, closes it. */
  write(path: string, content: string, offset = 0): number {
    const { attr, file } = this.store.create(...this.at(path), 0o644, O_CREAT | O_RDWR, user);
    this.store.write(file.fh, utf8.encode(content), offset);
    this.store.flush(file.fh);
    this.store.release(file.fh);
    return attr.ino;
  }

  /** Opens, writes at `offset`, syncs, closes. */
  writeSynced(path: string, content: string, offset = 0): void {
    const { fh } = this.store.open(this.ino(path), O_RDWR, user);
    this.store.write(fh, utf8.encode(content), offset);
    this.store.fsync(fh, false, user);
    this.store.release(fh);
  }

  /** Empties a file and writes it anew, as `>` of a shell. */
  overwrite(path: string, content: string): void {
    const { fh } = this.store.open(this.ino(path), O_RDWR | O_TRUNC, user);
    this.store.write(fh, utf8.encode(content), 0);
    this.store.release(fh);
  }

  read(path: string): string {
    const ino = this.ino(path);
    const { fh } = this.store.open(ino, 0, user);
    const into = new Uint8Array(this.store.getattr(ino).size);
    const count = this.store.read(fh, into, 0);
    this.store.release(fh);
    return text.decode(into.subarray(0, count));
  }

  rename(from: string, to: string, flags = 0): void {
    const [fromParent, fromName] = this.at(from);
    const [toParent, toName] = this.at(to);
    this.store.rename({ fromParent, fromName, toParent, toName, flags }, user);
  }

  unlink(path: string): void {
    this.store.unlink(...this.at(path), user);
  }

  list(path: string): string[] {
    const fh = this.store.opendir(this.ino(path));
    const names: string[] = [];
    this.store.readdir(fh, 0, (entry: DirEntry) => names.push(entry.name) > 0);
    this.store.releasedir(fh);
    return names.slice(2).sort();
  }

  /** Lets the time pass after which nobody counts as a writer who is none. */
  settle(): void {
    for (let round = 0; round < 100 && this.store.nextTickMs() >= 0; round += 1) {
      this.clock.advance(Math.max(1, this.store.nextTickMs()));
      this.store.tick(this.clock.monotonic());
    }
  }

  entry(path: string): EntryRow {
    const entry = this.store.context.entries.find(...this.at(path));
    if (entry === undefined) throw new Error(`no entry ${path}`);
    return entry;
  }

  inode(path: string): InodeRow {
    return this.store.context.inodes.get(this.ino(path));
  }

  /** As if the server had confirmed what is there now. */
  makeClean(path: string): EntryRow {
    this.settle();
    const entry = this.entry(path);
    const inode = this.inode(path);
    this.store.context.entries.update(entry.fid, {
      doc_id: entry.doc_id ?? `doc-${entry.fid}`,
      sent: 1,
      base_ver: entry.local_ver,
      base_rev: `r:${entry.local_ver}`,
      base_path: path,
      base_hash: isRegular(inode.mode) ? this.bytes.digest(this.content(path)) : emptyDigest,
    });
    return this.entry(path);
  }

  content(path: string): Uint8Array {
    const fd = this.bytes.openWork(this.ino(path), "read");
    const into = new Uint8Array(this.bytes.stat(fd).size);
    this.bytes.read(fd, into, 0);
    this.bytes.close(fd);
    return into;
  }
}
