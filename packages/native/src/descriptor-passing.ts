/** How a descriptor arrives from another process: a pair of unix sockets and SCM_RIGHTS (unix(7)). Linux only. */
import { addressOf, lastError, recvmsg, socketpair } from "./libc.ts";
import { SystemError } from "./system-error.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const MSG_DONTWAIT = 0x40;

// struct msghdr and struct cmsghdr of 64-bit Linux.
const msghdr = { bytes: 56, iov: 16, iovlen: 24, control: 32, controllen: 40 };
const cmsghdr = { bytes: 16, length: 0, level: 8, type: 12 };
/** Room for one descriptor, padded to 8 bytes (CMSG_SPACE). */
const controlBytes: number = cmsghdr.bytes + 8;

// What recvmsg is given and fills. `receiveDescriptor` names each of them: what only an address points to, the
// engine frees.
const payload: Uint8Array = new Uint8Array(1);
const iov: BigUint64Array = new BigUint64Array(2);
const control: DataView = new DataView(new ArrayBuffer(controlBytes));
const controlArea: Uint8Array = new Uint8Array(control.buffer);
const message: DataView = new DataView(new ArrayBuffer(msghdr.bytes));
const messageArea: Uint8Array = new Uint8Array(message.buffer);

/** A connected pair of stream sockets, closed on exec. Close them with `fs.closeSync`. */
export function socketPair(): { readonly ours: number; readonly theirs: number } {
  const pair = new Int32Array(2);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(pair.buffer)) === -1) {
    throw lastError("socketpair");
  }
  const [ours, theirs] = pair;
  if (ours === undefined || theirs === undefined) throw new SystemError("EBADF", "socketpair");
  return { ours, theirs };
}

/**
 * The descriptor that the peer has sent, closed on exec here. Does not wait: the peer has sent it or never will.
 * @throws SystemError EAGAIN or EBADF when none is there
 */
export function receiveDescriptor(socket: number): number {
  controlArea.fill(0);
  messageArea.fill(0);
  iov[0] = addressOf(payload);
  iov[1] = BigInt(payload.byteLength);
  message.setBigUint64(msghdr.iov, addressOf(new Uint8Array(iov.buffer)), true);
  message.setBigUint64(msghdr.iovlen, 1n, true);
  message.setBigUint64(msghdr.control, addressOf(controlArea), true);
  message.setBigUint64(msghdr.controllen, BigInt(controlBytes), true);
  if (recvmsg(socket, messageArea, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) === -1) {
    throw lastError("receive a descriptor");
  }
  const oneDescriptor = BigInt(cmsghdr.bytes + 4);
  const arrived =
    message.getBigUint64(msghdr.controllen, true) >= oneDescriptor &&
    control.getBigUint64(cmsghdr.length, true) === oneDescriptor &&
    control.getInt32(cmsghdr.level, true) === SOL_SOCKET &&
    control.getInt32(cmsghdr.type, true) === SCM_RIGHTS;
  if (!arrived) throw new SystemError("EBADF", "the peer sent no descriptor");
  return control.getInt32(cmsghdr.bytes, true);
}
