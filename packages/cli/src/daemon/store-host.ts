/** The main thread's hold on the store thread: starts it, gives the sync engine its port, takes it down. */
import { closeSync } from "node:fs";
import { join } from "node:path";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { type Cancel, type Clock, type Invalidation, type Logger, present } from "@smfs/core";
import { openWakeFd, signalWake } from "@smfs/native";
import {
  type Answer,
  LogSync,
  type OnlyHere,
  PortClient,
  type PortReply,
  type Question,
  type StorePort,
} from "@smfs/store";
import { CliError, exitCodes } from "../cli-error.ts";
import { watchdogMs } from "../limits.ts";
import { DirtyListener, dirtySignalMemory } from "./dirty-signal.ts";
import type {
  FromStoreThread,
  KernelEnd,
  StoreThreadSettings,
  StoreWishes,
  ToStoreThread,
} from "./store-messages.ts";
import { StoreSyncs } from "./store-syncs.ts";

export interface StoreHostOptions {
  readonly storeDir: string;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly wishes: StoreWishes;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes what the kernel must forget. */
  readonly onInvalidations: (invalidations: readonly Invalidation[]) => void;
  /** Answers what generated files ask, within a bounded time. */
  readonly onQuestion: (question: Question) => Promise<Answer>;
}

export class StoreHost {
  readonly #options: StoreHostOptions;
  readonly #messages: MessagePort;
  readonly #worker: Worker;
  readonly #wakeFd: number;
  readonly #client: PortClient;
  readonly #dirty: DirtyListener;
  readonly port: StorePort;
  /** Resolves when the thread has ended, with why if it was not asked to. */
  readonly ended: Promise<string | undefined>;
  readonly #logSync: LogSync;
  readonly #syncs: StoreSyncs;
  #received: Promise<void> = Promise.resolve();
  #epoch: string | undefined;
  #damage: string | undefined;
  #failure: string | undefined;
  #isClosed = false;
  #expected = 0;
  #heardAt = 0;
  #cancelWatchdog: Cancel = () => undefined;
  #onOpened: (error?: CliError) => void = () => undefined;
  #cacheUsedBytes: number | undefined;
  readonly #onOnlyHere: ((found: readonly OnlyHere[]) => void)[] = [];
  #onLoopEnded: (end: KernelEnd) => void = () => undefined;

  /** @throws CliError when the store cannot be opened: in use, damaged, made by a newer version */
  static async open(options: StoreHostOptions): Promise<StoreHost> {
    const host = new StoreHost(options);
    await new Promise<void>((resolve, reject) => {
      host.#onOpened = (error) => (error === undefined ? resolve() : reject(error));
      void host.ended.then((why) =>
        reject(new CliError(exitCodes.failed, `the store thread ended: ${why}`)),
      );
    });
    return host;
  }

  private constructor(options: StoreHostOptions) {
    this.#options = options;
    this.#logSync = new LogSync(join(options.storeDir, "store.db"));
    this.#syncs = new StoreSyncs(options, this.#logSync, (result) => {
      if (!this.#isClosed) this.#send({ kind: "synced", result });
    });
    this.#wakeFd = openWakeFd();
    const channel = new MessageChannel();
    const memory = dirtySignalMemory();
    const settings: StoreThreadSettings = {
      messages: channel.port2,
      storeDir: options.storeDir,
      wakeFd: this.#wakeFd,
      dirty: memory,
      owner: options.owner,
      wishes: options.wishes,
    };
    this.#messages = channel.port1;
    this.#client = new PortClient((requests) => {
      this.#expect(requests.length);
      this.#send({ kind: "requests", requests });
    });
    this.port = this.#client.port();
    this.#dirty = new DirtyListener(memory, options.clock, () =>
      this.#client.receive({ events: [{ kind: "dirty" }] }),
    );
    this.#messages.on("message", (message: FromStoreThread) => this.#take(message));
    this.#worker = new Worker(new URL("./store-thread.js", import.meta.url), {
      workerData: settings,
      transferList: [channel.port2],
      name: "smfs-store",
      // A descriptor to be synced is opened there and closed here: Node would take its number for open still, warn of
      // the next file that gets it, and close whatever has it when the thread ends.
      trackUnmanagedFds: false,
    });
    this.ended = this.#watch();
  }

  /** Identity of the store, and of this device towards the server. */
  get epoch(): string {
    return present(this.#epoch, "the epoch of an open store");
  }

  /** What is wrong with the store, which then is only read; undefined when nothing is. */
  get damage(): string | undefined {
    return this.#damage;
  }

  /** Why nothing is acknowledged any more; undefined while all is well. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Bytes of files here when they were last summed; undefined without a budget. */
  get cacheUsedBytes(): number | undefined {
    return this.#cacheUsedBytes;
  }

  /** Serves the kernel on a mounted device; resolves when that has ended. */
  serve(deviceFd: number): Promise<KernelEnd> {
    return new Promise((resolve) => {
      this.#onLoopEnded = resolve;
      void this.ended.then((why) =>
        resolve({ why: "failed", message: why ?? "the store thread has ended" }),
      );
      this.#send({ kind: "serve", deviceFd });
    });
  }

  /** Ends the kernel loop though something may still be mounted: whoever uses it gets errors. */
  stopServing(): void {
    this.#send({ kind: "stop" });
  }

  /** What would be gone with the store, besides what is not sent yet. */
  onlyHere(): Promise<readonly OnlyHere[]> {
    return new Promise((resolve, reject) => {
      this.#onOnlyHere.push(resolve);
      void this.ended.then(() => reject(new Error("the store thread has ended")));
      this.#send({ kind: "only-here" });
    });
  }

  /** Closes the store and ends the thread. The kernel loop must have ended. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#send({ kind: "close" });
    }
    await this.ended;
    await this.#logSync.close();
    closeSync(this.#wakeFd);
  }

  #send(message: ToStoreThread): void {
    this.#messages.postMessage(message);
    signalWake(this.#wakeFd);
  }

  /** Requests are on their way: if nothing is heard for long, somebody should know. */
  #expect(count: number): void {
    const { clock } = this.#options;
    if (this.#expected === 0) {
      this.#heardAt = clock.monotonic();
      this.#cancelWatchdog = clock.after(watchdogMs, () => this.#watchdog());
    }
    this.#expected += count;
  }

  #watchdog(): void {
    const { clock, log } = this.#options;
    if (this.#expected === 0 || this.#isClosed) return;
    const silentMs = Math.round(clock.monotonic() - this.#heardAt);
    if (silentMs >= watchdogMs) log.log("warn", "the store thread does not answer", { silentMs });
    this.#cancelWatchdog = clock.after(watchdogMs, () => this.#watchdog());
  }

  #take(message: FromStoreThread): void {
    this.#heardAt = this.#options.clock.monotonic();
    switch (message.kind) {
      case "opened":
        this.#epoch = message.epoch;
        this.#damage = message.damage;
        this.#onOpened();
        break;
      case "open-failed":
        this.#isClosed = true;
        this.#onOpened(new CliError(exitCodes.failed, message.message, message.hint));
        break;
      case "port":
        if (message.invalidations.length > 0) this.#options.onInvalidations(message.invalidations);
        this.#expected -= message.replies.length;
        this.#receive(message.replies, message.mustSync);
        break;
      case "event":
        if (message.event.kind === "dirty") this.#dirty.received();
        else this.#client.receive({ events: [message.event] });
        break;
      case "log":
        this.#options.log.log(message.level, message.message, message.fields);
        break;
      case "ask":
        void this.#options
          .onQuestion(message.asked.question)
          .then((answer) => this.#answer(message.asked.id, answer));
        break;
      case "sync":
        void this.#syncs.begin(message.job);
        break;
      case "failure":
        this.#failure = message.message;
        this.#options.log.log("error", "nothing can be committed any more", {
          reason: message.message,
        });
        break;
      case "cache":
        this.#cacheUsedBytes = message.usedBytes;
        break;
      case "only-here":
        for (const told of this.#onOnlyHere.splice(0)) told(message.found);
        break;
      case "loop-ended":
        this.#onLoopEnded(message.end);
        break;
      case "closed":
        break;
    }
  }

  #answer(id: number, answer: Answer): void {
    if (!this.#isClosed) this.#send({ kind: "answer", id, answer });
  }

  /** In the order they came: a reply that needs no sync does not overtake one that does. */
  #receive(replies: readonly PortReply[], mustSync: boolean): void {
    const synced = mustSync ? this.#logSync.sync() : Promise.resolve();
    this.#received = this.#received
      .then(() => synced)
      .then(
        () => this.#client.receive({ replies }),
        (error: unknown) => {
          this.#options.log.log("error", "the store's log cannot be synced", {
            reason: String(error),
          });
          const message = "what was committed may not survive a power loss";
          this.#client.receive({ replies: replies.map(({ id }) => ({ id, error: message })) });
        },
      );
    // Told above; nothing else listens to this promise.
    synced.catch(() => undefined);
  }

  #watch(): Promise<string | undefined> {
    return new Promise((resolve) => {
      let failure: string | undefined;
      this.#worker.once("error", (error) => {
        failure = error.stack ?? error.message;
      });
      this.#worker.once("exit", () => {
        this.#dirty.stop();
        this.#cancelWatchdog();
        this.#client.close("the store thread has ended");
        this.#messages.close();
        resolve(
          this.#isClosed && failure === undefined ? undefined : (failure ?? "unknown reason"),
        );
      });
    });
  }
}
