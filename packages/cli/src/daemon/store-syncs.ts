/** The store's syncs, done where nobody waits for them: on Node's threads for files. */
import { closeSync, fdatasync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ErrnoName, errnos, type Logger } from "@smfs/core";
import type { LogSync, SyncJob, SyncResult } from "@smfs/store";

const syncBytes = promisify(fdatasync);

export class StoreSyncs {
  readonly #workDir: string;
  readonly #redoLog: Pick<LogSync, "sync">;
  readonly #logger: Logger;
  readonly #tell: (result: SyncResult) => void;

  constructor(
    { storeDir, log }: { readonly storeDir: string; readonly log: Logger },
    redoLog: Pick<LogSync, "sync">,
    tell: (result: SyncResult) => void,
  ) {
    this.#workDir = join(storeDir, "work");
    this.#logger = log;
    this.#redoLog = redoLog;
    this.#tell = tell;
  }

  /** Does a job, and tells what came of it. Never rejects. */
  async begin(job: SyncJob): Promise<void> {
    let of: "bytes" | "log" = "bytes";
    try {
      if (job.file !== undefined) await syncAndClose(job.file);
      if (job.names) await this.#syncNames();
      of = "log";
      if (job.log) await this.#redoLog.sync();
      this.#tell({ id: job.id });
    } catch (error) {
      this.#logger.log("error", "a sync failed", { of, error: String(error) });
      const { code } = error as { code?: string };
      const isKnown = code !== undefined && code in errnos;
      this.#tell({ id: job.id, failure: { of, code: isKnown ? (code as ErrnoName) : "EIO" } });
    }
  }

  async #syncNames(): Promise<void> {
    await using folder = await open(this.#workDir, "r");
    await folder.sync();
  }
}

async function syncAndClose(fd: number): Promise<void> {
  try {
    await syncBytes(fd);
  } finally {
    closeSync(fd);
  }
}
