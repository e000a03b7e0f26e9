/**
 * The oracle: what must hold after every event, and at rest.
 *
 * It knows every token that a user wrote, what it replaced, and what users deleted; it looks at what each device and
 * the server hold, and never at how they got there.
 */

import { emptyDigest } from "@smfs/core";
import { type Doc, digestOf } from "../hosted-model/document.ts";
import type { Commit } from "../hosted-model/table.ts";
import { Deletions } from "./deletions.ts";
import { conflictsDir, type Device, type EntryState } from "./device.ts";
import { Ignoring } from "./ignoring.ts";
import { sha256 } from "./sha256.ts";
import { type Asked, Sights } from "./sights.ts";
import { type Content, TokenSet, Tokens } from "./tokens.ts";
import { Violation } from "./violation.ts";

export interface OracleOptions {
  readonly devices: readonly Device[];
  /** The server stores what it was sent, byte for byte: then nothing on it may be new. */
  readonly serverIsExact: boolean;
  /** All writers use preconditions: then nobody overwrites what he has not seen. */
  readonly hasPreconditions: boolean;
  /** One device and nobody else: its tree changes by its user only. */
  readonly isSolo: boolean;
  /** The live documents of the server. */
  readonly docs: () => Iterable<Doc>;
}

interface Seen {
  stamp: number;
  /** What was looked at, and how much had been acknowledged then. */
  entries: readonly EntryState[] | undefined;
  kept: readonly string[] | undefined;
  ackedCount: number;
  /** Tokens whose bytes are on the device, and what they descend from. */
  here: TokenSet;
  /** The same, with what is only known by its digest. */
  all: TokenSet;
  /** Digest of each path, for the search for what a merge was made from. */
  contents: Map<string, string>;
  tree: string;
  restarted: boolean;
  /** Its user has acted since it was looked at. */
  isByUser: boolean;
}

export class Oracle {
  readonly tokens: Tokens = new Tokens();
  readonly ignoring: Ignoring = new Ignoring(this.tokens);
  readonly deletions: Deletions;
  /** What a user deleted or truncated away, and everything it descended from. */
  readonly deleted: TokenSet = new TokenSet();
  /** Overwritten on the server by somebody who had not seen it (INV-5, where nothing can prevent it). */
  blindOverwriteCount = 0;
  readonly blindlyOverwritten: Set<string> = new Set();
  /** Documents that the server gave up by itself: nobody deleted them. */
  readonly lostDocs: Set<string> = new Set();
  /** Deleted on the server by somebody who had looked just before, with what came since (INV-6, likewise). */
  blindDeletionCount = 0;
  readonly sights: Sights = new Sights((text) => this.coversOfBytes(Buffer.from(text, "utf8")));
  /** The request that the server carries out now, if it is a device's. */
  asked: Asked | undefined;
  ackedCount = 0;
  serverWriteCount = 0;
  readonly #options: OracleOptions;
  readonly #acked = new Map<string, TokenSet>();
  readonly #seen = new Map<string, Seen>();
  /** Digests of contents that somebody made on purpose. */
  readonly #known = new Set<string>([emptyDigest]);
  readonly #serverBytes = new Map<string, Uint8Array>();
  readonly #serverDigestsOf = new Map<string, Set<string>>();
  #deletedDocs: { readonly doc: Doc; readonly shown: TokenSet | undefined }[] = [];

  constructor(options: OracleOptions) {
    this.#options = options;
    this.deletions = new Deletions(options.serverIsExact);
    for (const device of options.devices) {
      this.#acked.set(device.name, new TokenSet());
      this.#seen.set(device.name, newSeen());
    }
  }

  /** A content that a user is about to make. */
  announce(bytes: Uint8Array): void {
    this.#known.add(sha256(bytes));
  }

  /** The write of `token` was answered. */
  acknowledge(device: string, token: number): void {
    this.#acked.get(device)?.add(token);
    this.ackedCount += 1;
  }

  /** A user took these tokens away without putting anything in their place. */
  remove(tokens: Iterable<number>): void {
    for (const token of tokens) this.deleted.addAll(this.tokens.ancestors(token));
  }

  /** The lines of what a path of a device holds now; none when it is no file. */
  linesAt(device: Device, path: string): readonly number[] {
    const entry = device.view.entries().find((one) => one.path === path);
    return entry === undefined ? [] : this.linesOf(device, entry);
  }

  linesOf(device: Device, entry: EntryState): readonly number[] {
    if (entry.kind !== "file" || entry.digest === undefined) return [];
    return this.#content(device, entry.digest)?.lines ?? [];
  }

  /** What the bytes of an entry cover. */
  coversOf(device: Device, entry: EntryState): TokenSet {
    if (entry.kind !== "file" || entry.digest === undefined) return new TokenSet();
    return this.#content(device, entry.digest)?.covers ?? new TokenSet();
  }

  /** What `bytes` cover. */
  coversOfBytes(bytes: Uint8Array): TokenSet {
    return this.tokens.content(sha256(bytes), () => bytes)?.covers ?? new TokenSet();
  }

  /** The tokens in `bytes`. */
  linesIn(bytes: Uint8Array): readonly number[] {
    return this.tokens.content(sha256(bytes), () => bytes)?.lines ?? [];
  }

  /** Called with each commit of the server. */
  onCommit(commit: Commit): void {
    const { before, after, cause } = commit;
    this.deletions.onCommit(commit, this.#options.devices);
    if (after !== undefined) this.#onStored(before, after, cause);
    else if (before !== undefined && cause === "request")
      this.#deletedDocs.push({ doc: before, shown: this.#shownBefore(before) });
    else if (before !== undefined) this.lostDocs.add(before.id);
  }

  /** What the look showed on which this deletion was sent, where nobody can do better than to look. */
  #shownBefore(doc: Doc): TokenSet | undefined {
    if (this.#options.hasPreconditions || this.asked === undefined) return undefined;
    return this.sights.behind(this.asked, doc.id);
  }

  #onStored(before: Doc | undefined, after: Doc, cause: Commit["cause"]): void {
    const digest = digestOf(after.bytes);
    if (cause === "request") this.serverWriteCount += 1;
    const content = this.#remember(after, digest);
    if (!isFile(after)) return;
    this.ignoring.onStored(after, content);
    const { serverIsExact, hasPreconditions } = this.#options;
    if (content.strange !== undefined && serverIsExact)
      throw new Violation("INV-3", `the server was sent a line nobody wrote: ${content.strange}`);
    if (serverIsExact && !this.#known.has(digest))
      throw new Violation(
        "INV-3",
        `the server was sent a content that is nobody's, for ${after.filepath}: ${this.#show(content)}`,
      );
    if (!serverIsExact) this.#known.add(digest);
    if (before === undefined || cause !== "request" || before.bytes === after.bytes) return;
    const replaced = this.#remember(before, digestOf(before.bytes));
    const unseen = replaced.covers.firstOutside(content.covers, this.deleted);
    if (unseen === undefined) return;
    this.blindOverwriteCount += 1;
    this.blindlyOverwritten.add(after.id);
    if (hasPreconditions)
      throw new Violation(
        "INV-5",
        `${after.filepath} was overwritten on the server without ${this.tokens.describe(unseen)}`,
      );
  }

  #remember(doc: Doc, digest: string): Content {
    this.#serverBytes.set(digest, doc.bytes);
    let digests = this.#serverDigestsOf.get(doc.id);
    if (digests === undefined) {
      digests = new Set();
      this.#serverDigestsOf.set(doc.id, digests);
    }
    digests.add(digest);
    return this.tokens.content(digest, () => doc.bytes)!;
  }

  /** After a restart what is missing was lost by the crash. */
  restarted(device: string): void {
    this.#seen.get(device)!.restarted = true;
  }

  /**
   * Checks every device that has changed. `byUser` names the device whose user acted in this event, if one did.
   * @throws Violation
   */
  check(byUser: string | undefined): void {
    for (const device of this.#options.devices) this.#checkDevice(device, byUser === device.name);
    if (this.#deletedDocs.length > 0) this.#checkDeletions();
  }

  #checkDevice(device: Device, byUser: boolean): void {
    const seen = this.#seen.get(device.name)!;
    const stamp = device.view.stamp();
    // What he did in an event in which the process died is seen at the next start.
    seen.isByUser ||= byUser;
    if (stamp === seen.stamp) return;
    const entries = device.view.entries();
    const kept = device.view.kept();
    const { ackedCount } = this;
    const isAsBefore =
      entries === seen.entries && kept === seen.kept && ackedCount === seen.ackedCount;
    if (!isAsBefore) this.#checkContents(device, seen, entries, kept);
    if (entries !== seen.entries) {
      this.deletions.note(device, entries);
      this.ignoring.note(device, entries);
    }
    const isByUser = seen.isByUser && !device.isUp;
    Object.assign(seen, { stamp, entries, kept, ackedCount, restarted: false, isByUser });
    this.deletions.check(device, this.#options.docs);
    for (const damage of device.view.damage())
      throw new Violation("INV-8", `${device.name}: ${damage}`);
  }

  #checkContents(
    device: Device,
    seen: Seen,
    entries: readonly EntryState[],
    kept: readonly string[],
  ): void {
    const here = new TokenSet();
    const all = new TokenSet();
    const contents = new Map<string, string>();
    for (const entry of entries) {
      if (entry.kind !== "file" || entry.digest === undefined) continue;
      const content = this.#checkContent(device, entry, entry.digest, seen);
      contents.set(entry.path, entry.digest);
      all.addAll(content.covers);
      if (entry.isHere) here.addAll(content.covers);
    }
    for (const digest of kept) {
      const content = this.#content(device, digest);
      if (content === undefined) continue;
      all.addAll(content.covers);
      here.addAll(content.covers);
    }
    this.#checkKept(device, seen, all);
    const tree = this.#options.isSolo ? treeOf(entries) : "";
    if (this.#options.isSolo && !seen.isByUser && seen.stamp !== -1 && tree !== seen.tree)
      throw new Violation(
        "INV-9",
        `${device.name} is alone, but its tree changed by itself:\n${diff(seen.tree, tree)}`,
      );
    Object.assign(seen, { here, all, contents, tree });
  }

  #checkKept(device: Device, seen: Seen, all: TokenSet): void {
    const lost = this.#acked.get(device.name)!.firstOutside(all, this.deleted);
    if (lost !== undefined) {
      const rule = seen.restarted ? "INV-2" : "INV-1";
      throw new Violation(rule, `${device.name} has lost ${this.tokens.describe(lost)}`);
    }
    const displaced = seen.here.firstOutside(all, this.deleted);
    // What somebody else wrote may leave this device while the server holds it, or its author is about to send it there.
    if (
      displaced !== undefined &&
      seen.here.firstOutside(all, this.deleted, this.#atServer(), this.#conflictsOn(device)) !==
        undefined
    )
      throw new Violation(
        "INV-4",
        `${device.name} dropped ${this.tokens.describe(displaced)} for bytes that had not seen it`,
      );
  }

  /** INV-3: what an entry holds was written by somebody, or is a merge of what was. */
  #checkContent(device: Device, entry: EntryState, digest: string, seen: Seen): Content {
    const content = this.#content(device, digest);
    if (content === undefined)
      throw new Violation("INV-3", `${device.name} ${entry.path} holds bytes nobody knows`);
    if (content.strange !== undefined)
      throw new Violation(
        "INV-3",
        `${device.name} ${entry.path} holds a line nobody wrote: ${content.strange}`,
      );
    if (this.#known.has(digest)) return content;
    if (!this.#isMerge(entry, content, seen))
      throw new Violation(
        "INV-3",
        `${device.name} ${entry.path} holds what is neither written nor a merge: ${this.#show(content)}`,
      );
    this.#known.add(digest);
    return content;
  }

  /** Whether nothing but what the other side replaced is missing from either side, and nothing is there twice. */
  #isMerge(entry: EntryState, merged: Content, seen: Seen): boolean {
    const rights = this.#serverDigestsOf.get(entry.docId ?? "") ?? new Set<string>();
    for (const left of new Set(seen.contents.values()))
      for (const right of rights) {
        const l = this.tokens.content(left, () => undefined);
        const r = this.tokens.content(right, () => undefined);
        if (l !== undefined && r !== undefined && this.#mergesTo(l, r, merged)) return true;
      }
    return false;
  }

  #mergesTo(left: Content, right: Content, merged: Content): boolean {
    for (const line of merged.lines) {
      const most = Math.max(countOf(left, line), countOf(right, line));
      if (countOf(merged, line) > most) return false;
    }
    const keeps = (side: Content, other: Content): boolean =>
      side.lines.every(
        (line) => merged.lines.includes(line) || other.covers.has(line) || this.deleted.has(line),
      );
    return keeps(left, right) && keeps(right, left);
  }

  /** INV-6: what is deleted on the server was deleted by a user, or lives on at a device, or came after the last look. */
  #checkDeletions(): void {
    const docs = this.#deletedDocs;
    this.#deletedDocs = [];
    const covers = [...this.#seen.values()].map((seen) => seen.all);
    for (const { doc, shown } of docs) {
      if (!isFile(doc)) continue;
      const content = this.#remember(doc, digestOf(doc.bytes));
      const lost = content.covers.firstOutside(this.deleted, ...covers);
      if (lost === undefined) continue;
      const unseen = shown && content.covers.without(this.deleted, ...covers);
      if (unseen?.meets(shown) === false) this.blindDeletionCount += 1;
      else
        throw new Violation(
          "INV-6",
          `${doc.filepath} was deleted on the server with ${this.tokens.describe(lost)}`,
        );
    }
  }

  /** What is safe: tokens that the server or a trash holds, or that somebody deleted. For the end of a run. */
  checkAllSafe(docs: Iterable<Doc>): void {
    const safe = this.deleted.clone();
    for (const doc of docs) safe.addAll(this.#remember(doc, digestOf(doc.bytes)).covers);
    for (const device of this.#options.devices)
      for (const digest of device.view.trashed()) {
        const content = this.#content(device, digest);
        if (content !== undefined) safe.addAll(content.covers);
      }
    for (const device of this.#options.devices)
      for (const entry of device.view.entries()) {
        if (entry.excused === undefined && !entry.isDiverged) continue;
        if (entry.digest === undefined || entry.kind !== "file") continue;
        const content = this.#content(device, entry.digest);
        if (content !== undefined) safe.addAll(content.covers);
      }
    for (const [device, acked] of this.#acked) {
      const lost = acked.firstOutside(safe);
      if (lost !== undefined)
        throw new Violation(
          "FIN-3",
          `of ${device}, neither the server nor a trash has ${this.tokens.describe(lost)}`,
        );
    }
  }

  #content(device: Device, digest: string): Content | undefined {
    return this.tokens.content(
      digest,
      () => device.view.bytes(digest) ?? this.#serverBytes.get(digest),
    );
  }

  /** What the live documents of the server cover. */
  #atServer(): TokenSet {
    const covers = new TokenSet();
    for (const doc of this.#options.docs())
      covers.addAll(this.#remember(doc, digestOf(doc.bytes)).covers);
    return covers;
  }

  /** What conflict versions of other devices cover: each goes to the server as a document of its own. */
  #conflictsOn(except: Device): TokenSet {
    const covers = new TokenSet();
    for (const device of this.#options.devices)
      for (const entry of device === except ? [] : device.view.entries())
        if (entry.path.startsWith(conflictsDir)) covers.addAll(this.coversOf(device, entry));
    return covers;
  }

  #show(content: Content): string {
    return `[${content.lines.map((line) => this.tokens.line(line).trim()).join(" ")}]`;
  }
}

function newSeen(): Seen {
  return {
    stamp: -1,
    entries: undefined,
    kept: undefined,
    ackedCount: 0,
    here: new TokenSet(),
    all: new TokenSet(),
    contents: new Map(),
    tree: "",
    restarted: false,
    isByUser: false,
  };
}

function countOf(content: Content, line: number): number {
  let count = 0;
  for (const one of content.lines) if (one === line) count += 1;
  return count;
}

/** Whether a document is a file's: others carry a directory or a symlink's target. */
export function isFile(doc: Doc): boolean {
  const kind = doc.metadata?.sfs_kind;
  return kind === undefined || kind === "file";
}

function treeOf(entries: readonly EntryState[]): string {
  return entries
    .map(({ path, kind, digest }) => `${path} ${kind} ${digest?.slice(0, 8) ?? ""}`)
    .sort()
    .join("\n");
}

function diff(before: string, after: string): string {
  const old = new Set(before.split("\n"));
  const now = new Set(after.split("\n"));
  const gone = [...old].filter((line) => !now.has(line)).map((line) => `- ${line}`);
  const come = [...now].filter((line) => !old.has(line)).map((line) => `+ ${line}`);
  return [...gone, ...come].join("\n");
}
