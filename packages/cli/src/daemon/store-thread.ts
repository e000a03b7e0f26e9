/**
 * The store thread: owns the store and, while mounted, serves the kernel. It lives in one of two ways: with
 * Node's event loop before the mount and after it, or inside the kernel loop, which looks for messages when the
 * eventfd wakes it. Both do the same with a message.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type Cancel, type Logger, systemClock } from "@smfs/core";
import { FuseSession, stackDepthOf, type Wake } from "@smfs/fuse";
import type { StoreEvent } from "@smfs/store";
import { raiseDirty } from "./dirty-signal.ts";
import { openStore, type ServedStore } from "./served-store.ts";
import type {
  FromStoreThread,
  KernelEnd,
  StoreThreadSettings,
  ToStoreThread,
} from "./store-messages.ts";

/** Milliseconds after which what was due and failed is tried again. */
const tickAgainMs = 1000;

class StoreThread {
  readonly #messages: MessagePort;
  readonly #settings: StoreThreadSettings;
  readonly #log: Logger;
  readonly #store: ServedStore;
  /** Set while the kernel loop runs: its next wake-up ends it. */
  #isStopping = false;
  #isServing = false;
  #tickNotBeforeMs = Number.NEGATIVE_INFINITY;
  #cancelTick: Cancel = () => undefined;
  #cacheTold: number | undefined;
  #failureTold: string | undefined;

  constructor(settings: StoreThreadSettings) {
    this.#settings = settings;
    this.#messages = settings.messages;
    this.#log = {
      log: (level, message, fields) => this.#tell({ kind: "log", level, message, fields }),
    };
    this.#store = openStore(settings, {
      log: this.#log,
      emit: (event) => this.#emit(event),
      ask: (asked) => this.#tell({ kind: "ask", asked }),
      sync: (job) => this.#tell({ kind: "sync", job }),
    });
    this.#messages.on("message", (message: ToStoreThread) => {
      this.#take(message);
      this.#turn();
    });
    const { epoch, damage } = this.#store;
    this.#tell({ kind: "opened", epoch, damage });
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
        this.#store.port.accept(message.requests);
        break;
      case "serve":
        this.#serve(message.deviceFd);
        break;
      case "stop":
        this.#isStopping = true;
        break;
      case "answer":
        this.#store.receive(message.id, message.answer);
        break;
      case "synced":
        this.#store.synced(message.result);
        break;
      case "only-here":
        this.#tell({ kind: "only-here", found: this.#store.onlyHere() });
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
    const replies = this.#store.port.run();
    if (replies.length > 0) this.#store.stirred();
    this.#tick();
    this.#tellCache();
    this.#tellFailure();
    const invalidations = this.#store.takeInvalidations();
    if (replies.length > 0 || invalidations.length > 0) {
      this.#tell({ kind: "port", replies, invalidations, mustSync: this.#store.port.mustSync });
    }
    return this.#store.port.hasRequests ? 0 : this.#nextTickMs();
  }

  #tellFailure(): void {
    const { failure } = this.#store;
    if (failure === undefined || failure === this.#failureTold) return;
    this.#failureTold = failure;
    this.#tell({ kind: "failure", message: failure });
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
    } catch (error) {
      this.#tickNotBeforeMs = now + tickAgainMs;
      this.#log.log("error", "what was due could not be done", { reason: String(error) });
    }
  }

  #nextTickMs(): number {
    const nextMs = this.#store.nextTickMs();
    const pauseMs = this.#tickNotBeforeMs - systemClock.monotonic();
    return nextMs < 0 ? nextMs : Math.max(nextMs, Math.ceil(pauseMs));
  }

  /** A turn on Node's event loop. */
  #turn(): void {
    if (this.#isServing) return;
    this.#cancelTick();
    // Nobody is parked without a kernel: announced waits are dropped.
    this.#store.takeResumed();
    const nextMs = this.#slice();
    if (nextMs >= 0) this.#cancelTick = systemClock.after(nextMs, () => this.#turn());
  }

  /** Serves the kernel. Blocks this thread: nothing of Node's event loop runs until it returns. */
  #serve(deviceFd: number): void {
    this.#cancelTick();
    this.#isServing = true;
    let end: KernelEnd;
    const { durability, fuseWithout } = this.#settings.wishes;
    try {
      const session = new FuseSession(this.#store.fs, {
        deviceFd,
        wakeFd: this.#settings.wakeFd,
        onWake: () => this.#wake(),
        nextWakeMs: () => this.#nextTickMs(),
        abandon: (ticket) => this.#store.abandon(ticket),
        clock: systemClock,
        logger: this.#log,
        // What the kernel writes itself sends no message that could make it durable.
        passthrough: durability !== "write",
        wantFlush: durability !== "fsync",
        stackDepth: stackDepthOf(this.#settings.storeDir),
        posixAcl: true,
        without: fuseWithout,
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
    return { resumed: this.#store.takeResumed(), stop: this.#isStopping, nextWakeMs };
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
