/**
 * After a power loss: clean files are compared with their digests, those first that somebody opens. A file whose
 * bytes are not what both sides agreed on becomes a stub, to be fetched again; what was there goes to the trash.
 * It is never uploaded.
 */
import { isRegular, S_IFMT, S_IFREG } from "@smfs/core";
import type { EntryRow } from "./entries.ts";
import type { FileContext } from "./file-context.ts";
import { HashWork } from "./hash-work.ts";
import type { InodeRow } from "./inodes.ts";
import { Trash } from "./trash.ts";

/** The position is noted at every inode number divisible by this. */
const noteEvery = 1024;

/** Fact: the last inode that was compared; absent when all have been. */
const verifiedFact = "verified";

type VerificationContext = Omit<FileContext, "verification">;

export class Verification {
  readonly #context: VerificationContext;
  readonly #trash: Trash;
  readonly #next;
  /** Inodes above this one have not been compared; undefined when all have been. */
  #after: number | undefined;
  /** Inodes above `#after` that were. */
  readonly #compared = new Set<number>();
  /** The large file that is being compared. */
  #hashing: HashWork | undefined;

  constructor(context: VerificationContext) {
    this.#context = context;
    this.#trash = new Trash(context.db, context.clock);
    this.#next = context.db.sql
      .prepare<[number, number], number>(
        `SELECT ino FROM inode WHERE ino > ? AND (mode & ${S_IFMT}) = ${S_IFREG} ORDER BY ino LIMIT ? + 0`,
      )
      .pluck();
  }

  /** A power loss was found: everything is to be compared. */
  begin(): void {
    this.#after = 0;
    this.#context.db.transaction(() => this.#context.facts.set(verifiedFact, "0"));
  }

  /** Goes on where an earlier start left off. */
  resume(): void {
    const after = this.#context.facts.get(verifiedFact);
    if (after !== undefined) this.#after = Number(after);
  }

  /** Nothing is to be compared. Within a transaction. */
  done(): void {
    this.#context.facts.drop(verifiedFact);
    this.#after = undefined;
    this.#compared.clear();
    this.#hashing = undefined;
  }

  get isPending(): boolean {
    return this.#after !== undefined;
  }

  tick(sliceMs: number): void {
    const { clock } = this.#context;
    const endMs = clock.monotonic() + sliceMs;
    do this.#step();
    while (this.#after !== undefined && clock.monotonic() < endMs);
  }

  /** One file, or 1 MiB of a large one. */
  #step(): void {
    if (this.#hashing !== undefined) {
      const digest = this.#hashing.step();
      if (digest !== undefined) this.#settle(this.#hashing.ino, digest);
      return;
    }
    if (this.#after === undefined) return;
    const [ino] = this.#next.all(this.#after, 1);
    if (ino !== undefined && this.#isToBeCompared(ino)) {
      this.#hashing = new HashWork(this.#context.bytes, ino);
      return;
    }
    this.#advance(ino);
  }

  /** Notes how far all is compared, now and then: what is compared twice is compared once too often, no more. */
  #advance(ino: number | undefined): void {
    const { db, facts } = this.#context;
    this.#after = ino;
    if (ino === undefined) db.transaction(() => this.done());
    else if (ino % noteEvery === 0) db.transaction(() => facts.set(verifiedFact, String(ino)));
  }

  /** Compares one file now, unless that has been done or its ctime says that it is as it was. */
  verify(ino: number): void {
    if (this.#after === undefined || ino <= this.#after || this.#compared.has(ino)) return;
    if (this.#hashing?.ino === ino) this.#hashing = undefined;
    if (!this.#isToBeCompared(ino)) return;
    this.#settle(ino, new HashWork(this.#context.bytes, ino).finish());
  }

  #isToBeCompared(ino: number): boolean {
    const { inodes, working } = this.#context;
    if (this.#compared.has(ino) || !this.#isStillClean(ino)) return false;
    return working.stat(ino).ctime !== inodes.get(ino).work_ctime;
  }

  #settle(ino: number, found: string): void {
    const { db, inodes, working } = this.#context;
    this.#hashing = undefined;
    this.#compared.add(ino);
    // Whoever opened it meanwhile had it compared first, and may have changed it since.
    if (!this.#isStillClean(ino)) return;
    const row = inodes.get(ino);
    const { ctime } = working.stat(ino);
    db.transaction(() => {
      if (found === this.#cleanEntry(row)?.base_hash) inodes.update(ino, { work_ctime: ctime });
      else this.becomeStub(row, found);
    });
  }

  #isStillClean(ino: number): boolean {
    const { inodes, openFiles } = this.#context;
    const row = inodes.find(ino);
    if (row === undefined || !isRegular(row.mode) || row.nlink === 0) return false;
    if (row.writers === 1 || row.stub === 1 || row.fill !== null) return false;
    return !openFiles.isOpen(ino) && this.#cleanEntry(row) !== undefined;
  }

  /**
   * Within a transaction: the bytes here are not base's (`found` is their digest) or not there. Answers whether the
   * file could be made a stub: only what the server holds can be fetched.
   */
  becomeStub(row: InodeRow, found: string | undefined): boolean {
    const { db, inodes, bytes, entries, log, invalidate } = this.#context;
    const entry = this.#cleanEntry(row);
    if (entry?.doc_id == null) return false;
    log.log("warn", "a file was damaged and is fetched again", { ino: row.ino });
    if (found !== undefined) {
      const path = entries.shownPath(entry);
      const { size } = this.#context.working.stat(row.ino);
      this.#trash.put(entry, path, { blob: found, size }, size, "damaged on disk");
      // Within the transaction: a trash row without its bytes would be worse than bytes without a row.
      bytes.moveWorkToBlob(row.ino, found);
      bytes.syncNames();
    }
    inodes.update(row.ino, { stub: 1, work_ctime: null });
    db.afterCommit(() => invalidate({ kind: "inode", ino: row.ino }));
    return true;
  }

  /** An entry whose base the file's bytes are said to be. */
  #cleanEntry(row: InodeRow): EntryRow | undefined {
    return this.#context.entries
      .ofInode(row.ino)
      .find(
        (e) =>
          e.state === "live" &&
          e.base_ver >= row.bytes_ver &&
          e.base_ver > 0 &&
          e.base_hash !== null &&
          e.diverged === 0,
      );
  }
}
