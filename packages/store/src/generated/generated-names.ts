/**
 * What is generated, and when it changes: the parts of this folder, wired. The daemon tells it what it has answered and
 * what sync has settled; it tells the kernel what to forget.
 */
import { rootIno } from "@smfs/core";
import { Conflicts } from "../conflicts.ts";
import type { StoreContext } from "../context.ts";
import { Fills } from "../fills.ts";
import { Take } from "../take.ts";
import { ControlDirectory } from "./control-directory.ts";
import { ExtractQueue } from "./extract-queue.ts";
import { type GeneratedNode, GeneratedNodes, type Listed } from "./nodes.ts";
import { type Answer, Answers, type Asked } from "./questions.ts";
import { Sidecars } from "./sidecars.ts";

const controlName = ".smfs";
const profileName = "profile.md";
const profileQuestion = { kind: "profile" } as const;
/** Milliseconds from one look at the profile to the next, while something is going on. */
const profileEveryMs = 5000;
/** Milliseconds until it is asked for again after a failure. */
const profileAgainMs = 30_000;
/** Milliseconds between two looks at which files are refused. */
const refreshEveryMs = 100;

const encoder = new TextEncoder();

/** Something to be looked at now and then. */
interface Look {
  isWanted: boolean;
  /** On the monotonic clock. */
  notBeforeMs: number;
}

export class GeneratedNames {
  readonly nodes: GeneratedNodes;
  readonly answers: Answers;
  readonly sidecars: Sidecars;
  readonly #context: StoreContext;
  readonly #control: ControlDirectory;
  readonly #extracts: ExtractQueue;
  /** The profile as it is shown; empty for none. */
  #profile = "";
  #profileMs = 0;
  #isProfileDismissed = false;
  readonly #profileLook: Look = { isWanted: true, notBeforeMs: Number.NEGATIVE_INFINITY };
  readonly #refused: Look = { isWanted: true, notBeforeMs: Number.NEGATIVE_INFINITY };

  constructor(context: StoreContext, ask: (asked: Asked) => void) {
    this.#context = context;
    this.nodes = new GeneratedNodes(context.clock, context.owner);
    this.answers = new Answers(context.clock, ask);
    this.sidecars = new Sidecars(context, this.nodes);
    const conflicts = new Conflicts(context, new Take(context, new Fills(context)));
    this.#control = new ControlDirectory(context, this.nodes, this.answers, conflicts);
    this.#extracts = new ExtractQueue(context, this.answers, this.sidecars);
  }

  /** Whether something generated can have this name at all: asked for every name, so it is quick. */
  isCandidate(parent: number, name: string): boolean {
    if (parent === rootIno && (name === controlName || name === profileName)) return true;
    return this.sidecars.any && Sidecars.isName(name);
  }

  /** What is generated under a name that no real file has. */
  find(parent: number, name: string): GeneratedNode | undefined {
    if (parent === rootIno && name === controlName) return this.#control.root();
    if (parent === rootIno && name === profileName) return this.#profileNode();
    return this.sidecars.find(parent, name);
  }

  /** What is listed in a real directory besides its own names. */
  list(parent: number): readonly Listed[] {
    const sidecars = this.sidecars.list(parent);
    if (parent !== rootIno) return sidecars;
    const profile = this.#profileNode();
    if (profile === undefined) return sidecars;
    if (this.#context.entries.inoOf(parent, profileName) !== undefined) return sidecars;
    return [{ name: profileName, node: profile }, ...sidecars];
  }

  /** Somebody removed a generated name. Answers false for one that cannot be removed. */
  dismiss(parent: number, name: string): boolean {
    if (parent === rootIno && name === controlName) return false;
    if (parent !== rootIno || name !== profileName) return this.sidecars.dismiss(parent, name);
    this.#isProfileDismissed = true;
    this.#profileChanged();
    return true;
  }

  #profileNode(): GeneratedNode | undefined {
    if (this.#profile === "" || this.#isProfileDismissed) return undefined;
    const bytes = encoder.encode(this.#profile);
    const body = { kind: "file", content: () => bytes, size: bytes.length } as const;
    return this.nodes.node("profile", body, this.#profileMs);
  }

  /** Both sides hold the same of an entry now. */
  settled(fid: string): void {
    this.#extracts.settled(fid);
  }

  /** Sync has changed something: what is generated from it may be another. */
  stirred(): void {
    this.#refused.isWanted = true;
    this.#profileLook.isWanted = true;
  }

  /** An answer to a question of `ask` has come. */
  receive(id: number, answer: Answer): void {
    const question = this.answers.receive(id, answer);
    if (question?.kind === "profile") this.#takeProfile(answer);
    if (question?.kind === "extract") this.#extracts.answered(question);
  }

  #takeProfile(answer: Answer): void {
    if (answer.kind !== "text") {
      // The server is away: it is asked again, not often.
      this.#profileLook.isWanted = true;
      this.#profileLook.notBeforeMs = this.#context.clock.monotonic() + profileAgainMs;
      return;
    }
    const { text } = answer;
    if (text === this.#profile) return;
    this.#profile = text;
    this.#profileMs = this.#context.clock.now();
    this.#isProfileDismissed = false;
    this.#profileChanged();
  }

  #profileChanged(): void {
    this.#context.invalidate({ kind: "entry", parent: rootIno, name: profileName });
    const node = this.nodes.keyed("profile");
    if (node !== undefined) this.#context.invalidate({ kind: "inode", ino: node.ino });
  }

  /** When `tick` has something to do, on the monotonic clock. */
  get dueMs(): number {
    const never = Number.POSITIVE_INFINITY;
    return Math.min(
      this.#extracts.dueMs,
      this.#refused.isWanted ? this.#refused.notBeforeMs : never,
      this.#profileLook.isWanted ? this.#profileLook.notBeforeMs : never,
    );
  }

  tick(nowMs: number): void {
    this.#extracts.tick(nowMs);
    if (isDue(this.#refused, nowMs, refreshEveryMs)) this.sidecars.refresh();
    if (isDue(this.#profileLook, nowMs, profileEveryMs)) this.answers.refresh(profileQuestion);
  }
}

function isDue(look: Look, nowMs: number, everyMs: number): boolean {
  if (!look.isWanted || nowMs < look.notBeforeMs) return false;
  look.isWanted = false;
  look.notBeforeMs = nowMs + everyMs;
  return true;
}
