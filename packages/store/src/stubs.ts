/** Inodes whose bytes are not here: what they stand for, and their filling (docs/spec/sync.md, HYDRATE-n). */
import { type ErrnoName, isRegular } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { Fills } from "./fills.ts";
import type { Settled, StubView } from "./port.ts";
import { bytesOf } from "./waits.ts";

interface StubRow {
  ino: number;
  fid: string;
  doc_id: string;
  base_hash: string;
  size: number;
  base_srev: number | null;
}

const columns = "inode.ino, fid, doc_id, base_hash, inode.size, base_srev";

export class Stubs {
  readonly #context: StoreContext;
  readonly #fills: Fills;
  readonly #one;
  readonly #page;

  constructor(context: StoreContext, fills: Fills) {
    this.#context = context;
    this.#fills = fills;
    const from =
      "FROM inode JOIN entry ON entry.ino = inode.ino WHERE stub = 1 AND doc_id IS NOT NULL AND base_hash IS NOT NULL";
    this.#one = context.db.sql.prepare<[number], StubRow>(
      // A deleted entry may stand for bytes that the inode had before.
      `SELECT ${columns} ${from} AND inode.ino = ? ORDER BY state = 'live' DESC LIMIT 1`,
    );
    this.#page = context.db.sql.prepare<[number, number, number], StubRow>(
      `SELECT ${columns} ${from} AND inode.ino > ? AND size <= ? AND state = 'live' ORDER BY inode.ino LIMIT ? + 0`,
    );
  }

  find(ino: number): StubView | null {
    const row = this.#one.get(ino);
    return row === undefined ? null : toView(row);
  }

  page(afterIno: number, bytesMax: number, countMax: number): StubView[] {
    return this.#page.all(afterIno, bytesMax, countMax).map(toView);
  }

  /** Still a stub, and the bytes are those it stands for: it is filled. Path and attributes do not matter. */
  hydrated(ino: number, blob: string): Settled {
    const inode = this.#context.inodes.find(ino);
    if (inode === undefined || inode.stub === 0 || !isRegular(inode.mode)) return "stale";
    if (this.find(ino)?.hash !== blob || !this.#context.bytes.hasBlob(blob)) return "stale";
    this.#fills.start(ino, blob);
    this.#context.invalidate({ kind: "inode", ino });
    // A large fill is finished by the first who needs it: they wait no longer for the network.
    this.#context.db.afterCommit(() => this.#context.waits.settle(bytesOf(ino), "ready"));
    return "done";
  }

  failed(ino: number, code: ErrnoName): void {
    this.#context.waits.settle(bytesOf(ino), code);
  }
}

function toView(row: StubRow): StubView {
  return {
    ino: row.ino,
    fid: row.fid,
    docId: row.doc_id,
    hash: row.base_hash,
    size: row.size,
    srev: row.base_srev,
  };
}
