/** Idempotency keys: a repeated request gets the answer of the first (http-api.md). */
import { createHash } from "node:crypto";
import type { Clock } from "@smfs/core";
import type { Storage, StoredReply, Transaction } from "../storage/storage.ts";
import type { Answer } from "./answer.ts";
import { HttpError, invalid } from "./http-error.ts";

export interface IdempotencyRequest {
  /** The header's value. */
  readonly key: string;
  readonly keyId: string;
  readonly method: string;
  readonly path: string;
  /** Hexadecimal SHA-256 of the body. */
  readonly payload: string;
}

type Unit = (tx: Transaction) => Promise<Answer>;

export class IdempotentWrites {
  readonly #storage: Pick<Storage, "write">;
  readonly #clock: Clock;
  readonly #running = new Set<string>();

  constructor(storage: Pick<Storage, "write">, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /**
   * Runs `unit` and keeps its answer with it, or gives the answer kept before.
   * @throws HttpError 400 for a key that is none, 409 while the first request runs, 422 for another body
   */
  run(request: IdempotencyRequest, unit: Unit): Promise<Answer> {
    return this.#alone(request, (scope) =>
      this.#storage.write(async (tx) => {
        const kept = await tx.reply(scope);
        if (kept !== undefined) return replay(kept, request);
        const answer = await unit(tx);
        await this.#keep(tx, scope, answer, request);
        return answer;
      }),
    );
  }

  /**
   * The same for what takes several units. The answer is kept after the last of them: of a request that a crash broke
   * off in the middle nothing is kept, and its repetition is carried out.
   * @throws HttpError as `run`
   */
  runUnits(request: IdempotencyRequest, work: () => Promise<Answer>): Promise<Answer> {
    return this.#alone(request, async (scope) => {
      const kept = await this.#storage.write((tx) => tx.reply(scope));
      if (kept !== undefined) return replay(kept, request);
      const answer = await work();
      await this.#storage.write((tx) => this.#keep(tx, scope, answer, request));
      return answer;
    });
  }

  async #alone(
    request: IdempotencyRequest,
    work: (scope: string) => Promise<Answer>,
  ): Promise<Answer> {
    if (!/^[\x21-\x7e]{1,255}$/.test(request.key)) {
      throw invalid("Idempotency-Key: 1 to 255 printable characters");
    }
    const scope = scopeOf(request);
    if (this.#running.has(scope)) {
      throw new HttpError(409, "Conflict", {
        details: "a request with this idempotency key is running",
        headers: { "Retry-After": "1" },
      });
    }
    this.#running.add(scope);
    try {
      return await work(scope);
    } finally {
      this.#running.delete(scope);
    }
  }

  async #keep(
    tx: Transaction,
    scope: string,
    answer: Answer,
    { payload }: IdempotencyRequest,
  ): Promise<void> {
    if (answer.status < 200 || answer.status >= 300) return;
    await tx.putReply(scope, toReply(answer, payload, this.#clock.now()));
  }
}

function scopeOf({ keyId, method, path, key }: IdempotencyRequest): string {
  return createHash("sha256")
    .update(JSON.stringify([keyId, method, path, key]))
    .digest("base64url");
}

function replay(kept: StoredReply, request: IdempotencyRequest): Answer {
  if (kept.requestDigest !== request.payload) {
    throw new HttpError(422, "Unprocessable Content", {
      details: "this idempotency key was used with another body",
    });
  }
  const headers = { ...kept.headers, "Idempotent-Replayed": "true" };
  return kept.body === ""
    ? { status: kept.status, headers }
    : { status: kept.status, headers, body: { kind: "text", text: kept.body } };
}

function toReply(answer: Answer, requestDigest: string, at: number): StoredReply {
  const body = answer.body?.kind === "json" ? JSON.stringify(answer.body.value) : "";
  const headers =
    body === "" ? answer.headers : { "Content-Type": "application/json", ...answer.headers };
  return { requestDigest, status: answer.status, headers: headers ?? {}, body, at };
}
