/** `smfs grep`: passages that answer a question in plain words, with file and lines. */
import { readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { ApiClient, fetchTransport } from "@smfs/api";
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import type { ServerFlags } from "../config.ts";
import { checkContainer } from "../container.ts";
import type { SearchHit } from "../daemon/control-protocol.ts";
import { findMount, withoutLinks } from "../find-mount.ts";
import { searchMs } from "../limits.ts";
import type { MountRecord } from "../mount-records.ts";
import { printable } from "../output.ts";
import { resolveServer } from "../resolve-server.ts";
import { toHits } from "../search-hits.ts";
import { shellPath } from "../shell-path.ts";
import type { CommandContext } from "./context.ts";
import { daemonOf } from "./status.ts";

export interface GrepOptions extends ServerFlags {
  readonly json?: boolean;
  /** Search this container although it is not mounted. */
  readonly tag?: string;
  /** Numbers each line of a passage, as grep -n does. */
  readonly lineNumber?: boolean;
  readonly maxCount: number;
}

/** A hit with the path as the user's shell would name it. */
export interface ShownHit {
  readonly path: string;
  readonly start: number | null;
  readonly end: number | null;
  readonly score: number;
  readonly text: string;
}

/** Bytes of a file that is searched for a passage whose lines the server did not tell. */
const locateBytesMax = 4 << 20;

export async function grepCommand(
  context: CommandContext,
  question: string,
  target: string | undefined,
  options: GrepOptions,
): Promise<ExitCode> {
  if (question.trim() === "") throw new CliError(exitCodes.usage, "the question is empty");
  const shown =
    options.tag === undefined
      ? await inMount(context, question, target, options)
      : await inContainer(context, question, options.tag, target, options);
  if (options.json === true) context.output.json(shown);
  else print(context, shown, options.lineNumber === true);
  // As grep: nothing found is not success.
  return shown.length > 0 ? exitCodes.done : exitCodes.failed;
}

async function inMount(
  context: CommandContext,
  query: string,
  target: string | undefined,
  options: GrepOptions,
): Promise<ShownHit[]> {
  const record = findMount(context.config().paths, target, context.cwd);
  const filepath = scopeInMount(record, target, context.cwd);
  const request = { query, filepath, limit: options.maxCount };
  const hits = await daemonOf(record).search(request, searchMs);
  return hits.map((hit) => {
    const path = join(record.path, hit.filepath);
    return show(located(hit, path), shellPath(path, context.cwd));
  });
}

/**
 * The part of the container that `target` means: `/dir/`, `/file`, or `/` for all of it. A target that is the
 * container's name, or none outside of the mount, means all of it.
 */
export function scopeInMount(record: MountRecord, target: string | undefined, cwd: string): string {
  const path = withoutLinks(resolve(cwd, target ?? "."));
  const way = relative(record.path, path);
  if (way === "") return "/";
  if (way.startsWith("..")) return "/";
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new CliError(exitCodes.notFound, `${target ?? path}: no such file or directory`);
  }
  return stat.isDirectory() ? `/${way}/` : `/${way}`;
}

async function inContainer(
  context: CommandContext,
  q: string,
  container: string,
  path: string | undefined,
  options: GrepOptions,
): Promise<ShownHit[]> {
  const config = context.config(options);
  const server = await resolveServer(config, context.clock, (text) =>
    context.output.progress(text),
  );
  const client = new ApiClient({
    transport: fetchTransport({
      baseUrl: server.apiUrl,
      key: () => server.key,
      clock: context.clock,
    }),
    container: checkContainer(container),
    clientId: "smfs-grep",
  });
  const filepath = path === undefined ? "/" : path.startsWith("/") ? path : `/${path}`;
  const answer = await client.search({ q, filepath, limit: options.maxCount });
  return toHits(answer).map((hit) => show(hit, hit.filepath));
}

/** A hit with its lines found in the file, where the server did not tell them. */
function located(hit: SearchHit, path: string): SearchHit {
  if (hit.lines !== null || hit.text === "") return hit;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile() || stat.size > locateBytesMax) return hit;
  const lines = linesOf(readFileSync(path, "utf8"), hit.text);
  return lines === undefined ? hit : { ...hit, lines };
}

/** Which lines of `text` (from 1) a passage stands in. */
export function linesOf(text: string, passage: string): { start: number; end: number } | undefined {
  const at = text.indexOf(passage);
  if (at === -1) return undefined;
  const start = text.slice(0, at).split("\n").length;
  return { start, end: start + passage.replace(/\n+$/, "").split("\n").length - 1 };
}

function show(hit: SearchHit, path: string): ShownHit {
  const { lines, score, text } = hit;
  return { path, start: lines?.start ?? null, end: lines?.end ?? null, score, text };
}

function print({ output }: CommandContext, hits: readonly ShownHit[], numbered: boolean): void {
  hits.forEach((hit, index) => {
    if (index > 0) output.line("");
    const range =
      hit.start === null ? "" : `:${hit.start}${hit.end === hit.start ? "" : `-${hit.end}`}`;
    output.line(
      `${output.bold(`${printable(hit.path)}${range}`)} ${output.dim(`(${hit.score.toFixed(2)})`)}`,
    );
    hit.text
      .replace(/\s+$/, "")
      .split("\n")
      .forEach((line, offset) => {
        const number = numbered && hit.start !== null ? `${hit.start + offset}:` : "  ";
        output.line(`${number}${printable(line.replace(/\t/g, "    "))}`);
      });
  });
}
