/**
 * Multipart forms (RFC 7578), read as they arrive: fields are kept, one file is handed on piece by piece.
 *
 * Every length is bounded: of a part's head, of a field, of their number.
 */
import { formFieldBytesMax, formFieldsMax, formHeadBytesMax } from "../limits.ts";
import { HttpError, invalid } from "./http-error.ts";

export interface FormFile {
  readonly fileName: string | undefined;
  readonly mediaType: string | undefined;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface Form<T> {
  readonly fields: ReadonlyMap<string, string>;
  /** What `receive` made of the file. */
  readonly file: T | undefined;
}

/**
 * Reads a form; `receive` is called for the part `file`, once, and must read it to its end.
 * @throws HttpError 400; 415 when the body is said to be something else
 */
export async function readForm<T>(
  contentType: string | undefined,
  body: AsyncIterable<Uint8Array>,
  receive: (file: FormFile) => Promise<T>,
): Promise<Form<T>> {
  const boundary = boundaryOf(contentType);
  const reader = new PartReader(body, boundary);
  const fields = new Map<string, string>();
  let file: T | undefined;
  let isFileRead = false;
  for (let head = await reader.nextHead(); head !== undefined; head = await reader.nextHead()) {
    const { name, fileName, mediaType } = parseHead(head);
    if (name === "file") {
      if (isFileRead) throw invalid("file: more than one");
      isFileRead = true;
      file = await receive({ fileName, mediaType, chunks: reader.content() });
      continue;
    }
    if (fields.size >= formFieldsMax) throw invalid(`more than ${formFieldsMax} fields`);
    fields.set(name, await textOf(name, reader.content()));
  }
  return { fields, file };
}

function boundaryOf(contentType: string | undefined): string {
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType ?? "")) {
    throw new HttpError(415, "Unsupported Media Type", {
      details: "the body must be multipart/form-data, and its Content-Type must say so",
    });
  }
  const match =
    /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(
      contentType ?? "",
    );
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw invalid("Content-Type: multipart/form-data without a boundary");
  return boundary;
}

async function textOf(name: string, chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > formFieldBytesMax) throw invalid(`${name}: more than ${formFieldBytesMax} bytes`);
    parts.push(chunk);
  }
  return decode(name, Buffer.concat(parts));
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(name: string, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw invalid(`${name}: not UTF-8`);
    throw error;
  }
}

function parseHead(head: string): {
  name: string;
  fileName: string | undefined;
  mediaType: string | undefined;
} {
  const disposition = /^content-disposition\s*:\s*form-data\s*;(.*)$/im.exec(head)?.[1];
  const name = parameter(disposition, "name");
  if (name === undefined || name === "") throw invalid("a part of the form has no name");
  return {
    name,
    fileName: extended(disposition) ?? parameter(disposition, "filename"),
    mediaType: /^content-type\s*:\s*(\S[^\r\n]*)/im.exec(head)?.[1]?.trim(),
  };
}

function parameter(disposition: string | undefined, name: string): string | undefined {
  const match = new RegExp(`(?:^|;)\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]+))`, "i").exec(
    disposition ?? "",
  );
  // Browsers write a quote as %22, others escape it (RFC 7578 §4.2).
  return match?.[1]?.replace(/\\(["\\])/g, "$1").replace(/%22/g, '"') ?? match?.[2];
}

/** `filename*=UTF-8''…` (RFC 8187). */
function extended(disposition: string | undefined): string | undefined {
  const encoded = /(?:^|;)\s*filename\*=utf-8''([^\s;]+)/i.exec(disposition ?? "")?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** Cuts a body at its boundaries. One part is read at a time, each to its end. */
class PartReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #delimiter: Buffer;
  #held: Buffer;
  #isPartOpen = false;
  #isLast = false;

  constructor(body: AsyncIterable<Uint8Array>, boundary: string) {
    this.#source = body[Symbol.asyncIterator]();
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "utf8");
    // The first boundary may be the first thing in the body: as if a line had ended before it.
    this.#held = Buffer.from("\r\n");
    this.#isPartOpen = true;
  }

  /** The head of the next part, or undefined after the last. */
  async nextHead(): Promise<string | undefined> {
    if (this.#isPartOpen) for await (const _ of this.content());
    if (this.#isLast) return undefined;
    let at = this.#held.indexOf("\r\n\r\n");
    while (at < 0 && this.#held.length <= formHeadBytesMax) {
      await this.#more();
      at = this.#held.indexOf("\r\n\r\n");
    }
    if (at < 0 || at > formHeadBytesMax) {
      throw invalid("the head of a part of the form is too long");
    }
    const head = decode("the head of a part", this.#held.subarray(0, at));
    this.#held = this.#held.subarray(at + 4);
    this.#isPartOpen = true;
    return head;
  }

  /** The bytes of the part that is open. */
  async *content(): AsyncGenerator<Uint8Array> {
    const delimiter = this.#delimiter;
    for (;;) {
      const at = this.#held.indexOf(delimiter);
      if (at >= 0) {
        if (at > 0) yield this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + delimiter.length);
        break;
      }
      // What may be the beginning of a boundary is held back.
      const sure = this.#held.length - delimiter.length + 1;
      if (sure > 0) {
        yield this.#held.subarray(0, sure);
        this.#held = this.#held.subarray(sure);
      }
      await this.#more();
    }
    this.#isPartOpen = false;
    while (this.#held.length < 2) await this.#more();
    this.#isLast = this.#held.subarray(0, 2).toString("latin1") === "--";
  }

  async #more(): Promise<void> {
    const next = await this.#source.next();
    if (next.done === true) throw invalid("the form ended within a part");
    this.#held = Buffer.concat([this.#held, next.value]);
  }
}
