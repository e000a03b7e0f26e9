/**
 * BERT's uncased WordPiece tokenisation: text → token ids, without special tokens.
 *
 * NFD, combining marks and control characters removed, lower case; split at white space, with every punctuation
 * character and every CJK character a word of its own; then greedy longest match in the vocabulary
 * (google-research/bert, tokenization.py).
 */

/** Characters of the longest word that is looked up; a longer one is unknown. */
const wordCharactersMax = 100;
/** Words whose pieces are remembered; when it is full, all are forgotten. */
const rememberedWordsMax = 20_000;

const unknownToken = "[UNK]";
const continuation = "##";

// BERT counts all ASCII characters that are neither letter, digit, space nor control as punctuation, also $ + < = > ^ ` | ~.
const word =
  /[!-/:-@[-`{-~\p{P}]|[\u{3400}-\u{4dbf}\u{4e00}-\u{9fff}\u{f900}-\u{faff}\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]|[^\s!-/:-@[-`{-~\p{P}\u{3400}-\u{4dbf}\u{4e00}-\u{9fff}\u{f900}-\u{faff}\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]+/gu;
const asciiWord = /[!-/:-@[-`{-~]|[0-9A-Za-z]+/g;
const isAscii = /^[\t\n\r -~]*$/;
const controls = /(?![\t\n\r])\p{C}|\u{fffd}/gu;
const combiningMarks = /\p{Mn}/gu;

export class WordPiece {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #unknown: number;
  readonly #remembered = new Map<string, readonly number[]>();

  /** @param vocabulary the tokens, each at the index that is its id */
  constructor(vocabulary: readonly string[]) {
    const ids = new Map<string, number>();
    vocabulary.forEach((token, id) => {
      ids.set(token, id);
    });
    const unknown = ids.get(unknownToken);
    if (unknown === undefined) throw new Error(`the vocabulary has no ${unknownToken}`);
    this.#ids = ids;
    this.#unknown = unknown;
  }

  /** Token ids of a text, in order. */
  tokenIds(text: string): number[] {
    const ids: number[] = [];
    for (const piece of words(text)) {
      for (const id of this.#pieces(piece)) ids.push(id);
    }
    return ids;
  }

  #pieces(piece: string): readonly number[] {
    const known = this.#remembered.get(piece);
    if (known !== undefined) return known;
    const found = this.#split(piece);
    if (this.#remembered.size >= rememberedWordsMax) this.#remembered.clear();
    // A slice of the text would keep the whole text alive as long as it is remembered.
    this.#remembered.set(Buffer.from(piece).toString(), found);
    return found;
  }

  #split(piece: string): readonly number[] {
    const characters = Array.from(piece);
    if (characters.length > wordCharactersMax) return [this.#unknown];
    const ids: number[] = [];
    let start = 0;
    while (start < characters.length) {
      let end = characters.length;
      let id: number | undefined;
      for (; end > start; end -= 1) {
        const candidate = characters.slice(start, end).join("");
        id = this.#ids.get(start === 0 ? candidate : continuation + candidate);
        if (id !== undefined) break;
      }
      if (id === undefined) return [this.#unknown];
      ids.push(id);
      start = end;
    }
    return ids;
  }
}

/** The words of a text as BERT sees them: lower case, no accents, punctuation apart. */
function words(text: string): readonly string[] {
  if (isAscii.test(text)) return text.toLowerCase().match(asciiWord) ?? [];
  const plain = text
    .replace(controls, "")
    .normalize("NFD")
    .replace(combiningMarks, "")
    .toLowerCase();
  return plain.match(word) ?? [];
}
