/**
 * The redo log: what each transaction changed, as the statements that changed it (docs/spec/store.md, REDO-n).
 *
 * SQLite writes every page that a commit touched, eight and more for a rename; a record here is some hundred bytes and
 * one write. So an acknowledged operation is a record, and SQLite commits many at a time. After a crash the records that
 * it had not committed are run again, in order, on the database as it was: the same statements on the same rows do the
 * same.
 *
 * A file of records, from its start: length and CRC-32 of what follows (four bytes each), a sequence number (a double),
 * then statements and calls. A record counts when it is whole and its number is the next one, so what is left of an
 * earlier use of the file counts for nothing.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { assert } from "@smfs/core";
import { isDiskFull } from "./disk-full.ts";
import { RedoReader, RedoWriter, type Values } from "./redo-codec.ts";

const headerBytes = 16;
/** The file keeps its blocks for the next use, up to this much: a sync of a file that does not grow is quicker. */
const keptBytesMax = 16 << 20;
/** It grows by so many zeroes at a time, for the same reason: the disk's own file system has to note growth alone. */
const growBytes = 256 << 10;
const zeroes = Buffer.alloc(growBytes);
const ownerFile = 0o600;

/** Runs a statement, or when it takes no values also several. */
export type Run = (text: string, values: Values | undefined) => void;

export class RedoLog {
  readonly #fd: number;
  readonly #writer: RedoWriter = new RedoWriter(headerBytes);
  /** Where the next record goes, and the number of the last one. */
  #offset = 0;
  #seq = 0;
  #isSynced = true;
  /** Bytes of the file. */
  #fileBytes: number;

  /** Opens or makes the file; its name survives a power loss. */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, ownerFile);
    this.#fileBytes = fstatSync(this.#fd).size;
    const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  /** The number of the last record. */
  get seq(): number {
    return this.#seq;
  }

  /** Bytes of the records since the log was last begun anew. */
  get bytes(): number {
    return this.#offset;
  }

  /** Notes that a statement was run, for the next record. */
  note(text: string, values: Values | undefined): void {
    this.#writer.call(text, values);
  }

  /** How much is noted and in no record yet: for `undo`. */
  get mark(): number {
    return this.#writer.length;
  }

  /** Forgets what was noted since `mark`. */
  undo(mark: number): void {
    this.#writer.undo(mark);
  }

  /**
   * Makes a record of what is noted. On return it survives the death of the process.
   * @throws what the disk says: then there is no record, and all is noted as before
   */
  write(): void {
    const record = this.#writer.record;
    if (record.length === headerBytes) return;
    record.writeDoubleLE(this.#seq + 1, 8);
    record.writeUInt32LE(record.length - 8, 0);
    record.writeUInt32LE(crc32(record.subarray(8)), 4);
    if (this.#offset + record.length > this.#fileBytes) this.#grow(record.length);
    for (let done = 0; done < record.length; ) {
      done += writeSync(this.#fd, record, done, record.length - done, this.#offset + done);
    }
    this.#offset += record.length;
    this.#seq += 1;
    this.#isSynced = false;
    this.#writer.taken();
  }

  /** Makes room behind the last record. On a full disk there is none, and the record itself says so. */
  #grow(recordBytes: number): void {
    const from = Math.max(this.#fileBytes, this.#offset);
    try {
      this.#fileBytes = from + writeSync(this.#fd, zeroes, 0, growBytes, from);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
    this.#fileBytes = Math.max(this.#fileBytes, this.#offset + recordBytes);
  }

  /** Makes every record survive a power loss. @throws when the disk fails */
  sync(): void {
    if (this.#isSynced) return;
    fdatasyncSync(this.#fd);
    this.#isSynced = true;
  }

  /**
   * Runs every record after `seq` again, and goes on behind the last one. Once, before anything is noted.
   * @throws when the first record is not the one that is wanted: the file belongs to another database
   */
  open(seq: number, run: Run): void {
    const { last, end, statements } = this.#runAfter(seq, run);
    this.#isSynced = false;
    this.#seq = seq;
    // Fewer than the database has: a power loss took what it has nevertheless, and needs no more.
    if (last === undefined || last < seq) return;
    this.#seq = last;
    this.#offset = end;
    this.#writer.know(statements);
  }

  /** Runs every record after `seq` again. */
  replay(seq: number, run: Run): void {
    const { last } = this.#runAfter(seq, run);
    assert((last ?? seq) === this.#seq, "every record is read again as it was written");
  }

  #runAfter(
    seq: number,
    run: Run,
  ): { last: number | undefined; end: number; statements: ReadonlyMap<number, string> } {
    const bytes = this.#read();
    const reader = new RedoReader(bytes);
    let last: number | undefined;
    let end = 0;
    for (;;) {
      const record = wholeRecord(bytes, end);
      if (record === undefined || (last !== undefined && record.seq !== last + 1)) break;
      if (last === undefined && record.seq > seq + 1) {
        throw new Error(`the redo log begins with ${record.seq}, the database ends with ${seq}`);
      }
      reader.read(end + headerBytes, record.end, record.seq > seq ? run : undefined);
      end = record.end;
      last = record.seq;
    }
    return { last, end, statements: reader.statements };
  }

  /** Runs again what is noted and in no record yet. */
  replayNoted(run: Run): void {
    const { record, known } = this.#writer;
    const reader = new RedoReader(record);
    for (const [text, id] of known) reader.statements.set(id, text);
    reader.read(headerBytes, record.length, run);
  }

  /** The database has every record, durably: the file is used from its start again. */
  begin(): void {
    assert(this.#writer.record.length === headerBytes, "what is noted has its record");
    this.#offset = 0;
    this.#isSynced = true;
    this.#writer.begin();
    if (this.#fileBytes <= keptBytesMax) return;
    ftruncateSync(this.#fd, keptBytesMax);
    this.#fileBytes = keptBytesMax;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #read(): Buffer {
    const bytes = Buffer.alloc(fstatSync(this.#fd).size);
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(this.#fd, bytes, done, bytes.length - done, done);
      if (count === 0) break;
      done += count;
    }
    return bytes;
  }
}

/** The record at `offset`, if all of it is there and as it was written. */
function wholeRecord(bytes: Buffer, offset: number): { seq: number; end: number } | undefined {
  if (offset + headerBytes > bytes.length) return undefined;
  const end = offset + 8 + bytes.readUInt32LE(offset);
  if (end < offset + headerBytes || end > bytes.length) return undefined;
  if (crc32(bytes.subarray(offset + 8, end)) !== bytes.readUInt32LE(offset + 4)) return undefined;
  return { seq: bytes.readDoubleLE(offset + 8), end };
}
