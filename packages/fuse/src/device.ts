/**
 * The loop: reads requests from the device, has them dispatched, writes the replies. It runs on a thread of its
 * own, which has no event loop while it runs: no promise, timer or message arrives there; other threads signal
 * the wake-up descriptor.
 *
 * Going to sleep and being woken costs more than most requests. So after a reply the device is asked again for a
 * short time before the thread sleeps, but only while requests come that close together, and only for as much
 * time as the requests served have earned. An idle mount sleeps.
 */
import { availableParallelism } from "node:os";
import type { Clock, Logger, Ticket } from "@smfs/core";
import { clearWake, Poller, readDescriptor, SystemError, writeDescriptor } from "@smfs/native";
import { outHeader } from "./abi.ts";
import type { Dispatcher } from "./dispatch.ts";
import {
  gapSamples,
  gapsPerSpin,
  gapUsMin,
  requestsPerWakeCheck,
  spinCreditUs,
  spinCreditUsMax,
  spinUsMax,
} from "./limits.ts";

const EIO = 5;
const ENOENT = 2;
const EINTR = 4;
const EAGAIN = 11;
const ENODEV = 19;
const ECONNABORTED = 103;

/** What the rest of the daemon has for the loop. */
export interface Wake {
  /** Parked operations that can go on. */
  readonly resumed: readonly Ticket[];
  /** End the loop though the file system is still mounted: whoever uses it gets errors from then on. */
  readonly stop: boolean;
  /** Milliseconds until `onWake` wants to be called again without a signal; -1: not until signalled. */
  readonly nextWakeMs: number;
}

export interface DeviceOptions {
  /** The mounted FUSE device, opened with O_NONBLOCK. The loop does not close it. */
  readonly deviceFd: number;
  /** An eventfd (native's `openWakeFd`). */
  readonly wakeFd: number;
  readonly dispatcher: Dispatcher;
  /** Called when the wake-up descriptor was signalled or its time has come; does what waits for this thread. */
  readonly onWake: () => Wake;
  /**
   * Milliseconds until `onWake` wants to be called because of what requests have done since; -1: not because of them.
   * Asked before the loop sleeps.
   */
  readonly nextWakeMs?: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Spin after replies. On by default where there is more than one processor: else it only steals time. */
  readonly spin?: boolean;
}

type Served = "served" | "empty" | "ended";

/** Why the loop ended. */
export type LoopEnd = "unmounted" | "stopped";

/** Counts of a loop, for status and benchmarks. */
export interface LoopCounters {
  requests: number;
  /** Times the thread slept. */
  sleeps: number;
  /** Microseconds spent asking an empty device. */
  spinUs: number;
}

export class Device {
  readonly #options: DeviceOptions;
  readonly #poller: Poller;
  readonly #spins: boolean;
  readonly counters: LoopCounters = { requests: 0, sleeps: 0, spinUs: 0 };
  /** When `onWake` is due, in the clock's milliseconds. */
  #wakeAt: number = Number.POSITIVE_INFINITY;
  #requestsAtSleep = 0;
  #stopped = false;
  /** Whether requests have come close enough together that asking again pays. */
  #isBusy = false;
  /** Mean of the last times from a reply to the next request, where that came soon, in microseconds. */
  #gapUs = spinUsMax / gapsPerSpin;
  #creditUs: number = spinCreditUsMax;
  #requestsAtCredit = 0;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.#poller = new Poller([options.deviceFd, options.wakeFd]);
    this.#spins = options.spin ?? availableParallelism() > 1;
  }

  /** Serves until the file system is unmounted, or until `onWake` says stop. */
  run(): LoopEnd {
    this.#wake();
    let sinceWakeCheck = 0;
    while (!this.#stopped) {
      const served = this.#serve();
      if (served === "ended") return "unmounted";
      if (served === "empty") {
        if (this.#spin()) continue;
        this.#sleep();
        sinceWakeCheck = 0;
      } else {
        sinceWakeCheck += 1;
        if (sinceWakeCheck < requestsPerWakeCheck) continue;
        sinceWakeCheck = 0;
        this.#poller.wait(0);
      }
      this.#wakeIfDue();
    }
    return "stopped";
  }

  /** One request, if there is one. */
  #serve(): Served {
    const { deviceFd, dispatcher } = this.#options;
    const length = readDescriptor(deviceFd, dispatcher.requestBytes);
    if (length > 0) {
      this.counters.requests += 1;
      const replyLength = dispatcher.dispatch(length);
      if (replyLength > 0) this.#deliver(replyLength);
      return "served";
    }
    switch (-length) {
      case EAGAIN:
        return "empty";
      // ENOENT: the request was taken back before we read it.
      case ENOENT:
      case EINTR:
        return "served";
      case 0:
      case ENODEV:
      case ECONNABORTED:
        return "ended";
      default:
        throw new SystemError("EIO", `read from the FUSE device: errno ${-length}`);
    }
  }

  #deliver(length: number): void {
    const { deviceFd, dispatcher, logger } = this.#options;
    const written = writeDescriptor(deviceFd, dispatcher.replyBytes, length);
    if (written >= 0) return;
    dispatcher.undelivered();
    // ENOENT: nobody waits any more. ENODEV: unmounted meanwhile; the next read says so.
    if (written === -ENOENT || written === -ENODEV) return;
    logger.log("error", "the kernel refused a reply", { errno: -written, length });
    this.#deliverFailure();
  }

  /** Somebody still waits for the reply that was refused: an error is better than for ever. */
  #deliverFailure(): void {
    const { deviceFd, dispatcher } = this.#options;
    const reply = dispatcher.replyBytes;
    const header = new DataView(reply.buffer, reply.byteOffset, outHeader.bytes);
    header.setUint32(outHeader.len, outHeader.bytes, true);
    header.setInt32(outHeader.error, -EIO, true);
    writeDescriptor(deviceFd, reply, outHeader.bytes);
  }

  /** Asks the device until something comes. @returns false when it is time to sleep */
  #spin(): boolean {
    if (!this.#spins || !this.#isBusy) return false;
    this.#earn();
    // Who has not come after a few times the usual gap waits for a processor that we might be holding.
    const budgetUs = Math.min(spinUsMax, this.#creditUs, this.#gapUs * gapsPerSpin);
    if (budgetUs <= 0) return false;
    const { clock } = this.#options;
    const start = clock.monotonic();
    let spentUs = 0;
    let served: Served = "empty";
    while (served === "empty" && spentUs < budgetUs) {
      spentUs = (clock.monotonic() - start) * 1000;
      served = this.#serve();
    }
    this.#creditUs -= spentUs;
    this.counters.spinUs += spentUs;
    this.#isBusy = served !== "empty";
    if (this.#isBusy) this.#noteGap(spentUs);
    // Whatever the device says after its end, the next read says it again.
    return served !== "empty";
  }

  #noteGap(us: number): void {
    this.#gapUs += (Math.max(us, gapUsMin) - this.#gapUs) / gapSamples;
  }

  /** Adds what the requests since the last time have earned. */
  #earn(): void {
    const requests = this.counters.requests - this.#requestsAtCredit;
    this.#requestsAtCredit = this.counters.requests;
    this.#creditUs = Math.min(spinCreditUsMax, this.#creditUs + requests * spinCreditUs);
  }

  #sleep(): void {
    const { clock } = this.#options;
    const start = clock.monotonic();
    this.#askWhenDue(start);
    const untilWake = this.#wakeAt - start;
    const timeoutMs = Number.isFinite(untilWake) ? Math.max(0, Math.ceil(untilWake)) : -1;
    this.counters.sleeps += 1;
    this.#poller.wait(timeoutMs);
    const sleptUs = (clock.monotonic() - start) * 1000;
    if (this.#poller.isReady(0) && sleptUs < spinUsMax) {
      this.#isBusy = true;
      this.#noteGap(sleptUs);
    }
  }

  /** A request may have left something to be done later: the end of an open file, say. */
  #askWhenDue(now: number): void {
    if (this.counters.requests === this.#requestsAtSleep) return;
    this.#requestsAtSleep = this.counters.requests;
    const nextMs = this.#options.nextWakeMs?.() ?? -1;
    if (nextMs >= 0) this.#wakeAt = Math.min(this.#wakeAt, now + nextMs);
  }

  #wakeIfDue(): void {
    const { clock, wakeFd } = this.#options;
    const signalled = this.#poller.isReady(1) && clearWake(wakeFd);
    if (signalled || clock.monotonic() >= this.#wakeAt) this.#wake();
  }

  #wake(): void {
    const { clock, dispatcher, onWake } = this.#options;
    const { resumed, stop, nextWakeMs } = onWake();
    for (const ticket of resumed) dispatcher.resume(ticket, (length) => this.#deliver(length));
    this.#stopped = stop;
    this.#wakeAt = nextWakeMs < 0 ? Number.POSITIVE_INFINITY : clock.monotonic() + nextWakeMs;
  }
}
