// Rules of docs/spec/sync.md that need the store, the engine and a server together.
import { errnos, FsError, O_RDONLY, Parked } from "@smfs/core";
import { expect, test } from "vitest";
import { embeddedQuirks, hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { calmNet, type NetFaults } from "../sim/net.ts";
import { caller, type Device, Rig } from "./rig.ts";

const slow: Quirks = { ...hostedQuirks, processingMs: [3000, 3000] };

async function started(quirks: Quirks, faults?: () => NetFaults): Promise<{ rig: Rig; a: Device }> {
  const rig = new Rig(quirks);
  const a = rig.device("a", faults === undefined ? {} : { faults }).start();
  await rig.run(1000);
  return { rig, a };
}

/** Requests that change something at the server. */
function writes(rig: Rig): string[] {
  return rig.requests
    .filter(({ method, path }) => method !== "GET" && !path.endsWith("/list"))
    .map(({ method, path }) => `${method} ${path.replace(/\/documents\/[^/]+/, "/documents/ID")}`);
}

test("[PUSH-0] a file that changes all the time goes after five seconds at the latest; a quiet one at once", async () => {
  const { rig, a } = await started(embeddedQuirks);
  let sentAt: number | undefined;
  rig.onExecuted = (request) => {
    if (request.method === "PUT") sentAt ??= rig.sched.now;
  };
  const begun = rig.sched.now;
  while (sentAt === undefined && rig.sched.now < begun + 20_000) {
    a.write("/busy", `${rig.sched.now}`);
    await rig.run(30);
  }
  expect((sentAt ?? Number.POSITIVE_INFINITY) - begun).toBeLessThan(7000);
});

test("[PUSH-0] two files that swap names arrive, by way of a name that is nobody's", async () => {
  const { rig, a } = await started(embeddedQuirks);
  a.write("/a", "was a");
  a.write("/b", "was b");
  await rig.until(() => a.isClean(), "both are sent");
  const swap = { fromParent: 1, fromName: "a", toParent: 1, toName: "b", flags: 2 };
  a.store.rename(swap, caller);
  await rig.until(() => a.isClean(), "the swap is sent");
  expect(rig.texts()).toEqual({ "/a": "was b", "/b": "was a" });
});

test("[PUSH-1] a file written with the bytes it had makes no request", async () => {
  const { rig, a } = await started(embeddedQuirks);
  a.write("/f", "same");
  await rig.until(() => a.isClean(), "it is sent");
  const ino = a.ino("/f") ?? 0;
  const { mtimeS, mtimeNs } = a.store.getattr(ino);
  const before = writes(rig).length;
  a.write("/f", "same");
  await rig.run(5);
  a.store.setattr(ino, { mtime: { s: mtimeS, ns: mtimeNs } }, caller);
  await rig.until(() => a.isClean(), "it is settled");
  expect(writes(rig).length).toBe(before);
});

test("[PUSH-2, PUSH-4] a creation whose answer was lost is looked for, and not made again", async () => {
  let isLossy = false;
  const { rig, a } = await started(slow, () =>
    isLossy ? { ...calmNet, lostResponse: 1 } : calmNet,
  );
  isLossy = true;
  a.write("/f", "once");
  await rig.until(() => rig.texts()["/f"] === "once", "it was carried out");
  const [op] = a.store.context.db.sql.prepare("SELECT phase FROM op").all();
  expect(op).toEqual({ phase: "sent" });
  isLossy = false;
  await rig.until(() => a.isClean(), "it is settled");
  expect(writes(rig)).toEqual(["POST /v3/documents"]);
});

test("[PUSH-9] a refused version waits, visible, and the next one is sent", async () => {
  const { rig, a } = await started({ ...embeddedQuirks, fileBytesMax: 10, contentBytesMax: 10 });
  a.write("/f", "longer than ten bytes");
  await rig.run(10_000);
  const status = a.transitions.status();
  expect(status.problems.map(({ path }) => path)).toEqual(["/f"]);
  expect(rig.texts()).toEqual({});
  expect(a.read("/f")).toBe("longer than ten bytes");
  const refused = writes(rig).length;
  await rig.run(60_000);
  expect(writes(rig).length).toBe(refused);
  a.write("/f", "short");
  await rig.until(() => a.isClean(), "the next version is sent");
  expect(rig.texts()).toEqual({ "/f": "short" });
  expect(a.transitions.status().problems).toEqual([]);
});

test("[PUSH-11] an attempt that a crash interrupted is taken up by the next process, and later writes go on", async () => {
  const { rig, a } = await started(slow);
  a.write("/f", "first");
  await rig.until(() => rig.texts()["/f"] === "first", "it is sent");
  const b = a.restart();
  expect(b.transitions.status().inFlightCount).toBe(1);
  b.write("/f", "second");
  await rig.until(() => b.isClean(), "both are settled", 200_000);
  expect(rig.texts()).toEqual({ "/f": "second" });
  expect([...rig.model.table.all()].length).toBe(1);
  expect(b.errors).toEqual([]);
});

test("[PULL-1] a page that could not be applied is asked for again from the same cursor", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  await rig.run(500);
  a.write("/f", "text");
  await rig.until(() => a.isClean(), "a has sent it");
  let failures = 3;
  const b = rig
    .device("b", {
      mutate: (transitions) => {
        const { apply } = transitions;
        transitions.apply = (plans, cursor) => {
          if (plans.length > 0 && failures > 0) {
            failures -= 1;
            throw new Error("the disk is full");
          }
          return apply(plans, cursor);
        };
      },
    })
    .start();
  await rig.until(() => b.ino("/f") !== undefined, "b has it after all");
  expect(failures).toBe(0);
});

test("[PULL-6] an edit between decision and application is not overwritten", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  let isArmed = false;
  const b = rig.device("b", {
    mutate: (transitions) => {
      const { apply } = transitions;
      transitions.apply = (plans, cursor) => {
        if (isArmed && plans.some((plan) => plan.do === "fast-forward")) {
          isArmed = false;
          // The user saves in the very moment before the transaction.
          savedLate();
        }
        return apply(plans, cursor);
      };
    },
  });
  const savedLate = () => {
    const ino = b.ino("/f") ?? 0;
    const version = b.store.context.versions.next();
    b.store.context.inodes.update(ino, { bytes_ver: version });
    b.store.context.entries.bumpInode(ino, version);
  };
  b.start();
  await rig.run(1000);
  a.write("/f", "base\n");
  await rig.until(() => b.ino("/f") !== undefined && b.isClean() && a.isClean(), "both have it");
  await rig.run(2000);
  isArmed = true;
  const before = b.read("/f");
  a.write("/f", "remote\n");
  await rig.until(() => !isArmed, "the change came");
  expect(before).toBe("base\n");
  await rig.run(30_000);
  await rig.until(() => a.isClean() && b.isClean(), "all is quiet");
  // The bytes were the same: what was decided anew is the remote version.
  expect(b.read("/f")).toBe("remote\n");
  expect(b.errors).toEqual([]);
});

test("[HYDRATE-1, HYDRATE-2] a stub is fetched once however many read it, and filled with what it stands for", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  await rig.run(500);
  a.write("/f", "stub text\n");
  await rig.until(() => a.isClean(), "a has sent it");
  const b = rig.device("b", { engine: { prefetch: false } }).start();
  await rig.until(() => b.ino("/f") !== undefined, "b knows it");
  const ino = b.ino("/f") ?? 0;
  const tickets: number[] = [];
  for (let reader = 0; reader < 5; reader += 1) {
    try {
      b.store.open(ino, O_RDONLY, caller);
    } catch (error) {
      if (!(error instanceof Parked)) throw error;
      tickets.push(error.ticket);
    }
  }
  expect(tickets.length).toBe(5);
  const raw = () =>
    rig.requests.filter(({ device, path }) => device === "b" && path.includes("/raw"));
  await rig.until(() => b.store.context.inodes.get(ino).stub === 0, "it is filled");
  expect(raw().length).toBe(1);
  expect(b.read("/f")).toBe("stub text\n");
  expect(raw().length).toBe(1);
});

test("[HYDRATE-2] offline, opening a stub fails with an errno within its bound", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  await rig.run(500);
  a.write("/f", "far away\n");
  await rig.until(() => a.isClean(), "a has sent it");
  const b = rig.device("b", { engine: { prefetch: false } }).start();
  await rig.until(() => b.ino("/f") !== undefined, "b knows it");
  b.isOffline = true;
  const ino = b.ino("/f") ?? 0;
  let ticket: number | undefined;
  try {
    b.store.open(ino, O_RDONLY, caller);
  } catch (error) {
    if (error instanceof Parked) ticket = error.ticket;
  }
  expect(ticket).toBeDefined();
  const resumed = new Set<number>();
  await rig.until(
    () => {
      for (const one of b.store.takeResumed()) resumed.add(one);
      return ticket !== undefined && resumed.has(ticket);
    },
    "the wait ends",
    40_000,
  );
  try {
    b.store.open(ino, O_RDONLY, { ...caller, resumed: ticket ?? 0 });
    expect.unreachable("offline bytes cannot be read");
  } catch (error) {
    expect(
      error instanceof FsError &&
        [errnos.EHOSTUNREACH, errnos.ETIMEDOUT].includes(error.errno as 113),
    ).toBe(true);
  }
});

test("[PORT-2] a daemon whose store was taken over settles nothing more", async () => {
  const { rig, a } = await started(slow);
  a.write("/f", "first");
  await rig.until(() => rig.texts()["/f"] === "first", "it is sent");
  a.store.context.facts.set("owner", "another daemon");
  await rig.run(60_000);
  const entry = a.store.context.entries.find(1, "f");
  expect(entry?.base_ver).toBe(0);
});

test("[CONN-1] a refused key pauses the mount, drops nothing, and all arrives when it works again", async () => {
  let isRefused = false;
  const { rig, a } = await started(embeddedQuirks, () =>
    isRefused ? { ...calmNet, unauthorized: 1 } : calmNet,
  );
  isRefused = true;
  a.write("/f", "kept");
  await rig.run(30_000);
  expect((await statusOf(rig, a)).connection.state).toBe("paused");
  expect(a.read("/f")).toBe("kept");
  isRefused = false;
  await rig.until(() => a.isClean(), "it arrives", 200_000);
  expect(rig.texts()).toEqual({ "/f": "kept" });
});

test("[CONN-1] a server that cannot be reached is tried at growing intervals", async () => {
  const { rig, a } = await started(embeddedQuirks);
  a.isOffline = true;
  a.write("/f", "later");
  await rig.run(600_000);
  const status = await statusOf(rig, a);
  expect(status.connection.state).toBe("offline");
  a.isOffline = false;
  await rig.until(() => a.isClean(), "it arrives", 120_000);
  expect(rig.texts()).toEqual({ "/f": "later" });
});

/** Asks for the status while virtual time passes. */
async function statusOf(rig: Rig, device: Device): ReturnType<Device["status"]> {
  let found: Awaited<ReturnType<Device["status"]>> | undefined;
  void device.status().then((status) => {
    found = status;
  });
  await rig.until(() => found !== undefined, "the status comes");
  if (found === undefined) throw new Error("no status");
  return found;
}
