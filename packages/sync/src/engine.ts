/**
 * The sync engine: starts, paces and stops the loops. What they decide is in push.ts, pull.ts and reconcile.ts.
 *
 * Every loop waits for its own reason (something dirty, a change at the server, a time), and all of them wait when
 * the connection does. Stopping is safe at any moment: the journal says where to go on.
 */
import { ApiClient, type Transport } from "@smfs/api";
import {
  backoffMs,
  type Clock,
  feedWaitS,
  type Logger,
  parallelPushesMax,
  portBatchMax,
  type Random,
} from "@smfs/core";
import type { FileWorker, PushTask, StoreEvent, StorePort, StoreStatus } from "@smfs/store";
import { type Capabilities, noCapabilities, toCapabilities } from "./capabilities.ts";
import { Connection, type ConnectionView } from "./connection.ts";
import { Contents } from "./content.ts";
import { Hydrate } from "./hydrate.ts";
import { type Digest, Looks } from "./look.ts";
import { Pull } from "./pull.ts";
import { feedCursorKey, PullFeed } from "./pull-feed.ts";
import { PullList } from "./pull-list.ts";
import { Push } from "./push.ts";
import { Resolver } from "./resolver.ts";

export interface EngineOptions {
  /** False: nothing is pulled; local writes still go out. */
  readonly pull: boolean;
  /** False: nothing is pushed (read-only, or offline). */
  readonly push: boolean;
  /** Seconds between two listings, where the server has no change feed. */
  readonly pollIntervalS: number;
  /** Seconds between two full listings there. */
  readonly sweepIntervalS: number;
  /** Whether small stubs are filled in the background. */
  readonly prefetch: boolean;
}

export interface EngineDeps {
  readonly port: StorePort;
  readonly transport: Transport;
  readonly container: string;
  /** The store's epoch: this client's identity. */
  readonly epoch: string;
  readonly worker: FileWorker;
  readonly digest: Digest;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly options: EngineOptions;
}

export interface EngineStatus {
  readonly connection: ConnectionView;
  readonly capabilities: Capabilities;
  readonly userName: string | null;
  readonly userId: string | null;
  readonly orgName: string | null;
  readonly store: StoreStatus;
  /** Wall-clock milliseconds of the last complete pull, for people. */
  readonly lastPullMs: number | null;
  /** Whether everything local is at the server and everything remote is here. */
  readonly isSafe: boolean;
}

/** Milliseconds between two looks at what was deferred. */
const deferredMs = 1000;
/** Longest wait between two requests about one deferred document. */
const deferredMsMax = 30_000;
/** Deferred documents looked at in one round. */
const deferredMax = 256;
/** Milliseconds after which a loop that has nothing to wait for looks again. */
const idleMs = 60_000;

export class Engine {
  readonly #deps: EngineDeps;
  readonly #client: ApiClient;
  readonly #connection: Connection;
  readonly #looks: Looks;
  readonly #push: Push;
  readonly #pull: Pull;
  readonly #feed: PullFeed;
  readonly #list: PullList;
  readonly #hydrate: Hydrate;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Picked and not begun. What it was picked for is looked at again when it is claimed. */
  readonly #ready: PushTask[] = [];
  readonly #inFlight = new Set<string>();
  readonly #backoff = new Map<string, number>();
  #capabilities: Capabilities = noCapabilities;
  #session: { userName: string | null; userId: string | null; orgName: string | null } | null =
    null;
  #wakePush: () => void = () => undefined;
  #wakePull: () => void = () => undefined;
  #pushWoken = false;
  /** There may be deferred documents: at the start, those of an earlier run. */
  #hasDeferred = true;
  #wakeDeferred: () => void = () => undefined;
  readonly #lookedAt = new Map<string, { readonly atMs: number; readonly count: number }>();
  #lastPullMs: number | null = null;
  #lastFullMs = Number.NEGATIVE_INFINITY;
  #pullWasComplete = false;
  #unlisten: () => void = () => undefined;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    const { port, transport, container, epoch, worker, digest, clock, random, log } = deps;
    const { signal } = this.#stop;
    this.#client = new ApiClient({ transport, container, clientId: epoch, signal });
    this.#connection = new Connection(clock, random, log);
    const capabilities = () => this.#capabilities;
    const hasRaw = () => this.#capabilities.raw;
    this.#looks = new Looks(this.#client, digest, capabilities);
    const contents = new Contents(this.#client, worker);
    const resolver = new Resolver({ port, contents, worker, capabilities });
    const client = this.#client;
    const looks = this.#looks;
    this.#push = new Push({
      port,
      client,
      worker,
      looks,
      contents,
      resolver,
      clock,
      clientId: epoch,
      capabilities,
      onDeferred: () => this.#deferred(),
    });
    const onDeferred = () => this.#deferred();
    this.#pull = new Pull({ port, client, worker, contents, log, epoch, hasRaw, onDeferred });
    const pull = this.#pull;
    this.#feed = new PullFeed({ client, port, pull, log });
    this.#list = new PullList({ client, port, pull, looks, clock, log });
    this.#hydrate = new Hydrate({
      port,
      contents,
      looks,
      pull,
      connection: this.#connection,
      clock,
      log,
      hasRaw,
    });
  }

  /** The client the engine uses, for what else a daemon asks of the server (search, profile). */
  get client(): ApiClient {
    return this.#client;
  }

  /** Begins to sync. Returns at once. */
  start(): void {
    this.#unlisten = this.#deps.port.listen((event) => this.#on(event));
    this.#own(this.#connectLoop());
  }

  /** Ends every loop and waits for what is running. What was not confirmed is resumed by the next start. */
  async stop(): Promise<void> {
    this.#unlisten();
    this.#stop.abort();
    this.#wakePush();
    this.#wakePull();
    this.#wakeDeferred();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #own(work: Promise<void>): void {
    const owned = work
      .catch((error: unknown) => this.#noteFailure(error, "a background task"))
      .finally(() => this.#running.delete(owned));
    this.#running.add(owned);
  }

  #on(event: StoreEvent): void {
    if (event.kind === "dirty") {
      this.#signalPush();
    } else if (!this.#stop.signal.aborted) {
      this.#own(this.#hydrate.want(event.ino));
    }
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  #sleep(ms: number): Promise<void> {
    return this.#deps.clock.sleep(ms, this.#stop.signal);
  }

  /** Learns what the server can do, then runs the loops. */
  async #connectLoop(): Promise<void> {
    while (!this.#stopped) {
      if (await this.#connect()) break;
      await this.#sleep(Math.max(1, this.#connection.waitMs()));
    }
    if (this.#stopped) return;
    const { options } = this.#deps;
    if (options.push) this.#own(this.#pushLoop());
    if (options.pull) {
      this.#own(this.#capabilities.changes ? this.#feedLoop() : this.#listLoop());
      this.#own(this.#deferredLoop());
    }
  }

  async #connect(): Promise<boolean> {
    try {
      const session = await this.#client.session(this.#stop.signal);
      this.#capabilities = toCapabilities(session);
      this.#session = {
        userName: session.user?.name ?? null,
        userId: session.user?.id ?? null,
        orgName: session.org?.name ?? null,
      };
      await this.#checkIdentity(session.org?.id ?? null);
      this.#connection.answered();
      return true;
    } catch (error) {
      this.#noteFailure(error, "connect");
      return false;
    }
  }

  /** Another server or another organisation behind the same address: its absences must not delete anything here. */
  async #checkIdentity(orgId: string | null): Promise<void> {
    const { port } = this.#deps;
    const known = await port.fact("org_id");
    if (orgId === null || known === orgId) return;
    if (known !== undefined) await port.setCursor(feedCursorKey, null);
    await port.setFact("org_id", orgId);
  }

  /** An error of the connection is the connection's; any other is logged, and its loop goes on. */
  #noteFailure(error: unknown, what: string): void {
    if (this.#stopped) return;
    if (this.#connection.failed(error)) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#deps.log.log("error", `${what} failed`, { reason });
  }

  // --- push

  async #pushLoop(): Promise<void> {
    while (!this.#stopped) {
      const connectionWait = this.#connection.waitMs();
      if (connectionWait > 0) {
        await this.#sleep(connectionWait);
        continue;
      }
      const waitMs = await this.#pushRound();
      if (this.#stopped) return;
      await this.#waitPush(waitMs);
    }
  }

  /** Starts as many attempts as there are places; returns how long nothing else can start. */
  async #pushRound(): Promise<number> {
    // Whatever wakes the loop from here on is seen by the next round; an attempt that ends wakes it too.
    this.#pushWoken = false;
    if (this.#inFlight.size >= parallelPushesMax) return idleMs;
    let waitMs: number | undefined;
    if (this.#ready.length === 0) {
      const picked = await this.#deps.port.pick(portBatchMax);
      // Whatever was picked before and is still being carried out is not taken twice.
      this.#ready.push(...picked.tasks.filter(({ fid }) => !this.#inFlight.has(fid)));
      waitMs = picked.waitMs;
    }
    while (this.#inFlight.size < parallelPushesMax) {
      const task = this.#ready.shift();
      if (task === undefined) break;
      this.#inFlight.add(task.fid);
      this.#own(this.#pushOne(task));
    }
    return waitMs ?? idleMs;
  }

  async #pushOne(task: PushTask): Promise<void> {
    let again: number | undefined;
    let outcome: "ended" | "idle" | "again" = "again";
    try {
      const result = await this.#push.run(task);
      outcome = result.kind;
      if (result.kind === "ended") this.#backoff.delete(task.fid);
      if (result.kind !== "idle") this.#connection.answered();
      if (result.kind === "again") again = result.afterMs;
    } catch (error) {
      this.#noteFailure(error, "push");
      const count = (this.#backoff.get(task.fid) ?? 0) + 1;
      this.#backoff.set(task.fid, count);
      again = this.#connection.isOnline
        ? backoffMs(count, this.#deps.random)
        : Math.max(1, this.#connection.waitMs());
    }
    if (outcome === "idle" && task.op === null) again = undefined;
    if (again !== undefined) this.#own(this.#giveBackLater(task.fid, again));
    else {
      // Its place is free. What could not be claimed is passed over by the store for a while, so this does not spin.
      this.#inFlight.delete(task.fid);
      this.#signalPush();
    }
  }

  /** The place of an attempt without an answer is free at once; the attempt itself is looked at again later. */
  async #giveBackLater(fid: string, afterMs: number): Promise<void> {
    this.#inFlight.delete(fid);
    this.#signalPush();
    await this.#sleep(afterMs);
    if (this.#stopped) return;
    await this.#deps.port.giveBack(fid);
    this.#signalPush();
  }

  #signalPush(): void {
    this.#pushWoken = true;
    this.#wakePush();
  }

  async #waitPush(ms: number): Promise<void> {
    if (this.#pushWoken || this.#stopped) return;
    const { clock } = this.#deps;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(ms, resolve);
      this.#wakePush = () => {
        cancel();
        resolve();
      };
    });
    this.#wakePush = () => undefined;
  }

  // --- pull

  async #feedLoop(): Promise<void> {
    let waitS = 0;
    while (!this.#stopped) {
      const connectionWait = this.#connection.waitMs();
      if (connectionWait > 0) {
        await this.#sleep(connectionWait);
        continue;
      }
      try {
        const result = await this.#feed.page(waitS, this.#stop.signal);
        this.#connection.answered();
        if (result.kind === "expired") {
          await this.#resync();
          waitS = 0;
          continue;
        }
        if (!result.hasMore) await this.#pulled(result.count > 0 || waitS === 0);
        waitS = result.hasMore ? 0 : feedWaitS;
      } catch (error) {
        this.#noteFailure(error, "pull");
        waitS = 0;
        if (this.#connection.waitMs() === 0) await this.#sleep(backoffMs(1, this.#deps.random));
      }
    }
  }

  /** The feed cannot go on where it was: everything that lives is replayed, and what is missing becomes a candidate. */
  async #resync(): Promise<void> {
    this.#deps.log.log("warn", "the change feed cannot be continued: comparing everything");
    await this.#deps.port.setCursor(feedCursorKey, null);
    await this.#list.full(this.#stop.signal);
  }

  async #pulled(mayHaveStubs: boolean): Promise<void> {
    this.#lastPullMs = this.#deps.clock.now();
    this.#pullWasComplete = true;
    if (mayHaveStubs && this.#deps.options.prefetch) {
      this.#own(this.#hydrate.prefetch(this.#stop.signal));
    }
  }

  async #listLoop(): Promise<void> {
    const { clock, options } = this.#deps;
    while (!this.#stopped) {
      const connectionWait = this.#connection.waitMs();
      if (connectionWait > 0) {
        await this.#sleep(connectionWait);
        continue;
      }
      try {
        await this.#listOnce();
      } catch (error) {
        this.#noteFailure(error, "pull");
        if (this.#connection.waitMs() === 0) await this.#sleep(backoffMs(1, this.#deps.random));
        continue;
      }
      if (this.#stopped) return;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(options.pollIntervalS * 1000, resolve);
        this.#wakePull = () => {
          cancel();
          resolve();
        };
      });
    }
  }

  async #listOnce(): Promise<void> {
    const { clock, options } = this.#deps;
    const isDue = clock.monotonic() - this.#lastFullMs >= options.sweepIntervalS * 1000;
    const pass = isDue
      ? await this.#list.full(this.#stop.signal)
      : await this.#list.delta(this.#stop.signal);
    if (isDue && pass.isStable) this.#lastFullMs = clock.monotonic();
    this.#connection.answered();
    await this.#pulled(true);
  }

  /** Something was seen that could not be decided. */
  #deferred(): void {
    this.#hasDeferred = true;
    this.#wakeDeferred();
  }

  /** What was seen and could not be decided is looked at again; nothing runs while there is nothing of the kind. */
  async #deferredLoop(): Promise<void> {
    while (!this.#stopped) {
      if (!this.#hasDeferred) {
        await new Promise<void>((resolve) => {
          this.#wakeDeferred = resolve;
        });
      }
      await this.#sleep(Math.max(deferredMs, this.#connection.waitMs()));
      if (this.#stopped) return;
      try {
        this.#hasDeferred = (await this.#deferredRound()) > 0;
      } catch (error) {
        this.#noteFailure(error, "pull");
      }
    }
  }

  /** From memory where the feed said everything; else by a request, ever more rarely for one that stays undecided. */
  async #deferredRound(): Promise<number> {
    const pending = await this.#deps.port.pending(deferredMax);
    const now = this.#deps.clock.monotonic();
    for (const { docId } of pending) {
      if (this.#stopped) break;
      const seen = this.#pull.remembered(docId);
      if (seen !== undefined) {
        await this.#pull.apply([seen], undefined, this.#stop.signal);
        continue;
      }
      const pace = this.#lookedAt.get(docId) ?? { atMs: 0, count: 0 };
      if (now < pace.atMs) continue;
      this.#lookedAt.set(docId, {
        atMs: now + Math.min(deferredMsMax, deferredMs * 2 ** pace.count),
        count: Math.min(16, pace.count + 1),
      });
      await this.#list.one(docId);
    }
    const left = new Set((await this.#deps.port.pending(deferredMax)).map(({ docId }) => docId));
    for (const docId of this.#lookedAt.keys()) if (!left.has(docId)) this.#lookedAt.delete(docId);
    return left.size;
  }

  // --- for people

  /** Looks at the server and at what is dirty now, instead of when its time comes. */
  kick(): void {
    this.#connection.retryNow();
    this.#signalPush();
    this.#wakePull();
  }

  async status(): Promise<EngineStatus> {
    const store = await this.#deps.port.status();
    const connection = this.#connection.view();
    return {
      connection,
      capabilities: this.#capabilities,
      userName: this.#session?.userName ?? null,
      userId: this.#session?.userId ?? null,
      orgName: this.#session?.orgName ?? null,
      store,
      lastPullMs: this.#lastPullMs,
      isSafe:
        connection.state === "online" &&
        this.#pullWasComplete &&
        store.dirtyCount === 0 &&
        store.inFlightCount === 0 &&
        store.pendingRemoteCount === 0,
    };
  }

  /**
   * Waits until everything is safe both ways, or nothing has moved for `patienceMs`. The answer says which, with
   * what is left.
   */
  async settle(patienceMs: number): Promise<EngineStatus> {
    const { clock } = this.#deps;
    this.kick();
    let last = "";
    let since = clock.monotonic();
    for (;;) {
      const status = await this.status();
      if (status.isSafe || this.#stopped) return status;
      const { dirtyCount, inFlightCount, pendingRemoteCount } = status.store;
      const now = `${dirtyCount} ${inFlightCount} ${pendingRemoteCount} ${status.connection.state}`;
      if (now !== last) {
        last = now;
        since = clock.monotonic();
      }
      if (clock.monotonic() - since >= patienceMs) return status;
      await this.#sleep(50);
    }
  }
}
