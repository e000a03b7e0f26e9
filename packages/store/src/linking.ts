/**
 * Names that are one file on other devices become one here (docs/spec/sync.md, LINK-n). Looked at whenever an entry has
 * become clean, by whatever transition: so it does not matter which of the names arrives first, or was held up.
 */
import type { StoreContext } from "./context.ts";
import { type EntryRow, isFid } from "./entries.ts";
import { type LinkedInode, unionOf } from "./link-rules.ts";
import type { Take } from "./take.ts";
import { toNanoseconds, type Views } from "./view.ts";
import { bytesOf } from "./waits.ts";

/**
 * Names of one link that are looked at for one of them, whose inodes are mostly one: a file may have thousands of names, and
 * each of them is looked for in turn.
 */
const candidatesMax = 8;

/** An entry at rest of a regular file, whose document names others. */
const isLinked = `state = 'live' AND local_only = 0 AND diverged = 0 AND local_ver = base_ver
  AND base_attrs ->> '$.link' IS NOT NULL AND base_hash IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM op WHERE op.fid = entry.fid)`;

/** What an entry at rest says of the file that it is a name of. */
interface Linked {
  readonly link: string;
  readonly hash: string;
  readonly mtime: string | null;
  readonly ino: number;
}

export class Linking {
  readonly #context: StoreContext;
  readonly #views: Views;
  readonly #take: Take;
  readonly #self;
  readonly #others;
  readonly #hasXattr;

  constructor(context: StoreContext, views: Views, take: Take) {
    this.#context = context;
    this.#views = views;
    this.#take = take;
    const { sql } = context.db;
    this.#self = sql.prepare<[string], Linked>(
      `SELECT base_attrs ->> '$.link' AS link, base_hash AS hash, base_attrs ->> '$.mtime' AS mtime, ino
       FROM entry WHERE fid = ? AND ${isLinked}`,
    );
    this.#others = sql
      .prepare<[Linked], number>(
        `SELECT ino FROM entry WHERE base_attrs ->> '$.link' = @link AND base_hash = @hash
           AND base_attrs ->> '$.mtime' IS @mtime AND ino <> @ino AND ${isLinked} LIMIT ${candidatesMax}`,
      )
      .pluck();
    this.#hasXattr = sql
      .prepare<[number], number>("SELECT 1 FROM xattr WHERE ino = ? LIMIT 1")
      .pluck();
  }

  /** Within a transaction: an entry may have become clean. */
  relink(fid: string): void {
    const self = this.#self.get(fid);
    if (self === undefined || !isFid(self.link)) return;
    const mine = this.#inode(self.ino, self.hash);
    for (const ino of new Set(this.#others.all(self))) {
      const union = unionOf(mine, this.#inode(ino, self.hash));
      if (union === undefined) continue;
      const going = this.#going(union.from, self.link);
      if (going === undefined) continue;
      this.#unite(going, union.from.ino, union.to.ino);
      return;
    }
  }

  #inode(ino: number, hash: string): LinkedInode {
    const { mode, mtime_s, mtime_ns, nlink, stub, writers } = this.#context.inodes.get(ino);
    const mtime = toNanoseconds(mtime_s, mtime_ns);
    return { ino, hash, mode, mtime, nlink, isStub: stub === 1, isWritten: writers === 1 };
  }

  /**
   * The names of an inode that is to go, if it can: nothing is at stake for any of them, and the inode has nothing of its
   * own that does not travel.
   */
  #going({ ino, hash }: LinkedInode, link: string): EntryRow[] | undefined {
    const { entries, inodes, owner } = this.#context;
    const { uid, gid } = inodes.get(ino);
    const isOwn = uid !== owner.uid || gid !== owner.gid || this.#hasXattr.get(ino) !== undefined;
    if (isOwn) return undefined;
    const names = entries.ofInode(ino).filter(({ state }) => state === "live");
    const isAtRest = names.every(
      (entry) =>
        this.#self.get(entry.fid)?.link === link &&
        entry.base_hash === hash &&
        !this.#views.isMovedAbove(entry),
    );
    return isAtRest ? names : undefined;
  }

  /** The names of `from` go on with `to`. Who has the old inode open goes on reading it. */
  #unite(names: readonly EntryRow[], from: number, to: number): void {
    const { entries, inodes, versions, waits, db } = this.#context;
    // Above the version of the bytes that they now have, and clean as they were.
    const version = versions.next();
    for (const entry of names) {
      inodes.update(to, { nlink: inodes.get(to).nlink + 1, ...inodes.touched(true) });
      this.#take.replaceInode(entry, to);
      entries.update(entry.fid, { local_ver: version, base_ver: version });
    }
    this.#context.invalidate({ kind: "inode", ino: to, attributesOnly: true });
    // Who waits for the bytes of the old one finds the other by its name.
    db.afterCommit(() => waits.settle(bytesOf(from), "ESTALE"));
  }
}
