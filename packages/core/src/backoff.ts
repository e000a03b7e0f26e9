import { backoffMsMax, backoffMsMin } from "./limits.ts";
import type { Random } from "./random.ts";

/**
 * How long to wait before the next attempt: exponential with full jitter, so that many clients that failed
 * together do not come back together.
 * @param attempt how many attempts have failed, from 1
 * @returns milliseconds, at least a quarter of the bound for this attempt and at most `backoffMsMax`
 */
export function backoffMs(attempt: number, random: Random): number {
  const bound = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(attempt - 1, 16));
  return Math.round(bound / 4 + random.next() * bound * 0.75);
}
