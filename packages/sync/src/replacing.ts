/**
 * PUSH-12: a server without raw bytes takes a binary only as a new document. The new one is made under a customer id of its
 * own, read back, and then becomes the entry's, in the transaction that hands the old one to a deletion by id. So at
 * every moment the server has one of the two whole, and at most two of them.
 */
import { type ApiClient, ApiError } from "@smfs/api";
import { baseName, type Clock, failedAttemptsMax } from "@smfs/core";
import type { FileWorker, OpView, StorePort } from "@smfs/store";
import type { Capabilities } from "./capabilities.ts";
import { judge } from "./judge.ts";
import type { Look, Looks } from "./look.ts";
import { absentMs, ended, pollMs, type Step, snapshotBytes, stop, toUtf8 } from "./push-step.ts";
import { toStamp } from "./stamp.ts";

interface ReplacingDeps {
  readonly port: StorePort;
  readonly client: ApiClient;
  readonly worker: FileWorker;
  readonly looks: Looks;
  readonly clock: Clock;
  readonly clientId: string;
  readonly capabilities: () => Capabilities;
  readonly onDeferred: () => void;
}

type Replacement = NonNullable<OpView["replacement"]>;

export class Replacing {
  readonly #deps: ReplacingDeps;
  /** New documents that were absent once, on a server whose reads may lag, and when. */
  readonly #absentSince = new Map<string, number>();

  constructor(deps: ReplacingDeps) {
    this.#deps = deps;
  }

  /** Whether an attempt can only go as a new document. A server that counts refuses a second one at a path. */
  async isNeeded(op: OpView): Promise<boolean> {
    const { raw, etag } = this.#deps.capabilities();
    if (raw || etag || op.kind !== "put" || op.docId === null || !op.withBytes) return false;
    if (op.replacement !== null) return true;
    return toUtf8(await snapshotBytes(this.#deps.worker, op)) === undefined;
  }

  /** Makes the new document. The attempt is journalled as sent, with the customer id. Throws ApiError. */
  async send(op: OpView): Promise<Step> {
    const { client, clientId, worker, port } = this.#deps;
    const { replacement } = op;
    if (replacement === null) return { kind: "look" };
    const answer = await client.upload({
      customId: replacement.cid,
      filepath: op.path,
      metadata: toStamp(op, clientId),
      bytes: await snapshotBytes(worker, op),
      fileName: baseName(op.path),
    });
    await port.note(op.fid, op.opId, {
      newDocId: answer.id,
      phase: "accepted",
      attempted: true,
    });
    return { kind: "poll" };
  }

  /** What has become of the new document. Undefined when there is none: the old one is looked at, and it goes again. */
  async look(op: OpView, replacement: Replacement): Promise<Step | undefined> {
    const { looks, port } = this.#deps;
    const look = await looks.at(replacement.docId ?? replacement.cid);
    if (look === null) {
      return replacement.docId === null ? undefined : this.#absent(op, replacement.docId);
    }
    const { id } = look.document;
    this.#absentSince.delete(id);
    if (replacement.docId !== id) await port.note(op.fid, op.opId, { newDocId: id });
    // This server knew the old document by its path, and has put the bytes into it: an ordinary update.
    if (id === op.docId) return { kind: "judge", look };
    if (look.status === "failed") return this.#failed(op, id);
    return this.#settle(op, look);
  }

  async #settle(op: OpView, look: Look): Promise<Step> {
    const { port } = this.#deps;
    const verdict = judge(op, look, false);
    switch (verdict.kind) {
      case "wait":
        return stop({ kind: "again", afterMs: pollMs });
      case "changed":
        return { kind: "judge", look };
      case "landed":
      case "move":
        // Moved since, by somebody: that is judged like any change of it.
        await port.verify(op.fid, op.opId, verdict.remote);
        break;
      default:
        await port.landed(op.fid, op.opId);
        break;
    }
    this.#deps.onDeferred();
    return stop(ended);
  }

  /** It was there and is not: an automatic deletion of what could not be processed, or a server that lags. */
  async #absent(op: OpView, docId: string): Promise<Step> {
    const now = this.#deps.clock.monotonic();
    const since = this.#absentSince.get(docId) ?? now;
    this.#absentSince.set(docId, since);
    const left = absentMs - (now - since);
    if (left > 0) return stop({ kind: "again", afterMs: left });
    this.#absentSince.delete(docId);
    return this.#again(op);
  }

  /** What could not be processed is taken away before it is made again, or such documents pile up. */
  async #failed(op: OpView, docId: string): Promise<Step> {
    try {
      await this.#deps.client.delete(docId, {});
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== "not-found") throw error;
    }
    return this.#again(op);
  }

  async #again(op: OpView): Promise<Step> {
    const noted = await this.#deps.port.note(op.fid, op.opId, {
      newDocId: null,
      failed: true,
      phase: "claimed",
    });
    if (noted === null) return stop(ended);
    if (noted.failures >= failedAttemptsMax)
      throw new ApiError("rejected", "the server could not process it");
    return { kind: "look" };
  }
}
