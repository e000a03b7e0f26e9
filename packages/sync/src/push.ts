/**
 * One attempt, from claim to its end (docs/spec/sync.md, PUSH-1 … PUSH-9). Between two steps the process may die:
 * what the journal says then is enough to go on, and the only way to learn what a lost answer would have said is
 * to look.
 */
import { type ApiClient, ApiError, type HttpBody, type WriteAnswer } from "@smfs/api";
import {
  baseName,
  type Clock,
  failedAttemptsMax,
  fromContentHash,
  inlineBytesMax,
  unreachable,
} from "@smfs/core";
import type { FileWorker, OpView, PushTask, RemoteVersion, StorePort } from "@smfs/store";
import type { Capabilities } from "./capabilities.ts";
import type { Contents } from "./content.ts";
import { freeze } from "./freeze.ts";
import { judge, type Verdict } from "./judge.ts";
import type { Look, Looks } from "./look.ts";
import {
  absentMs,
  cannotReplace,
  ended,
  idle,
  type PushOutcome,
  pollMs,
  type Step,
  snapshotBytes,
  stop,
  toUtf8,
} from "./push-step.ts";
import { Replacing } from "./replacing.ts";
import type { Resolver } from "./resolver.ts";
import { toStamp } from "./stamp.ts";

/** Looks and sends within one run of one attempt at most; then it waits its turn again. */
const stepsMax = 12;
/** Looks at a document that the server processes, in one run. */
const pollsMax = 30;
/** Milliseconds after which an attempt is resolved again whose file was written meanwhile. */
const staleMs = 50;

export interface PushDeps {
  readonly port: StorePort;
  readonly client: ApiClient;
  readonly worker: FileWorker;
  readonly looks: Looks;
  readonly contents: Contents;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly clientId: string;
  readonly capabilities: () => Capabilities;
  /** Called when an attempt left something for pull to decide. */
  readonly onDeferred: () => void;
}

export class Push {
  readonly #deps: PushDeps;
  /** Attempts whose document was absent once, on a server whose reads may lag, and when. */
  readonly #absentSince = new Map<string, number>();
  /** Digest a server showed for an attempt in place of its bytes: twice the same means that it changes what it is sent. */
  readonly #shownInstead = new Map<string, string>();

  readonly #replacing: Replacing;

  constructor(deps: PushDeps) {
    this.#deps = deps;
    this.#replacing = new Replacing(deps);
  }

  /** Claims if need be, and carries the attempt as far as it goes now. Throws ApiError when no answer came. */
  async run(task: PushTask): Promise<PushOutcome> {
    const op = task.op ?? (await this.#claim(task.fid));
    if (op === null) return idle;
    try {
      const outcome = await this.#drive(op, task.op === null);
      if (outcome.kind === "ended") this.#forget(op.opId);
      return outcome;
    } catch (error) {
      if (error instanceof ApiError && error.kind === "rejected")
        return this.#reject(op, error.message);
      if (error instanceof ApiError && error.kind === "too-large")
        return this.#reject(op, error.message);
      throw error;
    }
  }

  #forget(opId: string): void {
    this.#absentSince.delete(opId);
    this.#shownInstead.delete(opId);
  }

  async #claim(fid: string): Promise<OpView | null> {
    const { port, worker, capabilities } = this.#deps;
    // On a server that counts, the precondition of the request is the look.
    const send = capabilities().etag;
    let claimed = await port.claim(fid, send);
    if (claimed.kind === "copy") {
      const snapshot = await freeze(worker, claimed.ino, claimed.mayChange);
      // It changed while it was copied: it is dirty, and will be picked again.
      if (snapshot === undefined) return null;
      claimed = await port.claimSnapshot(fid, { localVer: claimed.localVer, ...snapshot }, send);
    }
    return claimed.kind === "op" ? claimed.op : null;
  }

  /** @param isFresh the attempt was claimed by this run: if it is "sent", then by nobody yet */
  async #drive(first: OpView, isFresh: boolean): Promise<PushOutcome> {
    let op = first;
    let step: Step = isFresh && op.phase === "sent" ? { kind: "send" } : this.#begin(op);
    for (let count = 0; count < stepsMax; count += 1) {
      if (step.kind === "stop") return step.outcome;
      step = await this.#take(op, step, isFresh && count === 0);
      if (step.kind === "stop") return step.outcome;
      const now = await this.#current(op);
      if (now === null) return ended;
      op = now;
    }
    return { kind: "again", afterMs: pollMs };
  }

  async #current(op: OpView): Promise<OpView | null> {
    return this.#deps.port.note(op.fid, op.opId, {});
  }

  /** PUSH-2 and the first line of PUSH-3: what is known before anything is asked. */
  #begin(op: OpView): Step {
    if (op.phase === "accepted") return { kind: "poll" };
    if (op.replacement !== null) return { kind: "look" };
    if (op.docId === null) return op.sent ? { kind: "look" } : { kind: "send" };
    if (op.phase === "claimed" && this.#deps.capabilities().etag && op.ifMatch !== null)
      return { kind: "send" };
    return { kind: "look" };
  }

  #take(op: OpView, step: Exclude<Step, { kind: "stop" }>, isFresh: boolean): Promise<Step> {
    switch (step.kind) {
      case "look":
        return this.#look(op);
      case "send":
        return this.#send(op, isFresh && op.phase === "sent");
      case "move":
        return this.#moveAlone(op);
      case "judge":
        return this.#judge(op, step.look);
      case "poll":
        return this.#poll(op);
      default:
        return unreachable(step);
    }
  }

  /** PUSH-2, PUSH-3: what does the server hold? */
  async #look(op: OpView): Promise<Step> {
    const { looks, port } = this.#deps;
    if (op.replacement !== null) {
      const step = await this.#replacing.look(op, op.replacement);
      if (step !== undefined) return step;
    }
    const look = await looks.at(op.docId ?? op.cid);
    if (look === null) return op.docId === null ? this.#absentCreation(op) : this.#absent(op);
    this.#absentSince.delete(op.opId);
    if (op.docId === null) await port.note(op.fid, op.opId, { docId: look.document.id });
    return { kind: "judge", look };
  }

  /**
   * A creation that may have been sent and is not there: it goes (again), with the same customer id and bytes. With
   * another idempotency key, as after every look: under the old one a server that has carried it out since, and lost
   * the document again to a deletion, would only repeat what it said then.
   */
  async #absentCreation(op: OpView): Promise<Step> {
    if (op.kind === "delete") {
      await this.#deps.port.deleted(op.fid, op.opId);
      return stop(ended);
    }
    await this.#deps.port.note(op.fid, op.opId, { attempted: true });
    return { kind: "send" };
  }

  async #absent(op: OpView): Promise<Step> {
    const { port, clock, capabilities } = this.#deps;
    if (!capabilities().etag && op.kind !== "delete") {
      const since = this.#absentSince.get(op.opId) ?? clock.monotonic();
      this.#absentSince.set(op.opId, since);
      const left = absentMs - (clock.monotonic() - since);
      if (left > 0) return stop({ kind: "again", afterMs: left });
    }
    if (op.kind === "delete") await port.deleted(op.fid, op.opId);
    else if (!op.withBytes || op.hash === op.base?.hash) await port.goneRemotely(op.fid, op.opId);
    else await port.recreate(op.fid, op.opId);
    this.#deps.onDeferred();
    return stop(ended);
  }

  async #judge(op: OpView, look: Look): Promise<Step> {
    const verdict = judge(op, look, this.#deps.capabilities().etag);
    return this.#act(op, verdict, look);
  }

  async #act(op: OpView, verdict: Verdict, look: Look): Promise<Step> {
    const { port } = this.#deps;
    switch (verdict.kind) {
      case "wait":
        return stop({ kind: "again", afterMs: pollMs });
      case "failed":
        return this.#failedProcessing(op);
      case "landed":
        await port.verify(op.fid, op.opId, verdict.remote);
        return stop(ended);
      case "built-on":
        await port.landed(op.fid, op.opId);
        return stop(ended);
      case "send":
        await port.note(op.fid, op.opId, {
          ifMatch: verdict.remote.etag,
          phase: "claimed",
          attempted: true,
        });
        return { kind: "send" };
      case "move":
        return { kind: "move" };
      case "reassert":
        await port.release(op.fid, op.opId, "reassert");
        return stop(ended);
      case "changed":
        return this.#shownOther(op, verdict.remote);
      default:
        return this.#resolve(op, verdict.remote, look);
    }
  }

  /** PUSH-8. The attempt is given again by the loop alone, once this run of it is over. */
  async #resolve(op: OpView, remote: RemoteVersion, look: Look): Promise<Step> {
    const resolved = await this.#deps.resolver.resolve(op, remote, look);
    this.#deps.onDeferred();
    return stop(resolved === "stale" ? { kind: "again", afterMs: staleMs } : ended);
  }

  /** Done, our stamp, other bytes: twice the same means the server changes what it is sent (sync.md, servers that change). */
  async #shownOther(op: OpView, remote: RemoteVersion): Promise<Step> {
    const { port } = this.#deps;
    if (this.#shownInstead.get(op.opId) === remote.hash) {
      // The hosted API ignores a path beside content: what it shows instead is no reason to take the path for done.
      if (remote.path !== op.path) return { kind: "move" };
      await port.verify(op.fid, op.opId, remote, { diverged: true });
      return stop(ended);
    }
    this.#shownInstead.set(op.opId, remote.hash);
    await port.note(op.fid, op.opId, { ifMatch: remote.etag });
    return { kind: "send" };
  }

  async #failedProcessing(op: OpView): Promise<Step> {
    const noted = await this.#deps.port.note(op.fid, op.opId, { failed: true, phase: "claimed" });
    if (noted !== null && noted.failures >= failedAttemptsMax) {
      return stop(await this.#reject(op, "the server could not process it"));
    }
    return { kind: "send" };
  }

  async #reject(op: OpView, message: string): Promise<PushOutcome> {
    await this.#deps.port.reject(op.fid, op.opId, message);
    return ended;
  }

  /** PUSH-4, PUSH-5. The journal says "sent" before the first byte leaves. */
  async #send(op: OpView, isMarked: boolean): Promise<Step> {
    const { port } = this.#deps;
    if (await this.#replacing.isNeeded(op)) return this.#sendReplacement(op);
    if (!isMarked && (await port.markSent(op.fid, op.opId)) === null) return stop(ended);
    if (op.kind === "delete") return this.#sendDelete(op);
    try {
      const answer = await this.#write(op);
      return await this.#answered(op, answer);
    } catch (error) {
      return this.#refused(op, error);
    }
  }

  /** PUSH-12 */
  async #sendReplacement(op: OpView): Promise<Step> {
    const marked = await this.#deps.port.replacing(op.fid, op.opId);
    if (marked === null) return stop(ended);
    try {
      return await this.#replacing.send(marked);
    } catch (error) {
      return this.#refused(marked, error);
    }
  }

  /** What follows from an answer that says the request was not carried out. Any other error is thrown again. */
  async #refused(op: OpView, error: unknown): Promise<Step> {
    if (!(error instanceof ApiError)) throw error;
    await this.#noteDefinitive(op, error);
    if (error.kind === "precondition") return this.#inTheWay(op, error);
    if (error.kind === "not-found") return { kind: "look" };
    throw error;
  }

  /** An answer that says the request was not carried out: the next one needs another idempotency key. */
  async #noteDefinitive(op: OpView, error: ApiError): Promise<void> {
    const isOpen = error.kind === "unknown" || error.kind === "unsent" || error.kind === "busy";
    if (!isOpen) await this.#deps.port.note(op.fid, op.opId, { attempted: true });
  }

  async #sendDelete(op: OpView): Promise<Step> {
    const { client, port } = this.#deps;
    if (op.docId === null) return { kind: "look" };
    try {
      await client.delete(op.docId, this.#conditions(op));
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== "precondition") throw error;
      await port.note(op.fid, op.opId, { attempted: true });
      // With If-Match a document that is not there answers 412 too: looking tells which it was.
      return { kind: "look" };
    }
    await port.deleted(op.fid, op.opId);
    return stop(ended);
  }

  #conditions(op: OpView): { ifMatch?: string; ifNoneMatch?: "*"; idempotencyKey?: string } {
    const { etag, idempotency } = this.#deps.capabilities();
    return {
      ...(etag && op.docId !== null && op.ifMatch !== null ? { ifMatch: op.ifMatch } : {}),
      ...(etag && op.docId === null ? { ifNoneMatch: "*" as const } : {}),
      ...(idempotency ? { idempotencyKey: `${op.opId}/${op.attempts}` } : {}),
    };
  }

  async #write(op: OpView): Promise<WriteAnswer & { etag: string | null }> {
    const { client, clientId, capabilities, worker } = this.#deps;
    const metadata = toStamp(op, clientId);
    const conditions = this.#conditions(op);
    if (!op.withBytes && op.docId !== null) {
      return client.patch(op.docId, { filepath: op.path, metadata }, conditions);
    }
    if (capabilities().raw) {
      const more = { filepath: op.path, metadata, create: op.docId === null };
      return client.putRaw(op.docId ?? op.cid, await this.#body(op), more, conditions);
    }
    const bytes = await snapshotBytes(worker, op);
    const text = toUtf8(bytes);
    if (op.docId === null) {
      const document = { customId: op.cid, filepath: op.path, metadata };
      return text === undefined
        ? client.upload({ ...document, bytes, fileName: baseName(op.path) }, conditions)
        : client.create({ ...document, content: text }, conditions);
    }
    if (text === undefined) {
      throw new ApiError("rejected", cannotReplace);
    }
    return client.patch(op.docId, { content: text, filepath: op.path, metadata }, conditions);
  }

  async #body(op: OpView): Promise<HttpBody> {
    const blob = op.snapshot?.blob;
    if (blob === undefined)
      return { kind: "bytes", bytes: op.snapshot?.bytes ?? new Uint8Array(0) };
    const { worker } = this.#deps;
    if (op.size <= inlineBytesMax) return { kind: "bytes", bytes: await worker.readBlob(blob) };
    return { kind: "stream", size: op.size, stream: () => worker.streamBlob(blob) };
  }

  /** PUSH-5: a server that counts says what it stored; any other is asked until it is done. */
  async #answered(op: OpView, answer: WriteAnswer & { etag: string | null }): Promise<Step> {
    const { port, capabilities, clientId } = this.#deps;
    const stored = fromContentHash(answer.contentHash);
    const docId = op.docId ?? answer.id;
    if (
      capabilities().etag &&
      stored === op.hash &&
      answer.filepath === op.path &&
      answer.rev !== null
    ) {
      await port.verify(op.fid, op.opId, {
        docId,
        customId: op.cid,
        fid: op.fid,
        path: op.path,
        rev: op.opId,
        chain: op.chain,
        stampRev: op.opId,
        srev: answer.rev,
        etag: answer.etag ?? `"r${answer.rev}"`,
        hash: op.hash,
        size: op.size,
        attrs: op.attrs,
        status: "done",
        updatedAt: "",
        settled: true,
        by: clientId,
      });
      return stop(ended);
    }
    await port.note(op.fid, op.opId, { docId: answer.id, phase: "accepted", attempted: true });
    return { kind: "poll" };
  }

  /** PUSH-6: until done or failed, at most so long; the attempt then stays in flight and others go on. */
  async #poll(op: OpView): Promise<Step> {
    const { looks, clock } = this.#deps;
    for (let count = 0; count < pollsMax; count += 1) {
      if (op.replacement !== null) return { kind: "look" };
      const look = await looks.at(op.docId ?? op.cid);
      if (look === null) return this.#absent(op);
      if (look.status === "done" || look.status === "failed") return { kind: "judge", look };
      await clock.sleep(pollMs);
    }
    return stop({ kind: "again", afterMs: pollMs * pollsMax });
  }

  /** Right bytes, wrong path: the hosted API ignores a path beside content. */
  async #moveAlone(op: OpView): Promise<Step> {
    const { client, clientId, port } = this.#deps;
    if (op.docId === null) return { kind: "look" };
    const metadata = toStamp(op, clientId);
    try {
      const conditions = this.#conditions(op);
      const answer = await client.patch(op.docId, { filepath: op.path, metadata }, conditions);
      await port.note(op.fid, op.opId, { phase: "accepted", attempted: true, docId: answer.id });
    } catch (error) {
      return this.#refused(op, error);
    }
    return { kind: "poll" };
  }

  /** 409 or 412: something else is there. */
  async #inTheWay(op: OpView, error: ApiError): Promise<Step> {
    const { current } = error;
    if (op.replacement !== null && current?.id === op.docId)
      throw new ApiError("rejected", cannotReplace);
    if (op.replacement !== null) return { kind: "look" };
    if (current === undefined || current.id === op.docId) return { kind: "look" };
    const { port, looks } = this.#deps;
    const [view] = await port.viewRemote([
      { docId: current.id, fid: null, customId: null, path: current.filepath },
    ]);
    const other = view?.entry ?? null;
    if (other !== null && other.fid === op.fid) {
      // Our own creation, whose answer was lost.
      await port.note(op.fid, op.opId, { docId: current.id });
      return { kind: "look" };
    }
    if (
      other !== null &&
      (other.hasOp || other.state === "deleted" || other.path !== current.filepath)
    ) {
      await port.release(op.fid, op.opId, "keep");
      return stop({ kind: "again", afterMs: pollMs });
    }
    // An entry of ours has that document and is at rest: both stay, ours under another name.
    if (op.docId !== null || other !== null) {
      await port.takeAlias(op.fid, op.opId);
      return stop(ended);
    }
    const look = await looks.at(current.id);
    if (look === null) return stop({ kind: "again", afterMs: pollMs });
    const docFid = look.remote?.fid ?? null;
    const document = { docId: current.id, fid: docFid, path: current.filepath };
    if ((await port.adopt(op.fid, op.opId, document)) === "stale") {
      await port.release(op.fid, op.opId, "keep");
      return stop({ kind: "again", afterMs: pollMs });
    }
    const adopted = await port.note(op.fid, op.opId, {});
    if (adopted === null) return stop(ended);
    const verdict = judge(adopted, look, this.#deps.capabilities().etag);
    return this.#act(adopted, verdict, look);
  }
}
