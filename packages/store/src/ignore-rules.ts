/**
 * Patterns of files that stay on this machine, in the syntax of gitignore (docs/spec/sync.md, IGNORE-n). Pure: text
 * in, answers out. Whoever wrote the text may be a stranger, so its length and what one pattern can cost are bounded.
 */
import ignore, { type Ignore } from "ignore";

/** Bytes of one set of patterns that are read; what follows them is not. */
export const ignoreBytesMax = 65_536;
/** Lines that are patterns at most. */
const patternsMax = 1000;
/** Wildcards between two slashes, and parts that are `**`: each more multiplies what one look can cost. */
const wildcardsMax = 3;
const anyDepthMax = 2;
/** Paths whose answers the library remembers before it is made anew: it forgets none by itself. */
const remembersMax = 20_000;

export class IgnoreRules {
  readonly #patterns: readonly string[];
  /** Lines that are not followed, for people. */
  readonly problems: readonly string[];
  #matcher: Ignore;
  #asked = 0;

  /** @param texts sets of patterns; a later one can take back what an earlier one says (`!name`) */
  constructor(texts: readonly string[]) {
    const lines = texts.flatMap((text) => text.split(/\r?\n/));
    const patterns = lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
    const taken = patterns.filter(isCheap).slice(0, patternsMax);
    this.#patterns = taken;
    this.problems = [
      ...patterns
        .filter((line) => !isCheap(line))
        .map((line) => `"${line.slice(0, 80)}" has too many wildcards and is not followed`),
      ...(patterns.length > patternsMax
        ? [`only the first ${patternsMax} patterns are followed`]
        : []),
    ];
    this.#matcher = this.#made();
  }

  #made(): Ignore {
    return ignore({ allowRelativePaths: true }).add([...this.#patterns]);
  }

  /** Whether there is no pattern. */
  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  /** @param path from the root, beginning with a slash */
  matches(path: string, isDirectory: boolean): boolean {
    if (this.isEmpty || path.length < 2) return false;
    this.#asked += 1;
    if (this.#asked % remembersMax === 0) this.#matcher = this.#made();
    return this.#matcher.ignores(`${path.slice(1)}${isDirectory ? "/" : ""}`);
  }
}

function isCheap(pattern: string): boolean {
  const parts = pattern.split("/");
  const deep = parts.filter((part) => part === "**").length;
  return deep <= anyDepthMax && parts.every((part) => wildcardsIn(part) <= wildcardsMax);
}

function wildcardsIn(part: string): number {
  return part.split(/\*+/).length - 1;
}
