export type { ByteStore, FileWorker, Snapshot, WorkStat, WriterProbe } from "./byte-store.ts";
export { Database, StoreOpenError } from "./database.ts";
export type * from "./port.ts";
export type * from "./sync-model.ts";
