/** A question to the person at the terminal. */
import { createInterface } from "node:readline/promises";

/** @returns whether the answer begins with a y; undefined when nobody is there to be asked */
export async function ask(
  question: string,
  input: NodeJS.ReadStream = process.stdin,
  output: NodeJS.WriteStream = process.stderr,
): Promise<boolean | undefined> {
  if (input.isTTY !== true || output.isTTY !== true) return undefined;
  const lines = createInterface({ input, output });
  // The end of input (Ctrl-D) is no answer, and no answer is no.
  const ended = new AbortController();
  lines.once("close", () => ended.abort());
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: ended.signal });
    return /^\s*y/i.test(answer);
  } catch (error) {
    if (ended.signal.aborted) return false;
    throw error;
  } finally {
    lines.close();
  }
}
