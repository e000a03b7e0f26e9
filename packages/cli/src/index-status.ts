/** How far a server's index is, as it tells (`search` of `GET /ext/v1`, http-api.md), and as people read it. */
import { count, printable } from "./output.ts";

export interface ModelStatus {
  readonly name: string;
  /** Passages that have a vector of it. */
  readonly chunks: number;
  readonly state: "answering" | "loading" | "idle" | "failed";
  readonly problem?: string;
}

export interface IndexStatus {
  /** Passages in all. */
  readonly chunks: number;
  readonly models: readonly ModelStatus[];
}

/** Models of one server: one that is built in, one beside it; more are not looked at. */
const modelsMax = 16;
const states: readonly unknown[] = ["answering", "loading", "idle", "failed"];

/** The index's status in an answer; null when it tells none, or something else. */
export function toIndexStatus(body: unknown): IndexStatus | null {
  const search = (body as { search?: { chunks?: unknown; models?: unknown } } | null)?.search;
  if (!isCount(search?.chunks) || !Array.isArray(search.models)) return null;
  const models = search.models.slice(0, modelsMax).flatMap((model: unknown) => {
    const { name, chunks, state, problem } = (model ?? {}) as Record<string, unknown>;
    if (typeof name !== "string" || !isCount(chunks) || !states.includes(state)) return [];
    const known: ModelStatus = {
      name: name.slice(0, 200),
      chunks,
      // It is one of the four: asked above.
      state: state as ModelStatus["state"],
      ...(typeof problem === "string" ? { problem: problem.slice(0, 1000) } : {}),
    };
    return [known];
  });
  return { chunks: search.chunks, models };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Rows of a table: how many passages there are, and how many of them each model has read. */
export function indexRows({ chunks, models }: IndexStatus): string[][] {
  return [
    ["index", count(chunks, "passage")],
    ...models.map((model) => ["", printable(`${model.name}: ${progress(model, chunks)}`)]),
  ];
}

function progress({ chunks: done, state, problem }: ModelStatus, chunks: number): string {
  const n = (value: number) => value.toLocaleString("en");
  const all = done >= chunks ? "all of them" : `${n(done)} of ${n(chunks)}`;
  if (state === "failed")
    return `${all}; not available${problem === undefined ? "" : `: ${problem}`}`;
  return done < chunks ? `${all}, ${state === "loading" ? "loading" : "in the background"}` : all;
}
