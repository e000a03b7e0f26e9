/**
 * How long does a search take, with many chunks, and while documents are written?
 *
 *   npm run build && npx tsx --conditions=source bench/search.ts [--chunks 100000] [--searches 400]
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

const { values } = parseArgs({
  options: {
    chunks: { type: "string", default: "100000" },
    searches: { type: "string", default: "400" },
  },
});
const chunksWanted = Number(values.chunks);
const searches = Number(values.searches);
const random = seededRandom(7);
const embedder = new StaticEmbedder();
const corpus = perlFaq();
const sentences = corpus.documents
  .flatMap((text) => text.split(/(?<=[.!?])\s+|\n\n/))
  .filter((s) => s.length > 20);
const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)] as T;

const directory = mkdtempSync(join(tmpdir(), "smfs-search-bench-"));
const shared = { clock: systemClock, random: systemRandom, logger: silentLogger };
const storage = await openSqliteStorage({ dataDir: directory, ...shared });
try {
  const filled = performance.now();
  const { documents, chunks } = await fill(storage);
  const seconds = (performance.now() - filled) / 1000;
  console.log(`${documents} documents, ${chunks} chunks, written in ${seconds.toFixed(1)} s`);
  console.log(
    `database: ${(statSync(join(directory, "server.sqlite")).size / documents / 1024).toFixed(1)} KiB a document\n`,
  );
  const indexing = openIndexing({ storage, workersOn: directory, ...shared });
  const started = performance.now();
  await indexing.search.search(query({}));
  console.log(
    `first search, with the worker's start: ${(performance.now() - started).toFixed(0)} ms\n`,
  );
  console.log("| search | p50 ms | p99 ms | processor ms |\n| --- | --- | --- | --- |");
  await measure(indexing.search, "everything", {});
  await measure(indexing.search, "container of all documents", {
    scope: { containerTags: ["all"] },
  });
  await measure(indexing.search, "container of 1 %", { scope: { containerTags: ["small"] } });
  await measure(indexing.search, "directory of 10 %", {
    scope: { containerTags: ["all"], filepath: "/d3/" },
  });
  const stop = new AbortController();
  const writing = writeAlong(stop.signal);
  await measure(indexing.search, "container of all documents, while writing", {
    scope: { containerTags: ["all"] },
  });
  stop.abort();
  const { count, longest } = await writing;
  console.log(
    `\n${count} documents written meanwhile, the longest write took ${longest.toFixed(1)} ms`,
  );
  await indexing.close();
} finally {
  await storage.close();
  rmSync(directory, { recursive: true });
}

function query(more: Partial<SearchQuery>): SearchQuery {
  return { q: pick(corpus.questions).text, scope: {}, limit: 10, ...more };
}

async function measure(
  service: { search(query: SearchQuery): Promise<unknown> },
  name: string,
  more: Partial<SearchQuery>,
): Promise<void> {
  const times: number[] = [];
  // What a search costs does not depend on what else the machine does, as the time until its answer does.
  const before = process.cpuUsage();
  for (let i = 0; i < searches; i += 1) {
    const started = performance.now();
    await service.search(query(more));
    times.push(performance.now() - started);
  }
  const { user, system } = process.cpuUsage(before);
  const processor = ((user + system) / 1000 / searches).toFixed(1);
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(share * times.length)] ?? 0).toFixed(1);
  console.log(`| ${name} | ${at(0.5)} | ${at(0.99)} | ${processor} |`);
}

async function fill(into: Storage): Promise<{ documents: number; chunks: number }> {
  let documents = 0;
  let chunks = 0;
  while (chunks < chunksWanted) {
    await into.write(async (tx) => {
      for (let i = 0; i < 500; i += 1) {
        documents += 1;
        chunks += await create(tx, documents, documents % 100 === 0 ? ["all", "small"] : ["all"]);
      }
    });
  }
  return { documents, chunks };
}

async function create(
  tx: Parameters<Parameters<Storage["write"]>[0]>[0],
  number: number,
  containerTags: readonly string[],
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

async function writeAlong(signal: AbortSignal): Promise<{ count: number; longest: number }> {
  let count = 0;
  let longest = 0;
  while (!signal.aborted) {
    const started = performance.now();
    await storage.write((tx) => create(tx, 10_000_000 + count, ["all"]));
    longest = Math.max(longest, performance.now() - started);
    count += 1;
    await systemClock.sleep(20);
  }
  return { count, longest };
}
