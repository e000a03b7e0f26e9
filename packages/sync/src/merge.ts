/**
 * Three texts into one, where that loses nothing. Pure.
 *
 * L is ours, R the server's, B what both come from. Only text is merged, only within bounds, and only where no
 * line was changed on both sides; whatever is not certain is a conflict, which keeps both.
 */
import { mergeBytesMax } from "@smfs/core";
import { diff3Merge } from "node-diff3";

/** Lines of one text at most: the comparison's cost grows with their square. */
const mergeLinesMax = 5000;

/** Endings of prose, where lines stand for themselves. Structured data merged by lines may mean something else. */
const proseEndings: ReadonlySet<string> = new Set([
  "",
  "adoc",
  "log",
  "markdown",
  "md",
  "org",
  "rst",
  "text",
  "txt",
]);

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

function toTextOrNothing(bytes: Uint8Array): string | undefined {
  if (bytes.length > mergeBytesMax || bytes.includes(0)) return undefined;
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The ending of a path's last name, lower-case, without the dot; empty when it has none. */
function endingOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot + 1).toLowerCase();
}

/**
 * The merged bytes, or undefined when both versions must be kept.
 * @param path of the document; its ending says whether lines stand for themselves
 */
export function merge(
  path: string,
  sides: { readonly local: Uint8Array; readonly base: Uint8Array; readonly remote: Uint8Array },
): Uint8Array | undefined {
  const local = toTextOrNothing(sides.local);
  const base = toTextOrNothing(sides.base);
  const remote = toTextOrNothing(sides.remote);
  if (local === undefined || base === undefined || remote === undefined) return undefined;
  const isProse = proseEndings.has(endingOf(path));
  // Two files that began empty and were each written whole are not two additions, unless lines stand for themselves.
  const appended = base === "" && !isProse ? undefined : mergeAppends(local, base, remote);
  if (appended !== undefined) return encoder.encode(appended);
  if (!isProse) return undefined;
  const merged = mergeLines(local, base, remote);
  return merged === undefined ? undefined : encoder.encode(merged);
}

/** Both only added at the end: R's lines, then ours. */
function mergeAppends(local: string, base: string, remote: string): string | undefined {
  if (!local.startsWith(base) || !remote.startsWith(base)) return undefined;
  // A line that was continued on both sides is not two lines.
  if (base !== "" && !base.endsWith("\n")) return undefined;
  const added = local.slice(base.length);
  const separator = remote === "" || remote.endsWith("\n") ? "" : "\n";
  return remote + separator + added;
}

function mergeLines(local: string, base: string, remote: string): string | undefined {
  const [a, o, b] = [local, base, remote].map(splitLines);
  if (a === undefined || o === undefined || b === undefined) return undefined;
  if (Math.max(a.length, o.length, b.length) > mergeLinesMax) return undefined;
  const regions = diff3Merge(a, o, b, { excludeFalseConflicts: true });
  const lines: string[] = [];
  for (const region of regions) {
    if (region.ok === undefined) return undefined;
    lines.push(...region.ok);
  }
  return lines.join("");
}

/** Lines with their ends, so that joining them gives the text again. */
function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
