export type { ByteStore, FileWorker, Snapshot, WorkStat, WriterProbe } from "./byte-store.ts";
export { Database, StoreOpenError } from "./database.ts";
export { RealFileWorker } from "./file-worker.ts";
export type { Fate, MemoryImage, SharedMapping, UnsyncedEffect } from "./memory-byte-store.ts";
export { MemoryByteStore } from "./memory-byte-store.ts";
export { MemoryFileWorker } from "./memory-file-worker.ts";
export type * from "./port.ts";
export { RealByteStore } from "./real-byte-store.ts";
export type * from "./sync-model.ts";
