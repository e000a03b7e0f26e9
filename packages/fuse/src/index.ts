export { capabilityNames, withoutCapabilities } from "./capabilities.ts";
export type { LoopCounters, LoopEnd, Wake } from "./device.ts";
export { Dispatcher, type DispatchOptions } from "./dispatch.ts";
export type { KernelOffer, Terms, Wishes, Without } from "./init.ts";
export { negotiate } from "./init.ts";
export {
  isStale,
  type Mounted,
  type MountOptions,
  mountFuse,
  mountType,
  unmountFuse,
} from "./mount.ts";
export { MountError } from "./mount-error.ts";
export { listMounts, type MountEntry } from "./mount-table.ts";
export { Notifier, type NotifierOptions } from "./notifier.ts";
export { stackDepthOf } from "./passthrough.ts";
export { FuseSession, type SessionOptions } from "./session.ts";
export type { Trace } from "./trace.ts";
