/** A question in words: what the lexical index is asked for. */
import { questionLengthMax, questionWordsMax } from "./limits.ts";

/** Words that say little about what an English text is about. A question made only of them keeps them. */
const stopWords = new Set(
  `a about am an and any are as at be been but by can could did do does doing for from had has have how i if in into
  is it its me my of on or our should so some than that the their them then there these they this those to was we
  were what when where which who whom whose why will with would you your`.split(/\s+/),
);

const phraseOrWord = /"([^"]{1,200})"|[\p{L}\p{M}\p{N}]+(?:['\u2019_][\p{L}\p{M}\p{N}]+)*/gu;

/**
 * The words of a question, lower case and without stop words; a part in double quotes is one phrase.
 * Empty when the question has no word.
 */
export function questionWords(question: string): string[] {
  const all = new Set<string>();
  for (const match of question.slice(0, questionLengthMax).matchAll(phraseOrWord)) {
    const word = (match[1] ?? match[0]).toLowerCase();
    if (/[\p{L}\p{N}]/u.test(word)) all.add(word);
  }
  const telling = [...all].filter((word) => !stopWords.has(word));
  return (telling.length > 0 ? telling : [...all]).slice(0, questionWordsMax);
}
