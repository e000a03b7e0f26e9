/** Texts with questions whose answers are known, from what every Debian machine can have. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { promisify } from "node:util";
import { sharedWordPiece } from "../packages/server/src/embed/static-embedder.ts";

export interface Corpus {
  readonly name: string;
  readonly documents: readonly string[];
  readonly questions: readonly Question[];
}

export interface Question {
  readonly text: string;
  /** Index of the one document that answers it. */
  readonly answer: number;
  /** Set aside: looked at only when nothing is tuned any more. */
  readonly isHeldOut: boolean;
}

const run = promisify(execFile);
/** Pages whose names begin with the same word, such as those of one large tool's subcommands. */
const pagesOfOneTool = 5;

/** Half of the questions, by a hash of their text, so that it does not depend on order. */
function isHeldOut(text: string): boolean {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return ((hash ^ (hash >>> 15)) & 1) === 1;
}

function corpus(
  name: string,
  pairs: readonly (readonly [question: string, document: string])[],
): Corpus {
  return {
    name,
    documents: pairs.map(([, document]) => document),
    questions: pairs.map(([text], answer) => ({ text, answer, isHeldOut: isHeldOut(text) })),
  };
}

/** Sixty short notes, each with a question that shares no word with it. */
export function notes(): Corpus {
  const lines = readFileSync(new URL("data/notes.tsv", import.meta.url), "utf8")
    .trim()
    .split("\n");
  return corpus(
    "60 short notes",
    lines.map((line) => {
      const [note = "", question = ""] = line.split("\t");
      return [question, note];
    }),
  );
}

/** The perl FAQ (Debian package perl-doc): each question's heading → its answer. */
export function perlFaq(): Corpus {
  const root = "/usr/share/perl";
  const pairs: [string, string][] = [];
  for (const version of readdirSync(root).filter((name) => /^5\.\d+\.\d+$/.test(name))) {
    for (let part = 1; part <= 9; part += 1) {
      const pod = readFileSync(`${root}/${version}/pod/perlfaq${part}.pod`, "utf8");
      for (const section of pod.split(/^=head2 /m).slice(1)) {
        const [heading = "", ...body] = section.split("\n");
        const answer = body.join("\n").replace(/^=head1 [\s\S]*/m, "");
        pairs.push([plainPod(heading), plainPod(answer).trim()]);
      }
    }
  }
  return corpus("perl FAQ", pairs);
}

/** Manual pages of sections 1 and 8: the one-line description → the page without it. @param pages at most so many */
export async function manual(pages: number): Promise<Corpus> {
  const files = ["/usr/share/man/man1", "/usr/share/man/man8"].flatMap((dir) =>
    readdirSync(dir)
      .filter((name) => /\.[18]\w*\.gz$/.test(name))
      .sort()
      .map((name) => `${dir}/${name}`),
  );
  // Spread over the alphabet by a hash.
  const shuffled = files.map((file) => [hashOf(file), file] as const).sort(([a], [b]) => a - b);
  const pairs: [string, string][] = [];
  const seen = new Set<string>();
  const tools = new Map<string, number>();
  for (const [, file] of shuffled) {
    if (pairs.length === pages) break;
    const tool = /[a-z0-9]+/i.exec(basename(file))?.[0] ?? "";
    if ((tools.get(tool) ?? 0) === pagesOfOneTool) continue;
    const pair = await manualPage(file);
    if (pair === undefined || seen.has(pair[0]) || seen.has(pair[1].slice(0, 2000))) continue;
    seen.add(pair[0]);
    seen.add(pair[1].slice(0, 2000));
    tools.set(tool, (tools.get(tool) ?? 0) + 1);
    pairs.push(pair);
  }
  return corpus(`${pairs.length} manual pages`, pairs);
}

const overstriking = new RegExp(`.${String.fromCharCode(8)}`, "gu");
const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

async function manualPage(file: string): Promise<[string, string] | undefined> {
  const { stdout } = await run(
    "man",
    ["--no-hyphenation", "--no-justification", "-Tutf8", "-l", file],
    {
      env: { ...process.env, MANWIDTH: "80", LC_ALL: "C.UTF-8", MAN_KEEP_FORMATTING: "" },
      maxBuffer: 32 << 20,
    },
  ).catch(() => ({ stdout: "" }));
  // Overstriking and colour codes of the terminal.
  const text = stdout.replace(overstriking, "").replace(colours, "");
  const name = /^NAME\n([\s\S]*?)\n(?=\S)/m.exec(text);
  const description = name?.[1]
    ?.replace(/\s+/g, " ")
    .split(/ (?:-|--|\u2010|\u2013|\u2014) /)[1]
    ?.trim();
  if (name === null || description === undefined || description.length < 10) return undefined;
  const body = text.slice(name.index + name[0].length).trim();
  return body.length < 200 ? undefined : [description, body];
}

function hashOf(text: string): number {
  let hash = 7;
  for (const id of sharedWordPiece().tokenIds(text)) hash = (Math.imul(hash, 31) + id) | 0;
  return hash;
}

/** Pod without its markup. */
function plainPod(pod: string): string {
  return pod
    .replace(/^=(?:over|back|item|for|begin|end|cut|encoding|pod).*$/gm, (line) =>
      line.startsWith("=item") ? line.slice(6) : "",
    )
    .replace(/[A-Z]<<+ (.*?) >>+/gs, "$1")
    .replace(/[BCFILSX]<([^<>|]*\|)?([^<>]*)>/g, "$2")
    .replace(/[BCFILSX]<([^<>|]*\|)?([^<>]*)>/g, "$2")
    .replace(/E<lt>/g, "<")
    .replace(/E<gt>/g, ">");
}
