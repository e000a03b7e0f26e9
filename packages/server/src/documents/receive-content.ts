/**
 * Receives a document's bytes: small ones are kept in memory, larger ones go to a blob as they arrive. On the way it is
 * found out what they are.
 */
import { createHash } from "node:crypto";
import { fileTypeFromBuffer } from "file-type";
import { HttpError, invalid, tooLarge } from "../http/http-error.ts";
import { inlineContentBytesMax } from "../limits.ts";
import type { BlobWriter, Storage } from "../storage/storage.ts";
import type { NewContent } from "../storage/stored.ts";

/** Bytes that are durable as soon as a unit names them, and what they are. */
export interface Received {
  readonly content: NewContent;
  /** Hexadecimal SHA-256. */
  readonly digest: string;
  readonly size: number;
  /** Whether all of it is UTF-8 without NUL. */
  readonly isUtf8: boolean;
  /** The text, when it is one and small enough to have been kept in memory. */
  readonly text: string | undefined;
  /** Media type that the first bytes show, where they show one. */
  readonly sniffedType: string | undefined;
}

export interface ReceiveLimits {
  readonly bytesMax: number;
  /** A `Content-Digest` header that the bytes must match (RFC 9530). */
  readonly contentDigest?: string | undefined;
}

/** Bytes at the beginning by which a format is recognised: what file-type looks at. */
const headBytes = 4100;

/**
 * @throws HttpError 413 when there are too many bytes, 400 when they are not what `Content-Digest` says
 */
export async function receiveContent(
  storage: Pick<Storage, "receiveBlob">,
  chunks: AsyncIterable<Uint8Array>,
  limits: ReceiveLimits,
): Promise<Received> {
  const hash = createHash("sha256");
  const utf8 = utf8Checker();
  let small: Uint8Array[] = [];
  let head: Uint8Array | undefined;
  let size = 0;
  let blob: BlobWriter | undefined;
  try {
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > limits.bytesMax) throw tooLarge("the content", limits.bytesMax);
      hash.update(chunk);
      utf8.add(chunk);
      if (blob !== undefined) {
        await blob.write(chunk);
        continue;
      }
      small.push(chunk);
      if (size <= inlineContentBytesMax) continue;
      blob = await storage.receiveBlob();
      const begun = Buffer.concat(small);
      small = [];
      head = begun.subarray(0, headBytes);
      await blob.write(begun);
    }
    const digest = hash.digest("hex");
    checkDigest(digest, limits.contentDigest);
    const bytes = Buffer.concat(small);
    const isUtf8 = utf8.finish();
    return {
      content: blob === undefined ? { kind: "inline", digest, bytes } : await blob.finish(),
      digest,
      size,
      isUtf8,
      text: blob === undefined && isUtf8 ? bytes.toString("utf8") : undefined,
      sniffedType: await sniff(head ?? bytes, isUtf8),
    };
  } catch (error) {
    await blob?.abort();
    throw error;
  }
}

/** A text as received content. */
export async function receiveText(
  storage: Pick<Storage, "receiveBlob">,
  text: string,
  bytesMax: number,
): Promise<Received> {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length > bytesMax) throw tooLarge("the content", bytesMax);
  const digest = createHash("sha256").update(bytes).digest("hex");
  let content: NewContent = { kind: "inline", digest, bytes };
  if (bytes.length > inlineContentBytesMax) {
    const blob = await storage.receiveBlob();
    await blob.write(bytes);
    content = await blob.finish();
  }
  return { content, digest, size: bytes.length, isUtf8: true, text, sniffedType: undefined };
}

// Text formats show their kind by their name, binary ones by their bytes; a PDF may be nothing but ASCII.
async function sniff(head: Uint8Array, isUtf8: boolean): Promise<string | undefined> {
  if (isUtf8 && !Buffer.from(head.subarray(0, 5)).equals(Buffer.from("%PDF-"))) return undefined;
  return (await fileTypeFromBuffer(head.subarray(0, headBytes)))?.mime;
}

/** Checks a stream for being UTF-8 without NUL, a part at a time. */
function utf8Checker(): { add(chunk: Uint8Array): void; finish(): boolean } {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let isUtf8 = true;
  const decode = (work: () => unknown): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      isUtf8 = false;
    }
  };
  return {
    add: (chunk) => {
      if (!isUtf8) return;
      if (chunk.includes(0)) isUtf8 = false;
      else decode(() => decoder.decode(chunk, { stream: true }));
    },
    finish: () => {
      if (isUtf8) decode(() => decoder.decode());
      return isUtf8;
    },
  };
}

/** @throws HttpError 400 when a SHA-256 is given and is another */
function checkDigest(digest: string, header: string | undefined): void {
  if (header === undefined) return;
  const given = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{44}):/.exec(header)?.[1];
  if (given === undefined) {
    if (/(?:^|,)\s*sha-256\s*=/.test(header)) throw invalid("Content-Digest: not a SHA-256");
    return;
  }
  if (given !== Buffer.from(digest, "hex").toString("base64")) {
    throw new HttpError(400, "Content-Digest mismatch", {
      details: "the bytes that arrived are not the ones that were sent",
    });
  }
}
