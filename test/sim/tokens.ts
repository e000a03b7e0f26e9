/**
 * Tokens: what users wrote, line by line, and what each line replaced.
 *
 * Every acknowledged write puts one fresh line (a token) into a file. The lines it took away are its parents: the user
 * had seen them. A token is safe while it, or something that replaced it with knowledge of it, is kept somewhere.
 */

/** Sets of tokens as bits: token n is bit n % 32 of word n >> 5. */
export class TokenSet {
  words: Uint32Array = new Uint32Array(4);

  add(token: number): void {
    const word = token >> 5;
    this.#grow(word + 1);
    this.words[word]! |= 1 << (token & 31);
  }

  has(token: number): boolean {
    return ((this.words[token >> 5] ?? 0) & (1 << (token & 31))) !== 0;
  }

  addAll(other: TokenSet): void {
    const count = other.words.length;
    this.#grow(count);
    for (let i = 0; i < count; i += 1) this.words[i]! |= other.words[i]!;
  }

  clear(): void {
    this.words.fill(0);
  }

  clone(): TokenSet {
    const copy = new TokenSet();
    copy.words = this.words.slice();
    return copy;
  }

  /** The first token that is in none of `others`; undefined when all are covered. */
  firstOutside(...others: readonly TokenSet[]): number | undefined {
    for (let i = 0; i < this.words.length; i += 1) {
      let left = this.words[i]!;
      for (const other of others) left &= ~(other.words[i] ?? 0);
      if (left !== 0) return i * 32 + (31 - Math.clz32(left));
    }
    return undefined;
  }

  /** The tokens that are in none of `others`. */
  without(...others: readonly TokenSet[]): TokenSet {
    const left = this.clone();
    for (const other of others)
      for (let i = 0; i < left.words.length; i += 1) left.words[i]! &= ~(other.words[i] ?? 0);
    return left;
  }

  /** Whether some token is in both. */
  meets(other: TokenSet | undefined): boolean {
    return (
      other !== undefined && this.words.some((word, i) => (word & (other.words[i] ?? 0)) !== 0)
    );
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let i = 0; i < this.words.length; i += 1)
      for (let bit = 0; bit < 32; bit += 1)
        if ((this.words[i]! & (1 << bit)) !== 0) yield i * 32 + bit;
  }

  #grow(count: number): void {
    if (count <= this.words.length) return;
    const grown = new Uint32Array(Math.max(count, this.words.length * 2));
    grown.set(this.words);
    this.words = grown;
  }
}

/** Who wrote a token, and when: for people who read a trace. */
export interface TokenInfo {
  readonly device: string;
  readonly at: number;
  readonly path: string;
}

const lineDigits = 6;
const tokenPattern = /t([0-9a-z]{6})\./g;
/** The line of a `.smfsignore`: names that end so stay on the device. */
export const patternLine = "*~\n";
/** What may stand between tokens: line ends, holes, and the mark that keeps a content from being text. */
const filling = /^[\s\0\xff]*$/;

/** All tokens of a run. */
export class Tokens {
  readonly #info: TokenInfo[] = [];
  readonly #parents: (readonly number[])[] = [];
  /** For each token, itself and everything it descends from. */
  readonly #ancestors: TokenSet[] = [];
  readonly #linesOf = new Map<string, Content>();

  get count(): number {
    return this.#info.length;
  }

  /** Makes a token that replaced `parents`. */
  make(parents: Iterable<number>, info: TokenInfo): number {
    const token = this.#info.length;
    const all = [...parents];
    const ancestors = new TokenSet();
    ancestors.add(token);
    for (const parent of all) ancestors.addAll(this.#ancestors[parent]!);
    this.#info.push(info);
    this.#parents.push(all);
    this.#ancestors.push(ancestors);
    return token;
  }

  info(token: number): TokenInfo {
    return this.#info[token]!;
  }

  parents(token: number): readonly number[] {
    return this.#parents[token]!;
  }

  ancestors(token: number): TokenSet {
    return this.#ancestors[token]!;
  }

  /** A token with its story, for a report. */
  describe(token: number): string {
    const { device, at, path } = this.info(token);
    const parents = this.parents(token).map((parent) => this.line(parent).trim());
    return `${this.line(token).trim()} (${device} at ${at} ms, ${path}; replaced ${parents.join(" ") || "nothing"})`;
  }

  /** The line of a token: fixed width, so that a torn or mixed one is no token. */
  line(token: number): string {
    return `t${token.toString(36).padStart(lineDigits, "0")}.\n`;
  }

  /** What a content is made of; remembered per digest. */
  content(digest: string, bytes: () => Uint8Array | undefined): Content | undefined {
    const known = this.#linesOf.get(digest);
    if (known !== undefined) return known;
    const found = bytes();
    if (found === undefined) return undefined;
    const content = this.#parse(found);
    this.#linesOf.set(digest, content);
    return content;
  }

  #parse(bytes: Uint8Array): Content {
    const text = Buffer.from(bytes).toString("latin1");
    const lines: number[] = [];
    let strange: string | undefined;
    const rest = text.replace(tokenPattern, (_match, digits: string) => {
      const token = Number.parseInt(digits, 36);
      if (token >= this.count) strange ??= digits;
      else lines.push(token);
      return "";
    });
    const hasPattern = rest.includes(patternLine);
    if (!filling.test(rest.replaceAll(patternLine, "")))
      strange ??= JSON.stringify(rest.trim().slice(0, 60));
    const covers = new TokenSet();
    for (const token of lines) covers.addAll(this.#ancestors[token]!);
    return { lines, covers, strange, hasPattern };
  }
}

/** A content as the oracle sees it. */
export interface Content {
  readonly lines: readonly number[];
  /** Its tokens and everything they descend from. */
  readonly covers: TokenSet;
  /** A line that nobody wrote. */
  readonly strange: string | undefined;
  /** Whether it says which files stay on a device. */
  readonly hasPattern: boolean;
}
