export * from "./descriptor-passing.ts";
export * from "./descriptors.ts";
export * from "./leases.ts";
export * from "./mount-calls.ts";
export * from "./poller.ts";
export * from "./ranges.ts";
export * from "./system-error.ts";
export * from "./wake.ts";
