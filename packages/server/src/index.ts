export * from "./api-keys.ts";
export * from "./backup.ts";
export type { Calibration, Embedder, ModelSource } from "./embed/embedder.ts";
export { type HttpModelOptions, httpModel } from "./embed/http-embedder.ts";
export type { ServerLimits } from "./limits.ts";
export type { Listening, TlsOptions } from "./listen.ts";
export type { SearchStatus } from "./search/search-service.ts";
export * from "./server.ts";
export { DataLockedError } from "./storage/sqlite/data-lock.ts";
