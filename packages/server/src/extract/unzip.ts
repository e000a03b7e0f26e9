/**
 * Reads a ZIP archive (APPNOTE 6.3) within bounds: what it claims is checked, and what it holds is unpacked only up to
 * a limit, so that an archive that lies about its sizes ends like one that does not.
 */
import { inflateRawSync } from "node:zlib";
import { ExtractError } from "./extract-error.ts";
import { zipBytesMax, zipFilesMax } from "./limits.ts";

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
/** Bytes of the end record without its comment, and of the longest comment. */
const endBytes = 22;
const commentBytesMax = 65_535;

interface Entry {
  readonly method: number;
  readonly isEncrypted: boolean;
  readonly packedBytes: number;
  readonly offset: number;
}

export class ZipReader {
  readonly #bytes: Buffer;
  readonly #entries: ReadonlyMap<string, Entry>;
  #room: number = zipBytesMax;

  /** @throws ExtractError when it is no archive that can be read */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      this.#entries = readDirectory(this.#bytes);
    } catch (error) {
      if (error instanceof RangeError) throw new ExtractError("is a damaged archive");
      throw error;
    }
  }

  /** Names of all files, in the order of the archive. */
  names(): string[] {
    return [...this.#entries.keys()];
  }

  /**
   * A file's content as text, or undefined when there is none of this name.
   * @throws ExtractError when it is damaged, or all that was read together is more than `zipBytesMax`
   */
  text(name: string): string | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const content = this.#unpacked(entry);
    this.#room -= content.length;
    return content.toString("utf8");
  }

  #unpacked(entry: Entry): Buffer {
    if (entry.isEncrypted) throw new ExtractError("is encrypted");
    try {
      if (this.#bytes.readUInt32LE(entry.offset) !== localSignature) {
        throw new ExtractError("is a damaged archive");
      }
      const start =
        entry.offset +
        30 +
        this.#bytes.readUInt16LE(entry.offset + 26) +
        this.#bytes.readUInt16LE(entry.offset + 28);
      const packed = this.#bytes.subarray(start, start + entry.packedBytes);
      if (entry.method === 0) {
        if (packed.length > this.#room) throw tooLarge();
        return packed;
      }
      if (entry.method !== 8) throw new ExtractError("is packed in a way that is not known here");
      return inflateRawSync(packed, { maxOutputLength: Math.max(1, this.#room) });
    } catch (error) {
      if (error instanceof ExtractError) throw error;
      const code = (error as { code?: unknown }).code;
      if (code === "ERR_BUFFER_TOO_LARGE") throw tooLarge();
      if (error instanceof RangeError || typeof code === "string") {
        throw new ExtractError("is a damaged archive");
      }
      throw error;
    }
  }
}

function tooLarge(): ExtractError {
  return new ExtractError(`holds more than ${zipBytesMax >> 20} MiB`);
}

function readDirectory(bytes: Buffer): Map<string, Entry> {
  const from = Math.max(0, bytes.length - endBytes - commentBytesMax);
  let end = bytes.length - endBytes;
  while (end >= from && bytes.readUInt32LE(end) !== endSignature) end -= 1;
  if (end < from) throw new ExtractError("is not an archive");
  const count = bytes.readUInt16LE(end + 10);
  if (count > zipFilesMax) throw new ExtractError(`holds more than ${zipFilesMax} files`);
  const entries = new Map<string, Entry>();
  let at = bytes.readUInt32LE(end + 16);
  for (let i = 0; i < count; i += 1) {
    if (bytes.readUInt32LE(at) !== entrySignature) throw new ExtractError("is a damaged archive");
    const nameBytes = bytes.readUInt16LE(at + 28);
    const name = bytes.toString("utf8", at + 46, at + 46 + nameBytes);
    entries.set(name, {
      isEncrypted: (bytes.readUInt16LE(at + 8) & 1) === 1,
      method: bytes.readUInt16LE(at + 10),
      packedBytes: bytes.readUInt32LE(at + 20),
      offset: bytes.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return entries;
}
