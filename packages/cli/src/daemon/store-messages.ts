/** What the daemon's main thread and the store thread say to each other. */

import type { MessagePort } from "node:worker_threads";
import type { Invalidation, LogFields, LogLevel } from "@smfs/core";
import type { Without } from "@smfs/fuse";
import type {
  Answer,
  Asked,
  FileDurability,
  OnlyHere,
  PortReply,
  PortRequest,
  StoreEvent,
  SyncJob,
  SyncResult,
} from "@smfs/store";

/** Given to the store thread when it is made. */
export interface StoreThreadSettings {
  readonly messages: MessagePort;
  readonly storeDir: string;
  /** Eventfd that wakes the kernel loop. */
  readonly wakeFd: number;
  /** Memory of the dirty signal. */
  readonly dirty: Int32Array<SharedArrayBuffer>;
  /** Owner of what has no owner of its own. */
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly wishes: StoreWishes;
}

/** What the mount wants of its store (docs/cli.md, `mount`). */
export interface StoreWishes {
  readonly readOnly: boolean;
  readonly durability: FileDurability;
  /** Bytes of files to keep about; undefined for no bound. */
  readonly cacheBytes: number | undefined;
  /** Patterns of what stays on this machine, beside those of `.smfsignore`. */
  readonly ignorePatterns: string;
  /** What the kernel's side leaves unused though the kernel offers it. */
  readonly fuseWithout: Without;
}

export type ToStoreThread =
  | { readonly kind: "requests"; readonly requests: readonly PortRequest[] }
  /** Serve the kernel until unmounted or told to stop. */
  | { readonly kind: "serve"; readonly deviceFd: number }
  /** End the kernel loop though the file system is still mounted somewhere. */
  | { readonly kind: "stop" }
  /** The answer to a question of the generated files. */
  | { readonly kind: "answer"; readonly id: number; readonly answer: Answer }
  /** What came of a sync. */
  | { readonly kind: "synced"; readonly result: SyncResult }
  /** Tell what would be gone with the store. */
  | { readonly kind: "only-here" }
  /** Close the store; the thread ends. */
  | { readonly kind: "close" };

export type FromStoreThread =
  /** `damage`: what is wrong with the store, which then is only read. */
  | { readonly kind: "opened"; readonly epoch: string; readonly damage: string | undefined }
  | { readonly kind: "open-failed"; readonly message: string; readonly hint: string | undefined }
  | {
      readonly kind: "port";
      readonly replies: readonly PortReply[];
      /** The replies are looked at only when the store's log has been synced. */
      readonly mustSync: boolean;
      /** Sent on before the replies are looked at. */
      readonly invalidations: readonly Invalidation[];
    }
  | { readonly kind: "event"; readonly event: StoreEvent }
  | {
      readonly kind: "log";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: LogFields | undefined;
    }
  /** A generated file needs to know something. */
  | { readonly kind: "ask"; readonly asked: Asked }
  /** A program waits for the disk. */
  | { readonly kind: "sync"; readonly job: SyncJob }
  /** The disk has failed under the store: nothing is acknowledged any more. */
  | { readonly kind: "failure"; readonly message: string }
  /** Bytes of files here, where there is a budget for them. */
  | { readonly kind: "cache"; readonly usedBytes: number }
  | { readonly kind: "only-here"; readonly found: readonly OnlyHere[] }
  | { readonly kind: "loop-ended"; readonly end: KernelEnd }
  | { readonly kind: "closed" };

/** Why the kernel is served no more. */
export type KernelEnd =
  | { readonly why: "unmounted" }
  | { readonly why: "stopped" }
  | { readonly why: "failed"; readonly message: string };
