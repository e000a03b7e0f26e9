/** The program that uses a mount while what serves it is killed: actor.c, compiled, and what its calls were answered. */
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { type Call, describe, toScript } from "./call.ts";

/** Milliseconds that a script may take: what hangs is a mistake, not slow. */
const scriptMsMax = 240_000;

/** What a call was answered: 0 or more, or a negative errno. Calls that were not made have no answer. */
export type Answers = readonly number[];

/** Compiles a C source of this folder. */
export function compile(source: string, to: string, ...options: readonly string[]): string {
  const from = join(import.meta.dirname, source);
  execFileSync("cc", ["-O1", "-Wall", "-Wextra", "-Werror", "-o", to, from, ...options]);
  return to;
}

export class Actor {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  readonly #scratch: string;
  readonly #received: string[] = [];
  #wake: () => void = () => undefined;
  #scripts = 0;

  /** @param scratch a directory for its scripts */
  constructor(program: string, scratch: string, env: NodeJS.ProcessEnv = {}) {
    this.#scratch = scratch;
    this.#child = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"], env });
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#lines.on("line", (line) => {
      this.#received.push(line);
      this.#wake();
    });
    this.#child.once("exit", () => this.#wake());
  }

  /**
   * Begins a script; resolves when it has ended.
   * @param how `begin` ends soon after the first call that fails; `more` goes on whatever fails
   */
  async run(
    how: "begin" | "more",
    calls: readonly Call[],
    mount: string,
    pausesUs: readonly number[] = [],
  ): Promise<Answers> {
    this.#scripts += 1;
    const path = join(this.#scratch, `script-${process.pid}-${this.#child.pid}-${this.#scripts}`);
    writeFileSync(path, toScript(calls, mount, pausesUs));
    this.#child.stdin.write(`${how === "begin" ? "b" : "m"} ${path}\n`);
    const answers: number[] = [];
    for (;;) {
      const line = await this.#next();
      if (line === "end") return answers;
      const [index, result] = line.split(" ").map(Number);
      if (index === undefined || result === undefined || Number.isNaN(result)) {
        throw new Error(`the actor said ${JSON.stringify(line)}`);
      }
      answers[index] = result;
    }
  }

  async #next(): Promise<string> {
    const end = Date.now() + scriptMsMax;
    for (;;) {
      const line = this.#received.shift();
      if (line !== undefined) return line;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`the actor ended (${this.#child.signalCode ?? this.#child.exitCode})`);
      }
      if (Date.now() > end) throw new Error("a call on the mount has not returned: it hangs");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Lets it go, with all its handles. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
      await once(this.#child, "exit");
      clearTimeout(timer);
    }
    this.#lines.close();
  }
}

/** What a script did, as far as its answers tell. */
export interface Outcome {
  /** Calls that succeeded, in order. */
  readonly done: readonly Call[];
  /** The first call that failed, when one did: it may have happened all the same. */
  readonly unsure:
    | { readonly call: Call; readonly after: number; readonly errno: number }
    | undefined;
}

export function outcomeOf(calls: readonly Call[], answers: Answers): Outcome {
  const done: Call[] = [];
  let unsure: Outcome["unsure"];
  answers.forEach((result, index) => {
    const call = calls[index];
    if (call === undefined) throw new Error(`an answer to call ${index}, which was not made`);
    if (result >= 0) done.push(call);
    else unsure ??= { call, after: done.length, errno: -result };
  });
  return { done, unsure };
}

/** The failed call of an outcome, for reports. */
export function unsureText({ unsure }: Outcome): string {
  return unsure === undefined
    ? "nothing in flight"
    : `${describe(unsure.call)} (errno ${unsure.errno})`;
}
