/**
 * Versions: the one counter that decides what is dirty.
 *
 * `seq` only ever grows, also over a crash and over the deletion of every row: it is reserved in blocks, and a
 * start begins above the last block. So `local_ver ≠ base_ver` says "changed since we last agreed" without a
 * clock, a flag or a comparison of bytes. The epoch (96 random bits, made anew when a store is restored or
 * copied) makes the versions of two stores different.
 */
import { assert, type Clock, type Random, toBase32 } from "@smfs/core";
import type { Database } from "./database.ts";
import type { Facts } from "./facts.ts";

/** Versions reserved at a time, and how many are left at least when a transaction begins. */
const reserveCount = 65_536;
const reserveLeftMin = 32_768;

/** Spacing of the notes of when versions were given, in milliseconds, and how many are kept. */
const noteMs = 5;
const notesMax = 8192;

export class Versions {
  /** Identity of this store's history, base32. */
  readonly epoch: string;
  /** Identity of the running daemon: transitions of the protocol check that it still holds the store. */
  readonly owner: string;
  readonly #clock: Clock;
  #seq: number;
  #reserved: number;
  /** Ascending: version `seq` was given at `ms` or up to `noteMs` later. */
  #notes: { seq: number; ms: number }[] = [];

  /** Takes the store: from here on an older owner's transitions fail. */
  constructor(db: Database, facts: Facts, random: Random, clock: Clock) {
    this.#clock = clock;
    const taken = db.transaction(() => {
      let epoch = facts.get("epoch");
      if (epoch === undefined) {
        epoch = toBase32(random.bytes(12));
        facts.set("epoch", epoch);
      }
      const owner = toBase32(random.bytes(10));
      facts.set("owner", owner);
      const seq = Number(facts.get("seq_reserved") ?? "0");
      facts.set("seq_reserved", String(seq + reserveCount));
      return { epoch, owner, seq };
    }, "power");
    this.epoch = taken.epoch;
    this.owner = taken.owner;
    this.#seq = taken.seq;
    this.#reserved = taken.seq + reserveCount;
    db.beforeBegin(() => {
      if (this.#reserved - this.#seq >= reserveLeftMin) return;
      const reserved = this.#seq + reserveCount;
      facts.set("seq_reserved", String(reserved));
      this.#reserved = reserved;
    });
  }

  /** The next version. Call within the transaction that uses it. */
  next(): number {
    assert(this.#seq < this.#reserved, "a transaction takes fewer versions than are reserved");
    this.#seq += 1;
    const ms = this.#clock.monotonic();
    const last = this.#notes.at(-1);
    if (last === undefined || ms - last.ms >= noteMs) this.#notes.push({ seq: this.#seq, ms });
    if (this.#notes.length > notesMax) this.#notes = this.#notes.slice(notesMax / 2);
    return this.#seq;
  }

  /**
   * How long ago a version was given, in milliseconds of the monotonic clock, within `noteMs`; infinite for one
   * older than the notes go back. For pacing only: kept in memory, and no decision about data depends on it.
   */
  ageMs(version: number): number {
    const notes = this.#notes;
    let low = 0;
    let high = notes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((notes[middle]?.seq ?? 0) <= version) low = middle + 1;
      else high = middle;
    }
    const note = notes[low - 1];
    return note === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonic() - note.ms;
  }

  /** The last version given. */
  get current(): number {
    return this.#seq;
  }

  /** A revision id for a version: unique over all stores. */
  revision(version: number): string {
    return `${this.epoch}:${version}`;
  }

  /** Whether a revision id was made by this store. */
  isMine(revision: string | null | undefined): boolean {
    return revision?.startsWith(`${this.epoch}:`) === true;
  }
}
