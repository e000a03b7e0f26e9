/**
 * What a pattern keeps on a device (IGNORE-n): it is not sent (INV-10), and when no pattern keeps it any more it is sent
 * (FIN-8). That it is not lost is asked of it as of anything else (INV-1).
 *
 * The one pattern of a run is `*~`. Private are the lines that a user wrote into a new file with such a name while the
 * pattern was in force, as long as it is: of anything older the server may know.
 */
import type { Doc } from "../hosted-model/document.ts";
import type { Device, EntryState } from "./device.ts";
import type { Content, Tokens } from "./tokens.ts";
import { Violation } from "./violation.ts";

/** Where the pattern is. */
export const ignorePath = "/.smfsignore";

interface Kept {
  readonly lines: Set<number>;
  /** Paths at which a file has been that the server may know of. */
  readonly known: Set<string>;
  isInForce: boolean;
}

export class Ignoring {
  readonly #tokens: Tokens;
  readonly #kept = new Map<string, Kept>();

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  #of(device: Device): Kept {
    let kept = this.#kept.get(device.name);
    if (kept === undefined) {
      kept = { lines: new Set(), known: new Set(), isInForce: false };
      this.#kept.set(device.name, kept);
    }
    return kept;
  }

  /** Called whenever names or bytes of a device have changed. */
  note(device: Device, entries: readonly EntryState[]): void {
    const kept = this.#of(device);
    kept.isInForce = this.#isInForce(device, entries);
    if (!kept.isInForce) kept.lines.clear();
    for (const { path, docId } of entries)
      if (matches(path) && (docId !== null || !kept.isInForce)) kept.known.add(path);
    for (const line of kept.lines)
      if (kept.known.has(this.#tokens.info(line).path)) kept.lines.delete(line);
  }

  #isInForce(device: Device, entries: readonly EntryState[]): boolean {
    const file = entries.find(({ path }) => path === ignorePath);
    if (file?.kind !== "file" || file.digest === undefined || !file.isHere) return false;
    const { digest } = file;
    return this.#tokens.content(digest, () => device.view.bytes(digest))?.hasPattern === true;
  }

  /** A user of the device has written a line, and the pattern was in force before and is now. */
  written(device: Device, line: number): void {
    const kept = this.#of(device);
    const { path } = this.#tokens.info(line);
    if (kept.isInForce && matches(path) && !kept.known.has(path)) kept.lines.add(line);
  }

  /** INV-10: nothing private reaches the server. @throws Violation */
  onStored({ filepath }: Doc, content: Content): void {
    for (const [name, { lines, known }] of this.#kept)
      for (const line of content.lines)
        if (lines.has(line)) {
          // Its user gave those bytes another name, or put them in the place of what the server has.
          const isKept = filepath !== null && matches(filepath) && !known.has(filepath);
          if (!isKept) lines.delete(line);
          else
            throw new Violation(
              "INV-10",
              `${name} keeps ${filepath} by a pattern, and the server got ${this.#tokens.describe(line)}`,
            );
        }
  }

  /** FIN-8: why a device that is at rest keeps something is a pattern that it has. Undefined when it is. */
  unfounded(device: Device): string | undefined {
    const { isInForce } = this.#of(device);
    const entry = device.view
      .entries()
      .find(({ path, excused }) => excused === "local only" && !(isInForce && matches(path)));
    return entry && `FIN-8: ${device.name} keeps ${entry.path}, and no pattern says so`;
  }
}

function matches(path: string): boolean {
  return path.endsWith("~");
}
