/** What `smfs doctor` says of one thing. */
export interface Finding {
  /** What was looked at: `machine`, `directories`, `server`, `mount`, `store`. */
  readonly about: string;
  /** `note` is worth knowing, `problem` keeps something from working or being whole. */
  readonly level: "ok" | "note" | "problem";
  readonly message: string;
  /** What to do; null when nothing has to be done. */
  readonly advice: string | null;
}

export function ok(about: string, message: string): Finding {
  return { about, level: "ok", message, advice: null };
}

export function note(about: string, message: string, advice: string | null = null): Finding {
  return { about, level: "note", message, advice };
}

export function problem(about: string, message: string, advice: string): Finding {
  return { about, level: "problem", message, advice };
}
