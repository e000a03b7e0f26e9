/**
 * Bytes that have arrived: from a blob into the working file (spec.md FILL-1).
 *
 * The order carries the proof: the blob is durable → one transaction names it in `inode.fill` → it becomes the
 * working file, durably → `fill` is cleared. A crash between any two steps is finished by whoever next needs the bytes.
 *
 * Making a name durable waits for the disk. Reading needs it not, so it is done for many at once, later; but before
 * the first byte is written, since what is filled twice would lose it.
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
      "SELECT ino FROM inode WHERE fill IS NOT NULL LIMIT ? + 0",
    );
  }

  /** Within a transaction: the bytes of `ino` shall be those of a blob that is here. Done after the commit. */
  start(ino: number, blob: string): void {
    const { db, inodes } = this.#context;
    inodes.update(ino, { fill: blob, stub: 0 });
    db.afterCommit(() => {
      const inode = inodes.find(ino);
      // What is large is moved, which costs nothing; a large copy is left to the first who needs the bytes.
      if (inode?.fill === blob && inode.size <= inlineBytesMax) this.place(inode);
    });
  }

  /** For who reads: the bytes are in the working file, which a power loss may still undo. */
  place(inode: InodeRow): void {
    if (inode.fill === null) return;
    // A blob that stays would be copied by each reader anew.
    if (this.isNeeded(inode.fill, inode.ino)) this.finish(inode);
    else this.#move(inode, inode.fill, false);
    this.#context.waits.settle(bytesOf(inode.ino), "ready");
  }

  #move(inode: InodeRow, blob: string, keep: boolean): void {
    const { bytes } = this.#context;
    const isMoved = !keep && !bytes.hasBlob(blob) && bytes.hasWork(inode.ino);
    if (!isMoved) bytes.fillWork(blob, inode.ino, keep, "process");
  }

  /** For who writes, or takes what is there for a version: finishes what `start` began. */
  finish(inode: InodeRow): void {
    if (inode.fill === null) return;
    this.#finishAll([inode]);
    inode.fill = null;
  }

  /** Finishes up to `countMax` at once. Answers whether more are left. */
  finishSome(countMax: number): boolean {
    const inos = this.unfinished(countMax);
    this.#finishAll(inos.map((ino) => this.#context.inodes.get(ino)));
    return inos.length === countMax;
  }

  #finishAll(rows: readonly InodeRow[]): void {
    const { bytes, db, inodes, waits } = this.#context;
    const filled: { ino: number; columns: Partial<InodeRow> }[] = [];
    for (const row of rows) {
      if (row.fill === null) continue;
      this.#move(row, row.fill, this.isNeeded(row.fill, row.ino));
      filled.push({ ino: row.ino, columns: this.#looks(row) });
    }
    if (filled.length === 0) return;
    bytes.syncNames("work");
    db.transaction(() => {
      for (const { ino, columns } of filled) inodes.update(ino, { fill: null, ...columns });
    });
    for (const { ino } of filled) waits.settle(bytesOf(ino), "ready");
  }

  /** Gives the working file its time, and tells how it looks then. */
  #looks(row: InodeRow): Partial<InodeRow> {
    const { bytes } = this.#context;
    const fd = bytes.openWork(row.ino, "write");
    try {
      bytes.setTimes(fd, row.mtime_s, row.mtime_ns);
      const { ctime, blocks, size } = bytes.stat(fd);
      return { work_ctime: ctime, blocks, size };
    } finally {
      bytes.close(fd);
    }
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
