/** What a document is called, where nobody says. Pure. */
import type { Metadata } from "../storage/stored.ts";

const titleLengthMax = 200;

/** The title: what the metadata says, else the uploaded file's name, else the first line. */
export function titleOf(
  metadata: Metadata | null,
  fileName: string | undefined,
  text: string | undefined,
): string | null {
  const said = metadata?.title;
  if (typeof said === "string" && said.trim() !== "") return shortened(said);
  if (fileName !== undefined && fileName.trim() !== "") return shortened(fileName);
  const line = /\S[^\n\r]*/.exec(text?.slice(0, 4096) ?? "")?.[0];
  const plain = line?.replace(/^(?:#{1,6}|[-*>])\s+/, "").trim();
  return plain === undefined || plain === "" ? null : shortened(plain);
}

// Cut between characters, never within a surrogate pair.
function shortened(text: string): string {
  const plain = text.trim();
  if (plain.length <= titleLengthMax) return plain;
  const cut = plain.slice(0, titleLengthMax);
  return /[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut;
}
