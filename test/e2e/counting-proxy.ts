/** A proxy between a device and its server that notes every request, for tests that count traffic. */
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Noted {
  readonly method: string;
  /** Path without its query. */
  readonly path: string;
}

export class CountingProxy {
  readonly noted: Noted[] = [];
  readonly #server: Server;

  private constructor(target: URL) {
    this.#server = createServer((incoming, outgoing) => {
      const { method = "", url = "/", headers } = incoming;
      this.noted.push({ method, path: url.split("?")[0] ?? "" });
      const { hostname, port } = target;
      const onward = httpRequest({ hostname, port, method, path: url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      // A long poll of a device that was killed, a server that went away: nobody is to be told.
      onward.on("error", () => outgoing.destroy());
      outgoing.on("close", () => onward.destroy());
      incoming.pipe(onward);
    });
  }

  static async listen(target: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(new URL(target));
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => proxy.close());
    return proxy;
  }

  /** The server is away from here on. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What was noted since `from`, but for the change feed, which polls by itself. */
  since(from: number): Noted[] {
    return this.noted.slice(from).filter(({ path }) => path !== "/ext/v1/changes");
  }
}
