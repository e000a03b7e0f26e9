/** The bytes that make the kernel forget something: messages of our own, with unique 0 and a code for an error. */
import { type Invalidation, unreachable } from "@smfs/core";
import {
  FUSE_NOTIFY_DELETE,
  FUSE_NOTIFY_INVAL_ENTRY,
  FUSE_NOTIFY_INVAL_INODE,
  outHeader,
} from "./abi.ts";

/** Of FUSE_NOTIFY_INVAL_ENTRY, since 7.38: the entry's time is over, and that is all. */
const FUSE_EXPIRE_ONLY = 1;

const inodeBytes = 24;
const entryBytes = 16;
const deleteBytes = 24;

/** One message, whole. */
export function toNotification(invalidation: Invalidation): Uint8Array {
  switch (invalidation.kind) {
    case "inode": {
      const { message, view } = newMessage(FUSE_NOTIFY_INVAL_INODE, inodeBytes, "");
      view.setBigInt64(outHeader.bytes, BigInt(invalidation.ino), true);
      // A negative offset leaves the cached bytes; offset 0 with length 0 drops all of them.
      const offset = invalidation.attributesOnly === true ? -1n : 0n;
      view.setBigInt64(outHeader.bytes + 8, offset, true);
      return message;
    }
    case "entry": {
      const { message, view } = newMessage(FUSE_NOTIFY_INVAL_ENTRY, entryBytes, invalidation.name);
      view.setBigInt64(outHeader.bytes, BigInt(invalidation.parent), true);
      view.setUint32(outHeader.bytes + 8, invalidation.name.length, true);
      // Before Linux 6.2 the flags are padding, and the name is dropped at once.
      const flags = invalidation.isExpired === true ? FUSE_EXPIRE_ONLY : 0;
      view.setUint32(outHeader.bytes + 12, flags, true);
      return message;
    }
    case "delete": {
      const { message, view } = newMessage(FUSE_NOTIFY_DELETE, deleteBytes, invalidation.name);
      view.setBigInt64(outHeader.bytes, BigInt(invalidation.parent), true);
      view.setBigInt64(outHeader.bytes + 8, BigInt(invalidation.ino), true);
      view.setUint32(outHeader.bytes + 16, invalidation.name.length, true);
      return message;
    }
    default:
      return unreachable(invalidation);
  }
}

/** Header, `bodyBytes` of zeroes and, unless empty, the name with its NUL. */
function newMessage(
  code: number,
  bodyBytes: number,
  name: string,
): { message: Uint8Array; view: DataView } {
  const nameAt = outHeader.bytes + bodyBytes;
  const length = nameAt + (name === "" ? 0 : name.length + 1);
  // Not from Node's shared pool: an asynchronous write reads these bytes later.
  const message = Buffer.from(new ArrayBuffer(length));
  const view = new DataView(message.buffer);
  view.setUint32(outHeader.len, length, true);
  view.setInt32(outHeader.error, code, true);
  message.write(name, nameAt, "latin1");
  return { message, view };
}
