/** What the steps of one attempt share: push.ts drives them, replacing.ts has those of PUSH-12. */
import type { FileWorker, OpView } from "@smfs/store";
import type { Look } from "./look.ts";

/** Milliseconds between two looks at a document that the server processes. */
export const pollMs = 1000;
/** Milliseconds after which a second 404 of a server that may lag is believed. */
export const absentMs = 60_000;

export const cannotReplace = "this server cannot replace the bytes of a binary document";

/** What became of an attempt, for the loop that paces them. */
export type PushOutcome =
  /** It ended: settled, rejected, resolved. */
  | { readonly kind: "ended" }
  /** Nothing was to be done, or not now. */
  | { readonly kind: "idle" }
  /** Its outcome is unknown, or it waits for the server: look again after `afterMs`. */
  | { readonly kind: "again"; readonly afterMs: number };

export const ended: PushOutcome = { kind: "ended" };
export const idle: PushOutcome = { kind: "idle" };

/** What an attempt does next. */
export type Step =
  | { readonly kind: "look" }
  | { readonly kind: "send" }
  | { readonly kind: "move" }
  | { readonly kind: "judge"; readonly look: Look }
  | { readonly kind: "poll" }
  | { readonly kind: "stop"; readonly outcome: PushOutcome };

export const stop = (outcome: PushOutcome): Step => ({ kind: "stop", outcome });

/** The bytes that an attempt has frozen. */
export async function snapshotBytes(worker: FileWorker, op: OpView): Promise<Uint8Array> {
  const blob = op.snapshot?.blob;
  if (blob !== undefined) return worker.readBlob(blob);
  return op.snapshot?.bytes ?? new Uint8Array(0);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as text that gives the same bytes again, or undefined for a binary. */
export function toUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
