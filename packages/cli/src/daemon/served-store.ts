/** What the store thread serves: a store with all that belongs to it, or a damaged one that is only read. */
import { join } from "node:path";
import {
  type FileSystem,
  type Invalidation,
  type Logger,
  systemClock,
  systemRandom,
  type Ticket,
} from "@smfs/core";
import {
  type Answer,
  type Asked,
  DamagedStore,
  GeneratedFileSystem,
  GeneratedNames,
  type OnlyHere,
  onlyHere,
  openImage,
  type PortReply,
  type PortRequest,
  PortServer,
  RealByteStore,
  Store,
  type StoreEvent,
  StoreOpenError,
  type StoreStatus,
  type Syncer,
  type SyncResult,
  Transitions,
  tellingTransitions,
} from "@smfs/store";
import { packageVersion } from "../commands/version.ts";
import type { StoreThreadSettings } from "./store-messages.ts";

/** What is told of what would be gone with the store. */
const onlyHereMax = 100;

export interface ServedStore {
  readonly fs: FileSystem;
  /** Identity of the store; of a damaged one, which sends nothing, it does not matter. */
  readonly epoch: string;
  /** What is wrong with it; undefined when nothing is. */
  readonly damage: string | undefined;
  /** Why nothing can be committed any more; undefined while all is well. */
  readonly failure: string | undefined;
  /** Requests of the sync thread. */
  readonly port: Pick<PortServer, "accept" | "run" | "hasRequests" | "mustSync">;
  readonly cacheUsedBytes: number | undefined;
  /** Does what is due. */
  tick(nowMs: number): void;
  /** Milliseconds until `tick` has something to do; -1 when nothing waits for time. */
  nextTickMs(): number;
  takeInvalidations(): readonly Invalidation[];
  takeResumed(): readonly Ticket[];
  abandon(ticket: Ticket): void;
  /** An answer to a question of the generated files. */
  receive(id: number, answer: Answer): void;
  /** What came of a sync that the store asked for. */
  synced(result: SyncResult): void;
  /** The sync thread's requests have done something. */
  stirred(): void;
  onlyHere(): readonly OnlyHere[];
  close(): void;
}

export interface Listeners {
  readonly log: Logger;
  readonly emit: (event: StoreEvent) => void;
  readonly ask: (asked: Asked) => void;
  readonly sync: Syncer;
}

/**
 * Opens the store; one whose rows are damaged is opened to be read, if anything of it can be.
 * @throws StoreOpenError and others when it can be opened in no way
 */
export function openStore(settings: StoreThreadSettings, listeners: Listeners): ServedStore {
  try {
    return new WholeStore(settings, listeners);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    listeners.log.log("error", "the store is damaged", { reason });
    return openDamaged(settings.storeDir, reason, listeners.log);
  }
}

function isDamage(error: unknown): boolean {
  if (error instanceof StoreOpenError) return error.isDamage;
  return /^SQLITE_(CORRUPT|NOTADB)/.test(String((error as { code?: unknown }).code));
}

function openDamaged(storeDir: string, reason: string, log: Logger): ServedStore {
  try {
    return new ReadableStore(storeDir, reason, log);
  } catch {
    throw new StoreOpenError(
      `nothing of the store in ${storeDir} can be read: ${reason}`,
      "smfs doctor --repair sets it aside and keeps what may only be there; the next mount fetches the rest",
      true,
    );
  }
}

class WholeStore implements ServedStore {
  readonly fs: GeneratedFileSystem;
  readonly epoch: string;
  readonly damage: undefined;
  readonly port: PortServer;
  readonly #store: Store;
  readonly #names: GeneratedNames;

  constructor(
    { storeDir, owner, wishes }: StoreThreadSettings,
    { log, emit, ask, sync }: Listeners,
  ) {
    this.#store = Store.open({
      database: join(storeDir, "store.db"),
      bytes: new RealByteStore(storeDir),
      clock: systemClock,
      random: systemRandom,
      logger: log,
      owner,
      emit,
      program: packageVersion(),
      durability: wishes.durability,
      ignorePatterns: wishes.ignorePatterns,
      syncer: sync,
      ...(wishes.cacheBytes === undefined ? {} : { cacheBytes: wishes.cacheBytes }),
    });
    const { context } = this.#store;
    this.epoch = context.versions.epoch;
    this.#names = new GeneratedNames(context, ask);
    this.fs = new GeneratedFileSystem(this.#store, this.#names, { isReadOnly: wishes.readOnly });
    const transitions = tellingTransitions(new Transitions(context), context, this.#names);
    this.port = new PortServer(context, transitions, systemClock, "process");
  }

  get cacheUsedBytes(): number | undefined {
    return this.#store.cacheUsedBytes;
  }

  get failure(): string | undefined {
    const { failure } = this.#store.context.db;
    return failure === undefined ? undefined : String(failure);
  }

  tick(nowMs: number): void {
    this.#store.tick(nowMs);
    this.#names.tick(nowMs);
  }

  nextTickMs(): number {
    const storeMs = this.#store.nextTickMs();
    const dueMs = this.#names.dueMs - systemClock.monotonic();
    if (dueMs === Number.POSITIVE_INFINITY) return storeMs;
    const namesMs = Math.max(0, Math.ceil(dueMs));
    return storeMs < 0 ? namesMs : Math.min(storeMs, namesMs);
  }

  takeInvalidations(): readonly Invalidation[] {
    return this.#store.takeInvalidations();
  }

  takeResumed(): readonly Ticket[] {
    return this.fs.takeResumed();
  }

  abandon(ticket: Ticket): void {
    this.fs.abandon(ticket);
  }

  receive(id: number, answer: Answer): void {
    this.#names.receive(id, answer);
  }

  synced(result: SyncResult): void {
    this.#store.synced(result);
  }

  stirred(): void {
    this.#names.stirred();
  }

  onlyHere(): readonly OnlyHere[] {
    return onlyHere(this.#store.context, onlyHereMax);
  }

  close(): void {
    this.#store.close();
  }
}

/** Answers the sync thread, too: with what is wrong. */
class ReadableStore implements ServedStore {
  readonly fs: DamagedStore;
  readonly epoch: string = "damaged";
  readonly damage: string;
  readonly failure: undefined;
  readonly cacheUsedBytes: undefined;
  readonly port: ServedStore["port"];

  constructor(storeDir: string, reason: string, log: Logger) {
    this.damage = reason;
    this.fs = new DamagedStore(openImage(storeDir, log));
    // What cannot be listed cannot be served.
    this.fs.getattr(1);
    this.port = damagedPort(reason);
  }

  tick(): void {
    // Nothing is ever due.
  }

  nextTickMs(): number {
    return -1;
  }

  takeInvalidations(): readonly Invalidation[] {
    return [];
  }

  takeResumed(): readonly Ticket[] {
    return [];
  }

  abandon(): void {
    // Nothing is parked.
  }

  receive(): void {
    // Nothing is asked.
  }

  synced(): void {
    // Nothing is synced.
  }

  stirred(): void {
    // Nothing is generated.
  }

  onlyHere(): readonly OnlyHere[] {
    return [{ path: "/", why: `the store is damaged: ${this.damage}` }];
  }

  close(): void {
    this.fs.close();
  }
}

function damagedPort(damage: string): ServedStore["port"] {
  const waiting: PortRequest[] = [];
  const message = `the store is damaged and only read: ${damage}; smfs doctor --repair mends it`;
  const status: StoreStatus = {
    dirtyCount: 0,
    inFlightCount: 0,
    pendingRemoteCount: 0,
    entryCount: 0,
    stubCount: 0,
    refusedCount: 0,
    waiting: [],
    problems: [{ path: null, message, atMs: 0 }],
    conflicts: [],
    heldOpen: [],
    ignored: { count: 0, examples: [] },
  };
  return {
    mustSync: false,
    accept: (requests) => {
      waiting.push(...requests);
    },
    get hasRequests() {
      return waiting.length > 0;
    },
    run: () =>
      waiting
        .splice(0)
        .map(
          ({ id, method }): PortReply =>
            method === "status" ? { id, result: status } : { id, error: message },
        ),
  };
}
