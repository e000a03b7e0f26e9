export * from "./api-error.ts";
export * from "./client.ts";
export type * from "./client-schema.ts";
export * from "./fetch-transport.ts";
export * from "./schema-changes.ts";
export * from "./schema-common.ts";
export * from "./schema-documents.ts";
export * from "./transport.ts";
