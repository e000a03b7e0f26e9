/**
 * A budget for the bytes that are kept here (`--cache-size`): files that nobody uses become stubs again, to be fetched
 * when they are opened. Only bytes that the server is known to hold, and that are known to be those, may go
 * (docs/spec/store.md, EVICT-n).
 *
 * The sum of all bytes is looked up now and then, a slice of rows at a time. Above the budget a hand goes round the
 * inodes: what was opened since it last passed stays for another round, the rest goes.
 */
import { S_IFMT, S_IFREG } from "@smfs/core";
import type { EntryRow } from "./entries.ts";
import type { FileContext } from "./file-context.ts";
import { HashWork } from "./hash-work.ts";
import type { InodeRow } from "./inodes.ts";

/** Rows looked at in one query. */
const pageRows = 128;
/** Milliseconds from a change to the next sum at least; a sum that takes long waits longer. */
const sumEveryMs = 2000;
/** The next sum waits this many times what the last one took, so that summing takes a twentieth of the time at most. */
const restFactor = 20;
/** Share of the budget that is left when eviction ends: not every new file starts it again. */
const keepShare = 0.9;
/** Files evicted in one commit. It waits for the disk, so they are many. */
const evictedMax = 256;
/** Files remembered as used; beyond them all count as used once. */
const usedMax = 65_536;
/** A larger file is cut down bit by bit, as garbage is. */
const atOnceBytesMax = 16 << 20;
/** Bytes of a 512-byte block. */
const blockBytes = 512;

const isFile = `(mode & ${S_IFMT}) = ${S_IFREG}`;

type Phase =
  | { readonly kind: "rest" }
  | { readonly kind: "sum"; after: number; bytes: number; readonly sinceMs: number }
  /** `left`: rounds that the hand may still begin. */
  | { readonly kind: "evict"; bytes: number; left: number };

export class Eviction {
  readonly #context: FileContext;
  readonly #budgetBytes: number;
  readonly #page;
  readonly #opOf;
  #phase: Phase = { kind: "rest" };
  #usedBytes: number | undefined;
  #sumNotBeforeMs = Number.NEGATIVE_INFINITY;
  #summedCount = -1;
  /** Inodes opened since the hand passed them. */
  readonly #used = new Set<number>();
  /** The last inode the hand passed. */
  #hand = 0;
  #hashing: HashWork | undefined;

  constructor(context: FileContext, budgetBytes: number) {
    this.#context = context;
    this.#budgetBytes = budgetBytes;
    this.#page = context.db.sql.prepare<[number, number], InodeRow>(
      `SELECT * FROM inode WHERE ino > ? AND stub = 0 AND ${isFile} ORDER BY ino LIMIT ? + 0`,
    );
    this.#opOf = context.db.sql.prepare<[string]>("SELECT 1 FROM op WHERE fid = ?").pluck();
  }

  /** Bytes of working files when they were last summed; undefined before. */
  get usedBytes(): number | undefined {
    return this.#usedBytes;
  }

  /** A file is opened: it stays for another round of the hand. */
  used(ino: number): void {
    if (this.#used.size >= usedMax) this.#used.clear();
    this.#used.add(ino);
  }

  /** When `tick` has something to do, on the monotonic clock; infinite while nothing has changed. */
  get dueMs(): number {
    if (this.#phase.kind !== "rest") return Number.NEGATIVE_INFINITY;
    const isChanged = this.#context.db.commitCount !== this.#summedCount;
    return isChanged ? this.#sumNotBeforeMs : Number.POSITIVE_INFINITY;
  }

  tick(nowMs: number, sliceMs: number): void {
    if (nowMs < this.dueMs) return;
    if (this.#phase.kind === "rest") {
      this.#summedCount = this.#context.db.commitCount;
      this.#phase = { kind: "sum", after: 0, bytes: 0, sinceMs: nowMs };
    }
    const endMs = nowMs + sliceMs;
    while (this.#step() && this.#context.clock.monotonic() < endMs);
  }

  /** Goes on by a page of rows. Answers whether there is more to do. */
  #step(): boolean {
    const phase = this.#phase;
    if (phase.kind === "sum") this.#sum(phase);
    else if (phase.kind === "evict") this.#turn(phase);
    return this.#phase.kind !== "rest";
  }

  #sum(phase: Extract<Phase, { kind: "sum" }>): void {
    const rows = this.#page.all(phase.after, pageRows);
    for (const row of rows) phase.bytes += this.#bytesOf(row);
    phase.after = rows.at(-1)?.ino ?? phase.after;
    if (rows.length === pageRows) return;
    const nowMs = this.#context.clock.monotonic();
    const tookMs = nowMs - phase.sinceMs;
    this.#sumNotBeforeMs = nowMs + Math.max(sumEveryMs, tookMs * restFactor);
    this.#usedBytes = phase.bytes;
    // The hand may pass a used file once; in the second round it stops.
    if (phase.bytes > this.#budgetBytes)
      this.#phase = { kind: "evict", bytes: phase.bytes, left: 2 };
    else this.#phase = { kind: "rest" };
  }

  /** What a file takes on the disk. While it is written, and before its bytes are in place, the row does not know. */
  #bytesOf(row: InodeRow): number {
    if (row.writers === 1) return this.#context.working.stat(row.ino).blocks * blockBytes;
    return row.blocks === 0 ? row.size : row.blocks * blockBytes;
  }

  /** The hand goes on by a page. */
  #turn(phase: Extract<Phase, { kind: "evict" }>): void {
    const target = this.#budgetBytes * keepShare;
    if (this.#hashing !== undefined) this.#hashOn(this.#hashing);
    // Bytes that a power loss may have damaged are compared first: that is under way.
    else if (this.#context.verification.isPending || phase.bytes <= target) this.#rest();
    else this.#pass(phase, target);
    this.#usedBytes = phase.bytes;
  }

  #pass(phase: Extract<Phase, { kind: "evict" }>, target: number): void {
    const chosen: InodeRow[] = [];
    const rows = this.#page.all(this.#hand, evictedMax);
    for (const row of rows) {
      if (phase.bytes <= target) break;
      const verdict = this.#judge(row);
      // It is compared with its digest first; the hand waits here.
      if (verdict === "hash") break;
      this.#hand = row.ino;
      if (verdict !== "evict") continue;
      phase.bytes -= this.#bytesOf(row);
      chosen.push(row);
    }
    this.#evict(chosen);
    if (rows.length > 0) return;
    this.#hand = 0;
    phase.left -= 1;
    if (phase.left === 0) this.#rest();
  }

  #rest(): void {
    this.#phase = { kind: "rest" };
  }

  #judge(row: InodeRow): "evict" | "keep" | "hash" {
    const { openFiles, working } = this.#context;
    if (this.#used.delete(row.ino)) return "keep";
    if (row.size === 0 || row.writers === 1 || row.fill !== null || row.nlink === 0) return "keep";
    if (openFiles.isOpen(row.ino) || this.#heldHash(row) === undefined) return "keep";
    if (working.stat(row.ino).ctime !== row.work_ctime) {
      this.#hashing = new HashWork(this.#context.bytes, row.ino);
      return "hash";
    }
    return this.#isUnwritten(row.ino) ? "evict" : "keep";
  }

  #isUnwritten(ino: number): boolean {
    const { bytes } = this.#context;
    return !bytes.tellsWriters() || bytes.statUnwritten(ino) !== undefined;
  }

  /** The digest of the bytes, where the server is known to hold them under each of the file's names. */
  #heldHash(row: InodeRow): string | undefined {
    const names = this.#context.entries.ofInode(row.ino);
    const [first] = names;
    if (first === undefined || first.base_hash === null) return undefined;
    const isHeld = (entry: EntryRow): boolean =>
      this.#isSettled(entry, row) && entry.base_hash === first.base_hash;
    return names.every(isHeld) ? first.base_hash : undefined;
  }

  #isSettled(entry: EntryRow, row: InodeRow): boolean {
    if (entry.state !== "live" || entry.doc_id === null || entry.local_only === 1) return false;
    if (entry.local_ver !== entry.base_ver || row.bytes_ver > entry.base_ver) return false;
    if (entry.diverged === 1 || (entry.r_hash !== null && entry.r_hash !== entry.base_hash))
      return false;
    return (
      this.#context.pend.why(entry.doc_id) === undefined && this.#opOf.get(entry.fid) === undefined
    );
  }

  /** A file that may have changed since it was known to have base's bytes: looked at, a step at a time. */
  #hashOn(hashing: HashWork): void {
    const { inodes, db, log, working } = this.#context;
    const digest = hashing.step();
    if (digest === undefined) return;
    this.#hashing = undefined;
    const { ino } = hashing;
    const row = inodes.find(ino);
    const isAtRest = row !== undefined && row.writers === 0 && row.stub === 0;
    if (isAtRest && this.#heldHash(row) === digest) {
      const { ctime } = working.stat(ino);
      db.transaction(() => inodes.update(ino, { work_ctime: ctime }));
      return;
    }
    this.#hand = ino;
    if (isAtRest) log.log("warn", "a file is not what the server holds, and stays", { ino });
  }

  /** One commit that survives a power loss, and with it all that says that the server holds these; then the bytes. */
  #evict(rows: readonly InodeRow[]): void {
    if (rows.length === 0) return;
    const { db, inodes, invalidate } = this.#context;
    db.transaction(() => {
      for (const row of rows) {
        const hash = this.#heldHash(row);
        inodes.update(row.ino, { stub: 1, work_ctime: null, blocks: 0 });
        db.afterCommit(() => {
          this.#removeBytes(row, hash);
          invalidate({ kind: "inode", ino: row.ino, attributesOnly: true });
        });
      }
    }, "power");
  }

  #removeBytes(row: InodeRow, hash: string | undefined): void {
    const { bytes, working, inodes, orphans } = this.#context;
    working.close(row.ino);
    if (row.size <= atOnceBytesMax || hash === undefined || bytes.hasBlob(hash)) {
      bytes.removeWork(row.ino);
      return;
    }
    const spare = inodes.spare();
    bytes.moveWorkToBlob(row.ino, hash);
    bytes.fillWork(hash, spare, false);
    orphans.garbage.add(spare, row.size);
  }
}
