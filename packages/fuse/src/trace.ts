/** One line for each request and reply, for people who look for what a program does. Never content. */
import { errnoName } from "@smfs/core";
import { opcodeNames } from "./abi.ts";

export interface TracedExchange {
  readonly opcode: number;
  readonly unique: bigint;
  readonly nodeid: number;
  readonly requestBytes: number;
  /** 0 for success; undefined when there was no reply. */
  readonly errno: number | undefined;
  readonly replyBytes: number;
}

/** Takes one line. */
export type Trace = (line: string) => void;

/** `LOOKUP #24 ino 1, 47 bytes: ENOENT` or `READ #26 ino 5, 80 bytes: 4112 bytes`. */
export function traceLine(traced: TracedExchange): string {
  const name = opcodeNames[traced.opcode] ?? `opcode ${traced.opcode}`;
  const request = `${name} #${traced.unique} ino ${traced.nodeid}, ${traced.requestBytes} bytes`;
  if (traced.errno === undefined) return `${request}: no reply`;
  if (traced.errno !== 0) return `${request}: ${errnoName(traced.errno)}`;
  return `${request}: ${traced.replyBytes} bytes`;
}
