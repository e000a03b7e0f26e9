/**
 * Does search find what answers a question? Literal grep, words alone, vectors alone and their fusion, on three corpora.
 *
 *   npx tsx --conditions=source bench/retrieval.ts [--half tuning|held-out|all] [--minilm]
 *
 * Needs the Debian packages man-db and perl-doc. The fused figures come from the search engine as the server runs it.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom, silentLogger, systemClock, systemRandom } from "@smfs/core";
import { StaticEmbedder } from "../packages/server/src/embed/static-embedder.ts";
import { indexText } from "../packages/server/src/search/index-text.ts";
import { cosine } from "../packages/server/src/search/quantise.ts";
import { questionWords } from "../packages/server/src/search/question.ts";
import { SearchEngine } from "../packages/server/src/search/search-engine.ts";
import { openSqliteStorage } from "../packages/server/src/storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../packages/server/src/storage/storage.ts";
import { type Corpus, manual, notes, perlFaq, type Question } from "./retrieval-corpora.ts";

/** Ranks documents for a question, best first; those left out are not found. */
type Method = (question: string) => Promise<readonly number[]>;

const rankMax = 100;
const resamples = 2000;
const embedder = new StaticEmbedder();

const { values } = parseArgs({ options: { half: { type: "string", default: "held-out" } } });
const corpora = [notes(), perlFaq(), await manual()];
console.log(
  `| corpus | questions | method | R@1 | R@5 | MRR |\n| --- | --- | --- | --- | --- | --- |`,
);
for (const corpus of corpora) await measure(corpus);

async function measure(corpus: Corpus): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "smfs-retrieval-"));
  const storage = await openSqliteStorage({
    dataDir: directory,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  try {
    const indexOf = await fill(storage, corpus);
    const questions = corpus.questions.filter(isAsked);
    for (const [name, method] of methods(storage, corpus, indexOf)) {
      const ranks: number[] = [];
      for (const { text, answer } of questions)
        ranks.push((await method(text)).indexOf(answer) + 1);
      console.log(
        `| ${corpus.name} | ${questions.length} | ${name} | ${figures(ranks).join(" | ")} |`,
      );
    }
  } finally {
    await storage.close();
    rmSync(directory, { recursive: true });
  }
}

function isAsked(question: Question): boolean {
  return values.half === "all" || question.isHeldOut === (values.half === "held-out");
}

/** Writes the documents; the index in the corpus of each document number. */
async function fill(storage: Storage, corpus: Corpus): Promise<Map<number, number>> {
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
  }
  return indexOf;
}

function methods(
  storage: Storage,
  corpus: Corpus,
  indexOf: ReadonlyMap<number, number>,
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
      async (question) => {
        const asked = embedder.embedNow(question);
        const all = await storage.vectorsAfter(embedder.name, 0, 1_000_000);
        const scored = all.map(({ documentNo, bytes }) => ({
          documentNo,
          score: cosine(bytes, asked),
        }));
        return toIndexes(scored.sort((a, b) => b.score - a.score).map((hit) => hit.documentNo));
      },
    ],
    [
      "**fused (static-256)**",
      async (question) => {
        const query = { q: question, scope: {}, limit: rankMax, perDocument: 1, threshold: 0 };
        return toIndexes((await engine.search(query, [])).map((hit) => hit.document.no));
      },
    ],
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
