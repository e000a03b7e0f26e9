/**
 * The client of the HTTP contract (docs/http-api.md). One call is one attempt: whoever calls decides what an
 * unknown outcome means, because repeating blindly is how documents are duplicated.
 */
import { requestBytesPerSecondMin, requestMs } from "@smfs/core";
import type { ZodMiniType } from "zod/mini";
import { ApiError, toApiError } from "./api-error.ts";
import {
  answers,
  type ChangesAnswer,
  type ListAnswer,
  type ProcessingAnswer,
  type ProfileAnswer,
  type RemoteDocument,
  type SearchAnswer,
  type SessionAnswer,
  type VersionsAnswer,
  type WriteAnswer,
} from "./client-schema.ts";
import {
  type HttpBody,
  type HttpRequest,
  type HttpResponse,
  type Transport,
  TransportError,
} from "./transport.ts";

/** A precondition of a write: the version that must be current, or that there must be none. */
export interface WriteConditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: "*" | undefined;
  /** Makes a repeated request harmless where the server keeps keys. */
  readonly idempotencyKey?: string | undefined;
}

/** WriteMetadata as the API takes it: flat. */
export type WriteMetadata = Readonly<
  Record<string, string | number | boolean | readonly string[] | null>
>;

export interface ListQuery {
  readonly page: number;
  readonly limit: number;
  readonly sort: "createdAt" | "updatedAt";
  readonly order: "asc" | "desc";
  readonly includeContent: boolean;
  readonly filepath?: string;
}

export interface ApiClientOptions {
  readonly transport: Transport;
  /** Container whose documents are meant. */
  readonly container: string;
  /** Identity of this client towards the server: the store's epoch. */
  readonly clientId: string;
  /** Gives up every exchange when it is aborted; their outcome is then unknown. */
  readonly signal?: AbortSignal;
}

export class ApiClient {
  readonly #transport: Transport;
  readonly #container: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #signal: AbortSignal | undefined;

  constructor(options: ApiClientOptions) {
    this.#transport = options.transport;
    this.#container = options.container;
    this.#headers = { "x-client-id": options.clientId };
    this.#signal = options.signal;
  }

  async session(signal?: AbortSignal): Promise<SessionAnswer> {
    return this.#json(answers.session, {
      method: "GET",
      path: "/v3/session",
      ...maybe({ signal }),
    });
  }

  /** A document by its id or customer id, with content; null for 404. The `date` is the server's own clock. */
  async get(
    id: string,
    signal?: AbortSignal,
  ): Promise<{ document: RemoteDocument; etag: string | null; date: string | null } | null> {
    const response = await this.#send({
      method: "GET",
      path: `/v3/documents/${encodeURIComponent(id)}`,
      ...maybe({ signal }),
    });
    if (response.status === 404) return null;
    const document = await this.#parse(answers.document, response);
    return {
      document,
      etag: response.headers.etag ?? null,
      date: response.headers.date ?? null,
    };
  }

  /** Creates a document from text (POST /v3/documents). */
  async create(
    document: { content: string; customId: string; filepath: string; metadata: WriteMetadata },
    conditions: WriteConditions = {},
  ): Promise<WriteAnswer & { etag: string | null }> {
    return this.#write({
      method: "POST",
      path: "/v3/documents",
      conditions,
      body: { kind: "json", value: { ...document, containerTag: this.#container } },
    });
  }

  /** Changes a document: text, path, metadata (merged), each only if given. */
  async patch(
    id: string,
    changes: { content?: string; filepath?: string; metadata?: WriteMetadata },
    conditions: WriteConditions = {},
  ): Promise<WriteAnswer & { etag: string | null }> {
    return this.#write({
      method: "PATCH",
      path: `/v3/documents/${encodeURIComponent(id)}`,
      conditions,
      body: { kind: "json", value: changes },
    });
  }

  /** Creates a document from bytes (multipart). */
  async upload(
    document: {
      bytes: Uint8Array;
      fileName: string;
      customId: string;
      filepath: string;
      metadata: WriteMetadata;
    },
    conditions: WriteConditions = {},
  ): Promise<WriteAnswer & { etag: string | null }> {
    return this.#write({
      method: "POST",
      path: "/v3/documents/file",
      conditions,
      body: {
        kind: "form",
        fields: [
          { name: "file", value: document.bytes, fileName: document.fileName },
          { name: "containerTag", value: this.#container },
          { name: "customId", value: document.customId },
          { name: "filepath", value: document.filepath },
          { name: "metadata", value: JSON.stringify(document.metadata) },
        ],
      },
    });
  }

  /**
   * Bytes, path and metadata in one request (PUT …/raw). `create` makes the document under that customer id in
   * this client's container.
   */
  async putRaw(
    id: string,
    body: HttpBody,
    more: { filepath: string; metadata: WriteMetadata; create: boolean },
    conditions: WriteConditions = {},
  ): Promise<WriteAnswer & { etag: string | null }> {
    return this.#write({
      method: "PUT",
      path: `/ext/v1/documents/${encodeURIComponent(id)}/raw`,
      conditions,
      body,
      headers: {
        "smfs-filepath": encodeURIComponent(more.filepath),
        "smfs-metadata": toHeaderJson(more.metadata),
        ...(more.create ? { "smfs-container": this.#container } : {}),
      },
    });
  }

  /** The exact bytes of a document, of an earlier revision with `rev`; null for 404. */
  async getRaw(id: string, rev: number | null, signal?: AbortSignal): Promise<HttpResponse | null> {
    const query = rev === null ? "" : `?rev=${rev}`;
    const response = await this.#send({
      method: "GET",
      path: `/ext/v1/documents/${encodeURIComponent(id)}/raw${query}`,
      ...maybe({ signal }),
    });
    if (response.status === 404) return null;
    if (!isSuccess(response)) throw await toApiError(response);
    return response;
  }

  /** Bytes at a signed address that the server gave in `url`. Only addresses of that server are followed. */
  async getFile(path: string, signal?: AbortSignal): Promise<HttpResponse> {
    const response = await this.#send({ method: "GET", path, ...maybe({ signal }) });
    if (!isSuccess(response)) throw await toApiError(response);
    return response;
  }

  /** Deletes a document by id. A document that is not there is deleted. */
  async delete(id: string, conditions: WriteConditions = {}): Promise<"deleted" | "absent"> {
    const response = await this.#send({
      method: "DELETE",
      path: `/v3/documents/${encodeURIComponent(id)}`,
      headers: conditionHeaders(conditions),
    });
    if (response.status === 404) return "absent";
    if (!isSuccess(response)) throw await toApiError(response);
    return "deleted";
  }

  /** One page of the container's documents. */
  async list(
    query: ListQuery,
    signal?: AbortSignal,
  ): Promise<ListAnswer & { date: string | null }> {
    const response = await this.#send({
      method: "POST",
      path: "/v3/documents/list",
      body: { kind: "json", value: { ...query, containerTags: [this.#container] } },
      ...maybe({ signal }),
    });
    const answer = await this.#parse(answers.list, response);
    return { ...answer, date: response.headers.date ?? null };
  }

  /** Documents that the server is still processing. A hint only. */
  async processing(signal?: AbortSignal): Promise<ProcessingAnswer> {
    const path = `/v3/documents/processing?containerTag=${encodeURIComponent(this.#container)}`;
    return this.#json(answers.processing, { method: "GET", path, ...maybe({ signal }) });
  }

  /** What changed after `since` (null: everything that lives); waits up to `waitS` seconds for a change. */
  async changes(
    since: string | null,
    limit: number,
    waitS: number,
    signal?: AbortSignal,
  ): Promise<ChangesAnswer> {
    const query = new URLSearchParams({
      containerTag: this.#container,
      limit: String(limit),
      wait: String(waitS),
      ...(since === null ? {} : { since }),
    });
    return this.#json(answers.changes, {
      method: "GET",
      path: `/ext/v1/changes?${query.toString()}`,
      deadlineMs: requestMs + waitS * 1000,
      ...maybe({ signal }),
    });
  }

  /** Moves a document or everything below a path that ends in `/`, in one step at the server. */
  async move(from: string, to: string): Promise<void> {
    const response = await this.#send({
      method: "POST",
      path: "/ext/v1/move",
      body: { kind: "json", value: { containerTag: this.#container, from, to } },
    });
    if (!isSuccess(response)) throw await toApiError(response);
  }

  /** Which paths of the container make memories (PATCH /v3/container-tags). */
  async setMemoryPaths(paths: readonly string[] | null): Promise<void> {
    const response = await this.#send({
      method: "PATCH",
      path: `/v3/container-tags/${encodeURIComponent(this.#container)}`,
      body: { kind: "json", value: { memoryFilesystemPaths: paths } },
    });
    if (!isSuccess(response)) throw await toApiError(response);
  }

  /** Finds passages by meaning and words, below `filepath` when given. */
  async search(query: { q: string; filepath?: string; limit?: number }): Promise<SearchAnswer> {
    return this.#json(answers.search, {
      method: "POST",
      path: "/v4/search",
      body: {
        kind: "json",
        value: {
          ...query,
          containerTag: this.#container,
          searchMode: "hybrid",
          include: { documents: true },
        },
      },
    });
  }

  /** What the server knows of the container as a whole (POST /v4/profile). */
  async profile(signal?: AbortSignal): Promise<ProfileAnswer> {
    return this.#json(answers.profile, {
      method: "POST",
      path: "/v4/profile",
      body: { kind: "json", value: { containerTag: this.#container } },
      ...maybe({ signal }),
    });
  }

  /** The newest states of a document that the server keeps; null for 404, also of a server without a history. */
  async versions(id: string, signal?: AbortSignal): Promise<VersionsAnswer | null> {
    const path = `/ext/v1/documents/${encodeURIComponent(id)}/versions`;
    const response = await this.#send({ method: "GET", path, ...maybe({ signal }) });
    return response.status === 404 ? null : this.#parse(answers.versions, response);
  }

  async #write(request: {
    method: "POST" | "PATCH" | "PUT";
    path: string;
    body: HttpBody;
    conditions: WriteConditions;
    headers?: Readonly<Record<string, string>>;
  }): Promise<WriteAnswer & { etag: string | null }> {
    const response = await this.#send({
      method: request.method,
      path: request.path,
      body: request.body,
      headers: { ...request.headers, ...conditionHeaders(request.conditions) },
    });
    const answer = await this.#parse(answers.write, response);
    return { ...answer, etag: response.headers.etag ?? null };
  }

  async #json<T>(
    schema: ZodMiniType<T, unknown>,
    request: Omit<HttpRequest, "deadlineMs"> & { deadlineMs?: number },
  ): Promise<T> {
    return this.#parse(schema, await this.#send(request));
  }

  async #parse<T>(schema: ZodMiniType<T, unknown>, response: HttpResponse): Promise<T> {
    if (!isSuccess(response)) throw await toApiError(response);
    const parsed = schema.safeParse(await response.json());
    if (parsed.success) return parsed.data;
    // What a write came to cannot be told from an answer that cannot be read: it is looked up again.
    throw new ApiError("unknown", "the server's answer is not of the documented form", {
      status: response.status,
    });
  }

  async #send(
    request: Omit<HttpRequest, "deadlineMs"> & { deadlineMs?: number },
  ): Promise<HttpResponse> {
    const bodyMs = (bodySize(request.body) / requestBytesPerSecondMin) * 1000;
    try {
      return await this.#transport.exchange({
        ...maybe({ signal: this.#signal }),
        ...request,
        headers: { ...this.#headers, ...request.headers },
        deadlineMs: request.deadlineMs ?? requestMs + bodyMs,
      });
    } catch (error) {
      if (error instanceof TransportError) throw new ApiError(error.outcome, error.message);
      throw error;
    }
  }
}

/** JSON in ASCII, as header values must be. */
function toHeaderJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function isSuccess(response: HttpResponse): boolean {
  return response.status >= 200 && response.status < 300;
}

function maybe(more: { signal?: AbortSignal | undefined }): { signal?: AbortSignal } {
  return more.signal === undefined ? {} : { signal: more.signal };
}

function conditionHeaders(conditions: WriteConditions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (conditions.ifMatch !== undefined) headers["if-match"] = conditions.ifMatch;
  if (conditions.ifNoneMatch !== undefined) headers["if-none-match"] = conditions.ifNoneMatch;
  if (conditions.idempotencyKey !== undefined)
    headers["idempotency-key"] = conditions.idempotencyKey;
  return headers;
}

function bodySize(body: HttpBody | undefined): number {
  switch (body?.kind) {
    case "bytes":
      return body.bytes.length;
    case "stream":
      return body.size;
    case "json": {
      const content = (body.value as { content?: unknown }).content;
      return typeof content === "string" ? content.length * 2 : 0;
    }
    case "form":
      return body.fields.reduce((sum, { value }) => sum + value.length, 0);
    default:
      return 0;
  }
}
