/** Waits until everything is safe, for as long as something moves. */
import type { Clock } from "@smfs/core";
import type { EngineStatus } from "@smfs/sync";
import type { SyncOutcome } from "./control-protocol.ts";
import {
  type Directions,
  isSafe,
  isStuck,
  progressMark,
  progressText,
  toOutcome,
} from "./progress.ts";

export interface DrainDeps {
  readonly clock: Clock;
  readonly directions: Directions;
  readonly status: () => Promise<EngineStatus>;
  /** Whether the server has nothing that was not seen here. Asked when all else is safe. */
  readonly isCaughtUp: () => Promise<boolean>;
}

/** Milliseconds between two looks: a look costs the store thread time, so while much is left they are fewer. */
const lookMs = 50;
const lookMsMax = 500;
/** Milliseconds after which a server that does not answer is not waited for. */
const offlineMs = 3_000;

/**
 * @param patienceMs without any progress after which it gives up
 * @param signal ends the wait: the outcome is what it is then
 */
export async function drain(
  deps: DrainDeps,
  patienceMs: number,
  onProgress: (text: string) => void,
  signal?: AbortSignal,
): Promise<SyncOutcome> {
  const { clock, directions } = deps;
  let mark = "";
  let since = clock.monotonic();
  for (;;) {
    const status = await deps.status();
    if (isSafe(status, directions) && (await deps.isCaughtUp()))
      return toOutcome(status, directions);
    if (isStuck(status) && (await deps.isCaughtUp())) return toOutcome(status, directions);
    // Nobody but the user can end that.
    if (directions.pull && status.deletions === "held") return toOutcome(status, directions);
    const now = progressMark(status);
    if (now !== mark) {
      mark = now;
      since = clock.monotonic();
    }
    const stillMs = clock.monotonic() - since;
    const isAway = status.connection.state !== "online";
    if (
      stillMs >= (isAway ? Math.min(patienceMs, offlineMs) : patienceMs) ||
      signal?.aborted === true
    ) {
      return unsafe(toOutcome(status, directions));
    }
    onProgress(progressText(status));
    await clock.sleep(Math.min(lookMsMax, lookMs + status.store.dirtyCount), signal);
  }
}

/** Safe as far as is known, but the server could not be asked whether there is more. */
function unsafe(outcome: SyncOutcome): SyncOutcome {
  if (!outcome.safe) return outcome;
  const message = "the server has changes that were not taken yet";
  return { ...outcome, safe: false, reasons: [{ path: null, message }] };
}
