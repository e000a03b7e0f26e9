/**
 * The byte layer in memory, for tests and the simulator. It behaves like a disk in what a power loss leaves: every
 * effect since the last sync of its file, or of the names, is kept, lost or torn, each for itself.
 */
import { createHash } from "node:crypto";
import { assert, type Clock, FsError } from "@smfs/core";
import type { ByteStore, Descriptor, DiskStat, WorkStat } from "./byte-store.ts";
import type { Durability } from "./database.ts";
import { momentOf } from "./inodes.ts";
import { blockBytes, type FileEffect, type FileTimes, MemoryFile } from "./memory-file.ts";

/** A change of names since they were last synced. `from` is absent for a new file, `to` for a removed one. */
export interface NameEffect {
  readonly kind: "name";
  readonly from?: string;
  readonly to?: string;
  readonly file: MemoryFile;
}

/** Something that a power loss may undo, as it is shown to who decides. */
export type UnsyncedEffect = NameEffect | (FileEffect & { readonly name: string });

/** What becomes of an unsynced effect. A function decides for each sector of 512 bytes of a write. */
export type Fate = "kept" | "lost" | ((sector: number) => boolean);

/** A state of the whole disk. Opaque; can be restored any number of times. */
export interface MemoryImage {
  readonly names: ReadonlyMap<string, MemoryFile>;
  readonly durableNames: ReadonlyMap<string, MemoryFile>;
  readonly nameEffects: readonly NameEffect[];
  /** Whether the machine is started anew, not only the process. */
  readonly isReboot: boolean;
}

/** A shared, writable mapping of a working file: stores through it send no message to anybody. */
export interface SharedMapping {
  store(bytes: Uint8Array, offset: number): void;
  unmap(): void;
}

interface OpenDescriptor {
  readonly file: MemoryFile;
  readonly canWrite: boolean;
}

const keepSize = 1;
const punchHole = 2;
const zeroRange = 0x10;
/** The largest file of ext4 with blocks of 4 KiB, and an offset that stays exact. */
const fileBytesMax = 2 ** 44;

export class MemoryByteStore implements ByteStore {
  readonly #clock: Clock;
  readonly #capacityBlocks: number;
  #names = new Map<string, MemoryFile>();
  #durableNames = new Map<string, MemoryFile>();
  #nameEffects: NameEffect[] = [];
  readonly #open = new Map<Descriptor, OpenDescriptor>();
  /** Shared mappings of working files, by inode. */
  readonly #mappings = new Map<number, number>();
  #nextFd = 3;
  #usedBlocks = 0;
  #reservedBlocks = 0;
  #changes = 0;
  #boots = 1;
  /** Called before each call that changes something, with its name; what it throws is what the disk answers. */
  fault: ((call: string) => void) | undefined;

  constructor(clock: Clock, options: { readonly capacityBytes?: number } = {}) {
    this.#clock = clock;
    this.#capacityBlocks = Math.floor((options.capacityBytes ?? 2 ** 32) / blockBytes);
  }

  openWork(ino: number, access: "read" | "write" | "create"): Descriptor {
    const name = workName(ino);
    let file = this.#names.get(name);
    if (file === undefined) {
      if (access !== "create") throw new FsError("ENOENT", name);
      this.fault?.("create");
      file = new MemoryFile(this.#now());
      this.#rename({ kind: "name", to: name, file });
    }
    const fd = this.#nextFd;
    this.#nextFd += 1;
    this.#open.set(fd, { file, canWrite: access !== "read" });
    return fd;
  }

  close(fd: Descriptor): void {
    this.#descriptor(fd);
    this.#open.delete(fd);
  }

  /** Descriptors that are open: none may be left when everything is closed. */
  get openCount(): number {
    return this.#open.size;
  }

  read(fd: Descriptor, into: Uint8Array, offset: number): number {
    return this.#descriptor(fd).file.content.read(into, offset);
  }

  write(fd: Descriptor, bytes: Uint8Array, offset: number): void {
    const file = this.#writable(fd, "write");
    if (bytes.length === 0) return;
    if (offset + bytes.length > fileBytesMax) throw new FsError("EFBIG", `write at ${offset}`);
    this.#reserve(file, offset, bytes.length);
    this.#change(file, { kind: "write", offset, bytes: bytes.slice() });
  }

  truncate(fd: Descriptor, size: number): void {
    const file = this.#writable(fd, "truncate");
    if (size > fileBytesMax) throw new FsError("EFBIG", `truncate to ${size}`);
    this.#change(file, { kind: "truncate", size });
  }

  stat(fd: Descriptor): WorkStat {
    return statOf(this.#descriptor(fd).file);
  }

  setTimes(fd: Descriptor, mtimeS: number, mtimeNs: number): void {
    this.fault?.("setTimes");
    const { file } = this.#descriptor(fd);
    file.times = { ...this.#now(), mtime: { s: mtimeS, ns: mtimeNs } };
  }

  sync(fd: Descriptor): void {
    this.fault?.("sync");
    this.#descriptor(fd).file.sync();
  }

  seek(fd: Descriptor, offset: number, whence: number): number {
    return this.#descriptor(fd).file.content.seek(offset, whence);
  }

  allocate(fd: Descriptor, mode: number, offset: number, length: number): void {
    const file = this.#writable(fd, "allocate");
    if (offset + length > fileBytesMax) throw new FsError("EFBIG", `allocate at ${offset}`);
    if (mode === (punchHole | keepSize)) {
      const end = Math.min(offset + length, file.content.size);
      if (end <= offset) return;
      this.#change(file, { kind: "punch", offset, length: end - offset });
      return;
    }
    const kind = (mode & zeroRange) === 0 ? "allocate" : "zero";
    if ((mode & ~(keepSize | zeroRange)) !== 0) throw new FsError("EOPNOTSUPP", `mode ${mode}`);
    const size = (mode & keepSize) === 0 ? offset + length : 0;
    this.#reserve(file, offset, length);
    this.#change(file, { kind, offset, length, size });
  }

  copyRange(
    from: Descriptor,
    fromOffset: number,
    to: Descriptor,
    toOffset: number,
    length: number,
  ): number {
    const bytes = new Uint8Array(length);
    const count = this.read(from, bytes, fromOffset);
    this.write(to, bytes.subarray(0, count), toOffset);
    return count;
  }

  workPath(): undefined {
    return undefined;
  }

  hasWork(ino: number): boolean {
    return this.#names.has(workName(ino));
  }

  removeWork(ino: number): void {
    this.#remove(workName(ino));
  }

  /** A disk that never can: then it is removed, and what is new is made. */
  reuseWork = (): boolean => false;

  listWork(): number[] {
    return this.#list("work/").map(Number);
  }

  statUnwritten(ino: number): WorkStat | undefined {
    const file = this.#file(workName(ino));
    if ((this.#mappings.get(ino) ?? 0) > 0) return undefined;
    for (const open of this.#open.values()) {
      if (open.file === file && open.canWrite) return undefined;
    }
    return statOf(file);
  }

  tellsWriters(): boolean {
    return true;
  }

  /**
   * Somebody maps a working file; it is up to the caller that a writing handle is open at that time. A mapping
   * outlives the daemon, and ends with the machine.
   */
  mapShared(ino: number): SharedMapping {
    this.#mappings.set(ino, (this.#mappings.get(ino) ?? 0) + 1);
    return {
      store: (bytes, offset) => {
        const file = this.#file(workName(ino));
        assert(offset + bytes.length <= file.content.size, "a mapping ends where its file ends");
        this.#change(file, { kind: "write", offset, bytes: bytes.slice() });
      },
      unmap: () => {
        this.#mappings.set(ino, (this.#mappings.get(ino) ?? 1) - 1);
      },
    };
  }

  hasBlob(digest: string): boolean {
    return this.#names.has(blobName(digest));
  }

  blobSize(digest: string): number {
    return this.#file(blobName(digest)).content.size;
  }

  readBlob(digest: string): Uint8Array {
    return allBytes(this.#file(blobName(digest)));
  }

  putBlob(bytes: Uint8Array, durability: Durability = "power"): string {
    const digest = this.digest(bytes);
    const name = blobName(digest);
    const old = this.#names.get(name);
    if (old !== undefined && durability === "process") return digest;
    this.fault?.("putBlob");
    if (old !== undefined) this.#usedBlocks -= old.content.blockCount;
    const file = new MemoryFile(this.#now());
    this.#reserve(file, 0, bytes.length);
    this.#change(file, { kind: "write", offset: 0, bytes: bytes.slice() });
    this.#rename({ kind: "name", to: name, file });
    if (durability === "power") {
      file.sync();
      this.#syncNames((effect) => effect.to?.startsWith("blobs/") === true);
    }
    return digest;
  }

  removeBlob(digest: string): void {
    this.#remove(blobName(digest));
  }

  listBlobs(): string[] {
    return this.#list("blobs/");
  }

  moveWorkToBlob(ino: number, digest: string): void {
    this.fault?.("moveWorkToBlob");
    const from = workName(ino);
    this.#rename({ kind: "name", from, to: blobName(digest), file: this.#file(from) });
  }

  fillWork(digest: string, ino: number, keep: boolean, durability: Durability = "power"): void {
    this.fault?.("fillWork");
    const from = blobName(digest);
    const to = workName(ino);
    const blob = this.#names.get(from);
    if (blob === undefined) {
      if (this.#names.has(to)) return;
      throw new FsError("EIO", `the bytes of inode ${ino} are neither a blob nor a working file`);
    }
    if (keep) {
      const file = new MemoryFile(this.#now());
      this.#reserve(file, 0, blob.content.size);
      this.#usedBlocks += blob.content.blockCount;
      file.content = blob.content.copy();
      file.sync();
      this.#rename({ kind: "name", to, file });
    } else {
      this.#rename({ kind: "name", from, to, file: blob });
    }
    if (durability === "power") this.syncNames("work");
  }

  clearUnfinished(): void {
    this.fault?.("clearUnfinished");
  }

  syncNames(folder?: "work" | "blobs"): void {
    this.fault?.("syncNames");
    const isIn = (name: string | undefined) => name?.startsWith(folder ?? "") === true;
    this.#syncNames(({ from, to }) => isIn(from) || isIn(to));
  }

  bootId(): string {
    return `boot ${this.#boots}`;
  }

  digest(bytes: Uint8Array): string {
    return createHash("sha256").update(bytes).digest("hex");
  }

  disk(): DiskStat {
    const blocksFree = this.#capacityBlocks - this.#usedBlocks;
    return {
      blockBytes,
      blocks: this.#capacityBlocks,
      blocksFree,
      blocksAvailable: blocksFree,
      files: 2 ** 20,
      filesFree: 2 ** 20 - this.#names.size,
    };
  }

  reserve(bytes: number): void {
    const blocks = Math.ceil(bytes / blockBytes);
    const more = blocks - this.#reservedBlocks;
    if (more > this.#capacityBlocks - this.#usedBlocks) throw new FsError("ENOSPC", "reserve");
    this.#usedBlocks += more;
    this.#reservedBlocks = blocks;
  }

  /** The disk as it is, with what is not durable: what a process leaves that is killed now. */
  snapshot(): MemoryImage {
    return copyImage({
      names: this.#names,
      durableNames: this.#durableNames,
      nameEffects: this.#nameEffects,
      isReboot: false,
    });
  }

  /** The disk after a power loss now: `decide` is asked once for each effect that no sync has made durable. */
  powerLoss(decide: (effect: UnsyncedEffect) => Fate): MemoryImage {
    const survivors = new Map(this.#durableNames);
    for (const effect of this.#nameEffects) if (survives(decide(effect))) rename(survivors, effect);
    const files = new Map<MemoryFile, MemoryFile>();
    const names = new Map<string, MemoryFile>();
    for (const [name, file] of survivors) {
      let left = files.get(file);
      if (left === undefined) {
        left = this.#leftOf(file, (effect) => decide({ ...effect, name }));
        files.set(file, left);
      }
      names.set(name, left);
    }
    return { names, durableNames: new Map(names), nameEffects: [], isReboot: true };
  }

  /** Puts a state back. Descriptors end with the process, mappings with the machine. */
  restore(image: MemoryImage): void {
    const copy = copyImage(image);
    this.#names = new Map(copy.names);
    this.#durableNames = new Map(copy.durableNames);
    this.#nameEffects = [...copy.nameEffects];
    this.#open.clear();
    if (image.isReboot) {
      this.#boots += 1;
      this.#mappings.clear();
    }
    this.#usedBlocks = 0;
    for (const file of this.#names.values()) this.#usedBlocks += file.content.blockCount;
  }

  #leftOf(file: MemoryFile, decide: (effect: FileEffect) => Fate): MemoryFile {
    const content = file.durable.copy();
    let isChanged = false;
    for (const effect of file.effects) {
      const fate = decide(effect);
      if (fate === "lost") continue;
      isChanged = true;
      if (typeof fate === "function" && effect.kind === "write") {
        content.applyTorn(effect.offset, effect.bytes, fate);
      } else if (survives(fate)) content.apply(effect);
    }
    const left = new MemoryFile(isChanged ? this.#now() : file.durableTimes);
    left.content = content;
    left.sync();
    return left;
  }

  #descriptor(fd: Descriptor): OpenDescriptor {
    const open = this.#open.get(fd);
    if (open === undefined) throw new FsError("EBADF", `descriptor ${fd}`);
    return open;
  }

  #writable(fd: Descriptor, call: string): MemoryFile {
    const { file, canWrite } = this.#descriptor(fd);
    if (!canWrite) throw new FsError("EBADF", `descriptor ${fd} is read-only`);
    this.fault?.(call);
    return file;
  }

  #file(name: string): MemoryFile {
    const file = this.#names.get(name);
    if (file === undefined) throw new FsError("ENOENT", name);
    return file;
  }

  #list(folder: string): string[] {
    return [...this.#names.keys()]
      .filter((name) => name.startsWith(folder))
      .map((name) => name.slice(folder.length));
  }

  #remove(name: string): void {
    const file = this.#names.get(name);
    if (file === undefined) return;
    this.fault?.("remove");
    this.#usedBlocks -= file.content.blockCount;
    this.#rename({ kind: "name", from: name, file });
  }

  #rename(effect: NameEffect): void {
    rename(this.#names, effect);
    this.#nameEffects.push(effect);
  }

  #syncNames(concerned: (effect: NameEffect) => boolean): void {
    for (const effect of this.#nameEffects) {
      if (concerned(effect)) rename(this.#durableNames, effect);
    }
    this.#nameEffects = this.#nameEffects.filter((effect) => !concerned(effect));
  }

  #change(file: MemoryFile, effect: FileEffect): void {
    const before = file.content.blockCount;
    file.apply(effect, this.#now());
    this.#usedBlocks += file.content.blockCount - before;
  }

  /** @throws FsError ENOSPC when a range needs more blocks than are free */
  #reserve(file: MemoryFile, offset: number, length: number): void {
    const missing = file.content.missingBlocks(offset, length);
    if (missing === 0) return;
    const free = this.#capacityBlocks - this.#usedBlocks;
    if (missing > free) throw new FsError("ENOSPC", `${missing} blocks needed, ${free} free`);
  }

  #now(): FileTimes {
    this.#changes += 1;
    const now = momentOf(this.#clock);
    return { mtime: now, changed: now, ctime: String(this.#changes) };
  }
}

function statOf({ content, times }: MemoryFile): WorkStat {
  return {
    size: content.size,
    blocks: content.blockCount * (blockBytes / 512),
    mtimeS: times.mtime.s,
    mtimeNs: times.mtime.ns,
    ctimeS: times.changed.s,
    ctimeNs: times.changed.ns,
    ctime: times.ctime,
  };
}

function workName(ino: number): string {
  return `work/${ino}`;
}

function blobName(digest: string): string {
  assert(/^[0-9a-f]{64}$/.test(digest), "a blob is named by a SHA-256 in hexadecimal");
  return `blobs/${digest}`;
}

function allBytes(file: MemoryFile): Uint8Array {
  const bytes = new Uint8Array(file.content.size);
  file.content.read(bytes, 0);
  return bytes;
}

function survives(fate: Fate): boolean {
  return typeof fate === "function" ? fate(0) : fate === "kept";
}

function rename(names: Map<string, MemoryFile>, effect: NameEffect): void {
  if (effect.from !== undefined && names.get(effect.from) === effect.file) {
    names.delete(effect.from);
  }
  if (effect.to !== undefined) names.set(effect.to, effect.file);
}

function copyImage(image: MemoryImage): MemoryImage {
  const copies = new Map<MemoryFile, MemoryFile>();
  const copyOf = (file: MemoryFile): MemoryFile => {
    let copy = copies.get(file);
    if (copy === undefined) {
      copy = file.copy();
      copies.set(file, copy);
    }
    return copy;
  };
  const copyNames = (names: ReadonlyMap<string, MemoryFile>) =>
    new Map([...names].map(([name, file]) => [name, copyOf(file)]));
  return {
    names: copyNames(image.names),
    durableNames: copyNames(image.durableNames),
    nameEffects: image.nameEffects.map((effect) => ({ ...effect, file: copyOf(effect.file) })),
    isReboot: image.isReboot,
  };
}
