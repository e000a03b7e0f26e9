/** The storage as the pipeline gets it: wherever a document's text is indexed, its memories are drawn, in that unit. */
import type { Storage, Transaction } from "../storage/storage.ts";
import type { DrawMemories } from "./draw-memories.ts";

export function drawingStorage(storage: Storage, draw: DrawMemories): Storage {
  return { ...storage, write: (unit) => storage.write((tx) => unit(drawing(tx, draw))) };
}

function drawing(tx: Transaction, draw: DrawMemories): Transaction {
  return {
    ...tx,
    putChunks: async (document, text, chunks, from = 0) => {
      await tx.putChunks(document, text, chunks, from);
      // A long text comes in slices of chunks, each time with all of the text.
      if (from > 0) return;
      const [current] = await tx.documentsByNo([document.no]);
      if (current !== undefined) await draw(tx, current, text);
    },
  };
}
