// The race this project began with: a background upload confirms an older version while the user has written
// again. Against the hosted model, where a document takes seconds to be processed, so that the window is wide.
import type { Store, Transitions } from "@smfs/store";
import { expect, test } from "vitest";
import { hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { type ClockFault, trueClock } from "../sim/clock.ts";
import { type Device, type DeviceOptions, Rig } from "./rig.ts";

const slow: Quirks = {
  ...hostedQuirks,
  processingMs: [3000, 3000],
  patchWhileProcessing: "accept",
};

/** base_ver := local_ver at settling: what clearing a dirty flag does. */
function clearUnconditionally(transitions: Transitions, store: Store): void {
  const { verify } = transitions;
  transitions.verify = (fid, opId, remote, options) => {
    const settled = verify(fid, opId, remote, options);
    const entry = store.context.entries.byFid(fid);
    if (entry !== undefined) store.context.entries.update(fid, { base_ver: entry.local_ver });
    return settled;
  };
}

/** Takes an attempt for carried out, whatever the server has. */
function settleBlindly(store: Store, fid: string): void {
  const { db, entries } = store.context;
  const op = db.sql
    .prepare<[string], { claim_ver: number }>("SELECT claim_ver FROM op WHERE fid = ?")
    .get(fid);
  if (op === undefined) return;
  entries.update(fid, { base_ver: op.claim_ver });
  db.sql.prepare("DELETE FROM op WHERE fid = ?").run(fid);
}

/** Runs until the first version of /f is at the server and being processed. */
async function firstVersionSent(
  options: DeviceOptions = {},
  quirks = slow,
): Promise<[Rig, Device]> {
  const rig = new Rig(quirks);
  const device = rig.device("a", options).start();
  await rig.run(1000);
  device.write("/f", "first");
  await rig.until(() => rig.texts()["/f"] === "first", "the first version is sent");
  expect(device.transitions.status().inFlightCount).toBe(1);
  return [rig, device];
}

async function writeAgain(rig: Rig, device: Device): Promise<void> {
  device.write("/f", "second");
  // The handle is closed and its lease granted before the confirmation.
  await rig.run(100);
  const ino = device.ino("/f") ?? 0;
  expect(device.store.context.inodes.get(ino).writers).toBe(0);
  expect(device.transitions.status().inFlightCount).toBe(1);
}

/** What the device holds in the very moment after each confirmation. */
function watchConfirmations(device: Device): { text: string | undefined; dirtyCount: number }[] {
  const moments: { text: string | undefined; dirtyCount: number }[] = [];
  const { verify } = device.transitions;
  device.transitions.verify = (...args) => {
    const settled = verify(...args);
    moments.push({ text: device.read("/f"), dirtyCount: device.transitions.status().dirtyCount });
    return settled;
  };
  return moments;
}

function sequenceOf(name: string, options: DeviceOptions): void {
  test(`[PUSH-7, PULL-4] ${name}`, async () => {
    const [rig, device] = await firstVersionSent(options);
    const moments = watchConfirmations(device);
    await writeAgain(rig, device);
    await rig.until(() => moments.length > 0, "the first is confirmed");
    expect(moments[0]).toEqual({ text: "second", dirtyCount: 1 });
    await rig.until(() => device.isClean(), "all is quiet");
    expect(device.read("/f")).toBe("second");
    expect(rig.texts()).toEqual({ "/f": "second" });
  });
}

sequenceOf("(a) a second write during an upload stays, stays dirty and arrives", {});

const clocks: Record<string, ClockFault> = {
  "a stopped clock": { ...trueClock, frozen: true },
  "a clock of one second's grain": { ...trueClock, tickMs: 1000 },
  "a clock a day behind": { ...trueClock, skewMs: -86_400_000 },
  "a clock that runs backwards": { ...trueClock, drift: -2 },
};
for (const [what, clockFault] of Object.entries(clocks)) {
  sequenceOf(`(d) the same with ${what}`, { clockFault });
}

test("[PULL-4] (a) the pull skips the second version because it is dirty", async () => {
  const [rig, device] = await firstVersionSent();
  const seen: string[] = [];
  const { apply } = device.transitions;
  device.transitions.apply = (plans, cursor) => {
    for (const plan of plans) seen.push(plan.do === "defer" ? plan.why : plan.do);
    return apply(plans, cursor);
  };
  await writeAgain(rig, device);
  await rig.until(() => device.transitions.status().inFlightCount === 0, "the first is confirmed");
  await rig.until(() => device.isClean(), "all is quiet");
  expect(seen).not.toContain("fast-forward");
  expect(seen.some((what) => what === "an attempt is in progress" || what === "changed here")).toBe(
    true,
  );
});

test("[PUSH-7] (a) fails when settling clears unconditionally: the test sees", async () => {
  const [rig, device] = await firstVersionSent({ mutate: clearUnconditionally });
  await writeAgain(rig, device);
  await rig.until(() => device.transitions.status().inFlightCount === 0, "the first is confirmed");
  expect(device.transitions.status().dirtyCount).toBe(0);
  await rig.run(60_000);
  expect(rig.texts()["/f"]).toBe("first");
});

test("[PUSH-5] (b) without a second write the file ends clean, and not before the server confirmed", async () => {
  const [rig, device] = await firstVersionSent();
  const [doc] = [...rig.model.table.all()];
  await rig.until(() => {
    const isDone = rig.model.table.get(doc?.id ?? "")?.status === "done";
    if (!isDone) expect(device.isClean()).toBe(false);
    return isDone;
  }, "the server is done");
  await rig.until(() => device.isClean(), "it is confirmed");
  expect(device.read("/f")).toBe("first");
});

test("[PUSH-6] (c) a confirmation that does not come moves no base and stays visible until a later look", async () => {
  const rig = new Rig({ ...slow, processingMs: [90_000, 90_000] });
  const device = rig.device("a").start();
  await rig.run(1000);
  device.write("/f", "first");
  await rig.until(() => rig.texts()["/f"] === "first", "it is sent");
  await rig.run(80_000);
  const status = device.transitions.status();
  expect(status.inFlightCount).toBe(1);
  expect(status.waiting).toEqual([{ path: "/f", why: "in flight, not confirmed" }]);
  const entry = device.store.context.entries.find(1, "f");
  expect(entry?.base_ver).toBe(0);
  await rig.until(() => device.isClean(), "a later look confirms it");
  expect(device.store.context.entries.find(1, "f")?.base_hash).not.toBeNull();
});

test("[PUSH-5] (b) fails when a 2xx moves the base: the test sees", async () => {
  const believeAnswers = (transitions: Transitions, store: Store): void => {
    const { note } = transitions;
    transitions.note = (fid, opId, changes) => {
      const op = note(fid, opId, changes);
      if (changes.phase === "accepted") settleBlindly(store, fid);
      return op;
    };
  };
  const rig = new Rig(slow);
  const device = rig.device("a", { mutate: believeAnswers }).start();
  await rig.run(1000);
  device.write("/f", "first");
  await rig.until(() => rig.texts()["/f"] === "first", "the first version is sent");
  await rig.run(500);
  const [doc] = [...rig.model.table.all()];
  expect(doc?.status).not.toBe("done");
  expect(device.transitions.status().dirtyCount).toBe(0);
});

test("[PUSH-6] (c) fails when a time-out counts as success: the test sees", async () => {
  const believeTime = (transitions: Transitions, store: Store): void => {
    transitions.giveBack = (fid) => settleBlindly(store, fid);
  };
  const rig = new Rig({ ...slow, processingMs: [90_000, 90_000] });
  const device = rig.device("a", { mutate: believeTime }).start();
  await rig.run(1000);
  device.write("/f", "first");
  await rig.until(() => rig.texts()["/f"] === "first", "it is sent");
  await rig.run(80_000);
  expect(device.transitions.status().inFlightCount).toBe(0);
});
