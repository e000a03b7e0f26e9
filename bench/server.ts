/**
 * The memory server: ingest, copies, listing, feed, start, memory. Takes about four minutes. The server is a process of its own, built; the client is
 * this process, on the same two cores.
 *
 *     npm run bench server [-- --small 20000 --large 100000]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import { backUpData, checkData, restoreData } from "@smfs/server";
import { median, printTable, quantile } from "./table.ts";

const key = "sm_bench_0123456789abcdefghij";
const parallel = 32;
const script = fileURLToPath(new URL("../test/server/serve.mjs", import.meta.url));
const agent = new Agent({ keepAlive: true, maxSockets: parallel });

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
  readonly startMs: number;
}

async function start(dataDir: string): Promise<Server> {
  const started = performance.now();
  const child = spawn(process.execPath, [script, dataDir, key], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(createInterface({ input: child.stdout! }), "line");
  await call(String(line), "GET", "/health");
  return { child, url: String(line), startMs: performance.now() - started };
}

async function stop(server: Server): Promise<void> {
  const exited = once(server.child, "exit");
  server.child.kill("SIGTERM");
  await exited;
}

/** One request over a kept connection; fetch costs the client more than the server. */
function call(
  url: string,
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url + path,
      { method, agent, headers: { authorization: `Bearer ${key}`, ...headers } },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

const json = { "content-type": "application/json" };
const post = (url: string, path: string, body: unknown) =>
  call(url, "POST", path, JSON.stringify(body), json);

const topics = ["retry", "cache", "garden", "invoice", "kernel", "violin", "harbour", "ledger"];
/** About 60 words, different in each document. */
function smallText(i: number): string {
  const topic = topics[i % topics.length];
  return `# ${topic} note ${i}\n\n${`The ${topic} of case ${i} was looked at on day ${i % 365}, and item ${i * 7} was noted. `.repeat(4)}`;
}

/** CPU seconds and resident memory of a process, from /proc. */
function usage(pid: number): { cpuS: number; rssMiB: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const rssKiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  return { cpuS: (Number(stat[11]) + Number(stat[12])) / 100, rssMiB: rssKiB / 1024 };
}

function sizeOf(dir: string): number {
  return readdirSync(dir, { withFileTypes: true }).reduce(
    (sum, entry) =>
      sum +
      (entry.isDirectory() ? sizeOf(join(dir, entry.name)) : statSync(join(dir, entry.name)).size),
    0,
  );
}

async function eachOf(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (next < count) {
        const i = next;
        next += 1;
        await work(i);
      }
    }),
  );
}

/** Writes documents one request each, and gives the milliseconds until each answer. */
async function writeSmall(url: string, count: number): Promise<number[]> {
  const times: number[] = [];
  await eachOf(count, async (i) => {
    const at = performance.now();
    const answer = await call(url, "PUT", `/ext/v1/documents/n_${i}/raw`, smallText(i), {
      "if-none-match": "*",
      "smfs-container": "small",
      "smfs-filepath": `/d${i % 200}/note-${i}.md`,
    });
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
    times.push(performance.now() - at);
  });
  return times;
}

/** Milliseconds until a document is found by the one word that only it has. */
async function untilFound(url: string, i: number): Promise<number> {
  const started = performance.now();
  const query = { q: `note ${i}`, containerTag: "small", searchMode: "documents", limit: 3 };
  while (!(await post(url, "/v4/search", query)).text.includes(`note-${i}.md`));
  return performance.now() - started;
}

async function ingest(server: Server, count: number): Promise<string[][]> {
  const before = usage(server.child.pid ?? 0);
  const started = performance.now();
  const times = await writeSmall(server.url, count);
  const seconds = (performance.now() - started) / 1000;
  const after = usage(server.child.pid ?? 0);
  const searchableMs = await untilFound(server.url, count - 1);
  const cpu = after.cpuS - before.cpuS;
  return [
    [
      "ingest, each acknowledged on disk, chunked, embedded and in both indexes",
      `${(count / seconds).toFixed(0)} documents/s`,
    ],
    [
      "processor time of the server",
      `${((cpu / count) * 1e6).toFixed(0)} µs a document: ${((100 * cpu) / seconds).toFixed(0)} % of one core`,
    ],
    ["answer, p50 / p99", spread(times)],
    ["the last one is found by search", `${searchableMs.toFixed(0)} ms after its answer`],
    ["memory under load", `${after.rssMiB.toFixed(0)} MiB`],
  ];
}

/** Copies of the same data; the check and the restore read every byte. */
async function copies(
  server: Server,
  {
    dataDir,
    dir,
    count,
  }: { readonly dataDir: string; readonly dir: string; readonly count: number },
): Promise<string[][]> {
  const options = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const idleMs = await msOf(() => backUpData(dataDir, join(dir, "idle")));
  let isOver = false;
  let written = 0;
  const writers = Array.from({ length: 16 }, async () => {
    while (!isOver) {
      written += 1;
      await call(server.url, "PUT", `/ext/v1/fs/more/${written}.md`, smallText(written));
    }
  });
  const busyMs = await msOf(() => backUpData(dataDir, join(dir, "busy")));
  isOver = true;
  await Promise.all(writers);
  const checkMs = await msOf(() => checkData({ dataDir, ...options }));
  const target = { dataDir: join(dir, "restored"), ...options };
  const restoreMs = await msOf(() => restoreData(target, join(dir, "busy")));
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  return [
    // That of a copy: without the log of what is still to be brought into the database.
    [
      "disk, all indexes included",
      `${(sizeOf(join(dir, "idle")) / count).toFixed(0)} bytes a document`,
    ],
    [
      "backup, nothing else written / under 16 writers",
      `${seconds(idleMs)} / ${seconds(busyMs)} s`,
    ],
    ["check", `${seconds(checkMs)} s`],
    ["restore, check included", `${seconds(restoreMs)} s`],
  ];
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

const spread = (times: readonly number[]): string =>
  `${median(times).toFixed(1)} / ${quantile(times, 0.99).toFixed(1)} ms`;

async function small(dir: string, count: number): Promise<string[][]> {
  const dataDir = join(dir, "small");
  const server = await start(dataDir);
  const rows = await ingest(server, count);
  rows.push(...(await copies(server, { dataDir, dir, count })));
  await stop(server);
  return rows;
}

async function fill(url: string, from: number, to: number): Promise<void> {
  const size = 500;
  for (let at = from; at < to; at += size) {
    const documents = Array.from({ length: Math.min(size, to - at) }, (_, i) => ({
      content: smallText(at + i),
      customId: `n_${at + i}`,
      filepath: `/d${(at + i) % 500}/note-${at + i}.md`,
    }));
    await post(url, "/v3/documents/batch", { containerTag: "large", documents });
  }
}

/** How long requests take until their answer, and what each costs the server's processor, whatever else runs. */
async function timed(
  pid: number,
  times: number,
  work: () => Promise<unknown>,
): Promise<[string, string]> {
  const taken: number[] = [];
  const before = usage(pid).cpuS;
  for (let i = 0; i < times; i += 1) {
    const at = performance.now();
    await work();
    taken.push(performance.now() - at);
  }
  const cpuMs = ((usage(pid).cpuS - before) * 1000) / times;
  return [spread(taken), `${cpuMs.toFixed(1)} ms`];
}

const processing = (url: string) => call(url, "GET", "/v3/documents/processing?containerTag=large");
const states = (url: string, count: number) =>
  post(url, "/ext/v1/documents/status", {
    ids: Array.from({ length: count }, (_, i) => `n_${i * 7}`),
  });

/** How long all entries of the feed take. */
async function walk(url: string): Promise<void> {
  for (let cursor = "0", more = true; more; ) {
    const query = `containerTag=large&since=${cursor}&limit=1000`;
    const page = JSON.parse((await call(url, "GET", `/ext/v1/changes?${query}`)).text);
    cursor = page.cursor;
    more = page.hasMore;
  }
}

/** From the sending of a write until a reader that waits for changes has it. */
async function told(url: string): Promise<void> {
  const feed = (query: string) => call(url, "GET", `/ext/v1/changes?containerTag=told&${query}`);
  const { cursor } = JSON.parse((await feed("since=now")).text);
  const waiting = feed(`since=${cursor}&wait=30`);
  await systemClock.sleep(20);
  const started = performance.now();
  const writing = call(url, "PUT", "/ext/v1/fs/told/a.md", String(Math.random()));
  await waiting;
  toldMs.push(performance.now() - started);
  await writing;
}
const toldMs: number[] = [];

/** What is asked of the large server, with how often. */
function questions(url: string, head: string): readonly [string, number, () => Promise<unknown>][] {
  const list = (body: object) =>
    post(url, "/v3/documents/list", { containerTags: ["large"], ...body });
  const get = (path: string) => call(url, "GET", path);
  const newest = { limit: 100, sort: "updatedAt" };
  const touch = () => {
    const body = JSON.stringify({ metadata: { n: Math.random() } });
    return call(url, "PATCH", "/v3/documents/n_5", body, json);
  };
  return [
    ["first page of 100, newest change first, nothing written since", 100, () => list(newest)],
    ["the same with a write before it", 50, () => touch().then(() => list(newest))],
    ["page 500 of 100", 50, () => list({ ...newest, page: 500 })],
    ["one exact path", 100, () => list({ limit: 1, filepath: "/d7/note-507.md" })],
    ["one directory of 200", 50, () => list({ limit: 100, filepath: "/d7/" })],
    ["one document", 200, () => get("/v3/documents/n_777")],
    ["feed at the head", 200, () => get(`/ext/v1/changes?containerTag=large&since=${head}`)],
    ["what is being processed", 100, () => processing(url)],
    ["the status of 1,000 documents in one answer", 50, () => states(url, 1000)],
    ["feed from the beginning, all entries in pages of 1,000", 1, () => walk(url)],
  ];
}

async function many(dataDir: string, count: number): Promise<string[][]> {
  let server = await start(dataDir);
  const filling = performance.now();
  await fill(server.url, 0, count);
  const fillS = (performance.now() - filling) / 1000;
  const fillCpuS = usage(server.child.pid ?? 0).cpuS;
  await stop(server);
  server = await start(dataDir);
  const { url, startMs } = server;
  const pid = server.child.pid ?? 0;
  const rows: string[][] = [
    [
      "ingest in batches of 500",
      `${(count / fillS).toFixed(0)} documents/s`,
      `${((fillCpuS * 1e6) / count).toFixed(0)} µs a document`,
    ],
    [
      "start, until `/health` answers",
      `${startMs.toFixed(0)} ms`,
      `${(usage(pid).cpuS * 1000).toFixed(0)} ms`,
    ],
  ];
  const { cursor } = JSON.parse(
    (await call(url, "GET", "/ext/v1/changes?containerTag=large&since=now")).text,
  );
  for (const [name, times, work] of questions(url, cursor)) {
    rows.push([name, ...(await timed(pid, times, work))]);
  }
  for (let i = 0; i < 50; i += 1) await told(url);
  rows.push(["a waiting reader has a write that was sent", spread(toldMs), ""]);
  // Whatever the start and the requests left to do is done by then, the engine's own collecting included.
  await systemClock.sleep(40_000);
  const before = usage(pid);
  await systemClock.sleep(20_000);
  const after = usage(pid);
  const idle = `${((after.cpuS - before.cpuS) * 5).toFixed(1)} %`;
  await stop(server);
  return [
    ...rows,
    ["idle", `${after.rssMiB.toFixed(0)} MiB`, idle],
    ["disk, all indexes included", `${(sizeOf(dataDir) / count).toFixed(0)} bytes a document`, ""],
  ];
}

/** @param args `--small N`, `--large N`: how many documents */
export async function benchServer(args: readonly string[]): Promise<void> {
  const option = (name: string, otherwise: number): number => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  const counts = { small: option("--small", 20_000), large: option("--large", 100_000) };
  const shown = (count: number) => count.toLocaleString("en");
  const dir = mkdtempSync(join(tmpdir(), "smfs-bench-server-"));
  try {
    const smallHead = `${shown(counts.small)} documents of 350 bytes, ${parallel} requests at once`;
    printTable([smallHead, ""], await small(dir, counts.small));
    printTable(
      [`${shown(counts.large)} documents`, "until the answer, p50 / p99", "processor"],
      await many(join(dir, "large"), counts.large),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
