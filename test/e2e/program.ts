// A program that goes on running while things change around it: Python that does one line after the other.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

const loop = `
import json, mmap, os, sys
for line in sys.stdin:
    try: exec(json.loads(line)); print(json.dumps(globals().pop("out", None)), flush=True)
    except OSError as e: print(json.dumps("E:" + (e.strerror or "")), flush=True)`;

export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  /** Starts it in a directory; it is killed when the test is over. */
  constructor(cwd: string) {
    this.#child = spawn("python3", ["-c", loop], { cwd, stdio: "pipe" });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    onTestFinished(() => this.kill());
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Runs statements; what they put into `out` is the answer, or the text of an errno after `E:`. */
  async do(statements: string): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(statements)}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the program ended at: ${statements}`);
    return JSON.parse(value) as unknown;
  }
}
