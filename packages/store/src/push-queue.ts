/**
 * The push queue: what is dirty, as a query, and the journal of attempts in progress.
 *
 * There is no list that could be forgotten between two transactions: whatever `local_ver ≠ base_ver` says is to
 * be pushed, and an attempt is a row of `op` that only its own outcome removes (docs/spec/sync.md, PUSH-0, PUSH-1).
 */
import {
  assert,
  emptyDigest,
  inlineSnapshotBytesMax,
  pathProblem,
  quietMs,
  quietYoungMs,
  toText,
} from "@smfs/core";
import { Aliases } from "./aliases.ts";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import type { Fills } from "./fills.ts";
import { Ignored } from "./ignored.ts";
import type { InodeRow } from "./inodes.ts";
import { Ordering } from "./ordering.ts";
import { deletedElsewhere, heldOpen } from "./pend.ts";
import type { ClaimResult, Picked, PushTask } from "./port.ts";
import type { Problems } from "./problems.ts";
import { Quiet } from "./quiet.ts";
import { Revisions } from "./revisions.ts";
import type { OpView } from "./sync-model.ts";
import {
  directoryDocument,
  kindOf,
  needsDocument,
  sameAttrs,
  syncAttrs,
  type Views,
} from "./view.ts";

/** Rows looked at in one pick, and in one page of it. */
const scanPageRows = 256;
const scanRowsMax = 2048;
/** Milliseconds that an entry which could not be claimed is passed over, unless an attempt ends before: doubled each time. */
const passOverMs = 250;
const passOverMsMax = 8000;
/** The same for one whose claim failed. */
const passOverFailedMs = 5000;

/** What a claim has frozen of the bytes. */
interface Frozen {
  /** The entry's local_ver read before the bytes were. */
  readonly localVer: number;
  readonly hash: string;
  readonly size: number;
  readonly bytes: Uint8Array | null;
  readonly blob: string | null;
  readonly withBytes: boolean;
}

export class PushQueue {
  readonly #context: StoreContext;
  readonly #views: Views;
  readonly #fills: Fills;
  readonly #problems: Problems;
  readonly #ordering: Ordering;
  readonly #aliases: Aliases;
  readonly #dirty;
  readonly #ops;
  readonly #insertOp;
  readonly #revisions: Revisions;
  readonly #quiet: Quiet;
  readonly #ignored: Ignored;
  /** Entries whose attempt the sync thread is at. In memory: a restart gives every attempt again. */
  readonly #given = new Set<string>();
  /** Entries that could not be claimed, and until when they are passed over, so that others get their turn. */
  readonly #passedOver = new Map<string, { readonly untilMs: number; readonly ms: number }>();
  /** Whether the claim that is being made is to be sent at once. */
  #sends = false;

  constructor(context: StoreContext, views: Views, fills: Fills, problems: Problems) {
    this.#context = context;
    this.#views = views;
    this.#fills = fills;
    this.#problems = problems;
    this.#ordering = new Ordering(context, views);
    this.#aliases = new Aliases(context);
    this.#quiet = new Quiet(context, views);
    this.#ignored = new Ignored(context, fills, problems);
    const { sql } = context.db;
    this.#dirty = sql.prepare<[number, number], EntryRow>(
      `SELECT * FROM entry WHERE local_ver <> base_ver AND local_ver > ? AND local_only = 0
         AND (rejected_ver IS NULL OR rejected_ver <> local_ver)
       ORDER BY local_ver LIMIT ? + 0`,
    );
    this.#ops = sql.prepare<[], { fid: string }>("SELECT fid FROM op");
    this.#insertOp = sql.prepare(
      `INSERT INTO op (fid, op_id, kind, claim_ver, with_bytes, snap_hash, snap_size, snap_bytes, snap_blob,
         parent_rev, chain, path, attrs, if_match, phase)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#revisions = new Revisions(context.db);
  }

  /** PUSH-0: attempts to resume first, then settled dirty entries, oldest first. */
  pick(countMax: number): Picked {
    const tasks: PushTask[] = [];
    const withOp = new Set<string>();
    for (const { fid } of this.#ops.all()) {
      withOp.add(fid);
      if (this.#given.has(fid) || tasks.length >= countMax) continue;
      this.#given.add(fid);
      tasks.push({ fid, op: this.#opView(fid) });
    }
    for (const fid of this.#given) if (!withOp.has(fid)) this.#given.delete(fid);
    let waitMs: number | undefined;
    const wait = (ms: number) => {
      waitMs = Math.max(1, Math.min(waitMs ?? ms, ms));
    };
    const refreshMs = this.#ignored.refresh();
    // Without its patterns it is not known what may leave this machine.
    if (refreshMs === undefined) return { tasks, waitMs: quietYoungMs };
    if (refreshMs > 0) wait(refreshMs);
    let after = 0;
    let isYoung = false;
    // Later rows changed later: when one has not been quiet for the least time, none after this page has.
    for (let scanned = 0; scanned < scanRowsMax && tasks.length < countMax && !isYoung; ) {
      const rows = this.#dirty.all(after, scanPageRows);
      for (const entry of rows) {
        after = entry.local_ver;
        if (withOp.has(entry.fid) || tasks.length >= countMax) continue;
        if (this.#ignored.keepsHere(entry)) continue;
        const quietFor = this.#quietFor(entry);
        if (quietFor > 0) wait(quietFor);
        else tasks.push({ fid: entry.fid, op: null });
      }
      scanned += rows.length;
      isYoung = rows.length < scanPageRows || this.#context.versions.ageMs(after) < quietMs;
    }
    return { tasks, waitMs };
  }

  /** Milliseconds until a dirty entry can be picked; 0 when it can. */
  #quietFor(entry: EntryRow): number {
    const now = this.#context.clock.monotonic();
    const passedOver = (this.#passedOver.get(entry.fid)?.untilMs ?? 0) - now;
    return passedOver > 0 ? passedOver : this.#quiet.left(entry, now);
  }

  #opView(fid: string): OpView | null {
    const row = this.#views.opRow(fid);
    const entry = this.#context.entries.byFid(fid);
    return row === undefined || entry === undefined ? null : this.#views.op(row, entry);
  }

  /** PUSH-1. */
  claim(fid: string, send: boolean): ClaimResult {
    this.#sends = send;
    const lastMs = this.#passedOver.get(fid)?.ms;
    // Noted before, since a claim that throws must not be picked again at once either.
    this.#passOverFor(fid, passOverFailedMs);
    const claimed = this.#tryClaim(fid);
    if (claimed.kind === "settled") this.#passedOver.delete(fid);
    else this.#passedOver.set(fid, { untilMs: 0, ms: lastMs ?? 0 });
    if (claimed.kind === "wait") this.passOver(fid);
    return claimed;
  }

  /** Not now: others get their turn, and this entry again after a while, each time a longer one. */
  passOver(fid: string): void {
    const lastMs = this.#passedOver.get(fid)?.ms ?? 0;
    this.#passOverFor(fid, Math.min(Math.max(passOverMs, lastMs * 2), passOverMsMax));
  }

  #passOverFor(fid: string, ms: number): void {
    this.#passedOver.set(fid, { untilMs: this.#context.clock.monotonic() + ms, ms });
  }

  /** PUSH-14: both sides have moved, and its bytes cannot be brought together while somebody may write them. */
  held(fid: string): void {
    const entry = this.#context.entries.byFid(fid);
    if (entry !== undefined && this.#context.inodes.get(entry.ino).writers === 1)
      this.#quiet.held(fid, this.#context.clock.monotonic());
    else this.passOver(fid);
  }

  /** An attempt has ended: what waited for it may go at once. */
  attemptEnded(): void {
    this.#passedOver.clear();
  }

  #tryClaim(fid: string): ClaimResult {
    const entry = this.#context.entries.byFid(fid);
    const refusal = this.#refusal(entry);
    if (refusal !== undefined) return refusal;
    assert(entry !== undefined, "a claimable entry exists");
    const inode = this.#context.inodes.get(entry.ino);
    if (entry.state === "deleted") return this.#claimDeletion(entry);
    if (kindOf(inode.mode) === "special") return this.#keepLocal(entry);
    const path = this.#claimPath(entry, inode);
    if (path === undefined) return { kind: "wait", why: "the server cannot hold this name" };
    if (this.#ignored.mustLeave(entry, inode, path)) return this.#leave(entry, inode);
    if (this.#isPlainDirectory(entry, inode)) return this.#settle(entry, inode);
    const frozen = this.#freeze(entry, inode);
    return "kind" in frozen ? frozen : this.#finishClaim(entry, inode, path, frozen);
  }

  /** PUSH-1, second half: the file worker has frozen the bytes as a blob. */
  claimSnapshot(
    fid: string,
    snapshot: { readonly localVer: number; readonly digest: string; readonly size: number },
    send: boolean,
  ): ClaimResult {
    this.#sends = send;
    const entry = this.#context.entries.byFid(fid);
    const refusal = this.#refusal(entry);
    if (refusal !== undefined) return refusal;
    assert(entry !== undefined, "a claimable entry exists");
    if (entry.state === "deleted") return this.#claimDeletion(entry);
    const inode = this.#context.inodes.get(entry.ino);
    const path = this.#claimPath(entry, inode);
    if (path === undefined) return { kind: "wait", why: "the server cannot hold this name" };
    if (!this.#context.bytes.hasBlob(snapshot.digest))
      return { kind: "wait", why: "the snapshot is gone" };
    if (this.#ignored.mustLeave(entry, inode, path)) return this.#leave(entry, inode);
    // A fast-forward or a verification meanwhile has overtaken the snapshot (base_ver < claim_ver).
    if (snapshot.localVer <= entry.base_ver) return { kind: "wait", why: "overtaken" };
    return this.#finishClaim(entry, inode, path, {
      localVer: snapshot.localVer,
      hash: snapshot.digest,
      size: snapshot.size,
      bytes: null,
      blob: snapshot.digest,
      withBytes: true,
    });
  }

  #refusal(entry: EntryRow | undefined): ClaimResult | undefined {
    if (entry === undefined) return { kind: "settled" };
    if (this.#views.opRow(entry.fid) !== undefined)
      return { kind: "wait", why: "an attempt is in progress" };
    if (entry.local_ver === entry.base_ver) return { kind: "settled" };
    if (entry.rejected_ver === entry.local_ver)
      return { kind: "wait", why: "refused by the server" };
    if (entry.local_only === 1) return { kind: "wait", why: "local only" };
    if (this.#views.isMovedAbove(entry))
      return { kind: "wait", why: "its directory is being moved" };
    if (this.#isGoneUnedited(entry))
      return { kind: "wait", why: "its document may have been deleted elsewhere" };
    return undefined;
  }

  /** Its document was not there, and no bytes of ours are at stake: whether it was deleted is judged by pull. */
  #isGoneUnedited(entry: EntryRow): boolean {
    if (entry.doc_id === null || entry.state === "deleted") return false;
    if (this.#context.inodes.get(entry.ino).bytes_ver > entry.base_ver) return false;
    const why = this.#context.pend.why(entry.doc_id);
    return why === "gone" || why === deletedElsewhere;
  }

  #claimPath(entry: EntryRow, inode: InodeRow): string | undefined {
    const path = this.#views.documentPath(entry, inode);
    const problem = path === undefined ? "is not UTF-8" : pathProblem(path);
    const key = `name ${entry.fid}`;
    if (problem === undefined) {
      this.#problems.clear(key);
      return path;
    }
    const shown = this.#context.entries.shownPath(entry);
    this.#problems.set(key, shown, `stays on this machine: its path ${problem}`);
    // It is tried again when its name changes: that moves local_ver.
    this.#context.entries.update(entry.fid, {
      rejected_ver: entry.local_ver,
      rejected_hash: null,
      rejected_why: `path ${problem}`,
    });
    return undefined;
  }

  /** FIFOs, sockets and device nodes mean something on this machine only. */
  #keepLocal(entry: EntryRow): ClaimResult {
    this.#context.entries.update(entry.fid, { local_only: 1, base_ver: entry.local_ver });
    return { kind: "settled" };
  }

  /** IGNORE-2. A stub's bytes are only at the server: they are fetched first. */
  #leave(entry: EntryRow, inode: InodeRow): ClaimResult {
    if (inode.stub === 1) {
      this.#context.emit({ kind: "want", ino: inode.ino });
      return { kind: "wait", why: "its bytes are fetched before it leaves the server" };
    }
    this.#ignored.leave(entry, inode);
    return { kind: "settled" };
  }

  #isPlainDirectory(entry: EntryRow, inode: InodeRow): boolean {
    if (kindOf(inode.mode) !== "dir" || entry.doc_id !== null || entry.sent === 1) return false;
    return !needsDocument(syncAttrs(inode), !this.#context.entries.hasChildren(inode.ino));
  }

  /** Nothing differs from base: no request. While somebody can write it stays dirty. */
  #settle(entry: EntryRow, inode: InodeRow): ClaimResult {
    if (inode.writers === 1) return { kind: "wait", why: heldOpen };
    this.#context.entries.update(entry.fid, {
      base_ver: entry.local_ver,
      base_attrs: JSON.stringify(this.#views.attrs(inode)),
    });
    return { kind: "settled" };
  }

  #freeze(entry: EntryRow, inode: InodeRow): Frozen | ClaimResult {
    const localVer = entry.local_ver;
    const plain = { localVer, bytes: null, blob: null };
    if (entry.base_hash !== null && inode.bytes_ver <= entry.base_ver) {
      return { ...plain, hash: entry.base_hash, size: inode.size, withBytes: false };
    }
    if (inode.stub === 1) return { kind: "wait", why: "its bytes are not here" };
    switch (kindOf(inode.mode)) {
      case "dir":
        return { ...plain, hash: emptyDigest, size: 0, bytes: new Uint8Array(0), withBytes: true };
      case "symlink":
        return this.#freezeTarget(inode, localVer);
      default:
        this.#fills.finish(inode);
        return this.#freezeFile(inode, localVer);
    }
  }

  #freezeTarget(inode: InodeRow, localVer: number): Frozen | ClaimResult {
    const target = inode.target ?? "";
    if (toText(target) === undefined) return { kind: "wait", why: "its target is not UTF-8" };
    const bytes = Uint8Array.from(target, (char) => char.charCodeAt(0));
    const hash = this.#context.bytes.digest(bytes);
    return { localVer, hash, size: bytes.length, bytes, blob: null, withBytes: true };
  }

  #freezeFile(inode: InodeRow, localVer: number): Frozen | ClaimResult {
    const { bytes } = this.#context;
    const mayChange = inode.writers === 1;
    const copy: ClaimResult = { kind: "copy", ino: inode.ino, localVer, mayChange };
    if (mayChange || inode.size > inlineSnapshotBytesMax) return copy;
    const fd = bytes.openWork(inode.ino, "read");
    try {
      const { size } = bytes.stat(fd);
      if (size > inlineSnapshotBytesMax) return copy;
      const content = new Uint8Array(size);
      const count = bytes.read(fd, content, 0);
      assert(count === size, "a working file that nobody can write keeps its size");
      const hash = bytes.digest(content);
      return { localVer, hash, size, bytes: content, blob: null, withBytes: true };
    } finally {
      bytes.close(fd);
    }
  }

  #finishClaim(entry: EntryRow, inode: InodeRow, path: string, frozen: Frozen): ClaimResult {
    const attrs = this.#views.attrs(inode);
    if (this.#equalsBase(entry, path, frozen, inode)) {
      if (entry.local_ver !== frozen.localVer) return { kind: "wait", why: "it changed" };
      return this.#settle(entry, inode);
    }
    if (
      entry.rejected_hash === frozen.hash &&
      entry.r_path === path &&
      entry.rejected_ver !== null
    ) {
      this.#context.entries.update(entry.fid, { rejected_ver: entry.local_ver });
      return { kind: "wait", why: "refused by the server" };
    }
    // The first attempt for a document that was adopted sends nothing: it looks, and is resolved (PUSH-8).
    const onlyLooks = entry.doc_id !== null && entry.base_ver === 0;
    const blocked = onlyLooks ? undefined : this.#ordering.blockedBy(entry, path);
    if (blocked?.kind === "wait") return { kind: "wait", why: blocked.why };
    if (blocked?.kind === "cycle") return this.#claimCycle(entry, inode);
    if (blocked?.kind === "taken") {
      this.#aliases.giveWay(entry, entry.fid.slice(0, 8));
      return { kind: "wait", why: `${path} is another document's at the server` };
    }
    const op = this.#insert(entry, { kind: "put", path, attrs: JSON.stringify(attrs), frozen });
    if (inode.nlink > 1)
      this.#context.entries.bumpOtherNames(entry, attrs.link, this.#context.versions.next());
    this.#sampleVersions(entry, inode, frozen.localVer);
    return { kind: "op", op };
  }

  #equalsBase(entry: EntryRow, path: string, frozen: Frozen, inode: InodeRow): boolean {
    const base = this.#views.base(entry);
    if (base === null || entry.doc_id === null || base.hash !== frozen.hash || base.path !== path)
      return false;
    if (!sameAttrs(base.attrs, this.#views.attrs(inode))) return false;
    // The server went back to an ancestor of base, or a late request of another file came over it: equal to base is not
    // equal to the server.
    if (entry.r_rev === null) return true;
    const isOverwritten =
      entry.diverged === 0 && entry.r_hash !== null && entry.r_hash !== base.hash;
    return !isOverwritten && !base.chain.includes(entry.r_rev);
  }

  /** A swap: the smallest fid of the cycle first goes out of the way (PUSH-0). */
  #claimCycle(entry: EntryRow, inode: InodeRow): ClaimResult {
    const frozen: Frozen = {
      localVer: entry.local_ver,
      hash: entry.base_hash ?? "",
      size: inode.size,
      bytes: null,
      blob: null,
      withBytes: false,
    };
    const op = this.#insert(entry, {
      kind: "cycle",
      path: `/.smfs-moving/${entry.fid}`,
      attrs: entry.base_attrs ?? "{}",
      frozen,
    });
    // Claimed like a sample, so that verify leaves the entry dirty. Bytes that have not been sent are not sent by this
    // either: they move above the claim, or verify would take them for base's.
    const version = this.#context.versions.next();
    if (inode.bytes_ver > entry.base_ver) {
      this.#context.inodes.update(inode.ino, { bytes_ver: version });
      this.#context.entries.bumpInode(inode.ino, version);
    } else this.#context.entries.update(entry.fid, { local_ver: version });
    return { kind: "op", op };
  }

  /** A claim while somebody can write, or whose entry moved while it was copied, is a sample. */
  #sampleVersions(entry: EntryRow, inode: InodeRow, claimVer: number): void {
    if (inode.writers === 0 || entry.local_ver !== claimVer) return;
    const version = this.#context.versions.next();
    this.#context.inodes.update(inode.ino, { bytes_ver: version });
    this.#context.entries.bumpInode(inode.ino, version);
  }

  #claimDeletion(entry: EntryRow): ClaimResult {
    if (entry.doc_id === null && entry.sent === 0) {
      this.#context.orphans.dropEntry(entry);
      return { kind: "settled" };
    }
    const frozen: Frozen = {
      localVer: entry.local_ver,
      hash: entry.base_hash ?? "",
      size: 0,
      bytes: null,
      blob: null,
      withBytes: false,
    };
    const path = entry.r_path ?? entry.base_path ?? `/${toText(entry.name) ?? directoryDocument}`;
    return {
      kind: "op",
      op: this.#insert(entry, { kind: "delete", path, attrs: entry.base_attrs ?? "{}", frozen }),
    };
  }

  #insert(
    entry: EntryRow,
    what: { kind: OpView["kind"]; path: string; attrs: string; frozen: Frozen },
  ): OpView {
    const { frozen } = what;
    assert(entry.base_ver < frozen.localVer, "a claim is above base");
    const opId = this.#context.versions.revision(this.#context.versions.next());
    const base = this.#views.base(entry);
    // PUSH-4 in the same transaction, where neither PUSH-2 nor PUSH-3 has anything to look up.
    const isHeld = this.#isHeld(entry);
    const isKnown = entry.doc_id === null ? entry.sent === 0 : entry.base_etag !== null && !isHeld;
    const isSent = this.#sends && isKnown;
    const chain = this.#revisions.chain(entry.fid, base);
    this.#insertOp.run(
      entry.fid,
      opId,
      what.kind,
      frozen.localVer,
      frozen.withBytes ? 1 : 0,
      frozen.hash,
      frozen.size,
      frozen.bytes,
      frozen.blob,
      base?.rev ?? null,
      JSON.stringify(chain),
      what.path,
      what.attrs,
      // Without one the document is looked at first: bytes that it would refuse again are not sent.
      isHeld ? null : entry.base_etag,
      isSent ? "sent" : "claimed",
    );
    if (isSent && entry.doc_id === null) this.#context.entries.update(entry.fid, { sent: 1 });
    this.#revisions.note(opId, entry.fid, base?.rev ?? null, frozen.hash);
    this.#given.add(entry.fid);
    this.#quiet.claimed(entry.fid);
    const op = this.#opView(entry.fid);
    assert(op !== null, "an inserted op can be read");
    return op;
  }

  /** PUSH-14: whether its document has moved to what cannot be taken before the file is closed. */
  #isHeld(entry: EntryRow): boolean {
    return entry.doc_id !== null && this.#context.pend.why(entry.doc_id) === heldOpen;
  }

  /** The sync thread lets go of an attempt for a while; the next pick gives it again. */
  giveBack(fid: string): void {
    this.#given.delete(fid);
  }
}
