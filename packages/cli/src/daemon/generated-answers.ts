/** Answers what the generated files of a mount ask (docs/cli.md): from the daemon's state, and from the server. */
import { createHash } from "node:crypto";
import { type ApiClient, ApiError, type RemoteDocument } from "@smfs/api";
import { type Clock, type ErrnoName, fromContentHash, type Logger, toInstant } from "@smfs/core";
import { type Answer, type ExtractKind, extractKinds, type Question } from "@smfs/store";
import { generatedSearchMs, generatedVersionMs, searchResultsMax } from "../limits.ts";
import { toHits } from "../search-hits.ts";
import { profileText } from "./profile-text.ts";

/** Bytes of an earlier version, and of a text drawn from a document, that are shown; they are held in memory. */
const versionBytesMax: number = 64 << 20;
const extractLengthMax: number = 8 << 20;

export interface AnswerDeps {
  readonly client: ApiClient;
  /** The daemon's status, as `smfs status --json` prints it. */
  readonly status: () => Promise<unknown>;
  /** False with --offline: the server is not asked anything. */
  readonly mayAsk: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

export class GeneratedAnswers {
  readonly #deps: AnswerDeps;

  constructor(deps: AnswerDeps) {
    this.#deps = deps;
  }

  /** Never rejects, and takes a bounded time. */
  async answer(question: Question): Promise<Answer> {
    try {
      return await this.#answer(question);
    } catch (error) {
      const code = codeOf(error);
      const reason = error instanceof Error ? error.message : String(error);
      this.#deps.log.log("debug", "a generated file has no answer", { of: question.kind, reason });
      return { kind: "failed", code };
    }
  }

  async #answer(question: Question): Promise<Answer> {
    const { client, status, mayAsk } = this.#deps;
    if (question.kind === "status") {
      return this.#within(generatedSearchMs, async () => {
        return { kind: "text", text: `${JSON.stringify(await status(), null, 2)}\n` };
      });
    }
    if (!mayAsk) return { kind: "failed", code: "EHOSTUNREACH" };
    switch (question.kind) {
      case "profile":
        return { kind: "text", text: profileText(await client.profile()) };
      case "search":
        return this.#within(generatedSearchMs, () => this.#search(question.query));
      case "versions":
        return this.#within(generatedSearchMs, (signal) => this.#versions(question.docId, signal));
      case "version":
        return this.#within(generatedVersionMs, (signal) => this.#version(question, signal));
      case "extract":
        return this.#extract(question);
    }
  }

  /** Bounds how long a program waits. */
  async #within(ms: number, work: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const ended = new AbortController();
    const late = new AbortController();
    const overdue = this.#deps.clock.sleep(ms, ended.signal).then((): Answer => {
      late.abort();
      return { kind: "failed", code: "ETIMEDOUT" };
    });
    try {
      return await Promise.race([work(late.signal), overdue]);
    } finally {
      ended.abort();
    }
  }

  async #search(query: string): Promise<Answer> {
    const hits = toHits(await this.#deps.client.search({ q: query, limit: searchResultsMax }));
    return { kind: "paths", paths: [...new Set(hits.map(({ filepath }) => filepath))] };
  }

  /** The states in which the bytes were others; renames and the like are left out. */
  async #versions(docId: string, signal: AbortSignal): Promise<Answer> {
    const versions = (await this.#deps.client.versions(docId, signal))?.versions ?? [];
    const changes = versions.filter(
      ({ contentHash, op }, at) => op !== "delete" && versions[at + 1]?.contentHash !== contentHash,
    );
    return {
      kind: "versions",
      versions: changes.map(({ rev, size, createdAt }) => ({
        rev,
        size,
        atMs: toInstant(createdAt) ?? 0,
      })),
    };
  }

  async #version(
    { docId, rev }: { readonly docId: string; readonly rev: number },
    signal: AbortSignal,
  ): Promise<Answer> {
    const response = await this.#deps.client.getRaw(docId, rev, signal);
    if (response === null) return { kind: "failed", code: "ENOENT" };
    if (Number(response.headers["content-length"] ?? 0) > versionBytesMax)
      return { kind: "failed", code: "EFBIG" };
    return { kind: "bytes", bytes: await response.bytes() };
  }

  async #extract({
    docId,
    hash,
  }: {
    readonly docId: string;
    readonly hash: string;
  }): Promise<Answer> {
    const got = await this.#deps.client.get(docId);
    if (got === null) return { kind: "later" };
    const { document } = got;
    const isOther = (fromContentHash(document.contentHash) ?? hash) !== hash;
    if (isOther || (document.status !== "done" && document.status !== "failed"))
      return { kind: "later" };
    // The text in an image is read after the image is done.
    if (document.dreamingStatus === "dreaming") return { kind: "later" };
    return toExtract(document, hash);
  }
}

function toExtract({ type, content }: RemoteDocument, hash: string): Answer {
  const of = extractKinds.find((kind): kind is ExtractKind => kind === type);
  const isText =
    content !== null && content !== "" && content.length <= extractLengthMax && of !== undefined;
  // What is shown as a document's content may be its very bytes.
  const isDrawn = isText && createHash("sha256").update(content).digest("hex") !== hash;
  return { kind: "extract", of: of ?? "webpage", text: isDrawn ? content : null };
}

function codeOf(error: unknown): ErrnoName {
  if (!(error instanceof ApiError)) return "EIO";
  return error.kind === "unauthorised" ? "EACCES" : "EHOSTUNREACH";
}
