/** Directory streams. A position is an entry's number, so a stream survives whatever comes and goes meanwhile. */
import { assert, type DirEntry, FsError, isDirectory, rootIno, S_IFDIR, S_IFMT } from "@smfs/core";
import type { StoreContext } from "./context.ts";

/** Names read from the database at a time. */
const batchNames = 256;
/** Cookies of `.` and `..`; an entry's is its number above them. */
const selfCookie = 1;
const parentCookie = 2;

export class Directories {
  readonly #context: StoreContext;
  readonly #open = new Map<number, number>();
  #next = 1;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** @throws FsError ENOTDIR, ESTALE */
  open(ino: number): number {
    if (!isDirectory(this.#context.inodes.get(ino).mode)) throw new FsError("ENOTDIR", `${ino}`);
    const fh = this.#next;
    this.#next += 1;
    this.#open.set(fh, ino);
    return fh;
  }

  close(fh: number): void {
    this.inoOf(fh);
    this.#open.delete(fh);
  }

  /** @throws FsError EBADF */
  inoOf(fh: number): number {
    const ino = this.#open.get(fh);
    if (ino === undefined) throw new FsError("EBADF", `directory ${fh}`);
    return ino;
  }

  read(fh: number, cookie: number, visit: (entry: DirEntry) => boolean): void {
    const directory = this.inoOf(fh);
    const self = { name: ".", ino: directory, type: S_IFDIR, cookie: selfCookie };
    if (cookie < selfCookie && !visit(self)) return;
    if (cookie < parentCookie) {
      const ino = this.parentOf(directory);
      if (!visit({ name: "..", ino, type: S_IFDIR, cookie: parentCookie })) return;
    }
    const { entries, inodes } = this.#context;
    let lastId = Math.max(0, cookie - parentCookie);
    const visitName = (id: number, ino: number, name: string): boolean => {
      assert(id > lastId, "a stream goes forward");
      lastId = id;
      const type = inodes.modeOf(ino) & S_IFMT;
      return visit({ name, ino, type, cookie: id + parentCookie });
    };
    let afterId: number | undefined = lastId;
    while (afterId !== undefined) {
      afterId = entries.eachName(directory, afterId, batchNames, visitName);
    }
  }

  /** The directory above; of one that was removed, and of the root, itself. */
  parentOf(ino: number): number {
    if (ino === rootIno) return rootIno;
    return this.#context.entries.ofInode(ino).find(({ state }) => state === "live")?.parent ?? ino;
  }
}
