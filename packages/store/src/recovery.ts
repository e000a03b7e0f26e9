/**
 * What a crash or a power loss leaves behind, put right at start (docs/spec/store.md, RECOVER-n).
 *
 * After the death of the process rows and bytes are as they were, but the last operation may have stopped between
 * the two. After a power loss (the machine's boot id changed) bytes that were not synced may be missing, torn or
 * zero: what is clean is compared with its digest before it is trusted.
 */
import { S_IFMT, S_IFREG } from "@smfs/core";
import type { Database } from "./database.ts";
import type { FileContext } from "./file-context.ts";
import type { InodeRow } from "./inodes.ts";
import { Problems } from "./problems.ts";
import { Suspects } from "./suspects.ts";
import type { Verification } from "./verification.ts";

/** Rows handled in one transaction. */
const batchRows = 512;

const cleanStop = "clean_stop";
const bootId = "boot_id";
const unknownBoot = "unknown";
const isFile = `(mode & ${S_IFMT}) = ${S_IFREG}`;

export class Recovery {
  readonly #context: FileContext;
  readonly #verification: Verification;

  constructor(context: FileContext) {
    this.#context = context;
    this.#verification = context.verification;
  }

  /** Before the first operation. */
  start(): void {
    const { facts, db, bytes, clock } = this.#context;
    const boot = bytes.bootId();
    const before = facts.get(bootId);
    const isPeace = facts.get(cleanStop) === (boot ?? unknownBoot);
    // Where boots cannot be told apart, a stop in peace is all the assurance there is.
    const isSameBoot = boot === undefined ? isPeace : before === boot;
    db.transaction(() => facts.drop(cleanStop), "power");
    if (before !== undefined && !(isSameBoot && isPeace)) this.#scan(isSameBoot);
    if (isSameBoot) this.#verification.resume();
    const problems = new Problems(db, clock);
    db.transaction(() => {
      problems.prune();
      facts.set(bootId, boot ?? unknownBoot);
    }, "power");
  }

  #scan(isSameBoot: boolean): void {
    this.#context.bytes.clearUnfinished();
    this.#freeOrphans();
    this.#forgetLostBlobs(!isSameBoot);
    this.#matchWorkingFiles();
    if (!isSameBoot) {
      new Suspects(this.#context).settle();
      this.#verification.begin();
    }
    const writing = this.#context.db.sql
      .prepare<[], number>(`SELECT ino FROM inode WHERE writers = 1 AND ${isFile}`)
      .pluck();
    this.#context.writers.recovered(writing.all());
  }

  get isPending(): boolean {
    return this.#verification.isPending;
  }

  /** Goes on with what need not be done before the first operation. */
  tick(sliceMs: number): void {
    this.#verification.tick(sliceMs);
  }

  /** Before the database is closed in peace. */
  stop(): void {
    const { facts, db, bytes } = this.#context;
    if (this.isPending) return;
    db.transaction(() => facts.set(cleanStop, bytes.bootId() ?? unknownBoot), "power");
  }

  /** Inodes without a name, which nobody can have open now: a row stays while a deleted entry refers to it. */
  #freeOrphans(): void {
    const { db, orphans } = this.#context;
    const inos = db.sql.prepare<[], number>("SELECT ino FROM inode WHERE nlink = 0").pluck().all();
    inBatches(db, inos, (ino) => orphans.freeIfUnused(ino));
  }

  /** Base bytes were kept for merges; a power loss may have taken some. */
  #forgetLostBlobs(compare: boolean): void {
    const { db, bytes, log } = this.#context;
    const kept = db.sql
      .prepare<[], string>("SELECT DISTINCT base_blob FROM entry WHERE base_blob IS NOT NULL")
      .pluck();
    const forget = db.sql.prepare("UPDATE entry SET base_blob = NULL WHERE base_blob = ?");
    inBatches(db, kept.all(), (digest) => {
      const isThere = bytes.hasBlob(digest);
      if (isThere && (!compare || bytes.digest(bytes.readBlob(digest)) === digest)) return;
      forget.run(digest);
      if (isThere) db.afterCommit(() => bytes.removeBlob(digest));
    });
    // An attempt that has not been sent is made anew from the bytes as they are.
    const lost = db.sql.prepare<[], { fid: string; snap_blob: string; phase: string }>(
      "SELECT fid, snap_blob, phase FROM op WHERE snap_blob IS NOT NULL",
    );
    const drop = db.sql.prepare("DELETE FROM op WHERE fid = ?");
    inBatches(db, lost.all(), ({ fid, snap_blob, phase }) => {
      if (bytes.hasBlob(snap_blob)) return;
      if (phase === "claimed") drop.run(fid);
      else log.log("error", "the snapshot of an attempt in progress is missing", { fid });
    });
  }

  /** Every file has its working file, and every working file its row. */
  #matchWorkingFiles(): void {
    const { db, bytes, orphans, inodes } = this.#context;
    const there = new Set(bytes.listWork());
    const files = db.sql
      .prepare<[], number>(`SELECT ino FROM inode WHERE ${isFile} AND nlink > 0 AND stub = 0`)
      .pluck();
    const missing: number[] = [];
    for (const ino of files.all()) if (!there.delete(ino)) missing.push(ino);
    for (const ino of there) orphans.garbage.add(ino, undefined);
    inBatches(db, missing, (ino) => this.#replaceMissing(inodes.get(ino)));
  }

  /**
   * A file without bytes: made, but its working file was not yet; or lost. What is clean can be fetched again.
   * Within a transaction.
   */
  #replaceMissing(row: InodeRow): void {
    const { bytes, inodes, log } = this.#context;
    if (row.fill !== null && bytes.hasBlob(row.fill)) return;
    if (row.size > 0 && row.writers === 0 && this.#verification.becomeStub(row, undefined)) return;
    if (row.size > 0) log.log("error", "the bytes of a file are missing", { ino: row.ino });
    // Within the transaction: should it not commit, an empty working file too many is found next time.
    bytes.close(bytes.openWork(row.ino, "create"));
    inodes.update(row.ino, { size: 0, blocks: 0, fill: null });
  }
}

function inBatches<T>(db: Database, items: readonly T[], action: (item: T) => void): void {
  for (let at = 0; at < items.length; at += batchRows) {
    db.transaction(() => {
      for (const item of items.slice(at, at + batchRows)) action(item);
    });
  }
}
