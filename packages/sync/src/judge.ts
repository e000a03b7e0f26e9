/**
 * PUSH-3: what a look at the document means for an attempt whose outcome is not known. Pure.
 *
 * Content is trusted, not status codes, stamps or times: an attempt has landed when the bytes, the path and the
 * attributes that are there are its own.
 */
import type { OpView, RemoteVersion } from "@smfs/store";
import type { Look } from "./look.ts";
import { agreesWith, effective, isStray, relationOf } from "./relation.ts";

export type Verdict =
  /** The server is still at it: never write to a document that is being processed. */
  | { readonly kind: "wait" }
  | { readonly kind: "failed" }
  /** What we sent is there. */
  | { readonly kind: "landed"; readonly remote: RemoteVersion }
  /** What we sent was there, and somebody built on it. */
  | { readonly kind: "built-on" }
  /** Nothing happened there since base: send. */
  | { readonly kind: "send"; readonly remote: RemoteVersion }
  /** Right bytes under the old path. */
  | { readonly kind: "move"; readonly remote: RemoteVersion }
  /** The server went back to an ancestor, and this attempt carries no bytes. */
  | { readonly kind: "reassert" }
  /** Our stamp, done, but other bytes than we sent and than base. */
  | { readonly kind: "changed"; readonly remote: RemoteVersion }
  /** The document moved on. */
  | { readonly kind: "resolve"; readonly remote: RemoteVersion };

/** @param counts whether the server counts revisions (ETag): then a number says what a stamp says elsewhere */
export function judge(op: OpView, look: Look, counts: boolean): Verdict {
  const { status } = look;
  if (status === "done" || counts)
    return look.remote === undefined ? { kind: "wait" } : judgeFinal(op, look.remote, counts);
  if (status !== "failed") return { kind: "wait" };
  // What failed may be somebody else's edit: that is not sent over, nor deleted.
  const found = look.remote && judgeFinal(op, look.remote, counts);
  return found?.kind === "resolve" ? found : { kind: "failed" };
}

function judgeFinal(op: OpView, shown: RemoteVersion, counts: boolean): Verdict {
  const remote = effective(shown, op.base, op);
  const hasBytes = remote.hash === op.hash;
  const hasPath = remote.path === op.path;
  if (op.kind !== "delete") {
    if (remote.rev === op.opId && hasBytes) {
      if (hasPath) return { kind: "landed", remote };
      // A server that counts takes path and bytes together: somebody has moved it since.
      return counts ? { kind: "resolve", remote } : { kind: "move", remote };
    }
    if (hasBytes && hasPath && agreesWith(remote.attrs, op.attrs)) {
      return { kind: "landed", remote };
    }
    if (remote.chain.includes(op.opId)) return { kind: "built-on" };
  }
  return sinceBase(op, remote, counts);
}

function sinceBase(op: OpView, remote: RemoteVersion, isCounting: boolean): Verdict {
  const relation = relationOf(op.base, remote);
  // Base without a number is from another history of the server: stamps say then what numbers cannot.
  const counts = isCounting && (op.base === null || op.base.srev !== null);
  if (relation === "same") return { kind: "send", remote };
  const [epoch = ""] = op.opId.split(":");
  const isOurs =
    op.chain.includes(remote.rev) || (op.base !== null && isStray(op.fid, epoch, remote));
  if (!counts && isOurs) {
    return op.withBytes || op.kind === "delete" ? { kind: "send", remote } : { kind: "reassert" };
  }
  // Who has sent no bytes has stamped somebody else's.
  if (!counts && op.withBytes && remote.stampRev === op.opId && remote.hash !== op.base?.hash) {
    return { kind: "changed", remote };
  }
  return { kind: "resolve", remote };
}
