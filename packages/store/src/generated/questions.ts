/**
 * What generated files need to know from elsewhere: questions to the daemon's other thread, and what it answered.
 *
 * An operation that needs an answer is parked until there is one. An answer is used for a while, a failure too, so that
 * the operation finds it when it is dispatched again. The other side bounds how long an answer takes.
 */
import { type Clock, type ErrnoName, FsError, Parked, type Ticket } from "@smfs/core";

export type Question =
  /** The daemon's status, as JSON. */
  | { readonly kind: "status" }
  /** The container's profile, as Markdown; empty when nothing is known. */
  | { readonly kind: "profile" }
  /** Paths of files that answer a question, the best first. */
  | { readonly kind: "search"; readonly query: string }
  /** The states of a document that the server keeps, the newest first. */
  | { readonly kind: "versions"; readonly docId: string }
  | { readonly kind: "version"; readonly docId: string; readonly rev: number }
  /** The text that the server drew from a document's bytes. */
  | { readonly kind: "extract"; readonly docId: string; readonly hash: string };

/** One state of a document. */
export interface VersionNote {
  readonly rev: number;
  /** Bytes. */
  readonly size: number;
  /** Wall-clock milliseconds. */
  readonly atMs: number;
}

/** Kinds of documents that text is drawn from, as names of their text say them. */
export const extractKinds = ["image", "pdf", "video", "audio", "webpage"] as const;
export type ExtractKind = (typeof extractKinds)[number];

export type Answer =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "paths"; readonly paths: readonly string[] }
  | { readonly kind: "versions"; readonly versions: readonly VersionNote[] }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** `text` is null when the server has drawn none. */
  | { readonly kind: "extract"; readonly of: ExtractKind; readonly text: string | null }
  /** The document is still being processed, or has other bytes by now. */
  | { readonly kind: "later" }
  | { readonly kind: "failed"; readonly code: ErrnoName };

/** A question on its way to the other thread. */
export interface Asked {
  readonly id: number;
  readonly question: Question;
}

interface Known {
  readonly question: Question;
  answer: Answer | undefined;
  /** When it came, on the monotonic clock. */
  atMs: number;
  /** The same on the wall clock, for people. */
  wallMs: number;
  /** Number under which it is asked now. */
  asking: number | undefined;
  readonly tickets: Set<Ticket>;
}

/** Answers remembered, and the bytes in them. */
const answersMax = 512;
const answerBytesMax: number = 64 << 20;
/** Milliseconds that a failure is an answer: as long as it takes to dispatch everybody who waits for it. */
const failureFreshMs = 1000;
/** Tickets of these waits lie above those of the store's. */
export const ticketMin: number = 2 ** 52;

export class Answers {
  readonly #clock: Clock;
  readonly #ask: (asked: Asked) => void;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<number, Known>();
  #resumed: Ticket[] = [];
  #nextId = 1;
  #nextTicket = ticketMin;

  constructor(clock: Clock, ask: (asked: Asked) => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /**
   * The answer, not older than `freshMs` (at least a second).
   * @throws Parked while it is asked for, FsError when it could not be answered
   */
  get(question: Question, freshMs: number): Exclude<Answer, { kind: "failed" }> {
    const known = this.#of(question);
    const ageMs = this.#clock.monotonic() - known.atMs;
    const { answer } = known;
    if (answer?.kind === "failed" && ageMs <= failureFreshMs)
      throw new FsError(answer.code, `no answer to ${question.kind}`);
    if (answer !== undefined && answer.kind !== "failed" && ageMs <= freshMs) return answer;
    this.#send(known);
    const ticket = this.#nextTicket;
    this.#nextTicket += 1;
    known.tickets.add(ticket);
    throw new Parked(ticket);
  }

  /** The last answer, however old, and when it came (wall-clock milliseconds). Asks nothing. */
  last(question: Question): { readonly answer: Answer; readonly wallMs: number } | undefined {
    const known = this.#known.get(keyOf(question));
    if (known?.answer === undefined) return undefined;
    return { answer: known.answer, wallMs: known.wallMs };
  }

  /** Asks, unless that is under way. Nobody waits for it. */
  refresh(question: Question): void {
    this.#send(this.#of(question));
  }

  /** Takes an answer. Returns its question; undefined for one that nobody asked. */
  receive(id: number, answer: Answer): Question | undefined {
    const known = this.#asking.get(id);
    if (known === undefined) return undefined;
    this.#asking.delete(id);
    known.asking = undefined;
    known.answer = answer;
    known.atMs = this.#clock.monotonic();
    known.wallMs = this.#clock.now();
    this.#resumed.push(...known.tickets);
    known.tickets.clear();
    this.#makeRoom();
    return known.question;
  }

  /** Forgets an answer that was used up. */
  forget(question: Question): void {
    const key = keyOf(question);
    const known = this.#known.get(key);
    if (known !== undefined && known.asking === undefined) this.#known.delete(key);
  }

  /** Tickets whose operations may go on. Told once. */
  takeResumed(): Ticket[] {
    return this.#resumed.splice(0);
  }

  /** An operation was given up. */
  abandon(ticket: Ticket): void {
    for (const known of this.#asking.values()) known.tickets.delete(ticket);
    this.#resumed = this.#resumed.filter((resumed) => resumed !== ticket);
  }

  #of(question: Question): Known {
    const key = keyOf(question);
    const known = this.#known.get(key) ?? {
      question,
      answer: undefined,
      atMs: Number.NEGATIVE_INFINITY,
      wallMs: 0,
      asking: undefined,
      tickets: new Set<Ticket>(),
    };
    // The one used last is forgotten last.
    this.#known.delete(key);
    this.#known.set(key, known);
    return known;
  }

  #send(known: Known): void {
    if (known.asking !== undefined) return;
    known.asking = this.#nextId;
    this.#nextId += 1;
    this.#asking.set(known.asking, known);
    this.#ask({ id: known.asking, question: known.question });
  }

  #makeRoom(): void {
    let bytes = 0;
    for (const { answer } of this.#known.values()) bytes += sizeOf(answer);
    for (const [key, known] of this.#known) {
      if (this.#known.size <= answersMax && bytes <= answerBytesMax) return;
      // The newest stays in any case: somebody is about to use it.
      const isNewest = known.atMs === this.#clock.monotonic();
      if (known.asking !== undefined || isNewest) continue;
      bytes -= sizeOf(known.answer);
      this.#known.delete(key);
    }
  }
}

function keyOf(question: Question): string {
  return JSON.stringify(question);
}

function sizeOf(answer: Answer | undefined): number {
  if (answer?.kind === "bytes") return answer.bytes.length;
  if (answer?.kind === "text") return answer.text.length;
  return answer?.kind === "extract" ? (answer.text?.length ?? 0) : 0;
}
