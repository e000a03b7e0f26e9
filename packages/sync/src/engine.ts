/**
 * The sync engine: wires the loops, starts and stops them. What they decide is in push.ts, pull.ts and reconcile.ts.
 *
 * Stopping is safe at any moment: the journal says where to go on.
 */
import { ApiClient, type Transport } from "@smfs/api";
import type { Clock, Logger, Random } from "@smfs/core";
import type { FileWorker, StoreEvent, StorePort, StoreStatus } from "@smfs/store";
import { Background } from "./background.ts";
import { Brake, type HeldDeletions } from "./brake.ts";
import { type Capabilities, noCapabilities, toCapabilities } from "./capabilities.ts";
import { Connection, type ConnectionView } from "./connection.ts";
import { Contents } from "./content.ts";
import { DeferredLoop } from "./deferred-loop.ts";
import { Hydrate } from "./hydrate.ts";
import { type Digest, Looks } from "./look.ts";
import { Prefetch } from "./prefetch.ts";
import { Pull } from "./pull.ts";
import { feedCursorKey, PullFeed } from "./pull-feed.ts";
import { PullList } from "./pull-list.ts";
import { PullLoop } from "./pull-loop.ts";
import { Push } from "./push.ts";
import { PushLoop } from "./push-loop.ts";
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
  /** Deletions at the server that are many at once: none, held until somebody confirms them, or confirmed. */
  readonly deletions: "none" | "held" | "confirmed";
  /** What a confirmation would delete here; null when nothing is held. */
  readonly heldDeletions: HeldDeletions | null;
}

type Person = Pick<EngineStatus, "userName" | "userId" | "orgName">;

export class Engine {
  readonly #deps: EngineDeps;
  readonly #client: ApiClient;
  readonly #background: Background;
  readonly #hydrate: Hydrate;
  readonly #prefetch: Prefetch;
  readonly #pushLoop: PushLoop;
  readonly #brake: Brake;
  readonly #pullLoop: PullLoop;
  readonly #deferredLoop: DeferredLoop;
  #capabilities: Capabilities = noCapabilities;
  #person: Person = { userName: null, userId: null, orgName: null };
  #unlisten: () => void = () => undefined;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    const { port, transport, container, epoch, worker, digest, clock, random, log, options } = deps;
    const connection = new Connection(clock, random, log);
    const background = new Background(connection, clock, log);
    const { signal } = background;
    const client = new ApiClient({ transport, container, clientId: epoch, signal });
    const capabilities = () => this.#capabilities;
    const hasRaw = () => this.#capabilities.raw;
    const isExact = () => this.#capabilities.etag;
    const onDeferred = () => this.#deferredLoop.wake();
    const looks = new Looks(client, digest, capabilities);
    const contents = new Contents(client, worker);
    const resolver = new Resolver({ port, contents, worker, capabilities });
    const pull = new Pull({ port, client, worker, contents, log, epoch, hasRaw, onDeferred });
    const brake = new Brake({ port, clock, log });
    const list = new PullList({ client, port, pull, looks, clock, brake, isExact });
    const feed = new PullFeed({ client, port, pull, list, brake, log });
    const shared = { port, client, worker, looks, contents, clock, capabilities, onDeferred };
    const push = new Push({ ...shared, resolver, clientId: epoch });
    this.#client = client;
    this.#brake = brake;
    this.#background = background;
    this.#hydrate = new Hydrate({ port, contents, looks, pull, connection, clock, log, hasRaw });
    this.#pushLoop = new PushLoop({ port, push, background, clock, random });
    this.#prefetch = new Prefetch({ port, hydrate: this.#hydrate, background, clock });
    const onPulled = () => this.#prefetch.wake();
    const pacing = { port, background, clock, random, log };
    this.#pullLoop = new PullLoop({ ...pacing, feed, list, brake, options, onPulled });
    this.#deferredLoop = new DeferredLoop({ port, pull, list, background, clock, onPulled });
  }

  /** The client the engine uses, for what else a daemon asks of the server (search, profile). */
  get client(): ApiClient {
    return this.#client;
  }

  /** Begins to sync. Returns at once. */
  start(): void {
    this.#unlisten = this.#deps.port.listen((event) => this.#on(event));
    this.#background.own(this.#begin());
  }

  /** Ends every loop and waits for what is running. What was not confirmed is resumed by the next start. */
  async stop(): Promise<void> {
    this.#unlisten();
    await this.#background.stop();
  }

  #on(event: StoreEvent): void {
    if (event.kind === "dirty") this.#pushLoop.wake();
    else if (!this.#background.isStopped) this.#background.own(this.#hydrate.want(event.ino));
  }

  /** Learns what the server can do, then runs the loops. */
  async #begin(): Promise<void> {
    const background = this.#background;
    while (!background.isStopped && !(await this.#connect())) {
      await background.sleep(Math.max(1, background.connection.waitMs()));
    }
    if (background.isStopped) return;
    const { options } = this.#deps;
    if (options.push) background.own(this.#pushLoop.run());
    if (!options.pull) return;
    background.own(this.#capabilities.changes ? this.#pullLoop.follow() : this.#pullLoop.list());
    background.own(this.#deferredLoop.run());
    if (options.prefetch) background.own(this.#prefetch.run());
  }

  async #connect(): Promise<boolean> {
    try {
      const session = await this.#client.session(this.#background.signal);
      this.#capabilities = toCapabilities(session);
      this.#person = {
        userName: session.user?.name ?? null,
        userId: session.user?.id ?? null,
        orgName: session.org?.name ?? null,
      };
      await this.#checkIdentity(session.org?.id ?? null);
      this.#background.connection.answered();
      return true;
    } catch (error) {
      this.#background.noteFailure(error, "connect");
      return false;
    }
  }

  /** Another organisation behind the same address: its absences must not delete anything here. */
  async #checkIdentity(orgId: string | null): Promise<void> {
    const { port } = this.#deps;
    const known = await port.fact("org_id");
    if (orgId === null || known === orgId) return;
    if (known !== undefined) await port.setCursor(feedCursorKey, null);
    await port.setFact("org_id", orgId);
  }

  /** Looks at the server and at what is dirty now, instead of when its time comes. */
  kick(): void {
    this.#background.connection.retryNow();
    this.#pushLoop.wake();
    this.#pullLoop.wake();
  }

  /**
   * Many deletions at once that are held are carried out here, too, as those are that are found in the next minutes when
   * nothing is held. Others than those that are held now are not.
   */
  confirmDeletes(): void {
    this.#brake.confirm();
    this.#pullLoop.wake();
  }

  async status(): Promise<EngineStatus> {
    const heldDeletions = this.#brake.held;
    return {
      ...this.#person,
      connection: this.#background.connection.view(),
      capabilities: this.#capabilities,
      store: await this.#deps.port.status(),
      lastPullMs: this.#pullLoop.lastPullMs,
      deletions: this.#brake.isConfirmed ? "confirmed" : heldDeletions === null ? "none" : "held",
      heldDeletions,
    };
  }
}
