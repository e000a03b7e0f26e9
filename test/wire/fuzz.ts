// Sequences of requests sent to a dispatcher over a file system, and what must hold whatever they are.
import fc from "fast-check";
import * as abi from "../../packages/fuse/src/abi.ts";
import { Dispatcher } from "../../packages/fuse/src/dispatch.ts";
import { everyFlag, KeptLog, setUp } from "../../packages/fuse/src/testing/dispatcher.ts";
import { body, Wire } from "../../packages/fuse/src/testing/wire.ts";
import { GeneratedFixture } from "../../packages/store/src/testing/generated-fixture.ts";
import { populate, request, silentOpcodes } from "./requests.ts";

/** A dispatcher that has agreed with its kernel, and the file system under it. */
interface Subject {
  readonly dispatcher: Dispatcher;
  readonly wire: Wire;
  readonly log: KeptLog;
  /** What the file system finds wrong with itself. */
  breaches(): readonly unknown[];
  close(): void;
}

function overMemory(): Subject {
  const { dispatcher, wire, log, close } = setUp();
  return { dispatcher, wire, log, close, breaches: () => [] };
}

/** The product's own: the generated files over the store, whose bytes are in memory. */
function overStore(): Subject {
  const { f, fs } = new GeneratedFixture();
  const log = new KeptLog();
  const dispatcher = new Dispatcher({
    fs,
    logger: log,
    wishes: { passthrough: true, stackDepth: 1, posixAcl: true },
    backing: { open: () => 1, close: () => undefined },
  });
  const wire = new Wire(dispatcher);
  const offer = body().u32(7, 45, 131_072, everyFlag, everyFlag).raw(new Uint8Array(44));
  wire.ok(abi.FUSE_INIT, offer, { unique: 1n });
  return {
    dispatcher,
    wire,
    log,
    breaches: () => {
      f.settle();
      return f.check();
    },
    close: () => f.store.close(),
  };
}

/** A hole of many gigabytes is made with one number: on a real disk it would be written through. */
const needsRoom: ReadonlySet<number> = new Set([abi.FUSE_FALLOCATE]);

/** What is fuzzed, by name. */
export const subjects: Readonly<Record<string, () => Subject>> = {
  "the file system in memory": overMemory,
  "the store and its generated files": overStore,
};

function opcodeOf(bytes: Buffer): number {
  return bytes.readUInt32LE(abi.inHeader.opcode);
}

/** Sends a request. @throws when its reply is not well-formed, or one too many or too few */
function sendOne({ wire, dispatcher }: Subject, bytes: Buffer): void {
  const { parked } = dispatcher.counters;
  const reply = wire.send(bytes);
  if (reply === undefined) {
    const waits = dispatcher.counters.parked > parked;
    if (!waits && !silentOpcodes.has(opcodeOf(bytes))) throw new Error("a request has no reply");
    return;
  }
  // INTERRUPT's answer is that of the request that waited.
  if (opcodeOf(bytes) === abi.FUSE_INTERRUPT) return;
  if (silentOpcodes.has(opcodeOf(bytes))) throw new Error("a reply to what has none");
  const unique = bytes.readBigUInt64LE(abi.inHeader.unique);
  if (reply.unique !== unique) throw new Error(`answered ${reply.unique}, asked ${unique}`);
}

/** @throws when the file system holds something after the end, or a mistake of ours was logged */
function checkEnd({ dispatcher, log, breaches }: Subject): void {
  const { inodes, handles, parked } = dispatcher.counters;
  if (inodes + handles + parked > 0) {
    throw new Error(`${inodes} inodes, ${handles} handles, ${parked} parked`);
  }
  // A mistake of ours would be EIO with a logged stack: malformed requests alone may be EIO.
  const mistakes = log.lines.filter(({ level }) => level === "error");
  if (mistakes.length > 0) throw new Error(`mistakes: ${JSON.stringify(mistakes)}`);
  const broken = breaches();
  if (broken.length > 0) throw new Error(`breaches: ${JSON.stringify(broken)}`);
}

function send(start: () => Subject, requests: readonly Buffer[]): void {
  const subject = start();
  try {
    for (const bytes of populate) subject.wire.send(bytes);
    for (const bytes of requests) {
      if (start === overMemory && needsRoom.has(opcodeOf(bytes))) continue;
      sendOne(subject, bytes);
    }
    subject.dispatcher.end();
    checkEnd(subject);
  } finally {
    subject.close();
  }
}

/** Sends `numRuns` sequences of one seed. @throws with the shortest sequence that something is wrong with */
export function fuzz(start: () => Subject, seed: number, numRuns: number): void {
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 60 }), (requests) => {
      send(start, requests);
    }),
    { seed, numRuns },
  );
}
