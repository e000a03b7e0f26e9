/** The kernel's side of the protocol for tests: builds requests, dispatches them, takes replies apart. */
import { inHeader, outHeader } from "../abi.ts";
import type { Dispatcher } from "../dispatch.ts";

/** Bytes of a request's body, written in order. */
export class BodyBuilder {
  readonly #parts: Buffer[] = [];

  u32(...values: number[]): this {
    for (const value of values) {
      const part = Buffer.alloc(4);
      part.writeUInt32LE(value >>> 0);
      this.#parts.push(part);
    }
    return this;
  }

  u64(...values: (number | bigint)[]): this {
    for (const value of values) {
      const part = Buffer.alloc(8);
      part.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
      this.#parts.push(part);
    }
    return this;
  }

  /** A byte string with its NUL. */
  name(text: string): this {
    this.#parts.push(Buffer.from(`${text}\0`, "latin1"));
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes));
    return this;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Starts a body. */
export function body(): BodyBuilder {
  return new BodyBuilder();
}

/** What a request's header says besides its opcode. */
export interface Heading {
  readonly nodeid?: number | bigint;
  readonly unique?: bigint;
  readonly uid?: number;
  readonly gid?: number;
  readonly pid?: number;
  /** A length that need not be true. */
  readonly length?: number;
}

/** A whole request. */
export function toRequest(opcode: number, content: Uint8Array, heading: Heading = {}): Buffer {
  const header = Buffer.alloc(inHeader.bytes);
  header.writeUInt32LE(heading.length ?? inHeader.bytes + content.byteLength, inHeader.len);
  header.writeUInt32LE(opcode, inHeader.opcode);
  header.writeBigUInt64LE(heading.unique ?? 2n, inHeader.unique);
  header.writeBigUInt64LE(BigInt(heading.nodeid ?? 1), inHeader.nodeid);
  header.writeUInt32LE(heading.uid ?? 1000, inHeader.uid);
  header.writeUInt32LE(heading.gid ?? 1000, inHeader.gid);
  header.writeUInt32LE(heading.pid ?? 77, inHeader.pid);
  return Buffer.concat([header, content]);
}

/** A reply, taken apart. */
export interface Reply {
  readonly unique: bigint;
  /** 0, or a positive errno. */
  readonly errno: number;
  readonly body: Buffer;
}

/** Takes a reply apart and checks that it is one: its length is true, and an error has no body. */
export function parseReply(bytes: Uint8Array): Reply {
  const reply = Buffer.from(bytes);
  if (reply.readUInt32LE(outHeader.len) !== reply.byteLength) throw new Error("untrue length");
  const errno = 0 - reply.readInt32LE(outHeader.error);
  const content = reply.subarray(outHeader.bytes);
  if (errno < 0 || errno > 511) throw new Error(`no errno: ${errno}`);
  if (errno > 0 && content.byteLength > 0) throw new Error("an error with a body");
  return { unique: reply.readBigUInt64LE(outHeader.unique), errno, body: content };
}

/** Puts whole requests in and gets replies out. */
export class Wire {
  readonly #dispatcher: Dispatcher;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  /** The reply to these bytes; undefined when there is none. */
  send(request: Uint8Array): Reply | undefined {
    this.#dispatcher.requestBytes.set(request);
    const length = this.#dispatcher.dispatch(request.byteLength);
    return length === 0 ? undefined : parseReply(this.#dispatcher.replyBytes.subarray(0, length));
  }

  /** The reply to a request that must have one. */
  call(opcode: number, content: BodyBuilder, heading: Heading = {}): Reply {
    const reply = this.send(toRequest(opcode, content.bytes(), heading));
    if (reply === undefined) throw new Error(`no reply to opcode ${opcode}`);
    return reply;
  }

  /** The body of a reply that must be a success. */
  ok(opcode: number, content: BodyBuilder, heading: Heading = {}): Buffer {
    const reply = this.call(opcode, content, heading);
    if (reply.errno !== 0) throw new Error(`opcode ${opcode}: errno ${reply.errno}`);
    return reply.body;
  }

  /** The replies to the requests that waited with this ticket. */
  resume(ticket: number): Reply[] {
    const replies: Reply[] = [];
    this.#dispatcher.resume(ticket, (length) => {
      replies.push(parseReply(this.#dispatcher.replyBytes.subarray(0, length)));
    });
    return replies;
  }
}

/** struct fuse_attr, the parts that tests look at. */
export interface WireAttr {
  readonly ino: number;
  readonly size: number;
  readonly atime: number;
  readonly mtime: number;
  readonly mtimeNs: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
}

export function readAttr(bytes: Buffer, at: number): WireAttr {
  return {
    ino: Number(bytes.readBigUInt64LE(at)),
    size: Number(bytes.readBigUInt64LE(at + 8)),
    atime: Number(bytes.readBigInt64LE(at + 24)),
    mtime: Number(bytes.readBigInt64LE(at + 32)),
    mtimeNs: bytes.readUInt32LE(at + 52),
    mode: bytes.readUInt32LE(at + 60),
    nlink: bytes.readUInt32LE(at + 64),
    uid: bytes.readUInt32LE(at + 68),
    gid: bytes.readUInt32LE(at + 72),
  };
}

/** struct fuse_entry_out. */
export interface WireEntry {
  readonly ino: number;
  readonly entryS: number;
  readonly attrS: number;
  readonly attr: WireAttr;
}

export function readEntry(bytes: Buffer, at = 0): WireEntry {
  return {
    ino: Number(bytes.readBigUInt64LE(at)),
    entryS: Number(bytes.readBigUInt64LE(at + 16)),
    attrS: Number(bytes.readBigUInt64LE(at + 24)),
    attr: readAttr(bytes, at + 40),
  };
}

/** struct fuse_dirent, one after the other. */
export interface WireDirent {
  readonly ino: number;
  readonly cookie: number;
  readonly type: number;
  readonly name: string;
  /** With READDIRPLUS. */
  readonly entry?: WireEntry;
}

export function readDirents(bytes: Buffer, options: { plus: boolean }): WireDirent[] {
  const entries: WireDirent[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const entry = options.plus ? readEntry(bytes, at) : undefined;
    if (options.plus) at += 128;
    const length = bytes.readUInt32LE(at + 16);
    entries.push({
      ino: Number(bytes.readBigUInt64LE(at)),
      cookie: Number(bytes.readBigUInt64LE(at + 8)),
      type: bytes.readUInt32LE(at + 20),
      name: bytes.toString("latin1", at + 24, at + 24 + length),
      ...(entry === undefined ? {} : { entry }),
    });
    at += (24 + length + 7) & ~7;
  }
  return entries;
}
