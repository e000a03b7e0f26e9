/** Fills a store with many names at once, as a first listing of a large container does: stubs in directories. */
import { emptyDigest, rootIno, S_IFDIR, S_IFREG } from "@smfs/core";
import type { Store } from "../store.ts";

/** Files in each directory. */
export const filesPerDirectory = 1000;

/** @returns paths made: directories `d0`, `d1` …, in each files `f0`, `f1` … */
export function growStore(store: Store, inodes: number): void {
  const directories = Math.ceil(inodes / (filesPerDirectory + 1));
  for (let d = 0; d < directories; d += 1) growDirectory(store, `d${d}`);
}

function growDirectory(store: Store, name: string): void {
  const { db, inodes, entries, versions, owner } = store.context;
  db.transaction(() => {
    const dir = inodes.insert({ mode: S_IFDIR | 0o755, ...owner, nlink: 2 });
    const root = inodes.get(rootIno);
    inodes.update(rootIno, { nlink: root.nlink + 1 });
    entries.insert({ ino: dir, parent: rootIno, name, localVer: versions.next() });
    for (let f = 0; f < filesPerDirectory; f += 1) {
      const version = versions.next();
      const mode = S_IFREG | 0o644;
      const ino = inodes.insert({ mode, ...owner, nlink: 1, size: f, bytesVer: version, stub: 1 });
      const fid = entries.insert({ ino, parent: dir, name: `f${f}`, localVer: version });
      entries.update(fid, {
        doc_id: `doc-${ino}`,
        sent: 1,
        base_ver: version,
        base_rev: `r${version}`,
        base_hash: emptyDigest,
        base_path: `/${name}/f${f}`,
      });
    }
  });
}
