/**
 * Versions: the one counter that decides what is dirty.
 *
 * `seq` only ever grows, also over a crash and over the deletion of every row: it is reserved in blocks, and a
 * start begins above the last block. So `local_ver ≠ base_ver` says "changed since we last agreed" without a
 * clock, a flag or a comparison of bytes. The epoch (96 random bits, made anew when a store is restored or
 * copied) makes the versions of two stores different.
 */
import { assert, type Random, toBase32 } from "@smfs/core";
import type { Database } from "./database.ts";
import type { Facts } from "./facts.ts";

/** Versions reserved at a time, and how many are left at least when a transaction begins. */
const reserveCount = 65_536;
const reserveLeftMin = 32_768;

export class Versions {
  /** Identity of this store's history, base32. */
  readonly epoch: string;
  /** Identity of the running daemon: transitions of the protocol check that it still holds the store. */
  readonly owner: string;
  #seq: number;
  #reserved: number;

  /** Takes the store: from here on an older owner's transitions fail. */
  constructor(db: Database, facts: Facts, random: Random) {
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
    return this.#seq;
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
