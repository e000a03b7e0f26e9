/** PUSH-8: both sides moved. Gathers what the three sides are, decides, and has the store carry it out. */
import { mergeBytesMax } from "@smfs/core";
import type {
  FileWorker,
  OpView,
  RemoteVersion,
  Resolution,
  ResolveView,
  StorePort,
} from "@smfs/store";
import type { Capabilities } from "./capabilities.ts";
import type { Contents } from "./content.ts";
import { freeze } from "./freeze.ts";
import type { Look } from "./look.ts";
import { merge } from "./merge.ts";
import { effective, relationOf } from "./relation.ts";

/** How bytes are brought together. Pure: the digests of the three sides decide. */
export function resolutionOf(view: ResolveView, remote: RemoteVersion): Resolution["kind"] {
  const { op, entry, localHash } = view;
  if (entry.state === "deleted") return "remote";
  const isRemoteChanged = op.base === null || remote.hash !== op.base.hash;
  if (!isRemoteChanged) return "local";
  const isLocalChanged = op.base === null || entry.bytesVer > entry.baseVer;
  // R made from something else than base replaces bytes that its author has not seen: they are kept, too.
  if (!isLocalChanged) return isUnseen(view, remote) ? "split" : "remote";
  // Equal bytes are no conflict. What was written after the snapshot stays dirty by its version.
  if (remote.hash === (localHash ?? op.hash) || remote.hash === op.hash) return "local";
  return "split";
}

/** Whether bytes that are here would be replaced by a version that does not descend from them. */
function isUnseen({ op, entry }: ResolveView, remote: RemoteVersion): boolean {
  const hasBytes = !entry.stub && entry.kind === "file";
  return hasBytes && relationOf(op.base, effective(remote, op.base, op)) === "concurrent";
}

export class Resolver {
  readonly #port: StorePort;
  readonly #contents: Contents;
  readonly #worker: FileWorker;
  readonly #capabilities: () => Capabilities;

  constructor(deps: {
    port: StorePort;
    contents: Contents;
    worker: FileWorker;
    capabilities: () => Capabilities;
  }) {
    this.#port = deps.port;
    this.#contents = deps.contents;
    this.#worker = deps.worker;
    this.#capabilities = deps.capabilities;
  }

  /** Resolves an attempt against R. "stale": its entry has moved meanwhile, nothing was done: to be looked at again. */
  async resolve(op: OpView, remote: RemoteVersion, look: Look): Promise<"ended" | "stale"> {
    const view = await this.#port.resolveView(op.fid, op.opId);
    if (view === null) return "ended";
    const kind = resolutionOf(view, remote);
    const content = kind === "local" ? undefined : await this.#content(remote, look);
    const merged = kind === "split" ? await this.#merge(view, remote, content) : undefined;
    const how: Resolution = merged ?? (kind === "merged" ? { kind: "split" } : { kind });
    const settled = await this.#port.resolve(
      op.fid,
      op.opId,
      view.entry.localVer,
      remote,
      how,
      content,
    );
    return settled === "stale" ? "stale" : "ended";
  }

  /** Both sides' bytes as one text, when base's bytes are here and nothing was changed on both sides. */
  async #merge(
    view: ResolveView,
    remote: RemoteVersion,
    content: { blob: string; size: number } | undefined,
  ): Promise<Resolution | undefined> {
    const { op, entry } = view;
    const baseBlob = op.base?.blob ?? null;
    if (baseBlob === null || content === undefined || entry.kind !== "file") return undefined;
    if (content.size > mergeBytesMax || op.size > mergeBytesMax) return undefined;
    // A version made from something else has not removed what base has and it lacks: base is no base for it.
    if (relationOf(op.base, effective(remote, op.base, op)) !== "descends") return undefined;
    const [local, base, theirs] = [
      await this.#localBytes(view),
      await this.#read(baseBlob),
      await this.#read(content.blob),
    ];
    if (local === undefined || base === undefined || theirs === undefined) return undefined;
    const bytes = merge(remote.path ?? op.path, { local, base, remote: theirs });
    return bytes === undefined
      ? undefined
      : { kind: "merged", ...(await this.#contents.keep(bytes)) };
  }

  /** The working file as it is now: the snapshot, if nothing has moved since. Undefined when it is being written, or gone. */
  async #localBytes({ op, entry }: ResolveView): Promise<Uint8Array | undefined> {
    if (entry.localVer === op.claimVer && op.snapshot?.bytes !== undefined)
      return op.snapshot.bytes;
    const copy = await freeze(this.#worker, entry.ino, entry.writers);
    if (copy === undefined || copy.size > mergeBytesMax) return undefined;
    return this.#read(copy.digest);
  }

  /**
   * A blob's bytes. Undefined when it is gone, since another file with the same bytes has taken it for its own: the
   * store finds that out in its transaction, and the attempt is resolved anew.
   */
  async #read(blob: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#worker.readBlob(blob);
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async #content(
    remote: RemoteVersion,
    look: Look,
  ): Promise<{ blob: string; size: number } | undefined> {
    if (look.bytes !== undefined) return this.#contents.keep(look.bytes);
    if (!this.#capabilities().raw || !this.#contents.isSmall(remote)) return undefined;
    return this.#contents.fetchRaw(remote.docId, remote);
  }
}
