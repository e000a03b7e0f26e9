/**
 * What a deletion may do (INV-6, FIN-6, FIN-7): a file goes from a device only when its document is gone from the
 * server, only for good when somebody deleted it, and what was deleted comes back only with something new in it.
 */
import { emptyDigest } from "@smfs/core";
import { type Doc, digestOf } from "../hosted-model/document.ts";
import type { Commit } from "../hosted-model/table.ts";
import type { Device } from "./device.ts";
import type { Oracle } from "./oracle.ts";
import { TokenSet } from "./tokens.ts";
import { Violation } from "./violation.ts";

export class Deletions {
  /** What a device has been seen to take for deleted, so far. */
  readonly #seenCounts = new Map<string, number>();
  /** Digests of deleted documents, by the file they were of. */
  readonly #digestsOf = new Map<string, Set<string>>();

  onCommit({ before, after, cause }: Commit): void {
    if (before === undefined || after !== undefined || cause !== "request") return;
    const fid = before.metadata?.sfs_fid;
    if (typeof fid !== "string") return;
    const digests = this.#digestsOf.get(fid) ?? new Set();
    digests.add(digestOf(before.bytes));
    this.#digestsOf.set(fid, digests);
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
    if (doc.metadata?.sfs_kind === "dir" || doc.filepath?.startsWith("/.conflicts/")) return;
    if (this.#digestsOf.get(fid)?.has(digest) === true)
      throw new Violation(
        "FIN-7",
        `${doc.filepath} (${doc.id}) was deleted, and came back as it was`,
      );
  }
}
