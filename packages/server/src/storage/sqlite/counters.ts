/** The numbers given out so far. They live in memory and reach the disk with each commit that moved them. */
import type { Database } from "./database.ts";

interface CounterRow {
  seq: number;
  at: number;
  horizon: number;
  document: number;
  content: number;
  chunk: number;
  vector: number;
  memory: number;
}

/** Counters of one writing connection. A unit that is rolled back leaves gaps, never repeats. */
export interface Counters {
  /** The next number of a kind. */
  next(kind: "seq" | "document" | "content" | "chunk" | "vector" | "memory"): number;
  /** A time for a change: `now`, or one millisecond after the last, whichever is later. */
  nextAt(now: number): number;
  readonly seq: number;
  readonly horizon: number;
  raiseHorizon(seq: number): void;
  /** Writes the counters if they moved; part of every commit. */
  save(): void;
}

export function openCounters(db: Database): Counters {
  const row = db.prepare<[], CounterRow>("SELECT * FROM counter").get();
  if (row === undefined) throw new Error("the database has lost its counters");
  const update = db.prepare<[CounterRow]>(
    `UPDATE counter SET seq = @seq, at = @at, horizon = @horizon, document = @document,
       content = @content, chunk = @chunk, vector = @vector, memory = @memory`,
  );
  let moved = false;
  return {
    next: (kind) => {
      moved = true;
      row[kind] += 1;
      return row[kind];
    },
    nextAt: (now) => {
      moved = true;
      row.at = Math.max(now, row.at + 1);
      return row.at;
    },
    get seq() {
      return row.seq;
    },
    get horizon() {
      return row.horizon;
    },
    raiseHorizon: (seq) => {
      moved = true;
      row.horizon = Math.max(row.horizon, seq);
    },
    save: () => {
      if (moved) update.run(row);
      moved = false;
    },
  };
}
