/** The server's search results as passages of files. */
import type { SearchAnswer } from "@smfs/api";
import type { SearchHit } from "./daemon/control-protocol.ts";

/** Results that are passages of files; memories and documents without a path are none. */
export function toHits(answer: SearchAnswer): SearchHit[] {
  return answer.results.flatMap(({ filepath, chunk, memory, lines, similarity }) => {
    const text = chunk ?? memory;
    if (filepath === null || text === null) return [];
    return [{ filepath, lines, score: similarity, text }];
  });
}
