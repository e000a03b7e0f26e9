import { seededRandom } from "@smfs/core";
import { isHold, type ModelRequest, type ModelResponse } from "./message.ts";
import { HostedModel } from "./model.ts";
import { hostedQuirks, type Quirks } from "./quirks.ts";

export interface Json {
  readonly [key: string]: unknown;
}

/** A model with a clock that the test moves. */
export class Bench {
  now = 1_000_000;
  readonly model: HostedModel;

  constructor(quirks: Partial<Quirks> = {}, base: Quirks = hostedQuirks, seed = 1) {
    this.model = new HostedModel({
      clock: { now: () => 1_700_000_000_000 + this.now, monotonic: () => this.now },
      random: seededRandom(seed),
      quirks: { ...base, ...quirks },
    });
  }

  ask(method: string, path: string, json?: unknown, headers?: Record<string, string>) {
    const request: ModelRequest = {
      method,
      path,
      ...(headers === undefined ? {} : { headers }),
      ...(json === undefined ? {} : { body: { kind: "json", value: json } }),
    };
    return this.send(request);
  }

  send(request: ModelRequest): ModelResponse & { json: Json } {
    const answer = this.model.handle(request);
    if (isHold(answer)) throw new Error("held");
    return answer as ModelResponse & { json: Json };
  }

  post(filepath: string, content: string, more: Json = {}) {
    return this.ask("POST", "/v3/documents", { containerTag: "t", filepath, content, ...more });
  }

  get(id: unknown) {
    return this.ask("GET", `/v3/documents/${String(id)}`);
  }

  patch(id: unknown, json: Json, headers?: Record<string, string>) {
    return this.ask("PATCH", `/v3/documents/${String(id)}`, json, headers);
  }

  list(more: Json = {}) {
    return this.ask("POST", "/v3/documents/list", { containerTags: ["t"], ...more });
  }

  pass(ms: number): void {
    this.now += ms;
    this.model.advance();
  }

  /** A document that is done. */
  settled(filepath = "/a", content = "one", more: Json = {}): unknown {
    const { id } = this.post(filepath, content, more).json;
    this.pass(60_000);
    return id;
  }
}
