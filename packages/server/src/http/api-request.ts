/** A request as handlers see it: routed, authorised, parsed. */
import type { Access } from "../documents/access.ts";
import type { Transaction } from "../storage/storage.ts";
import type { Writer } from "../storage/stored.ts";
import type { Answer } from "./answer.ts";
import type { Conditions } from "./conditions.ts";

export interface ApiRequest<Body = unknown, Query = unknown> {
  readonly method: string;
  /** Parts of the path by name, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly access: Access;
  /** Who writes, as headers say. */
  readonly writer: Writer;
  readonly conditions: Conditions;
  /** `http(s)://host` as the client wrote it: signed addresses begin with it. */
  readonly baseUrl: string;
  readonly signal: AbortSignal;
  header(name: string): string | undefined;
  /** The body of an upload, as it arrives; to be read once. */
  readonly upload: AsyncIterable<Uint8Array>;
  /**
   * Runs a unit whose answer is kept under the request's idempotency key, if it has one and the answer is a success; a
   * request that is repeated with its key gets that answer and runs nothing.
   * @param payload digest of the body where it is an upload, which the request cannot know
   */
  write(unit: (tx: Transaction) => Promise<Answer>, payload?: string): Promise<Answer>;
  /** The same for what takes several units: its answer is kept after the last of them. */
  writeUnits(work: () => Promise<Answer>): Promise<Answer>;
}

export type Handler<Body = unknown, Query = unknown> = (
  request: ApiRequest<Body, Query>,
) => Promise<Answer>;
