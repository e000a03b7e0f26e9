/** What hunts add up to: the table, and which bounds are missed. */
import type { Catch } from "./hunt.ts";
import type { Mutant } from "./mutant.ts";

export interface Found {
  readonly mutant: Mutant;
  readonly catches: readonly Catch[];
}

/** Seeds until a mutant is caught: the median of its repeats, and in each of them. */
export const bounds = { loss: 50, other: 200, max: 1000 };

/** Of repeats sorted by their seeds, the middle one, rounded up. */
export function median(counts: readonly number[]): number {
  const sorted = [...counts].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.POSITIVE_INFINITY;
}

/** Lines that say which bound is missed; none when all hold. */
export function judge({ mutant, catches }: Found): string[] {
  const counts = catches.map(({ isCaught, seedCount }) =>
    isCaught ? seedCount : Number.POSITIVE_INFINITY,
  );
  const middle = median(counts);
  const missed: string[] = [];
  if (middle > bounds[mutant.kind])
    missed.push(`${mutant.id}: median ${middle}, at most ${bounds[mutant.kind]}`);
  const most = Math.max(...counts);
  if (most > bounds.max) missed.push(`${mutant.id}: not caught in every repeat`);
  return missed;
}

/** One line for each mutant, as Markdown. */
export function tableOf(found: readonly Found[]): string {
  const lines = found.map(({ mutant, catches }) => {
    const counts = catches.map(({ isCaught, seedCount }) => (isCaught ? seedCount : Infinity));
    const rules = new Set(catches.flatMap(({ rule }) => rule ?? []));
    const off = (mutant.without ?? []).map(({ name }) => name).join("; ");
    const numbers = [median(counts), Math.max(...counts)].map((n) => (n === Infinity ? "–" : n));
    return `| ${[mutant.id, mutant.breaks, mutant.rules.join(" "), mutant.kind, off, [...rules].sort().join(" "), ...numbers].join(" | ")} |`;
  });
  const head =
    "| mutant | what is broken | rules | kind | switched off | caught by | median | most |";
  return [head, "| --- | --- | --- | --- | --- | --- | --- | --- |", ...lines].join("\n");
}
