/**
 * Does search find what answers a question? Literal grep, words alone, vectors alone and their fusion, on three corpora.
 *
 *   npm run bench retrieval [-- --half tuning|held-out|both --minilm --pages 500]
 *
 * Needs the Debian packages man-db and perl-doc. The fused figures come from the search engine as the server runs it.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom, silentLogger, systemClock, systemRandom } from "@smfs/core";
import { type MinilmEmbedder, minilmModel } from "../packages/embed-minilm/src/index.ts";
import { StaticEmbedder, sharedWordPiece } from "../packages/server/src/embed/static-embedder.ts";
import { indexText, knownChunks } from "../packages/server/src/search/index-text.ts";
import { cosine, quantised } from "../packages/server/src/search/quantise.ts";
import { questionWords } from "../packages/server/src/search/question.ts";
import { type QuestionVector, SearchEngine } from "../packages/server/src/search/search-engine.ts";
import { openSqliteStorage } from "../packages/server/src/storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../packages/server/src/storage/storage.ts";
import { type Corpus, manual, notes, perlFaq } from "./retrieval-corpora.ts";
import { printTable } from "./table.ts";

/** Ranks documents for a question, best first; those left out are not found. */
type Method = (question: string) => Promise<readonly number[]>;

const rankMax = 100;
const resamples = 2000;
const embedder = new StaticEmbedder();

/** @param args `--half tuning|held-out|both`, `--minilm` (takes a quarter of an hour for 500 pages), `--pages N` */
export async function benchRetrieval(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      half: { type: "string", default: "held-out" },
      minilm: { type: "boolean", default: false },
      pages: { type: "string", default: "500" },
    },
  });
  const sharper = values.minilm
    ? await minilmModel((text) => sharedWordPiece().tokenIds(text), systemClock)?.load()
    : undefined;
  const halves = values.half === "both" ? ["tuning", "held-out"] : [values.half];
  const rows: string[][] = [];
  for (const corpus of [notes(), perlFaq(), await manual(Number(values.pages))]) {
    rows.push(...(await measure(corpus, halves, sharper)));
  }
  await sharper?.close();
  printTable(["corpus", "questions", "method", "R@1", "R@5", "MRR"], rows);
}

async function measure(
  corpus: Corpus,
  halves: readonly string[],
  sharper: MinilmEmbedder | undefined,
): Promise<string[][]> {
  const rows: string[][] = [];
  const directory = mkdtempSync(join(tmpdir(), "smfs-retrieval-"));
  const storage = await openSqliteStorage({
    dataDir: directory,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  try {
    const indexOf = await fill(storage, corpus, sharper);
    const asked = methods(storage, corpus, indexOf, sharper);
    for (const half of halves) {
      const isHeldOut = half === "held-out";
      const questions = corpus.questions.filter((question) => question.isHeldOut === isHeldOut);
      for (const [name, method] of asked) {
        const ranks: number[] = [];
        for (const { text, answer } of questions)
          ranks.push((await method(text)).indexOf(answer) + 1);
        rows.push([corpus.name, `${half}, ${questions.length}`, name, ...figures(ranks)]);
      }
    }
  } finally {
    await storage.close();
    rmSync(directory, { recursive: true });
  }
  return rows;
}

/** Writes the documents; the index in the corpus of each document number. */
async function fill(
  storage: Storage,
  corpus: Corpus,
  sharper: MinilmEmbedder | undefined,
): Promise<Map<number, number>> {
  const indexOf = new Map<number, number>();
  for (const [index, text] of corpus.documents.entries()) {
    const bytes = Buffer.from(text);
    const digest = createHash("sha256").update(bytes).digest("hex");
    await storage.write(async (tx) => {
      const document = await tx.create({
        id: String(index).padStart(22, "0"),
        customId: null,
        containerTags: ["bench"],
        filepath: null,
        title: null,
        type: "text",
        mediaType: "text/plain",
        isText: true,
        content: { kind: "inline", bytes, digest },
        metadata: null,
        taskType: "superrag",
        status: "done",
        dreamingStatus: "done",
        writer: { origin: null, actor: null, session: null },
      });
      await tx.putChunks(document, text, indexText(text, embedder));
      indexOf.set(document.no, index);
    });
    if (sharper !== undefined) await sharpen(storage, sharper, text);
  }
  return indexOf;
}

/** Gives the chunks that have just been written vectors of the sharper model, of what they are known by. */
async function sharpen(storage: Storage, model: MinilmEmbedder, text: string): Promise<void> {
  const known = knownChunks(text, "text/plain").map((chunk) => chunk.known);
  const chunks = await storage.chunksWithoutVector(model.name, 0, known.length);
  const vectors: { chunkNo: number; bytes: Uint8Array }[] = [];
  for (const [i, { no }] of chunks.entries()) {
    const [vector] = await model.embed([known[i] ?? ""]);
    if (vector !== undefined) vectors.push({ chunkNo: no, bytes: quantised(vector) });
  }
  await storage.write((tx) => tx.putVectors(model.name, vectors));
}

/** Ranks documents by one model's vectors alone, looking at every one. */
function byVectors(
  storage: Storage,
  model: string,
  embed: (question: string) => Promise<Float32Array>,
  toIndexes: (documentNos: Iterable<number>) => number[],
): Method {
  return async (question) => {
    const asked = await embed(question);
    const all = await storage.vectorsAfter(model, 0, 1_000_000);
    const scored = all.map(({ documentNo, bytes }) => ({
      documentNo,
      score: cosine(bytes, asked),
    }));
    return toIndexes(scored.sort((a, b) => b.score - a.score).map((hit) => hit.documentNo));
  };
}

/** Ranks documents as the server does, with the question's vectors of sharper models if any. */
function byEngine(
  engine: SearchEngine,
  questionVectors: (question: string) => Promise<readonly QuestionVector[]>,
  toIndexes: (documentNos: Iterable<number>) => number[],
): Method {
  return async (question) => {
    const query = { q: question, scope: {}, limit: rankMax, perDocument: 1, threshold: 0 };
    const found = await engine.search(query, await questionVectors(question));
    return toIndexes(found.map((hit) => hit.document.no));
  };
}

function methods(
  storage: Storage,
  corpus: Corpus,
  indexOf: ReadonlyMap<number, number>,
  sharper: MinilmEmbedder | undefined,
): [string, Method][] {
  const engine = new SearchEngine(storage, embedder);
  const lower = corpus.documents.map((document) => document.toLowerCase());
  const toIndexes = (documentNos: Iterable<number>): number[] =>
    [...new Set(documentNos)].slice(0, rankMax).map((no) => indexOf.get(no) ?? -1);
  return [
    [
      "grep: most words of the question",
      async (question) => {
        const words = questionWords(question);
        const counts = lower.map((text) => words.filter((word) => text.includes(word)).length);
        return [...lower.keys()]
          .filter((index) => (counts[index] ?? 0) > 0)
          .sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0))
          .slice(0, rankMax);
      },
    ],
    [
      "words alone (FTS5, BM25)",
      async (question) => {
        const { hits } = await storage.lexical({
          words: questionWords(question),
          scope: {},
          limit: 5000,
        });
        return toIndexes(hits.map((hit) => hit.documentNo));
      },
    ],
    [
      "vectors alone (static-256)",
      byVectors(storage, embedder.name, async (q) => embedder.embedNow(q), toIndexes),
    ],
    ["**fused (static-256)**", byEngine(engine, async () => [], toIndexes)],
    ...(sharper === undefined ? [] : sharperMethods(storage, engine, sharper, toIndexes)),
  ];
}

function sharperMethods(
  storage: Storage,
  engine: SearchEngine,
  model: MinilmEmbedder,
  toIndexes: (documentNos: Iterable<number>) => number[],
): [string, Method][] {
  const embed = async (question: string): Promise<Float32Array> =>
    (await model.embed([question]))[0] ?? new Float32Array(model.dimension);
  const { name, calibration } = model;
  const vectors = async (question: string) => [
    { model: name, calibration, vector: await embed(question) },
  ];
  return [
    ["vectors alone (minilm-int8)", byVectors(storage, name, embed, toIndexes)],
    ["**fused (minilm-int8)**", byEngine(engine, vectors, toIndexes)],
  ];
}

/** Recall at 1 and 5 and the mean reciprocal rank, with 95 % intervals by resampling the questions. */
function figures(ranks: readonly number[]): string[] {
  const measures: ((rank: number) => number)[] = [
    (rank) => (rank === 1 ? 1 : 0),
    (rank) => (rank >= 1 && rank <= 5 ? 1 : 0),
    (rank) => (rank === 0 ? 0 : 1 / rank),
  ];
  return measures.map((measure) => {
    const points = ranks.map(measure);
    const random = seededRandom(1);
    const means = Array.from({ length: resamples }, () => {
      let sum = 0;
      for (let i = 0; i < points.length; i += 1) {
        sum += points[Math.floor(random.next() * points.length)] ?? 0;
      }
      return sum / points.length;
    }).sort((a, b) => a - b);
    const at = (share: number): string => shown(means[Math.floor(share * resamples)] ?? 0);
    return `${shown(mean(points))} (${at(0.025)}–${at(0.975)})`;
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function shown(share: number): string {
  return share.toFixed(3).replace(/^0/, "");
}
