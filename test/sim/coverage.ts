/** What a batch of runs has reached: faults, moments, phases at a crash, kinds of user action. */

export class Coverage {
  readonly counts: Map<string, number> = new Map();

  add(key: string, count = 1): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + count);
  }

  fault(fate: string): void {
    this.add(`net ${fate}`);
  }

  merge(other: ReadonlyMap<string, number>): void {
    for (const [key, count] of other) this.add(key, count);
  }

  /** Those of `wanted` that were never reached. */
  missing(wanted: readonly string[]): string[] {
    return wanted.filter((key) => !this.counts.has(key));
  }

  /** Lines `key count`, sorted. */
  table(): string {
    return [...this.counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, count]) => `${key.padEnd(40)} ${count}`)
      .join("\n");
  }
}
