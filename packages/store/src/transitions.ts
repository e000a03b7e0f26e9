/**
 * The store's side of the sync port: every transition by name, wired to the file that carries it out. Each runs
 * within a transaction of the port server (port-server.ts), or of a test.
 */
import { toDisplay } from "@smfs/core";
import { Aliases } from "./aliases.ts";
import { Apply } from "./apply.ts";
import { Conflicts } from "./conflicts.ts";
import type { StoreContext } from "./context.ts";
import { DirectoryDocuments } from "./directory-documents.ts";
import type { EntryRow } from "./entries.ts";
import { Fills } from "./fills.ts";
import { KeptHere } from "./kept-here.ts";
import { Linking } from "./linking.ts";
import { heldOpen } from "./pend.ts";
import type { ClaimResult, StoreStatus, StoreTransitions } from "./port.ts";
import { Problems } from "./problems.ts";
import { PushQueue } from "./push-queue.ts";
import { RemoteViews } from "./remote-views.ts";
import { Resolve } from "./resolve.ts";
import { Settlements } from "./settle.ts";
import { Stubs } from "./stubs.ts";
import type { Applied, EntryView, Plan } from "./sync-model.ts";
import { Take } from "./take.ts";
import { Totals } from "./totals.ts";
import { Trash } from "./trash.ts";
import { Views } from "./view.ts";

/** Rows of each list in a status. */
const statusRowsMax = 100;

export class Transitions implements StoreTransitions {
  readonly #context: StoreContext;
  readonly #views: Views;
  readonly #problems: Problems;
  readonly #queue: PushQueue;
  readonly #settlements: Settlements;
  readonly #resolve: Resolve;
  readonly #apply: Apply;
  readonly #remoteViews: RemoteViews;
  readonly #stubs: Stubs;
  readonly #conflicts: Conflicts;
  readonly #trash: Trash;
  readonly #documents;
  readonly #cursorGet;
  readonly #cursorSet;
  readonly #cursorDrop;
  readonly #missed;
  readonly #counts;
  readonly #totals: Totals;
  readonly #waiting;
  readonly #heldOpen;
  readonly #keptHere: KeptHere;
  readonly #linking: Linking;

  constructor(context: StoreContext, fills: Fills = new Fills(context)) {
    this.#context = context;
    this.#views = new Views(context);
    this.#problems = new Problems(context.db, context.clock);
    const take = new Take(context, fills);
    const aliases = new Aliases(context);
    const directories = new DirectoryDocuments(context, this.#views, take);
    this.#conflicts = new Conflicts(context, take);
    const trash = new Trash(context.db, context.clock);
    this.#trash = trash;
    this.#queue = new PushQueue(context, this.#views, fills, this.#problems);
    this.#settlements = new Settlements(context, this.#views, aliases, this.#problems);
    this.#resolve = new Resolve(context, this.#views, take, directories, this.#conflicts);
    this.#linking = new Linking(context, this.#views, take);
    this.#apply = new Apply(
      context,
      this.#views,
      take,
      directories,
      aliases,
      trash,
      this.#conflicts,
      this.#linking,
    );
    this.#remoteViews = new RemoteViews(context, this.#views);
    this.#stubs = new Stubs(context, fills);
    const { sql } = context.db;
    this.#documents = sql.prepare<[string, number], EntryRow>(
      "SELECT * FROM entry WHERE fid > ? AND doc_id IS NOT NULL ORDER BY fid LIMIT ? + 0",
    );
    this.#cursorGet = sql.prepare<[string], { v: string }>("SELECT v FROM cursor WHERE k = ?");
    this.#cursorSet = sql.prepare(
      "INSERT INTO cursor (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
    );
    this.#cursorDrop = sql.prepare("DELETE FROM cursor WHERE k = ?");
    this.#missed = sql.prepare("UPDATE entry SET misses = ? WHERE fid = ?");
    this.#counts = sql.prepare<[], { dirty: number; refused: number; ops: number; pend: number }>(
      `SELECT (SELECT count(*) FROM entry WHERE local_ver <> base_ver AND local_only = 0) AS dirty,
         (SELECT count(*) FROM entry
          WHERE local_ver <> base_ver AND local_only = 0 AND rejected_ver = local_ver) AS refused,
         (SELECT count(*) FROM op) AS ops, (SELECT count(*) FROM pend) AS pend`,
    );
    this.#totals = new Totals(context);
    this.#keptHere = new KeptHere(context);
    this.#waiting = sql.prepare<[number], EntryRow>(
      "SELECT * FROM entry WHERE local_ver <> base_ver AND local_only = 0 ORDER BY local_ver LIMIT ? + 0",
    );
    this.#heldOpen = sql.prepare<[number], EntryRow>(
      // What somebody writes is dirty: of a million names that are not, none is looked at.
      `SELECT entry.* FROM entry CROSS JOIN inode ON inode.ino = entry.ino
       WHERE local_ver <> base_ver AND local_only = 0 AND state = 'live' AND inode.writers = 1 LIMIT ? + 0`,
    );
  }

  pick: StoreTransitions["pick"] = (countMax) => this.#queue.pick(countMax);
  claim: StoreTransitions["claim"] = (fid, send) =>
    this.#claimed(fid, this.#queue.claim(fid, send));
  claimSnapshot: StoreTransitions["claimSnapshot"] = (fid, snapshot, send) =>
    this.#claimed(fid, this.#queue.claimSnapshot(fid, snapshot, send));
  giveBack: StoreTransitions["giveBack"] = (fid) => this.#queue.giveBack(fid);
  markSent: StoreTransitions["markSent"] = (fid, opId) => this.#settlements.markSent(fid, opId);
  replacing: StoreTransitions["replacing"] = (fid, opId) => this.#settlements.replacing(fid, opId);
  note: StoreTransitions["note"] = (fid, opId, changes) =>
    this.#settlements.note(fid, opId, changes);
  verify: StoreTransitions["verify"] = (fid, opId, remote, options) =>
    this.#atRest(fid, this.#ended(this.#settlements.verify(fid, opId, remote, options)));
  landed: StoreTransitions["landed"] = (fid, opId) =>
    this.#ended(this.#settlements.landed(fid, opId));
  release: StoreTransitions["release"] = (fid, opId, how) => {
    const released = this.#settlements.release(fid, opId, how);
    // Nothing has become free by it: what was in the way still is, and asking again at once would go round and round.
    this.#queue.passOver(fid);
    return released;
  };
  reject: StoreTransitions["reject"] = (fid, opId, message) =>
    this.#ended(this.#settlements.reject(fid, opId, message));
  deleted: StoreTransitions["deleted"] = (fid, opId) =>
    this.#ended(this.#settlements.deleted(fid, opId));
  recreate: StoreTransitions["recreate"] = (fid, opId) =>
    this.#ended(this.#settlements.recreate(fid, opId));
  goneRemotely: StoreTransitions["goneRemotely"] = (fid, opId) =>
    this.#ended(this.#settlements.goneRemotely(fid, opId));
  adopt: StoreTransitions["adopt"] = (fid, opId, document) =>
    this.#ended(this.#settlements.adopt(fid, opId, document));
  takeAlias: StoreTransitions["takeAlias"] = (fid, opId) =>
    this.#ended(this.#settlements.takeAlias(fid, opId));
  resolveView: StoreTransitions["resolveView"] = (fid, opId) => this.#resolve.view(fid, opId);
  resolve: StoreTransitions["resolve"] = (fid, opId, localVer, remote, how, content) => {
    const settled = this.#resolve.resolve(fid, opId, localVer, remote, how, content);
    if (settled !== "held") return this.#atRest(fid, this.#ended(settled));
    this.#queue.held(fid);
    return settled;
  };

  #claimed(fid: string, claimed: ClaimResult): ClaimResult {
    if (claimed.kind === "settled") this.#linking.relink(fid);
    return claimed;
  }

  /** What has been settled may be a name of a file that is here already (LINK-1). */
  #atRest<T>(fid: string, settled: T): T {
    if (settled === "done") this.#linking.relink(fid);
    return settled;
  }

  #ended<T>(settled: T): T {
    this.#queue.attemptEnded();
    return settled;
  }

  viewRemote: StoreTransitions["viewRemote"] = (items) =>
    items.map((item) => this.#remoteViews.of(item));

  apply: StoreTransitions["apply"] = (plans, cursor) => {
    const applied = plans.map((plan) => this.#applyOne(plan));
    if (cursor !== undefined) this.#cursorSet.run(cursor.key, cursor.value);
    return applied;
  };

  /** A plan that cannot be carried out is a problem of its document: it is undone, deferred and told; others go on. */
  #applyOne(plan: Plan): Applied {
    const key = `pull ${plan.docId}`;
    try {
      const applied = this.#context.db.savepoint(() => this.#apply.one(plan));
      this.#problems.clear(key);
      return applied;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#context.log.log("error", "a remote change cannot be applied", {
        plan: plan.do,
        docId: plan.docId,
        reason: message,
        ...(error instanceof Error ? { stack: error.stack } : {}),
      });
      const path = "remote" in plan ? plan.remote.path : null;
      this.#problems.set(key, path, `a change on the server cannot be applied here: ${message}`);
      this.#apply.postpone(plan, "cannot be applied");
      return "stale";
    }
  }

  pending: StoreTransitions["pending"] = (countMax) => this.#context.pend.list(countMax);
  cursor: StoreTransitions["cursor"] = (key) => this.#cursorGet.get(key)?.v;
  setCursor: StoreTransitions["setCursor"] = (key, value) => {
    if (value === null) this.#cursorDrop.run(key);
    else this.#cursorSet.run(key, value);
  };
  documents: StoreTransitions["documents"] = (afterFid, countMax) =>
    this.#documents.all(afterFid, countMax).map((entry): EntryView => this.#views.entry(entry));
  missed: StoreTransitions["missed"] = (fid, misses) => {
    this.#missed.run(misses, fid);
  };
  fact: StoreTransitions["fact"] = (key) => this.#context.facts.get(key);
  forgetRevisions: StoreTransitions["forgetRevisions"] = () => {
    this.#context.db.sql
      .prepare("UPDATE entry SET base_srev = NULL, base_etag = NULL, r_srev = NULL, r_etag = NULL")
      .run();
    this.#context.db.sql.prepare("UPDATE op SET if_match = NULL").run();
    this.#context.db.sql.prepare("UPDATE tomb SET srev = NULL").run();
  };

  setFact: StoreTransitions["setFact"] = (key, value) => {
    if (value === null) this.#context.facts.drop(key);
    else this.#context.facts.set(key, value);
  };

  stub: StoreTransitions["stub"] = (ino) => this.#stubs.find(ino);
  stubs: StoreTransitions["stubs"] = (afterIno, bytesMax, countMax) =>
    this.#stubs.page(afterIno, bytesMax, countMax);
  hydrated: StoreTransitions["hydrated"] = (ino, blob) => this.#stubs.hydrated(ino, blob);
  hydrateFailed: StoreTransitions["hydrateFailed"] = (ino, code) => this.#stubs.failed(ino, code);

  setProblem: StoreTransitions["setProblem"] = (key, path, message) => {
    if (message === null) this.#problems.clear(key);
    else this.#problems.set(key, path, message);
  };

  status: StoreTransitions["status"] = (): StoreStatus => {
    const counts = this.#counts.get();
    const totals = this.#totals.get();
    return {
      dirtyCount: counts?.dirty ?? 0,
      inFlightCount: counts?.ops ?? 0,
      pendingRemoteCount: counts?.pend ?? 0,
      entryCount: totals.entries,
      stubCount: totals.stubs,
      refusedCount: counts?.refused ?? 0,
      waiting: this.#waiting.all(statusRowsMax).map((entry) => ({
        path: this.#context.entries.shownPath(entry),
        why: this.#whyWaiting(entry),
      })),
      problems: this.#problems.list(statusRowsMax),
      conflicts: this.#conflicts
        .list(statusRowsMax)
        .map((view) => ({ ...view, versionPath: toDisplay(view.versionPath) })),
      heldOpen: this.#heldOpen
        .all(statusRowsMax)
        .map((entry) => this.#context.entries.shownPath(entry)),
      ignored: this.#keptHere.get(),
    };
  };

  conflicts: StoreTransitions["conflicts"] = (countMax) => this.#conflicts.all(countMax);

  trash: StoreTransitions["trash"] = (beforeId, countMax) => this.#trash.list(beforeId, countMax);
  trashItem: StoreTransitions["trashItem"] = (id) => this.#trash.item(id);
  dropTrash: StoreTransitions["dropTrash"] = (ids) => {
    for (const id of ids) this.#trash.drop(id);
  };

  #whyWaiting(entry: EntryRow): string {
    if (entry.rejected_ver === entry.local_ver)
      return `refused: ${entry.rejected_why ?? "unknown"}`;
    const op = this.#views.opRow(entry.fid);
    if (op !== undefined)
      return op.phase === "claimed" ? "is being sent" : "in flight, not confirmed";
    if (entry.state === "deleted") return "deletion not sent yet";
    return this.#context.inodes.find(entry.ino)?.writers === 1 ? heldOpen : "changed, not sent yet";
  }
}
