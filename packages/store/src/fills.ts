/**
 * Bytes that have arrived: from a blob into the working file (spec.md FILL-1).
 *
 * The order carries the proof: the blob is durable → one transaction names it in `inode.fill` → it becomes the
 * working file → `fill` is cleared. A crash between any two steps is finished by whoever next needs the bytes.
 */
import { inlineBytesMax } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { InodeRow } from "./inodes.ts";
import { bytesOf } from "./waits.ts";

export class Fills {
  readonly #context: StoreContext;
  readonly #blobIsNeeded;
  readonly #unfinished;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#blobIsNeeded = context.db.sql.prepare<[{ blob: string; ino: number }], { n: number }>(
      `SELECT (SELECT count(*) FROM entry WHERE base_blob = @blob) + (SELECT count(*) FROM op WHERE snap_blob = @blob)
         + (SELECT count(*) FROM trash WHERE blob = @blob) + (SELECT count(*) FROM inode WHERE fill = @blob AND ino <> @ino) AS n`,
    );
    this.#unfinished = context.db.sql.prepare<[number], { ino: number }>(
      "SELECT ino FROM inode WHERE fill IS NOT NULL LIMIT ?",
    );
  }

  /** Within a transaction: the bytes of `ino` shall be those of a blob that is here. Done after the commit. */
  start(ino: number, blob: string): void {
    const { db, inodes } = this.#context;
    inodes.update(ino, { fill: blob, stub: 0 });
    db.afterCommit(() => {
      const inode = inodes.find(ino);
      // What is large is moved, which costs nothing; a large copy is left to the first who needs the bytes.
      if (inode?.fill === blob && inode.size <= inlineBytesMax) this.finish(inode);
    });
  }

  /** Finishes what `start` began, if it is not finished yet. */
  finish(inode: InodeRow): void {
    if (inode.fill === null) return;
    const { bytes, db, inodes, waits } = this.#context;
    const keep = this.isNeeded(inode.fill, inode.ino);
    bytes.fillWork(inode.fill, inode.ino, keep);
    const fd = bytes.openWork(inode.ino, "write");
    let ctime: string;
    let blocks: number;
    let size: number;
    try {
      bytes.setTimes(fd, inode.mtime_s, inode.mtime_ns);
      ({ ctime, blocks, size } = bytes.stat(fd));
    } finally {
      bytes.close(fd);
    }
    bytes.syncNames();
    db.transaction(() => inodes.update(inode.ino, { fill: null, work_ctime: ctime, blocks, size }));
    inode.fill = null;
    waits.settle(bytesOf(inode.ino), "ready");
  }

  /** Whether a blob is somebody's besides `ino`'s fill: a base, a snapshot, the trash. */
  isNeeded(blob: string, ino: number): boolean {
    return (this.#blobIsNeeded.get({ blob, ino })?.n ?? 0) > 0;
  }

  /** Inodes whose fill a crash has interrupted. */
  unfinished(countMax: number): number[] {
    return this.#unfinished.all(countMax).map(({ ino }) => ino);
  }
}
