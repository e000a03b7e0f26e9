/** What a run of torture did, counted, and as the text that it prints. */
import type { Fate } from "./observe.ts";

export class Report {
  cycles = 0;
  acknowledged = 0;
  /** kill -9, by what was killed. */
  readonly kills = { daemon: 0, server: 0, starting: 0, syncing: 0 };
  /** What became of calls that were under way when their daemon was killed. */
  readonly underway: Record<Fate, number> = { none: 0, "not done": 0, done: 0, "in part": 0 };
  /** Writes acknowledged to a program after its daemon had been killed: their bytes go to the file at once. */
  outlived = 0;
  lines = 0;
  trees = 0;
  stores = 0;
  servers = 0;
  /** Files under /.conflicts at the end. */
  conflictVersions = 0;

  text(seconds: number): string {
    const { kills, underway } = this;
    const row = (what: string, count: number | string) => `  ${what.padEnd(58)} ${count}`;
    return [
      row("cycles", this.cycles),
      row("calls acknowledged", this.acknowledged),
      row("  of these after the death of their daemon", this.outlived),
      row("lines that several devices appended to the same files", this.lines),
      row("daemons killed at work", kills.daemon),
      row("servers killed", kills.server),
      row("daemons killed while they started", kills.starting),
      row("daemons killed while `smfs sync` waited", kills.syncing),
      row("calls under way: carried out", underway.done),
      row("calls under way: not carried out", underway["not done"]),
      row("writes under way: carried out in part", underway["in part"]),
      row("mounted trees compared", this.trees),
      row("stores of killed daemons opened and checked", this.stores),
      row("comparisons with the server and the other device", this.servers),
      row("conflict versions of shared files", this.conflictVersions),
      row("seconds", Math.round(seconds)),
    ].join("\n");
  }
}
