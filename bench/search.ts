/**
 * How long does a search take, with many chunks, and while documents are written?
 *
 *   npm run bench search [-- --chunks 100000 --searches 400]
 *
 * Documents are recombined from the perl FAQ (Debian package perl-doc); searches run in the worker, one after another.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom, silentLogger, systemClock, systemRandom } from "@smfs/core";
import { StaticEmbedder } from "../packages/server/src/embed/static-embedder.ts";
import { openIndexing } from "../packages/server/src/pipeline/testing/open-indexing.ts";
import { indexText } from "../packages/server/src/search/index-text.ts";
import type { SearchQuery } from "../packages/server/src/search/search-service.ts";
import { openSqliteStorage } from "../packages/server/src/storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../packages/server/src/storage/storage.ts";
import { perlFaq } from "./retrieval-corpora.ts";
import { median, printTable, quantile } from "./table.ts";

const random = seededRandom(7);
const embedder = new StaticEmbedder();

interface Texts {
  readonly questions: readonly string[];
  readonly sentences: readonly string[];
}

function texts(): Texts {
  const corpus = perlFaq();
  const sentences = corpus.documents
    .flatMap((text) => text.split(/(?<=[.!?])\s+|\n\n/))
    .filter((s) => s.length > 20);
  return { questions: corpus.questions.map(({ text }) => text), sentences };
}

const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)] as T;

/** @param args `--chunks N`, `--searches N` of each kind */
export async function benchSearch(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      chunks: { type: "string", default: "100000" },
      searches: { type: "string", default: "400" },
    },
  });
  const from = texts();
  const directory = mkdtempSync(join(tmpdir(), "smfs-search-bench-"));
  const shared = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const storage = await openSqliteStorage({ dataDir: directory, ...shared });
  try {
    const { documents, chunks } = await fill(storage, Number(values.chunks), from.sentences);
    const { size } = statSync(join(directory, "server.sqlite"));
    const indexing = openIndexing({ storage, workersOn: directory, ...shared });
    const bench = { search: indexing.search, searches: Number(values.searches), ...from };
    const started = performance.now();
    await indexing.search.search(query(bench, {}));
    const firstMs = performance.now() - started;
    const rows = await measureAll(bench, storage);
    await indexing.close();
    printTable([`${documents} documents, ${chunks} chunks`, "p50 / p99", "processor"], rows);
    printTable(
      ["of the same", ""],
      [
        ["first search, with the worker's start", `${firstMs.toFixed(0)} ms`],
        ["database", `${(size / documents / 1024).toFixed(1)} KiB a document`],
      ],
    );
  } finally {
    await storage.close();
    rmSync(directory, { recursive: true });
  }
}

interface Bench extends Texts {
  readonly search: { search(query: SearchQuery): Promise<unknown> };
  readonly searches: number;
}

async function measureAll(bench: Bench, storage: Storage): Promise<string[][]> {
  const all = { containerTags: ["all"] };
  const rows = [
    await measure(bench, "everything", {}),
    await measure(bench, "a container of all documents", { scope: all }),
    await measure(bench, "a container of 1 % of them", { scope: { containerTags: ["small"] } }),
    await measure(bench, "a directory of 10 % of them", { scope: { ...all, filepath: "/d3/" } }),
  ];
  const stop = new AbortController();
  const writing = writeAlong(storage, bench.sentences, stop.signal);
  rows.push(await measure(bench, "the container of all, while it is written to", { scope: all }));
  stop.abort();
  const written = await writing;
  rows.push([
    "— each of the writes meanwhile",
    `${median(written).toFixed(1)} / ${quantile(written, 0.99).toFixed(1)} ms`,
    "",
  ]);
  return rows;
}

function query(bench: Texts, more: Partial<SearchQuery>): SearchQuery {
  return { q: pick(bench.questions), scope: {}, limit: 10, ...more };
}

async function measure(bench: Bench, name: string, more: Partial<SearchQuery>): Promise<string[]> {
  const times: number[] = [];
  // What a search costs does not depend on what else the machine does, as the time until its answer does.
  const before = process.cpuUsage();
  for (let i = 0; i < bench.searches; i += 1) {
    const started = performance.now();
    await bench.search.search(query(bench, more));
    times.push(performance.now() - started);
  }
  const { user, system } = process.cpuUsage(before);
  return [
    name,
    `${median(times).toFixed(1)} / ${quantile(times, 0.99).toFixed(1)} ms`,
    `${((user + system) / 1000 / bench.searches).toFixed(1)} ms`,
  ];
}

async function fill(
  into: Storage,
  chunksWanted: number,
  sentences: readonly string[],
): Promise<{ documents: number; chunks: number }> {
  let documents = 0;
  let chunks = 0;
  while (chunks < chunksWanted) {
    await into.write(async (tx) => {
      for (let i = 0; i < 500; i += 1) {
        documents += 1;
        const containerTags = documents % 100 === 0 ? ["all", "small"] : ["all"];
        chunks += await create(tx, documents, containerTags, sentences);
      }
    });
  }
  return { documents, chunks };
}

async function create(
  tx: Parameters<Parameters<Storage["write"]>[0]>[0],
  number: number,
  containerTags: readonly string[],
  sentences: readonly string[],
): Promise<number> {
  const text = Array.from({ length: 12 }, () => pick(sentences)).join(" ");
  const bytes = Buffer.from(text);
  const document = await tx.create({
    id: String(number).padStart(22, "0"),
    customId: null,
    containerTags,
    filepath: `/d${number % 10}/${number}.md`,
    title: null,
    type: "text",
    mediaType: "text/markdown",
    isText: true,
    content: { kind: "inline", bytes, digest: createHash("sha256").update(bytes).digest("hex") },
    metadata: null,
    taskType: "superrag",
    status: "done",
    dreamingStatus: "done",
    writer: { origin: null, actor: null, session: null },
  });
  const indexed = indexText(text, embedder);
  await tx.putChunks(document, text, indexed);
  return indexed.length;
}

/** Writes a document every 20 ms, until told to stop. @returns how long each took, in milliseconds */
async function writeAlong(
  storage: Storage,
  sentences: readonly string[],
  signal: AbortSignal,
): Promise<number[]> {
  const times: number[] = [];
  while (!signal.aborted) {
    const started = performance.now();
    await storage.write((tx) => create(tx, 10_000_000 + times.length, ["all"], sentences));
    times.push(performance.now() - started);
    await systemClock.sleep(20);
  }
  return times;
}
