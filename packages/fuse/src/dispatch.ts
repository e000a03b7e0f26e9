/**
 * Request bytes in, reply bytes out: the whole protocol without a descriptor.
 *
 * The invariant: a request gets exactly one reply, or none where the protocol has none (FORGET, INTERRUPT) or
 * while it is parked; a handler that throws what it should not is -EIO and a logged stack, never a dead loop.
 */
import {
  assert,
  errnos,
  type FileSystem,
  FsError,
  type Logger,
  Parked,
  type Ticket,
  toErrno,
} from "@smfs/core";
import * as abi from "./abi.ts";
import { DirectoryStreams } from "./directory-streams.ts";
import type { Exchange, Handler } from "./exchange.ts";
import * as attributes from "./handlers/attributes.ts";
import * as directories from "./handlers/directories.ts";
import * as files from "./handlers/files.ts";
import * as kernel from "./handlers/kernel.ts";
import * as names from "./handlers/names.ts";
import type { Terms, Wishes } from "./init.ts";
import { cacheSeconds, transferBytesMax } from "./limits.ts";
import { LookupCounts } from "./lookup-counts.ts";
import { OpenHandles } from "./open-handles.ts";
import { type ParkedRequest, ParkedRequests } from "./parked-requests.ts";
import { type BackingControl, Passthrough } from "./passthrough.ts";
import { ReplyWriter } from "./reply-writer.ts";
import { RequestReader } from "./request-reader.ts";
import { type Trace, traceLine } from "./trace.ts";

const handlers: readonly (Handler | undefined)[] = toTable({
  [abi.FUSE_LOOKUP]: names.lookup,
  [abi.FUSE_FORGET]: kernel.forget,
  [abi.FUSE_GETATTR]: attributes.getattr,
  [abi.FUSE_SETATTR]: attributes.setattr,
  [abi.FUSE_READLINK]: attributes.readlink,
  [abi.FUSE_SYMLINK]: names.symlink,
  [abi.FUSE_MKNOD]: names.mknod,
  [abi.FUSE_MKDIR]: names.mkdir,
  [abi.FUSE_UNLINK]: names.unlink,
  [abi.FUSE_RMDIR]: names.rmdir,
  [abi.FUSE_RENAME]: names.rename,
  [abi.FUSE_LINK]: names.link,
  [abi.FUSE_OPEN]: files.open,
  [abi.FUSE_READ]: files.read,
  [abi.FUSE_WRITE]: files.write,
  [abi.FUSE_STATFS]: attributes.statfs,
  [abi.FUSE_RELEASE]: files.release,
  [abi.FUSE_FSYNC]: files.fsync,
  [abi.FUSE_SETXATTR]: attributes.setxattr,
  [abi.FUSE_GETXATTR]: attributes.getxattr,
  [abi.FUSE_LISTXATTR]: attributes.listxattr,
  [abi.FUSE_REMOVEXATTR]: attributes.removexattr,
  [abi.FUSE_FLUSH]: files.flush,
  [abi.FUSE_INIT]: kernel.init,
  [abi.FUSE_OPENDIR]: directories.opendir,
  [abi.FUSE_READDIR]: directories.readdir,
  [abi.FUSE_RELEASEDIR]: directories.releasedir,
  [abi.FUSE_FSYNCDIR]: directories.fsyncdir,
  [abi.FUSE_CREATE]: files.create,
  [abi.FUSE_DESTROY]: kernel.destroy,
  [abi.FUSE_BATCH_FORGET]: kernel.batchForget,
  [abi.FUSE_FALLOCATE]: files.fallocate,
  [abi.FUSE_READDIRPLUS]: directories.readdirplus,
  [abi.FUSE_RENAME2]: names.rename2,
  [abi.FUSE_LSEEK]: files.lseek,
  [abi.FUSE_COPY_FILE_RANGE]: files.copyFileRange,
  [abi.FUSE_TMPFILE]: files.tmpfile,
  [abi.FUSE_STATX]: attributes.statx,
  [abi.FUSE_COPY_FILE_RANGE_64]: files.copyFileRange64,
});

function toTable(byOpcode: Readonly<Record<number, Handler>>): (Handler | undefined)[] {
  return Array.from({ length: abi.opcodeEnd }, (_, opcode) => byOpcode[opcode]);
}

/** INTERRUPT's answer, where there is one, is that of another request. */
function hasReply(opcode: number): boolean {
  return !(
    opcode === abi.FUSE_FORGET ||
    opcode === abi.FUSE_BATCH_FORGET ||
    opcode === abi.FUSE_INTERRUPT ||
    opcode === abi.FUSE_NOTIFY_REPLY
  );
}

const ENOTTY = 25;
const noReply = 0;

export interface DispatchOptions {
  readonly fs: FileSystem;
  readonly wishes: Wishes;
  readonly logger: Logger;
  readonly backing: BackingControl;
  /** Seconds the kernel may trust names and attributes; `cacheSeconds` unless told. */
  readonly cacheS?: number;
  /** Ask for FLUSH when a descriptor is closed. */
  readonly wantFlush?: boolean;
  readonly trace?: Trace;
  /** An operation that was parked is given up: nobody waits for its ticket any more. */
  readonly abandon?: (ticket: Ticket) => void;
}

export class Dispatcher {
  /** Where the caller puts the next request: as long as the longest request. */
  readonly requestBytes: Uint8Array;
  readonly #exchange: Exchange;
  readonly #request: RequestReader;
  readonly #reply: ReplyWriter;
  readonly #logger: Logger;
  readonly #trace: Trace | undefined;
  readonly #abandon: (ticket: Ticket) => void;

  constructor(options: DispatchOptions) {
    const { fs, logger } = options;
    // A WRITE is the longest request, and a READ the longest reply.
    this.requestBytes = Buffer.alloc(transferBytesMax + abi.FUSE_MIN_READ_BUFFER);
    this.#request = new RequestReader(this.requestBytes);
    this.#reply = new ReplyWriter(transferBytesMax + abi.FUSE_MIN_READ_BUFFER);
    this.#logger = logger;
    this.#trace = options.trace;
    this.#abandon = options.abandon ?? (() => undefined);
    const cacheS = options.cacheS ?? cacheSeconds;
    this.#exchange = {
      fs,
      request: this.#request,
      reply: this.#reply,
      counts: new LookupCounts(fs),
      handles: new OpenHandles(fs),
      streams: new DirectoryStreams(fs),
      parked: new ParkedRequests(),
      passthrough: new Passthrough(fs, options.backing, logger),
      wishes: options.wishes,
      times: { entryS: cacheS, attrS: cacheS },
      wantFlush: options.wantFlush ?? false,
      terms: undefined,
      told: [],
      openedFile: undefined,
      errno: 0,
      warn: (message) => logger.log("warn", message),
      note: (message, fields) => logger.log("info", message, fields),
    };
  }

  /** The last reply: as many of these bytes as `dispatch` returned. Valid until the next request. */
  get replyBytes(): Uint8Array {
    return this.#reply.bytes;
  }

  /** What was agreed with the kernel; undefined before INIT. */
  get terms(): Terms | undefined {
    return this.#exchange.terms;
  }

  /** For status and tests. */
  get counters(): { inodes: number; handles: number; parked: number; backings: number } {
    const { counts, handles, parked, passthrough } = this.#exchange;
    return {
      inodes: counts.size,
      handles: handles.size,
      parked: parked.size,
      backings: passthrough.registered,
    };
  }

  /**
   * Acts on the request in the first `length` bytes of `requestBytes`.
   * @returns the length of the reply, or 0 when there is none (yet)
   */
  dispatch(length: number): number {
    if (!this.#request.begin(length)) {
      this.#logger.log("error", "a request shorter than its header", { length });
      return noReply;
    }
    return this.#answer(undefined);
  }

  /**
   * Dispatches the requests again that wait with this ticket; `deliver` is called with the length of each reply.
   */
  resume(ticket: Ticket, deliver: (length: number) => void): void {
    for (const parked of this.#exchange.parked.announced(ticket)) {
      this.#request.use(parked.bytes);
      let length = noReply;
      try {
        this.#request.begin(parked.bytes.byteLength);
        length = this.#answer(parked);
      } finally {
        this.#request.use(this.requestBytes);
      }
      if (length > 0) deliver(length);
    }
  }

  /** The last reply could not be delivered: what it told the kernel of, the kernel does not know. */
  undelivered(): void {
    this.#undo();
  }

  /** The kernel has gone: closes and forgets everything it had. */
  end(): void {
    const { parked, handles, streams, counts } = this.#exchange;
    for (const { ticket } of parked.takeAll()) this.#abandon(ticket);
    handles.releaseAll((error) => this.#logFailure("release at the end", error));
    streams.closeAll();
    counts.forgetAll();
  }

  #answer(parked: ParkedRequest | undefined): number {
    const request = this.#request;
    const exchange = this.#exchange;
    const { opcode } = request;
    exchange.told.length = 0;
    exchange.openedFile = undefined;
    exchange.errno = 0;
    this.#reply.start();
    request.resumed = parked?.ticket;
    let errno = 0;
    try {
      request.readHeader();
      if (opcode === abi.FUSE_INTERRUPT) return this.#interrupt();
      errno = this.#handle(opcode);
    } catch (error) {
      if (error instanceof Parked && this.#park(error)) return noReply;
      errno = this.#failed(opcode, error);
    }
    return hasReply(opcode) ? this.#finish(errno) : this.#silent();
  }

  #handle(opcode: number): number {
    const handler = handlers[opcode];
    if (this.#exchange.terms === undefined && opcode !== abi.FUSE_INIT) return errnos.EIO;
    if (handler !== undefined) handler(this.#exchange);
    // Every isatty(3) is an ioctl, and would be asked for ever. The rest the kernel asks once and never again.
    else return opcode === abi.FUSE_IOCTL ? ENOTTY : errnos.ENOSYS;
    return this.#exchange.errno;
  }

  #finish(errno: number): number {
    const request = this.#request;
    const length = this.#reply.finish(request.uniqueLow, request.uniqueHigh, errno);
    if (this.#trace !== undefined) this.#traceIt(errno, length);
    return length;
  }

  #silent(): number {
    if (this.#trace !== undefined) this.#traceIt(undefined, 0);
    return noReply;
  }

  #failed(opcode: number, error: unknown): number {
    this.#undo();
    if (error instanceof FsError) return error.errno;
    if (error instanceof Parked) return errnos.ENOMEM;
    const errno = toErrno(error);
    const operation = abi.opcodeNames[opcode] ?? `opcode ${opcode}`;
    // What the disk answered is the caller's answer too (ENOSPC, EFBIG …); only EIO has a cause worth a stack.
    if (errno === errnos.EIO) this.#logFailure(operation, error);
    else this.#logger.log("warn", `${operation}: ${(error as Error).message}`);
    return errno;
  }

  /** @returns false when no more can wait: the caller is told so instead */
  #park({ ticket, isBrief }: Parked): boolean {
    this.#undo();
    const request = this.#request;
    try {
      const bytes = request.copy();
      this.#exchange.parked.add({ unique: request.unique, ticket, bytes, isBrief });
      return true;
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      this.#logger.log("warn", error.message);
      this.#abandon(ticket);
      return false;
    }
  }

  /**
   * The answer is that of the interrupted request. One that does not wait here has been answered already: the
   * kernel sends INTERRUPT only for requests that we have read, and we answer all others before we read on.
   */
  #interrupt(): number {
    const waiting = this.#exchange.parked.interrupted(this.#request.uniqueInBody());
    if (waiting === undefined) return this.#silent();
    this.#abandon(waiting.ticket);
    const low = Number(waiting.unique & 0xffff_ffffn);
    return this.#reply.finish(low, Number(waiting.unique >> 32n), errnos.EINTR);
  }

  /** Takes back what the reply would have told the kernel of. Never throws: the caller is answering already. */
  #undo(): void {
    const { told, counts, handles, passthrough, openedFile } = this.#exchange;
    this.#exchange.openedFile = undefined;
    try {
      while (told.length > 0) counts.forget(told.pop() ?? 0, 1);
      if (openedFile !== undefined) passthrough.released(handles.releaseFile(openedFile));
    } catch (error) {
      this.#logFailure("taking back an answer", error);
    }
  }

  #traceIt(errno: number | undefined, replyBytes: number): void {
    assert(this.#trace !== undefined, "there is a trace");
    const { opcode, unique, nodeid, length } = this.#request;
    this.#trace(traceLine({ opcode, unique, nodeid, requestBytes: length, errno, replyBytes }));
  }

  #logFailure(operation: string, error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#logger.log("error", `${operation} failed`, { ino: this.#request.nodeid, error: stack });
  }
}
