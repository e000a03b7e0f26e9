/**
 * An OpenAI-compatible embedding endpoint for tests: a text's vector counts its words, so texts that share words are
 * near each other. It notes who asked.
 */
import { createHash } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

const dimension = 64;

export class Endpoint {
  readonly keys = new Set<string | undefined>();
  readonly texts: string[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.keys.add(request.headers.authorization);
      let body = "";
      request.setEncoding("utf8");
      request.on("data", (part: string) => {
        body += part;
      });
      request.on("end", () => this.#answer(body, response));
    });
  }

  static async listen(): Promise<Endpoint> {
    const endpoint = new Endpoint();
    await new Promise<void>((resolve) => endpoint.#server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => endpoint.close());
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(body: string, response: ServerResponse): void {
    const { input } = JSON.parse(body) as { input: string[] };
    this.texts.push(...input);
    const data = input.map((text, index) => ({ index, embedding: vectorOf(text) }));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ data }));
  }
}

function vectorOf(text: string): number[] {
  const vector = new Array<number>(dimension).fill(0.01);
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    const at = createHash("sha256").update(word).digest().readUInt32LE() % dimension;
    vector[at] = (vector[at] ?? 0) + 1;
  }
  return vector;
}
