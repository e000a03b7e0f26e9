/**
 * Ways to break the product on purpose, from outside: a run with a mutant must end in a violation, or the simulator
 * cannot see. Each is a class of loss that other clients had (docs/losses.md gives the numbers M-n).
 */
import type { EntryView, RemoteView } from "@smfs/store";
import type { ProductParts } from "./product-parts.ts";

export interface Mutant {
  readonly name: string;
  /** What is broken. */
  readonly breaks: string;
  readonly mutate: (parts: ProductParts) => void;
}

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

/** Issue: a background upload clears the dirty mark although the user has written again (M-1). */
const clearUnconditionally: Mutant = {
  name: "clear-unconditionally",
  breaks: "verify sets base_ver to local_ver",
  mutate: (parts) => clearAfterVerify(parts, () => true),
};

/** The proposed fix: compare the millisecond of the last change with that of the claim. */
const millisecondSwap: Mutant = {
  name: "millisecond-compare-and-swap",
  breaks: "verify sets base_ver to local_ver when both were made in the same millisecond",
  mutate: (parts) => {
    const stampOf = stampVersions(parts);
    clearAfterVerify(parts, (claimVer, localVer) => stampOf(claimVer) === stampOf(localVer));
  },
};

/** Pull protects a dirty file only while its stamp is later than the server's (M-2). */
const clockGuard: Mutant = {
  name: "clock-compared-pull-guard",
  breaks: "a dirty file whose change is stamped earlier than the document is taken for clean",
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

/** An attempt that a crash interrupted is never taken up again (M-6). */
const strandedAttempts: Mutant = {
  name: "attempts-stranded-by-a-crash",
  breaks: "attempts found at the start are not picked",
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

/** Marking dirty and queueing are two transactions: a crash between them forgets to queue (M-8). */
const forgottenQueue: Mutant = {
  name: "queue-forgotten-by-a-crash",
  breaks: "what was dirty at the start is not picked until it changes again",
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

export const mutants: readonly Mutant[] = [
  clearUnconditionally,
  millisecondSwap,
  clockGuard,
  strandedAttempts,
  forgottenQueue,
];
