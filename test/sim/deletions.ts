/**
 * What a deletion may do (INV-6, FIN-6, FIN-7): a file goes from a device only when its document is gone from the
 * server, only for good when somebody deleted it, and what was deleted comes back only with something new in it.
 */
import { emptyDigest } from "@smfs/core";
import { type Doc, digestOf } from "../hosted-model/document.ts";
import type { Commit } from "../hosted-model/table.ts";
import { conflictsDir, type Device, type EntryState } from "./device.ts";
import type { Oracle } from "./oracle.ts";
import { TokenSet } from "./tokens.ts";
import { Violation } from "./violation.ts";

export class Deletions {
  /** What a device has been seen to take for deleted, so far. */
  readonly #seenCounts = new Map<string, number>();
  /** Digests of deleted documents, by the file they were of, and by the document. */
  readonly #digestsOf = new Map<string, Set<string>>();
  /** Documents that each file of a device has had, and the devices' files that each document has been. */
  readonly #docsOf = new Map<string, Set<string>>();
  readonly #filesOf = new Map<string, Set<string>>();
  /** Files that each device had when it was last looked at, each with a number that no other has had. */
  readonly #present = new Map<string, ReadonlyMap<number, number>>();
  #lifeCount = 0;

  readonly #serverIsExact: boolean;

  /** @param serverIsExact it stores what it was sent, byte for byte */
  constructor(serverIsExact: boolean) {
    this.#serverIsExact = serverIsExact;
  }

  /** @param devices all of them: what one of them is still sending it cannot know to be deleted */
  onCommit({ before, after, cause }: Commit, devices: readonly Device[]): void {
    if (before === undefined || after !== undefined || cause !== "request") return;
    const fid = before.metadata?.sfs_fid;
    if (typeof fid !== "string") return;
    const digest = digestOf(before.bytes);
    // Its author has not seen it there yet: to him it is lost, and he sends it again.
    const isUnconfirmed = devices.some(({ view }) =>
      view
        .unconfirmed()
        .some(
          (one) =>
            (one.fid === fid || one.docId === before.id) &&
            (one.digest === digest || !this.#serverIsExact),
        ),
    );
    if (isUnconfirmed) return;
    add(this.#digestsOf, fid, digest);
    add(this.#digestsOf, before.id, digest);
  }

  /** Which documents are one file: those that a device had one after the other in one place. */
  note(device: Device, entries: readonly EntryState[]): void {
    const before = this.#present.get(device.name) ?? new Map<number, number>();
    const now = new Map<number, number>();
    for (const { file, docId, kind } of entries) {
      // A store may number a file that is new as one that is gone.
      const life = before.get(file) ?? this.#lifeCount++;
      now.set(file, life);
      if (docId === null || kind === "dir") continue;
      const key = `${device.name} ${life}`;
      add(this.#docsOf, key, docId);
      add(this.#filesOf, docId, key);
    }
    this.#present.set(device.name, now);
  }

  /** INV-6: what a device takes for deleted is not there any more. @throws Violation */
  check(device: Device, docs: () => Iterable<Doc>): void {
    const vanished = device.view.vanished();
    const seenCount = this.#seenCounts.get(device.name) ?? 0;
    if (vanished.length === seenCount) return;
    this.#seenCounts.set(device.name, vanished.length);
    const live = new Map([...docs()].map((doc) => [doc.id, doc]));
    for (const { docId } of vanished.slice(seenCount)) {
      const doc = live.get(docId ?? "");
      if (doc === undefined) continue;
      const name = `${doc.filepath} (${doc.id})`;
      throw new Violation(
        "INV-6",
        `${device.name} took ${name} for deleted, and the server has it`,
      );
    }
  }

  /** At rest. @throws Violation */
  checkRest(devices: readonly Device[], docs: readonly Doc[], oracle: Oracle): void {
    const live = new TokenSet();
    for (const doc of docs) live.addAll(oracle.coversOfBytes(doc.bytes));
    // What the server refuses stays with its author, who is told: it is not deleted by that.
    for (const device of devices)
      for (const entry of device.view.entries())
        if (entry.excused !== undefined) live.addAll(oracle.coversOf(device, entry));
    for (const device of devices)
      for (const { docId, digest } of device.view.vanished()) {
        // A document that somebody overwrote unseen may be gone by his deletion.
        const isExcused = docId !== null && oracle.blindlyOverwritten.has(docId);
        const bytes = digest === null || isExcused ? undefined : device.view.bytes(digest);
        const lost =
          bytes === undefined
            ? undefined
            : oracle.coversOfBytes(bytes).firstOutside(live, oracle.deleted);
        if (lost !== undefined)
          throw new Violation(
            "FIN-6",
            `${device.name} took ${oracle.tokens.describe(lost)} for deleted, and nobody deleted it`,
          );
      }
    for (const doc of docs) this.#checkCameBack(doc);
  }

  #checkCameBack(doc: Doc): void {
    const fid = doc.metadata?.sfs_fid;
    const digest = digestOf(doc.bytes);
    if (typeof fid !== "string" || digest === emptyDigest) return;
    // A conflict version has the same identity whenever it is made from the same revision.
    if (doc.metadata?.sfs_kind === "dir" || doc.filepath?.startsWith(conflictsDir)) return;
    const names = new Set([fid]);
    for (const file of this.#filesOf.get(doc.id) ?? [])
      for (const docId of this.#docsOf.get(file) ?? []) names.add(docId);
    if ([...names].some((name) => this.#digestsOf.get(name)?.has(digest) === true))
      throw new Violation(
        "FIN-7",
        `${doc.filepath} (${doc.id}) was deleted, and came back as it was`,
      );
  }
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}
