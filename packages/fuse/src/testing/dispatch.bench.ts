/** What the frontend itself costs for each request: bytes to bytes, over a file system that does nothing. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "@smfs/core";
import { afterAll, bench } from "vitest";
import * as abi from "../abi.ts";
import { Dispatcher } from "../dispatch.ts";
import { MemoryFileSystem } from "./memory-filesystem.ts";
import { body, readEntry, toRequest, Wire } from "./wire.ts";

const dir = mkdtempSync(join(tmpdir(), "smfs-bench-"));
afterAll(() => rmSync(dir, { recursive: true }));

const dispatcher = new Dispatcher({
  fs: new MemoryFileSystem(dir, systemClock, { uid: 0, gid: 0 }),
  logger: silentLogger,
  wishes: { passthrough: false, stackDepth: 1, posixAcl: false },
  backing: { open: () => 0, close: () => undefined },
});
const wire = new Wire(dispatcher);
wire.ok(abi.FUSE_INIT, body().u32(7, 45, 131_072, 0xffff_ffff, 0));
const made = wire.ok(abi.FUSE_MKDIR, body().u32(0o755, 0).name("directory"));
const ino = readEntry(made).ino;

function measure(name: string, opcode: number, content: Uint8Array, nodeid = 1): void {
  const request = toRequest(opcode, content, { nodeid });
  bench(name, () => {
    dispatcher.requestBytes.set(request);
    dispatcher.dispatch(request.byteLength);
  });
}

measure("GETATTR", abi.FUSE_GETATTR, body().u32(0, 0).u64(0).bytes(), ino);
measure("LOOKUP", abi.FUSE_LOOKUP, body().name("directory").bytes());
measure("LOOKUP of what is not there", abi.FUSE_LOOKUP, body().name("absent").bytes());
measure("FORGET", abi.FUSE_FORGET, body().u64(0).bytes(), ino);
