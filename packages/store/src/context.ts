/** What the parts of one store share. Made once, by store.ts. */
import type { Clock, Invalidation, Logger, Random } from "@smfs/core";
import type { ByteStore } from "./byte-store.ts";
import type { Database } from "./database.ts";
import type { Entries } from "./entries.ts";
import type { Facts } from "./facts.ts";
import type { FreeNames } from "./free-names.ts";
import type { Inodes } from "./inodes.ts";
import type { OpenFiles } from "./open-files.ts";
import type { Orphans } from "./orphans.ts";
import type { Pend } from "./pend.ts";
import type { StoreEvent } from "./port.ts";
import type { Tombs } from "./tombs.ts";
import type { Versions } from "./versions.ts";
import type { Waits } from "./waits.ts";

export interface StoreContext {
  readonly db: Database;
  readonly facts: Facts;
  readonly versions: Versions;
  readonly inodes: Inodes;
  readonly entries: Entries;
  readonly bytes: ByteStore;
  readonly openFiles: OpenFiles;
  readonly waits: Waits;
  readonly orphans: Orphans;
  readonly names: FreeNames;
  readonly pend: Pend;
  readonly tombs: Tombs;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Owner of what has no owner of its own: the mounting user. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Patterns of what stays here, beside those of `.smfsignore`: this mount's own. */
  readonly ignorePatterns: string;
  /** Tells the sync thread. Cheap, never throws. */
  emit(event: StoreEvent): void;
  /** Collects what the kernel must forget; the frontend takes it after the transition has committed. */
  invalidate(invalidation: Invalidation): void;
}
