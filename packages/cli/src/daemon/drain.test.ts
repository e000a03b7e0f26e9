import type { Clock } from "@smfs/core";
import { systemClock } from "@smfs/core";
import type { EngineStatus } from "@smfs/sync";
import { expect, test } from "vitest";
import { drain } from "./drain.ts";

interface Situation {
  readonly state?: "online" | "offline" | "paused";
  readonly dirty?: number;
  readonly refused?: number;
  readonly inFlight?: number;
  readonly remote?: number;
  readonly pulled?: boolean;
  readonly waiting?: { path: string; why: string }[];
  readonly deletions?: EngineStatus["deletions"];
}

function engineStatus(of: Situation): EngineStatus {
  const { state = "online", dirty = 0, inFlight = 0, remote = 0, pulled = true } = of;
  return {
    connection: { state, message: state === "online" ? null : "down", lastAnswerMs: null },
    capabilities: { etag: true, changes: true, raw: true, idempotency: true },
    userName: null,
    userId: null,
    orgName: null,
    lastPullMs: pulled ? 1 : null,
    deletions: of.deletions ?? "none",
    heldDeletions: null,
    store: {
      dirtyCount: dirty,
      inFlightCount: inFlight,
      pendingRemoteCount: remote,
      entryCount: 1,
      stubCount: 0,
      refusedCount: of.refused ?? 0,
      waiting: of.waiting ?? [],
      problems: [],
      conflicts: [],
      heldOpen: [],
      ignored: { count: 0, examples: [] },
    },
  };
}

/** Drains through situations, one at each look; the last one stays. Time passes by sleeping only. */
async function drainThrough(
  situations: readonly Situation[],
  options: { patienceMs?: number; pull?: boolean; push?: boolean; caughtUp?: () => boolean } = {},
) {
  let now = 0;
  let look = 0;
  const clock: Clock = {
    ...systemClock,
    monotonic: () => now,
    sleep: async (ms) => {
      now += ms;
    },
  };
  const told: string[] = [];
  const outcome = await drain(
    {
      clock,
      directions: { pull: options.pull ?? true, push: options.push ?? true },
      status: async () => {
        const situation = situations[Math.min(look, situations.length - 1)] ?? {};
        look += 1;
        return engineStatus(situation);
      },
      isCaughtUp: async () => options.caughtUp?.() ?? true,
    },
    options.patienceMs ?? 30_000,
    (text) => told.push(text),
  );
  return { outcome, told, elapsedMs: now };
}

test("[CLI-20] it is safe when nothing is dirty, in flight or deferred, and the server has no more", async () => {
  const { outcome, told } = await drainThrough([{ dirty: 2 }, { inFlight: 1 }, { remote: 1 }, {}]);
  expect(outcome).toEqual({ safe: true, left: 0, reasons: [] });
  expect(told[0]).toBe("sending: 2 left");
});

test("[CLI-20] it waits as long as something moves, however long that takes", async () => {
  const countdown = Array.from({ length: 2000 }, (_, i) => ({ dirty: 2000 - i }));
  const { outcome, elapsedMs } = await drainThrough([...countdown, {}], { patienceMs: 1000 });
  expect(outcome.safe).toBe(true);
  expect(elapsedMs).toBeGreaterThan(60_000);
});

test("[CLI-20] when nothing moves it ends after its patience, with what is left and why", async () => {
  const waiting = [{ path: "/a.md", why: "refused: too large" }];
  const { outcome, elapsedMs } = await drainThrough([{ dirty: 1, waiting }], { patienceMs: 5000 });
  expect(outcome).toEqual({
    safe: false,
    left: 1,
    reasons: [{ path: "/a.md", message: "refused: too large" }],
  });
  expect(elapsedMs).toBeGreaterThanOrEqual(5000);
  expect(elapsedMs).toBeLessThan(6000);
});

test("[CLI-20] what is refused until it is changed is not waited for, all else is", async () => {
  const waiting = [{ path: "/a.md", why: "refused: path is not UTF-8" }];
  const refused = { dirty: 1, refused: 1, waiting };
  const { outcome, elapsedMs } = await drainThrough([{ ...refused, dirty: 2 }, refused]);
  expect(outcome).toMatchObject({ safe: false, left: 1 });
  expect(elapsedMs).toBeLessThan(1000);
  const others = [{ ...refused, remote: 1 }, { ...refused, inFlight: 1 }, refused];
  expect((await drainThrough(others)).elapsedMs).toBeGreaterThan(0);
  const away = await drainThrough([{ ...refused, state: "offline" }]);
  expect(away.outcome.reasons[0]?.message).toMatch(/the server cannot be used/);
});

test("[CLI-20] a server that is away is waited for a moment only, and is the reason", async () => {
  const { outcome, elapsedMs } = await drainThrough([{ state: "offline", dirty: 1 }]);
  expect(elapsedMs).toBeLessThan(4000);
  expect(outcome.reasons[0]?.message).toMatch(/the server cannot be used: down/);
});

test("[CLI-20] changes of the server that were not taken yet are waited for; without pull they are not", async () => {
  let asked = 0;
  const caughtUp = () => {
    asked += 1;
    return asked > 3;
  };
  expect((await drainThrough([{}], { caughtUp })).outcome.safe).toBe(true);
  expect(asked).toBe(4);
  expect((await drainThrough([{ pulled: false, remote: 5 }], { pull: false })).outcome.safe).toBe(
    true,
  );
  const never = await drainThrough([{}], { caughtUp: () => false, patienceMs: 100 });
  expect(never.outcome).toMatchObject({ safe: false, left: 0 });
  expect(never.outcome.reasons[0]?.message).toMatch(/changes that were not taken/);
});

test("[CLI-51] held deletions end the wait with a reason; confirmed ones are waited for", async () => {
  const held = await drainThrough([{ deletions: "held" }]);
  expect(held.outcome.safe).toBe(false);
  expect(JSON.stringify(held.outcome.reasons)).toContain("many documents are gone from the server");
  const confirmed = await drainThrough([{ deletions: "confirmed" }, { remote: 1 }, {}]);
  expect(confirmed.outcome.safe).toBe(true);
});
