/** Requests whose operation waits: kept whole, and dispatched again when their ticket is announced. */
import { FsError, type Ticket } from "@smfs/core";
import { parkedBytesMax, parkedRequestsMax } from "./limits.ts";

export interface ParkedRequest {
  readonly unique: bigint;
  readonly ticket: Ticket;
  readonly bytes: Uint8Array;
  /** No signal ends it. */
  readonly isBrief: boolean;
}

export class ParkedRequests {
  readonly #byUnique = new Map<bigint, ParkedRequest>();
  readonly #byTicket = new Map<Ticket, Set<ParkedRequest>>();
  #bytes = 0;

  /** @throws FsError ENOMEM when too many wait already */
  add(request: ParkedRequest): void {
    const length = request.bytes.byteLength;
    if (this.#byUnique.size >= parkedRequestsMax || this.#bytes + length > parkedBytesMax) {
      throw new FsError("ENOMEM", "too many operations wait for bytes that are not here");
    }
    this.#bytes += length;
    this.#byUnique.set(request.unique, request);
    const sharers = this.#byTicket.get(request.ticket);
    if (sharers === undefined) this.#byTicket.set(request.ticket, new Set([request]));
    else sharers.add(request);
  }

  /** Takes the requests that wait with this ticket; none when they were interrupted. */
  announced(ticket: Ticket): ParkedRequest[] {
    const requests = [...(this.#byTicket.get(ticket) ?? [])];
    for (const request of requests) this.#remove(request);
    return requests;
  }

  /** Takes the request that the kernel wants to end; undefined when it does not wait here, or ends by itself. */
  interrupted(unique: bigint): ParkedRequest | undefined {
    const request = this.#byUnique.get(unique);
    if (request === undefined || request.isBrief) return undefined;
    this.#remove(request);
    return request;
  }

  get size(): number {
    return this.#byUnique.size;
  }

  /** Takes all: the kernel has gone, and nobody waits for them. */
  takeAll(): ParkedRequest[] {
    const requests = [...this.#byUnique.values()];
    for (const request of requests) this.#remove(request);
    return requests;
  }

  #remove(request: ParkedRequest): void {
    this.#byUnique.delete(request.unique);
    this.#bytes -= request.bytes.byteLength;
    const sharers = this.#byTicket.get(request.ticket);
    sharers?.delete(request);
    if (sharers?.size === 0) this.#byTicket.delete(request.ticket);
  }
}
