/**
 * Mutants that need more than a replaced snippet: they wrap what a running process does, from outside. Each is a class
 * of loss that other clients had.
 */
import type { EntryView, RemoteView } from "@smfs/store";
import type { ProductParts } from "../product-parts.ts";
import { aim, busy, crashing, deeds, devices, noForeigners, onePath, textOnly } from "./aims.ts";
import type { Mutant } from "./mutant.ts";

const bursts = [deeds("save", "append", "double"), onePath, busy];

/** Wall-clock milliseconds at which each version was given, as a client that stamps its changes would know them. */
function stampVersions({ store }: ProductParts): (version: number) => number {
  const { versions, clock } = store.context;
  const stamps = new Map<number, number>();
  const next = versions.next.bind(versions);
  versions.next = () => {
    const version = next();
    stamps.set(version, clock.now());
    return version;
  };
  return (version) => stamps.get(version) ?? 0;
}

/** Sets base_ver to local_ver after a verification, where `clears` says so. */
function clearAfterVerify(
  { store, transitions }: ProductParts,
  clears: (claimVer: number, localVer: number) => boolean,
): void {
  const { verify } = transitions;
  const { entries, db } = store.context;
  const claimOf = db.sql
    .prepare<[string], number>("SELECT claim_ver FROM op WHERE fid = ?")
    .pluck();
  transitions.verify = (fid, opId, remote, options) => {
    const claimVer = claimOf.get(fid) ?? 0;
    const settled = verify(fid, opId, remote, options);
    const entry = entries.byFid(fid);
    if (settled === "done" && entry !== undefined && clears(claimVer, entry.local_ver)) {
      entries.update(fid, { base_ver: entry.local_ver });
    }
    return settled;
  };
}

const clearUnconditionally: Mutant = {
  id: "clear-unconditionally",
  breaks: "confirming an upload clears the dirty mark although the user has written again (M-1)",
  rules: ["PUSH-7", "M-1"],
  kind: "loss",
  patches: [],
  aim: aim(undefined, ...bursts),
  mutate: (parts) => clearAfterVerify(parts, () => true),
};

const millisecondSwap: Mutant = {
  id: "millisecond-compare-and-swap",
  breaks:
    "confirming an upload clears the dirty mark when claim and last change bear the same millisecond",
  rules: ["PUSH-7"],
  kind: "loss",
  patches: [],
  aim: aim(undefined, ...bursts, (config) => ({
    ...config,
    clocks: config.clocks.map((clock) => ({ ...clock, tickMs: Math.max(clock.tickMs, 16) })),
  })),
  mutate: (parts) => {
    const stampOf = stampVersions(parts);
    clearAfterVerify(parts, (claimVer, localVer) => stampOf(claimVer) === stampOf(localVer));
  },
};

const clockGuard: Mutant = {
  id: "clock-compared-pull-guard",
  breaks:
    "pull takes a dirty file for clean when its change is stamped earlier than the document (M-2)",
  rules: ["PULL-4", "M-2"],
  kind: "loss",
  patches: [],
  aim: aim(
    undefined,
    deeds("save", "append", "edit"),
    onePath,
    textOnly,
    devices(2),
    noForeigners,
    busy,
  ),
  mutate: (parts) => {
    const { store, transitions, updatedAtMs } = parts;
    const stampOf = stampVersions(parts);
    const dropOp = store.context.db.sql.prepare("DELETE FROM op WHERE fid = ?");
    const { viewRemote } = transitions;
    const isOlder = (entry: EntryView, docId: string): boolean =>
      stampOf(entry.localVer) <= updatedAtMs(docId);
    const clean = (view: RemoteView): void => {
      const { entry } = view;
      if (entry === null || entry.localVer === entry.baseVer || entry.baseVer === 0) return;
      if (!isOlder(entry, view.docId)) return;
      dropOp.run(entry.fid);
      store.context.inodes.update(entry.ino, { writers: 0 });
      store.context.entries.update(entry.fid, { base_ver: entry.localVer });
    };
    transitions.viewRemote = (items) => {
      for (const view of viewRemote(items)) clean(view);
      return viewRemote(items);
    };
  },
};

const strandedAttempts: Mutant = {
  id: "attempts-stranded-by-a-crash",
  breaks: "an attempt that a crash interrupted is never taken up again (M-6)",
  rules: ["PUSH-11", "M-6"],
  kind: "loss",
  patches: [],
  aim: aim(undefined, crashing),
  mutate: ({ store, transitions }) => {
    const stranded = new Set(
      store.context.db.sql.prepare<[], string>("SELECT op_id FROM op").pluck().all(),
    );
    const { pick } = transitions;
    transitions.pick = (countMax) => {
      const picked = pick(countMax);
      return {
        ...picked,
        tasks: picked.tasks.filter(({ op }) => op === null || !stranded.has(op.opId)),
      };
    };
  },
};

const forgottenQueue: Mutant = {
  id: "queue-forgotten-by-a-crash",
  breaks: "what was dirty when the process died is not queued until it changes again (M-8)",
  rules: ["PUSH-0", "M-8"],
  kind: "loss",
  patches: [],
  aim: aim(undefined, crashing),
  mutate: ({ store, transitions }) => {
    const forgotten = new Map(
      store.context.db.sql
        .prepare<[], { fid: string; local_ver: number }>(
          "SELECT fid, local_ver FROM entry WHERE local_ver <> base_ver",
        )
        .all()
        .map(({ fid, local_ver }) => [fid, local_ver]),
    );
    const { pick } = transitions;
    transitions.pick = (countMax) => {
      const picked = pick(countMax);
      const isForgotten = (fid: string) =>
        forgotten.get(fid) === store.context.entries.byFid(fid)?.local_ver;
      return {
        ...picked,
        tasks: picked.tasks.filter(({ op, fid }) => op !== null || !isForgotten(fid)),
      };
    };
  },
};

export const wrapped: readonly Mutant[] = [
  clearUnconditionally,
  millisecondSwap,
  clockGuard,
  strandedAttempts,
  forgottenQueue,
];
