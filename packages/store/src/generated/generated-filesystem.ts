/**
 * The store with what is generated beside its files: `.smfs/`, `profile.md`, sidecars (docs/cli.md, GEN-n). A real file
 * of the same name always wins: nothing of the user's is ever hidden. What is generated cannot be changed; where it is
 * listed it can be removed, and is not shown again before there is something new to show.
 */
import {
  type Attr,
  type Backing,
  type Caller,
  type CopyRange,
  canWrite,
  checkName,
  type DirEntry,
  type FileSystem,
  FsError,
  O_EXCL,
  type OpenFile,
  type RenameArgs,
  rootIno,
  S_IFMT,
  type SetAttr,
  type StatFs,
  type Ticket,
} from "@smfs/core";
import type { Store } from "../store.ts";
import type { GeneratedNames } from "./generated-names.ts";
import { type GeneratedNode, generatedMin, type Listed, modeOf } from "./nodes.ts";

const SEEK_HOLE = 4;

interface OpenStream {
  readonly ino: number;
  /** What is listed after the names of the store; taken once for each pass. */
  listed: readonly Listed[];
}

export class GeneratedFileSystem implements FileSystem {
  readonly #store: Store;
  readonly #names: GeneratedNames;
  readonly #isReadOnly: boolean;
  /** Bytes of open generated files. */
  readonly #files = new Map<number, Uint8Array>();
  readonly #streams = new Map<number, OpenStream>();
  #nextFh = generatedMin;

  constructor(store: Store, names: GeneratedNames, options: { readonly isReadOnly: boolean }) {
    this.#store = store;
    this.#names = names;
    this.#isReadOnly = options.isReadOnly;
  }

  #node(ino: number): GeneratedNode {
    const node = this.#names.nodes.find(ino);
    if (node === undefined) throw new FsError("ESTALE", `generated inode ${ino}`);
    return node;
  }

  /** @throws FsError EROFS, or EPERM for what is generated */
  #mayChange(...inos: readonly number[]): void {
    if (this.#isReadOnly) throw new FsError("EROFS", "mounted read-only");
    for (const ino of inos) if (ino >= generatedMin) throw new FsError("EPERM", "it is generated");
  }

  /** Something is to be made under this name. @throws FsError EEXIST when a generated one is there */
  #mayCreate(parent: number, name: string): void {
    this.#mayChange(parent);
    if (this.#shown(parent, name) !== undefined) throw new FsError("EEXIST", name);
  }

  /** The generated file that this name means: one that no real file has. */
  #shown(parent: number, name: string): GeneratedNode | undefined {
    if (!this.#names.isCandidate(parent, name)) return undefined;
    if (this.#store.context.entries.inoOf(parent, name) !== undefined) return undefined;
    return this.#names.find(parent, name);
  }

  find(parent: number, name: string): Attr | undefined {
    if (parent >= generatedMin) return this.#findIn(this.#node(parent), name);
    const shown = this.#shown(parent, name);
    return shown === undefined ? this.#store.find(parent, name) : this.#names.nodes.attr(shown);
  }

  #findIn(directory: GeneratedNode, name: string): Attr | undefined {
    checkName(name);
    if (directory.body.kind !== "directory") throw new FsError("ENOTDIR", directory.key);
    const found = directory.body.find(name);
    return found === undefined ? undefined : this.#names.nodes.attr(found);
  }

  getattr(ino: number): Attr {
    if (ino >= generatedMin) return this.#names.nodes.attr(this.#node(ino));
    return this.#store.getattr(ino);
  }

  setattr(ino: number, changes: SetAttr, caller: Caller, fh?: number): Attr {
    this.#mayChange(ino);
    return this.#store.setattr(ino, changes, caller, fh);
  }

  readlink(ino: number): string {
    if (ino < generatedMin) return this.#store.readlink(ino);
    const { body } = this.#node(ino);
    if (body.kind !== "symlink") throw new FsError("EINVAL", "no symlink");
    return body.target;
  }

  symlink(parent: number, name: string, target: string, caller: Caller): Attr {
    this.#mayCreate(parent, name);
    return this.#store.symlink(parent, name, target, caller);
  }

  mknod(parent: number, name: string, mode: number, rdev: number, caller: Caller): Attr {
    this.#mayCreate(parent, name);
    return this.#store.mknod(parent, name, mode, rdev, caller);
  }

  mkdir(parent: number, name: string, mode: number, caller: Caller): Attr {
    this.#mayCreate(parent, name);
    return this.#store.mkdir(parent, name, mode, caller);
  }

  unlink(parent: number, name: string, caller: Caller): void {
    this.#mayChange(parent);
    if (this.#shown(parent, name) !== undefined) {
      if (!this.#names.dismiss(parent, name)) throw new FsError("EPERM", "it is generated");
      return;
    }
    const sidecars = this.#names.sidecars.namesOf(parent, name);
    this.#store.unlink(parent, name, caller);
    if (sidecars.length > 0) this.#names.sidecars.linger(parent, sidecars);
  }

  rmdir(parent: number, name: string, caller: Caller): void {
    this.#mayChange(parent);
    if (this.#shown(parent, name) !== undefined) throw new FsError("EPERM", "it is generated");
    this.#store.rmdir(parent, name, caller);
  }

  rename(args: RenameArgs, caller: Caller): void {
    const { fromParent, fromName, toParent, toName } = args;
    this.#mayChange(fromParent, toParent);
    const isGenerated =
      this.#shown(fromParent, fromName) !== undefined ||
      this.#shown(toParent, toName) !== undefined;
    if (isGenerated) throw new FsError("EPERM", "it is generated");
    this.#store.rename(args, caller);
    // The kernel may remember that there was nothing of their new names.
    for (const { name } of this.#names.sidecars.namesOf(toParent, toName)) {
      this.#store.context.invalidate({ kind: "entry", parent: toParent, name });
    }
  }

  link(ino: number, parent: number, name: string, caller: Caller): Attr {
    this.#mayChange(ino);
    this.#mayCreate(parent, name);
    return this.#store.link(ino, parent, name, caller);
  }

  open(ino: number, flags: number, caller: Caller): OpenFile {
    if (canWrite(flags)) this.#mayChange(ino);
    if (ino < generatedMin) return this.#store.open(ino, flags, caller);
    return this.#openGenerated(this.#node(ino));
  }

  #openGenerated({ body }: GeneratedNode): OpenFile {
    if (body.kind === "directory") throw new FsError("EISDIR", "a generated directory");
    if (body.kind === "symlink") throw new FsError("EINVAL", "a generated symlink");
    const bytes = body.content();
    const fh = this.#nextFh;
    this.#nextFh += 1;
    this.#files.set(fh, bytes);
    return { fh, keepCache: false };
  }

  #bytesOf(fh: number): Uint8Array {
    const bytes = this.#files.get(fh);
    if (bytes === undefined) throw new FsError("EBADF", `file ${fh}`);
    return bytes;
  }

  create(
    parent: number,
    name: string,
    mode: number,
    flags: number,
    caller: Caller,
  ): { readonly attr: Attr; readonly file: OpenFile } {
    this.#mayChange(parent);
    const shown = this.#shown(parent, name);
    if (shown === undefined) return this.#store.create(parent, name, mode, flags, caller);
    if ((flags & O_EXCL) !== 0) throw new FsError("EEXIST", name);
    return { file: this.open(shown.ino, flags, caller), attr: this.#names.nodes.attr(shown) };
  }

  tmpfile(
    parent: number,
    mode: number,
    flags: number,
    caller: Caller,
  ): { readonly attr: Attr; readonly file: OpenFile } {
    this.#mayChange(parent);
    return this.#store.tmpfile(parent, mode, flags, caller);
  }

  read(fh: number, into: Uint8Array, offset: number): number {
    if (fh < generatedMin) return this.#store.read(fh, into, offset);
    const part = this.#bytesOf(fh).subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }

  write(
    fh: number,
    bytes: Uint8Array,
    offset: number,
    options?: { killSuidGid?: boolean; isExact?: boolean },
  ): number {
    if (fh >= generatedMin) throw new FsError("EBADF", `file ${fh}`);
    return this.#store.write(fh, bytes, offset, options);
  }

  flush(fh: number): void {
    if (fh < generatedMin) this.#store.flush(fh);
  }

  release(fh: number): void {
    if (fh < generatedMin) this.#store.release(fh);
    else this.#files.delete(fh);
  }

  fsync(fh: number, dataOnly: boolean, caller: Caller): void {
    if (fh < generatedMin) this.#store.fsync(fh, dataOnly, caller);
  }

  lseek(fh: number, offset: number, whence: number): number {
    if (fh < generatedMin) return this.#store.lseek(fh, offset, whence);
    const { length } = this.#bytesOf(fh);
    if (offset < 0 || offset >= length) throw new FsError("ENXIO", `offset ${offset}`);
    return whence === SEEK_HOLE ? length : offset;
  }

  fallocate(fh: number, mode: number, offset: number, length: number): void {
    if (fh >= generatedMin) throw new FsError("EBADF", `file ${fh}`);
    this.#store.fallocate(fh, mode, offset, length);
  }

  copyFileRange(range: CopyRange): number {
    // The kernel then copies by reading and writing.
    if (range.fromFh >= generatedMin) throw new FsError("EXDEV", "from a generated file");
    if (range.toFh >= generatedMin) throw new FsError("EBADF", `file ${range.toFh}`);
    return this.#store.copyFileRange(range);
  }

  backing(ino: number): Backing | undefined {
    return ino >= generatedMin ? undefined : this.#store.backing(ino);
  }

  opendir(ino: number): number {
    const isGenerated = ino >= generatedMin;
    if (isGenerated && this.#node(ino).body.kind !== "directory")
      throw new FsError("ENOTDIR", `generated inode ${ino}`);
    const fh = isGenerated ? this.#nextFh : this.#store.opendir(ino);
    if (isGenerated) this.#nextFh += 1;
    this.#streams.set(fh, { ino, listed: [] });
    return fh;
  }

  readdir(fh: number, cookie: number, visit: (entry: DirEntry) => boolean): void {
    const stream = this.#streams.get(fh);
    if (stream === undefined) throw new FsError("EBADF", `directory ${fh}`);
    if (cookie < generatedMin) {
      let isFull = false;
      const visitReal = (entry: DirEntry): boolean => {
        isFull = !visit(entry);
        return !isFull;
      };
      if (fh < generatedMin) this.#store.readdir(fh, cookie, visitReal);
      else this.#dots(stream.ino, cookie, visitReal);
      if (isFull) return;
      stream.listed = this.#listedIn(stream.ino);
    }
    const from = cookie < generatedMin ? 0 : cookie - generatedMin;
    for (let at = from; at < stream.listed.length; at += 1) {
      const { name, node } = stream.listed[at] as Listed;
      const type = modeOf(node.body) & S_IFMT;
      if (!visit({ name, ino: node.ino, type, cookie: generatedMin + at + 1 })) return;
    }
  }

  #listedIn(ino: number): readonly Listed[] {
    if (ino < generatedMin) return this.#names.list(ino);
    const { body } = this.#node(ino);
    return body.kind === "directory" ? body.list() : [];
  }

  #dots(ino: number, cookie: number, visit: (entry: DirEntry) => boolean): void {
    const type = modeOf(this.#node(ino).body) & S_IFMT;
    for (const [index, name] of [".", ".."].entries()) {
      if (index < cookie) continue;
      // Where a generated directory lies is not noted; the kernel knows.
      const entry = { name, ino: index === 0 ? ino : rootIno, type, cookie: index + 1 };
      if (!visit(entry)) return;
    }
  }

  releasedir(fh: number): void {
    this.#streams.delete(fh);
    if (fh < generatedMin) this.#store.releasedir(fh);
  }

  fsyncdir(fh: number, dataOnly: boolean, caller: Caller): void {
    if (fh < generatedMin) this.#store.fsyncdir(fh, dataOnly, caller);
  }

  statfs(): StatFs {
    return this.#store.statfs();
  }

  getxattr(ino: number, name: string): Uint8Array | undefined {
    if (ino >= generatedMin) return undefined;
    return this.#store.getxattr(ino, name);
  }

  setxattr(ino: number, name: string, value: Uint8Array, flags: number): void {
    this.#mayChange(ino);
    this.#store.setxattr(ino, name, value, flags);
  }

  listxattr(ino: number): string[] {
    return ino >= generatedMin ? [] : this.#store.listxattr(ino);
  }

  removexattr(ino: number, name: string): void {
    this.#mayChange(ino);
    this.#store.removexattr(ino, name);
  }

  hold(ino: number): void {
    if (ino >= generatedMin) this.#names.nodes.hold(ino);
    else this.#store.hold(ino);
  }

  forget(ino: number): void {
    if (ino >= generatedMin) this.#names.nodes.forget(ino);
    else this.#store.forget(ino);
  }

  /** Parked operations that may go on. Told once. */
  takeResumed(): Ticket[] {
    return [...this.#store.takeResumed(), ...this.#names.answers.takeResumed()];
  }

  /** A parked operation was given up. */
  abandon(ticket: Ticket): void {
    if (ticket >= generatedMin) this.#names.answers.abandon(ticket);
    else this.#store.abandon(ticket);
  }
}
