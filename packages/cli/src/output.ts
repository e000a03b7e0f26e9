/** What commands print: results on standard output, everything else on standard error. */
import { styleText } from "node:util";

export interface Output {
  /** A line of the result. */
  line(text: string): void;
  /** The result as JSON, for programs. */
  json(value: unknown): void;
  /** A line for the person at the terminal; never part of a result. */
  note(text: string): void;
  /** What is going on now: replaces the line before it on a terminal; elsewhere one line for each new thing. */
  progress(text: string): void;
  /** Ends the progress line, if there is one. */
  endProgress(): void;
  /** Whoever read the results has gone (`smfs logs | head`): no failure, but nothing to go on for. */
  readonly isClosed: boolean;
  /** Emphasis, where it can be shown. */
  bold(text: string): string;
  dim(text: string): string;
}

interface Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
  on?(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
}

export class StreamOutput implements Output {
  readonly #out: Writable;
  readonly #err: Writable;
  readonly #isPlain: boolean;
  #shown = "";
  #isClosed = false;

  /** @param plain neither colours nor moving lines, although there may be a terminal */
  constructor(out: Writable = process.stdout, err: Writable = process.stderr, plain = false) {
    this.#out = out;
    this.#err = err;
    this.#isPlain = plain;
    const onError = (stream: Writable) => (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (stream === this.#out) this.#isClosed = true;
    };
    for (const stream of [out, err]) stream.on?.("error", onError(stream));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  line(text: string): void {
    this.endProgress();
    this.#out.write(`${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value, null, 2));
  }

  note(text: string): void {
    this.endProgress();
    this.#err.write(`${text}\n`);
  }

  progress(text: string): void {
    if (text === this.#shown) return;
    if (!this.#isLive(this.#err)) {
      // In a log every step of a countdown would be a line: one says what goes on.
      const isStep = withoutNumbers(text) === withoutNumbers(this.#shown);
      if (!isStep) this.#err.write(`${text}\n`);
    } else {
      const width = Math.max(20, this.#err.columns ?? 80) - 1;
      this.#err.write(`\r\x1b[K${text.slice(0, width)}`);
    }
    this.#shown = text;
  }

  endProgress(): void {
    if (this.#shown !== "" && this.#isLive(this.#err)) this.#err.write("\r\x1b[K");
    this.#shown = "";
  }

  bold(text: string): string {
    return this.#isLive(this.#out) ? styleText("bold", text) : text;
  }

  dim(text: string): string {
    return this.#isLive(this.#out) ? styleText("dim", text) : text;
  }

  #isLive(stream: Writable): boolean {
    return stream.isTTY === true && !this.#isPlain;
  }
}

function withoutNumbers(text: string): string {
  return text.replace(/[\d,.]+/g, "");
}

/** Rows as columns, padded to the widest cell of each; the last column is not padded. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** A duration as people say it: `"3 s"`, `"5 min"`, `"2 h 10 min"`, `"3 d 4 h"`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 === 0 ? `${h} h` : `${h} h ${min % 60} min`;
  return h % 24 === 0 ? `${h / 24} d` : `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** A size as people say it, in powers of 1024: `"512 B"`, `"3.4 MiB"`. */
export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let power = 0;
  while (power < units.length - 1 && n / 1024 ** power >= 1024) power += 1;
  const value = n / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** A wall-clock time as `2026-11-23T07:45:00Z`, for people and for `--json`. */
export function isoTime(ms: number): string {
  const text = new Intl.DateTimeFormat("sv-SE", {
    dateStyle: "short",
    timeStyle: "medium",
    timeZone: "UTC",
  }).format(ms);
  return `${text.replace(" ", "T")}Z`;
}

/** `"1 file"`, `"2 files"`. */
export function count(n: number, noun: string): string {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

/**
 * Text from outside (names, server messages) made safe for a terminal: control characters are shown as `\xNN`, so
 * that a file name cannot move the cursor or colour the screen.
 */
export function printable(text: string): string {
  let safe = "";
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    safe += isControl ? `\\x${code.toString(16).padStart(2, "0")}` : char;
  }
  return safe;
}
