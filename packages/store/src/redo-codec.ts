/** How statements and their values are written in a record of the redo log (redo-log.ts), and read back. */
import { assert } from "@smfs/core";

/** Values bound to a statement, as better-sqlite3 takes them. */
export type Values = readonly unknown[];

/** What follows is the text of a statement with its number; a call with values; a text that is run as it is. */
const statementTag = 1;
const callTag = 2;
const textTag = 3;

const nullTag = 0;
const intTag = 1;
const doubleTag = 2;
const bigintTag = 3;
const utf8Tag = 4;
const utf16Tag = 5;
const blobTag = 6;
/** Values by name. */
const namedTag = 7;

const bufferBytes = 64 << 10;
const loneSurrogate = /\p{Surrogate}/u;

export class RedoWriter {
  readonly #headerBytes: number;
  #buffer: Buffer = Buffer.allocUnsafe(bufferBytes);
  #at: number;
  /** Statements that the log has the text of, with their numbers; of those that no record has yet, where. */
  #ids = new Map<string, number>();
  #fresh: { readonly text: string; readonly at: number }[] = [];

  /** @param headerBytes left free at the start of each record */
  constructor(headerBytes: number) {
    this.#headerBytes = headerBytes;
    this.#at = headerBytes;
  }

  /** Bytes noted, with the header. */
  get length(): number {
    return this.#at;
  }

  /** The record: valid until the next call. */
  get record(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  get known(): ReadonlyMap<string, number> {
    return this.#ids;
  }

  /** A record was made of all that is noted. */
  taken(): void {
    this.#at = this.#headerBytes;
    this.#fresh = [];
    if (this.#buffer.length > bufferBytes) this.#buffer = Buffer.allocUnsafe(bufferBytes);
  }

  /** The log has no statement any more. */
  begin(): void {
    this.#ids.clear();
    this.#fresh = [];
  }

  /** The log has these statements. */
  know(statements: ReadonlyMap<number, string>): void {
    for (const [id, text] of statements) this.#ids.set(text, id);
  }

  undo(mark: number): void {
    assert(mark >= this.#headerBytes && mark <= this.#at, "only what is noted can be undone");
    this.#at = mark;
    for (;;) {
      const last = this.#fresh.at(-1);
      if (last === undefined || last.at < mark) return;
      this.#ids.delete(last.text);
      this.#fresh.pop();
    }
  }

  /** @param values undefined: the text is run as it is, whatever is in it */
  call(text: string, values: Values | undefined): void {
    if (values === undefined) {
      this.#byte(textTag);
      this.#text(text);
      return;
    }
    const id = this.#idOf(text);
    this.#room(4);
    this.#buffer[this.#at] = callTag;
    this.#buffer.writeUInt16LE(id, this.#at + 1);
    this.#buffer[this.#at + 3] = values.length;
    this.#at += 4;
    for (const value of values) this.#value(value);
  }

  #idOf(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    assert(id < 65_536, "statements are few");
    this.#fresh.push({ text, at: this.#at });
    this.#ids.set(text, id);
    this.#byte(statementTag);
    this.#u32(id);
    this.#text(text);
    return id;
  }

  #value(value: unknown): void {
    if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") this.#string(value);
    else if (value === null) this.#byte(nullTag);
    else if (value instanceof Uint8Array) this.#blob(value);
    else if (typeof value === "bigint") {
      this.#byte(bigintTag);
      this.#room(8);
      this.#buffer.writeBigInt64LE(value, this.#at);
      this.#at += 8;
    } else {
      assert(typeof value === "object", "a value that SQLite knows");
      this.#byte(namedTag);
      this.#text(JSON.stringify(value));
    }
  }

  /** SQLite is given an integer or a double, as better-sqlite3 chooses: the same number is chosen for the same way. */
  #number(value: number): void {
    this.#room(9);
    if ((value | 0) === value) {
      this.#buffer[this.#at] = intTag;
      this.#buffer.writeInt32LE(value, this.#at + 1);
      this.#at += 5;
    } else {
      this.#buffer[this.#at] = doubleTag;
      this.#buffer.writeDoubleLE(value, this.#at + 1);
      this.#at += 9;
    }
  }

  #string(value: string): void {
    // Half a character has no UTF-8.
    if (!loneSurrogate.test(value)) {
      this.#byte(utf8Tag);
      this.#text(value);
    } else {
      this.#byte(utf16Tag);
      this.#u32(value.length * 2);
      this.#room(value.length * 2);
      this.#at += this.#buffer.write(value, this.#at, "utf16le");
    }
  }

  #blob(value: Uint8Array): void {
    this.#byte(blobTag);
    this.#u32(value.length);
    this.#room(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  #byte(value: number): void {
    this.#room(1);
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  #u32(value: number): void {
    this.#room(4);
    this.#buffer.writeUInt32LE(value, this.#at);
    this.#at += 4;
  }

  /** Well-formed text with its length in UTF-8. */
  #text(value: string): void {
    this.#room(4 + value.length * 3);
    const written = this.#buffer.write(value, this.#at + 4, "utf8");
    this.#buffer.writeUInt32LE(written, this.#at);
    this.#at += 4 + written;
  }

  #room(count: number): void {
    if (this.#at + count <= this.#buffer.length) return;
    const longer = Buffer.allocUnsafe(Math.max(this.#at + count, this.#buffer.length * 2));
    this.#buffer.copy(longer, 0, 0, this.#at);
    this.#buffer = longer;
  }
}

export class RedoReader {
  readonly #bytes: Buffer;
  #at = 0;
  /** Numbers of statements, as far as they were read. */
  readonly statements: Map<number, string> = new Map();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Reads one record's statements and calls; `run` gets the calls. */
  read(
    start: number,
    end: number,
    run: ((text: string, values: Values | undefined) => void) | undefined,
  ): void {
    this.#at = start;
    while (this.#at < end) {
      const tag = this.#byte();
      if (tag === statementTag) this.statements.set(this.#u32(), this.#text());
      else if (tag === textTag) {
        const text = this.#text();
        run?.(text, undefined);
      } else {
        assert(tag === callTag, "a record holds statements and calls");
        const id = this.#bytes.readUInt16LE(this.#at);
        const count = this.#bytes.readUInt8(this.#at + 2);
        this.#at += 3;
        const values = Array.from({ length: count }, () => this.#value());
        const text = this.statements.get(id);
        assert(text !== undefined, "a statement comes before its calls");
        run?.(text, values);
      }
    }
  }

  #value(): unknown {
    switch (this.#byte()) {
      case nullTag:
        return null;
      case intTag:
        return this.#bytes.readInt32LE(this.#take(4));
      case doubleTag:
        return this.#bytes.readDoubleLE(this.#take(8));
      case bigintTag:
        return this.#bytes.readBigInt64LE(this.#take(8));
      case utf8Tag:
        return this.#text();
      case utf16Tag:
        return this.#slice().toString("utf16le");
      case blobTag:
        return this.#slice();
      case namedTag:
        return JSON.parse(this.#text()) as unknown;
      default:
        throw new Error("a record of the redo log holds a value of no kind");
    }
  }

  #text(): string {
    return this.#slice().toString("utf8");
  }

  #slice(): Buffer {
    const length = this.#u32();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  #byte(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  #u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  #take(count: number): number {
    const at = this.#at;
    this.#at += count;
    return at;
  }
}
