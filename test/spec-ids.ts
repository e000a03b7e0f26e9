/** Rule ids: where docs/spec/ states them, and which tests carry them. */

const idPattern = "[A-Z][A-Z0-9]*-\\d+[a-z]?";

/** Ids of the rules that a spec file states: lines `- **FUSE-4** The rule …`. */
export function statedIds(markdown: string): string[] {
  return [...markdown.matchAll(new RegExp(`^- \\*\\*(${idPattern})\\*\\* \\S`, "gm"))].map(
    (match) => match[1] ?? "",
  );
}

/**
 * Ids that test names carry: a name begins with `[FUSE-4]`, or with several as `[PUSH-7, W-2]` or
 * `[PUSH-7] [W-2]`.
 */
export function carriedIds(source: string): string[] {
  const heads = source.matchAll(
    new RegExp(`["'\`]((?:\\[${idPattern}(?:, ?${idPattern})*\\] ?)+)`, "g"),
  );
  return [...heads].flatMap((head) => head[1]?.match(new RegExp(idPattern, "g")) ?? []);
}
