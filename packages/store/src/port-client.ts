/** The sync thread's end of the sync port: calls made in one turn travel in one message. */

import type { StoreEvent, StorePort } from "./port.ts";
import type { PortMethod, PortReply, PortRequest } from "./port-server.ts";

/** The port broke: the store thread is gone, or a transition failed. */
export class PortError extends Error {
  constructor(method: string, message: string) {
    super(`${method}: ${message}`);
    this.name = "PortError";
  }
}

interface Waiting {
  readonly method: string;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Every transition of the port, so that a method that is not there is an error here and not a hang. */
const methods: Readonly<Record<PortMethod, true>> = {
  pick: true,
  giveBack: true,
  claim: true,
  claimSnapshot: true,
  markSent: true,
  replacing: true,
  note: true,
  verify: true,
  landed: true,
  release: true,
  resolve: true,
  resolveView: true,
  reject: true,
  deleted: true,
  recreate: true,
  goneRemotely: true,
  adopt: true,
  takeAlias: true,
  viewRemote: true,
  apply: true,
  pending: true,
  cursor: true,
  setCursor: true,
  documents: true,
  missed: true,
  fact: true,
  setFact: true,
  forgetRevisions: true,
  stub: true,
  stubs: true,
  hydrated: true,
  hydrateFailed: true,
  setProblem: true,
  status: true,
  conflicts: true,
  trash: true,
  trashItem: true,
  dropTrash: true,
};

export class PortClient {
  readonly #send: (requests: readonly PortRequest[]) => void;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  #queued: PortRequest[] = [];
  #nextId = 1;
  #closed: string | undefined;

  /** @param send hands a message to the store thread and wakes it */
  constructor(send: (requests: readonly PortRequest[]) => void) {
    this.#send = send;
  }

  /** The port, as the sync engine sees it. */
  port(): StorePort {
    const port: Record<string, unknown> = {
      listen: (listener: (event: StoreEvent) => void) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
    for (const method of Object.keys(methods) as PortMethod[]) {
      port[method] = (...args: unknown[]) => this.#call(method, args);
    }
    return port as unknown as StorePort;
  }

  #call(method: PortMethod, args: readonly unknown[]): Promise<unknown> {
    if (this.#closed !== undefined) return Promise.reject(new PortError(method, this.#closed));
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject });
      this.#queued.push({ id, method, args });
      if (this.#queued.length === 1) queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    const requests = this.#queued;
    this.#queued = [];
    if (requests.length > 0) this.#send(requests);
  }

  /** Replies and events from the store thread. */
  receive(message: { replies?: readonly PortReply[]; events?: readonly StoreEvent[] }): void {
    for (const reply of message.replies ?? []) {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.error === undefined) waiting?.resolve(reply.result);
      else waiting?.reject(new PortError(waiting.method, reply.error));
    }
    for (const event of message.events ?? [])
      for (const listener of this.#listeners) listener(event);
  }

  /** The store thread is gone: whoever waits is told. */
  close(reason: string): void {
    this.#closed = reason;
    for (const waiting of this.#waiting.values())
      waiting.reject(new PortError(waiting.method, reason));
    this.#waiting.clear();
  }
}
