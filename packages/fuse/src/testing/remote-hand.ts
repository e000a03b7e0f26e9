/**
 * What happens to a mounted file system without the kernel's doing, for tests: files that change as if another
 * device had changed them, and files whose bytes are elsewhere, so that opening them waits.
 */
import {
  type Caller,
  type ErrnoName,
  FsError,
  type Invalidation,
  O_RDWR,
  O_TRUNC,
  type OpenFile,
  Parked,
  rootIno,
  type Ticket,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { MemoryFileSystem } from "./memory-filesystem.ts";

const root: Caller = { uid: 0, gid: 0, pid: 0, umask: 0 };

/** One thing to do. Paths have no leading slash. */
export type RemoteChange =
  /** The file has these bytes now; it is made if it is not there. */
  | { readonly kind: "write"; readonly path: string; readonly text: string }
  | { readonly kind: "mkdir"; readonly path: string }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "rename"; readonly path: string; readonly to: string }
  /** Opening the file waits from now on. */
  | { readonly kind: "stub"; readonly path: string }
  /** The bytes are here, or will not come. */
  | { readonly kind: "fill"; readonly path: string; readonly errno?: ErrnoName };

/** What followed from a change. */
export interface RemoteEffect {
  readonly invalidations: readonly Invalidation[];
  readonly resumed: readonly Ticket[];
}

export class RemoteHandFileSystem extends MemoryFileSystem {
  readonly #stubs = new Set<number>();
  readonly #waiting = new Map<Ticket, number>();
  readonly #failures = new Map<Ticket, ErrnoName>();
  #nextTicket = 1;

  override open(ino: number, flags: number, caller: Caller): OpenFile {
    const failure = this.#failures.get(caller.resumed ?? 0);
    if (failure !== undefined) throw new FsError(failure, "the bytes did not come");
    if (!this.#stubs.has(ino)) return super.open(ino, flags, caller);
    const ticket = this.#nextTicket;
    this.#nextTicket += 1;
    this.#waiting.set(ticket, ino);
    throw new Parked(ticket);
  }

  abandon(ticket: Ticket): void {
    this.#waiting.delete(ticket);
  }

  /** Opens that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  apply(change: RemoteChange): RemoteEffect {
    const { parent, name } = this.#split(change.path);
    const nothing: RemoteEffect = { invalidations: [], resumed: [] };
    switch (change.kind) {
      case "write":
        return { ...nothing, invalidations: this.#write(parent, name, change.text) };
      case "mkdir":
        this.mkdir(parent, name, 0o755, root);
        return { ...nothing, invalidations: [{ kind: "entry", parent, name }] };
      case "remove":
        return { ...nothing, invalidations: [this.#remove(parent, name)] };
      case "rename": {
        const to = this.#split(change.to);
        const args = { fromParent: parent, fromName: name, toParent: to.parent, toName: to.name };
        this.rename({ ...args, flags: 0 });
        return {
          ...nothing,
          invalidations: [
            { kind: "entry", parent, name },
            { kind: "entry", parent: to.parent, name: to.name },
          ],
        };
      }
      case "stub":
        this.#stubs.add(lookup(this, parent, name).ino);
        return nothing;
      case "fill":
        return { ...nothing, resumed: this.#fill(lookup(this, parent, name).ino, change.errno) };
    }
  }

  #write(parent: number, name: string, text: string): Invalidation[] {
    let ino: number;
    let isNew = false;
    try {
      ino = lookup(this, parent, name).ino;
    } catch (error) {
      if (!(error instanceof FsError) || error.code !== "ENOENT") throw error;
      ino = this.mknod(parent, name, 0o100644, 0, root).ino;
      isNew = true;
    }
    const { fh } = super.open(ino, O_RDWR | O_TRUNC, root);
    this.write(fh, Buffer.from(text), 0);
    this.release(fh);
    return isNew ? [{ kind: "entry", parent, name }] : [{ kind: "inode", ino }];
  }

  #remove(parent: number, name: string): Invalidation {
    const { ino, mode } = lookup(this, parent, name);
    if ((mode & 0o170000) === 0o040000) this.rmdir(parent, name);
    else this.unlink(parent, name);
    return { kind: "delete", parent, name, ino };
  }

  #fill(ino: number, errno: ErrnoName | undefined): Ticket[] {
    if (errno === undefined) this.#stubs.delete(ino);
    const tickets: Ticket[] = [];
    for (const [ticket, awaited] of this.#waiting) {
      if (awaited !== ino) continue;
      this.#waiting.delete(ticket);
      if (errno !== undefined) this.#failures.set(ticket, errno);
      tickets.push(ticket);
    }
    return tickets;
  }

  #split(path: string): { parent: number; name: string } {
    const names = path.split("/");
    const name = names.pop() ?? "";
    let parent = rootIno;
    for (const directory of names) parent = lookup(this, parent, directory).ino;
    return { parent, name };
  }
}
