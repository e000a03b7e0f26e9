/** The mount itself: the device, the loop behind it, what the kernel is told to forget, and how it is taken away. */
import { closeSync } from "node:fs";
import type { Invalidation, Logger } from "@smfs/core";
import {
  listMounts,
  MountError,
  type Mounted,
  mountFuse,
  mountType,
  Notifier,
  unmountFuse,
} from "@smfs/fuse";
import type { ProcessNote } from "./control-protocol.ts";
import { processUsers } from "./process-users.ts";
import type { StoreHost } from "./store-host.ts";
import type { KernelEnd } from "./store-messages.ts";

export interface MountWishes {
  readonly mountPath: string;
  readonly allowOther: boolean;
  readonly overFiles: boolean;
  readonly readOnly: boolean;
}

export class KernelSide {
  readonly #host: StoreHost;
  readonly #mounted: Mounted;
  readonly #notifier: Notifier;
  /** Names our file system in the mount table; undefined where that does not show it. */
  readonly #device: string | undefined;
  /** Resolves when the kernel is served no more. */
  readonly ended: Promise<KernelEnd>;
  #isMounted = true;

  /** @throws MountError when it cannot be mounted */
  constructor(host: StoreHost, wishes: MountWishes, log: Logger) {
    this.#host = host;
    this.#mounted = mountFuse({
      mountPoint: wishes.mountPath,
      allowOther: wishes.allowOther,
      allowNonEmpty: wishes.overFiles,
      readOnly: wishes.readOnly,
    });
    this.#device = listMounts().findLast(
      ({ mountPoint, type }) => mountPoint === this.#mounted.mountPoint && type === mountType,
    )?.device;
    this.#notifier = new Notifier({ deviceFd: this.#mounted.deviceFd, logger: log });
    this.ended = host.serve(this.#mounted.deviceFd).then((end) => {
      if (end.why === "unmounted") this.#isMounted = false;
      return end;
    });
  }

  /** Tells the kernel what to forget. Nothing waits for it. */
  invalidate(invalidations: readonly Invalidation[]): void {
    void this.#notifier.send(invalidations);
  }

  /** Where it is mounted now: a directory above the mount point may have been renamed. */
  #place(): string {
    const now = listMounts().find(
      ({ device, type }) => device === this.#device && type === mountType,
    );
    return now?.mountPoint ?? this.#mounted.mountPoint;
  }

  /** Takes the mount away. @returns who uses it, when it stays for that; undefined when it is gone */
  unmount(): readonly ProcessNote[] | undefined {
    if (!this.#isMounted) return undefined;
    const place = this.#place();
    try {
      unmountFuse(place);
      this.#isMounted = false;
      return undefined;
    } catch (error) {
      const isBusy = (error as { cause?: { code?: unknown } }).cause?.code === "EBUSY";
      if (!(error instanceof MountError) || !isBusy) throw error;
      return processUsers(place);
    }
  }

  /** Takes the mount out of the tree whoever uses it, and ends the loop: who still has it open gets errors. */
  detach(): void {
    if (this.#isMounted) {
      unmountFuse(this.#place(), { lazy: true });
      this.#isMounted = false;
    }
    this.#host.stopServing();
  }

  /** After `ended`. */
  close(): void {
    this.#notifier.end();
    closeSync(this.#mounted.deviceFd);
  }
}
