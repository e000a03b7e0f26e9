/** How a command talks to a daemon. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { CliError, exitCodes, type Failure, fromFailure } from "../cli-error.ts";
import { controlAnswerBytesMax, controlMs } from "../limits.ts";
import type {
  DaemonStatus,
  KeptConflict,
  SearchHit,
  SearchRequest,
  StreamLine,
  SyncOutcome,
  SyncRequest,
  TrashNote,
  UnmountOutcome,
  UnmountRequest,
} from "./control-protocol.ts";

interface Ask {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** Milliseconds until the first byte of the answer. */
  readonly timeoutMs: number;
}

export class ControlClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async status(): Promise<DaemonStatus> {
    return (await this.#json({
      method: "GET",
      path: "/status",
      timeoutMs: controlMs,
    })) as DaemonStatus;
  }

  async search(request: SearchRequest, timeoutMs: number): Promise<readonly SearchHit[]> {
    const ask = { method: "POST", path: "/search", body: request, timeoutMs } as const;
    return ((await this.#json(ask)) as { hits: readonly SearchHit[] }).hits;
  }

  /** Waits as long as the daemon works on it; ended by `signal`. */
  sync(request: SyncRequest, onProgress: (text: string) => void): Promise<SyncOutcome> {
    return this.#stream<SyncOutcome>(
      { method: "POST", path: "/sync", body: request, timeoutMs: controlMs },
      onProgress,
    );
  }

  unmount(request: UnmountRequest, onProgress: (text: string) => void): Promise<UnmountOutcome> {
    return this.#stream<UnmountOutcome>(
      { method: "POST", path: "/unmount", body: request, timeoutMs: controlMs },
      onProgress,
    );
  }

  async conflicts(): Promise<readonly KeptConflict[]> {
    const ask = { method: "GET", path: "/conflicts", timeoutMs: controlMs } as const;
    return ((await this.#json(ask)) as { conflicts: readonly KeptConflict[] }).conflicts;
  }

  async trash(): Promise<readonly TrashNote[]> {
    const ask = { method: "GET", path: "/trash", timeoutMs: controlMs } as const;
    return ((await this.#json(ask)) as { items: readonly TrashNote[] }).items;
  }

  /** The bytes of an item of the trash, as they come. @throws CliError when nobody has them */
  async trashBytes(id: number): Promise<AsyncIterable<Uint8Array>> {
    const path = "/trash/bytes";
    const ask = { method: "POST", path, body: { id }, timeoutMs: controlMs } as const;
    const response = await this.#ask(ask);
    if (response.statusCode !== 200) await this.#read(response, path);
    return response;
  }

  /** @returns how many were there */
  async dropTrash(ids: readonly number[]): Promise<number> {
    const ask = {
      method: "POST",
      path: "/trash/drop",
      body: { ids },
      timeoutMs: controlMs,
    } as const;
    return ((await this.#json(ask)) as { dropped: number }).dropped;
  }

  async #json(ask: Ask): Promise<unknown> {
    return await this.#read(await this.#ask(ask), ask.path);
  }

  async #read(response: IncomingMessage, path: string): Promise<unknown> {
    let text = "";
    response.setEncoding("utf8");
    for await (const part of response as AsyncIterable<string>) {
      text += part;
      if (text.length > controlAnswerBytesMax)
        throw new CliError(exitCodes.failed, "the daemon's answer does not end");
    }
    const value = JSON.parse(text) as { failure?: Failure; error?: string };
    if (value.failure !== undefined) throw fromFailure(value.failure);
    if (response.statusCode !== 200) {
      throw new CliError(
        exitCodes.conflict,
        `the daemon does not know ${path}`,
        "it was started by another version of smfs: unmount and mount again",
      );
    }
    return value;
  }

  async #stream<Result>(ask: Ask, onProgress: (text: string) => void): Promise<Result> {
    const response = await this.#ask(ask);
    response.setEncoding("utf8");
    let rest = "";
    for await (const part of response as AsyncIterable<string>) {
      const lines = (rest + part).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > controlAnswerBytesMax) break;
      for (const line of lines) {
        const message = JSON.parse(line) as StreamLine<Result>;
        if (message.kind === "result") return message.value;
        if (message.kind === "failed") throw fromFailure(message.failure);
        onProgress(message.text);
      }
    }
    throw new CliError(
      exitCodes.failed,
      "the daemon ended while it worked on this",
      "smfs logs shows why",
    );
  }

  #ask({ method, path, body, timeoutMs }: Ask): Promise<IncomingMessage> {
    const socketPath = this.#socket;
    return new Promise((resolve, reject) => {
      const request = httpRequest({ socketPath, method, path, timeout: timeoutMs, agent: false });
      request.once("response", (response) => {
        // From here on the daemon is at work and may take its time.
        request.setTimeout(0);
        resolve(response);
      });
      request.once("timeout", () => request.destroy(new Error("does not answer")));
      request.once("error", (error) =>
        reject(
          new CliError(
            exitCodes.failed,
            `the daemon cannot be reached: ${error.message}`,
            "smfs list shows what runs, smfs logs why it does not answer",
          ),
        ),
      );
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
