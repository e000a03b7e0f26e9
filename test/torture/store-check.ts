/** Opens a copy of a store that a killed daemon has left, as the next daemon would, and checks all its invariants. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import { type Breach, check, RealByteStore, Store } from "@smfs/store";

/** @param scratch a directory for the copy; it is removed again */
export function checkCopy(storeDir: string, scratch: string): readonly Breach[] {
  const copy = join(scratch, "store-copy");
  rmSync(copy, { recursive: true, force: true });
  cpSync(storeDir, copy, { recursive: true, preserveTimestamps: true });
  const store = Store.open({
    database: join(copy, "store.db"),
    bytes: new RealByteStore(copy),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    owner: { uid: 0, gid: 0 },
    emit: () => undefined,
  });
  try {
    return check(store.context, { deep: true });
  } finally {
    store.close();
    rmSync(copy, { recursive: true, force: true });
  }
}
