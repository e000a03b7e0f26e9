/** Looking at one document: what the server holds now, as a version, with its bytes where they came along. */
import { type ApiClient, ApiError, type RemoteDocument } from "@smfs/api";
import type { RemoteVersion } from "@smfs/store";
import type { Capabilities } from "./capabilities.ts";
import { textBytes } from "./content.ts";
import { fromDocument } from "./stamp.ts";

export interface Look {
  readonly status: string;
  /** Undefined while the bytes are not known: still processing, or a binary that was not fetched. */
  readonly remote: RemoteVersion | undefined;
  /** The bytes, when the answer had them. */
  readonly bytes: Uint8Array | undefined;
  readonly document: RemoteDocument;
}

/** Makes digests of bytes in memory. */
export type Digest = (bytes: Uint8Array) => string;

export class Looks {
  readonly #client: ApiClient;
  readonly #digest: Digest;
  readonly #capabilities: () => Capabilities;

  constructor(client: ApiClient, digest: Digest, capabilities: () => Capabilities) {
    this.#client = client;
    this.#digest = digest;
    this.#capabilities = capabilities;
  }

  /** The document with this id or customer id; null when there is none. */
  async at(id: string): Promise<Look | null> {
    const got = await this.#client.get(id);
    if (got === null) return null;
    return this.of(got.document, got.etag, got.date);
  }

  /** A document from an answer that was already read. */
  async of(document: RemoteDocument, etag: string | null, date: string | null): Promise<Look> {
    const counts = this.#capabilities().etag;
    const shown = textBytes(document) ?? (await this.#binary(document));
    const hash = shown === undefined ? undefined : this.#digest(shown);
    const size = shown?.length ?? -1;
    const remote = fromDocument(document, { etag, date, counts, hash, size });
    // A server that names the digest of the bytes may show something else: the text it drew from them, or older text.
    const bytes = remote?.hash === hash ? shown : undefined;
    return { status: document.status, remote, bytes, document };
  }

  /**
   * A binary of a server without raw bytes: from the address it names, if that is the server's own. Any other
   * address is not followed: the server must not be able to send this machine anywhere.
   */
  async #binary(document: RemoteDocument): Promise<Uint8Array | undefined> {
    if (this.#capabilities().raw || document.url === null || document.status !== "done")
      return undefined;
    const match = /^https?:\/\/[^/]+(\/files\/.*)$/.exec(document.url);
    if (match?.[1] === undefined) return undefined;
    try {
      return await (await this.#client.getFile(match[1])).bytes();
    } catch (error) {
      // Deleted since the document was read, or its address has run out: the next look tells.
      if (error instanceof ApiError && error.kind === "not-found") return undefined;
      throw error;
    }
  }
}
