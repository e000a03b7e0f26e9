/** The storage as the pipeline gets it: wherever a document's text is indexed, its memories are drawn, in that unit. */
import type { Random } from "@smfs/core";
import type { Storage, Transaction } from "../storage/storage.ts";
import { drawMemories } from "./draw-memories.ts";

export function drawingStorage(storage: Storage, random: Random): Storage {
  return { ...storage, write: (unit) => storage.write((tx) => unit(drawing(tx, random))) };
}

function drawing(tx: Transaction, random: Random): Transaction {
  return {
    ...tx,
    putChunks: async (document, text, chunks, from = 0) => {
      await tx.putChunks(document, text, chunks, from);
      // A long text comes in slices of chunks, each time with all of the text.
      if (from > 0) return;
      const [current] = await tx.documentsByNo([document.no]);
      if (current !== undefined) await drawMemories(tx, random, current, text);
    },
  };
}
