/** What a handler works with: the file system, the request, the reply, and what the mount has agreed on. */
import type { Attr, FileSystem, LogFields } from "@smfs/core";
import type { DirectoryStreams } from "./directory-streams.ts";
import type { Terms, Wishes } from "./init.ts";
import type { LookupCounts } from "./lookup-counts.ts";
import type { OpenHandles } from "./open-handles.ts";
import type { ParkedRequests } from "./parked-requests.ts";
import type { Passthrough } from "./passthrough.ts";
import type { CacheTimes, ReplyWriter } from "./reply-writer.ts";
import type { RequestReader } from "./request-reader.ts";

export interface Exchange {
  readonly fs: FileSystem;
  readonly request: RequestReader;
  readonly reply: ReplyWriter;
  readonly counts: LookupCounts;
  readonly handles: OpenHandles;
  readonly streams: DirectoryStreams;
  readonly parked: ParkedRequests;
  readonly passthrough: Passthrough;
  readonly wishes: Wishes;
  readonly times: CacheTimes;
  /** Send FLUSH, because closing a file must do something (`--durability close`). */
  readonly wantFlush: boolean;
  /** Set by INIT. */
  terms: Terms | undefined;
  /** Inodes that this reply tells the kernel of, and the handle it gives: undone if the reply cannot be delivered. */
  readonly told: number[];
  openedFile: number | undefined;
  /** Set by a handler whose answer is this error: it costs less than to throw one. 0: there is none. */
  errno: number;
  /** Something that should not happen did; nobody's request failed by it. */
  warn(message: string): void;
  /** Something that whoever reads the log may want to know. */
  note(message: string, fields: LogFields): void;
}

/**
 * Reads a request's body, acts, and writes the body of the reply.
 * @throws FsError for what the caller shall see; Parked to be called again later
 */
export type Handler = (exchange: Exchange) => void;

/**
 * Tells the kernel of an entry: it knows the inode from now on.
 * @param unstableNs nanoseconds that it may trust attributes which are not stable
 */
export function tellEntry(exchange: Exchange, attr: Attr, unstableNs = 0): void {
  exchange.counts.add(attr.ino);
  exchange.told.push(attr.ino);
  exchange.reply.entryOut(attr, exchange.times, unstableNs);
}
