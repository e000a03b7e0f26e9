// Requests as no honest kernel sends them: well-formed ones with odd values, parts of the protocol in any order, any bytes.
import fc from "fast-check";
import * as abi from "../../packages/fuse/src/abi.ts";
import { body, toRequest } from "../../packages/fuse/src/testing/wire.ts";

/** What has no reply. */
export const silentOpcodes: ReadonlySet<number> = new Set<number>([
  abi.FUSE_FORGET,
  abi.FUSE_BATCH_FORGET,
  abi.FUSE_INTERRUPT,
  abi.FUSE_NOTIFY_REPLY,
]);

/** Numbers as a broken or hostile kernel might send them, and as an honest one does. */
const number64 = fc.oneof(
  { weight: 12, arbitrary: fc.bigInt({ min: 0n, max: 5n }) },
  { weight: 4, arbitrary: fc.bigInt({ min: 0n, max: 9n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
  { weight: 1, arbitrary: fc.constantFrom(2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n) },
);
const number32 = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(4096, 65_536, 1 << 20, 0o100644, 0o40755) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
);
const name = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("a", "b", "c", "d", "user.x") },
  { weight: 1, arbitrary: fc.constantFrom("", ".", "..", "a/b", "x".repeat(300)) },
  { weight: 1, arbitrary: fc.constantFrom(".smfs", "status.json", "search", "profile.md") },
  { weight: 1, arbitrary: fc.constantFrom("system.posix_acl_access", "system.posix_acl_default") },
  { weight: 1, arbitrary: fc.string({ unit: "binary-ascii", maxLength: 20 }) },
);

/** Bodies: made of the protocol's own parts, in any order and number, or any bytes at all. */
const part = fc.oneof(
  number64.map((value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes;
  }),
  number32.map((value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  }),
  name.map((text) => Buffer.from(`${text}\0`, "latin1")),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);
const content = fc.array(part, { maxLength: 14 }).map((parts) => Buffer.concat(parts));

/** Bodies that are right for their opcode, with odd values in them: most requests get past the reader. */
const wellFormed: Record<number, fc.Arbitrary<Buffer>> = {};
function shape(opcode: number, ...layout: ("u32" | "u64" | "name" | "data")[]): void {
  const parts = layout.map((kind) => {
    if (kind === "u64") return number64.map((v) => packed(8, v));
    if (kind === "u32") return number32.map((v) => packed(4, BigInt(v)));
    if (kind === "name") return name.map((text) => Buffer.from(`${text}\0`, "latin1"));
    return fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes));
  });
  wellFormed[opcode] = fc.tuple(...parts).map((buffers) => Buffer.concat(buffers));
}

function packed(size: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.subarray(0, size);
}

shape(abi.FUSE_LOOKUP, "name");
shape(abi.FUSE_FORGET, "u64");
shape(abi.FUSE_GETATTR, "u32", "u32", "u64");
shape(
  abi.FUSE_SETATTR,
  ...(["u32", "u32", "u64", "u64", "u64", "u64", "u64", "u64"] as const),
  ...(["u32", "u32", "u32", "u32", "u32", "u32", "u32", "u32"] as const),
);
shape(abi.FUSE_SYMLINK, "name", "name");
shape(abi.FUSE_MKNOD, "u32", "u32", "u32", "u32", "name");
shape(abi.FUSE_MKDIR, "u32", "u32", "name");
shape(abi.FUSE_UNLINK, "name");
shape(abi.FUSE_RMDIR, "name");
shape(abi.FUSE_RENAME, "u64", "name", "name");
shape(abi.FUSE_RENAME2, "u64", "u32", "u32", "name", "name");
shape(abi.FUSE_LINK, "u64", "name");
shape(abi.FUSE_OPEN, "u32", "u32");
shape(abi.FUSE_READ, "u64", "u64", "u32", "u32", "u64", "u32", "u32");
shape(abi.FUSE_WRITE, "u64", "u64", "u32", "u32", "u64", "u32", "u32", "data");
shape(abi.FUSE_RELEASE, "u64", "u32", "u32", "u64");
shape(abi.FUSE_SETXATTR, "u32", "u32", "name", "data");
shape(abi.FUSE_GETXATTR, "u32", "u32", "name");
shape(abi.FUSE_LISTXATTR, "u32", "u32");
shape(abi.FUSE_REMOVEXATTR, "name");
shape(abi.FUSE_READDIR, "u64", "u64", "u32", "u32", "u64", "u32", "u32");
shape(abi.FUSE_READDIRPLUS, "u64", "u64", "u32", "u32", "u64", "u32", "u32");
shape(abi.FUSE_CREATE, "u32", "u32", "u32", "u32", "name");
shape(abi.FUSE_TMPFILE, "u32", "u32", "u32", "u32", "name");
shape(abi.FUSE_LSEEK, "u64", "u64", "u32", "u32");
shape(abi.FUSE_COPY_FILE_RANGE, "u64", "u64", "u64", "u64", "u64", "u64", "u64");
shape(abi.FUSE_FALLOCATE, "u64", "u64", "u64", "u32", "u32");
shape(abi.FUSE_STATX, "u32", "u32", "u64", "u32", "u32");
shape(abi.FUSE_FSYNC, "u64", "u32", "u32");
shape(abi.FUSE_BATCH_FORGET, "u32", "u32", "u64", "u64", "u64", "u64");
shape(abi.FUSE_INTERRUPT, "u64");
shape(abi.FUSE_INIT, "u32", "u32", "u32", "u32", "u32");

/** Inodes: mostly such as exist. */
const node = fc.oneof(
  { weight: 9, arbitrary: fc.bigInt({ min: 1n, max: 6n }) },
  { weight: 1, arbitrary: number64 },
);
const unique = fc.bigInt({ min: 1n, max: 2n ** 63n });
const shaped = fc
  .constantFrom(...Object.keys(wellFormed).map(Number))
  .chain((opcode) => fc.tuple(fc.constant(opcode), wellFormed[opcode] ?? content, node, unique));
const shapeless = fc.tuple(fc.integer({ min: 0, max: 60 }), content, node, unique);
/** A request, whole. */
export const request: fc.Arbitrary<Buffer> = fc
  .oneof({ weight: 5, arbitrary: shaped }, { weight: 1, arbitrary: shapeless })
  .map(([opcode, bytes, nodeid, id]) => toRequest(opcode, bytes, { nodeid, unique: id }));

/** Directories, open files and a listing, so that small numbers mean something. */
export const populate: readonly Buffer[] = [
  toRequest(abi.FUSE_MKDIR, body().u32(0o755, 0).name("a").bytes()),
  toRequest(abi.FUSE_CREATE, body().u32(2, 0o644, 0, 0).name("b").bytes()),
  toRequest(abi.FUSE_CREATE, body().u32(2, 0o644, 0, 0).name("c").bytes(), { nodeid: 2 }),
  toRequest(abi.FUSE_MKDIR, body().u32(0o755, 0).name("d").bytes(), { nodeid: 2 }),
  toRequest(abi.FUSE_SYMLINK, body().name("e").name("target").bytes()),
];
