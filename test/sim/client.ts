/**
 * The product as a device of the simulator: the real store and the real sync engine, with database, bytes, clock,
 * randomness, port and network injected. Every message between them is an event; nothing else makes a timer.
 */
import { type LogFields, type LogLevel, seededRandom, type Ticket } from "@smfs/core";
import {
  Database,
  MemoryByteStore,
  MemoryFileWorker,
  PortClient,
  PortServer,
  Store,
  Transitions,
} from "@smfs/store";
import { Engine } from "@smfs/sync";
import type { SimClock } from "./clock.ts";
import type { Desk, Device, DeviceView } from "./device.ts";
import { DeviceDatabase } from "./device-database.ts";
import { PowerCut } from "./power-cut.ts";
import { caller, ProductDesk } from "./product-desk.ts";
import type { ProductOptions } from "./product-parts.ts";
import { ProductView } from "./product-view.ts";
import type { Life } from "./sched.ts";
import { sha256 } from "./sha256.ts";
import type { DeviceSeat } from "./world.ts";

/** Everything of one process: it ends with its life. */
interface Running {
  readonly life: Life;
  readonly clock: SimClock;
  readonly store: Store;
  readonly server: PortServer;
  readonly client: PortClient;
  readonly engine: Engine;
}

/** Log lines of level error that say what they should: the situation is the user's to decide. */
const expectedErrors = ["too many documents are gone at once: deletions are held"];

export class ProductDevice implements Device {
  readonly name: string;
  readonly view: DeviceView;
  readonly #seat: DeviceSeat;
  readonly #options: ProductOptions;
  /** The disk: rows and bytes. It outlives the process. */
  #database = DeviceDatabase.take();
  readonly #bytes: MemoryByteStore;
  #running: Running | undefined;
  /** The process that runs, also while it starts. */
  #life: Life = { isAlive: false, pendingCount: 0 };
  /** A process that has lost the store to another one and does not know it yet. */
  #fenced: Running | undefined;
  #trouble: string | undefined;
  #lifeCount = 0;
  /** Changes of bytes and of who runs. */
  #changeCount = 0;
  #cancelTick: () => void = () => undefined;
  readonly #parked = new Map<Ticket, () => void>();
  #desk: Desk | undefined;

  constructor(seat: DeviceSeat, options: ProductOptions = {}) {
    this.name = seat.name;
    this.#seat = seat;
    this.#options = options;
    const birth: Life = { isAlive: true, pendingCount: 0 };
    this.#bytes = new MemoryByteStore(seat.clock(birth));
    this.#bytes.fault = () => this.#atDiskChange();
    this.view = new ProductView({
      database: () => this.#database,
      bytes: this.#bytes,
      bytesStamp: () => this.#changeCount,
      isUp: () => this.isUp,
    });
  }

  get isUp(): boolean {
    return this.#life.isAlive;
  }

  get desk(): Desk | undefined {
    return this.isUp && this.#running?.life === this.#life ? this.#desk : undefined;
  }

  trouble(): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    const running = this.#running;
    if (running?.life.isAlive === true && running.life.pendingCount === 0)
      return "the engine waits for something that no event will bring";
    return undefined;
  }

  start(): void {
    this.#changeCount += 1;
    // Descriptors of the process before are closed.
    this.#bytes.restore(this.#bytes.snapshot());
    this.#begin();
  }

  /** Opens the store and starts the engine. The process may die while it recovers what the last one left. */
  #begin(): void {
    const life: Life = { isAlive: true, pendingCount: 0 };
    this.#life = life;
    // Another process draws other random numbers: with the same ones both would have the same fencing token.
    this.#lifeCount += 1;
    if (this.#fenced === undefined) this.#database.endLife();
    try {
      this.#running = this.#open(life);
    } catch (error) {
      if (!life.isAlive) return;
      throw error;
    }
    this.#desk = this.#openDesk(this.#running);
    this.#running.engine.start();
    this.#pump();
  }

  /** The process dies where it stands; what its calls have done so far is on the disk, an open transaction is not. */
  kill(): void {
    this.#life.isAlive = false;
    if (this.#fenced !== undefined) this.#fenced.life.isAlive = false;
    this.#fenced = undefined;
    this.#parked.clear();
    this.#cancelTick();
    const { sql } = this.#database;
    if (!sql.inTransaction) return;
    // It dies inside a transaction: what unwinds from here must not reach the database any more.
    sql.exec("ROLLBACK");
    const image = sql.serialize();
    sql.close();
    this.#database = new DeviceDatabase(image);
  }

  diskStamp(): number {
    return this.#database.changeCount() + this.#changeCount;
  }

  end(): void {
    this.#database.giveBack();
  }

  /**
   * A second process takes the store while the first one's engine goes on for a while. (A lock of the operating
   * system normally keeps it out; this is what must hold when it does not.)
   */
  startTwice(): void {
    const first = this.#running;
    if (first === undefined || first.life !== this.#life) return;
    // A store thread without the lock cannot write for itself; what is tried here is whether its port is fenced.
    if (hasOwnWork(first.store)) return;
    this.#fenced = first;
    this.#cancelTick();
    this.#begin();
    const { sched, choices } = this.#seat;
    sched.after(
      choices.stream("crash").below(20_000),
      `${this.name} first process ends`,
      this.#life,
      () => {
        first.life.isAlive = false;
        this.#fenced = undefined;
      },
    );
  }

  whenReady(ticket: Ticket, again: () => void): void {
    this.#parked.set(ticket, again);
    // It may have been announced while the call was on its way out.
    this.#pump();
  }

  confirmDeletes(): void {
    if (this.desk === undefined) return;
    const held = this.#database.prepareOwn("SELECT 1 FROM problem WHERE k = 'brake'").get();
    if (held !== undefined) this.#running?.engine.confirmDeletes();
  }

  #atDiskChange(): void {
    const life = this.#life;
    if (!life.isAlive) throw new PowerCut();
    this.#changeCount += 1;
    this.#seat.atDiskChange(life);
  }

  #open(life: Life): Running {
    const seat = this.#seat;
    const { name, sched } = seat;
    const clock = seat.clock(life);
    const random = seededRandom(seat.config.seed * 1009 + seat.index * 101 + this.#lifeCount);
    const logger = {
      log: (level: LogLevel, message: string, fields?: LogFields) =>
        this.#log(life, level, message, fields),
    };
    const latency = seat.choices.stream("schedule");
    let client: PortClient | undefined;
    const database = new Database(this.#database.sql);
    if (seat.config.commitCrashShare !== undefined)
      database.beforeCommit(() => seat.atCommit(life));
    const store = Store.open({
      database,
      bytes: this.#bytes,
      clock,
      random,
      logger,
      owner: { uid: caller.uid, gid: caller.gid },
      emit: (event) => {
        sched.after(latency.below(3), `${name} event ${event.kind}`, life, () =>
          client?.receive({ events: [event] }),
        );
      },
    });
    const transitions = new Transitions(store.context);
    const updatedAtMs = (docId: string) => seat.world.model.table.get(docId)?.updatedAt ?? 0;
    this.#options.mutate?.({ store, transitions, updatedAtMs });
    const server = new PortServer(store.context, transitions, clock, "process");
    const made = new PortClient((requests) => {
      const names = requests.map(({ method }) => method).join("+");
      sched.after(latency.below(4), `${name} port ${names}`, life, () => {
        seat.moment(`port ${names}`);
        if (!life.isAlive) return;
        server.accept(requests);
        this.#pump();
      });
    });
    client = made;
    const engine = new Engine({
      port: made.port(),
      transport: seat.net(life),
      container: seat.world.container,
      epoch: store.context.versions.epoch,
      worker: new MemoryFileWorker(this.#bytes, () => this.#pause(life)),
      digest: sha256,
      clock,
      random,
      log: logger,
      options: {
        pull: true,
        push: true,
        pollIntervalS: seat.config.pollIntervalS ?? 10,
        sweepIntervalS: seat.config.sweepIntervalS ?? 600,
        prefetch: seat.config.prefetch ?? true,
      },
    });
    return { life, clock, store, server, client: made, engine };
  }

  /** Between two steps of the file worker: other threads run, the user writes, the process dies. */
  #pause(life: Life): Promise<void> {
    return new Promise((resolve) => {
      const { sched, choices } = this.#seat;
      sched.after(choices.stream("schedule").below(8), `${this.name} worker`, life, () => {
        this.#seat.moment("worker step");
        if (life.isAlive) resolve();
      });
    });
  }

  #log(life: Life, level: LogLevel, message: string, fields: LogFields | undefined): void {
    const isMine = life === this.#life && life.isAlive;
    if (level !== "error" || !isMine || expectedErrors.includes(message)) return;
    this.#trouble ??= `${message} ${JSON.stringify(fields ?? {})}`;
  }

  /** What the store thread's loop does after each thing it was woken for. */
  #pump(): void {
    for (const running of [this.#fenced, this.#running]) {
      if (running?.life.isAlive !== true) continue;
      this.#serve(running);
    }
    const running = this.#running;
    if (running?.life.isAlive !== true) return;
    const { sched } = this.#seat;
    running.store.takeInvalidations();
    for (const ticket of running.store.takeResumed()) {
      const again = this.#parked.get(ticket);
      this.#parked.delete(ticket);
      if (again !== undefined) sched.after(0, `${this.name} resumes`, running.life, again);
    }
    this.#cancelTick();
    const nextMs = running.store.nextTickMs();
    if (nextMs >= 0)
      this.#cancelTick = sched.after(nextMs, `${this.name} tick`, running.life, () => {
        running.store.tick(running.clock.monotonic());
        this.#pump();
      });
  }

  #serve({ server, client, life }: Running): void {
    while (server.hasRequests && life.isAlive) {
      const replies = server.run();
      if (!life.isAlive) return;
      const { sched, choices } = this.#seat;
      if (sched.onEvent !== undefined)
        for (const reply of replies)
          sched.onEvent(sched.now, `  ${JSON.stringify(reply).slice(0, 700)}`);
      const lateMs = choices.stream("schedule").below(4);
      // Half of the replies are there at once: each step of the scheduler costs more than what it runs.
      if (lateMs < 2) {
        client.receive({ replies });
        continue;
      }
      sched.after(lateMs, `${this.name} replies`, life, () => {
        this.#seat.moment("replies");
        if (life.isAlive) client.receive({ replies });
      });
    }
  }

  #openDesk(running: Running): Desk {
    return new ProductDesk(running.store, this.#bytes, (isChange) => {
      if (isChange) this.#changeCount += 1;
      this.#pump();
    });
  }
}

/** Whether a store would change rows by itself, with nobody asking. */
function hasOwnWork(store: Store): boolean {
  const { writers } = store.context as unknown as { writers: { nextDueMs: number } };
  return writers.nextDueMs !== Number.POSITIVE_INFINITY;
}
