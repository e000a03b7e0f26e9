/** Time, injected everywhere: pacing and what people are shown. No decision about data looks at it. */

/** Stops a timer that has not fired. */
export type Cancel = () => void;

export interface Clock {
  /** Wall-clock milliseconds since 1970. May jump, stop and go back; shown to people, never compared. */
  now(): number;
  /** Milliseconds of a clock that never goes back. For pacing. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, or as soon as `signal` is aborted: never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Runs `action` after `ms` milliseconds. */
  after(ms: number, action: () => void): Cancel;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
    }),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Milliseconds since 1970 of an ISO 8601 time, such as a server writes; undefined for anything else. For what
 * people are shown (a file's time) and for ordering one server's own times among themselves.
 */
export function toInstant(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? ms : undefined;
}
