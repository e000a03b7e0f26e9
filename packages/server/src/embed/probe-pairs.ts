/** Pairs of texts that belong together, from which the scores of a model that nobody has measured are understood. */
import type { Calibration } from "./embedder.ts";

/** A note, and a question it answers. No two notes are about the same. */
const pairs: readonly (readonly [note: string, question: string])[] = [
  [
    "The ferry to the island leaves every two hours from pier four.",
    "When can we take the boat across?",
  ],
  ["Her doctor told her to avoid sugar and to walk every day.", "What medical advice did she get?"],
  [
    "The budget for the new website was cut by a third.",
    "How much less money is there for the online presence?",
  ],
  [
    "We repaired the roof after the storm had torn off the tiles.",
    "What was done about the weather damage to the house?",
  ],
  [
    "The query is slow because the table has no index on the date.",
    "Why does the database take so long?",
  ],
  [
    "My sister moved to Canada and works as a nurse there.",
    "Where does a relative of mine live and what is her job?",
  ],
  ["The recipe needs three eggs, butter and a little vanilla.", "Ingredients for the dessert"],
  [
    "The strike of the train drivers lasts until Friday evening.",
    "Until when is rail traffic disrupted?",
  ],
  [
    "Keys to the garage hang behind the door in the hall.",
    "Where do I find what opens the place for the car?",
  ],
  ["The team lost the match in the last minute.", "How did the game end?"],
  ["Renew the domain before the end of August.", "Deadline for the web address"],
  ["He plays the cello in a small orchestra.", "Which instrument does he master?"],
  ["The lake froze over for the first time in ten years.", "An unusually cold winter"],
  [
    "Use exponential backoff when the server answers with status 429.",
    "How to react to rate limiting?",
  ],
  [
    "The museum is free on the first Sunday of the month.",
    "When does visiting the exhibition cost nothing?",
  ],
  ["Our rabbit escaped through a hole in the fence.", "How did the pet get away?"],
];

/** Fused score of a text that has all words of a question, for every model: an exact match outweighs everything. */
const lexicalWeight = 0.5;

/** The texts to embed for `calibrationFrom`, in order. */
export const probeTexts: readonly string[] = pairs.flat();

/**
 * Understands a model by its vectors of `probeTexts`: what it gives to texts that belong together, and to others.
 * Relevant begins at the lower quarter of the first; what most others do not reach is chance.
 */
export function calibrationFrom(vectors: readonly Float32Array[]): Calibration {
  const together: number[] = [];
  const apart: number[] = [];
  for (let note = 0; note < pairs.length; note += 1) {
    for (let question = 0; question < pairs.length; question += 1) {
      const score = dot(vectors[note * 2], vectors[question * 2 + 1]);
      (note === question ? together : apart).push(score);
    }
  }
  const chance = quantile(apart, 0.95);
  const relevant = Math.max(quantile(together, 0.25), chance + 0.02);
  const sure = Math.max(quantile(together, 0.9), relevant + 0.02);
  return {
    lexicalWeight,
    lexicalPower: 1,
    curve: [
      [Math.min(quantile(apart, 0.05), chance - 0.01), 0],
      [chance, 0.3],
      [relevant, 0.6],
      [sure, 0.85],
      [1, 0.95],
      [1 + lexicalWeight, 1],
    ],
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function dot(a: Float32Array | undefined, b: Float32Array | undefined): number {
  let sum = 0;
  for (let i = 0; i < (a?.length ?? 0); i += 1) sum += (a?.[i] ?? 0) * (b?.[i] ?? 0);
  return sum;
}
