/** What was kept of files: conflict versions and displaced bytes, for `smfs conflicts` and `smfs trash`. */
import type { Answer, FileWorker, Question, StorePort, TrashItem } from "@smfs/store";
import { CliError, exitCodes } from "../cli-error.ts";
import { keptListMax } from "../limits.ts";
import { isoTime } from "../output.ts";
import type { KeptConflict, KeptControl, TrashNote } from "./control-protocol.ts";

export interface KeptDeps {
  readonly port: Pick<StorePort, "conflicts" | "trash" | "trashItem" | "dropTrash">;
  readonly worker: Pick<FileWorker, "streamBlob">;
  /** Asks the server for what it keeps of a document; never rejects. */
  readonly ask: (question: Question) => Promise<Answer>;
}

export class Kept implements KeptControl {
  readonly #deps: KeptDeps;

  constructor(deps: KeptDeps) {
    this.#deps = deps;
  }

  conflicts(): Promise<readonly KeptConflict[]> {
    return this.#deps.port.conflicts(keptListMax);
  }

  async trash(): Promise<readonly TrashNote[]> {
    const items = await this.#deps.port.trash(Number.MAX_SAFE_INTEGER, keptListMax);
    return items.map(({ id, path, why, size, atMs, blob }) => ({
      id,
      path,
      why,
      size,
      at: isoTime(atMs),
      isHere: blob !== null,
    }));
  }

  async trashBytes(id: number): Promise<AsyncIterable<Uint8Array>> {
    const item = await this.#deps.port.trashItem(id);
    if (item === undefined) {
      throw new CliError(
        exitCodes.notFound,
        `there is no ${id} in the trash`,
        "smfs trash lists it",
      );
    }
    if (item.blob !== null) return this.#deps.worker.streamBlob(item.blob);
    return oneStep(await this.#fromServer(item));
  }

  /** The bytes were never here: the server may keep them, although the document is gone. */
  async #fromServer({ path, docId }: TrashItem): Promise<Uint8Array> {
    const { ask } = this.#deps;
    const kept = docId === null ? undefined : await ask({ kind: "versions", docId });
    const newest = kept?.kind === "versions" ? kept.versions[0] : undefined;
    if (docId !== null && newest !== undefined) {
      const answer = await ask({ kind: "version", docId, rev: newest.rev });
      if (answer.kind === "bytes") return answer.bytes;
    }
    throw new CliError(
      exitCodes.notFound,
      `the bytes of ${path} were never on this machine, and the server does not give them now`,
      `it was document ${docId ?? "without a number"} there`,
    );
  }

  async dropTrash(ids: readonly number[]): Promise<number> {
    const found = await Promise.all(ids.map((id) => this.#deps.port.trashItem(id)));
    const present = ids.filter((_, index) => found[index] !== undefined);
    await this.#deps.port.dropTrash(present);
    return present.length;
  }
}

async function* oneStep(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
