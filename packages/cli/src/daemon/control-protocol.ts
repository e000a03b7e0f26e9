/** What can be asked of a daemon over its control socket, and what it answers (docs/cli.md). */
import type { ConflictView } from "@smfs/store";
import type { HeldDeletions } from "@smfs/sync";
import type { Failure } from "../cli-error.ts";
import type { IndexStatus } from "../index-status.ts";

/** Whether the server can be reached. */
export type Connectivity = "online" | "offline" | "unauthorised" | "paused";

/** Something about one path. */
export interface PathNote {
  readonly path: string | null;
  readonly message: string;
}

export interface ConflictNote {
  readonly path: string;
  readonly versionPath: string;
}

/** `GET /status`. The first names are those that scripts of the reference implementation read. */
export interface DaemonStatus {
  readonly tag: string;
  readonly mount_path: string;
  readonly pid: number;
  readonly uptime_secs: number;
  /** Entries that the server does not hold yet. */
  readonly queue_len: number;
  readonly pull_enabled: boolean;
  readonly user_id: string | null;
  readonly user_name: string | null;
  readonly org_name: string | null;

  readonly apiUrl: string;
  /** File that holds the key; null when it was given another way. */
  readonly keyFile: string | null;
  /** Whether the server is this machine's embedded one. */
  readonly embedded: boolean;
  readonly capabilities: readonly string[];
  readonly connectivity: Connectivity;
  /** When everything was last known to be the same on both sides; ISO 8601, null when never since the start. */
  readonly lastSync: string | null;
  readonly push_enabled: boolean;
  readonly inFlight: number;
  readonly entries: number;
  /** Files whose bytes are not here yet. */
  readonly stubs: number;
  /** What waits, and why; at most 100. */
  readonly waiting: readonly PathNote[];
  readonly problems: readonly PathNote[];
  readonly conflicts: readonly ConflictNote[];
  /** Deletions that are held, since they are many at once; null when none are. */
  readonly heldDeletions: HeldDeletions | null;
  /** Files that somebody holds open for writing. */
  readonly heldOpen: readonly string[];
  /** What patterns keep on this machine: how many names, and some of them. */
  readonly ignored: { readonly count: number; readonly examples: readonly string[] };
  /** Requests that reading from the mount has caused. */
  readonly requestsByReads: number;
  /** How far the server's index is; null when it does not tell. */
  readonly search: IndexStatus | null;
  /** The budget for bytes of files here, and what they took when last looked at; null without a budget. */
  readonly cacheSize: number | null;
  readonly cacheUsed: number | null;
  /** Whether nothing can be changed through the mount. */
  readonly readOnly: boolean;
  /** Directory of the store on this machine. */
  readonly storeDir: string;
  readonly logFile: string;
}

/** `GET /conflicts`: a conflict version, as the store knows it. */
export type KeptConflict = ConflictView;

/** `GET /trash`: displaced bytes. */
export interface TrashNote {
  readonly id: number;
  readonly path: string;
  readonly why: string;
  readonly size: number;
  /** ISO 8601. */
  readonly at: string;
  /** Whether the bytes are on this machine; else the server is asked for them. */
  readonly isHere: boolean;
}

/** What was kept of files that were changed on two sides, replaced or deleted from elsewhere. */
export interface KeptControl {
  conflicts(): Promise<readonly KeptConflict[]>;
  /** The newest first; at most 10,000. */
  trash(): Promise<readonly TrashNote[]>;
  /** @throws CliError when there is no such item, or nobody has its bytes any more */
  trashBytes(id: number): Promise<AsyncIterable<Uint8Array>>;
  /** Lets go of items for ever. @returns how many were there */
  dropTrash(ids: readonly number[]): Promise<number>;
}

/** Outcome of `POST /sync`, and of the waiting part of `POST /unmount`. */
export interface SyncOutcome {
  /** Both sides hold the same. */
  readonly safe: boolean;
  /** Entries the server does not hold. */
  readonly left: number;
  /** Which, and why; at most 100. */
  readonly reasons: readonly PathNote[];
}

/** `POST /unmount`. */
export interface UnmountRequest {
  /** Unmounts although something is not safe or in use; unsent work stays in the store. */
  readonly force: boolean;
  /** Milliseconds without progress after which waiting ends. */
  readonly drainTimeoutMs: number;
}

export type UnmountOutcome =
  /** `keptIn`: where an ephemeral mount has left what was not safe. */
  | {
      readonly kind: "unmounted";
      readonly outcome: SyncOutcome;
      readonly keptIn: string | null;
    }
  /** Still mounted: these would not be on the server. */
  | { readonly kind: "unsafe"; readonly outcome: SyncOutcome }
  /** Still mounted: programs use it. */
  | { readonly kind: "busy"; readonly users: readonly ProcessNote[] };

export interface ProcessNote {
  readonly pid: number;
  readonly name: string;
}

/** `POST /sync`. */
export interface SyncRequest {
  /** Deletions that are held, since they are many at once, are carried out here, too. */
  readonly confirmDeletes: boolean;
}

/** `POST /search`. */
export interface SearchRequest {
  readonly query: string;
  /** Path inside the container: exact, or a prefix when it ends in `/`. */
  readonly filepath: string;
  readonly limit: number;
}

/** One passage that answers a question. */
export interface SearchHit {
  /** Path inside the container. */
  readonly filepath: string;
  /** Lines of the file, from 1; null when they are not known. */
  readonly lines: { readonly start: number; readonly end: number } | null;
  /** 0…1. */
  readonly score: number;
  readonly text: string;
}

/** Lines of an answer that comes as it is made (`/sync`, `/unmount`): progress, then one result or a failure. */
export type StreamLine<Result> =
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "result"; readonly value: Result }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Something that happened, as `GET /events` tells it. */
export interface DaemonEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
}

/** What the control server needs of its daemon. */
export interface DaemonControl {
  readonly kept: KeptControl;
  status(): Promise<DaemonStatus>;
  sync(
    request: SyncRequest,
    onProgress: (text: string) => void,
    signal: AbortSignal,
  ): Promise<SyncOutcome>;
  unmount(request: UnmountRequest, onProgress: (text: string) => void): Promise<UnmountOutcome>;
  search(request: SearchRequest, signal: AbortSignal): Promise<readonly SearchHit[]>;
  /** Prometheus text format. */
  metrics(): Promise<string>;
  /** Calls `listener` for each event until the returned function is called. */
  subscribe(listener: (event: DaemonEvent) => void): () => void;
}
