/** One endpoint of the contract: what the server routes by, the OpenAPI document is made of, and tests ask with. */
import type { Schema } from "./schema-common.ts";

/** What comes back in place of JSON. */
export type OtherAnswer = "bytes" | "events" | "text" | "empty";

export interface Route<Body = unknown, Query = unknown> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** `{name}` is one segment, `{name…}` the rest of the path. */
  readonly path: string;
  readonly summary: string;
  /** `open`: without a key. `read`, `write`: what the key must allow. */
  readonly access: "open" | "read" | "write";
  readonly query?: Schema<Query>;
  /** The JSON body. */
  readonly body?: Schema<Body>;
  /** A body that is no JSON: a multipart form, or the bytes themselves. */
  readonly upload?: "form" | "bytes";
  /** Successful answers by status; failures are `ErrorBody` whatever their status. */
  readonly answers: Readonly<Record<number, Schema<unknown> | OtherAnswer>>;
}
