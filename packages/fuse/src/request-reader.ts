/**
 * A cursor over the bytes of one request. The kernel's bytes are checked as they are read: a request that ends
 * too early, or a number that cannot be exact, is an error and never a wrong value.
 *
 * One reader is used for all requests; `begin` moves it to the next one.
 */
import { type Caller, FsError, type Ticket } from "@smfs/core";
import { inHeader } from "./abi.ts";

const high = 2 ** 32;
const safeHighMax: number = 2 ** 21 - 1;

/** Who calls, and with which ticket. One object per request: the file system may keep it. */
class RequestCaller implements Caller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  readonly umask: number;
  declare readonly resumed?: Ticket;

  constructor(uid: number, gid: number, pid: number, umask: number, resumed: Ticket | undefined) {
    this.uid = uid;
    this.gid = gid;
    this.pid = pid;
    this.umask = umask;
    if (resumed !== undefined) this.resumed = resumed;
  }
}

export class RequestReader {
  #bytes: Buffer;
  #view: DataView;
  #end = 0;
  #at = 0;
  /** Set while a parked request is dispatched again. */
  resumed: Ticket | undefined;

  opcode = 0;
  nodeid = 0;

  /** @param bytes where requests will be found; its first bytes are the request after `begin` */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Looks at other bytes from now on. */
  use(bytes: Uint8Array): void {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Starts with the request in the first `length` bytes. False when they cannot be a request at all: nobody can
   * be answered then, because even `unique` is missing.
   */
  begin(length: number): boolean {
    this.#at = inHeader.bytes;
    this.#end = length;
    this.resumed = undefined;
    if (length < inHeader.bytes || length > this.#bytes.byteLength) return false;
    this.opcode = this.#view.getUint32(inHeader.opcode, true);
    return true;
  }

  /** Reads the rest of the header. @throws FsError EIO for a length that is not true, ESTALE for no inode of ours */
  readHeader(): void {
    if (this.#view.getUint32(inHeader.len, true) !== this.#end) throw malformed("length");
    const nodeHigh = this.#view.getUint32(inHeader.nodeid + 4, true);
    if (nodeHigh > safeHighMax) throw new FsError("ESTALE", "inode number over 2^53");
    this.nodeid = nodeHigh * high + this.#view.getUint32(inHeader.nodeid, true);
  }

  get length(): number {
    return this.#end;
  }

  get uniqueLow(): number {
    return this.#view.getUint32(inHeader.unique, true);
  }

  get uniqueHigh(): number {
    return this.#view.getUint32(inHeader.unique + 4, true);
  }

  get unique(): bigint {
    return this.#view.getBigUint64(inHeader.unique, true);
  }

  /** @param umask the caller's, where the request carries one */
  caller(umask = 0): Caller {
    const view = this.#view;
    return new RequestCaller(
      view.getUint32(inHeader.uid, true),
      view.getUint32(inHeader.gid, true),
      view.getUint32(inHeader.pid, true),
      umask & 0o777,
      this.resumed,
    );
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** An unsigned number up to 2^53 − 1. @throws FsError EINVAL over it */
  u64(): number {
    const at = this.#take(8);
    const top = this.#view.getUint32(at + 4, true);
    if (top > safeHighMax) throw new FsError("EINVAL", "number over 2^53");
    return top * high + this.#view.getUint32(at, true);
  }

  /** A position in a file, or a length. @throws FsError EFBIG over 2^53 − 1 */
  offset(): number {
    const at = this.#take(8);
    const top = this.#view.getUint32(at + 4, true);
    if (top > safeHighMax) throw new FsError("EFBIG", "offset over 2^53");
    return top * high + this.#view.getUint32(at, true);
  }

  /** Seconds since 1970, also before. @throws FsError EINVAL beyond ±2^53 */
  seconds(): number {
    const at = this.#take(8);
    const seconds = this.#view.getInt32(at + 4, true) * high + this.#view.getUint32(at, true);
    if (!Number.isSafeInteger(seconds)) throw new FsError("EINVAL", "time over 2^53 seconds");
    return seconds;
  }

  uniqueInBody(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** A NUL-terminated byte string. @throws FsError EIO when no NUL comes */
  name(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let end = start;
    while (end < this.#end && bytes[end] !== 0) end += 1;
    if (end >= this.#end) throw malformed("name");
    this.#at = end + 1;
    return bytes.toString("latin1", start, end);
  }

  /** The next `count` bytes, in place: valid until the next request. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** A copy of the whole request. */
  copy(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#bytes, 0, this.#end);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) throw malformed("body");
    this.#at = at + count;
    return at;
  }
}

function malformed(part: string): FsError {
  return new FsError("EIO", `malformed request: its ${part} is not as the protocol says`);
}
