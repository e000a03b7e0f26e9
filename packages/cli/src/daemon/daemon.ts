/** The process behind a mount: builds store thread, mount, sync engine and control socket; takes them down in reverse. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { type Clock, type Logger, systemRandom } from "@smfs/core";
import { type Answer, type Question, RealFileWorker } from "@smfs/store";
import { Engine, type EngineStatus, feedCursorKey } from "@smfs/sync";
import { toFailure } from "../cli-error.ts";
import { shutdownStepMs } from "../limits.ts";
import { removeMountRecord, writeMountRecord } from "../mount-records.ts";
import { processIdentity } from "../processes.ts";
import { toHits } from "../search-hits.ts";
import type {
  DaemonControl,
  DaemonEvent,
  DaemonStatus,
  SearchHit,
  SearchRequest,
  SyncOutcome,
  SyncRequest,
  UnmountOutcome,
  UnmountRequest,
} from "./control-protocol.ts";
import { ControlServer } from "./control-server.ts";
import type { DaemonSettings } from "./daemon-settings.ts";
import { toDaemonStatus } from "./daemon-status.ts";
import { drain } from "./drain.ts";
import { GeneratedAnswers } from "./generated-answers.ts";
import { lookAtIndex } from "./index-look.ts";
import { Kept } from "./kept.ts";
import { KernelSide } from "./kernel-side.ts";
import { toMetrics } from "./metrics.ts";
import {
  connectivity,
  type Directions,
  isSafe,
  progressText,
  toOutcome,
  withOnlyHere,
} from "./progress.ts";
import { ReadRequests } from "./read-requests.ts";
import { type ServerTransport, serverTransport } from "./server-transport.ts";
import { StoreHost } from "./store-host.ts";

export interface DaemonDeps {
  readonly settings: DaemonSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds between two looks during the start, and whether all is safe after a change. */
const startLookMs = 50;
const safeLookMs = 1000;

export class Daemon implements DaemonControl {
  readonly #settings: DaemonSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #server: ServerTransport;
  readonly #host: StoreHost;
  readonly #kernel: KernelSide;
  readonly #engine: Engine;
  readonly #control: ControlServer;
  readonly #answers: GeneratedAnswers;
  readonly kept: Kept;
  readonly #startedAt: number;
  readonly #listeners = new Set<(event: DaemonEvent) => void>();
  #lastSafeMs: number | null = null;
  readonly #reads: ReadRequests;
  #isWatching = false;
  #isEnding = false;
  #isAskedToEnd = false;
  readonly #hurry = new AbortController();
  #lastPatienceMs: number;
  #lastOutcome: Promise<SyncOutcome> | undefined;
  /** Resolves when everything is taken down. */
  readonly ended: Promise<void>;

  /**
   * Mounts and begins to sync.
   * @throws StoreOpenError, MountError and others, each with nothing left behind
   */
  static async start(deps: DaemonDeps): Promise<Daemon> {
    const { settings: given, clock, log } = deps;
    let kernel: KernelSide | undefined;
    let daemon: Daemon | undefined;
    const tooEarly = Promise.resolve({ kind: "failed", code: "EHOSTUNREACH" } as const);
    const host = await StoreHost.open({
      storeDir: given.storeDir,
      owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
      wishes: {
        readOnly: given.readOnly,
        durability: given.durability,
        cacheBytes: given.cacheBytes,
        ignorePatterns: given.ignorePatterns,
        fuseWithout: given.fuseWithout,
      },
      onQuestion: (question) => daemon?.answer(question) ?? tooEarly,
      clock,
      log,
      onInvalidations: (invalidations) => kernel?.invalidate(invalidations),
    });
    // What is damaged is neither changed nor compared with the server.
    const settings =
      host.damage === undefined ? given : { ...given, readOnly: true, push: false, pull: false };
    try {
      kernel = new KernelSide(host, settings, log);
    } catch (error) {
      await host.close();
      throw error;
    }
    daemon = new Daemon({ settings, clock, log }, host, kernel);
    try {
      await daemon.#begin();
    } catch (error) {
      await daemon.end("it could not be started");
      throw error;
    }
    return daemon;
  }

  private constructor({ settings, clock, log }: DaemonDeps, host: StoreHost, kernel: KernelSide) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#host = host;
    this.#kernel = kernel;
    this.#startedAt = clock.monotonic();
    this.#lastPatienceMs = settings.drainTimeoutS * 1000;
    this.#server = serverTransport(settings, clock, log);
    this.#reads = new ReadRequests(host.port);
    const worker = new RealFileWorker(settings.storeDir);
    this.#engine = new Engine({
      port: this.#reads.port,
      transport: this.#server.transport,
      container: settings.container,
      epoch: host.epoch,
      worker,
      digest: (bytes) => createHash("sha256").update(bytes).digest("hex"),
      clock,
      random: systemRandom,
      log,
      options: {
        pull: settings.pull,
        push: settings.push,
        pollIntervalS: settings.syncIntervalS,
        sweepIntervalS: settings.deletionScanIntervalS,
        // With a budget, bytes come when they are used: what is fetched ahead would push others out.
        prefetch: settings.cacheBytes === undefined,
      },
    });
    this.#answers = new GeneratedAnswers({
      client: this.#engine.client,
      status: () => this.status(),
      mayAsk: settings.push || settings.pull,
      clock,
      log,
    });
    this.kept = new Kept({ port: host.port, worker, ask: (question) => this.answer(question) });
    this.#control = new ControlServer(settings.socket, this, clock, log);
    this.ended = kernel.ended.then((end) =>
      this.#takeDown(end.why === "failed" ? end.message : undefined),
    );
  }

  async #begin(): Promise<void> {
    const settings = this.#settings;
    this.#host.port.listen((event) => {
      if (event.kind === "dirty") void this.#watchSafe();
    });
    if (settings.push || settings.pull) this.#engine.start();
    await this.#control.listen();
    writeMountRecord(settings.paths, {
      id: settings.id,
      container: settings.container,
      path: settings.mountPath,
      pid: process.pid,
      started: processIdentity(process.pid)?.started ?? "",
      mountedAtMs: this.#clock.now(),
      socket: settings.socket,
      logFile: settings.logFile,
      apiUrl: settings.server.apiUrl,
      keyFile: settings.server.keyFile,
      embedded: settings.server.embedded,
    });
    this.#log.log("info", "mounted", { container: settings.container, path: settings.mountPath });
  }

  /**
   * Waits until the tree is known, or the server cannot be used, or the time is up: the mount works in any case.
   * @returns whether the server could be asked
   */
  async whenReady(onProgress: (text: string) => void): Promise<boolean> {
    const { pull, push, startupTimeoutS, memoryPaths } = this.#settings;
    if (!pull && !push) return false;
    const until = this.#clock.monotonic() + startupTimeoutS * 1000;
    for (;;) {
      const status = await this.#engine.status();
      const { state } = status.connection;
      const isKnown = state === "online" && (!pull || status.lastPullMs !== null);
      if (isKnown && memoryPaths !== undefined)
        await this.#engine.client.setMemoryPaths(memoryPaths);
      if (isKnown) return true;
      if (state === "offline" || state === "paused") return false;
      if (this.#clock.monotonic() >= until) return state === "online";
      if (status.store.entryCount > 0) {
        onProgress(
          `receiving the list of files: ${status.store.entryCount.toLocaleString("en")} so far`,
        );
      }
      await this.#clock.sleep(startLookMs);
    }
  }

  /** What a generated file asks. Never rejects. */
  answer(question: Question): Promise<Answer> {
    return this.#answers.answer(question);
  }

  /** What is wrong with the store, which then is only read. */
  get damage(): string | undefined {
    return this.#host.damage;
  }

  async status(): Promise<DaemonStatus> {
    const engine = await this.#look();
    const isAsked =
      connectivity(engine, this.#settings) === "online" && engine.capabilities.changes;
    return toDaemonStatus(this.#settings, engine, {
      search: isAsked ? await lookAtIndex(this.#server.transport) : null,
      apiUrl: this.#server.apiUrl(),
      uptimeS: (this.#clock.monotonic() - this.#startedAt) / 1000,
      lastSafeMs: this.#lastSafeMs,
      requestsByReads: this.#reads.count,
      cacheUsedBytes: this.#host.cacheUsedBytes,
      failure: this.#host.failure,
    });
  }

  sync(
    { confirmDeletes }: SyncRequest,
    onProgress: (text: string) => void,
    signal: AbortSignal,
  ): Promise<SyncOutcome> {
    if (confirmDeletes) this.#engine.confirmDeletes();
    const { pull, push, drainTimeoutS } = this.#settings;
    return this.#drain({ pull, push }, drainTimeoutS * 1000, onProgress, signal);
  }

  async search(request: SearchRequest): Promise<readonly SearchHit[]> {
    const { query, filepath, limit } = request;
    return toHits(await this.#engine.client.search({ q: query, filepath, limit }));
  }

  async metrics(): Promise<string> {
    return toMetrics(await this.status(), process.memoryUsage.rss());
  }

  subscribe(listener: (event: DaemonEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async unmount(
    request: UnmountRequest,
    onProgress: (text: string) => void,
  ): Promise<UnmountOutcome> {
    const { force, drainTimeoutMs } = request;
    // Of what is only read nothing waits to be sent.
    const isIdle = force || this.damage !== undefined;
    const outcome = isIdle
      ? await this.#outcome()
      : await this.#withOnlyHere(await this.#drain(this.#outward, drainTimeoutMs, onProgress));
    if (!outcome.safe && !isIdle) return { kind: "unsafe", outcome };
    const users = this.#kernel.unmount();
    if (users !== undefined) {
      if (!force) return { kind: "busy", users };
      this.#kernel.detach();
    }
    const last = await this.#unmounted(isIdle ? 0 : drainTimeoutMs);
    const keptIn = this.#settings.ephemeral && !last.safe ? this.#settings.storeDir : null;
    return { kind: "unmounted", outcome: last, keptIn };
  }

  /** What is safe once the kernel has let go: something may have been written since the last look. */
  async #unmounted(patienceMs: number): Promise<SyncOutcome> {
    this.#lastPatienceMs = patienceMs;
    await this.#kernel.ended;
    return await this.#lastDrain();
  }

  /**
   * Ends the daemon for a signal: unmounts whoever uses the mount; what cannot be sent in time is kept. Asked a
   * second time, it waits no more.
   */
  async end(why: string): Promise<void> {
    this.#log.log("info", "ending", { why });
    if (this.#isAskedToEnd) this.#hurry.abort();
    this.#isAskedToEnd = true;
    try {
      if (this.#kernel.unmount() !== undefined) this.#kernel.detach();
    } catch (error) {
      this.#log.log("error", "the mount cannot be taken away", {
        reason: toFailure(error).message,
      });
      this.#kernel.detach();
    }
    await this.ended;
  }

  async #outcome(): Promise<SyncOutcome> {
    return toOutcome(await this.#look(), this.#outward);
  }

  /** What must be safe before a mount goes: what is only here. What is only there stays there. */
  get #outward(): Directions {
    return { pull: false, push: this.#settings.push };
  }

  /** The engine's state; notes when all is safe. */
  async #look(): Promise<EngineStatus> {
    const status = await this.#engine.status();
    if (isSafe(status, this.#settings)) this.#lastSafeMs = this.#clock.now();
    return status;
  }

  #drain(
    directions: Directions,
    patienceMs: number,
    onProgress: (text: string) => void,
    signal?: AbortSignal,
  ): Promise<SyncOutcome> {
    this.#engine.kick();
    const deps = {
      clock: this.#clock,
      directions,
      status: () => this.#look(),
      isCaughtUp: () => (directions.pull ? this.#isCaughtUp() : Promise.resolve(true)),
    };
    return drain(deps, patienceMs, onProgress, signal);
  }

  /** The drain after the last write. It runs once, whoever waits for it. */
  #lastDrain(): Promise<SyncOutcome> {
    this.#lastOutcome ??= this.#drain(
      this.#outward,
      this.#lastPatienceMs,
      () => undefined,
      this.#hurry.signal,
    ).then((outcome) => this.#withOnlyHere(outcome));
    return this.#lastOutcome;
  }

  /** A store that goes with its mount must have nothing that is nowhere else. */
  async #withOnlyHere(outcome: SyncOutcome): Promise<SyncOutcome> {
    if (!this.#settings.ephemeral) return outcome;
    return withOnlyHere(outcome, await this.#host.onlyHere());
  }

  /** Asks the change feed whether it has anything that was not taken yet. */
  async #isCaughtUp(): Promise<boolean> {
    const { capabilities } = await this.#engine.status();
    if (!capabilities.changes) return true;
    const cursor = await this.#host.port.cursor(feedCursorKey);
    if (cursor === undefined) return false;
    const { changes } = await this.#engine.client.changes(cursor, 1, 0);
    return changes.length === 0;
  }

  /** After a change: looks until all is safe again, so that the time is known. One look runs at a time. */
  async #watchSafe(): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#publish({ type: "dirty", data: {} });
    try {
      while (!(await this.#isSafeSoon())) if (this.#isEnding) return;
      this.#publish({ type: "safe", data: {} });
    } catch (error) {
      // The store may close while it is asked.
      this.#log.log("debug", "a look failed", { reason: toFailure(error).message });
    } finally {
      this.#isWatching = false;
    }
  }

  async #isSafeSoon(): Promise<boolean> {
    await this.#clock.sleep(safeLookMs);
    const status = await this.#look();
    const data = {
      text: progressText(status),
      connectivity: connectivity(status, this.#settings),
    };
    this.#publish({ type: "progress", data });
    return isSafe(status, this.#settings);
  }

  #publish(event: DaemonEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** The kernel is served no more: sends what is left within its time, then ends everything, the last first. */
  async #takeDown(failure: string | undefined): Promise<void> {
    if (failure !== undefined) {
      this.#log.log("error", "the kernel can be served no more", { reason: failure });
      this.#kernel.detach();
    } else {
      const outcome = await this.#lastDrain();
      if (!outcome.safe) this.#log.log("warn", "ended with unsent changes", { left: outcome.left });
    }
    this.#isEnding = true;
    await this.#step("control socket", () => this.#control.close());
    await this.#step("sync engine", () => this.#engine.stop());
    await this.#step("kernel", async () => this.#kernel.close());
    await this.#step("store", () => this.#host.close());
    removeMountRecord(this.#settings.paths, this.#settings.id);
    const isAllSafe = failure === undefined && (await this.#lastDrain()).safe;
    if (this.#settings.ephemeral && isAllSafe)
      await this.#step("traces", () => this.#leaveNoTrace());
    this.#log.log("info", "ended");
  }

  /** Removes the store of an ephemeral mount, and the log, which names files. */
  async #leaveNoTrace(): Promise<void> {
    const { storeDir, logFile } = this.#settings;
    await rm(storeDir, { recursive: true, force: true });
    await rm(logFile, { force: true });
    await rm(`${logFile}.1`, { force: true });
  }

  /** One step of taking down; one that fails or hangs does not keep the rest from happening. */
  async #step(what: string, action: () => Promise<void>): Promise<void> {
    const done = new AbortController();
    const overdue = this.#clock.sleep(shutdownStepMs, done.signal).then(() => {
      if (!done.signal.aborted) throw new Error("it hangs");
    });
    try {
      await Promise.race([action().finally(() => done.abort()), overdue]);
    } catch (error) {
      this.#log.log("error", `${what}: could not be ended`, { reason: toFailure(error).message });
    }
  }
}
