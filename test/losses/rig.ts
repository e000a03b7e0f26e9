/**
 * The product's store and engine against the model of the hosted server, in virtual time and without faults: tests
 * place each step where they want it. The simulator does the same with everything drawn by chance.
 */
import {
  type Caller,
  errnos,
  FsError,
  type Logger,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  rootIno,
  seededRandom,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import {
  Database,
  MemoryByteStore,
  MemoryFileWorker,
  PortClient,
  PortServer,
  Store,
  type StorePort,
  Transitions,
} from "@smfs/store";
import { Engine, type EngineOptions, type EngineStatus } from "@smfs/sync";
import SqliteDatabase from "better-sqlite3";
import type { ModelRequest } from "../hosted-model/message.ts";
import { HostedModel } from "../hosted-model/model.ts";
import type { Quirks } from "../hosted-model/quirks.ts";
import { type ClockFault, SimClock, trueClock } from "../sim/clock.ts";
import { Coverage } from "../sim/coverage.ts";
import { calmNet, type NetFaults, SimNet } from "../sim/net.ts";
import { Stream } from "../sim/rng.ts";
import { drain, type Life, Scheduler } from "../sim/sched.ts";

export const caller: Caller = { uid: 1000, gid: 1000, pid: 1, umask: 0o022 };

const decoder = new TextDecoder();

export class Rig {
  readonly sched: Scheduler;
  readonly clock: SimClock;
  readonly model: HostedModel;
  readonly requests: { readonly device: string; readonly method: string; readonly path: string }[] =
    [];
  /** Called when a request is carried out at the server, before its answer leaves. */
  onExecuted: (request: ModelRequest, device: string) => void = () => undefined;

  constructor(quirks: Quirks) {
    this.sched = new Scheduler(new Stream([]));
    this.clock = new SimClock(this.sched, undefined);
    this.model = new HostedModel({ clock: this.clock, random: seededRandom(1), quirks });
  }

  /** Lets virtual time pass. */
  async run(ms: number): Promise<void> {
    const until = this.sched.now + ms;
    await drain();
    for (;;) {
      const event = this.sched.next(until);
      if (event === undefined) break;
      event();
      await drain();
    }
    this.sched.now = until;
  }

  /** Lets time pass until `isTrue`, at most `msMax`. */
  async until(
    isTrue: () => boolean | Promise<boolean>,
    what: string,
    msMax = 120_000,
  ): Promise<void> {
    const end = this.sched.now + msMax;
    while (!(await isTrue())) {
      if (this.sched.now >= end) throw new Error(`not within ${msMax} ms: ${what}`);
      await this.run(10);
    }
  }

  device(name: string, options: DeviceOptions = {}): Device {
    return new Device(this, name, options);
  }

  /** Texts of the server's live documents by path. */
  texts(): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const doc of this.model.table.all()) {
      if (doc.filepath !== null && !doc.filepath.endsWith("/.smfs-dir")) {
        texts[doc.filepath] = decoder.decode(doc.bytes);
      }
    }
    return texts;
  }
}

export interface DeviceOptions {
  readonly clockFault?: ClockFault;
  readonly engine?: Partial<EngineOptions>;
  readonly faults?: () => NetFaults;
  /** What an earlier process of this device has left on its disk. */
  readonly disk?: { readonly database: Buffer; readonly bytes: MemoryByteStore };
  /** The mount's own patterns of what stays here. */
  readonly ignorePatterns?: string;
  /** Replaces transitions: how a mutant of the product is made. */
  readonly mutate?: (transitions: Transitions, store: Store) => void;
}

/** One device: its disk outlives its processes. */
export class Device {
  readonly name: string;
  readonly #rig: Rig;
  readonly #options: DeviceOptions;
  readonly #life: Life;
  readonly store: Store;
  readonly bytes: MemoryByteStore;
  readonly port: StorePort;
  readonly transitions: Transitions;
  readonly engine: Engine;
  isOffline = false;
  /** What the product logged as an error: nothing, in a test that goes as it should. */
  readonly errors: string[] = [];

  constructor(rig: Rig, name: string, options: DeviceOptions) {
    this.#rig = rig;
    this.name = name;
    this.#options = options;
    this.#life = { isAlive: true, pendingCount: 0 };
    const { sched } = rig;
    const clock = new SimClock(sched, this.#life, options.clockFault ?? trueClock);
    const random = seededRandom(name.charCodeAt(0));
    this.bytes = options.disk?.bytes ?? new MemoryByteStore(clock);
    let client: PortClient | undefined;
    const log: Logger = {
      log: (level, message, fields) => {
        if (level === "error") this.errors.push(`${message} ${JSON.stringify(fields)}`);
      },
    };
    this.store = Store.open({
      database: new Database(new SqliteDatabase(options.disk?.database ?? ":memory:")),
      bytes: this.bytes,
      clock,
      random,
      logger: log,
      owner: { uid: 1000, gid: 1000 },
      ignorePatterns: options.ignorePatterns ?? "",
      emit: (event) =>
        sched.after(0, `${name} ${event.kind}`, this.#life, () =>
          client?.receive({ events: [event] }),
        ),
    });
    this.transitions = new Transitions(this.store.context);
    options.mutate?.(this.transitions, this.store);
    const server = new PortServer(this.store.context, this.transitions, clock);
    client = new PortClient((requests) => {
      sched.after(0, `${name} port`, this.#life, () => {
        server.accept(requests);
        const replies = server.run(Number.POSITIVE_INFINITY);
        sched.after(0, `${name} replies`, this.#life, () => client?.receive({ replies }));
      });
    });
    this.port = client.port();
    this.engine = new Engine({
      port: this.port,
      transport: new SimNet({
        sched,
        model: rig.model,
        choices: new Stream([]),
        faults: options.faults ?? (() => calmNet),
        life: this.#life,
        device: name,
        coverage: new Coverage(),
        isOffline: () => this.isOffline,
        onMoment: () => undefined,
        onExecuted: (request) => {
          rig.requests.push({ device: name, method: request.method, path: request.path });
          rig.onExecuted(request, name);
        },
      }),
      container: "notes",
      epoch: this.store.context.versions.epoch,
      worker: new MemoryFileWorker(this.bytes, () => clock.sleep(0)),
      digest: (bytes) => this.bytes.digest(bytes),
      clock,
      random,
      log,
      options: {
        pull: true,
        push: true,
        pollIntervalS: 2,
        sweepIntervalS: 10,
        prefetch: true,
        ...options.engine,
      },
    });
    this.#tick();
  }

  /** What the store thread's loop does: looks after leases and the like when they are due. */
  #tick(): void {
    const ms = this.store.nextTickMs();
    this.#rig.sched.after(ms < 0 ? 5 : Math.min(5, ms), `${this.name} tick`, this.#life, () => {
      this.store.tick();
      this.#tick();
    });
  }

  start(): this {
    this.engine.start();
    return this;
  }

  /** Ends the device's process where it stands, and starts another on what it had committed. */
  restart(engine: Partial<EngineOptions> = this.#options.engine ?? {}): Device {
    this.#life.isAlive = false;
    // Its descriptors end with it.
    this.bytes.restore(this.bytes.snapshot());
    const disk = { database: this.store.context.db.sql.serialize(), bytes: this.bytes };
    return new Device(this.#rig, this.name, { ...this.#options, engine, disk }).start();
  }

  #locate(path: string): { parent: number; name: string } {
    const names = path.split("/").filter((name) => name !== "");
    const name = names.pop() ?? "";
    let parent = rootIno;
    for (const directory of names) parent = lookup(this.store, parent, directory).ino;
    return { parent, name };
  }

  ino(path: string): number | undefined {
    try {
      const { parent, name } = this.#locate(path);
      return lookup(this.store, parent, name).ino;
    } catch (error) {
      if (error instanceof FsError && error.errno === errnos.ENOENT) return undefined;
      throw error;
    }
  }

  /** As `echo text > path`: create or truncate, write, close. */
  write(path: string, text: string): void {
    const fh = this.open(path);
    this.store.write(fh, new TextEncoder().encode(text), 0);
    this.store.release(fh);
  }

  /** Opens for writing, truncated, and keeps it open. */
  open(path: string): number {
    const { parent, name } = this.#locate(path);
    const ino = this.ino(path);
    return ino === undefined
      ? this.store.create(parent, name, 0o644, O_RDWR, caller).file.fh
      : this.store.open(ino, O_RDWR | O_TRUNC, caller).fh;
  }

  /** Text of a file whose bytes are here. */
  read(path: string): string | undefined {
    const ino = this.ino(path);
    if (ino === undefined) return undefined;
    const { size } = this.store.getattr(ino);
    const { fh } = this.store.open(ino, O_RDONLY, caller);
    const into = new Uint8Array(size);
    const count = this.store.read(fh, into, 0);
    this.store.release(fh);
    return decoder.decode(into.subarray(0, count));
  }

  unlink(path: string): void {
    const { parent, name } = this.#locate(path);
    this.store.unlink(parent, name, caller);
  }

  rename(from: string, to: string): void {
    const source = this.#locate(from);
    const target = this.#locate(to);
    this.store.rename(
      {
        fromParent: source.parent,
        fromName: source.name,
        toParent: target.parent,
        toName: target.name,
        flags: 0,
      },
      caller,
    );
  }

  mkdir(path: string): void {
    const { parent, name } = this.#locate(path);
    this.store.mkdir(parent, name, 0o755, caller);
  }

  link(from: string, to: string): void {
    const { parent, name } = this.#locate(to);
    this.store.link(this.ino(from) ?? 0, parent, name, caller);
  }

  /** Every file's path, without directories. */
  paths(): string[] {
    const paths: string[] = [];
    const walk = (ino: number, path: string): void => {
      const dh = this.store.opendir(ino);
      const found: { name: string; ino: number; type: number }[] = [];
      this.store.readdir(dh, 0, (entry) => found.push(entry) > 0);
      this.store.releasedir(dh);
      for (const { name, ino: child, type } of found) {
        if (name === "." || name === "..") continue;
        if (type === 0o040000) walk(child, `${path}/${name}`);
        else paths.push(`${path}/${name}`);
      }
    };
    walk(rootIno, "");
    return paths.sort();
  }

  status(): Promise<EngineStatus> {
    return this.engine.status();
  }

  /** Whether everything local is at the server and nothing is undecided. */
  isClean(): boolean {
    const { dirtyCount, inFlightCount, pendingRemoteCount } = this.transitions.status();
    return dirtyCount + inFlightCount + pendingRemoteCount === 0;
  }

  get faults(): NetFaults {
    return this.#options.faults?.() ?? calmNet;
  }
}
