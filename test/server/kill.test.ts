// The server is killed without warning while it is written to, again and again: what it acknowledged is there.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { seededRandom, silentLogger, systemClock, systemRandom } from "@smfs/core";
import { checkData } from "@smfs/server";
import { afterEach, beforeEach, expect, test } from "vitest";

const key = "sm_kill_0123456789abcdefghij";
const seed = Number(process.env.SMFS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = seededRandom(seed);
const rounds = 8;
const writers = 8;

let dataDir: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "smfs-kill-"));
});
afterEach(() => {
  child?.kill("SIGKILL");
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(): Promise<string> {
  const script = fileURLToPath(new URL("serve.mjs", import.meta.url));
  child = spawn(process.execPath, [script, dataDir, key], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: child.stdout! }), "line");
  return String(line);
}

async function kill(): Promise<void> {
  const exited = once(child!, "exit");
  child!.kill("SIGKILL");
  await exited;
}

/** What one document may hold: what was acknowledged last, and what was under way when the server died. */
interface Known {
  acknowledged: string | null;
  underway: string | null | undefined;
}

const known = new Map<string, Known>();
let counter = 0;

function nextBytes(): string {
  counter += 1;
  const size = random.next();
  const text = `version ${counter} ${"some words to be found ".repeat(3)}`;
  // Inline, a blob with a text that the pipeline indexes, a file that the pipeline fails on.
  if (size < 0.8) return text;
  return size < 0.95 ? text.repeat(1500) : `%PDF-1.4 ${text}`;
}

async function write(url: string, id: string): Promise<void> {
  const state = known.get(id) ?? { acknowledged: null, underway: undefined };
  known.set(id, state);
  const isDelete = state.acknowledged !== null && random.next() < 0.2;
  const bytes = isDelete ? null : nextBytes();
  state.underway = bytes;
  const headers = {
    authorization: `Bearer ${key}`,
    "smfs-container": "work",
    "smfs-filepath": `/d/${id}`,
  };
  const response = isDelete
    ? await fetch(`${url}/v3/documents/${id}`, { method: "DELETE", headers })
    : await fetch(`${url}/ext/v1/documents/${id}/raw`, { method: "PUT", headers, body: bytes! });
  await response.arrayBuffer();
  expect([200, 201, 204]).toContain(response.status);
  state.acknowledged = bytes;
  state.underway = undefined;
}

/** What was said, and acknowledged, as memories; what two documents have in common, written in one step. */
const said = new Set<string>();
const pairs = 3;

const json = { authorization: `Bearer ${key}`, "content-type": "application/json" };
async function post(url: string, path: string, body: unknown) {
  const sent = { method: "POST", headers: json, body: JSON.stringify(body) };
  const response = await fetch(url + path, sent);
  const text = await response.text();
  expect([200, 201], text).toContain(response.status);
  return JSON.parse(text);
}

async function say(url: string): Promise<void> {
  counter += 1;
  const content = `fact number ${counter}`;
  await post(url, "/v4/memories", { containerTag: "work", memories: [{ content }] });
  said.add(content);
}

async function writePair(url: string): Promise<void> {
  const content = nextBytes();
  const customId = `pair_${Math.floor(random.next() * pairs)}`;
  const put = { op: "put", containerTag: "work", content };
  const operations = ["a", "b"].map((half) => ({ ...put, customId: `${customId}_${half}` }));
  await post(url, "/ext/v1/batch", { operations });
}

/** Writes without a pause until the server is gone. */
async function writer(url: string, number: number): Promise<void> {
  for (;;) {
    try {
      const kind = random.next();
      if (kind < 0.1) await say(url);
      else if (kind < 0.2) await writePair(url);
      else await write(url, `n_${number}_${Math.floor(random.next() * 6)}`);
    } catch (error) {
      if (error instanceof TypeError) return;
      throw error;
    }
  }
}

async function held(url: string, id: string): Promise<string | null> {
  const headers = { authorization: `Bearer ${key}` };
  const response = await fetch(`${url}/ext/v1/documents/${id}/raw`, { headers });
  if (response.status === 404) return null;
  const bytes = Buffer.from(await response.arrayBuffer());
  const digest = createHash("sha256").update(bytes).digest("base64url");
  expect(response.headers.get("etag")).toBe(`"sha256-${digest}"`);
  return bytes.toString("latin1");
}

async function expectMemoriesAndPairs(url: string): Promise<void> {
  const memories = new Set<string>();
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const query = { containerTags: ["work"], limit: 1000, page };
    const answer = await post(url, "/v4/memories/list", query);
    for (const entry of answer.memoryEntries) memories.add(entry.memory);
    pages = answer.pagination.totalPages;
  }
  for (const fact of said) expect(memories, `seed ${seed}`).toContain(fact);
  for (let pair = 0; pair < pairs; pair += 1) {
    const [a, b] = [await held(url, `pair_${pair}_a`), await held(url, `pair_${pair}_b`)];
    expect(a, `seed ${seed}, pair ${pair}`).toBe(b);
  }
}

/** Every text is found by the number that only it has: short ones at once, long ones when they are indexed. */
async function expectFound(url: string): Promise<void> {
  for (const [id, { acknowledged }] of known) {
    const number = /^version (\d+) /.exec(acknowledged ?? "")?.[1];
    if (number === undefined) continue;
    const chunks = async () => {
      const found = await post(url, "/v3/search", { q: number, docId: id });
      return JSON.stringify(found.results[0]?.chunks ?? []);
    };
    await expect
      .poll(chunks, {
        timeout: 60_000,
        interval: 100,
        message: `seed ${seed}, document ${id}`,
      })
      .toContain(`version ${number} `);
  }
}

test("[SERVER-130] killed at random under load, the server has every acknowledged write, no half document, and finishes its work", async () => {
  let acknowledged = 0;
  for (let round = 0; round < rounds; round += 1) {
    const url = await start();
    const before = counter;
    const load = Array.from({ length: writers }, (_, number) => writer(url, number));
    await systemClock.sleep(100 + random.next() * 900);
    await kill();
    await Promise.all(load);
    acknowledged += counter - before - writers;
    const options = { dataDir, clock: systemClock, random: systemRandom, logger: silentLogger };
    expect(await checkData(options), `seed ${seed}, round ${round}`).toEqual([]);

    const again = await start();
    for (const [id, state] of known) {
      const now = await held(again, id);
      const allowed = [
        state.acknowledged,
        ...(state.underway === undefined ? [] : [state.underway]),
      ];
      expect(allowed, `seed ${seed}, round ${round}, document ${id}`).toContain(now);
      state.acknowledged = now;
      state.underway = undefined;
    }
    const headers = { authorization: `Bearer ${key}` };
    await expect
      .poll(
        async () =>
          (await (await fetch(`${again}/v3/documents/processing`, { headers })).json()).totalCount,
        { timeout: 60_000, interval: 100 },
      )
      .toBe(0);
    await expectMemoriesAndPairs(again);
    await expectFound(again);
    await kill();
  }
  // Something was written in every round; how much depends on the machine.
  expect(acknowledged).toBeGreaterThan(rounds);
});
