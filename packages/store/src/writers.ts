/**
 * Who may still write: the `writers` bit of an inode (docs/spec/store.md, WRITERS-n).
 *
 * Bytes can change with no message to us, through a passthrough descriptor or a mapping. So the bit is set, and
 * the versions moved, in a transaction before the first writing open is answered; and it is cleared only when no
 * writing handle is open and the kernel confirms, by granting a lease, that no descriptor or mapping can write.
 *
 * Clearing acknowledges nothing, so it takes no commit of its own while operations keep coming: it rides with the
 * next transaction, or is done by `tick` when there is none.
 */
import { leaseRetryMs, leaseRetryMsMax } from "@smfs/core";
import type { WorkStat } from "./byte-store.ts";
import type { StoreContext } from "./context.ts";
import type { InodeRow } from "./inodes.ts";
import type { WorkingFiles } from "./working-files.ts";

/** Time from the last release to the first probe: the kernel lets go of a passthrough descriptor a moment later. */
const settleMs = 2;
/** Time to the second probe, for a kernel that took longer; after that `leaseRetryMs`, doubled each time. */
const secondProbeMs = 20;
/** Inodes cleared in one transaction at most. */
const batchMax = 64;

interface Probe {
  dueMs: number;
  /** Wait before the probe after this one. */
  waitMs: number;
}

export class Writers {
  readonly #context: StoreContext;
  readonly #working: WorkingFiles;
  /** Inodes whose bit is to be cleared, in the order their probes are due for the first time. */
  readonly #probes = new Map<number, Probe>();
  /** Inodes with the bit set since a moment after which no byte can have changed. */
  readonly #untouched = new Set<number>();
  /** Inodes that a program from before the last crash may still write, past this mount's kernel cache. */
  readonly #foreign = new Set<number>();
  #nextDueMs = Number.POSITIVE_INFINITY;

  constructor(context: StoreContext, working: WorkingFiles) {
    this.#context = context;
    this.#working = working;
    context.db.atBegin(() => this.#clearDue());
  }

  /**
   * Within a transaction: somebody is about to write. Bit set, versions moved, with further changes of the row.
   * A file whose bit is set is dirty already, and stays so until it is cleared, which moves the versions again.
   */
  intend(row: InodeRow, changes: Partial<InodeRow> = {}): void {
    const { inodes, entries, versions } = this.#context;
    const version = versions.next();
    // A file that comes back shorter than it was at rest was damaged by a power loss.
    const atRest = row.writers === 0 ? { synced_size: row.size } : {};
    inodes.update(row.ino, { ...atRest, ...changes, writers: 1, bytes_ver: version });
    entries.bumpInode(row.ino, version);
    if (row.writers === 0) this.#context.db.afterCommit(() => this.#untouched.add(row.ino));
  }

  /** A new inode was made with its bit set; nothing has been written to it yet. */
  made(ino: number): void {
    this.#untouched.add(ino);
  }

  /** Bytes have changed, or may change from now on without a message. */
  touched(ino: number): void {
    this.#untouched.delete(ino);
  }

  /** The last writing handle was closed: the bit is cleared as soon as nobody else can write. */
  released(ino: number): void {
    this.#schedule(ino, {
      dueMs: this.#context.clock.monotonic() + settleMs,
      waitMs: secondProbeMs,
    });
  }

  /** Inodes whose bit a crash has left set. */
  recovered(inos: readonly number[]): void {
    for (const ino of inos) {
      this.#foreign.add(ino);
      this.#schedule(ino, { dueMs: this.#context.clock.monotonic(), waitMs: leaseRetryMs });
    }
  }

  /** Whether bytes may change that the kernel has cached through this mount: it must not rely on them. */
  isForeign(ino: number): boolean {
    return this.#foreign.has(ino);
  }

  /** When the next probe is due, on the monotonic clock; infinite when none is waiting. */
  get nextDueMs(): number {
    return this.#nextDueMs;
  }

  /** Clears what is due now. Call when no transaction has done it. */
  tick(nowMs: number): void {
    if (nowMs < this.#nextDueMs) return;
    this.#context.db.transaction(() => undefined);
  }

  /** Clears every bit that can be cleared now, whether it is due or not. Call when the store is closed. */
  settleAll(): void {
    for (const probe of this.#probes.values()) probe.dueMs = Number.NEGATIVE_INFINITY;
    this.#nextDueMs = Number.NEGATIVE_INFINITY;
    for (let left = this.#probes.size; left > 0; left -= batchMax) {
      this.#context.db.transaction(() => undefined);
    }
  }

  #schedule(ino: number, probe: Probe): void {
    this.#probes.set(ino, probe);
    this.#nextDueMs = Math.min(this.#nextDueMs, probe.dueMs);
  }

  /** Within a transaction that has just begun. */
  #clearDue(): void {
    const now = this.#context.clock.monotonic();
    if (now < this.#nextDueMs) return;
    let next = Number.POSITIVE_INFINITY;
    let count = 0;
    for (const [ino, probe] of this.#probes) {
      if (probe.dueMs <= now && count < batchMax) {
        count += 1;
        this.#probe(ino, probe, now);
      }
      if (this.#probes.has(ino)) next = Math.min(next, probe.dueMs);
    }
    this.#nextDueMs = next;
  }

  #probe(ino: number, probe: Probe, now: number): void {
    const { db, inodes, openFiles, bytes, emit, invalidate } = this.#context;
    const row = inodes.find(ino);
    if (row === undefined || row.writers === 0) {
      this.#untouched.delete(ino);
      this.#foreign.delete(ino);
    }
    if (row === undefined || row.writers === 0 || openFiles.writers(ino) > 0) {
      this.#probes.delete(ino);
      return;
    }
    // Should the transaction fail, or somebody still write, it is tried again then.
    probe.dueMs = now + probe.waitMs;
    probe.waitMs = Math.min(leaseRetryMsMax, Math.max(leaseRetryMs, probe.waitMs * 2));
    try {
      this.#working.closeWritable(ino);
      const stat = bytes.statUnwritten(ino);
      if (stat === undefined) return;
      this.#clear(row, stat);
    } catch (error) {
      this.#context.log.log("error", "cannot tell whether a file is still written", {
        ino,
        error: String(error),
      });
      return;
    }
    db.afterCommit(() => {
      this.#probes.delete(ino);
      this.#untouched.delete(ino);
      if (this.#foreign.delete(ino)) invalidate({ kind: "inode", ino });
      emit({ kind: "dirty" });
    });
  }

  /** Nobody can write: the row takes over from the working file what that alone knew. */
  #clear(row: InodeRow, stat: WorkStat): void {
    const { inodes, entries, versions } = this.#context;
    const changes = { ...columnsOf(row, stat), writers: 0, work_ctime: stat.ctime };
    // No byte came since the open, which moved the versions itself: comparing digests will settle it.
    if (this.#untouched.has(row.ino)) {
      inodes.update(row.ino, changes);
      return;
    }
    const version = versions.next();
    inodes.update(row.ino, { ...changes, bytes_ver: version });
    entries.bumpInode(row.ino, version);
  }
}

/** What a working file says of its inode, as columns. */
export function columnsOf(
  row: InodeRow,
  stat: WorkStat,
): Pick<InodeRow, "size" | "blocks" | "mtime_s" | "mtime_ns" | "ctime_s" | "ctime_ns"> {
  const isLater =
    stat.ctimeS > row.ctime_s || (stat.ctimeS === row.ctime_s && stat.ctimeNs > row.ctime_ns);
  return {
    size: stat.size,
    blocks: stat.blocks,
    mtime_s: stat.mtimeS,
    mtime_ns: stat.mtimeNs,
    ctime_s: isLater ? stat.ctimeS : row.ctime_s,
    ctime_ns: isLater ? stat.ctimeNs : row.ctime_ns,
  };
}
