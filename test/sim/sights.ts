/**
 * What each device was last shown of each document, and when: whether a deletion was sent on a fresh look, and what that
 * look showed. On a server without preconditions nobody can do better than to look just before he deletes.
 */
import type { Answer } from "../hosted-model/message.ts";
import { isHold } from "../hosted-model/message.ts";
import { TokenSet } from "./tokens.ts";

interface Sight {
  /** Virtual time at which the answer arrived. */
  readonly at: number;
  /** Tokens in what was shown, and what they descend from. */
  readonly covers: TokenSet;
}

/** A request that the server carries out now. */
export interface Asked {
  readonly device: string;
  /** Virtual time at which it left. */
  readonly sentAt: number;
}

/** Virtual milliseconds between the answer to a look and the deletion that is sent on it, at most. */
const freshMs = 250;
const documentPath = /^\/v3\/documents\/([^/?]+)$/;

export class Sights {
  readonly #covers: (text: string) => TokenSet;
  /** By device and document. */
  readonly #last = new Map<string, Sight>();

  /** @param covers the tokens of a text, and what they descend from */
  constructor(covers: (text: string) => TokenSet) {
    this.#covers = covers;
  }

  /** The answer to a request for one document has arrived. Without text it shows nothing: nobody judges by it. */
  shown(device: string, asked: { method: string; path: string }, answer: Answer, at: number): void {
    if (asked.method !== "GET" || isHold(answer) || answer.status !== 200) return;
    if (documentPath.exec(asked.path) === null) return;
    const document = answer.json as { readonly id?: unknown; readonly content?: unknown };
    if (typeof document.id !== "string") return;
    const { content } = document;
    const covers = typeof content === "string" ? this.#covers(content) : new TokenSet();
    this.#last.set(keyOf(device, document.id), { at, covers });
  }

  /** What the look showed on which this request was sent; undefined when it was not sent on a fresh one. */
  behind({ device, sentAt }: Asked, docId: string): TokenSet | undefined {
    const sight = this.#last.get(keyOf(device, docId));
    return sight === undefined || sentAt - sight.at > freshMs ? undefined : sight.covers;
  }
}

function keyOf(device: string, docId: string): string {
  return `${device} ${docId}`;
}
