/** A store in memory, and what comes to it from elsewhere: documents with names, bytes and links. */
import type { RemoteVersion, SyncAttrs } from "../sync-model.ts";
import { Transitions } from "../transitions.ts";
import { StoreFixture } from "./store-fixture.ts";

const link = "1".repeat(32);
const attrs = { kind: "file", mode: "644", mtime: "1000000001", link } as const;
export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

export class RemoteFixture {
  readonly f: StoreFixture = new StoreFixture();
  readonly transitions: Transitions = new Transitions(this.f.store.context);
  #rev = 0;

  version(name: string, text: string, changes: Partial<SyncAttrs> = {}): RemoteVersion {
    this.#rev += 1;
    const given: Partial<SyncAttrs> = { ...attrs, ...changes };
    return {
      docId: `doc-${name}`,
      customId: null,
      fid: null,
      path: `/${name}`,
      rev: `other:${this.#rev}`,
      chain: [],
      stampRev: `other:${this.#rev}`,
      srev: this.#rev,
      etag: `"r${this.#rev}"`,
      hash: this.f.bytes.digest(encode(text)),
      size: text.length,
      attrs: given.link === "" ? { kind: "file", mode: "644", mtime: "1000000001" } : given,
      status: "done",
      updatedAt: "",
      settled: true,
      by: "other",
    };
  }

  /** A new document arrives, with its bytes unless told otherwise. */
  arrive(name: string, text: string, changes: Partial<SyncAttrs> = {}, isHere = true): void {
    const remote = this.version(name, text, changes);
    const content = isHere ? this.#blob(text) : undefined;
    const { docId } = remote;
    this.#apply([{ do: "materialise", docId, remote, content, alias: false }]);
  }

  /** Another version of a document arrives; what became of it. */
  change(name: string, text: string, changes: Partial<SyncAttrs> = {}): string {
    const remote = this.version(name, text, changes);
    const { fid, local_ver, base_ver, doc_id } = this.f.entry(`/${name}`);
    const expected = { localVer: local_ver, baseVer: base_ver };
    const [applied] = this.#apply([
      {
        do: "fast-forward",
        docId: doc_id ?? "",
        fid,
        expect: expected,
        remote: { ...remote, docId: doc_id ?? "" },
        content: this.#blob(text),
      },
    ]);
    return applied ?? "";
  }

  #apply(plans: Parameters<Transitions["apply"]>[0]) {
    return this.f.db.transaction(() => this.transitions.apply(plans));
  }

  #blob(text: string) {
    return { blob: this.f.bytes.putBlob(encode(text)), size: text.length };
  }

  /** Inode and link count of names. */
  shape(...names: string[]): (readonly [number, number])[] {
    return names.map((name) => {
      const { ino, nlink } = this.f.inode(`/${name}`);
      return [ino, nlink] as const;
    });
  }

  isClean(name: string): boolean {
    const { local_ver, base_ver } = this.f.entry(`/${name}`);
    return local_ver === base_ver;
  }
}
