/**
 * What leaves the trash by itself (docs/spec/store.md, TRASH-1): only age takes anything out.
 *
 * Age is not told from the time that is noted with an item: a clock that was wrong once would empty the trash. Days are
 * counted instead, each when a mount sees that one has passed since the last; with each the newest number in the trash is
 * noted, and what was there so many days ago goes. Days on which nothing was mounted do not count, so nobody comes back
 * to an empty trash; a clock that jumps makes one day at most.
 */
import type { StoreContext } from "./context.ts";

/** Name of the fact that holds the days. */
const daysFact = "trash_days";
const dayMs = 86_400_000;
/** Items let go of in one transaction. */
const droppedMax = 1000;

interface Days {
  /** When the last day was counted, or the counting began; wall clock. */
  readonly atMs: number;
  /** The newest number in the trash at the end of each day, the oldest day first. */
  readonly newest: readonly number[];
  /** Items up to this number go. */
  readonly goneTo: number;
}

export class TrashRetention {
  readonly #context: StoreContext;
  readonly #days: number;
  readonly #newest;
  readonly #drop;

  /** @param days that an item stays at least */
  constructor(context: StoreContext, days: number = context.trashDays) {
    this.#context = context;
    this.#days = days;
    const { sql } = context.db;
    this.#newest = sql.prepare<[], number>("SELECT coalesce(max(id), 0) FROM trash").pluck();
    this.#drop = sql.prepare(
      "DELETE FROM trash WHERE id IN (SELECT id FROM trash WHERE id <= ? ORDER BY id LIMIT ? + 0)",
    );
  }

  /** Within a transaction: counts the day if one has passed, and lets go of what is old. @returns whether more is to go */
  tend(): boolean {
    const { clock, facts } = this.#context;
    const noted = facts.get(daysFact);
    const now = clock.now();
    const after = counted(toDays(noted, now), now, this.#newest.get() ?? 0, this.#days);
    const text = JSON.stringify(after);
    if (text === noted && after.goneTo === 0) return false;
    const { changes } = this.#drop.run(after.goneTo, droppedMax);
    // Numbers are given once: what comes later is above them.
    const isRest = changes === droppedMax;
    facts.set(daysFact, isRest ? text : JSON.stringify({ ...after, goneTo: 0 }));
    return isRest;
  }
}

/**
 * The days after a look. Pure.
 * @param newest number in the trash now; 0 when it is empty
 */
export function counted(days: Days, nowMs: number, newest: number, daysMax: number): Days {
  // A clock that was set back begins the day anew.
  if (nowMs < days.atMs) return { ...days, atMs: nowMs };
  if (nowMs - days.atMs < dayMs) return days;
  const all = [...days.newest, newest];
  const over = all.splice(0, Math.max(0, all.length - daysMax));
  return { atMs: nowMs, newest: all, goneTo: Math.max(days.goneTo, ...over) };
}

function toDays(text: string | undefined, nowMs: number): Days {
  return text === undefined ? { atMs: nowMs, newest: [], goneTo: 0 } : (JSON.parse(text) as Days);
}
