/** A dispatcher over a file system in memory, agreed with a kernel of one's choice. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type FileSystem,
  type LogFields,
  type Logger,
  type LogLevel,
  systemClock,
} from "@smfs/core";
import { FUSE_INIT } from "../abi.ts";
import { Dispatcher, type DispatchOptions } from "../dispatch.ts";
import { MemoryFileSystem } from "./memory-filesystem.ts";
import { body, Wire } from "./wire.ts";

/** A logger that keeps its lines. */
export class KeptLog implements Logger {
  readonly lines: { level: LogLevel; message: string; fields: LogFields | undefined }[] = [];

  log(level: LogLevel, message: string, fields?: LogFields): void {
    this.lines.push({ level, message, fields });
  }
}

/** Everything offered, as a kernel of today does. */
export const everyFlag = 0xffff_ffff;

export interface Setup {
  readonly fs: MemoryFileSystem;
  readonly dispatcher: Dispatcher;
  readonly wire: Wire;
  readonly log: KeptLog;
  /** Removes the bytes. */
  close(): void;
}

/**
 * @param options `flags`, `flags2` and `minor` of the kernel; `init: false` to send no INIT; `wrap` to stand
 *   between the dispatcher and the file system
 */
export function setUp(
  options: {
    readonly flags?: number;
    readonly flags2?: number;
    readonly minor?: number;
    readonly init?: boolean;
    readonly wrap?: (fs: MemoryFileSystem) => FileSystem;
  } & Partial<Omit<DispatchOptions, "fs">> = {},
): Setup {
  const dir = mkdtempSync(join(tmpdir(), "smfs-fuse-"));
  const fs = new MemoryFileSystem(dir, systemClock, { uid: 1000, gid: 1000 });
  const log = new KeptLog();
  const dispatcher = new Dispatcher({
    logger: log,
    wishes: { passthrough: false, stackDepth: 1, posixAcl: false },
    backing: { open: () => 1, close: () => undefined },
    ...options,
    fs: options.wrap?.(fs) ?? fs,
  });
  const wire = new Wire(dispatcher);
  if (options.init !== false) {
    const { minor = 45, flags = everyFlag, flags2 = everyFlag } = options;
    const offer = body().u32(7, minor, 131_072, flags, flags2).raw(new Uint8Array(44));
    wire.ok(FUSE_INIT, offer, { unique: 1n });
  }
  const close = (): void => {
    dispatcher.end();
    fs.close();
    rmSync(dir, { recursive: true });
  };
  return { fs, dispatcher, wire, log, close };
}
