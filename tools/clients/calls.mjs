// What the programs that try a client share: each call is one line, "ok name" or "FAILED name: why".
import { strict as assert } from "node:assert";

export { assert };
export const baseURL = process.env.CLIENT_URL;
export const apiKey = process.env.CLIENT_KEY;

/** Tries one call; what comes after it goes on, whatever it did. */
export async function call(name, work) {
  try {
    const result = await work();
    process.stdout.write(`ok ${name}\n`);
    return result;
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split("\n").join(" ");
    process.stdout.write(`FAILED ${name}: ${reason}\n`);
    return undefined;
  }
}

/** Waits for something that another call brings about. */
export async function until(what, work) {
  for (let tries = 0; tries < 300; tries += 1) {
    const found = await work();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never came: ${what}`);
}
