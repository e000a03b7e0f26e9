/** A mounted file system's kernel side, from INIT until it is unmounted. Runs on the thread of the file system. */
import type { Clock, FileSystem, Logger, Ticket } from "@smfs/core";
import { controlDevice } from "@smfs/native";
import { FUSE_DEV_IOC_BACKING_CLOSE, FUSE_DEV_IOC_BACKING_OPEN } from "./abi.ts";
import { Device, type LoopCounters, type LoopEnd, type Wake } from "./device.ts";
import { Dispatcher } from "./dispatch.ts";
import type { Terms, Wishes } from "./init.ts";
import type { BackingControl } from "./passthrough.ts";
import type { Trace } from "./trace.ts";

export interface SessionOptions {
  /** From `mountFuse`. The session does not close it: the notifier may still use the number. */
  readonly deviceFd: number;
  /** An eventfd; signal it when `onWake` shall be called. */
  readonly wakeFd: number;
  /**
   * Called on the loop's thread between two requests: at the start, after a signal, and when the time that it
   * asked for has passed. Does what the other threads want of this one.
   */
  readonly onWake: () => Wake;
  /** Milliseconds until `onWake` wants to be called because of what requests have done; -1: not because of them. */
  readonly nextWakeMs?: () => number;
  /** A parked operation was interrupted: nobody waits for its ticket any more. */
  readonly abandon?: (ticket: Ticket) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ask for FUSE_PASSTHROUGH, where the kernel and the rights of this process allow it. */
  readonly passthrough?: boolean;
  /** How deep the working files' file system is stacked: 2 on overlayfs. */
  readonly stackDepth?: 1 | 2;
  /** The file system keeps POSIX ACLs and applies `caller.umask` itself. */
  readonly posixAcl?: boolean;
  /** What to leave unused though the kernel offers it. */
  readonly without?: Wishes["without"];
  /** Seconds that the kernel may trust names and attributes. */
  readonly cacheS?: number;
  /** Ask for FLUSH at every close of a descriptor (`--durability close`). */
  readonly wantFlush?: boolean;
  /** Spin after replies; see device.ts. */
  readonly spin?: boolean;
  /** Takes a line for each request. */
  readonly trace?: Trace;
}

export class FuseSession {
  readonly #dispatcher: Dispatcher;
  readonly #device: Device;

  constructor(fs: FileSystem, options: SessionOptions) {
    const { deviceFd, wakeFd, onWake, clock, logger } = options;
    this.#dispatcher = new Dispatcher({
      fs,
      logger,
      backing: deviceBacking(deviceFd),
      wishes: {
        passthrough: options.passthrough ?? false,
        stackDepth: options.stackDepth ?? 1,
        posixAcl: options.posixAcl ?? false,
        ...(options.without === undefined ? {} : { without: options.without }),
      },
      ...(options.cacheS === undefined ? {} : { cacheS: options.cacheS }),
      ...(options.wantFlush === undefined ? {} : { wantFlush: options.wantFlush }),
      ...(options.trace === undefined ? {} : { trace: options.trace }),
      ...(options.abandon === undefined ? {} : { abandon: options.abandon }),
    });
    this.#device = new Device({
      deviceFd,
      wakeFd,
      dispatcher: this.#dispatcher,
      onWake,
      ...(options.nextWakeMs === undefined ? {} : { nextWakeMs: options.nextWakeMs }),
      clock,
      logger,
      ...(options.spin === undefined ? {} : { spin: options.spin }),
    });
  }

  /**
   * Serves the kernel; blocks until the file system is unmounted or `onWake` says stop. Then everything the
   * kernel had open is released and all it knew is forgotten.
   */
  run(): LoopEnd {
    try {
      return this.#device.run();
    } finally {
      this.#dispatcher.end();
    }
  }

  /** What was agreed with the kernel; undefined before INIT. */
  get terms(): Terms | undefined {
    return this.#dispatcher.terms;
  }

  get counters(): LoopCounters & Dispatcher["counters"] {
    return { ...this.#device.counters, ...this.#dispatcher.counters };
  }
}

/** struct fuse_backing_map: s32 fd, u32 flags, u64 padding. */
function deviceBacking(deviceFd: number): BackingControl {
  const map = new Int32Array(4);
  const mapBytes = new Uint8Array(map.buffer);
  const idBytes = mapBytes.subarray(0, 4);
  return {
    open(fd) {
      map.fill(0);
      map[0] = fd;
      return controlDevice(deviceFd, FUSE_DEV_IOC_BACKING_OPEN, mapBytes);
    },
    close(backingId) {
      map[0] = backingId;
      controlDevice(deviceFd, FUSE_DEV_IOC_BACKING_CLOSE, idBytes);
    },
  };
}
