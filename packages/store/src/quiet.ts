/** How long a dirty entry is left alone before it is claimed (docs/spec/sync.md, PUSH-0). Pacing only. */
import { quietMs, quietMsMax, quietYoungMs, sampleMs } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import type { InodeRow } from "./inodes.ts";
import type { Views } from "./view.ts";

export class Quiet {
  readonly #context: StoreContext;
  readonly #views: Views;
  /** When an entry was first seen unsettled: under continuous change it goes after `quietMsMax`. */
  readonly #unsettled = new Map<string, number>();
  /** When a file that is held open was last sampled, and its change time then. */
  readonly #sampled = new Map<string, { readonly ms: number; readonly ctime: string }>();

  constructor(context: StoreContext, views: Views) {
    this.#context = context;
    this.#views = views;
  }

  /** Milliseconds until a dirty entry has settled; 0 when it has. */
  left(entry: EntryRow, now: number): number {
    const inode = this.#context.inodes.get(entry.ino);
    if (inode.writers === 1 && entry.state === "live") return this.#sampleIn(entry, inode, now);
    const quiet = entry.sent === 1 || entry.doc_id !== null ? quietMs : quietYoungMs;
    const left = quiet - this.#context.versions.ageMs(entry.local_ver);
    if (left <= 0) {
      this.#unsettled.delete(entry.fid);
      return 0;
    }
    const since = this.#unsettled.get(entry.fid) ?? now;
    this.#unsettled.set(entry.fid, since);
    return Math.min(left, Math.max(0, since + quietMsMax - now));
  }

  /** It is being sent: what is written from now on has its own time. */
  claimed(fid: string): void {
    this.#unsettled.delete(fid);
  }

  /** A file that somebody can write is sampled every `sampleMs` while it changes, and pushed when it was moved. */
  #sampleIn(entry: EntryRow, inode: InodeRow, now: number): number {
    const last = this.#sampled.get(entry.fid);
    if (last === undefined) {
      this.#sampled.set(entry.fid, { ms: now, ctime: "" });
      return sampleMs;
    }
    const due = last.ms + sampleMs - now;
    if (due > 0) return due;
    const ctime = this.#workCtime(inode.ino);
    this.#sampled.set(entry.fid, { ms: now, ctime });
    const moved = entry.base_path !== this.#views.documentPath(entry, inode);
    return ctime === last.ctime && !moved ? sampleMs : 0;
  }

  #workCtime(ino: number): string {
    if (!this.#context.bytes.hasWork(ino)) return "";
    const fd = this.#context.bytes.openWork(ino, "read");
    try {
      return this.#context.bytes.stat(fd).ctime;
    } finally {
      this.#context.bytes.close(fd);
    }
  }
}
