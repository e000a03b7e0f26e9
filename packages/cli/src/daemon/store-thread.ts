/**
 * The store thread: owns the store and, while mounted, serves the kernel. It lives in one of two ways: with
 * Node's event loop before the mount and after it, or inside the kernel loop, which looks for messages when the
 * eventfd wakes it. Both do the same with a message.
 */
import { join } from "node:path";
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type Cancel, type Logger, systemClock, systemRandom } from "@smfs/core";
import { FuseSession, stackDepthOf, type Wake } from "@smfs/fuse";
import {
  GeneratedFileSystem,
  GeneratedNames,
  onlyHere,
  PortServer,
  RealByteStore,
  Store,
  type StoreEvent,
  Transitions,
  tellingTransitions,
} from "@smfs/store";
import { raiseDirty } from "./dirty-signal.ts";
import type {
  FromStoreThread,
  KernelEnd,
  StoreThreadSettings,
  ToStoreThread,
} from "./store-messages.ts";

/** Milliseconds after which what was due and failed is tried again. */
const tickAgainMs = 1000;
/** What is told of what would be gone with the store. */
const onlyHereMax = 100;

class StoreThread {
  readonly #messages: MessagePort;
  readonly #settings: StoreThreadSettings;
  readonly #log: Logger;
  readonly #store: Store;
  readonly #names: GeneratedNames;
  readonly #fs: GeneratedFileSystem;
  readonly #port: PortServer;
  /** Set while the kernel loop runs: its next wake-up ends it. */
  #isStopping = false;
  #isServing = false;
  #tickNotBeforeMs = Number.NEGATIVE_INFINITY;
  #cancelTick: Cancel = () => undefined;
  #cacheTold: number | undefined;

  constructor(settings: StoreThreadSettings) {
    this.#settings = settings;
    this.#messages = settings.messages;
    this.#log = {
      log: (level, message, fields) => this.#tell({ kind: "log", level, message, fields }),
    };
    const { storeDir, owner, wishes } = settings;
    this.#store = Store.open({
      database: join(storeDir, "store.db"),
      bytes: new RealByteStore(storeDir),
      clock: systemClock,
      random: systemRandom,
      logger: this.#log,
      owner,
      emit: (event) => this.#emit(event),
      durability: wishes.durability,
      ...(wishes.cacheBytes === undefined ? {} : { cacheBytes: wishes.cacheBytes }),
    });
    const { context } = this.#store;
    this.#names = new GeneratedNames(context, (asked) => this.#tell({ kind: "ask", asked }));
    this.#fs = new GeneratedFileSystem(this.#store, this.#names, { isReadOnly: wishes.readOnly });
    const transitions = tellingTransitions(new Transitions(context), context, this.#names);
    this.#port = new PortServer(context, transitions, systemClock, "process");
    this.#messages.on("message", (message: ToStoreThread) => {
      this.#take(message);
      this.#turn();
    });
    this.#tell({ kind: "opened", epoch: context.versions.epoch });
    this.#turn();
  }

  #tell(message: FromStoreThread): void {
    this.#messages.postMessage(message);
  }

  #emit(event: StoreEvent): void {
    if (event.kind === "dirty" && !raiseDirty(this.#settings.dirty)) return;
    this.#tell({ kind: "event", event });
  }

  #take(message: ToStoreThread): void {
    switch (message.kind) {
      case "requests":
        this.#port.accept(message.requests);
        break;
      case "serve":
        this.#serve(message.deviceFd);
        break;
      case "stop":
        this.#isStopping = true;
        break;
      case "answer":
        this.#names.receive(message.id, message.answer);
        break;
      case "only-here":
        this.#tell({ kind: "only-here", found: onlyHere(this.#store.context, onlyHereMax) });
        break;
      case "close":
        this.#close();
        break;
    }
  }

  /**
   * One slice of what waits for this thread.
   * @returns milliseconds until the next one is due; -1 when nothing waits for time
   */
  #slice(): number {
    const replies = this.#port.run();
    if (replies.length > 0) this.#names.stirred();
    this.#tick();
    this.#tellCache();
    const invalidations = this.#store.takeInvalidations();
    if (replies.length > 0 || invalidations.length > 0) {
      this.#tell({ kind: "port", replies, invalidations, mustSync: this.#port.mustSync });
    }
    return this.#port.hasRequests ? 0 : this.#nextTickMs();
  }

  #tellCache(): void {
    const usedBytes = this.#store.cacheUsedBytes;
    if (usedBytes === undefined || usedBytes === this.#cacheTold) return;
    this.#cacheTold = usedBytes;
    this.#tell({ kind: "cache", usedBytes });
  }

  /** What is due. On a full disk it fails and is tried again later: the kernel is served meanwhile. */
  #tick(): void {
    const now = systemClock.monotonic();
    if (now < this.#tickNotBeforeMs) return;
    try {
      this.#store.tick(now);
      this.#names.tick(now);
    } catch (error) {
      this.#tickNotBeforeMs = now + tickAgainMs;
      this.#log.log("error", "what was due could not be done", { reason: String(error) });
    }
  }

  #nextTickMs(): number {
    const nextMs = this.#nextDueMs();
    const pauseMs = this.#tickNotBeforeMs - systemClock.monotonic();
    return nextMs < 0 ? nextMs : Math.max(nextMs, Math.ceil(pauseMs));
  }

  #nextDueMs(): number {
    const storeMs = this.#store.nextTickMs();
    const dueMs = this.#names.dueMs - systemClock.monotonic();
    if (dueMs === Number.POSITIVE_INFINITY) return storeMs;
    const namesMs = Math.max(0, Math.ceil(dueMs));
    return storeMs < 0 ? namesMs : Math.min(storeMs, namesMs);
  }

  /** A turn on Node's event loop. */
  #turn(): void {
    if (this.#isServing) return;
    this.#cancelTick();
    // Nobody is parked without a kernel: announced waits are dropped.
    this.#fs.takeResumed();
    const nextMs = this.#slice();
    if (nextMs >= 0) this.#cancelTick = systemClock.after(nextMs, () => this.#turn());
  }

  /** Serves the kernel. Blocks this thread: nothing of Node's event loop runs until it returns. */
  #serve(deviceFd: number): void {
    this.#cancelTick();
    this.#isServing = true;
    let end: KernelEnd;
    const { durability } = this.#settings.wishes;
    try {
      const session = new FuseSession(this.#fs, {
        deviceFd,
        wakeFd: this.#settings.wakeFd,
        onWake: () => this.#wake(),
        nextWakeMs: () => this.#nextTickMs(),
        abandon: (ticket) => this.#fs.abandon(ticket),
        clock: systemClock,
        logger: this.#log,
        // What the kernel writes itself sends no message that could make it durable.
        passthrough: durability !== "write",
        wantFlush: durability !== "fsync",
        stackDepth: stackDepthOf(this.#settings.storeDir),
        posixAcl: true,
      });
      end = { why: session.run() };
    } catch (error) {
      const stack = error instanceof Error ? error.stack : undefined;
      this.#log.log("error", "the kernel loop failed", { error: stack ?? String(error) });
      end = { why: "failed", message: error instanceof Error ? error.message : String(error) };
    }
    this.#isServing = false;
    this.#tell({ kind: "loop-ended", end });
  }

  /** A wake-up inside the kernel loop. */
  #wake(): Wake {
    for (;;) {
      const received = receiveMessageOnPort(this.#messages) as
        | { message: ToStoreThread }
        | undefined;
      if (received === undefined) break;
      this.#take(received.message);
    }
    const nextWakeMs = this.#slice();
    return { resumed: this.#fs.takeResumed(), stop: this.#isStopping, nextWakeMs };
  }

  #close(): void {
    this.#cancelTick();
    this.#store.close();
    this.#tell({ kind: "closed" });
    this.#messages.close();
  }
}

const settings = workerData as StoreThreadSettings;
try {
  new StoreThread(settings);
} catch (error) {
  const failed: FromStoreThread = {
    kind: "open-failed",
    message: error instanceof Error ? error.message : String(error),
    hint: (error as { hint?: string }).hint,
  };
  settings.messages.postMessage(failed);
  settings.messages.close();
}
