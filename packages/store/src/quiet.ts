/** How long a dirty entry is left alone before it is claimed (docs/spec/sync.md, PUSH-0). Pacing only. */
import { heldMsMax, quietMs, quietMsMax, quietYoungMs, sampleMs } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import type { InodeRow } from "./inodes.ts";
import type { Views } from "./view.ts";

interface Sampled {
  readonly ms: number;
  readonly ctime: string;
  readonly waitMs: number;
}

export class Quiet {
  readonly #context: StoreContext;
  readonly #views: Views;
  /** When an entry was first seen unsettled: under continuous change it goes after `quietMsMax`. */
  readonly #unsettled = new Map<string, number>();
  /** Files that are held open: when they were last sampled, their change time then, and the wait until the next sample. */
  readonly #sampled = new Map<string, Sampled>();

  constructor(context: StoreContext, views: Views) {
    this.#context = context;
    this.#views = views;
  }

  /** Milliseconds until a dirty entry has settled; 0 when it has. */
  left(entry: EntryRow, now: number): number {
    const inode = this.#context.inodes.get(entry.ino);
    if (inode.writers === 1 && entry.state === "live") return this.#sampleIn(entry, inode, now);
    this.#closed(entry.fid);
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

  /** PUSH-14: nothing can be done for a file before it is closed. Whether that is still so is looked at ever more rarely. */
  held(fid: string, now: number): void {
    const { ctime = "", waitMs = sampleMs } = this.#sampled.get(fid) ?? {};
    this.#sampled.set(fid, { ms: now, ctime, waitMs: Math.min(waitMs * 2, heldMsMax) });
  }

  /** What it waited for has come, even if it is opened again before it can be claimed. */
  #closed(fid: string): void {
    const last = this.#sampled.get(fid);
    if (last !== undefined) this.#sampled.set(fid, { ...last, waitMs: sampleMs });
  }

  /** A file that somebody can write is sampled every `sampleMs` while it changes, and pushed when it was moved. */
  #sampleIn(entry: EntryRow, inode: InodeRow, now: number): number {
    const last = this.#sampled.get(entry.fid);
    if (last === undefined) {
      this.#sampled.set(entry.fid, { ms: now, ctime: "", waitMs: sampleMs });
      return sampleMs;
    }
    const due = last.ms + last.waitMs - now;
    if (due > 0) return due;
    const ctime = this.#workCtime(inode.ino);
    this.#sampled.set(entry.fid, { ...last, ms: now, ctime });
    const moved = entry.base_path !== this.#views.documentPath(entry, inode);
    return ctime === last.ctime && !moved ? last.waitMs : 0;
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
