/**
 * The lexical index: FTS5 with Porter stemming, scored by BM25 (k1 = 1.2, b = 0.75, as FTS5 has them).
 *
 * How many chunks a word occurs in is looked up before the query is run: the rarest words select, and words that
 * would make the engine score a large share of all chunks are left out, since they hardly move a score.
 */
import type { LexicalQuery, LexicalResult } from "../storage.ts";
import { type Database, statementsByText } from "./database.ts";
import { scopeQuery } from "./scope.ts";

const k1 = 1.2;
/** Words of one query: more make a question no sharper. */
const wordsMax = 64;
/** Chunks that one query may score: about a microsecond each. */
const scoredChunksMax = 8000;

/** Chunks from which on a word's count is remembered, words that are, and by what part the chunks may change meanwhile. */
const frequentMin = 1000;
const frequentMax = 10_000;
const driftShare = 64;

interface HitRow {
  readonly no: number;
  readonly document_no: number;
  readonly score: number;
}

interface Word {
  readonly word: string;
  /** Chunks it occurs in. */
  readonly count: number;
}

export function lexicalIndex(db: Database): (query: LexicalQuery) => LexicalResult {
  // The same tokeniser on a table of our own tells what the index calls a word.
  db.exec(`
    CREATE VIRTUAL TABLE temp.question USING fts5 (text, tokenize = 'porter unicode61');
    CREATE VIRTUAL TABLE temp.question_term USING fts5vocab (temp, question, instance);
    CREATE VIRTUAL TABLE temp.chunk_term USING fts5vocab (main, chunk_text, row);
  `);
  const ask = db.prepare<[number, string]>("INSERT INTO temp.question (rowid, text) VALUES (?, ?)");
  const forget = db.prepare("DELETE FROM temp.question");
  const terms = db.prepare<[], { doc: number; term: string }>(
    "SELECT doc, term FROM temp.question_term",
  );
  const count = db
    .prepare<[string], number>("SELECT doc FROM temp.chunk_term WHERE term = ?")
    .pluck();
  const total = db.prepare<[], number>("SELECT count(*) FROM chunk").pluck();
  const frequent = new FrequentTerms();
  const countOf = (term: string, chunks: number): number =>
    frequent.countOf(term, chunks) ?? frequent.keep(term, chunks, count.get(term) ?? 0);
  const everywhere = db.prepare<[string, number, number], HitRow>(
    `SELECT c.no, c.document_no, b.score FROM (
       SELECT no, score FROM (
         SELECT rowid AS no, -bm25(chunk_text) AS score FROM chunk_text
           WHERE chunk_text MATCH ? ORDER BY rowid DESC LIMIT ? + 0
       ) ORDER BY score DESC, no LIMIT ? + 0
     ) b CROSS JOIN chunk c ON c.no = b.no`,
  );

  const scoped = statementsByText<(string | number)[], HitRow>(db);
  const lookUp = (words: readonly string[], chunks: number): Word[] => {
    for (const [index, word] of words.entries()) ask.run(index, word);
    const counts = new Map<number, number>();
    for (const { doc, term } of terms.all()) {
      // A word that the tokeniser splits is a phrase: it occurs at most as often as its rarest part.
      counts.set(doc, Math.min(counts.get(doc) ?? Number.MAX_SAFE_INTEGER, countOf(term, chunks)));
    }
    forget.run();
    return words.map((word, index) => ({ word, count: counts.get(index) ?? 0 }));
  };

  return (query) => {
    const chunks = total.get() ?? 0;
    const words = lookUp([...new Set(query.words)].slice(0, wordsMax), chunks);
    const scoreMax = words.reduce((sum, { count: n }) => sum + idf(chunks, n) * (k1 + 1), 0);
    const selecting = selectWords(words);
    if (selecting.length === 0 || query.limit < 1) return { hits: [], scoreMax };
    const match = selecting.map((word) => `"${word.replaceAll('"', '""')}"`).join(" OR ");
    const rows = isEverything(query)
      ? everywhere.all(match, scoredChunksMax, query.limit)
      : inScope(scoped, match, query);
    return {
      hits: rows.map((row) => ({ chunkNo: row.no, documentNo: row.document_no, score: row.score })),
      scoreMax,
    };
  };
}

/**
 * How many chunks the frequent words occur in. The engine counts a word by reading through all of its entries, a
 * millisecond for one that is everywhere; such a count moves little, and so does what depends on it.
 */
class FrequentTerms {
  readonly #counts = new Map<string, { readonly count: number; readonly chunks: number }>();

  /** @param chunks how many chunks there are: a count is good while they have not become much more or fewer */
  countOf(term: string, chunks: number): number | undefined {
    const known = this.#counts.get(term);
    if (known === undefined) return undefined;
    return Math.abs(chunks - known.chunks) * driftShare <= known.chunks ? known.count : undefined;
  }

  keep(term: string, chunks: number, count: number): number {
    if (count < frequentMin) return count;
    if (this.#counts.size === frequentMax) this.#counts.clear();
    this.#counts.set(term, { count, chunks });
    return count;
  }
}

/** A chunk is scored only once it is known to be in scope. */
function inScope(
  statementOf: ReturnType<typeof statementsByText<(string | number)[], HitRow>>,
  match: string,
  query: LexicalQuery,
): HitRow[] {
  const scope = scopeQuery(query.scope, { by: "createdAt", descending: false });
  return statementOf(
    `SELECT no, document_no, score FROM (
         SELECT c.no, c.document_no, -bm25(chunk_text) AS score
           FROM chunk_text CROSS JOIN chunk c ON c.no = chunk_text.rowid
           WHERE chunk_text MATCH ? AND c.document_no IN (${scope.sql})
           ORDER BY chunk_text.rowid DESC LIMIT ? + 0
       ) ORDER BY score DESC, no LIMIT ? + 0`,
  ).all(match, ...scope.parameters, scoredChunksMax, query.limit);
}

function isEverything({ scope }: LexicalQuery): boolean {
  return (
    scope.containerTags === undefined &&
    scope.filepath === undefined &&
    scope.status === undefined &&
    scope.unfinished === undefined
  );
}

/**
 * FTS5's inverse document frequency: of a word in more than half of the chunks it is next to nothing. A word that
 * occurs nowhere counts most: a chunk that has only the other words has little of the question.
 */
function idf(chunks: number, count: number): number {
  return Math.max(1e-6, Math.log((chunks - count + 0.5) / (count + 0.5)));
}

/** The words that the query is run with, rarest first, within what may be scored; at least one that occurs. */
function selectWords(words: readonly Word[]): string[] {
  const occurring = words.filter((word) => word.count > 0).sort((a, b) => a.count - b.count);
  const selected: string[] = [];
  let scored = 0;
  for (const { word, count } of occurring) {
    scored += count;
    if (selected.length > 0 && scored > scoredChunksMax) break;
    selected.push(word);
  }
  return selected;
}
