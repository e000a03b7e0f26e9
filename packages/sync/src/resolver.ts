/** PUSH-8: both sides moved. Gathers what the three sides are, decides, and has the store carry it out. */
import type { OpView, RemoteVersion, Resolution, ResolveView, StorePort } from "@smfs/store";
import type { Capabilities } from "./capabilities.ts";
import type { Contents } from "./content.ts";
import type { Look } from "./look.ts";

/** How bytes are brought together. Pure: the digests of the three sides decide. */
export function resolutionOf(view: ResolveView, remote: RemoteVersion): Resolution["kind"] {
  const { op, entry, localHash } = view;
  if (entry.state === "deleted") return "remote";
  const isRemoteChanged = op.base === null || remote.hash !== op.base.hash;
  if (!isRemoteChanged) return "local";
  const isLocalChanged = op.base === null || entry.bytesVer > entry.baseVer;
  if (!isLocalChanged) return "remote";
  // Equal bytes are no conflict. What was written after the snapshot stays dirty by its version.
  if (remote.hash === (localHash ?? op.hash) || remote.hash === op.hash) return "local";
  return "split";
}

export class Resolver {
  readonly #port: StorePort;
  readonly #contents: Contents;
  readonly #capabilities: () => Capabilities;

  constructor(port: StorePort, contents: Contents, capabilities: () => Capabilities) {
    this.#port = port;
    this.#contents = contents;
    this.#capabilities = capabilities;
  }

  /** Resolves an attempt against R. If the entry moves meanwhile nothing is done: the attempt is looked at again. */
  async resolve(op: OpView, remote: RemoteVersion, look: Look): Promise<void> {
    const view = await this.#port.resolveView(op.fid, op.opId);
    if (view === null) return;
    const kind = resolutionOf(view, remote);
    const content = kind === "local" ? undefined : await this.#content(remote, look);
    const how: Resolution = kind === "merged" ? { kind: "split" } : { kind };
    const settled = await this.#port.resolve(
      op.fid,
      op.opId,
      view.entry.localVer,
      remote,
      how,
      content,
    );
    if (settled === "stale") await this.#port.giveBack(op.fid);
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
