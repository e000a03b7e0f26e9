/** INIT, DESTROY, FORGET, BATCH_FORGET and INTERRUPT: what the kernel says about the mount itself. */

import type { Exchange } from "../exchange.ts";
import { negotiate, readOffer, writeInit } from "../init.ts";

export function init(exchange: Exchange): void {
  const terms = negotiate(readOffer(exchange.request), exchange.wishes);
  if (terms !== undefined) {
    exchange.terms = terms;
    exchange.passthrough.agree(terms.passthrough);
    const { minor, flags, flags2, maxWrite } = terms;
    exchange.note("agreed with the kernel", {
      protocol: `7.${minor}`,
      flags: `0x${(flags >>> 0).toString(16)}`,
      flags2: `0x${(flags2 >>> 0).toString(16)}`,
      maxWrite,
    });
  }
  writeInit(exchange.reply, terms);
}

/** The last request of some mounts; what is open is closed when the device ends, which comes next. */
export function destroy(): void {
  // Nothing to say but "done".
}

/** No reply: a handler that fails here logs and writes nothing. */
export function forget(exchange: Exchange): void {
  forgetOne(exchange, exchange.request.nodeid, exchange.request.u64());
}

export function batchForget(exchange: Exchange): void {
  const { request } = exchange;
  const count = request.u32();
  request.skip(4);
  // A count that is not true ends with the bytes: u64 fails.
  for (let i = 0; i < count; i += 1) {
    const ino = request.u64();
    forgetOne(exchange, ino, request.u64());
  }
}

function forgetOne(exchange: Exchange, ino: number, nlookup: number): void {
  const balanced = exchange.counts.forget(ino, nlookup);
  if (exchange.counts.get(ino) === 0) exchange.streams.close(ino);
  if (!balanced) exchange.warn(`kernel forgot inode ${ino} more often than it was told of it`);
}
