/**
 * Which files' text is asked for: those whose name says that they are no text, once the server holds them. A few at a
 * time; one that the server still works on is asked again later.
 */
import type { StoreContext } from "../context.ts";
import type { Answers, Question } from "./questions.ts";
import type { Sidecars } from "./sidecars.ts";

/** Names of files that a server may draw text from. */
const mayHaveText =
  /\.(?:pdf|png|jpe?g|gif|webp|bmp|tiff?|hei[cf]|avif|mp4|mov|mkv|webm|avi|m4v|mp3|wav|m4a|og[ga]|flac|aac|opus|docx|xlsx|pptx|od[tsp]|epub)$/i;
/** Questions under way at one time. */
const askingMax = 4;
/** Files that wait to be asked for; what does not fit is found by the next start. */
const waitingMax = 100_000;
/** Rows looked at in one slice of the search at the start. */
const pageRows = 256;
/** Milliseconds until a file is asked for again that the server was not done with, or could not be asked for. */
const againMs = 15_000;
/** Times that a file is asked for before the next start. */
const triesMax = 30;

interface Waiting {
  dueMs: number;
  tries: number;
}

export class ExtractQueue {
  readonly #context: StoreContext;
  readonly #answers: Answers;
  readonly #sidecars: Sidecars;
  readonly #page;
  /** By fid, in the order they are asked for. */
  readonly #waiting = new Map<string, Waiting>();
  /** Fids that are asked for, by document and digest. */
  readonly #asking = new Map<string, string>();
  /** When the first of those that wait is due; asked for before each sleep, so it is not looked up each time. */
  #soonestMs = Number.POSITIVE_INFINITY;
  /** How far the search at the start is; undefined when it is done. */
  #searchedTo: number | undefined = 0;

  constructor(context: StoreContext, answers: Answers, sidecars: Sidecars) {
    this.#context = context;
    this.#answers = answers;
    this.#sidecars = sidecars;
    this.#page = context.db.sql.prepare<
      [number, number],
      { id: number; fid: string; name: string }
    >("SELECT id, fid, name FROM entry WHERE id > ? AND state = 'live' ORDER BY id LIMIT ? + 0");
  }

  /** Both sides hold the same of this entry now. */
  settled(fid: string): void {
    const entry = this.#context.entries.byFid(fid);
    if (entry !== undefined && mayHaveText.test(entry.name)) this.#add(fid);
  }

  /** When `tick` has something to do, on the monotonic clock. */
  get dueMs(): number {
    if (this.#searchedTo !== undefined) return Number.NEGATIVE_INFINITY;
    return this.#asking.size >= askingMax ? Number.POSITIVE_INFINITY : this.#soonestMs;
  }

  tick(nowMs: number): void {
    if (nowMs < this.dueMs) return;
    this.#search();
    let soonest = Number.POSITIVE_INFINITY;
    for (const [fid, waiting] of this.#waiting) {
      if (waiting.dueMs <= nowMs && this.#asking.size < askingMax) this.#ask(fid, waiting, nowMs);
      if (this.#waiting.has(fid)) soonest = Math.min(soonest, waiting.dueMs);
    }
    this.#soonestMs = soonest;
  }

  #search(): void {
    if (this.#searchedTo === undefined) return;
    const rows = this.#page.all(this.#searchedTo, pageRows);
    for (const { fid, name } of rows) if (mayHaveText.test(name)) this.#add(fid);
    this.#searchedTo = rows.length < pageRows ? undefined : rows.at(-1)?.id;
  }

  #add(fid: string): void {
    if (this.#waiting.size >= waitingMax) return;
    this.#waiting.set(fid, { dueMs: Number.NEGATIVE_INFINITY, tries: 0 });
    this.#soonestMs = Number.NEGATIVE_INFINITY;
  }

  #ask(fid: string, waiting: Waiting, nowMs: number): void {
    const entry = this.#context.entries.byFid(fid);
    const { doc_id: docId, base_hash: hash } = entry ?? { doc_id: null, base_hash: null };
    const isAtRest = entry?.state === "live" && entry.local_ver === entry.base_ver;
    waiting.tries += 1;
    // One that is changed is settled again, and added then.
    const isDone = !isAtRest || docId === null || hash === null || waiting.tries > triesMax;
    if (isDone || this.#sidecars.isKnown(fid, hash)) {
      this.#waiting.delete(fid);
      return;
    }
    waiting.dueMs = nowMs + againMs;
    this.#asking.set(askedKey(docId, hash), fid);
    this.#answers.refresh({ kind: "extract", docId, hash });
  }

  /** An answer has come. */
  answered(question: Extract<Question, { kind: "extract" }>): void {
    const key = askedKey(question.docId, question.hash);
    const fid = this.#asking.get(key);
    const told = this.#answers.last(question)?.answer;
    this.#asking.delete(key);
    this.#answers.forget(question);
    const waiting = this.#waiting.get(fid ?? "");
    // That the server is away says nothing of the file.
    if (told?.kind === "failed" && waiting !== undefined) waiting.tries -= 1;
    if (fid === undefined || told?.kind !== "extract") return;
    this.#waiting.delete(fid);
    this.#sidecars.putExtract(fid, question.hash, told.of, told.text);
  }
}

function askedKey(docId: string, hash: string): string {
  return `${docId} ${hash}`;
}
