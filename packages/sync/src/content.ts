/** Bytes between server and store: read as what the server can give, kept only when they are what was asked for. */
import type { ApiClient, RemoteDocument } from "@smfs/api";
import { inlineBytesMax } from "@smfs/core";
import type { FileWorker, RemoteVersion } from "@smfs/store";

/** Bytes of one document at most: a server that sends without end is broken. 16 GiB. */
const documentBytesMax = 16 * 2 ** 30;

const encoder = new TextEncoder();

/** Text as a stream, for the file worker. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** Bytes of a document's text, or undefined when the answer has none. */
export function textBytes(document: Pick<RemoteDocument, "content">): Uint8Array | undefined {
  return document.content === null ? undefined : encoder.encode(document.content);
}

export class Contents {
  readonly #client: ApiClient;
  readonly #worker: FileWorker;

  constructor(client: ApiClient, worker: FileWorker) {
    this.#client = client;
    this.#worker = worker;
  }

  /** Keeps bytes that are at hand as a blob. */
  async keep(bytes: Uint8Array): Promise<{ blob: string; size: number }> {
    const { digest, size } = await this.#worker.writeBlob(streamOf(bytes), bytes.length);
    return { blob: digest, size };
  }

  /**
   * Fetches the bytes of a version by the raw route. Undefined when the server has other bytes by now: the caller
   * looks at the document again.
   */
  async fetchRaw(
    docId: string,
    version: Pick<RemoteVersion, "hash" | "srev">,
    signal?: AbortSignal,
  ): Promise<{ blob: string; size: number } | undefined> {
    for (const rev of version.srev === null ? [null] : [null, version.srev]) {
      const response = await this.#client.getRaw(docId, rev, signal);
      if (response === null) continue;
      const { digest, size } = await this.#worker.writeBlob(
        response.stream(),
        documentBytesMax,
        signal,
      );
      if (digest === version.hash) return { blob: digest, size };
    }
    return undefined;
  }

  /** Bytes that are worth having at once although nobody asked: small ones. */
  isSmall(remote: RemoteVersion): boolean {
    return remote.size >= 0 && remote.size <= inlineBytesMax;
  }
}
