/**
 * The reference algorithm: what a file-sync client does that marks files dirty with a time stamp, clears the mark when
 * an upload has ended, and lets a pull overwrite what the mark does not protect. It loses acknowledged writes; that
 * the oracle sees it is what makes the product's silence worth something.
 */
import type { HttpResponse } from "@smfs/api";
import { FsError } from "@smfs/core";
import type { Desk, Device, DeviceView, EntryState } from "./device.ts";
import type { Life } from "./sched.ts";
import { sha256 } from "./sha256.ts";
import type { DeviceSeat } from "./world.ts";

/** How the end of an upload decides whether the file is clean. */
export type ClearRule = "always" | "same-millisecond" | "same-version";

interface NaiveFile {
  bytes: Uint8Array;
  /** Wall-clock milliseconds of the last local write that is not known to be uploaded. */
  dirtySince: number | null;
  version: number;
  docId: string | null;
  mirrored: string;
}

interface RemoteDoc {
  readonly id: string;
  readonly filepath: string | null;
  readonly status: string;
  readonly updatedAt: string;
  readonly content?: string | null;
}

const debounceMs = 500;
const pullMs = 10_000;
const waitDoneMs = 30_000;
const encoder = new TextEncoder();

export class NaiveDevice implements Device {
  readonly name: string;
  readonly #seat: DeviceSeat;
  readonly #rule: ClearRule;
  /** What is on its disk: it outlives the process. */
  readonly #files = new Map<string, NaiveFile>();
  #watermark = "";
  #life: Life = { isAlive: false, pendingCount: 0 };
  #changes = 1;
  readonly #handles = new Map<number, { path: string; append: boolean }>();
  #nextHandle = 1;
  readonly #pushing = new Set<string>();

  constructor(seat: DeviceSeat, rule: ClearRule) {
    this.name = seat.name;
    this.#seat = seat;
    this.#rule = rule;
  }

  get isUp(): boolean {
    return this.#life.isAlive;
  }

  get desk(): Desk | undefined {
    return this.isUp ? this.#desk() : undefined;
  }

  trouble(): string | undefined {
    return this.isUp && this.#life.pendingCount === 0 ? "waits for nothing" : undefined;
  }

  start(): void {
    this.#life = { isAlive: true, pendingCount: 0 };
    this.#pushing.clear();
    const life = this.#life;
    const clock = this.#seat.clock(life);
    const net = this.#seat.net(life);
    const forever = async (ms: number, work: () => Promise<void>): Promise<void> => {
      for (;;) {
        await clock.sleep(ms);
        await work().catch((error: unknown) => {
          if ((error as { outcome?: unknown }).outcome === undefined) throw error;
        });
      }
    };
    const ask = async (method: "GET" | "POST" | "PATCH", path: string, value?: unknown) => {
      const body = value === undefined ? {} : { body: { kind: "json" as const, value } };
      return net.exchange({ method, path, deadlineMs: 30_000, ...body });
    };
    void forever(debounceMs, () => this.#pushAll(clock, ask));
    void forever(pullMs, () => this.#pull(ask));
  }

  kill(): void {
    this.#life.isAlive = false;
    this.#handles.clear();
  }

  startTwice(): void {
    // It has no protection against a second process; the simulator does not add to its troubles.
  }

  whenReady(): void {
    throw new Error("nothing is ever parked here");
  }

  async #pushAll(clock: { now(): number; sleep(ms: number): Promise<void> }, ask: Ask) {
    for (const [path, file] of [...this.#files]) {
      if (file.dirtySince === null || this.#pushing.has(path)) continue;
      if (clock.now() - file.dirtySince < debounceMs && clock.now() >= file.dirtySince) continue;
      this.#pushing.add(path);
      try {
        await this.#push(path, file, clock, ask);
      } finally {
        this.#pushing.delete(path);
      }
    }
  }

  async #push(
    path: string,
    file: NaiveFile,
    clock: { now(): number; sleep(ms: number): Promise<void> },
    ask: Ask,
  ): Promise<void> {
    const content = Buffer.from(file.bytes).toString("latin1");
    const claimed = { dirtySince: file.dirtySince, version: file.version };
    if (file.docId !== null) await this.#waitUntilDone(file.docId, clock, ask);
    const answer =
      file.docId === null
        ? await ask("POST", "/v3/documents", { containerTag: "t", filepath: path, content })
        : await ask("PATCH", `/v3/documents/${file.docId}`, { content, filepath: path });
    if (answer.status !== 200) return;
    const { id } = (await answer.json()) as { id: string };
    file.docId = id;
    file.mirrored = (await this.#waitUntilDone(id, clock, ask)) ?? file.mirrored;
    const isClean = {
      always: true,
      "same-millisecond": file.dirtySince === claimed.dirtySince,
      "same-version": file.version === claimed.version,
    };
    if (isClean[this.#rule]) file.dirtySince = null;
    this.#changes += 1;
  }

  /** Waits a while; that the wait ran out is not noticed by anybody. */
  async #waitUntilDone(
    id: string,
    clock: { sleep(ms: number): Promise<void> },
    ask: Ask,
  ): Promise<string | undefined> {
    for (let waited = 0; waited < waitDoneMs; waited += 1000) {
      const doc = (await (await ask("GET", `/v3/documents/${id}`)).json()) as RemoteDoc;
      if (doc.status === "done" || doc.status === "failed") return doc.updatedAt;
      await clock.sleep(1000);
    }
    return undefined;
  }

  async #pull(ask: Ask): Promise<void> {
    const answer = await ask("POST", "/v3/documents/list", {
      containerTags: ["t"],
      limit: 100,
      includeContent: true,
      sort: "updatedAt",
    });
    if (answer.status !== 200) return;
    const { memories } = (await answer.json()) as { memories: RemoteDoc[] };
    const newest = memories[0]?.updatedAt ?? "";
    for (const doc of memories) {
      if (doc.updatedAt <= this.#watermark) break;
      if (doc.status === "done" && doc.filepath !== null && typeof doc.content === "string")
        this.#take(doc.filepath, doc, doc.content);
    }
    if (newest > this.#watermark) this.#watermark = newest;
  }

  #take(path: string, doc: RemoteDoc, content: string): void {
    const file = this.#files.get(path);
    const remoteMs = Date.parse(doc.updatedAt);
    if (file?.dirtySince != null && file.dirtySince > remoteMs) return;
    const bytes = encoder.encode(content);
    const version = (file?.version ?? 0) + 1;
    this.#files.set(path, {
      bytes,
      dirtySince: null,
      version,
      docId: doc.id,
      mirrored: doc.updatedAt,
    });
    this.#changes += 1;
  }

  #desk(): Desk {
    const clock = this.#seat.clock(this.#life);
    const touch = (file: NaiveFile): void => {
      file.dirtySince = clock.now();
      file.version += 1;
      this.#changes += 1;
    };
    const fileOf = (handle: number): NaiveFile => {
      const file = this.#files.get(this.#handles.get(handle)?.path ?? "");
      if (file === undefined) throw new FsError("EBADF");
      return file;
    };
    const refuse = (): never => {
      throw new FsError("ENOSYS");
    };
    return {
      open: (path, mode) => {
        let file = this.#files.get(path);
        if (file === undefined) {
          if (mode.create !== true) throw new FsError("ENOENT");
          const bytes = new Uint8Array();
          file = { bytes, dirtySince: null, version: 0, docId: null, mirrored: "" };
          this.#files.set(path, file);
          touch(file);
        } else if (mode.truncate === true) {
          file.bytes = new Uint8Array();
          touch(file);
        }
        const handle = this.#nextHandle;
        this.#nextHandle += 1;
        this.#handles.set(handle, { path, append: mode.append === true });
        return handle;
      },
      write: (handle, bytes, offset) => {
        const file = fileOf(handle);
        const at = this.#handles.get(handle)?.append === true ? file.bytes.length : offset;
        const grown = new Uint8Array(Math.max(file.bytes.length, at + bytes.length));
        grown.set(file.bytes);
        grown.set(bytes, at);
        file.bytes = grown;
        touch(file);
      },
      look: (handle) => ({ bytes: fileOf(handle).bytes, isNamed: true }),
      close: (handle) => void this.#handles.delete(handle),
      fsync: () => undefined,
      truncate: refuse,
      rename: refuse,
      exchange: refuse,
      unlink: refuse,
      mkdir: refuse,
      rmdir: refuse,
      link: refuse,
      symlink: refuse,
      chmod: refuse,
      map: refuse,
      lookMapped: refuse,
      store: refuse,
      unmap: refuse,
    };
  }

  readonly view: DeviceView = {
    stamp: () => this.#changes,
    entries: () =>
      [...this.#files].map(
        ([path, file], index): EntryState => ({
          path,
          kind: "file",
          digest: sha256(file.bytes),
          isHere: true,
          docId: file.docId,
          excused: undefined,
          isAlias: false,
          file: 0,
          ino: index,
          isDiverged: false,
          wasSeenDone: true,
          mode: 0o644,
        }),
      ),
    kept: () => [],
    trashed: () => [],
    vanished: () => [],
    unconfirmed: () => [],
    bytes: (digest) =>
      [...this.#files.values()].find((file) => sha256(file.bytes) === digest)?.bytes,
    unrest: () =>
      [...this.#files].flatMap(([path, file]) => (file.dirtySince === null ? [] : [path])),
    damage: () => [],
    phases: () => [],
  };
}

type Ask = (
  method: "GET" | "POST" | "PATCH",
  path: string,
  value?: unknown,
) => Promise<HttpResponse>;
