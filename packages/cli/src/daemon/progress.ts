/** What the engine's state means for the one who waits: is it safe, has it moved, what is left and why. */
import type { OnlyHere } from "@smfs/store";
import type { EngineStatus } from "@smfs/sync";
import type { Connectivity, PathNote, SyncOutcome } from "./control-protocol.ts";

/** Reasons told at most. */
const reasonsMax = 100;

/** Which directions are on. */
export interface Directions {
  readonly pull: boolean;
  readonly push: boolean;
}

export function connectivity(status: EngineStatus, { push, pull }: Directions): Connectivity {
  if (!push && !pull) return "paused";
  switch (status.connection.state) {
    case "online":
      return "online";
    case "paused":
      return "unauthorised";
    case "connecting":
    case "offline":
      return "offline";
  }
}

/** Whether all that is local is at the server, and (where changes are taken) all that was seen there is here. */
export function isSafe(status: EngineStatus, { pull }: Directions): boolean {
  const { dirtyCount, inFlightCount, pendingRemoteCount } = status.store;
  if (status.connection.state !== "online" || dirtyCount > 0 || inFlightCount > 0) return false;
  if (!pull) return true;
  return status.lastPullMs !== null && pendingRemoteCount === 0 && status.deletions === "none";
}

/** Whether all that is left is kept here until the user changes it: waiting does not help. */
export function isStuck({ connection, store }: EngineStatus): boolean {
  const { dirtyCount, refusedCount, inFlightCount, pendingRemoteCount } = store;
  if (connection.state !== "online" || inFlightCount > 0 || pendingRemoteCount > 0) return false;
  return dirtyCount > 0 && refusedCount === dirtyCount;
}

/** Equal for two looks between which nothing has moved. */
export function progressMark({ connection, store }: EngineStatus): string {
  const { dirtyCount, inFlightCount, pendingRemoteCount, entryCount, stubCount } = store;
  return [
    connection.state,
    dirtyCount,
    inFlightCount,
    pendingRemoteCount,
    entryCount,
    stubCount,
  ].join();
}

/** What is going on, as a progress line. */
export function progressText(status: EngineStatus): string {
  const { store, connection } = status;
  if (connection.state !== "online")
    return `waiting for the server: ${connection.message ?? connection.state}`;
  const parts = [
    store.dirtyCount > 0 ? `sending: ${store.dirtyCount.toLocaleString("en")} left` : "",
    store.pendingRemoteCount > 0
      ? `receiving: ${store.pendingRemoteCount.toLocaleString("en")} left`
      : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "checking with the server" : parts.join(", ");
}

export function toOutcome(status: EngineStatus, directions: Directions): SyncOutcome {
  const { dirtyCount, inFlightCount } = status.store;
  return {
    safe: isSafe(status, directions),
    left: Math.max(dirtyCount, inFlightCount),
    reasons: reasons(status, directions),
  };
}

/** For a store that is to be removed: what would be gone with it is not safe either. */
export function withOnlyHere(outcome: SyncOutcome, found: readonly OnlyHere[]): SyncOutcome {
  if (found.length === 0) return outcome;
  const notes = found.map(({ path, why }) => ({ path, message: why }));
  return {
    safe: false,
    left: outcome.left + found.length,
    reasons: [...outcome.reasons, ...notes].slice(0, reasonsMax),
  };
}

function reasons(status: EngineStatus, directions: Directions): PathNote[] {
  const { store, connection } = status;
  const notes: PathNote[] = [];
  const about = (message: string) => notes.push({ path: null, message });
  if (directions.pull && status.deletions === "held") {
    about(
      "many documents are gone from the server: smfs sync --confirm-deletes --dry-run shows which",
    );
  }
  if (!directions.push) about("nothing is sent: it is mounted with --offline");
  else if (connection.state !== "online") {
    about(`the server cannot be used: ${connection.message ?? "there was no answer yet"}`);
  } else if (directions.pull && status.lastPullMs === null) {
    about("the server's list of files is not complete yet");
  }
  for (const { path, why } of store.waiting) notes.push({ path, message: why });
  if (store.pendingRemoteCount > 0) {
    about(`${store.pendingRemoteCount} documents of the server wait to be taken`);
  }
  return notes.slice(0, reasonsMax);
}
