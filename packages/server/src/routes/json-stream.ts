/** A JSON object with one long list: sent row by row, so that the whole is never in memory. */
import { Readable } from "node:stream";
import { type Answer, json } from "../http/answer.ts";
import type { StoredDocument } from "../storage/stored.ts";

/** Bytes of content up to which the answer is made at once, which is quicker. */
const wholeBytesMax: number = 1 << 20;

/** `{"<name>": [rows…], …rest}` */
export async function jsonStream(
  name: string,
  documents: readonly StoredDocument[],
  row: (document: StoredDocument) => Promise<unknown>,
  rest: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const bytes = documents.reduce((sum, document) => sum + document.content.size, 0);
  if (bytes <= wholeBytesMax) {
    const rows: unknown[] = [];
    for (const document of documents) rows.push(await row(document));
    return json({ [name]: rows, ...rest });
  }
  const pieces = async function* () {
    yield `{${JSON.stringify(name)}:[`;
    let comma = "";
    for (const document of documents) {
      yield comma + JSON.stringify(await row(document));
      comma = ",";
    }
    yield `],${JSON.stringify(rest).slice(1)}`;
  };
  return {
    status: 200,
    headers: { "Content-Type": "application/json" },
    body: {
      kind: "stream",
      open: () => Readable.toWeb(Readable.from(encoded(pieces()))) as ReadableStream<Uint8Array>,
    },
  };
}

async function* encoded(pieces: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
