/**
 * The store thread's end of the sync port: requests run in the order they came, as many in one transaction as fit
 * in a slice of time, each undone on its own if it fails (spec.md PORT-1). Replies are looked at only when the commit
 * is durable.
 */
import { AssertionError, applySliceMs, type Clock } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { Durability } from "./database.ts";
import type { StoreTransitions } from "./port.ts";

export type PortMethod = keyof StoreTransitions;

export interface PortRequest {
  readonly id: number;
  readonly method: PortMethod;
  readonly args: readonly unknown[];
}

export type PortReply =
  | { readonly id: number; readonly result: unknown; readonly error?: undefined }
  | { readonly id: number; readonly error: string };

export class PortServer {
  readonly #context: StoreContext;
  readonly #transitions: StoreTransitions;
  readonly #clock: Clock;
  readonly #durability: Durability;
  readonly #totalChanges;
  readonly #requests: PortRequest[] = [];
  /** Whether the last slice changed anything that has yet to be made durable by the receiver of its replies. */
  mustSync = false;

  /**
   * @param durability `power`: commits wait for the disk here. `process`: whoever receives the replies makes them
   * durable (log-sync.ts) before it looks at them
   */
  constructor(
    context: StoreContext,
    transitions: StoreTransitions,
    clock: Clock,
    durability: Durability = "power",
  ) {
    this.#context = context;
    this.#transitions = transitions;
    this.#clock = clock;
    this.#durability = durability;
    this.#totalChanges = context.db.sql.prepare<[], number>("SELECT total_changes()").pluck();
  }

  accept(requests: readonly PortRequest[]): void {
    this.#requests.push(...requests);
  }

  get hasRequests(): boolean {
    return this.#requests.length > 0;
  }

  /**
   * Carries out requests for about `sliceMs`, in one transaction that survives a power loss; at least one, if there
   * is any. If the commit itself fails nothing has happened, and every reply says so.
   */
  run(sliceMs: number = applySliceMs): PortReply[] {
    this.mustSync = false;
    if (this.#requests.length === 0) return [];
    const before = this.#totalChanges.get();
    const taken: PortRequest[] = [];
    try {
      const replies = this.#context.db.transaction(() => {
        const replies: PortReply[] = [];
        const until = this.#clock.monotonic() + sliceMs;
        do {
          const request = this.#requests.shift();
          if (request === undefined) break;
          taken.push(request);
          replies.push(this.#one(request));
        } while (this.#clock.monotonic() < until);
        return replies;
      }, this.#durability);
      this.mustSync = this.#durability === "process" && this.#totalChanges.get() !== before;
      return replies;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#context.log.log("error", "a commit of the sync port failed", { reason: message });
      return taken.map(({ id }) => ({ id, error: message }));
    }
  }

  #one({ id, method, args }: PortRequest): PortReply {
    const { owner } = this.#context.versions;
    // Fencing: a daemon that lost the store to another must not settle anything.
    if (this.#context.facts.get("owner") !== owner)
      return { id, error: "the store has another owner" };
    try {
      const act = this.#transitions[method] as (...args: readonly unknown[]) => unknown;
      return { id, result: this.#context.db.savepoint(() => act(...args)) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#context.log.log("error", `transition ${method} failed`, {
        reason: message,
        ...(error instanceof Error && !(error instanceof AssertionError)
          ? { stack: error.stack }
          : {}),
      });
      return { id, error: message };
    }
  }
}
