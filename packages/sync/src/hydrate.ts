/** Bytes of stubs: fetched once however many wait (docs/spec/sync.md, HYDRATE-1 …). */
import { ApiError } from "@smfs/api";
import { type Clock, hydrateMs, type Logger } from "@smfs/core";
import type { StorePort, StubView } from "@smfs/store";
import type { Connection } from "./connection.ts";
import type { Contents } from "./content.ts";
import type { Looks } from "./look.ts";
import type { Pull } from "./pull.ts";

/** Tries in one attempt of the prefetch: what was overtaken once is fetched as it is now. */
const aheadTriesMax = 2;

export class Hydrate {
  readonly #port: StorePort;
  readonly #contents: Contents;
  readonly #looks: Looks;
  readonly #pull: Pull;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #hasRaw: () => boolean;
  /** One fetch per inode: further readers wait for the same. */
  readonly #running = new Map<number, Promise<void>>();
  /** Fetches that nobody waits for yet. */
  readonly #ahead = new Map<number, Promise<boolean>>();

  constructor(deps: {
    port: StorePort;
    contents: Contents;
    looks: Looks;
    pull: Pull;
    connection: Connection;
    clock: Clock;
    log: Logger;
    hasRaw: () => boolean;
  }) {
    this.#port = deps.port;
    this.#contents = deps.contents;
    this.#looks = deps.looks;
    this.#pull = deps.pull;
    this.#connection = deps.connection;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#hasRaw = deps.hasRaw;
  }

  /** Somebody waits for these bytes: they come, or the wait fails within its bound. */
  want(ino: number): Promise<void> {
    const running = this.#running.get(ino);
    if (running !== undefined) return running;
    const started = this.#fillAfter(ino).finally(() => this.#running.delete(ino));
    this.#running.set(ino, started);
    return started;
  }

  /** Fetches bytes that nobody waits for. @returns whether they are here, or are no longer what is wanted */
  async tryFill(ino: number): Promise<boolean> {
    if (this.#running.has(ino)) {
      await this.#running.get(ino);
      return (await this.#port.stub(ino)) === null;
    }
    const started = this.#try(ino).finally(() => this.#ahead.delete(ino));
    this.#ahead.set(ino, started);
    return started;
  }

  async #try(ino: number): Promise<boolean> {
    for (let count = 0; count < aheadTriesMax; count += 1) {
      if ((await this.#port.stub(ino)) === null) return true;
      const failure = await this.#once(ino, hydrateMs);
      if (failure !== "moved on") return failure === undefined;
    }
    return false;
  }

  /** What is on its way already is not fetched twice. */
  async #fillAfter(ino: number): Promise<void> {
    await this.#ahead.get(ino)?.catch(() => false);
    await this.#fill(ino);
  }

  async #fill(ino: number): Promise<void> {
    const until = this.#clock.monotonic() + hydrateMs;
    for (;;) {
      const failure = await this.#once(ino, Math.max(0, until - this.#clock.monotonic()));
      if (failure === undefined) return;
      // Offline is told at once: a program that waits half a minute for every file looks dead.
      const mayWait = failure === "moved on" && this.#clock.monotonic() < until;
      if (!mayWait) {
        await this.#port.hydrateFailed(ino, failure === "moved on" ? "EIO" : failure);
        return;
      }
      await this.#clock.sleep(200);
    }
  }

  /** One try. Undefined when the inode's waiters have been answered. */
  async #once(
    ino: number,
    leftMs: number,
  ): Promise<"EHOSTUNREACH" | "ETIMEDOUT" | "EACCES" | "moved on" | undefined> {
    const stub = await this.#port.stub(ino);
    if (stub === null) {
      // Filled by somebody else, or a stub without a document no more: the operation looks again.
      await this.#port.hydrateFailed(ino, "EIO");
      return undefined;
    }
    const deadline = new AbortController();
    const cancel = this.#clock.after(leftMs, () => deadline.abort());
    try {
      const blob = await this.#fetch(stub, deadline.signal);
      this.#connection.answered();
      if (blob === undefined) {
        await this.#refresh(stub);
        return "moved on";
      }
      return (await this.#port.hydrated(ino, blob)) === "done" ? undefined : "moved on";
    } catch (error) {
      if (deadline.signal.aborted) return "ETIMEDOUT";
      if (!(error instanceof ApiError)) throw error;
      this.#connection.failed(error);
      this.#log.log("warn", "bytes could not be fetched", { ino, reason: error.message });
      return error.kind === "unauthorised" ? "EACCES" : "EHOSTUNREACH";
    } finally {
      cancel();
    }
  }

  async #fetch(stub: StubView, signal: AbortSignal): Promise<string | undefined> {
    if (this.#hasRaw()) {
      return (await this.#contents.fetchRaw(stub.docId, stub, signal))?.blob;
    }
    const look = await this.#looks.at(stub.docId);
    if (look?.bytes === undefined || look.remote?.hash !== stub.hash) return undefined;
    return (await this.#contents.keep(look.bytes)).blob;
  }

  /** The server has other bytes by now: they are taken as a pull would. */
  async #refresh(stub: StubView): Promise<void> {
    const look = await this.#looks.at(stub.docId);
    if (look?.remote === undefined) return;
    await this.#pull.apply([
      { docId: stub.docId, observed: { kind: "version", remote: look.remote }, bytes: look.bytes },
    ]);
  }
}
