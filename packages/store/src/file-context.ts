/** What the parts that carry out file system operations share, beyond what every part of the store does. */
import type { StoreContext } from "./context.ts";
import type { Fills } from "./fills.ts";
import type { Syncs } from "./syncs.ts";
import type { Verification } from "./verification.ts";
import type { WorkingFiles } from "./working-files.ts";
import type { Writers } from "./writers.ts";

export interface FileContext extends StoreContext {
  readonly fills: Fills;
  readonly working: WorkingFiles;
  readonly writers: Writers;
  /** Bytes that may have suffered from a power loss are compared before they become somebody's new version. */
  readonly verification: Verification;
  /** Syncs that another thread waits for; undefined where the store's own does. */
  readonly syncs: Syncs | undefined;
}
