/** System calls by path, on the store's own interface: what a user at a device does. */
import {
  type Caller,
  FsError,
  O_APPEND,
  O_CREAT,
  O_RDWR,
  O_TRUNC,
  RENAME_EXCHANGE,
  rootIno,
  type Ticket,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import type { MemoryByteStore, SharedMapping, Store } from "@smfs/store";
import type { Desk } from "./device.ts";

/** The user at every device. */
export const caller: Caller = { uid: 1000, gid: 1000, pid: 1, umask: 0o022 };

export class ProductDesk implements Desk {
  /** The ticket of a parked call that is made again. */
  resumed: Ticket | undefined;
  readonly #store: Store;
  readonly #bytes: MemoryByteStore;
  readonly #after: (isChange: boolean) => void;
  readonly #mappings = new Map<number, { readonly ino: number; readonly mapping: SharedMapping }>();
  readonly #inos = new Map<number, number>();
  #nextMapping = 1;

  constructor(store: Store, bytes: MemoryByteStore, after: (isChange: boolean) => void) {
    this.#store = store;
    this.#bytes = bytes;
    this.#after = after;
  }

  /** Runs one system call; the store thread then looks after what came of it. */
  #call<T>(work: (caller: Caller) => T): T {
    const { resumed } = this;
    this.resumed = undefined;
    try {
      return work(resumed === undefined ? caller : { ...caller, resumed });
    } finally {
      this.#after(true);
    }
  }

  #locate(path: string): { parent: number; name: string } {
    const names = path.split("/").filter((name) => name !== "");
    const name = names.pop() ?? "";
    let parent = rootIno;
    for (const directory of names) parent = lookup(this.#store, parent, directory).ino;
    return { parent, name };
  }

  #ino(path: string): number {
    const { parent, name } = this.#locate(path);
    return lookup(this.#store, parent, name).ino;
  }

  open: Desk["open"] = (path, mode) =>
    this.#call((who) => {
      const { parent, name } = this.#locate(path);
      const flags = O_RDWR | (mode.truncate ? O_TRUNC : 0) | (mode.append ? O_APPEND : 0);
      const there = this.#find(parent, name);
      if (there === undefined && mode.create !== true) throw new FsError("ENOENT", path);
      if (there !== undefined) return this.#opened(there, this.#store.open(there, flags, who).fh);
      const { attr, file } = this.#store.create(parent, name, 0o644, flags | O_CREAT, who);
      return this.#opened(attr.ino, file.fh);
    });

  #opened(ino: number, fh: number): number {
    this.#inos.set(fh, ino);
    return fh;
  }

  #find(parent: number, name: string): number | undefined {
    try {
      return lookup(this.#store, parent, name).ino;
    } catch (error) {
      if (error instanceof FsError && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  write: Desk["write"] = (fh, bytes, offset) =>
    this.#call(() => {
      this.#store.write(fh, bytes, offset);
    });

  look: Desk["look"] = (fh) => {
    const ino = this.#inos.get(fh);
    if (ino === undefined) throw new FsError("EBADF", `handle ${fh}`);
    const { size, nlink } = this.#store.getattr(ino);
    const bytes = new Uint8Array(size);
    const count = this.#store.read(fh, bytes, 0);
    return { bytes: bytes.subarray(0, count), isNamed: nlink > 0 };
  };

  close: Desk["close"] = (fh) =>
    this.#call(() => {
      this.#store.flush(fh);
      this.#store.release(fh);
      this.#inos.delete(fh);
    });

  fsync: Desk["fsync"] = (fh) => this.#call((who) => this.#store.fsync(fh, false, who));

  truncate: Desk["truncate"] = (path, size) =>
    this.#call((who) => {
      this.#store.setattr(this.#ino(path), { size }, who);
    });

  rename: Desk["rename"] = (from, to) => this.#call((who) => this.#rename(from, to, 0, who));
  exchange: Desk["exchange"] = (a, b) =>
    this.#call((who) => this.#rename(a, b, RENAME_EXCHANGE, who));

  #rename(from: string, to: string, flags: number, who: Caller): void {
    const source = this.#locate(from);
    const target = this.#locate(to);
    const args = {
      fromParent: source.parent,
      fromName: source.name,
      toParent: target.parent,
      toName: target.name,
      flags,
    };
    this.#store.rename(args, who);
  }

  unlink: Desk["unlink"] = (path) =>
    this.#call((who) => {
      const { parent, name } = this.#locate(path);
      this.#store.unlink(parent, name, who);
    });

  mkdir: Desk["mkdir"] = (path) =>
    this.#call((who) => {
      const { parent, name } = this.#locate(path);
      this.#store.mkdir(parent, name, 0o755, who);
    });

  rmdir: Desk["rmdir"] = (path) =>
    this.#call((who) => {
      const { parent, name } = this.#locate(path);
      this.#store.rmdir(parent, name, who);
    });

  link: Desk["link"] = (from, to) =>
    this.#call((who) => {
      const { parent, name } = this.#locate(to);
      this.#store.link(this.#ino(from), parent, name, who);
    });

  symlink: Desk["symlink"] = (path, target) =>
    this.#call((who) => {
      const { parent, name } = this.#locate(path);
      this.#store.symlink(parent, name, target, who);
    });

  chmod: Desk["chmod"] = (path, mode) =>
    this.#call((who) => {
      this.#store.setattr(this.#ino(path), { mode }, who);
    });

  map: Desk["map"] = (fh) => {
    const ino = this.#inos.get(fh);
    if (ino === undefined) throw new FsError("EBADF", `handle ${fh}`);
    const id = this.#nextMapping;
    this.#nextMapping += 1;
    this.#mappings.set(id, { ino, mapping: this.#bytes.mapShared(ino) });
    return id;
  };

  #mapped(id: number): { readonly ino: number; readonly mapping: SharedMapping } {
    const mapped = this.#mappings.get(id);
    if (mapped === undefined) throw new FsError("EINVAL", `mapping ${id}`);
    return mapped;
  }

  lookMapped: Desk["lookMapped"] = (id) => {
    const { ino } = this.#mapped(id);
    const { nlink } = this.#store.getattr(ino);
    const fd = this.#bytes.openWork(ino, "read");
    const bytes = new Uint8Array(this.#bytes.stat(fd).size);
    this.#bytes.read(fd, bytes, 0);
    this.#bytes.close(fd);
    return { bytes, isNamed: nlink > 0 };
  };

  store: Desk["store"] = (id, bytes, offset) => {
    this.#mapped(id).mapping.store(bytes, offset);
    this.#after(true);
  };

  unmap: Desk["unmap"] = (id) => {
    this.#mapped(id).mapping.unmap();
    this.#mappings.delete(id);
  };
}
