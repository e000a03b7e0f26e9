export type { HeldDeletions } from "./brake.ts";
export type { Capabilities } from "./capabilities.ts";
export type { ConnectionState, ConnectionView } from "./connection.ts";
export { Engine, type EngineDeps, type EngineOptions, type EngineStatus } from "./engine.ts";
export { judge } from "./judge.ts";
export { feedCursorKey } from "./pull-feed.ts";
export { type Observed, reconcile } from "./reconcile.ts";
export { agreesWith, effective, type Relation, relationOf } from "./relation.ts";
export { resolutionOf } from "./resolver.ts";
